//! The table without sockets: brokers come, change and go.

use super::*;
use protocol::route::TopicRoute;
use tokio::sync::mpsc;

/// A connection; the receiver only keeps it whole.
fn link() -> (Arc<Peer>, mpsc::Receiver<protocol::Command>) {
    let local = "127.0.0.1:1".parse().unwrap();
    let (peer, requests) = Peer::new(local, local);
    (Arc::new(peer), requests)
}

fn broker(name: &str, id: i64, addr: &str, version: i64, topics: &[(&str, i32)]) -> Registration {
    Registration {
        cluster: "C".into(),
        name: name.into(),
        id,
        addr: addr.into(),
        ha_addr: format!("{addr}1"),
        version: DataVersion { counter: version, timestamp: 0 },
        topics: topics.iter().map(|(topic, queues)| TopicConfig::new(topic, *queues, 6)).collect(),
    }
}

struct World {
    routes: Routes,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self { routes: Routes::default(), now: Instant::now() }
    }

    fn register(&mut self, registration: Registration, link: &Arc<Peer>) -> RegisterAnswer {
        self.routes.register(registration, link, self.now).unwrap()
    }

    fn route(&mut self, topic: &str) -> Option<TopicRoute> {
        Some(serde_json::from_slice(&self.routes.route_body(topic)?).unwrap())
    }

    /// `broker:queues` of a topic.
    fn holders(&mut self, topic: &str) -> Vec<String> {
        let queues = self.route(topic).unwrap_or_default().queue_datas;
        queues.iter().map(|queues| format!("{}:{}", queues.broker_name, queues.write_queue_nums)).collect()
    }

    /// `id=addr` of a broker name.
    fn addrs(&self, name: &str) -> Vec<String> {
        let members = self.routes.brokers.get(name).map(|group| &group.members);
        members.into_iter().flatten().map(|(id, member)| format!("{id}={}", member.addr)).collect()
    }

    fn check_count(&self) {
        assert_eq!(self.routes.holdings, self.routes.topics.values().map(BTreeMap::len).sum::<usize>());
        assert!(self.routes.topics.values().all(|on| !on.is_empty()));
    }
}

#[test]
fn topics_are_taken_over_when_the_version_changed_and_stay_when_no_longer_named() {
    let (mut world, (link, _keep)) = (World::new(), link());
    world.register(broker("a", 0, "h:1", 1, &[("T", 4), ("U", 1)]), &link);
    assert_eq!(world.holders("T"), ["a:4"]);
    world.register(broker("a", 0, "h:1", 1, &[("T", 8)]), &link);
    assert_eq!(world.holders("T"), ["a:4"], "the same version says that nothing changed");
    world.register(broker("a", 0, "h:1", 2, &[("T", 8)]), &link);
    assert_eq!((world.holders("T"), world.holders("U")), (vec!["a:8".to_owned()], vec!["a:1".to_owned()]));
    world.check_count();
}

#[test]
fn a_slave_brings_no_topics_and_learns_where_its_master_is() {
    let (mut world, (link, _keep)) = (World::new(), link());
    let alone = world.register(broker("a", 1, "h:2", 1, &[("T", 4)]), &link);
    assert_eq!((alone.master_addr, alone.ha_server_addr), (None, None));
    assert_eq!(world.route("T"), None);
    world.register(broker("a", 0, "h:1", 1, &[("T", 4)]), &link);
    assert_eq!(world.route("T").unwrap().broker_datas[0].broker_addrs.len(), 2);
    let answer = world.register(broker("a", 1, "h:2", 1, &[("T", 9)]), &link);
    assert_eq!((answer.master_addr.as_deref(), answer.ha_server_addr.as_deref()), (Some("h:1"), Some("h:11")));
    assert_eq!(world.holders("T"), ["a:4"]);
}

#[test]
fn a_master_that_comes_back_elsewhere_replaces_its_old_address() {
    let (mut world, (old, _keep), (new, _keep_too)) = (World::new(), link(), link());
    world.register(broker("a", 0, "h:1", 1, &[("T", 4)]), &old);
    assert_eq!(world.route("T").unwrap().broker_datas[0].master(), Some("h:1"));
    world.register(broker("a", 0, "h:9", 1, &[("T", 5)]), &new);
    assert_eq!(world.addrs("a"), ["0=h:9"]);
    assert_eq!(world.route("T").unwrap().broker_datas[0].master(), Some("h:9"));
    assert_eq!(world.holders("T"), ["a:5"], "another address is another table, whatever its version");
    world.routes.disconnected(&old);
    assert!(!world.routes.unregister("a", 0, "h:1"), "the old address has no say any more");
    assert_eq!(world.addrs("a"), ["0=h:9"]);
    assert!(world.routes.unregister("a", 0, "h:9"));
    assert_eq!((world.addrs("a").len(), world.route("T")), (0, None));
    world.check_count();
}

#[test]
fn a_slave_that_becomes_master_gives_up_its_old_id() {
    let (mut world, (link, _keep)) = (World::new(), link());
    world.register(broker("a", 0, "h:1", 1, &[("T", 4)]), &link);
    world.register(broker("a", 1, "h:2", 1, &[]), &link);
    assert_eq!(world.route("T").unwrap().broker_datas[0].broker_addrs.len(), 2);
    world.register(broker("a", 0, "h:2", 1, &[("T", 4)]), &link);
    assert_eq!(world.addrs("a"), ["0=h:2"]);
    assert_eq!(world.route("T").unwrap().broker_datas[0].broker_addrs.len(), 1);
}

#[test]
fn all_brokers_of_a_connection_go_with_it_and_the_queues_of_a_name_with_its_last_broker() {
    let (mut world, (first, _keep), (second, _keep_too)) = (World::new(), link(), link());
    world.register(broker("a", 0, "h:1", 1, &[("T", 4), ("U", 4)]), &first);
    world.register(broker("b", 0, "h:2", 1, &[("T", 2)]), &first);
    world.register(broker("a", 1, "h:3", 1, &[]), &second);
    assert_eq!(world.holders("T"), ["a:4", "b:2"]);
    world.routes.disconnected(&first);
    assert_eq!(world.holders("T"), ["a:4"], "a slave can still be read from");
    assert_eq!(world.addrs("a"), ["1=h:3"]);
    world.routes.disconnected(&second);
    assert_eq!((world.route("T"), world.route("U"), world.routes.topics.len()), (None, None, 0));
    world.check_count();
}

#[test]
fn a_broker_on_a_new_connection_is_not_removed_by_the_end_of_the_old_one() {
    let (mut world, (old, _keep), (new, _keep_too)) = (World::new(), link(), link());
    world.register(broker("a", 0, "h:1", 1, &[]), &old);
    world.register(broker("a", 0, "h:1", 1, &[]), &new);
    world.routes.disconnected(&old);
    assert_eq!(world.addrs("a"), ["0=h:1"]);
}

#[test]
fn silence_is_broken_by_a_registration_or_a_question_about_the_version() {
    let (mut world, (link, _keep), (other, _keep_too)) = (World::new(), link(), link());
    for name in ["silent", "registers", "asks", "shares"] {
        world.register(broker(name, 0, "h:1", 1, &[]), if name == "shares" { &other } else { &link });
    }
    let silent_too = broker("silent-beside", 0, "h:1", 1, &[]);
    world.register(silent_too, &other);
    world.now += SILENT_AFTER;
    assert!(world.routes.drop_silent(world.now).is_empty());
    assert_eq!(world.routes.brokers.len(), 5, "120 s are not yet too long");
    for name in ["registers", "shares"] {
        world.register(broker(name, 0, "h:1", 1, &[]), if name == "shares" { &other } else { &link });
    }
    world.routes.heard("asks", 0, world.now);
    world.now += Duration::from_millis(1);
    assert!(world.routes.drop_silent(world.now).is_empty(), "another broker still uses the connection");
    let left: Vec<_> = world.routes.brokers.keys().map(|name| name.to_string()).collect();
    assert_eq!(left, ["asks", "registers", "shares"]);
    world.now += SILENT_AFTER;
    let mut closed: Vec<_> = world.routes.drop_silent(world.now).iter().map(|link| link.id()).collect();
    closed.dedup();
    assert_eq!(closed, [link.id(), other.id()]);
}

#[test]
fn a_version_is_known_only_of_the_same_broker() {
    let (mut world, (link, _keep)) = (World::new(), link());
    world.register(broker("a", 0, "h:1", 7, &[]), &link);
    assert_eq!(world.routes.version("a", 0, "h:1").unwrap().counter, 7);
    for (name, id, addr) in [("b", 0, "h:1"), ("a", 1, "h:1"), ("a", 0, "h:2")] {
        assert!(world.routes.version(name, id, addr).is_none());
    }
}

#[test]
fn write_permission_is_wiped_and_given_back_and_a_new_version_overrules_it() {
    let (mut world, (link, _keep)) = (World::new(), link());
    let mut with_template = broker("a", 0, "h:1", 1, &[("T", 4)]);
    with_template.topics.push(TopicConfig::new("TBW102", 8, 7));
    world.register(with_template, &link);
    world.register(broker("b", 0, "h:2", 1, &[("T", 4)]), &link);
    let perms = |world: &mut World, topic: &str| -> Vec<i32> {
        world.route(topic).unwrap().queue_datas.iter().map(|queues| queues.perm).collect()
    };
    assert_eq!((perms(&mut world, "T"), perms(&mut world, "TBW102")), (vec![6, 6], vec![7]));
    assert_eq!(world.routes.set_writable("a", false), 2);
    assert_eq!((perms(&mut world, "T"), perms(&mut world, "TBW102")), (vec![4, 6], vec![5]));
    world.register(broker("a", 0, "h:1", 1, &[("T", 4)]), &link);
    assert_eq!(perms(&mut world, "T"), [4, 6], "a mere heartbeat does not give it back");
    assert_eq!(world.routes.set_writable("a", true), 2);
    assert_eq!((perms(&mut world, "T"), perms(&mut world, "TBW102")), (vec![6, 6], vec![7]));
    world.routes.set_writable("a", false);
    world.register(broker("a", 0, "h:1", 2, &[("T", 4)]), &link);
    assert_eq!(perms(&mut world, "T"), [6, 6]);
    assert_eq!(world.routes.set_writable("nobody", false), 0);
}

#[test]
fn a_topic_is_deleted_everywhere_or_in_one_cluster() {
    let (mut world, (link, _keep)) = (World::new(), link());
    world.register(broker("a", 0, "h:1", 1, &[("T", 4), ("U", 4)]), &link);
    world.register(Registration { cluster: "D".into(), ..broker("b", 0, "h:2", 1, &[("T", 2), ("U", 2)]) }, &link);
    assert_eq!(world.holders("T").len(), 2);
    world.routes.delete_topic("T", Some("nowhere"));
    assert_eq!(world.holders("T").len(), 2);
    world.routes.delete_topic("T", Some("D"));
    assert_eq!(world.holders("T"), ["a:4"]);
    world.routes.delete_topic("T", Some("C"));
    assert_eq!(world.route("T"), None);
    world.routes.delete_topic("U", None);
    world.routes.delete_topic("unknown", None);
    assert!(world.routes.topics.is_empty());
    world.check_count();
}

#[test]
fn the_master_or_a_lonely_broker_says_which_cluster_a_name_is_in() {
    let (mut world, (link, _keep)) = (World::new(), link());
    let in_cluster = |id, cluster: &str| Registration {
        cluster: cluster.into(),
        ..broker("a", id, &format!("h:{}", id + 1), 1, &[])
    };
    let cluster = |world: &World| world.routes.brokers["a"].cluster.clone();
    world.register(in_cluster(1, "first"), &link);
    world.register(in_cluster(1, "second"), &link);
    assert_eq!(cluster(&world), "second");
    world.register(in_cluster(0, "master's"), &link);
    assert_eq!(cluster(&world), "master's");
    world.register(in_cluster(1, "slave's"), &link);
    assert_eq!(cluster(&world), "master's");
}

#[test]
fn a_full_table_refuses_what_is_new_and_keeps_serving_what_it_has() {
    let (mut world, (link, _keep)) = (World::new(), link());
    for number in 0..MAX_NAMES {
        world.register(broker(&format!("b{number}"), 0, "h:1", 1, &[]), &link);
    }
    world.register(broker("b7", 0, "h:1", 2, &[("T", 1)]), &link);
    let refused = world.routes.register(broker("one-more", 0, "h:1", 1, &[]), &link, world.now).unwrap_err();
    assert!(refused.to_string().contains("full: it holds 10000 broker names"), "{refused}");
    for id in 1..MAX_MEMBERS as i64 {
        world.register(broker("b7", id, &format!("h:{}", id + 1), 1, &[]), &link);
    }
    let refused = world.routes.register(broker("b7", -1, "h:999", 1, &[]), &link, world.now).unwrap_err();
    assert!(refused.to_string().contains("full: it holds 100 brokers of that name"), "{refused}");
    world.routes.holdings = MAX_HOLDINGS;
    let more = broker("b8", 0, "h:1", 2, &[("T", 1)]);
    assert!(matches!(world.routes.register(more, &link, world.now), Err(Refused::Full { what: "topics", .. })));
    world.register(broker("b7", 0, "h:1", 3, &[("T", 2)]), &link);
    assert_eq!(world.holders("T"), ["b7:2"]);
}

#[test]
fn a_body_that_is_kept_is_the_one_that_would_be_built() {
    let (mut world, (link, _keep)) = (World::new(), link());
    world.register(broker("a", 0, "h:1", 1, &[("T", 4)]), &link);
    let first = world.routes.route_body("T").unwrap();
    assert_eq!(world.routes.route_body("T").unwrap().as_ptr(), first.as_ptr(), "kept");
    world.register(broker("a", 0, "h:1", 1, &[("T", 4)]), &link);
    assert_eq!(world.routes.route_body("T").unwrap().as_ptr(), first.as_ptr(), "a heartbeat changes nothing");
    world.register(broker("a", 1, "h:2", 1, &[]), &link);
    assert_eq!(world.route("T").unwrap().broker_datas[0].broker_addrs.len(), 2);
}

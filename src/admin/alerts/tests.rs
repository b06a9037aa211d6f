//! Each rule: when it speaks, when it does not, and when it says that it cannot tell.

use super::*;
use crate::{
    rates,
    snapshot::{BrokerInfo, BrokerView, GroupView, Known, Progress, Unknown},
};
use Level::{Critical, Unknown as Untold, Warning};
use protocol::{consume_stats::QueueProgress, lock::QueueName};

fn broker(name: &str, id: i64) -> BrokerRef {
    BrokerRef { cluster: "C".into(), name: name.into(), id, addr: format!("{name}:{id}") }
}

/// A broker that tells all and has no trouble, but for `more`.
fn told(more: &[(&str, &str)]) -> Known<BrokerInfo> {
    let fine = [
        ("brokerVersionDesc", "V4_9_8"),
        ("commitLogDiskRatio", "0.1"),
        ("sendThreadPoolQueueHeadWaitTimeMills", "0"),
        ("remainHowManyDataToFlush", "0 B"),
        ("dispatchBehindBytes", "0"),
        ("commitLogMinOffset", "0"),
        ("commitLogMaxOffset", "1000"),
    ];
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in fine.iter().chain(more) {
        match *value {
            "-" => drop(all.remove(*key)),
            value => drop(all.insert((*key).to_owned(), value.to_owned())),
        }
    }
    Ok(BrokerInfo::of(all))
}

type Told<'a> = (&'a str, i64, Known<BrokerInfo>);

fn picture(at_ms: i64, brokers: Vec<Told>) -> Snapshot {
    let view = |(name, id, info): Told| BrokerView {
        broker: broker(name, id),
        at_ms,
        info,
        groups: Err(Unknown::because("groups were not asked for")),
    };
    Snapshot { asked_ms: at_ms, brokers: brokers.into_iter().map(view).collect(), headless: Vec::new() }
}

/// Level, code and subject of each alert.
fn of(watch: &Watch) -> Vec<(Level, &'static str, String)> {
    watch.alerts().iter().map(|alert| (alert.level, alert.code, alert.about.to_string())).collect()
}

/// After these pictures.
fn after(pictures: Vec<Snapshot>) -> Watch {
    let mut watch = Watch::default();
    pictures.iter().for_each(|picture| watch.see(picture, None));
    watch
}

/// The alerts of one broker that tells `more`, in the second picture of two alike.
fn of_one(more: &[(&str, &str)]) -> Vec<(Level, &'static str, String)> {
    of(&after(vec![picture(0, vec![("a", 0, told(more))]), picture(1000, vec![("a", 0, told(more))])]))
}

fn one(level: Level, code: &'static str, about: &str) -> Vec<(Level, &'static str, String)> {
    vec![(level, code, about.to_owned())]
}

#[test]
fn a_cluster_without_trouble_has_no_alert() {
    assert_eq!(of_one(&[]), []);
}

#[test]
fn a_broker_that_is_silent_or_gone_is_told_of() {
    let silent = Err(Unknown::because("refused"));
    assert_eq!(of(&after(vec![picture(0, vec![("a", 0, silent)])])), one(Critical, "H04", "a:0"));
    let both = vec![("a", 0, told(&[])), ("a", 1, told(&[]))];
    let watch = after(vec![picture(0, both.clone()), picture(1000, both[..1].to_vec())]);
    assert_eq!(of(&watch), one(Warning, "H10", "a:1"), "its slave went away");
    let watch = after(vec![picture(0, both.clone()), picture(1000, both[1..].to_vec())]);
    assert_eq!(of(&watch), one(Critical, "H07", "a"), "its master went away");
    let mut watch = after(vec![picture(0, both.clone()), picture(1000, Vec::new())]);
    assert_eq!(of(&watch), [one(Critical, "H07", "a:0"), one(Warning, "H10", "a:1")].concat());
    watch.see(&picture(2000, both), None);
    assert_eq!(of(&watch), [], "they are back");
}

#[test]
fn an_alert_says_since_when_and_begins_anew_when_it_comes_again() {
    let silent = |at| picture(at, vec![("a", 0, Err(Unknown::because("refused")))]);
    let mut watch = after(vec![silent(1000), silent(2000), silent(3000)]);
    assert_eq!((watch.alerts()[0].since_ms, watch.alerts()[0].seen_ms), (1000, 3000));
    watch.see(&picture(4000, vec![("a", 0, told(&[]))]), None);
    watch.see(&silent(5000), None);
    assert_eq!(watch.alerts()[0].since_ms, 5000);
}

#[test]
fn brokers_that_are_one_are_told_of() {
    let mut same = picture(0, vec![("a", 0, told(&[])), ("b", 0, told(&[]))]);
    same.brokers[1].broker.addr = "a:0".into();
    assert_eq!(of(&after(vec![same])), one(Critical, "H07", "a:0"));
}

#[test]
fn a_busy_broker_is_told_of_and_one_that_does_not_tell_too() {
    let wait = "sendThreadPoolQueueHeadWaitTimeMills";
    for (key, value, expected) in [
        (wait, "200", vec![]),
        (wait, "201", one(Warning, "H08", "a:0")),
        (wait, "-", one(Untold, "H08", "a:0")),
        ("pageCacheLockTimeMills", "1000", vec![]),
        ("pageCacheLockTimeMills", "1001", one(Critical, "H08", "a:0")),
        ("putLatency99", "200", vec![]),
        ("putLatency99", "201", one(Warning, "H08", "a:0")),
    ] {
        assert_eq!(of_one(&[(key, value)]), expected, "{key} {value}");
    }
}

#[test]
fn a_disk_is_told_of_before_it_is_full_and_with_when_it_will_be() {
    let disk = "commitLogDiskRatio";
    for (value, expected) in [
        ("0.74", vec![]),
        ("0.75", one(Warning, "H09", "a:0")),
        ("0.9", one(Critical, "H09", "a:0")),
        ("-1.0", one(Untold, "H09", "a:0")),
    ] {
        assert_eq!(of_one(&[(disk, value)]), expected, "{value}");
    }
    assert_eq!(of_one(&[("refusingWrites", "the disk failed")]), one(Critical, "H09", "a:0"));
    let filled = |at_ms, share| picture(at_ms, vec![("a", 0, told(&[(disk, share)]))]);
    let watch = after(vec![filled(0, "0.5"), filled(30_000, "0.51"), filled(60_000, "0.52")]);
    assert!(watch.alerts()[0].evidence.contains("at 90 % in 19 min"), "{:?}", watch.alerts());
    let watch = after(vec![filled(0, "0.5"), filled(30_000, "0.51")]);
    assert_eq!(of(&watch), [], "half a minute tells nothing");
    let watch = after(vec![filled(0, "0.5"), filled(30_000, "0.4"), filled(90_000, "0.4")]);
    assert_eq!(of(&watch), [], "it was emptied");
}

#[test]
fn a_slave_that_does_not_come_after_is_told_of() {
    let mib = |mib: i64| (mib << 20).to_string();
    let at = |master: i64, slave: i64, more: &[(&str, &str)]| {
        let (master, slave) = (mib(master), mib(slave));
        let slave = [&[("commitLogMaxOffset", slave.as_str())], more].concat();
        vec![("a", 0, told(&[("commitLogMaxOffset", &master)])), ("a", 1, told(&slave))]
    };
    let then = |first, second| of(&after(vec![picture(0, first), picture(1000, second)]));
    assert_eq!(then(at(100, 100, &[]), at(200, 120, &[])), [], "once it lacked much, and before it did not");
    assert_eq!(then(at(100, 120, &[]), at(200, 200, &[])), [], "it answered later than its master");
    assert_eq!(then(at(100, 80, &[]), at(200, 180, &[])), one(Warning, "H10", "a:1"));
    assert_eq!(then(at(400, 80, &[]), at(400, 380, &[])), one(Critical, "H10", "a:1"));
    let refused = [("haState", "REFUSED"), ("haRefusal", "the logs part at 7")];
    assert_eq!(then(at(100, 100, &refused), at(100, 100, &refused)), one(Critical, "H10", "a:1"));
    let untold = [("commitLogMaxOffset", "-")];
    assert_eq!(then(at(100, 100, &untold), at(100, 100, &untold)), one(Untold, "H10", "a:1"));
}

#[test]
fn bytes_that_wait_for_the_disk_or_their_queues_are_told_of_the_second_time() {
    for (key, value, expected) in [
        ("remainHowManyDataToFlush", "200 MiB", vec![]),
        ("remainHowManyDataToFlush", "300 MiB", one(Warning, "H11", "a:0")),
        ("remainHowManyDataToFlush", "much", one(Untold, "H11", "a:0")),
        ("dispatchBehindBytes", "16777216", vec![]),
        ("dispatchBehindBytes", "16777217", one(Warning, "H11", "a:0")),
        ("dispatchBehindBytes", "-", one(Untold, "H11", "a:0")),
        ("commitLogUnflushedMillis", "10000", vec![]),
        ("commitLogUnflushedMillis", "10001", one(Warning, "H11", "a:0")),
    ] {
        assert_eq!(of_one(&[(key, value)]), expected, "{key} {value}");
    }
    let much = told(&[("dispatchBehindBytes", "99999999")]);
    assert_eq!(of(&after(vec![picture(0, vec![("a", 0, much)])])), [], "once is nothing");
}

#[test]
fn damage_and_several_versions_are_told_of() {
    assert_eq!(of_one(&[("damagedRecords", "2")]), one(Warning, "H22", "a:0"));
    assert_eq!(of_one(&[("damagedRecords", "0")]), []);
    let two = vec![("a", 0, told(&[])), ("b", 0, told(&[("brokerVersionDesc", "V5_3_3")]))];
    assert_eq!(of(&after(vec![picture(0, two)])), one(Warning, "H28", "cluster"));
}

/// A picture with where groups are: group, topic, end, consumed.
fn groups(at_ms: i64, at: &[(&str, &str, i64, i64)]) -> Snapshot {
    let mut picture = picture(at_ms, vec![("a", 0, told(&[]))]);
    let mut groups: BTreeMap<String, GroupView> = BTreeMap::new();
    for (group, topic, end, consumed) in at {
        let progress =
            Progress { queues: 1, end: *end, consumed: *consumed, lag: end - consumed, oldest_consumed_ms: None };
        groups.entry((*group).to_owned()).or_default().topics.insert((*topic).to_owned(), progress);
    }
    picture.brokers[0].groups = Ok(groups);
    picture
}

fn after_groups(pictures: &[Snapshot]) -> Watch {
    let mut watch = Watch::default();
    for (at, picture) in pictures.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| pictures.get(at));
        let rates = before.map(|before| rates::between(before, picture).groups).unwrap_or_default();
        watch.see(picture, Some(&rates));
    }
    watch
}

/// A picture a second: group `G` in `T`, end and consumed.
fn course(at: &[(i64, i64)]) -> Vec<(Level, &'static str, String)> {
    let pictures: Vec<_> =
        (0..).zip(at).map(|(second, (end, consumed))| groups(second * 1000, &[("G", "T", *end, *consumed)])).collect();
    of(&after_groups(&pictures))
}

#[test]
fn a_group_that_stands_still_while_messages_come_is_stuck_at_the_third_look() {
    let stuck = one(Warning, "H15", "G in T at a");
    assert_eq!(course(&[(10, 5), (11, 5), (12, 5)]), stuck);
    assert_eq!(course(&[(10, 5), (11, 5)]), [], "two looks are too few");
    assert_eq!(course(&[(10, 5), (10, 5), (10, 5), (10, 5)]), [], "nothing came");
    assert_eq!(course(&[(10, 5), (11, 5), (12, 6)]), [], "it goes on");
    assert_eq!(course(&[(10, 5), (11, 5), (12, 5), (13, 13)]), [], "it has caught up");
    assert_eq!(course(&[(10, 5), (11, 5), (3, 2), (4, 2)]), [], "the queue began anew");
    // A broker that does not tell for once does not make it be forgotten.
    let mut silent = groups(2000, &[]);
    silent.brokers[0].groups = Err(Unknown::because("no answer"));
    let at = |second: i64, end| groups(second * 1000, &[("G", "T", end, 5)]);
    assert_eq!(of(&after_groups(&[at(0, 10), at(1, 11), silent, at(3, 12)])), stuck);
}

#[test]
fn a_group_that_falls_behind_and_is_not_stuck_is_told_of() {
    assert_eq!(course(&[(5000, 1000), (5200, 1100)]), one(Warning, "H16", "G"));
    assert_eq!(course(&[(5000, 1000), (5100, 1300)]), [], "it catches up");
    assert_eq!(course(&[(5000, 4500), (5200, 4510)]), [], "it is not far behind");
    assert_eq!(course(&[(5000, 1000), (5000, 1000)]), [], "nothing happens");
}

#[test]
fn messages_that_come_back_are_told_of() {
    let at = |second: i64, end| groups(second * 1000, &[("G", "%RETRY%G", end, end)]);
    assert_eq!(of(&after_groups(&[at(0, 3), at(1, 4)])), one(Warning, "H19", "G"));
    assert_eq!(of(&after_groups(&[at(0, 3), at(1, 4), at(2, 4)])), [], "no more of them");
}

fn member(id: &str, run: Known<MemberRun>) -> MemberEvidence {
    MemberEvidence { id: id.into(), addrs: [("a".into(), format!("{id}:1"))].into(), language: "JAVA".into(), run }
}

fn runs(wants: &[(&str, &str)], holds: &[i32]) -> Known<MemberRun> {
    let wants = wants.iter().map(|(topic, what)| ((*topic).to_owned(), (*what).to_owned())).collect();
    Ok(MemberRun { wants, holds: holds.iter().map(|id| queue(*id)).collect() })
}

fn queue(queue_id: i32) -> QueueName {
    QueueName { broker_name: "a".into(), queue_id, topic: "T".into() }
}

/// Of a group with these members and queues: end, consumed.
fn evidence(at_ms: i64, members: Known<Vec<MemberEvidence>>, queues: &[(i64, i64)]) -> Evidence {
    let progress = |(id, (end, consumed)): (i32, &(i64, i64))| {
        (queue(id), QueueProgress { broker_offset: *end, consumer_offset: *consumed, last_timestamp: 0 })
    };
    let queues = (0..).zip(queues).map(progress).collect();
    let group = GroupEvidence { group: "G".into(), broadcasts: Some(false), members, not_asked: 0, queues };
    Evidence { at_ms, groups: vec![group], ..Evidence::default() }
}

fn heard(evidence: &[Evidence]) -> Watch {
    let mut watch = Watch::default();
    evidence.iter().for_each(|evidence| watch.hear(evidence));
    watch
}

fn of_members(members: Vec<MemberEvidence>) -> Vec<(Level, &'static str, String)> {
    of(&heard(&[evidence(0, Ok(members), &[])]))
}

#[test]
fn members_that_want_different_things_are_told_of_and_the_odd_one_is_named() {
    let tags = runs(&[("T", "tags a")], &[]);
    let all = runs(&[("T", "all")], &[]);
    assert_eq!(of_members(vec![member("x", all.clone()), member("y", all.clone())]), []);
    assert_eq!(of_members(vec![member("x", tags.clone())]), [], "one alone agrees with itself");
    let watch =
        heard(&[evidence(0, Ok(vec![member("x", all.clone()), member("y", all.clone()), member("z", tags)]), &[])]);
    assert_eq!(of(&watch), one(Critical, "H12", "G"));
    assert!(watch.alerts()[0].evidence.ends_with("of T: all (x, y), but tags a (z)"), "{:?}", watch.alerts());
    let other = runs(&[("U", "all")], &[]);
    assert_eq!(of_members(vec![member("x", all.clone()), member("y", other)]), one(Critical, "H12", "G"));
    let silent = Err(Unknown::because("no answer"));
    assert_eq!(of_members(vec![member("x", all), member("y", silent.clone())]), one(Untold, "H12", "G"));
    let watch = heard(&[evidence(0, Err(Unknown::because("refused")), &[])]);
    assert_eq!(of(&watch), one(Untold, "H12", "G"), "who is connected is not known");
}

#[test]
fn one_spelling_is_made_of_expressions() {
    let of = |expression: &str| {
        let wanted = protocol::heartbeat::Subscription::tags("T", expression, 7);
        let info = protocol::ask_client::RunningInfo { subscription_set: vec![wanted], ..Default::default() };
        run_of(&info).wants["T"].clone()
    };
    assert_eq!((of("*"), of("")), ("all".into(), "all".into()));
    assert_eq!(of("a||b"), of(" b || a "));
}

#[test]
fn one_id_for_several_clients_is_told_of() {
    let mut twice = member("x", runs(&[], &[]));
    twice.addrs.insert(("b".into(), "x:2".into()));
    assert_eq!(of_members(vec![twice.clone()]), [], "a client has a connection to each broker");
    twice.addrs.insert(("a".into(), "x:3".into()));
    assert_eq!(of_members(vec![twice]), one(Critical, "H13", "G"));
}

#[test]
fn members_without_a_queue_are_told_of() {
    let all = || runs(&[("T", "all")], &[]);
    let with = |queues: i32, broadcasts| {
        let mut evidence = evidence(0, Ok(vec![member("x", all()), member("y", all()), member("z", all())]), &[]);
        evidence.groups[0].broadcasts = Some(broadcasts);
        evidence.topics = vec![(broker("a", 0), Ok([("T".to_owned(), shape(queues, queues, 6))].into()))];
        of(&heard(&[evidence]))
    };
    assert_eq!(with(2, false), one(Warning, "H14", "G"));
    assert_eq!((with(3, false), with(2, true)), (vec![], vec![]));
}

#[test]
fn a_queue_that_stands_still_is_told_of_with_its_owner() {
    let look = |second: i64, end: i64, run: &Known<MemberRun>| {
        evidence(second * 1000, Ok(vec![member("x", run.clone())]), &[(10, 10), (end, 5)])
    };
    let held = runs(&[("T", "all")], &[0, 1]);
    let mut watch = heard(&[look(0, 10, &held), look(5, 11, &held), look(10, 12, &held)]);
    assert_eq!(of(&watch), one(Critical, "H15", "G in T a/1"));
    assert!(watch.alerts()[0].evidence.ends_with("it is x's (307)"), "{:?}", watch.alerts());
    // The same is not told for all queues of the topic together.
    for second in 0..3 {
        watch.see(&groups(11_000 + second, &[("G", "T", 20 + second, 15)]), Some(&BTreeMap::new()));
    }
    assert_eq!(of(&watch), one(Critical, "H15", "G in T a/1"));
    watch.see(&groups(EVIDENCE_COUNTS_MS + 20_000, &[("G", "T", 30, 15)]), Some(&BTreeMap::new()));
    assert_eq!(of(&watch), one(Warning, "H15", "G in T at a"), "what was seen long ago counts no longer");
    let nobody = runs(&[("T", "all")], &[0]);
    let watch = heard(&[look(0, 10, &nobody), look(5, 11, &nobody), look(10, 12, &nobody)]);
    assert!(watch.alerts()[0].evidence.contains("no member holds it"), "{:?}", watch.alerts());
    let silent = Err(Unknown::because("no answer"));
    let watch = heard(&[look(0, 10, &silent), look(5, 11, &silent), look(10, 12, &silent)]);
    assert!(watch.alerts()[0].evidence.contains("whose it is, is not known: x does not tell"), "{:?}", watch.alerts());
}

#[test]
fn messages_that_are_given_up_are_told_of() {
    let dead =
        |at_ms, count: Known<i64>| Evidence { at_ms, dead: [("G".to_owned(), count)].into(), ..Evidence::default() };
    assert_eq!(of(&heard(&[dead(0, Ok(7)), dead(5000, Ok(7))])), [], "they are old");
    assert_eq!(of(&heard(&[dead(0, Ok(7)), dead(5000, Ok(9))])), one(Critical, "H19", "G"));
    assert_eq!(of(&heard(&[dead(0, Err(Unknown::because("no answer")))])), one(Untold, "H19", "G"));
}

fn shape(read: i32, write: i32, perm: i32) -> TopicShape {
    TopicShape { read, write, perm }
}

#[test]
fn name_servers_that_differ_are_silent_or_alone_are_told_of() {
    let all: BTreeSet<_> = [broker("a", 0), broker("b", 0)].into();
    let one_of: BTreeSet<_> = [broker("a", 0)].into();
    let names =
        |names: Vec<(String, Known<BTreeSet<BrokerRef>>)>| of(&heard(&[Evidence { names, ..Evidence::default() }]));
    assert_eq!(names(vec![("n".into(), Ok(all.clone())), ("m".into(), Ok(all.clone()))]), []);
    assert_eq!(names(vec![("n".into(), Ok(all.clone())), ("m".into(), Ok(one_of))]), one(Critical, "H06", "b:0"));
    assert_eq!(names(vec![("n".into(), Ok(all.clone()))]), one(Warning, "H28", "name server n"));
    let silent = Err(Unknown::because("refused"));
    assert_eq!(names(vec![("n".into(), Ok(all)), ("m".into(), silent)]), one(Critical, "H02", "name server m"));
    let topics = |topics: &[&str]| -> Known<BTreeSet<String>> { Ok(topics.iter().map(|t| (*t).to_owned()).collect()) };
    let topic_names = vec![("n".into(), topics(&["T", "U"])), ("m".into(), topics(&["T"]))];
    let watch = heard(&[Evidence { topic_names, ..Evidence::default() }]);
    assert_eq!(of(&watch), one(Critical, "H06", "name server m"));
}

#[test]
fn masters_that_differ_and_closed_ones_are_told_of() {
    let settings = |of_b: Known<&[(&str, &str)]>| {
        let a: BTreeMap<String, String> = [("fileReservedTime".to_owned(), "72".to_owned())].into();
        let of_b = of_b.map(|all| all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
        let settings = vec![(broker("a", 0), Ok(a)), (broker("b", 0), of_b)];
        let names = ["n", "m"].map(|name| (name.to_owned(), Ok([broker("b", 0)].into()))).into();
        of(&heard(&[Evidence { settings, names, ..Evidence::default() }]))
    };
    assert_eq!(settings(Ok(&[("fileReservedTime", "72"), ("brokerPermission", "6")])), []);
    assert_eq!(settings(Ok(&[("fileReservedTime", "48")])), one(Warning, "H28", "cluster"));
    assert_eq!(settings(Ok(&[("brokerPermission", "4")])), one(Warning, "H28", "b:0"));
    assert_eq!(settings(Err(Unknown::because("refused"))), one(Untold, "H28", "b:0"));
    assert_eq!(settings(Ok(&[("brokerRole", "SYNC_MASTER")])), one(Critical, "H10", "b:0"), "without a slave");
}

#[test]
fn topics_that_differ_lack_queues_to_read_or_are_closed_are_told_of() {
    let topics = |a: TopicShape, b: Known<TopicShape>| {
        let table = |shape: TopicShape| [("T".to_owned(), shape)].into();
        let topics = vec![(broker("a", 0), Ok(table(a))), (broker("b", 0), b.map(table))];
        of(&heard(&[Evidence { topics, ..Evidence::default() }]))
    };
    let open = shape(4, 4, 6);
    assert_eq!(topics(open, Ok(open)), []);
    assert_eq!(topics(open, Ok(shape(8, 8, 6))), one(Warning, "H28", "T"));
    assert_eq!(
        topics(shape(4, 4, 4), Ok(shape(4, 4, 4))),
        [one(Warning, "H28", "T"), one(Warning, "H28", "T")].concat()
    );
    assert_eq!(topics(shape(2, 4, 6), Ok(shape(2, 4, 6)))[0], (Critical, "H14", "T".to_owned()));
    assert_eq!(topics(shape(4, 2, 6), Ok(shape(4, 2, 6))), [], "a queue that is only read runs empty");
    assert_eq!(topics(open, Err(Unknown::because("refused"))), one(Untold, "H14", "b:0"));
    let wiped = heard(&[Evidence { wiped: vec!["a".into()], ..Evidence::default() }]);
    assert_eq!(of(&wiped), one(Warning, "H28", "a"));
}

#[test]
fn what_is_the_same_of_many_is_one_alert() {
    let why = || Unknown::because("no answer");
    let mut silent = evidence(0, Err(why()), &[]);
    let of_group = silent.groups[0].clone();
    silent.groups.extend((0..9).map(|id| GroupEvidence { group: format!("G{id}"), ..of_group.clone() }));
    silent.settings = vec![(broker("a", 0), Err(why())), (broker("b", 0), Err(why()))];
    silent.topics = vec![(broker("a", 0), Err(why()))];
    silent.missing = vec![("a".into(), why())];
    let mut watch = heard(&[silent]);
    let says: Vec<_> = watch.alerts().iter().map(|alert| (alert.code, alert.about.to_string())).collect();
    let of = |code, about: &str| (code, about.to_owned());
    assert_eq!(says, [of("H12", "cluster"), of("H12", "a"), of("H14", "a:0"), of("H28", "cluster")]);
    assert!(watch.alerts()[0].evidence.starts_with("10 groups, G, G0, G1, G2 and 6 more: "), "{:?}", watch.alerts());
    assert!(watch.alerts()[3].evidence.starts_with("2 brokers, a:0, b:0: "), "{:?}", watch.alerts());
    // Once it is known that a broker does not answer, that is all there is to say of it.
    watch.see(&picture(1000, vec![("a", 0, Err(why()))]), None);
    let of_a = watch.alerts().iter().filter(|alert| alert.about.is_of_broker("a", 0)).map(|alert| alert.code);
    assert_eq!(of_a.collect::<Vec<_>>(), ["H04"], "{:?}", watch.alerts());
    // Its slave is another broker.
    let mut told = told(&[]);
    told.iter_mut().for_each(|info| info.to_flush = Err(why()));
    watch.see(&picture(2000, vec![("a", 0, told), ("a", 1, Err(why()))]), None);
    let of_a = watch.alerts().iter().filter(|alert| alert.about.is_of_broker("a", 0)).map(|alert| alert.code);
    assert!(of_a.collect::<Vec<_>>().contains(&"H11"), "{:?}", watch.alerts());
}

#[test]
fn queues_of_a_broker_that_stand_still_are_one_alert() {
    let look = |second: i64| {
        let queues: Vec<_> = (0..6).map(|_| (10 + second, 5)).collect();
        evidence(second * 1000, Ok(Vec::new()), &queues)
    };
    let watch = heard(&[look(0), look(5), look(10)]);
    assert_eq!(of(&watch), one(Critical, "H15", "G in T at a"));
    let says = &watch.alerts()[0].evidence;
    assert!(
        says.starts_with("6 queues stand still: 0, 1, 2, 3 and 2 more; the first of them: consumed to 5"),
        "{says}"
    );
}

#[test]
fn what_a_silent_broker_does_not_tell_now_is_not_said_to_stand_still() {
    let mut pictures: Vec<_> = (0..3).map(|at| groups(at * 5000, &[("G", "T", 20 + at, 15)])).collect();
    assert_eq!(of(&after_groups(&pictures)), one(Warning, "H15", "G in T at a"));
    let mut silent = groups(15_000, &[]);
    silent.brokers.iter_mut().for_each(|view| view.groups = Err(Unknown::because("no answer")));
    pictures.push(silent);
    assert_eq!(of(&after_groups(&pictures)), []);
    pictures.push(groups(20_000, &[("G", "T", 25, 15)]));
    assert_eq!(of(&after_groups(&pictures)), one(Warning, "H15", "G in T at a"), "and it is not forgotten");
}

//! Two brokers of which one does not answer: what is known is told, what is not is named, and the exit code says so.

use super::failure;
use crate::{
    cluster::{Cluster, broker_conf, free_port, start_broker},
    process::Background,
};
use rustix::process::Signal;

/// A second broker of the cluster, named broker-b.
fn second(cluster: &Cluster) -> Background {
    let dir = cluster.dir.path().join("b");
    std::fs::create_dir(&dir).expect("the directory is writable");
    let conf = dir.join("broker.conf");
    let text = broker_conf(&dir, free_port()).replace("brokerName=broker-a", "brokerName=broker-b");
    std::fs::write(&conf, text).expect("the directory is writable");
    start_broker(&cluster.namesrv_addr, &conf)
}

#[test]
fn what_one_of_two_brokers_does_not_answer_is_done_partly() {
    let cluster = Cluster::single();
    let other = second(&cluster);
    cluster.rmq(&["topic", "create", "orders", "--queues", "1"]).ok();
    cluster.rmq_with(&["produce", "orders"], "a\nb\nc\nd\n").ok();
    cluster.rmq(&["consume", "orders", "--group", "g", "-e"]).ok();
    assert_eq!(cluster.rmq(&["broker", "list", "-o", "name"]).ok().stdout, "broker-a\nbroker-b\n");
    let whole = cluster.rmq(&["offset", "reset", "--group", "g", "--topic", "orders", "--to", "first", "-o", "json"]);
    assert_eq!(whole.ok().json()["queues"].as_array().map(Vec::len), Some(2));

    // Its connections stay, so that the name server keeps it.
    other.tell(Signal::STOP);
    let partly = |args: &[&str]| {
        let run = cluster.rmq(&[args, &["-o", "json", "--timeout", "3s"]].concat()).exit(6);
        let failure = failure(&run.stderr);
        assert_eq!(failure["code"], "PARTLY_DONE", "{run}");
        assert!(failure["message"].as_str().is_some_and(|message| message.contains("broker-b")), "{run}");
        run.json()
    };
    let groups = partly(&["group", "list"]);
    assert_eq!((&groups[0]["group"], &groups[0]["lacks"][0]), (&"g".into(), &"broker-b".into()), "{groups}");
    let lag = partly(&["group", "lag", "g"]);
    assert_eq!((&lag["lag"], lag["queues"].as_array().map(Vec::len)), (&serde_json::Value::Null, Some(1)), "{lag}");
    assert_eq!(partly(&["topic", "describe", "orders"])["messages"], serde_json::Value::Null);
    let brokers = partly(&["broker", "list"]);
    assert_eq!(
        (&brokers[0]["state"], &brokers[1]["state"]),
        (&"serves".into(), &"does not answer".into()),
        "{brokers}"
    );
    partly(&["client", "list"]);
    let made = partly(&["topic", "create", "more"]);
    assert_eq!((&made["places"][0]["done"], &made["places"][1]["done"]), (&true.into(), &false.into()), "{made}");
    let changed = partly(&["topic", "update", "orders", "--queues", "3"]);
    assert_eq!(
        (&changed["changes"][0]["before"], &changed["changes"][0]["after"]),
        (&1.into(), &3.into()),
        "{changed}"
    );
    let changed = partly(&["group", "update", "g", "--retry-max-times", "3"]);
    let change = &changed["changes"][0];
    assert_eq!((&change["at"], &change["key"]), (&"broker-a".into(), &"retryMaxTimes".into()), "{changed}");
    assert_eq!((&change["before"], &change["after"]), (&16.into(), &3.into()), "{changed}");
    let set = partly(&["broker", "config", "set", "--cluster", "DefaultCluster", "fileReservedTime=48"]);
    assert_eq!((&set["changes"][0]["at"], &set["changes"][0]["after"]), (&"broker-a".into(), &"48".into()), "{set}");
    let reset = partly(&["offset", "reset", "--group", "g", "--topic", "orders", "--to", "first", "--execute"]);
    let done: Vec<_> =
        reset["queues"].as_array().unwrap().iter().map(|queue| (&queue["broker"], &queue["done"])).collect();
    assert!(done.contains(&(&"broker-a".into(), &true.into())), "{reset}");
    assert!(done.contains(&(&"broker-b".into(), &false.into())), "{reset}");
    let deleted = partly(&["group", "delete", "g"]);
    assert_eq!(
        (&deleted["places"][0]["done"], &deleted["places"][1]["done"]),
        (&true.into(), &false.into()),
        "{deleted}"
    );
    other.tell(Signal::CONT);
}

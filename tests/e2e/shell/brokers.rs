//! `rmq broker list`, `describe` and `config`: of brokers that run.

use super::failure;
use crate::cluster::Cluster;
use rustix::process::Signal;

#[test]
fn brokers_are_listed_and_described_with_what_they_say_of_themselves() {
    let cluster = Cluster::single();
    cluster.rmq_with(&["produce", "T"], "a\nb\n").ok();
    let list = cluster.rmq(&["broker", "list", "-o", "json"]).ok().json();
    let broker = &list[0];
    assert_eq!((&broker["broker"], &broker["role"]), (&"broker-a".into(), &"master".into()), "{list}");
    assert_eq!((&broker["put_total"], &broker["state"]), (&2.into(), &"serves".into()), "{list}");
    assert_eq!(cluster.rmq(&["broker", "list", "-o", "name"]).ok().stdout, "broker-a\n");
    assert!(cluster.rmq(&["broker", "list"]).ok().stdout.contains(&cluster.broker_addr));
    for name in ["broker-a", "broker-a:0", &cluster.broker_addr] {
        let described = cluster.rmq(&["broker", "describe", name, "-o", "json"]).ok().json();
        let runtime = described["runtime"].as_array().expect("a list");
        assert!(
            runtime.iter().any(|pair| pair["key"] == "putMessageTimesTotal" && pair["value"] == "2"),
            "{described}"
        );
    }
    let missing = cluster.rmq(&["broker", "describe", "broker-x", "-o", "json"]).exit(3);
    assert!(failure(&missing.stderr)["message"].as_str().is_some_and(|told| told.contains("broker-a")), "{missing}");
}

#[test]
fn a_setting_that_may_change_is_changed_and_a_path_never_is() {
    let cluster = Cluster::single();
    let set = cluster.rmq(&["broker", "config", "set", "broker-a", "fileReservedTime=48", "-o", "json"]).ok().json();
    let change = &set["changes"][0];
    assert_eq!((&change["before"], &change["after"]), (&"72".into(), &"48".into()), "{set}");
    let get = cluster.rmq(&["broker", "config", "get", "broker-a", "fileReservedTime", "-o", "csv"]).ok();
    assert_eq!(get.stdout, "key,value\nfileReservedTime,48\n");
    assert!(cluster.rmq(&["broker", "config", "get", &cluster.broker_addr]).ok().lines().len() > 100);
    // None of them, if one may not change.
    for never in [
        "storePathRootDir=/tmp/elsewhere",
        "brokerIP1=10.0.0.1",
        "namesrvAddr=10.0.0.1:9876",
        "brokerId=3",
        "haMasterAddress=10.0.0.1:10912",
    ] {
        let key = never.split('=').next().expect("a key");
        let refused =
            cluster.rmq(&["broker", "config", "set", "broker-a", "fileReservedTime=24", never, "-o", "json"]).exit(5);
        let failure = failure(&refused.stderr);
        assert_eq!(failure["code"], "NO_PERMISSION", "{refused}");
        assert!(failure["message"].as_str().is_some_and(|message| message.contains(key)), "{refused}");
    }
    let get = cluster.rmq(&["broker", "config", "get", "broker-a", "fileReservedTime", "-o", "csv"]).ok();
    assert!(get.stdout.ends_with("fileReservedTime,48\n"), "{get}");
    cluster.rmq(&["broker", "config", "set", "broker-a", "fileReservedTime=soon"]).exit(1).says(&["fileReservedTime"]);
    let unknown = cluster.rmq(&["broker", "config", "get", "broker-a", "noSuchKey", "-o", "json"]).exit(3);
    assert_eq!(failure(&unknown.stderr)["target"], "noSuchKey");
    cluster.rmq(&["broker", "config", "set", "broker-a"]).exit(2);
}

#[test]
fn a_broker_that_does_not_answer_is_listed_as_such() {
    let cluster = Cluster::single();
    // Its connections stay, so that the name server keeps it.
    cluster.broker.tell(Signal::STOP);
    let list = cluster.rmq(&["broker", "list", "-o", "json", "--timeout", "1s"]).exit(4);
    cluster.broker.tell(Signal::CONT);
    assert_eq!(failure(&list.stderr)["retryable"], true);
    let rows = list.json();
    assert_eq!(
        (&rows[0]["state"], &rows[0]["put_today"]),
        (&"does not answer".into(), &serde_json::Value::Null),
        "{list}"
    );
}

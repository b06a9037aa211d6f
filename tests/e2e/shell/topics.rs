//! `rmq topic describe` and `update`.

use super::{consumed, failure, member};
use crate::cluster::Cluster;

#[test]
fn a_topic_is_described_with_its_queues_and_its_readers() {
    let cluster = Cluster::single();
    consumed(&cluster, 6);
    let described = cluster.rmq(&["topic", "describe", "orders", "-o", "json"]).ok().json();
    assert_eq!((&described["messages"], &described["groups"][0]["group"]), (&6.into(), &"g".into()), "{described}");
    assert_eq!(described["queues"].as_array().map(Vec::len), Some(2), "{described}");
    assert_eq!((&described["brokers"][0]["perm"], &described["brokers"][0]["order"]), (&"RW-".into(), &false.into()));
    let positions = described["positions"].as_array().expect("a list");
    assert_eq!((positions.len(), &described["groups"][0]["lag"]), (2, &0.into()), "{described}");
    assert!(
        positions.iter().all(|at| at["group"] == "g" && at["lag"] == 0 && at.get("owner").is_none()),
        "{described}"
    );
    let member = member(&cluster);
    let read = cluster.rmq(&["topic", "describe", "orders", "-o", "json"]).ok().json();
    assert!(read["positions"].as_array().unwrap().iter().all(|at| at["owner"][0].is_string()), "{read}");
    drop(member);
    let csv = cluster.rmq(&["topic", "describe", "orders", "-o", "csv"]).ok();
    let heads: Vec<&str> = csv.stdout.split("\n\n").filter_map(|table| table.lines().next()).collect();
    let firsts: Vec<&str> = heads.iter().filter_map(|head| head.split(',').next()).collect();
    assert_eq!(firsts, ["what", "broker", "broker", "group", "group"], "{csv}");
    assert_eq!(cluster.rmq(&["topic", "describe", "orders", "-o", "name"]).ok().stdout, "orders\n");
    let table = cluster.rmq(&["topic", "describe", "orders"]).ok();
    assert!(table.stdout.contains("LAST STORED") && table.stdout.contains("broker-a"), "{table}");
    let missing = cluster.rmq(&["topic", "describe", "missing", "-o", "json"]).exit(3);
    assert_eq!(failure(&missing.stderr)["code"], "TOPIC_NOT_EXIST");
}

#[test]
fn an_update_changes_what_is_said_and_keeps_the_rest() {
    let cluster = Cluster::single();
    cluster.rmq(&["topic", "create", "t", "--queues", "2", "--order"]).ok();
    let changed = cluster.rmq(&["topic", "update", "t", "--write-queues", "5", "-o", "json"]).ok().json();
    assert_eq!(changed["places"][0]["result"], "changed");
    let broker = || cluster.rmq(&["topic", "describe", "t", "-o", "json"]).ok().json()["brokers"][0].clone();
    let is = broker();
    assert_eq!((&is["read_queues"], &is["write_queues"], &is["order"]), (&2.into(), &5.into(), &true.into()), "{is}");
    cluster.rmq(&["topic", "update", "t", "--perm", "r", "--order", "false"]).ok();
    let is = broker();
    assert_eq!((&is["perm"], &is["write_queues"], &is["order"]), (&"R--".into(), &5.into(), &false.into()), "{is}");
    cluster.rmq(&["topic", "update", "missing", "--queues", "3"]).exit(3).says(&["rmq topic create missing"]);
    cluster.rmq(&["topic", "list", "-o", "name"]).ok();
    assert!(!cluster.rmq(&["topic", "list"]).ok().stdout.contains("missing"), "nothing was made");
    cluster.rmq(&["topic", "update", "t"]).exit(2);
}

//! Every answer in every form: the same rows, no colours where there is no terminal, and again when it changes.

use super::{consumed, failure};
use crate::{cluster::Cluster, process::Background};
use rustix::process::Signal;
use serde_json::Value;

/// What answers, and a name that is in the answer.
const ANSWERS: &[(&str, &str)] = &[
    ("broker list", "broker-a"),
    ("broker describe broker-a", "broker-a"),
    ("broker config get broker-a fileReservedTime", "fileReservedTime"),
    ("check broker --max-disk 100%", "broker-a"),
    ("check cluster", "broker-a"),
    ("check namesrv", "127.0.0.1"),
    ("check replication", "broker-a"),
    ("dlq list", "gone"),
    ("dlq list gone", "broker-a:0"),
    ("group list", "g"),
    ("group describe g", "g"),
    ("group lag g", "orders"),
    ("store ls store", "commitlog"),
    ("topic list", "orders"),
    ("topic describe orders", "orders"),
    ("topic route orders", "broker-a"),
];

#[test]
fn every_answer_has_every_form_and_no_colour_without_a_terminal() {
    let cluster = Cluster::single();
    consumed(&cluster, 4);
    cluster.rmq(&["topic", "create", "%DLQ%gone", "--queues", "1"]).ok();
    for (line, name) in ANSWERS {
        let words: Vec<&str> = line.split(' ').collect();
        let told = |form: &str| {
            let told = cluster.rmq(&[&words[..], &["-o", form]].concat()).ok();
            assert!(!told.stdout.contains('\x1b') && !told.stderr.contains('\x1b'), "{told}");
            told
        };
        assert!(told("name").lines().iter().any(|told| told.contains(name)), "{}", told("name"));
        let json = told("json").json();
        assert!(json.to_string().contains(name), "{json}");
        let yaml = told("yaml");
        let as_yaml: Value = serde_yaml::from_str(&yaml.stdout).unwrap_or_else(|error| panic!("{error}: {yaml}"));
        assert_eq!(as_yaml.is_array(), json.is_array(), "{yaml}");
        let csv = told("csv");
        assert!(csv.lines()[0].contains(',') && csv.stdout.contains(name), "{csv}");
        let (table, wide) = (told("table"), told("wide"));
        assert!(table.stdout.contains(name) && wide.stdout.len() >= table.stdout.len(), "{wide}");
    }
    let nothing = cluster.rmq(&["dlq", "list", "g", "-o", "json"]).exit(3);
    assert_eq!(failure(&nothing.stderr)["code"], "TOPIC_NOT_EXIST");
}

#[test]
fn a_check_that_is_watched_is_told_again_when_a_broker_is_gone() {
    let mut cluster = Cluster::single();
    let args = ["check", "cluster", "--watch", "--every", "50ms", "-o", "json"];
    let mut watching = Background::start("rmq check --watch", &mut cluster.command(&args));
    watching.wait_for("\"healthy\":true");
    cluster.broker.signal(Signal::KILL);
    watching.wait_for("\"healthy\":false");
    watching.signal(Signal::INT);
    assert!(watching.log().lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", watching.log());
}

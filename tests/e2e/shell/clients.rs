//! `rmq client list` and `rmq offset reset`.

use super::{consumed, failure, member, send};
use crate::cluster::Cluster;
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn clients_are_listed_once_with_their_groups() {
    let cluster = Cluster::single();
    consumed(&cluster, 2);
    let none = cluster.rmq(&["client", "list", "--group", "g", "-o", "json"]).ok().json();
    assert_eq!(none, Value::Array(Vec::new()));
    let mut member = member(&cluster);
    let clients = cluster.rmq(&["client", "list", "--kind", "consumer", "-o", "json"]).ok().json();
    let clients: Vec<&Value> =
        clients.as_array().expect("a list").iter().filter(|client| client["group"] == "g").collect();
    assert_eq!(clients.len(), 1, "{clients:?}");
    assert!(clients[0]["address"].as_str().is_some_and(|address| address.starts_with("127.0.0.1:")), "{clients:?}");
    assert_eq!(clients[0]["brokers"][0], "broker-a");
    let table = cluster.rmq(&["client", "list", "--group", "g"]).ok();
    assert!(table.lines()[1].contains("consumer"), "{table}");
    assert!(member.signal(Signal::INT).success(), "{}", member.log());
    cluster.rmq(&["client", "list", "--broker", "broker-x"]).exit(3).says(&["broker-a"]);
}

fn reset(cluster: &Cluster, more: &[&str]) -> Value {
    let args = ["offset", "reset", "--group", "g", "--topic", "orders", "-o", "json"];
    cluster.rmq(&[&args[..], more].concat()).ok().json()
}

/// Where the group goes on in each queue.
fn next(cluster: &Cluster) -> Vec<i64> {
    let lag = cluster.rmq(&["group", "lag", "g", "--topic", "orders", "-o", "json"]).ok().json();
    lag["queues"].as_array().expect("a list").iter().map(|queue| queue["next"].as_i64().expect("known")).collect()
}

fn each(told: &Value, what: &str) -> Vec<i64> {
    let queues = told["queues"].as_array().expect("a list");
    queues.iter().map(|queue| queue[what].as_i64().unwrap_or_else(|| panic!("{what}: {queue}"))).collect()
}

#[test]
fn a_reset_only_shows_what_it_would_do_until_it_is_told_to_do_it() {
    let cluster = Cluster::single();
    consumed(&cluster, 10);
    let at_the_end = next(&cluster);
    let shown = reset(&cluster, &["--to", "first"]);
    assert_eq!((each(&shown, "before"), each(&shown, "after")), (at_the_end.clone(), vec![0, 0]), "{shown}");
    assert_eq!((&shown["executed"], &shown["queues"][0]["done"]), (&false.into(), &false.into()));
    assert_eq!(next(&cluster), at_the_end, "nothing was changed");

    let done = reset(&cluster, &["--to", "first", "--execute"]);
    assert_eq!((each(&done, "after"), &done["queues"][1]["result"]), (vec![0, 0], &"reset".into()), "{done}");
    assert_eq!(next(&cluster), [0, 0]);
    assert_eq!(cluster.rmq(&["consume", "orders", "--group", "g", "-e"]).ok().lines().len(), 10);

    reset(&cluster, &["--shift-by", "-2", "--execute"]);
    assert_eq!(next(&cluster), at_the_end.iter().map(|at| at - 2).collect::<Vec<_>>());
    reset(&cluster, &["--to", "last", "--queue", "broker-a:1", "--execute"]);
    assert_eq!(next(&cluster), [at_the_end[0] - 2, at_the_end[1]]);
    reset(&cluster, &["--to-offset", "1", "--execute"]);
    assert_eq!(next(&cluster), [1, 1]);
    // The nearest that there is.
    let beyond = reset(&cluster, &["--to-offset", "1000", "--execute"]);
    assert_eq!((each(&beyond, "after"), next(&cluster)), (at_the_end.clone(), at_the_end.clone()));
    reset(&cluster, &["--to", "1970-01-02", "--execute"]);
    assert_eq!(next(&cluster), [0, 0], "by time");
    let table = cluster.rmq(&["offset", "reset", "--group", "g", "--topic", "orders", "--to", "last"]).ok();
    table.says(&["nothing was changed", "--execute"]);
}

#[test]
fn members_that_are_connected_go_on_where_a_reset_says() {
    let cluster = Cluster::single();
    consumed(&cluster, 6);
    let mut member = member(&cluster);
    assert!(!member.log().contains("3\n"), "it was all consumed before: {}", member.log());
    reset(&cluster, &["--to", "first", "--execute"]);
    for body in ["0\n", "3\n", "5\n"] {
        member.wait_for(body);
    }
    send(&cluster, 7);
    member.wait_for("6\n");
    assert!(member.signal(Signal::INT).success(), "{}", member.log());
}

#[test]
fn a_reset_of_what_is_not_there_says_what_is_missing() {
    let cluster = Cluster::single();
    consumed(&cluster, 2);
    let run = |group: &str, topic: &str, more: &[&str]| {
        let args = ["offset", "reset", "--group", group, "--topic", topic, "-o", "json"];
        cluster.rmq(&[&args[..], more].concat())
    };
    let missing = run("nobody", "orders", &["--to", "first", "--execute"]).exit(3);
    assert_eq!(failure(&missing.stderr)["code"], "SUBSCRIPTION_GROUP_NOT_EXIST");
    let missing = run("g", "missing", &["--to", "first", "--execute"]).exit(3);
    assert_eq!(failure(&missing.stderr)["code"], "TOPIC_NOT_EXIST");
    run("g", "orders", &["--to", "first", "--queue", "broker-a:9"]).exit(3).says(&["broker-a:9"]);
    for wrong in
        [&[][..], &["--to", "middle"], &["--to", "first", "--shift-by", "1"], &["--to", "first", "--queue", "9"]]
    {
        run("g", "orders", wrong).exit(2);
    }
    assert!(!cluster.rmq(&["topic", "list"]).ok().stdout.contains("missing"), "nothing was made");
}

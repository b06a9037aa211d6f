//! `rmq produce`, `consume`, `topic` and `message`: what they print, where, and how they end.

use crate::{
    cluster::{Cluster, free_port, rmq, scratch},
    process::{Background, RMQ, run},
};
use std::{net::TcpListener, process::Command};

#[test]
fn each_line_of_standard_input_is_a_message() {
    let cluster = Cluster::single();
    let produced = cluster.rmq_with(&["produce", "T"], "first\n\nlast without newline").ok();
    assert_eq!(produced.lines().len(), 2, "one line a result: {produced}");
    produced.says(&["1 empty line"]);
    let consumed = cluster.rmq(&["consume", "T", "-e", "-o", "raw"]).ok();
    assert_eq!(consumed.stdout, "first\nlast without newline\n");
}

#[test]
fn a_message_carries_its_key_tag_and_properties() {
    let cluster = Cluster::single();
    let args = ["produce", "T", "-m", "body", "-k", "order-7", "--tag", "red", "-H", "size=XL", "-o", "json"];
    let sent = cluster.rmq(&args).ok().json_lines();
    assert_eq!(sent.len(), 1);
    let found = cluster.rmq(&["consume", "T", "-e", "-o", "jsonl"]).ok().json_lines();
    assert_eq!(found.len(), 1);
    let message = &found[0];
    assert_eq!((&message["topic"], &message["body"], &message["tag"]), (&"T".into(), &"body".into(), &"red".into()));
    assert_eq!(message["keys"].to_string().trim_matches(['[', ']', '"']), "order-7");
    assert_eq!(message["properties"]["size"], "XL");
    assert_eq!(message["id"], sent[0]["id"]);
}

#[test]
fn the_modes_of_sending_all_deliver() {
    let cluster = Cluster::single();
    for mode in ["sync", "async", "oneway"] {
        cluster.rmq(&["produce", "T", "--mode", mode, "-m", mode, "--count", "20"]).ok();
    }
    // What is one-way has arrived once a later message of the same connection has; another process waits for the end.
    let waiting = std::time::Instant::now();
    loop {
        let found = cluster.rmq(&["consume", "T", "-e", "-o", "raw"]).ok();
        let count = |mode| found.lines().iter().filter(|line| **line == mode).count();
        let counts = ["sync", "async", "oneway"].map(count);
        if counts == [20, 20, 20] {
            return;
        }
        assert!(counts[..2] == [20, 20] && waiting.elapsed() < crate::process::PATIENCE, "{counts:?}");
    }
}

#[test]
fn a_file_is_one_message_byte_for_byte() {
    let cluster = Cluster::single();
    let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let file = cluster.dir.path().join("body.bin");
    std::fs::write(&file, &bytes).unwrap();
    cluster.rmq(&["produce", "T", "--file", file.to_str().unwrap()]).ok();
    let output = cluster.command(&["consume", "T", "-e", "-o", "raw"]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout.strip_suffix(b"\n"), Some(&bytes[..]));
}

#[test]
fn consume_starts_and_stops_where_it_is_told() {
    let cluster = Cluster::single();
    cluster.rmq(&["topic", "create", "T", "--queues", "1"]).ok();
    cluster.rmq_with(&["produce", "T", "--tag", "red"], "0\n1\n2\n").ok();
    cluster.rmq_with(&["produce", "T", "--tag", "blue"], "3\n4\n").ok();
    let consumed = |args: &[&str]| cluster.rmq(&[&["consume", "T", "-o", "raw"], args].concat()).ok().stdout;
    assert_eq!(consumed(&["-e"]), "0\n1\n2\n3\n4\n", "one queue keeps its order");
    assert_eq!(consumed(&["-n", "2"]), "0\n1\n");
    assert_eq!(consumed(&["-e", "--from", "3"]), "3\n4\n");
    assert_eq!(consumed(&["-e", "--from", "last"]), "");
    assert_eq!(consumed(&["-e", "--tag", "blue"]), "3\n4\n");
    assert_eq!(consumed(&["-e", "--from", "1970-01-02T00:00:00Z", "-n", "1"]), "0\n");
    assert_eq!(consumed(&["-e", "--from", "2200-01-01T00:00:00Z"]), "");
}

#[test]
fn a_format_says_what_is_printed_of_each_message() {
    let cluster = Cluster::single();
    cluster.rmq(&["topic", "create", "T", "--queues", "1"]).ok();
    cluster.rmq_with(&["produce", "T", "-k", "order-7", "--tag", "red"], "a\nb\n").ok();
    let format = ["consume", "T", "-e", "-f", "%t/%p/%o %g %k %s (%S)\\n"];
    assert_eq!(cluster.rmq(&format).ok().stdout, "T/0/0 red order-7 a (1)\nT/0/1 red order-7 b (1)\n");
    let array = cluster.rmq(&["consume", "T", "-e", "-o", "json"]).ok().json();
    assert_eq!(array.as_array().map(Vec::len), Some(2), "{array}");
}

#[test]
fn consume_without_an_end_prints_what_comes_as_it_comes() {
    let cluster = Cluster::single();
    cluster.rmq(&["produce", "T", "-m", "before"]).ok();
    let mut waiting = Background::start("rmq consume", &mut cluster.command(&["consume", "T"]));
    waiting.wait_for("before\n");
    cluster.rmq(&["produce", "T", "-m", "after"]).ok();
    waiting.wait_for("after\n");
    assert!(waiting.signal(rustix::process::Signal::INT).success(), "{}", waiting.log());
}

#[test]
fn consume_takes_an_sql92_expression_alone_and_in_a_group() {
    let cluster = Cluster::single();
    cluster.rmq(&["topic", "create", "T", "--queues", "1"]).ok();
    let send = |body, size| drop(cluster.rmq(&["produce", "T", "-m", body, "-H", &format!("size={size}")]).ok());
    ["small", "medium", "large"].iter().zip(["3", "7", "30"]).for_each(|(body, size)| send(body, size));
    let consumed = |args: &[&str]| cluster.rmq(&[&["consume", "T", "-e"], args].concat()).ok().stdout;
    assert_eq!(consumed(&["--sql", "size >= 7"]), "medium\nlarge\n");
    assert_eq!(consumed(&["--sql", "size = 3 OR body IS NOT NULL", "--group", "once"]), "small\n");
    assert_eq!(consumed(&["--sql", "TRUE", "--group", "once"]), "", "the group has passed the others");
    let live = ["consume", "T", "--sql", "size > 5 AND size < 10", "--group", "g"];
    let mut waiting = Background::start("rmq consume", &mut cluster.command(&live));
    waiting.wait_for("medium\n");
    send("huge", "300");
    send("fitting", "9");
    waiting.wait_for("fitting\n");
    assert!(waiting.signal(rustix::process::Signal::INT).success(), "{}", waiting.log());
    assert!(!waiting.log().contains("huge"), "{}", waiting.log());
    cluster.rmq(&["consume", "T", "-e", "--sql", "size >"]).exit(2).says(&["column 7", "expected a property"]);

    let cluster = Cluster::with("enablePropertyFilter=false\n");
    cluster.rmq(&["produce", "T", "-m", "x"]).ok();
    cluster.rmq(&["consume", "T", "-e", "--sql", "TRUE"]).exit(1).says(&["enablePropertyFilter"]);
}

#[test]
fn a_restart_keeps_messages_topics_and_offsets() {
    let mut cluster = Cluster::single();
    cluster.rmq(&["topic", "create", "T"]).ok();
    cluster.rmq_with(&["produce", "T"], "a\nb\nc\n").ok();
    let consume = ["consume", "T", "--group", "g", "-e", "-o", "raw"];
    assert_eq!(cluster.rmq(&consume).ok().lines().len(), 3);
    cluster.restart_broker();
    assert_eq!(cluster.rmq(&consume).ok().stdout, "", "the group has had them all");
    cluster.rmq_with(&["produce", "T"], "d\n").ok();
    assert_eq!(cluster.rmq(&consume).ok().stdout, "d\n");
    let all = cluster.rmq(&["consume", "T", "-e", "-o", "raw"]).ok();
    let mut all = all.lines();
    all.sort_unstable();
    assert_eq!(all, ["a", "b", "c", "d"]);
}

#[test]
fn topics_are_made_listed_routed_and_deleted() {
    let cluster = Cluster::single();
    cluster.rmq(&["topic", "create", "orders", "--queues", "3"]).ok();
    let list = cluster.rmq(&["topic", "list"]).ok();
    assert!(list.stdout.contains("orders"), "{list}");
    let list = cluster.rmq(&["topic", "list", "-o", "json"]).ok().json();
    assert!(list.to_string().contains("\"orders\""), "{list}");
    let route = cluster.rmq(&["topic", "route", "orders"]).ok();
    assert!(route.stdout.contains("broker-a") && route.stdout.contains(&cluster.broker_addr), "{route}");
    let route = cluster.rmq(&["topic", "route", "orders", "-o", "json"]).ok().json();
    assert!(route.to_string().contains(&cluster.broker_addr), "{route}");
    cluster.rmq(&["topic", "delete", "orders"]).ok();
    assert!(!cluster.rmq(&["topic", "list"]).ok().stdout.contains("orders"));
    cluster.rmq(&["topic", "route", "orders"]).exit(3).says(&["orders"]);
    cluster.rmq(&["topic", "delete", "orders"]).exit(3).says(&["orders"]);
}

#[test]
fn a_message_is_found_by_its_id_and_by_its_key() {
    let cluster = Cluster::single();
    let sent = cluster.rmq(&["produce", "T", "-m", "wanted", "-k", "order-7", "-o", "json"]).ok().json_lines();
    cluster.rmq(&["produce", "T", "-m", "other", "-k", "order-8"]).ok();
    let id = sent[0]["id"].as_str().expect("a message has an id").to_owned();
    let got = cluster.rmq(&["message", "get", "--topic", "T", "--id", &id]).ok();
    assert!(got.stdout.contains("wanted") && !got.stdout.contains("other"), "{got}");
    let find = ["message", "find", "--topic", "T", "--key", "order-7", "-o", "json"];
    let found = cluster.rmq(&find).ok();
    assert!(found.json().to_string().contains("wanted") && !found.stdout.contains("other"), "{found}");
    cluster.rmq(&["message", "find", "--topic", "T", "--key", "no-such-key"]).exit(3).says(&["no-such-key"]);
    cluster.rmq(&["message", "get", "--topic", "T", "--id", &"7F".repeat(16)]).exit(3);
    cluster.rmq(&[&find[..], &["--to", "1970-01-02T00:00:00Z"]].concat()).exit(3);
}

#[test]
fn a_topic_that_does_not_exist_comes_with_the_command_that_makes_it() {
    let cluster = Cluster::with("autoCreateTopicEnable=false\n");
    cluster.rmq(&["produce", "missing", "-m", "x"]).exit(3).says(&["rmq topic create missing"]);
    cluster.rmq(&["consume", "missing", "-e"]).exit(3).says(&["missing"]);
    assert!(!cluster.rmq(&["topic", "list"]).ok().stdout.contains("missing"), "nothing was made");
}

#[test]
fn unreachable_name_servers_are_all_named() {
    let dir = scratch();
    let addrs = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    for args in [&["produce", "T", "-m", "x"][..], &["consume", "T", "-e"], &["topic", "list"]] {
        let mut command = rmq(dir.path());
        let refused = run(command.env("NAMESRV_ADDR", addrs.join(";")).args(args), "").exit(4);
        assert_eq!(refused.stdout, "");
        refused.says(&[&addrs[0], &addrs[1]]);
    }
    // Takes connections and never answers: the time-out ends it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = silent.local_addr().unwrap().to_string();
    run(rmq(dir.path()).env("NAMESRV_ADDR", &addr).args(["topic", "list"]), "").exit(4).says(&[&addr]);
}

#[test]
fn wrong_usage_ends_with_2() {
    let dir = scratch();
    for args in [
        &["produce"][..],
        &["produce", "no/such/name", "-m", "x"],
        &["consume", "T", "--from", "yesterday"],
        &["consume", "T", "-f", "%q"],
        &["topic", "create", "a b"],
        &["topic"],
        &["no-such-command"],
    ] {
        let refused = run(rmq(dir.path()).env("NAMESRV_ADDR", "127.0.0.1:1").args(args), "").exit(2);
        assert_eq!(refused.stdout, "", "{refused}");
    }
}

#[test]
fn a_broken_pipe_ends_quietly() {
    let cluster = Cluster::single();
    cluster.rmq(&["produce", "T", "-m", &"x".repeat(1000), "--count", "500", "--mode", "async"]).ok();
    let mut shell = Command::new("bash");
    crate::cluster::at_home(&mut shell, cluster.dir.path());
    let script = format!("'{RMQ}' consume T -o raw | head -1");
    let headed = run(shell.env("NAMESRV_ADDR", &cluster.namesrv_addr).args(["-c", &script]), "").ok();
    assert_eq!((headed.stdout.len(), headed.stderr.as_str()), (1001, ""));
}

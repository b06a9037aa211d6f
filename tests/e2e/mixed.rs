//! Several kinds of clients on one cluster: what one writes the others read, alone and all at once.

use crate::{
    clients::{ali_ons, cpp1},
    cluster::Cluster,
    cpp::{distinct, messages, numbered},
    process::{Background, RMQ, Run, run},
};
use std::{process::Command, thread};

/// Lines `prefix0` … for standard input.
fn lines(prefix: &str, count: usize) -> String {
    (0..count).map(|at| format!("{prefix}{at}\n")).collect()
}

/// What `rmq consume` finds in `topic` from its start to its end, one JSON value a message.
fn consumed(cluster: &Cluster, topic: &str) -> Run {
    cluster.rmq(&["consume", topic, "-e", "-o", "jsonl"]).ok()
}

#[test]
fn what_rmq_produces_the_cpp_client_consumes_and_back() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    let sending = ["produce", "X", "--tag", "red", "-k", "order-7", "-H", "size=XL"];
    cluster.rmq_with(&sending, &lines("rmq", 10)).ok();
    let consuming = ["--topic", "X", "--group", "c", "--tag", "red", "--expect", "10", "--property", "size"];
    let got = messages(&client.run(&cluster, "push", &consuming));
    assert_eq!(distinct(&got, "body"), numbered("rmq", 10));
    assert_eq!(distinct(&got, "keys"), ["order-7"]);
    assert_eq!(distinct(&got, "property"), ["XL"]);

    let back = ["--topic", "Y", "--group", "p", "--count", "10", "--tags", "red", "--property", "size=XL"];
    client.run(&cluster, "send", &back);
    let back = cluster.rmq(&["consume", "Y", "-e", "-o", "raw"]).ok();
    let mut bodies = back.lines();
    bodies.sort_unstable();
    assert_eq!(bodies, numbered("m", 10));
}

#[test]
fn a_body_that_one_compresses_the_other_reads() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    let body = "x".repeat(10_000);
    cluster.rmq(&["produce", "X", "-m", &body]).ok();
    let got = messages(&client.run(&cluster, "push", &["--topic", "X", "--group", "c", "--expect", "1"]));
    assert_eq!(distinct(&got, "body"), [body]);
    client.run(&cluster, "send", &["--topic", "Y", "--group", "p", "--size", "10000"]);
    let back = cluster.rmq(&["consume", "Y", "-e", "-o", "raw"]).ok();
    assert_eq!(back.stdout, format!("m0{}\n", ".".repeat(9_998)));
}

#[test]
fn many_clients_at_once_lose_nothing() {
    let (Some(cpp), Some(js)) = (cpp1(), ali_ons()) else { return };
    let cluster = Cluster::single();
    cluster.topic("M");
    // Two members share the group: each has its own queues, together they have everything.
    let consuming = ["--topic", "M", "--group", "c", "--expect", "1000"];
    let first = Background::start("the members", &mut cpp.command(&cluster, "push", &consuming));
    let _second = first.start_beside(&mut cpp.command(&cluster, "push", &consuming));
    let sending = |group, prefix| ["--topic", "M", "--group", group, "--count", "100", "--prefix", prefix];
    thread::scope(|scope| {
        scope.spawn(|| cpp.run(&cluster, "send", &sending("p1", "cpp")));
        scope.spawn(|| js.run(&cluster, "send", &sending("p2", "js")));
        scope.spawn(|| cluster.rmq_with(&["produce", "M"], &lines("rmq", 100)).ok());
    });
    let mut wanted = [numbered("cpp", 100), numbered("js", 100), numbered("rmq", 100)].concat();
    wanted.sort();
    assert_eq!(distinct(&messages(&consumed(&cluster, "M")), "body"), wanted);
    wanted.iter().for_each(|body| first.wait_for(&format!("\"body\": \"{body}\"")));
}

#[test]
fn shells_that_pipe_into_each_other_need_nothing_else() {
    let cluster = Cluster::single();
    let mut shell = Command::new("bash");
    crate::cluster::at_home(&mut shell, cluster.dir.path());
    let script = format!("printf 'a\\nb\\n' | '{0}' produce T && '{0}' consume T -e -o raw", RMQ);
    shell.env("NAMESRV_ADDR", &cluster.namesrv_addr).args(["-euo", "pipefail", "-c", &script]);
    let run = run(&mut shell, "").ok();
    let mut lines: Vec<_> = run.stdout.lines().filter(|line| ["a", "b"].contains(line)).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a", "b"], "{run}");
}

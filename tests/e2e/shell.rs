//! The answers of the shell: groups, brokers, topics, clients, offsets, messages; each in every form, with the exit codes.

mod away;
mod brokers;
mod clients;
mod completions;
mod forms;
mod groups;
mod messages;
mod partly;
mod topics;

use crate::{cluster::Cluster, process::Background};
use serde_json::Value;

/// A topic of two queues with `count` messages, of which group `g` has consumed all.
fn consumed(cluster: &Cluster, count: usize) {
    cluster.rmq(&["topic", "create", "orders", "--queues", "2"]).ok();
    send(cluster, count);
    cluster.rmq(&["consume", "orders", "--group", "g", "-e"]).ok();
}

fn send(cluster: &Cluster, count: usize) {
    let lines: String = (0..count).map(|at| format!("{at}\n")).collect();
    cluster.rmq_with(&["produce", "orders"], &lines).ok();
}

/// A member of group `g` that is connected and has read what there is.
fn member(cluster: &Cluster) -> Background {
    let member = Background::start("a consumer", &mut cluster.command(&["consume", "orders", "--group", "g"]));
    member.until("a member that reads", || {
        let told = cluster.rmq(&["group", "describe", "g", "-o", "json"]);
        let reads = |queue: &Value| queue["topic"] == "orders" && queue["owner"][0].is_string();
        told.status.success()
            && told.json()["queues"]
                .as_array()
                .is_some_and(|queues| queues.iter().filter(|queue| reads(queue)).count() == 2)
    });
    member
}

/// What a failure told with `-o json`.
fn failure(stderr: &str) -> Value {
    let failure: Value = serde_json::from_str(stderr).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let names: Vec<&str> = failure.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "message", "target", "hint", "retryable"], "{stderr}");
    failure
}

//! Groups of consumers of other projects: members share the queues, a group goes on where it stopped over a restart of the
//! broker, and from a time it is reset to.

use crate::{
    clients::{Client, ali_ons, cpp1, cpp2, rust_v4},
    cluster::Cluster,
    cpp::{distinct, numbered},
    process::{Background, PATIENCE},
    wire::{Wire, ask},
};
use protocol::{
    Command,
    code::{request, response},
    reset::ResetOffset,
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const QUEUES: i32 = 4;

/// Messages of the topic, whose number is known: nobody else sends.
struct Topic<'a> {
    cluster: &'a Cluster,
    /// Bodies.
    sent: Vec<String>,
}

impl Topic<'_> {
    fn send(&mut self, prefix: &str, count: usize) {
        let bodies = numbered(prefix, count);
        self.cluster.rmq_with(&["produce", "G"], &(bodies.join("\n") + "\n")).ok();
        self.sent.extend(bodies);
    }
}

/// What a member has got so far, each body once.
pub fn got(member: &Background) -> Vec<String> {
    let log = member.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    distinct(&lines.filter(|line| line.get("body").is_some()).collect::<Vec<_>>(), "body")
}

fn has_all(got: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|body| got.binary_search(body).is_ok())
}

/// How many messages the group has said it is done with.
fn committed(cluster: &Cluster) -> i64 {
    let mut wire = Wire::connect(&cluster.broker_addr);
    let mut of_queue = |queue: i32| {
        let fields = [("consumerGroup", "g"), ("topic", "G"), ("queueId", &queue.to_string())];
        let answer = wire.call(ask(request::QUERY_CONSUMER_OFFSET, &fields));
        answer.fields.get("offset").and_then(|offset| offset.parse::<i64>().ok()).unwrap_or(0)
    };
    (0..QUEUES).map(&mut of_queue).sum()
}

const CONSUMING: [&str; 8] = ["--topic", "G", "--group", "g", "--expect", "1000000", "--seconds", "600"];

fn members_of(client: &Client) {
    let third = share_and_go_on(|cluster| client.command(cluster, "push", &CONSUMING));
    third.is_reset();
}

/// The last member of the group, with what others of it got before.
struct Last {
    cluster: Cluster,
    member: Background,
    before: Vec<String>,
}

/// Two members, then none, then another one after a restart of the broker.
fn share_and_go_on(command: impl Fn(&Cluster) -> std::process::Command) -> Last {
    let mut cluster = Cluster::single();
    cluster.topic("G");
    let member = |cluster: &Cluster, name| Background::start(name, &mut command(cluster));
    let mut topic = Topic { cluster: &cluster, sent: Vec::new() };
    // A new group gets what a young topic has had so far.
    topic.send("old", 40);
    let mut first = member(&cluster, "the first member");
    first.until("it has all", || has_all(&got(&first), &topic.sent));

    let mut second = member(&cluster, "the second member");
    let deadline = Instant::now() + PATIENCE;
    for round in 0.. {
        topic.send(&format!("round{round}-"), 8);
        // Each has had its share.
        let alone = got(&second).iter().all(|body| got(&first).contains(body));
        if !alone {
            break;
        }
        assert!(Instant::now() < deadline, "the second member gets nothing:\n{}", second.log());
        let _ = second.ends_within(Duration::from_millis(100));
    }
    let both = || {
        let mut both = [got(&first), got(&second)].concat();
        both.sort();
        both
    };
    first.until("they have all", || has_all(&both(), &topic.sent));
    let total = topic.sent.len() as i64;
    first.until("all of it is committed", || committed(&cluster) == total);
    let before = topic.sent;
    first.signal(Signal::KILL);
    second.signal(Signal::KILL);

    cluster.restart_broker();
    let mut topic = Topic { cluster: &cluster, sent: Vec::new() };
    topic.send("new", 8);
    let third = member(&cluster, "the third member");
    third.until("it has what is new", || has_all(&got(&third), &topic.sent));
    assert_eq!(got(&third), topic.sent, "it goes on where the others stopped");
    Last { member: third, cluster, before }
}

impl Last {
    /// The group goes back to the beginning while its member runs.
    fn is_reset(&self) {
        let (topic, group) = ("G".into(), "g".into());
        let reset = ResetOffset { topic, group, timestamp: 0, is_force: true, queue_id: -1, offset: None };
        let reset = Command::request(request::INVOKE_BROKER_TO_RESET_OFFSET).with_header(&reset);
        let answer = Wire::connect(&self.cluster.broker_addr).call(reset);
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
        self.member.until("it has all again", || has_all(&got(&self.member), &self.before));
    }
}

#[test]
fn rmq_members_share_go_on_after_a_restart_and_are_reset() {
    let third = share_and_go_on(|cluster| cluster.command(&["consume", "G", "--group", "g", "-o", "jsonl"]));
    third.is_reset();
}

/// It stops at an answer that leads it elsewhere, so that it is not reset.
#[test]
fn rust_v4_members_share_and_go_on_after_a_restart() {
    if let Some(client) = rust_v4() {
        share_and_go_on(|cluster| client.command(cluster, "push", &CONSUMING));
    }
}

#[test]
fn cpp1_members_share_go_on_after_a_restart_and_are_reset() {
    if let Some(client) = cpp1() {
        members_of(&client);
    }
}

#[test]
fn cpp2_members_share_go_on_after_a_restart_and_are_reset() {
    if let Some(client) = cpp2() {
        members_of(&client);
    }
}

#[test]
fn ali_ons_members_share_go_on_after_a_restart_and_are_reset() {
    if let Some(client) = ali_ons() {
        members_of(&client);
    }
}

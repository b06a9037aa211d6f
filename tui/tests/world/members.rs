//! Members of groups that stand still, and the screens that show them: one of Java, one of Rust that does not measure its
//! speed, and one that does not tell how it runs.

use crate::{
    hold_at_every_width,
    world::{BEGIN, key, press},
};
use admin::snapshot::Unknown;
use crossterm::event::KeyCode;
use protocol::{
    ask_client::{ConsumeSpeed, HeldQueue},
    consume_stats::QueueProgress,
    lock::QueueName,
    topic_stats::QueueExtent,
};
use std::collections::BTreeMap;
use tui::{
    Answer, ClientDetail, ClientLine, ClientRun, Clients, Effect, Event, GroupDetail, Question, State, Team,
    TopicDetail, TopicReader,
};

/// When the screens are looked at, ms.
const NOW: i64 = BEGIN + 10_600;

const JAVA: &str = "10.0.1.5@4711";
const RUST: &str = "10.0.1.6@812#1767323000";
const SILENT: &str = "报表@7";

fn queue(id: i32) -> QueueName {
    QueueName { broker_name: "broker-a".into(), queue_id: id, topic: "orders".into() }
}

fn everybody() -> Clients {
    let line = |group: &str, id: &str, language: &str, consumes| ClientLine {
        group: group.into(),
        id: id.into(),
        consumes,
        addrs: ["10.0.1.5:50123".to_owned(), "10.0.1.5:50124".to_owned()].into(),
        language: language.into(),
        version: 401,
    };
    let clients = vec![
        line("billing", JAVA, "JAVA", true),
        line("billing", RUST, "RUST", true),
        line("checkout", "10.0.1.9@31", "GO", false),
        line("报表-reports", SILENT, "PYTHON", true),
    ];
    Clients { clients, missing: vec![("broker-b".into(), Unknown::because("no answer within 5s"))] }
}

/// Two of its members tell what they hold, and one does not. One queue is nobody's as far as is known.
fn team() -> Team {
    let wants = |what: &str| Ok([("orders".to_owned(), what.to_owned())].into());
    let silent = Unknown::because("no answer within 2s");
    Team {
        owners: [(queue(0), JAVA.to_owned()), (queue(1), JAVA.to_owned()), (queue(2), RUST.to_owned())].into(),
        wants: [
            (JAVA.to_owned(), wants("tags paid || refunded")),
            (RUST.to_owned(), wants("all")),
            (SILENT.to_owned(), Err(silent.clone())),
        ]
        .into(),
        others: Err(Unknown::because(format!("{SILENT} does not tell what it holds (307): {silent}"))),
        ..Team::default()
    }
}

fn progress() -> BTreeMap<QueueName, QueueProgress> {
    let at = |id: i32| QueueProgress {
        broker_offset: 6_000 + i64::from(id),
        consumer_offset: if id == 0 { 6_000 } else { 5_000 },
        last_timestamp: BEGIN - 61_000,
    };
    (0..4).map(|id| (queue(id), at(id))).collect()
}

fn group() -> GroupDetail {
    let member = |id: &str, language: &str| (id.to_owned(), ("10.0.1.5:50123".to_owned(), format!("{language} 401")));
    GroupDetail {
        queues: progress(),
        members: [member(JAVA, "JAVA"), member(RUST, "RUST"), member(SILENT, "PYTHON")].into(),
        team: team(),
        missing: Vec::new(),
    }
}

fn topic() -> TopicDetail {
    let extent = |id: i64| QueueExtent { min_offset: 0, max_offset: 6_000 + id, last_update_timestamp: BEGIN };
    // All of whose members tell, and nobody holds the last queue.
    let told = Team { others: Ok(()), ..team() };
    let billing = TopicReader { group: "billing".into(), queues: progress(), team: told, missing: None };
    let why = Unknown::because("broker-b: no answer within 5s");
    let reports =
        TopicReader { group: "报表-reports".into(), missing: Some(why), team: team(), ..TopicReader::default() };
    TopicDetail {
        queues: (0..4).map(|id| (queue(id), extent(i64::from(id)))).collect(),
        readers: vec![billing, reports],
        left_out: vec!["search".into()],
        missing: Vec::new(),
    }
}

fn member(id: &str) -> ClientDetail {
    let mut detail = ClientDetail {
        connected: vec![("broker-a".into(), "10.0.1.5:50123".into()), ("broker-b".into(), "10.0.1.5:50124".into())],
        consumes: true,
        language: "JAVA".into(),
        version: 401,
        run: None,
        missing: Vec::new(),
    };
    let held = |at: i64, told: bool| HeldQueue {
        commit_offset: at,
        cached_msg_count: at % 3,
        cached_msg_size_in_mib: at % 3,
        last_pull_timestamp: if told { BEGIN + 9_000 } else { 0 },
        last_consume_timestamp: if told { BEGIN - 120_000 } else { 0 },
        ..HeldQueue::default()
    };
    let speed = ConsumeSpeed {
        pull_ms: 3.5,
        pull_tps: 120.0,
        consume_ms: 41.0,
        consume_ok_tps: 97.5,
        consume_failed_tps: 0.5,
        consume_failed_msgs: 1800,
    };
    let run = |told: bool| ClientRun {
        wants: [("orders".to_owned(), if told { "tags paid || refunded" } else { "all" }.to_owned())].into(),
        queues: [(queue(0), held(6_000, told)), (queue(1), held(5_000, told))].into(),
        speeds: if told { [("orders".to_owned(), speed)].into() } else { BTreeMap::new() },
        properties: [("PROP_CONSUMEORDERLY".to_owned(), "false".to_owned())].into(),
    };
    detail.run = match id {
        JAVA => Some(Ok(Box::new(run(true)))),
        RUST => Some(Ok(Box::new(run(false)))),
        SILENT => Some(Err(Unknown::because("no answer within 2s"))),
        _ => None,
    };
    detail
}

fn hear(state: &mut State, asked: &[Effect]) {
    for effect in asked {
        let answer = match effect {
            Effect::Ask(Question::Clients) => Answer::Clients(Ok(everybody())),
            Effect::Ask(Question::Client(group, id)) => Answer::Client(group.clone(), id.clone(), Ok(member(id))),
            Effect::Ask(Question::Topic(name)) => Answer::Topic(name.clone(), Ok(topic())),
            Effect::Ask(Question::Group(name)) => Answer::Group(name.clone(), Ok(group())),
            _ => continue,
        };
        state.update(Event::Answer(answer, NOW));
    }
}

fn typed(state: &mut State, keys: &str) {
    let asked = press(state, keys);
    hear(state, &asked);
    if keys.starts_with(':') {
        let asked = key(state, KeyCode::Enter);
        hear(state, &asked);
    }
}

fn client(state: &mut State, down: &str) {
    typed(state, "4");
    press(state, down);
    let asked = key(state, KeyCode::Enter);
    hear(state, &asked);
}

#[test]
fn the_clients() {
    hold_at_every_width("clients", |state| typed(state, "4"));
}

#[test]
fn a_member_that_tells_how_it_runs() {
    hold_at_every_width("client", |state| client(state, ""));
}

#[test]
fn what_a_member_does_not_measure_is_not_zero() {
    hold_at_every_width("client-unmeasured", |state| client(state, "j"));
}

#[test]
fn a_member_that_is_silent_says_why() {
    hold_at_every_width("client-silent", |state| {
        client(state, "G");
        press(state, "G");
    });
}

#[test]
fn a_group_with_whose_its_queues_are() {
    hold_at_every_width("group-owners", |state| typed(state, ":group billing"));
}

#[test]
fn a_topic_with_who_reads_it() {
    hold_at_every_width("topic-readers", |state| typed(state, ":topic orders"));
}

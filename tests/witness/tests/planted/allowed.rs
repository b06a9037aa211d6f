//! What only looks like a fault, and must not be reported: a judge that cries wolf is turned off.

use crate::stage::{GROUP, Message, Stage, message, put};
use std::{fs, io::Write};
use witness::{Acks, report};

/// What is done to a stage that must pass nevertheless.
type Allowed = (&'static str, fn(&mut Stage));

#[rustfmt::skip]
const ALLOWED: &[Allowed] = &[
    ("a message without an answer is stored",                     answer_lost),
    ("a message without an answer is not stored",                 attempt_lost),
    ("a message that was sent twice is stored twice",             retry_stored),
    ("a refused message is stored, and the test allows it",       refusal_allowed),
    ("a message that promised nothing is lost with the power",    undurable_lost),
    ("and its place goes to another message",                     place_taken),
    ("messages that were sent at the same time are in any order", at_the_same_time),
    ("the client was not told the physical offset",               physical_offset_unknown),
    ("old log files are deleted",                                 old_files_deleted),
    ("a topic is deleted, and made again",                        topic_deleted),
    ("a group's offset is reset to a smaller one",                offset_reset),
    ("a killed broker forgets offsets that were not saved",       offset_forgotten),
    ("a store is written without an index",                       without_index),
    ("a half message has no entry, a rollback not even keys",     transactions),
    ("a delayed message waits in another topic's queue",          delayed),
    ("a delayed message comes when it is due",                    delayed_and_due),
    ("a half message that is rolled back is given to nobody",     rolled_back),
    ("a commit without an answer is carried out, or not",         commit_unanswered),
    ("an ordered group starts again further in front",            given_again),
    ("a body is compressed",                                      compressed),
    ("a message is known by its unique key only",                 known_by_unique_key),
    ("a retry topic has copies",                                  sent_back),
    ("a log file is filled up, and the next not made yet",        filler_at_end),
    ("the clock goes back while the store is closed",             clock_back),
];

#[test]
fn what_is_allowed_is_not_reported() {
    let mut wrong = String::new();
    for (name, act) in ALLOWED {
        let mut stage = Stage::new();
        act(&mut stage);
        let violations = stage.check();
        if !violations.is_empty() {
            wrong += &format!("{name}: {}\n", report(&violations));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn attempt(stage: &Stage, message: &Message) {
    stage.history.attempt(&message.id, message.topic, &message.body);
}

fn answer_lost(stage: &mut Stage) {
    let unknown = message("unknown", "Orders", 0);
    attempt(stage, &unknown);
    stage.open(|store, _| _ = put(store, &unknown));
}

fn attempt_lost(stage: &mut Stage) {
    attempt(stage, &message("unknown", "Orders", 0));
}

fn retry_stored(stage: &mut Stage) {
    let retried = message("retried", "Orders", 0);
    attempt(stage, &retried);
    stage.open(|store, _| {
        put(store, &retried);
        stage.send(store, &retried);
    });
}

fn refusal_allowed(stage: &mut Stage) {
    answer_lost(stage);
    stage.history.refused("unknown");
    stage.expect.refused_may_be_stored = true;
}

fn undurable_lost(stage: &mut Stage) {
    let (synced, late) = (stage.last().end(), message("late", "Orders", 0));
    attempt(stage, &late);
    stage.open(|store, _| {
        let placed = put(store, &late);
        stage.history.acked(&late.id, 0, placed.queue_offset, placed.physical_offset, false);
    });
    stage.lose_log_behind(synced);
    stage.expect.acks = Acks::Durable;
}

fn place_taken(stage: &mut Stage) {
    undurable_lost(stage);
    stage.open(|store, _| _ = stage.send(store, &message("next", "Orders", 0)));
}

fn at_the_same_time(stage: &mut Stage) {
    let [one, other] = ["one", "other"].map(|id| message(id, "Orders", 0));
    attempt(stage, &one);
    stage.open(|store, _| {
        stage.send(store, &other);
        let placed = put(store, &one);
        stage.history.acked(&one.id, 0, placed.queue_offset, placed.physical_offset, true);
    });
}

fn physical_offset_unknown(stage: &mut Stage) {
    let untold = message("untold", "Orders", 0);
    attempt(stage, &untold);
    stage.open(|store, _| {
        let placed = put(store, &untold);
        stage.history.acked(&untold.id, 0, placed.queue_offset, None, true);
    });
}

fn old_files_deleted(stage: &mut Stage) {
    physical_offset_unknown(stage);
    fs::remove_file(&stage.read().log.files[0].path).unwrap();
    stage.expect.retention = true;
}

fn topic_deleted(stage: &mut Stage) {
    stage.open(|store, _| {
        store.delete_topic("Payments").unwrap();
        stage.send(store, &message("again", "Payments", 0));
    });
    stage.expect.deleted_topics.insert("Payments".into());
}

fn offset_reset(stage: &mut Stage) {
    stage.history.reset(GROUP, "Orders", 0, 2);
    stage.history.committed(GROUP, "Orders", 0, 3);
    stage.write_offset(3);
}

fn offset_forgotten(stage: &mut Stage) {
    let saved = stage.read().offsets[0].offset;
    stage.history.committed(GROUP, "Orders", 0, saved + 5);
    stage.history.crashed();
    stage.history.committed(GROUP, "Orders", 0, saved + 1);
}

fn without_index(stage: &mut Stage) {
    fs::remove_dir_all(stage.dir.path().join("index")).unwrap();
    stage.expect.index = false;
}

fn transactions(stage: &mut Stage) {
    for (id, sys_flag) in [("half", 4), ("rollback", 12), ("commit", 8)] {
        let message = Message { sys_flag, ..message(id, "Orders", 0) };
        stage.open(|store, _| _ = stage.send(store, &message));
    }
}

fn delayed(stage: &mut Stage) {
    // As a broker parks it: the answer tells the offset there, but the queue it is meant for.
    let meant = message("delayed", "Orders", 1);
    let properties = format!("{}\u{2}DELAY\u{1}3\u{2}REAL_TOPIC\u{1}Orders\u{2}REAL_QID\u{1}1", meant.properties);
    let parked = Message { topic: "SCHEDULE_TOPIC_XXXX", queue_id: 2, properties, ..meant.clone() };
    attempt(stage, &meant);
    stage.open(|store, _| {
        let placed = put(store, &parked);
        stage.history.acked(&meant.id, 1, placed.queue_offset, placed.physical_offset, true);
        put(store, &meant);
    });
    fs::write(stage.dir.path().join("config/delayOffset.json"), r#"{"offsetTable":{3:1}}"#).unwrap();
}

fn compressed(stage: &mut Stage) {
    let plain = message("compressed", "Orders", 0);
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    deflated.write_all(&plain.body).unwrap();
    attempt(stage, &plain);
    let stored = Message { body: deflated.finish().unwrap(), sys_flag: 1, ..plain };
    stage.open(|store, _| _ = put(store, &stored));
}

fn known_by_unique_key(stage: &mut Stage) {
    let keyed = Message { id: "U-key".into(), body: b"no id".to_vec(), ..message("-key", "Orders", 0) };
    stage.open(|store, _| _ = stage.send(store, &keyed));
}

fn sent_back(stage: &mut Stage) {
    let copy = Message { topic: "%RETRY%Readers", ..message("17", "Orders", 0) };
    stage.open(|store, _| _ = (put(store, &copy), put(store, &copy)));
}

fn filler_at_end(stage: &mut Stage) {
    stage.write_log(stage.last().end(), &[0, 0, 1, 0, 0xCB, 0xD4, 0x31, 0x94]);
}

fn clock_back(stage: &mut Stage) {
    stage.open(|store, clock| {
        clock.advance_ms(-3_600_000);
        stage.send(store, &message("back", "Orders", 0));
    });
}

/// As it is kept in a topic of the broker's own.
fn hold(stage: &Stage, id: &str, parked_in: &'static str, copies: usize) {
    let held = message(id, "Orders", 0);
    attempt(stage, &held);
    stage.open(|store, _| {
        let parked = put(store, &Message { topic: parked_in, ..held.clone() });
        stage.history.acked(&held.id, 0, parked.queue_offset, parked.physical_offset, true);
        (0..copies).for_each(|_| _ = put(store, &held));
    });
}

fn delayed_and_due(stage: &mut Stage) {
    hold(stage, "later", "rmq_sys_wheel_timer", 1);
    stage.history.due("later", stage.last().store_ms);
}

fn rolled_back(stage: &mut Stage) {
    *stage = Stage::empty();
    hold(stage, "half", "RMQ_SYS_TRANS_HALF_TOPIC", 0);
    stage.history.half("half");
    stage.history.ending("half", false);
    stage.history.ended("half", false);
    stage.expect.delivered_to = vec![(GROUP.to_owned(), "Orders".to_owned())];
}

fn commit_unanswered(stage: &mut Stage) {
    for (id, copies) in [("one", 0), ("other", 1)] {
        hold(stage, id, "RMQ_SYS_TRANS_HALF_TOPIC", copies);
        stage.history.half(id);
        stage.history.ending(id, true);
    }
}

fn given_again(stage: &mut Stage) {
    let store = stage.read();
    let orders = |offset: &i64| {
        let is_it = |record: &&witness::reader::Record| {
            record.topic == "Orders" && record.queue_id == 0 && record.queue_offset == *offset
        };
        store.log.records.iter().find(is_it).unwrap().id().unwrap()
    };
    let next = store.offsets[0].offset;
    for offset in [next - 3, next - 2, next - 1, next, next + 1] {
        stage.history.delivered(GROUP, "Orders", 0, offset, &orders(&offset));
    }
    stage.expect.in_order = vec![GROUP.to_owned()];
}

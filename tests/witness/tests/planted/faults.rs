//! What is done to a stage, one function a fault. The table in `planted.rs` says what each is and how it must be seen.

use crate::stage::{GROUP, Message, Stage, message, put, write};
use std::fs;
use witness::{Expect, body_of, reader::QueueEntry};

// Acknowledgements and the log.

pub fn cut_last_record(stage: &mut Stage) {
    stage.lose_log_behind(stage.last().physical_offset);
}

pub fn cut_last_byte(stage: &mut Stage) {
    stage.write_log(stage.last().end() - 1, &[0]);
}

pub fn acknowledge_before_sync(stage: &mut Stage) {
    // Sent after the last sync; the answer promises more than is true.
    let synced = stage.last().end();
    stage.open(|store, _| _ = stage.send(store, &message("late", "Orders", 0)));
    stage.lose_log_behind(synced);
    stage.expect = Expect::durable();
}

pub fn remove_log_file(stage: &mut Stage) {
    fs::remove_file(&stage.read().log.files[1].path).unwrap();
}

pub fn answer_other_place(stage: &mut Stage) {
    let last = stage.last();
    stage.history.acked(&last.id().unwrap(), last.queue_id, last.queue_offset + 1, last.physical_offset, true);
}

pub fn answer_other_byte(stage: &mut Stage) {
    let last = stage.last();
    stage.history.acked(&last.id().unwrap(), last.queue_id, last.queue_offset, last.physical_offset - 1, true);
}

pub fn change_body_and_crc(stage: &mut Stage) {
    let record = stage.record("17");
    let mut body = record.body.clone();
    *body.last_mut().unwrap() ^= 1;
    stage.write_log(body_at(stage, &record.body), &body);
    stage.write_log(record.physical_offset + 8, &(crc32fast::hash(&body) & 0x7FFF_FFFF).to_be_bytes());
}

pub fn flip_body_bit(stage: &mut Stage) {
    let record = stage.record("17");
    let at = body_at(stage, &record.body) + record.body.len() as i64 - 1;
    stage.write_log(at, &[record.body.last().unwrap() ^ 1]);
}

/// Where a body starts in the log.
fn body_at(stage: &Stage, body: &[u8]) -> i64 {
    let file = &stage.read().log.files[0];
    let bytes = fs::read(&file.path).unwrap();
    file.start + bytes.windows(body.len()).position(|window| window == body).unwrap() as i64
}

pub fn store_ghost(stage: &mut Stage) {
    stage.open(|store, _| _ = put(store, &message("ghost", "Orders", 0)));
}

pub fn store_in_other_topic(stage: &mut Stage) {
    let lost = message("stray", "Orders", 0);
    stage.history.attempt(&lost.id, lost.topic, &lost.body);
    stage.open(|store, _| _ = put(store, &Message { topic: "Payments", ..lost }));
}

pub fn store_twice(stage: &mut Stage) {
    stage.open(|store, _| _ = put(store, &message("17", "Orders", 1)));
}

pub fn store_refused(stage: &mut Stage) {
    let refused = message("no", "Orders", 0);
    stage.history.attempt(&refused.id, refused.topic, &refused.body);
    stage.history.refused(&refused.id);
    stage.open(|store, _| _ = put(store, &refused));
}

pub fn swap_messages(stage: &mut Stage) {
    let [first, second] = ["first", "second"].map(|id| message(id, "Orders", 0));
    stage.open(|store, _| {
        let places = [put(store, &second), put(store, &first)];
        for (message, placed) in [(&first, places[1]), (&second, places[0])] {
            stage.history.attempt(&message.id, message.topic, &message.body);
            stage.history.acked(&message.id, 0, placed.queue_offset, placed.physical_offset, true);
        }
    });
}

pub fn reuse_queue_offset(stage: &mut Stage) {
    let record = stage.record("17");
    stage.write_log(record.physical_offset + 20, &(record.queue_offset - 1).to_be_bytes());
}

pub fn skip_queue_offset(stage: &mut Stage) {
    let record = stage.last();
    stage.write_log(record.physical_offset + 20, &(record.queue_offset + 1).to_be_bytes());
}

pub fn leave_old_bytes(stage: &mut Stage) {
    stage.write_log(stage.last().end() + 300, b"old");
}

pub fn leave_old_file(stage: &mut Stage) {
    let last = stage.read().log.files.pop().unwrap();
    let mut bytes = vec![0; last.len as usize];
    bytes[77] = 1;
    let next = format!("{:020}", last.start + last.len as i64);
    fs::write(last.path.with_file_name(next), bytes).unwrap();
}

pub fn acknowledge_unasked(stage: &mut Stage) {
    stage.history.acked("unasked", 0, 0, 0, true);
}

// Consume queues.

pub fn drop_middle_entry(stage: &mut Stage) {
    stage.write_entry("Orders", 0, 30, None);
}

pub fn drop_last_entry(stage: &mut Stage) {
    stage.write_entry("Orders", 0, end_of_orders(stage) - 1, None);
}

fn end_of_orders(stage: &Stage) -> i64 {
    stage.read().queue("Orders", 0).unwrap().end
}

pub fn remove_queue(stage: &mut Stage) {
    fs::remove_dir_all(stage.dir.path().join("consumequeue/Payments/0")).unwrap();
}

pub fn wrong_entry_size(stage: &mut Stage) {
    change_entry(stage, |entry| entry.size -= 1);
}

pub fn wrong_entry_offset(stage: &mut Stage) {
    let other = stage.entry("Orders", 0, 31);
    change_entry(stage, |entry| entry.physical_offset = other.physical_offset);
}

pub fn wrong_entry_tag(stage: &mut Stage) {
    change_entry(stage, |entry| entry.tag_hash += 1);
}

fn change_entry(stage: &Stage, change: impl FnOnce(&mut QueueEntry)) {
    let mut entry = stage.entry("Orders", 0, 30);
    change(&mut entry);
    stage.write_entry("Orders", 0, 30, Some(entry));
}

pub fn swap_entries(stage: &mut Stage) {
    let (one, other) = (stage.entry("Orders", 0, 30), stage.entry("Orders", 0, 31));
    stage.write_entry("Orders", 0, 30, Some(other));
    stage.write_entry("Orders", 0, 31, Some(one));
}

pub fn second_entry(stage: &mut Stage) {
    let end = end_of_orders(stage);
    let last = stage.entry("Orders", 0, end - 1);
    stage.write_entry("Orders", 0, end, Some(last));
}

pub fn entry_behind_log(stage: &mut Stage) {
    let behind = QueueEntry { physical_offset: stage.last().end(), size: 100, tag_hash: 0 };
    stage.write_entry("Orders", 0, end_of_orders(stage), Some(behind));
}

pub fn entry_behind_hole(stage: &mut Stage) {
    let behind = QueueEntry { physical_offset: stage.last().end(), size: 100, tag_hash: 0 };
    stage.write_entry("Orders", 0, end_of_orders(stage) + 1, Some(behind));
}

// The index. Of 16 slots from byte 40 on; entries from byte 104 on.

pub fn zero_slot(stage: &mut Stage) {
    let (file, key) = stage.newest_key();
    write(&file, 40 + u64::from(key.hash % 16) * 4, &[0; 4]);
}

fn key_at(number: u32) -> u64 {
    104 + u64::from(number) * 20
}

pub fn zero_key(stage: &mut Stage) {
    let (file, key) = stage.newest_key();
    write(&file, key_at(key.number), &[0; 20]);
}

pub fn key_behind_log(stage: &mut Stage) {
    let (file, key) = stage.newest_key();
    write(&file, key_at(key.number) + 4, &stage.last().end().to_be_bytes());
}

pub fn key_to_other_record(stage: &mut Stage) {
    let (file, key) = stage.newest_key();
    write(&file, key_at(key.number) + 4, &(stage.last().physical_offset - 1).to_be_bytes());
}

pub fn key_at_other_time(stage: &mut Stage) {
    let (file, key) = stage.newest_key();
    write(&file, key_at(key.number) + 12, &(key.seconds + 1).to_be_bytes());
}

pub fn ring_of_keys(stage: &mut Stage) {
    let index = stage.read().index;
    let file = index.files.last().unwrap();
    let middle = file.entries.iter().rfind(|entry| entry.older != 0).unwrap();
    let path = stage.dir.path().join("index").join(&file.name);
    write(&path, key_at(middle.number) + 16, &middle.number.to_be_bytes());
}

pub fn uncount_key(stage: &mut Stage) {
    let (file, key) = stage.newest_key();
    write(&file, 36, &key.number.to_be_bytes());
}

pub fn index_of_other_time(stage: &mut Stage) {
    let (file, _) = stage.newest_key();
    write(&file, 8, &(stage.last().store_ms - 1000).to_be_bytes());
}

// Consumers and small files.

pub fn offset_beyond_end(stage: &mut Stage) {
    stage.write_offset(end_of_orders(stage) + 1);
}

pub fn offset_back_in_file(stage: &mut Stage) {
    stage.write_offset(stage.read().offsets[0].offset - 1);
}

pub fn offset_gone(stage: &mut Stage) {
    fs::remove_file(stage.dir.path().join("config/consumerOffset.json")).unwrap();
}

pub fn offset_back_in_answer(stage: &mut Stage) {
    stage.history.committed(GROUP, "Orders", 0, 3);
}

pub fn delay_offset_beyond_end(stage: &mut Stage) {
    fs::write(stage.dir.path().join("config/delayOffset.json"), r#"{"offsetTable":{3:1}}"#).unwrap();
}

pub fn deliver_unsynced(stage: &mut Stage) {
    // The answer promised nothing, but a consumer has seen the message.
    let (synced, early) = (stage.last().end(), message("early", "Orders", 0));
    stage.history.attempt(&early.id, early.topic, &early.body);
    stage.open(|store, _| {
        let placed = put(store, &early);
        stage.history.delivered(GROUP, "Orders", 0, placed.queue_offset, &early.id);
    });
    stage.lose_log_behind(synced);
    stage.expect = Expect::durable();
}

pub fn deliver_other(stage: &mut Stage) {
    deliver_unsynced(stage);
    stage.open(|store, _| _ = stage.send(store, &message("next", "Orders", 0)));
}

pub fn deliver_not_at_all(stage: &mut Stage) {
    stage.expect.delivered_to = vec![(GROUP.to_owned(), "Orders".to_owned())];
}

pub fn deliver_out_of_order(stage: &mut Stage) {
    // The group was given the first fifty of them, in order.
    let next = stage.read().offsets[0].offset;
    for offset in [next + 1, next] {
        let record = stage.read();
        let at = record
            .log
            .records
            .iter()
            .find(|record| record.topic == "Orders" && record.queue_id == 0 && record.queue_offset == offset);
        stage.history.delivered(GROUP, "Orders", 0, offset, &at.unwrap().id().unwrap());
    }
    stage.expect.in_order = vec![GROUP.to_owned()];
}

// Messages that are held back.

/// Sends a message that is kept in a topic of the broker's own, and stores these copies of it where consumers see it.
fn hold(stage: &Stage, parked_in: &'static str, copies: usize) -> String {
    let held = message("held", "Orders", 0);
    stage.history.attempt(&held.id, held.topic, &held.body);
    stage.open(|store, _| {
        let parked = put(store, &Message { topic: parked_in, ..held.clone() });
        stage.history.acked(&held.id, 0, parked.queue_offset, parked.physical_offset, true);
        (0..copies).for_each(|_| _ = put(store, &held));
    });
    held.id
}

const HALF_TOPIC: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
const TIMERS: &str = "rmq_sys_wheel_timer";

pub fn deliver_early(stage: &mut Stage) {
    let id = hold(stage, TIMERS, 1);
    stage.history.due(&id, stage.last().store_ms + 1);
}

pub fn deliver_delayed_twice(stage: &mut Stage) {
    let id = hold(stage, TIMERS, 2);
    stage.history.due(&id, stage.last().store_ms - 1000);
}

pub fn show_half(stage: &mut Stage) {
    let id = hold(stage, HALF_TOPIC, 1);
    stage.history.half(&id);
}

pub fn show_rolled_back(stage: &mut Stage) {
    show_half(stage);
    stage.history.ending("held", false);
    stage.history.ended("held", false);
}

fn commit(stage: &Stage, copies: usize) {
    let id = hold(stage, HALF_TOPIC, copies);
    stage.history.half(&id);
    stage.history.ending(&id, true);
    stage.history.ended(&id, true);
}

pub fn lose_commit(stage: &mut Stage) {
    commit(stage, 0);
}

pub fn commit_twice(stage: &mut Stage) {
    commit(stage, 2);
}

pub fn commit_and_not_deliver(stage: &mut Stage) {
    *stage = Stage::empty();
    commit(stage, 1);
    stage.expect.delivered_to = vec![(GROUP.to_owned(), "Orders".to_owned())];
}

pub fn empty_offsets(stage: &mut Stage) {
    let path = stage.dir.path().join("config/consumerOffset.json");
    fs::rename(&path, path.with_file_name("consumerOffset.json.bak")).unwrap();
    fs::write(path, body_of("", b"")).unwrap();
}

pub fn cut_index_file(stage: &mut Stage) {
    let (path, _) = stage.newest_key();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(500).unwrap();
}

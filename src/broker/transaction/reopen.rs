//! Which transactions have not ended, found out from the store at the start.
//!
//! What came to the queue of half messages since the saved offset waits, unless a note says that it is over. A crash may
//! have come between a message that was stored in place of a half one and the note of that: such a message names the half
//! one it stands for, and can only be near the end of the log, where it is looked for.

use super::{
    At, GROUP, half, is_same_message,
    pending::{Pending, read_notes},
    read,
};
use crate::offsets::Offsets;
use protocol::{
    properties,
    record::{MESSAGE_MAGIC, Record, SysFlag},
    topic::{HALF_TOPIC, OP_HALF_TOPIC, TRANS_CHECK_MAX_TIME_TOPIC},
};
use std::{collections::HashMap, net::SocketAddr};
use store::MessageStore;

/// What waits.
pub fn reopen(store: &MessageStore, offsets: &Offsets, host: SocketAddr, now_ms: i64) -> Pending {
    let Some(halves) = store.queue(HALF_TOPIC, half::QUEUE) else { return Pending::from(0, host) };
    let done = |topic| offsets.get(topic, GROUP, half::QUEUE);
    let (first, end) = (halves.min_offset(), halves.max_offset());
    let mut pending = Pending::from(done(HALF_TOPIC).unwrap_or(first).clamp(first, end), host);
    pending.see(store);
    if let Some(notes) = store.queue(OP_HALF_TOPIC, half::QUEUE) {
        let (first, end) = (notes.min_offset(), notes.max_offset());
        read_notes(store, &notes, done(OP_HALF_TOPIC).unwrap_or(first).clamp(first, end), end, |_, ended| {
            ended.iter().for_each(|&index| pending.forget(index));
            true
        });
    }
    for index in unnoted(store, &pending) {
        tracing::info!(index, "a transaction had ended when the broker broke off: noted now");
        if let Err(error) = pending.end(store, index, None, now_ms) {
            pending.owe(index);
            tracing::error!(index, %error, "cannot note that a transaction has ended; trying again later");
        }
    }
    for at in pending.all() {
        pending.was_at(at.index, former(store, at));
    }
    let waiting = pending.all().len();
    if waiting > 0 {
        tracing::info!(waiting, "half messages wait for the end of their transaction");
    }
    pending
}

/// The half messages that wait although something was stored in their place.
fn unnoted(store: &MessageStore, pending: &Pending) -> Vec<i64> {
    let waiting: HashMap<i64, i64> = pending.all().iter().map(|at| (at.physical, at.index)).collect();
    let Some(&oldest) = waiting.keys().min() else { return Vec::new() };
    let end = store.max_physical();
    let file_size = store.log_file_size();
    // What came behind the last whole write is gone: it is in the last file that has a record.
    let last_file = (end - 1) - (end - 1) % file_size;
    let mut unnoted = Vec::new();
    let mut at = oldest.max(last_file);
    while at < end {
        if let Some(record) = read(store, at)
            && stands_for_a_half(&record)
            && let Some(&index) = waiting.get(&record.prepared_transaction_offset)
            && record.physical_offset > record.prepared_transaction_offset
            && read(store, record.prepared_transaction_offset).is_some_and(|half| is_same_message(&half, &record))
        {
            unnoted.push(index);
        }
        at = match size_at(store, at) {
            Some(size) => at + size,
            None => at - at % file_size + file_size,
        };
    }
    unnoted.sort_unstable();
    unnoted.dedup();
    unnoted
}

fn stands_for_a_half(record: &Record) -> bool {
    record.sys_flag.transaction() == SysFlag::TRANSACTION_COMMIT
        || [HALF_TOPIC, TRANS_CHECK_MAX_TIME_TOPIC].contains(&record.topic.as_str())
}

/// The size that the record at `at` says it has, whole or not.
fn size_at(store: &MessageStore, at: i64) -> Option<i64> {
    let head = store.read(at, 8)?;
    let word = |from: usize| head.get(from..from + 4).and_then(|word| word.try_into().ok()).map(u32::from_be_bytes);
    word(0).filter(|size| *size > 8 && word(4) == Some(MESSAGE_MAGIC)).map(i64::from)
}

/// Where a half message lay before it was stored anew, oldest first.
fn former(store: &MessageStore, at: At) -> Vec<At> {
    let mut former = Vec::new();
    let Some(mut half) = read(store, at.physical) else { return former };
    while properties::get(&half.properties, properties::TRANSACTION_CHECK_TIMES).is_some()
        && half.prepared_transaction_offset < half.physical_offset
        && let Some(before) = read(store, half.prepared_transaction_offset)
        && before.topic == HALF_TOPIC
        && is_same_message(&before, &half)
    {
        former.push(At { index: before.queue_offset, physical: before.physical_offset });
        half = before;
    }
    former.reverse();
    former
}

//! Consume queues against the log: dense, each entry says what its record does, each record has its entry.

use super::{
    Kind,
    check::{Facts, place_of},
};
use crate::reader::{Queue, QueueEntry};

pub(super) fn check(facts: &mut Facts<'_>) {
    for ((topic, queue_id), queue) in &facts.store.queues {
        let mut next = queue.min;
        for (&at, entry) in &queue.entries {
            gap(facts, topic, *queue_id, (next, at));
            next = at.saturating_add(1);
            if let Err((kind, what)) = matches_record(facts, (topic, *queue_id, at), entry) {
                let QueueEntry { physical_offset, size, tag_hash } = entry;
                let id = facts.slots.get(&(&**topic, *queue_id, at)).and_then(|at| facts.ids[*at].clone());
                let what = format!("{topic}/{queue_id}/{at} is ({physical_offset}, {size}, {tag_hash}): {what}");
                facts.violation(kind, id.as_deref(), what);
            }
        }
    }
    for (at, record) in facts.store.log.records.iter().enumerate() {
        let queue = facts.store.queue(&record.topic, record.queue_id);
        let has_entry = |queue: &Queue| queue.entries.contains_key(&record.queue_offset);
        if record.is_queued() && !queue.is_some_and(has_entry) && !facts.is_deleted(&record.topic) {
            let end = queue.map_or("is not there".to_owned(), |queue| format!("holds {}..{}", queue.min, queue.end));
            let what = format!("it is at {}, and its queue, which {end}, has no entry for it", place_of(record));
            facts.violation(Kind::EntryMissing, facts.ids[at].clone().as_deref(), what);
        }
    }
}

/// Reports what was never written between two entries, unless its records are there and reported one by one.
fn gap(facts: &mut Facts<'_>, topic: &str, queue_id: i32, (from, to): (i64, i64)) {
    let mut records = (from..to).take_while(|at| facts.slots.contains_key(&(topic, queue_id, *at)));
    if records.by_ref().count() as i64 != (to - from).max(0) {
        let what = format!("{topic}/{queue_id} has nothing from {from} to {to}, and goes on behind it");
        facts.violation(Kind::EntryMissing, None, what);
    }
}

fn matches_record(
    facts: &Facts<'_>,
    (topic, queue_id, at): (&str, i32, i64),
    entry: &QueueEntry,
) -> Result<(), (Kind, String)> {
    let log = &facts.store.log;
    let wrong = |what: String| Err((Kind::EntryWrong, what));
    let QueueEntry { physical_offset, size, tag_hash } = *entry;
    if physical_offset < 0 || size < 0 {
        return wrong("no record can be there".into());
    }
    if physical_offset < log.min {
        return match facts.expect.retention {
            true => Ok(()),
            false => wrong(format!("the log starts at {}", log.min)),
        };
    }
    if physical_offset.saturating_add(size.into()) > log.end {
        return Err((Kind::EntryBehindLog, format!("the log ends at {}", log.end)));
    }
    let Some(record) = log.record_at(physical_offset) else {
        return wrong("no record starts there".into());
    };
    if (&*record.topic, record.queue_id, record.queue_offset) != (topic, queue_id, at) || !record.is_queued() {
        return wrong(format!("the record there belongs to {}", place_of(record)));
    }
    if i64::from(record.size) != i64::from(size) {
        return wrong(format!("the record there has {} bytes", record.size));
    }
    match record.entry_tag(&facts.expect.delay_levels_ms) {
        expected if expected != tag_hash => wrong(format!("the record there has the tag hash {expected}")),
        _ => Ok(()),
    }
}

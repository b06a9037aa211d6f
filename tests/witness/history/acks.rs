//! Sends against the log: nothing acknowledged is lost, moved or changed; nothing is there that was not sent, or more
//! often than it was sent; and what was acknowledged first comes first.

use super::{
    BodySum, Kind,
    check::{Ack, Facts, is_system, place_of},
};
use crate::reader::Record;
use std::collections::{BTreeMap, HashMap};

pub(super) fn check(facts: &mut Facts<'_>) {
    let mut copies: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, id) in facts.ids.iter().enumerate() {
        if let Some(id) = id {
            copies.entry(id.clone()).or_default().push(at);
        }
    }
    acknowledged(facts, &copies);
    stored(facts);
    counted(facts, &copies);
    ordered(facts);
}

/// Each acknowledged message stands where its answer said.
fn acknowledged(facts: &mut Facts<'_>, copies: &HashMap<String, Vec<usize>>) {
    for ack in facts.acks.clone() {
        let Some(topic) = facts.sent.get(ack.id).map(|sent| sent.topic) else {
            facts.violation(Kind::Unrecorded, Some(ack.id), "it was acknowledged, but no attempt is noted".into());
            continue;
        };
        if !ack.counts || is_expired(facts, topic, &ack) {
            continue;
        }
        let copies: Vec<&Record> =
            copies.get(ack.id).into_iter().flatten().map(|at| &facts.store.log.records[*at]).collect();
        if copies.iter().any(|record| stands_as_told(record, topic, &ack)) {
            continue;
        }
        let Ack { queue_id, queue_offset, .. } = ack;
        let told = match ack.physical_offset {
            Some(offset) => format!("{topic}/{queue_id}/{queue_offset} (log {offset})"),
            None => format!("{topic}/{queue_id}/{queue_offset}"),
        };
        if copies.is_empty() {
            let what = format!(
                "it was acknowledged at {told}, and the log, which ends at {}, has no copy of it; {}",
                facts.store.log.end,
                instead(facts, topic, &ack)
            );
            facts.violation(Kind::LostAck, Some(ack.id), what);
        } else {
            let places: Vec<_> = copies.into_iter().map(place_of).collect();
            let what = format!("it was acknowledged at {told}, and is at {}", places.join(" and "));
            facts.violation(Kind::WrongPlace, Some(ack.id), what);
        }
    }
}

fn is_expired(facts: &Facts<'_>, topic: &str, ack: &Ack<'_>) -> bool {
    match ack.physical_offset {
        Some(offset) => facts.expect.retention && offset < facts.store.log.min,
        None => facts.may_be_expired(topic, ack.queue_id, ack.queue_offset),
    }
}

/// A delayed message or a half one is parked: the answer names the queue that it is meant for, but another's offset.
fn stands_as_told(record: &Record, topic: &str, ack: &Ack<'_>) -> bool {
    let in_queue = match record.topic == topic {
        true => (record.queue_id, record.queue_offset) == (ack.queue_id, ack.queue_offset),
        false => is_system(&record.topic) && record.queue_offset == ack.queue_offset,
    };
    in_queue && ack.physical_offset.is_none_or(|offset| offset == record.physical_offset)
}

fn instead(facts: &Facts<'_>, topic: &str, ack: &Ack<'_>) -> String {
    match facts.slots.get(&(topic, ack.queue_id, ack.queue_offset)) {
        None => "nothing is in its place".into(),
        Some(at) => match &facts.ids[*at] {
            Some(other) => format!("message {other} is in its place"),
            None => "a message without an id is in its place".into(),
        },
    }
}

/// Each stored message was sent, to this topic and with this body.
fn stored(facts: &mut Facts<'_>) {
    for (at, record) in facts.store.log.records.iter().enumerate() {
        let id = facts.ids[at].clone();
        let sent = id.as_deref().and_then(|id| facts.sent.get(id));
        let (topic, body) = match sent {
            Some(sent) => (sent.topic, sent.body),
            // What the broker writes there itself has a `UNIQ_KEY` at most.
            None if is_system(&record.topic) && !record.body.starts_with(b"id=") => continue,
            None => {
                let what = format!("it is at {}, and was never sent", place_of(record));
                facts.violation(Kind::Ghost, id.as_deref(), what);
                continue;
            }
        };
        if record.topic != topic && !is_system(&record.topic) {
            let what = format!("it is at {}, and was sent to {topic}", place_of(record));
            facts.violation(Kind::Ghost, id.as_deref(), what);
        }
        // A damaged one is reported as such.
        let plain = record.plain_body();
        if record.crc_ok && plain.as_deref().map(BodySum::of) != Some(body) {
            let now = plain.map_or("cannot be inflated".to_owned(), |plain| format!("has {} bytes", plain.len()));
            let what = format!(
                "it is at {}, and was sent with another body: the one of {} bytes, and this one {now}",
                place_of(record),
                body.len
            );
            facts.violation(Kind::BodyChanged, id.as_deref(), what);
        }
    }
}

/// Each message is stored at most as often as it was sent and not refused.
fn counted(facts: &mut Facts<'_>, copies: &HashMap<String, Vec<usize>>) {
    let mut found = Vec::new();
    for (id, sent) in &facts.sent {
        let records = copies.get(*id).into_iter().flatten().map(|at| &facts.store.log.records[*at]);
        let places: Vec<_> = records.filter(|record| record.topic == sent.topic).map(place_of).collect();
        let refused = if facts.expect.refused_may_be_stored { 0 } else { sent.refused };
        let (stored, all) = (places.len(), places.join(" and "));
        if stored > sent.attempts {
            let what = format!("it is stored {stored} times and was sent {} times: at {all}", sent.attempts);
            found.push((Kind::Duplicate, *id, what));
        } else if stored + refused > sent.attempts {
            let what = format!("it was sent {} times and refused {refused} times, and is at {all}", sent.attempts);
            found.push((Kind::StoredThoughRefused, *id, what));
        }
    }
    found.into_iter().for_each(|(kind, id, what)| facts.violation(kind, Some(id), what));
}

/// A message in a queue: when, at which index, and its id.
type Step<'a> = (usize, i64, &'a str);

/// What happened in a queue: the acknowledgements that count, and the first attempts.
type Steps<'a> = (Vec<Step<'a>>, Vec<Step<'a>>);

/// If A was acknowledged before B was sent, A comes before B in their queue.
fn ordered(facts: &mut Facts<'_>) {
    let mut queues: BTreeMap<(&str, i32), Steps<'_>> = BTreeMap::new();
    for ack in &facts.acks {
        let Some(sent) = facts.sent.get(ack.id) else { continue };
        let parked = ack.physical_offset.and_then(|offset| facts.store.log.record_at(offset));
        if facts.is_deleted(sent.topic) || parked.is_some_and(|record| is_system(&record.topic) || !record.is_queued())
        {
            continue;
        }
        let (acked, begun) = queues.entry((sent.topic, ack.queue_id)).or_default();
        if ack.counts {
            acked.push((ack.at, ack.queue_offset, ack.id));
        }
        begun.push((sent.begun, ack.queue_offset, ack.id));
    }
    for (record, id) in facts.store.log.records.iter().zip(&facts.ids) {
        let Some((id, sent)) = id.as_deref().and_then(|id| facts.sent.get_key_value(id)) else { continue };
        if record.topic == sent.topic && record.is_queued() && !facts.is_deleted(sent.topic) {
            let (_, begun) = queues.entry((sent.topic, record.queue_id)).or_default();
            begun.push((sent.begun, record.queue_offset, id));
        }
    }
    let mut found = Vec::new();
    for ((topic, queue_id), (mut acked, mut begun)) in queues {
        acked.sort_unstable();
        begun.sort_unstable();
        begun.dedup();
        let mut acked = acked.into_iter().peekable();
        let mut highest: Option<Step<'_>> = None;
        for (at, offset, id) in begun {
            while let Some(ack) = acked.next_if(|(acked_at, ..)| *acked_at < at) {
                highest = highest.filter(|highest| highest.1 >= ack.1).or(Some(ack));
            }
            if let Some((_, before, other)) = highest.filter(|(_, before, other)| *before >= offset && *other != id) {
                let what = format!(
                    "it is at {topic}/{queue_id}/{offset}, and {other}, acknowledged before it was sent, at {before}"
                );
                found.push((id, what));
            }
        }
    }
    found.into_iter().for_each(|(id, what)| facts.violation(Kind::Order, Some(id), what));
}

//! Consumers against the store: offsets in bounds and never backwards, deliveries of what is there.

use super::{
    Event, Kind,
    check::{Facts, is_system},
    held::Held,
};
use crate::reader::SCHEDULE_TOPIC;
use std::collections::{BTreeMap, BTreeSet};

/// Group, topic, queue.
type Consumer<'a> = (&'a str, &'a str, i32);

pub(super) fn check(facts: &mut Facts<'_>) {
    in_bounds(facts);
    never_backwards(facts);
    if facts.expect.deliveries {
        delivered(facts);
    }
    delivered_to_all(facts);
    in_order(facts);
}

fn in_bounds(facts: &mut Facts<'_>) {
    let store = facts.store;
    let consumers = store.offsets.iter().map(|offset| {
        let what = format!("group {} on {}/{}", offset.group, offset.topic, offset.queue_id);
        (what, &*offset.topic, offset.queue_id, offset.offset)
    });
    let delays = store
        .delay_offsets
        .iter()
        .map(|(level, offset)| (format!("delay level {level}"), SCHEDULE_TOPIC, level.saturating_sub(1), *offset));
    for (what, topic, queue_id, offset) in consumers.chain(delays) {
        let end = store.queue(topic, queue_id).map_or(0, |queue| queue.end);
        if !(0..=end).contains(&offset) && !facts.is_deleted(topic) {
            let what = format!("{what} is at {offset}, and the queue ends at {end}");
            facts.violation(Kind::OffsetOutOfBounds, None, what);
        }
    }
}

/// As the broker answered, and as its file has it.
fn never_backwards(facts: &mut Facts<'_>) {
    let mut current: BTreeMap<Consumer<'_>, i64> = BTreeMap::new();
    let mut saved: BTreeMap<Consumer<'_>, i64> = BTreeMap::new();
    for event in facts.events {
        match event {
            Event::Committed { group, topic, queue_id, offset } => {
                let before = current.insert((group, topic, *queue_id), *offset);
                if let Some(before) = before.filter(|before| before > offset) {
                    let what = format!("group {group} on {topic}/{queue_id} went from {before} to {offset}");
                    facts.violation(Kind::OffsetBackwards, None, what);
                }
            }
            Event::Reset { group, topic, queue_id, offset } => {
                let consumer = (&**group, &**topic, *queue_id);
                current.insert(consumer, *offset);
                // Whether the file has it already is not known.
                saved.entry(consumer).and_modify(|saved| *saved = (*offset).min(*saved));
            }
            Event::OffsetsSaved => saved.clone_from(&current),
            Event::Crashed => current.clone_from(&saved),
            _ => {}
        }
    }
    let in_file: BTreeMap<Consumer<'_>, i64> = (facts.store.offsets.iter())
        .map(|offset| ((&*offset.group, &*offset.topic, offset.queue_id), offset.offset))
        .collect();
    for ((group, topic, queue_id), saved) in saved {
        let now = in_file.get(&(group, topic, queue_id));
        if now.is_none_or(|now| *now < saved) && !facts.is_deleted(topic) {
            let now = now.map_or("nothing".to_owned(), i64::to_string);
            let what = format!("group {group} on {topic}/{queue_id} was saved at {saved}, and the file has {now}");
            facts.violation(Kind::OffsetBackwards, None, what);
        }
    }
}

/// What a consumer was given is what the queue has there.
fn delivered(facts: &mut Facts<'_>) {
    for event in facts.events {
        let Event::Delivered { group, topic, queue_id, queue_offset, id } = event else { continue };
        let given = format!("{group} was given it as {topic}/{queue_id}/{queue_offset}");
        if !facts.sent.contains_key(&**id) {
            facts.violation(Kind::DeliveryWrong, Some(id), format!("{given}, and it was never sent"));
            continue;
        }
        if facts.is_deleted(topic) || facts.may_be_expired(topic, *queue_id, *queue_offset) {
            continue;
        }
        let slot = facts.slots.get(&(&**topic, *queue_id, *queue_offset)).map(|at| facts.ids[*at].clone());
        match slot {
            None => facts.violation(Kind::DeliveryLost, Some(id), format!("{given}, and nothing is there")),
            Some(there) if there.as_deref() != Some(id) => {
                let there = there.unwrap_or_else(|| "without an id".into());
                facts.violation(Kind::DeliveryWrong, Some(id), format!("{given}, and message {there} is there"));
            }
            Some(_) => {}
        }
    }
}

/// Each group was given each acknowledged message of its topic at least once.
fn delivered_to_all(facts: &mut Facts<'_>) {
    let given: BTreeSet<(&str, &str)> = (facts.events.iter())
        .filter_map(|event| match event {
            Event::Delivered { group, id, .. } => Some((&**group, &**id)),
            _ => None,
        })
        .collect();
    for (group, topic) in &facts.expect.delivered_to {
        for ack in facts.acks.clone().into_iter().filter(|ack| ack.counts) {
            let wanted = facts.sent.get(ack.id).is_some_and(|sent| sent.topic == topic);
            let seen = facts.held.get(ack.id).is_none_or(Held::is_to_be_seen);
            if wanted && seen && !given.contains(&(&**group, ack.id)) {
                facts.violation(Kind::NotDelivered, Some(ack.id), format!("{group} was never given it"));
            }
        }
    }
}

/// Each group that is promised order was given a queue's messages in the queue's order. What it is given once more, after
/// a member was lost for instance, may begin again further in front.
fn in_order(facts: &mut Facts<'_>) {
    let mut furthest: BTreeMap<Consumer<'_>, i64> = BTreeMap::new();
    for event in facts.events {
        let Event::Delivered { group, topic, queue_id, queue_offset, id } = event else { continue };
        if !facts.expect.in_order.contains(group) || is_system(topic) {
            continue;
        }
        let furthest = furthest.entry((group, topic, *queue_id)).or_insert(-1);
        // Messages that are deleted or filtered out leave gaps; those that are there and were sent do not.
        let skipped = (*furthest + 1..*queue_offset).find(|before| {
            let at = facts.slots.get(&(&**topic, *queue_id, *before));
            at.is_some_and(|at| facts.ids[*at].as_deref().is_some_and(|id| facts.sent.contains_key(id)))
        });
        if let Some(before) = skipped {
            let what = format!("{group} was given it as {topic}/{queue_id}/{queue_offset}, and not yet {before}");
            facts.violation(Kind::DeliveryOrder, Some(id), what);
        }
        *furthest = (*furthest).max(*queue_offset);
    }
}

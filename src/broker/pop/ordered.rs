//! Popping in order: of a queue that has messages in flight nothing more is handed out, and the group's offset moves as
//! they are acknowledged. Nothing is stored again: what is not acknowledged in time is simply read again.
//!
//! Source: `ConsumerOrderInfoManager` of Apache RocketMQ 5.3.3. Unlike there, a message acknowledged behind one that was
//! not does not come again with it.

use super::{
    Asked, invalid,
    journal::{Event, Ordered, OrderedMessage, Place, Reading},
    take::{Popped, places, position},
    unstored,
};
use crate::{broker::Broker, refusal::Refusal};
use protocol::{
    code::response,
    pop::extra_info::{self, Origin},
};
use store::{PullSpec, PullStatus};

const ROUNDS: usize = 20;

/// Takes messages of one queue, unless others of it are in flight.
pub fn take(broker: &Broker, asked: &Asked, reading: &Reading, popped: &mut Popped) -> Result<(), Refusal> {
    let Reading { group, topic, queue_id } = reading;
    for _ in 0..ROUNDS {
        let before = broker.pops().table.lock().ordered(reading).cloned();
        let same_attempt = |before: &Ordered| before.attempt.is_some() && before.attempt == asked.header.attempt_id;
        if before.as_ref().is_some_and(|before| before.blocks(popped.pop_time) && !same_attempt(before)) {
            return Ok(());
        }
        let (stored, begin) = position(broker, reading, asked.header.init_mode, Origin::Topic)?;
        let room = popped.room(asked);
        if room == 0 {
            return Ok(());
        }
        let done =
            |offset| before.iter().flat_map(|before| &before.messages).any(|old| old.done && old.offset == offset);
        let spec = PullSpec { topic, queue_id: *queue_id, offset: begin, max_messages: room };
        let pulled = broker.store().pull(&spec, |entry, record| {
            asked.wants(entry, record) && !places(record).first().is_some_and(|place| done(place.0))
        });
        let next = pulled.next_offset;
        if pulled.status != PullStatus::Found {
            if pulled.status == PullStatus::Unreadable || next == begin {
                return Ok(());
            }
            broker.offsets().advance(topic, group, *queue_id, stored, next);
            continue;
        }
        let messages: Vec<Place> = pulled.records.iter().flat_map(places).collect();
        let visible_at = popped.pop_time.saturating_add(asked.header.invisible_time);
        let ordered = Ordered {
            reading: reading.clone(),
            pop_time: popped.pop_time,
            attempt: asked.header.attempt_id.clone(),
            messages: merged(before.as_ref(), &messages, begin, visible_at, before.as_ref().is_some_and(same_attempt)),
            end: next,
        };
        let pops = broker.pops();
        let mut table = pops.table.lock();
        if table.ordered(reading) != before.as_ref()
            || !broker.offsets().advance(topic, group, *queue_id, stored, begin)
        {
            // Another pop was quicker, or the offset was set anew.
            continue;
        }
        let counts: Vec<(i64, i32)> = ordered
            .messages
            .iter()
            .filter(|message| !message.done)
            .map(|message| (message.offset, message.count))
            .collect();
        let event = Event::Ordered { ordered, next: Some(begin) };
        pops.note(broker, &mut table, None, event).map_err(|error| unstored(&error))?;
        drop(table);
        for (offset, count) in counts.iter().filter(|(_, count)| *count > 0) {
            extra_info::push_count(&mut popped.counts, Origin::Topic, *queue_id, *offset, *count);
        }
        let least = counts.iter().map(|(_, count)| *count).min().unwrap_or(0);
        extra_info::push_queue_count(&mut popped.counts, Origin::Topic, *queue_id, least);
        popped.add(asked, broker, Origin::Topic, (*queue_id, begin), &messages, pulled.records);
        popped.rest += (pulled.max_offset - next).max(0);
        return Ok(());
    }
    popped.more = true;
    Ok(())
}

/// What is popped now, with what was acknowledged before and must not come again.
fn merged(
    before: Option<&Ordered>,
    messages: &[Place],
    begin: i64,
    visible_at: i64,
    same_attempt: bool,
) -> Vec<OrderedMessage> {
    let old = || before.into_iter().flat_map(|before| &before.messages);
    let mut all: Vec<OrderedMessage> = old().filter(|old| old.done && old.offset >= begin).copied().collect();
    all.extend(messages.iter().map(|&Place(offset, _)| {
        let count = old().find(|old| old.offset == offset).map_or(0, |old| old.count + i32::from(!same_attempt));
        OrderedMessage { offset, count, visible_at, done: false }
    }));
    all.sort_unstable_by_key(|message| message.offset);
    all
}

/// Acknowledges messages. Nothing is changed unless all of them can be.
pub fn ack(broker: &Broker, reading: &Reading, pop_time: i64, offsets: &[i64]) -> Result<(), Refusal> {
    change(broker, reading, pop_time, offsets, |message| message.done = true)
}

/// Has a message be invisible until `visible_at`, ms.
pub fn change_visible_at(
    broker: &Broker,
    reading: &Reading,
    pop_time: i64,
    offset: i64,
    visible_at: i64,
) -> Result<(), Refusal> {
    change(broker, reading, pop_time, &[offset], |message| message.visible_at = visible_at)
}

fn change(
    broker: &Broker,
    reading: &Reading,
    pop_time: i64,
    offsets: &[i64],
    mut change: impl FnMut(&mut OrderedMessage),
) -> Result<(), Refusal> {
    let Reading { group, topic, queue_id } = reading;
    let pops = broker.pops();
    let mut table = pops.table.lock();
    let now = broker.offsets().get(topic, group, *queue_id).unwrap_or(0);
    // Acknowledged before: it is asked for again when an answer was lost.
    let left: Vec<i64> = offsets.iter().copied().filter(|offset| *offset >= now).collect();
    if left.is_empty() {
        return Ok(());
    }
    let gone = || {
        let remark =
            format!("queue {queue_id} of {topic} was popped anew by group {group}, or its messages are not popped");
        Refusal::new(response::NO_MESSAGE, remark)
    };
    let before = table.ordered(reading).filter(|ordered| ordered.pop_time == pop_time).ok_or_else(gone)?;
    let mut ordered = before.clone();
    for offset in left {
        let message = ordered.messages.iter_mut().find(|message| message.offset == offset);
        change(message.ok_or_else(|| invalid(format!("offset {offset} was not popped then")))?);
    }
    if ordered == *before {
        return Ok(());
    }
    let (from, to) = (before.offset(), ordered.offset());
    let free = !ordered.blocks(broker.clock().now_ms());
    pops.note(broker, &mut table, None, Event::Ordered { ordered, next: Some(to) })
        .map_err(|error| unstored(&error))?;
    // Not if the offset was set anew meanwhile.
    broker.offsets().advance(topic, group, *queue_id, Some(from), to);
    drop(table);
    if free {
        pops.waiting.tell(group, topic);
    }
    Ok(())
}

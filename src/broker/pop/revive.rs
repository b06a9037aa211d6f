//! Bringing back what was popped and not acknowledged in time: stored again in the group's retry topic, or, after too
//! many times, among its dead letters.
//!
//! The message and the note that it is done with are stored in one write, so that a crash leaves both or neither.
//! Source: `PopReviveService` of Apache RocketMQ 5.3.3.

use super::{
    journal::{Checkpoint, Event, Place, Reading},
    table::Due,
};
use crate::{broker::Broker, topics::DLQ_QUEUES};
use protocol::{
    pop::{
        FIRST_POP_TIME, POP_CK,
        extra_info::{Origin, plain_topic},
    },
    properties,
    record::{self, Entry, MessageId, NewRecord, Record},
    topic,
};
use std::{sync::Arc, time::Duration};
use store::StoreError;
use tokio_util::sync::CancellationToken;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long to wait after the store took nothing.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// When a message that cannot be read is tried again, ms.
const UNREADABLE_MS: i64 = 10_000;
/// So many events of the journal are read at a start at most, beside those that are needed.
const MAX_JOURNAL: i64 = 100_000;
/// So many ticks apart, what has been in the journal for long is noted anew, before its files are deleted.
const RENEW_EVERY: u32 = 36_000;
/// How many events are noted anew, and checkpoints brought back, before others have their turn.
const AT_ONCE: usize = 256;

/// What an earlier wait or pop left in a message's properties, and what is true of its old record only.
const LEFT_OVER: [&str; 5] =
    [properties::DELAY_LEVEL, properties::REAL_TOPIC, properties::REAL_QUEUE_ID, properties::CRC32, POP_CK];

/// Brings back what is due until shutdown.
pub async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    // What was in the journal when it was last renewed.
    let (mut ticks, mut renew_below) = (0u32, 0);
    let mut pause = TICK;
    while shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        ticks += 1;
        if ticks.is_multiple_of(RENEW_EVERY) {
            renew_below = broker.pops().table.lock().end();
        }
        let done = renew(&broker, renew_below).and_then(|()| bring_back(&broker));
        pause = match done {
            Ok(true) => Duration::ZERO,
            Ok(false) => TICK,
            Err(error) => {
                tracing::error!(%error, "cannot bring back popped messages; trying again");
                AFTER_FAILURE
            }
        };
    }
}

/// Notes anew what holds the first place of a journal that has become long, or lies below `below`.
fn renew(broker: &Broker, below: i64) -> Result<(), StoreError> {
    let pops = broker.pops();
    for _ in 0..AT_ONCE {
        let mut table = pops.table.lock();
        if table.first() >= below.max(table.end() - MAX_JOURNAL) {
            return Ok(());
        }
        let Some(event) = table.oldest() else { return Ok(()) };
        pops.note(broker, &mut table, None, event)?;
    }
    Ok(())
}

/// Brings back what is due; returns whether there is more.
fn bring_back(broker: &Broker) -> Result<bool, StoreError> {
    for _ in 0..AT_ONCE {
        let now = broker.clock().now_ms();
        let due = broker.pops().table.lock().due(now);
        match due {
            None => return Ok(false),
            Some(Due::Free(Reading { group, topic, .. })) => broker.pops().waiting.tell(&group, &topic),
            Some(Due::Revive(checkpoint)) => revive(broker, &checkpoint, now)?,
        }
    }
    Ok(true)
}

fn revive(broker: &Broker, checkpoint: &Checkpoint, now: i64) -> Result<(), StoreError> {
    let Reading { group, topic, queue_id } = &checkpoint.key.reading;
    let plain = plain_topic(topic, group);
    let wanted = broker.topics().find(plain).is_some() && broker.groups().find(group).is_some();
    for Place(offset, physical) in &checkpoint.messages {
        let found = match wanted {
            true => find(broker, checkpoint, *offset, *physical),
            false => Found::Gone("topic or group was deleted"),
        };
        let record = match found {
            Found::Record(record) => Some(record),
            Found::Gone(why) => {
                tracing::warn!(group, topic, queue_id, offset, why, "a popped message does not come back");
                None
            }
            Found::Unreadable => {
                tracing::error!(
                    group,
                    topic,
                    queue_id,
                    offset,
                    physical,
                    "a popped message cannot be read; trying again"
                );
                broker.pops().table.lock().postpone(&checkpoint.key, now.saturating_add(UNREADABLE_MS));
                continue;
            }
        };
        bring_back_one(broker, checkpoint, *offset, record.as_deref())?;
    }
    broker.pops().waiting.tell(group, plain);
    Ok(())
}

fn bring_back_one(
    broker: &Broker,
    checkpoint: &Checkpoint,
    offset: i64,
    record: Option<&Record>,
) -> Result<(), StoreError> {
    let Reading { group, topic, .. } = &checkpoint.key.reading;
    let again = record.map(|record| Again::new(broker, checkpoint, record));
    if let Some(again) = &again
        && broker.topics().ensure(&again.topic, DLQ_QUEUES).1
    {
        broker.announcer().soon();
    }
    let pops = broker.pops();
    let mut table = pops.table.lock();
    // Acknowledged, or changed, while it was read?
    let is_due = table.checkpoint(&checkpoint.key).is_some_and(|now| {
        now.revive_at == checkpoint.revive_at && now.messages.iter().any(|message| message.0 == offset)
    });
    if !is_due {
        return Ok(());
    }
    let event = Event::Done { key: checkpoint.key.clone(), offsets: vec![offset] };
    pops.note(broker, &mut table, again.as_ref().map(Again::record).as_ref(), event)?;
    tracing::debug!(group, topic, offset, to = again.map(|again| again.topic), "came back");
    Ok(())
}

enum Found {
    Record(Box<Record>),
    Gone(&'static str),
    Unreadable,
}

fn find(broker: &Broker, checkpoint: &Checkpoint, offset: i64, physical: i64) -> Found {
    let Reading { topic, queue_id, .. } = &checkpoint.key.reading;
    let Some(bytes) = broker.store().record_at(physical) else {
        let deleted = physical < broker.store().min_physical();
        return if deleted { Found::Gone("its file of the log was deleted") } else { Found::Unreadable };
    };
    match record::decode(&bytes, true) {
        Ok(Entry::Message(record))
            if record.topic == *topic && record.queue_id == *queue_id && record.queue_offset == offset =>
        {
            Found::Record(Box::new(record))
        }
        Ok(_) => Found::Gone("another message lies in its place"),
        Err(_) => Found::Unreadable,
    }
}

/// A message to be stored again.
struct Again<'a> {
    of: &'a Record,
    topic: String,
    properties: String,
}

impl<'a> Again<'a> {
    fn new(broker: &Broker, checkpoint: &Checkpoint, of: &'a Record) -> Self {
        let Reading { group, topic, .. } = &checkpoint.key.reading;
        let plain = plain_topic(topic, group);
        let mut text = String::with_capacity(of.properties.len() + 96);
        for (name, value) in properties::pairs(&of.properties).filter(|(name, _)| !LEFT_OVER.contains(name)) {
            properties::push(&mut text, name, value);
        }
        let mut say = |name: &str, value: &dyn std::fmt::Display| {
            if properties::get(&text, name).is_none() {
                properties::push(&mut text, name, &value.to_string());
            }
        };
        say(FIRST_POP_TIME, &checkpoint.key.pop_time);
        let most = broker.groups().find(group).map_or(i32::MAX, |group| group.retry_max_times);
        if of.reconsume_times < most {
            let topic = if plain == topic { Origin::Retry.topic(topic, group) } else { topic.clone() };
            return Self { of, topic, properties: text };
        }
        say(properties::RETRY_TOPIC, &plain);
        let id = MessageId { host: of.store_host, physical_offset: of.physical_offset };
        say(properties::ORIGIN_MESSAGE_ID, &id);
        tracing::info!(group, topic = plain, %id, times = of.reconsume_times, "a dead letter");
        Self { of, topic: topic::dlq_topic(group), properties: text }
    }

    fn record(&self) -> NewRecord<'_> {
        NewRecord {
            topic: &self.topic,
            queue_id: 0,
            reconsume_times: self.of.reconsume_times.saturating_add(1),
            prepared_transaction_offset: 0,
            properties: &self.properties,
            ..self.of.renewed()
        }
    }
}

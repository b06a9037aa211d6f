//! Taking messages off queues: what one pop hands out, queue by queue, the group's retry topics among them.

use super::{
    Asked,
    journal::{Checkpoint, Event, Key, Place, Reading},
    ordered, unstored,
};
use crate::{broker::Broker, query, refusal::Refusal};
use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use protocol::{
    Body,
    pop::{
        INIT_AT_LAST, POP_CK,
        extra_info::{self, ExtraInfo, Origin},
    },
    properties,
    record::{self, NewRecord, Record},
};
use std::sync::atomic::Ordering;
use store::{PullSpec, PullStatus};

/// Most messages a group has in flight of one queue; with more, none are handed out. Source:
/// `popInflightMessageThreshold`.
const MAX_IN_FLIGHT: usize = 10_000;
/// How often one pop of a queue begins again: behind messages that its filter leaves out, or after another pop.
const ROUNDS: usize = 20;
/// Of so many pops one takes what came back first.
const RETRY_FIRST_EVERY: usize = 5;

/// What a pop hands out.
#[derive(Debug, Default)]
pub struct Popped {
    /// The records.
    pub body: Body,
    /// How many.
    pub count: usize,
    /// When, ms.
    pub pop_time: i64,
    /// `startOffsetInfo`, `msgOffsetInfo` and `orderCountInfo`.
    pub starts: String,
    /// See there.
    pub offsets: String,
    /// See there.
    pub counts: String,
    /// Messages left.
    pub rest: i64,
    /// There may be messages that were not looked at.
    pub more: bool,
    /// Queues that were looked at, and their ends before.
    seen: Vec<(String, i32, u64)>,
}

impl Popped {
    /// Takes what there is.
    pub fn take(broker: &Broker, asked: &Asked) -> Result<Self, Refusal> {
        let turn = broker.pops().turn.fetch_add(1, Ordering::Relaxed);
        let mut popped = Self { pop_time: broker.clock().now_ms(), ..Self::default() };
        let retry_first = turn.is_multiple_of(RETRY_FIRST_EVERY);
        if !asked.header.order && retry_first {
            popped.take_retries(broker, asked, turn)?;
        }
        if asked.header.queue_id >= 0 {
            popped.take_queue(broker, asked, Origin::Topic, asked.header.queue_id)?;
        } else {
            popped.take_topic(broker, asked, Origin::Topic, asked.topic.read_queue_nums, turn)?;
        }
        if !asked.header.order && !retry_first {
            popped.take_retries(broker, asked, turn)?;
        }
        Ok(popped)
    }

    fn take_retries(&mut self, broker: &Broker, asked: &Asked, turn: usize) -> Result<(), Refusal> {
        for origin in [Origin::Retry, Origin::RetryV2] {
            let name = origin.topic(&asked.header.topic, &asked.header.consumer_group);
            if let Some(retry) = broker.topics().find(&name) {
                self.take_topic(broker, asked, origin, retry.read_queue_nums, turn)?;
            }
        }
        Ok(())
    }

    fn take_topic(
        &mut self,
        broker: &Broker,
        asked: &Asked,
        origin: Origin,
        queues: i32,
        turn: usize,
    ) -> Result<(), Refusal> {
        for at in 0..queues {
            let queue_id = ((turn % queues as usize) as i32 + at) % queues;
            self.take_queue(broker, asked, origin, queue_id)?;
        }
        Ok(())
    }

    fn take_queue(&mut self, broker: &Broker, asked: &Asked, origin: Origin, queue_id: i32) -> Result<(), Refusal> {
        let topic = origin.topic(&asked.header.topic, &asked.header.consumer_group);
        let queue = broker.store().queue(&topic, queue_id);
        // Noted before the queue is read, so that what comes meanwhile is seen as new.
        self.seen.push((topic.clone(), queue_id, queue.map_or(0, |queue| queue.end().get())));
        let reading = Reading { group: asked.header.consumer_group.clone(), topic, queue_id };
        let taken = match asked.header.order {
            true => ordered::take(broker, asked, &reading, self),
            false => self.take_plain(broker, asked, origin, reading),
        };
        // What was taken before is handed out all the same.
        if self.count > 0 { Ok(()) } else { taken }
    }

    /// How many more are wanted.
    pub fn room(&self, asked: &Asked) -> usize {
        usize::try_from(asked.header.max_msg_nums).unwrap_or(0).saturating_sub(self.count)
    }

    fn take_plain(&mut self, broker: &Broker, asked: &Asked, origin: Origin, reading: Reading) -> Result<(), Refusal> {
        let (store, offsets, pops) = (broker.store(), broker.offsets(), broker.pops());
        let Reading { group, topic, queue_id } = &reading;
        for _ in 0..ROUNDS {
            let (stored, begin) = position(broker, &reading, asked.header.init_mode, origin)?;
            let room = self.room(asked);
            if room == 0 {
                self.rest += store.queue(topic, *queue_id).map_or(0, |queue| (queue.max_offset() - begin).max(0));
                return Ok(());
            }
            let spec = PullSpec { topic, queue_id: *queue_id, offset: begin, max_messages: room };
            let pulled = store.pull(&spec, |entry, record| asked.wants(entry, record));
            let next = pulled.next_offset;
            if pulled.status != PullStatus::Found {
                if pulled.status == PullStatus::Unreadable || next == begin {
                    return Ok(());
                }
                // Behind what the filter leaves out, or to where the queue is.
                offsets.advance(topic, group, *queue_id, stored, next);
                continue;
            }
            let messages: Vec<Place> = pulled.records.iter().flat_map(places).collect();
            let key = Key { reading: reading.clone(), start_offset: begin, pop_time: self.pop_time };
            let revive_at = self.pop_time.saturating_add(asked.header.invisible_time);
            let mut table = pops.table.lock();
            let full = table.in_flight(&reading) + messages.len() > MAX_IN_FLIGHT;
            if full || table.checkpoint(&key).is_some() {
                tracing::debug!(group, topic, queue_id, full, "hands out nothing");
                self.rest += (pulled.max_offset - begin).max(0);
                return Ok(());
            }
            if !offsets.advance(topic, group, *queue_id, stored, next) {
                // Another pop was quicker, or the offset was set anew.
                continue;
            }
            let checkpoint = Checkpoint { key, revive_at, messages: messages.clone() };
            let noted = pops.note(broker, &mut table, None, Event::Popped { checkpoint, next: Some(next) });
            if let Err(error) = noted {
                let back = stored.unwrap_or(begin);
                offsets.advance(topic, group, *queue_id, Some(next), back);
                return Err(unstored(&error));
            }
            drop(table);
            self.add(asked, broker, origin, (*queue_id, begin), &messages, pulled.records);
            self.rest += (pulled.max_offset - next).max(0);
            return Ok(());
        }
        self.more = true;
        Ok(())
    }

    /// Adds messages of a queue whose pop began at `queue.1`.
    pub fn add(
        &mut self,
        asked: &Asked,
        broker: &Broker,
        origin: Origin,
        queue: (i32, i64),
        messages: &[Place],
        records: Vec<Bytes>,
    ) {
        extra_info::push_start(&mut self.starts, origin, queue.0, queue.1);
        extra_info::push_offsets(&mut self.offsets, origin, queue.0, messages.iter().map(|message| message.0));
        self.count += messages.len();
        let topic = origin.topic(&asked.header.topic, &asked.header.consumer_group);
        let bytes = records.iter().map(Bytes::len).sum();
        let now_ms = || broker.clock().now_ms();
        broker.counts().got(&topic, &asked.header.consumer_group, messages.len(), bytes, now_ms);
        if origin == Origin::Topic {
            records.into_iter().for_each(|run| self.body.push(run));
            return;
        }
        // Clients know the topic only: these messages carry themselves where they came from.
        let mut bytes = Vec::new();
        for record in records.into_iter().flat_map(|run| record::decode_all(run, false).unwrap_or_default()) {
            let info = ExtraInfo {
                start_offset: queue.1,
                pop_time: self.pop_time,
                invisible_time: asked.header.invisible_time,
                revive_queue: 0,
                origin,
                broker_name: broker.config().broker_name.clone(),
                queue_id: queue.0,
                offset: Some(record.queue_offset),
            };
            push_as(&record, &asked.header.topic, &info, &mut bytes);
        }
        self.body.push(bytes.into());
    }

    /// Returns once something came into one of the queues that were looked at.
    pub async fn arrivals(&self, broker: &Broker) {
        let queues = self.seen.iter().map(|(topic, queue_id, end)| async move {
            let queue = broker.store().queue_or_new(topic, *queue_id);
            queue.end().reached(end + 1).await;
        });
        let mut any: FuturesUnordered<_> = queues.collect();
        any.next().await;
    }
}

/// Appends a record as one of `topic`.
fn push_as(record: &Record, topic: &str, info: &ExtraInfo, bytes: &mut Vec<u8>) {
    // A CRC of the whole record would not be that of this one.
    let properties = properties::without(&record.properties, properties::CRC32);
    let properties = properties::with(&properties, POP_CK, &info.to_string());
    let begin = bytes.len();
    let new = NewRecord { topic, properties: &properties, ..record.renewed() };
    match new.encode(bytes) {
        Ok(_) => record::place(&mut bytes[begin..], record.queue_offset, record.physical_offset, record.store_ms),
        // It comes back when its time is over.
        Err(error) => {
            bytes.truncate(begin);
            tracing::error!(topic = record.topic, offset = record.queue_offset, %error, "cannot be handed out");
        }
    }
}

/// The offset a group has stored for a queue, and where it reads: where it begins, if it has stored none.
pub fn position(
    broker: &Broker,
    reading: &Reading,
    init_mode: i32,
    origin: Origin,
) -> Result<(Option<i64>, i64), Refusal> {
    let Reading { group, topic, queue_id } = reading;
    let stored = broker.offsets().get(topic, group, *queue_id);
    if let Some(at) = stored {
        return Ok((stored, at));
    }
    let Some(queue) = broker.store().queue(topic, *queue_id) else { return Ok((None, 0)) };
    let min = queue.min_offset();
    if init_mode != INIT_AT_LAST || origin != Origin::Topic {
        return Ok((None, min));
    }
    // A queue that is all there and recent is read from its beginning, as pulls do.
    let whole = min <= 0 && !query::is_cold(broker, &queue);
    let begin = if whole { 0 } else { (queue.max_offset() - 1).max(0) };
    let pops = broker.pops();
    let mut table = pops.table.lock();
    // Noted, or after a crash the group would begin further on.
    if broker.offsets().advance(topic, group, *queue_id, None, begin) {
        let event = Event::Began { reading: reading.clone(), next: begin };
        pops.note(broker, &mut table, None, event).map_err(|error| unstored(&error))?;
    }
    let stored = broker.offsets().get(topic, group, *queue_id);
    Ok((stored, stored.unwrap_or(begin)))
}

/// The messages of a run of records: where they are in their queue and in the log.
pub fn places(run: &Bytes) -> Vec<Place> {
    let number = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, i64::from_be_bytes)
    };
    let (mut rest, mut found) = (&run[..], Vec::new());
    while let Some(size) = rest.first_chunk::<4>().map(|four| u32::from_be_bytes(*four) as usize) {
        if size == 0 || size > rest.len() {
            break;
        }
        found.push(Place(number(rest, 20), number(rest, 28)));
        rest = &rest[size..];
    }
    found
}

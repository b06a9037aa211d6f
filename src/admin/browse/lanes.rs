//! Reads queues onwards or backwards, a little at a time, and merges what they give by the time it was stored.

use super::{AT_ONCE, Browsed, StoredMessage, Stretch, place};
use crate::snapshot::Unknown;
use client::{PullConsumer, PullStatus, Queue, Subscription};
use futures_util::{StreamExt, stream};
use std::collections::VecDeque;

/// Most messages asked for at once.
const BATCH: i64 = 32;
/// Fewest: most pages need only some of each queue.
const LEAST_BATCH: i64 = 4;
/// From so many bytes on that a batch had, the next one is of the fewest messages.
const LARGE: u64 = 1024 * 1024;
/// A page ends when so many bytes were read for it, 16 MiB.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// Most requests for one batch: each gives something, or the batch ends.
const MOST_PULLS: usize = 64;

/// Which way a page is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From where one begins to newer ones.
    On,
    /// From where one begins to older ones.
    Back,
}

/// One queue.
pub(super) struct Lane {
    queue: Queue,
    /// What was taken into the page so far.
    stretch: Stretch,
    /// Leading messages stored before that, ms, are left out.
    from_ms: i64,
    /// Read and not taken: what is to be taken next stands in front.
    read: VecDeque<StoredMessage>,
    /// Where to read next: onwards the first index, backwards the one behind the last.
    at: i64,
    /// How many to ask for.
    batch: i64,
    /// Why no more can be read.
    failed: Option<Unknown>,
}

impl Lane {
    pub(super) fn new(queue: Queue, stretch: Stretch, from_ms: i64) -> Self {
        let at = stretch.first;
        Self { queue, stretch, from_ms, read: VecDeque::new(), at, batch: LEAST_BATCH, failed: None }
    }

    fn must_read(&self, direction: Direction) -> bool {
        let has_more = match direction {
            Direction::On => self.at < self.stretch.max,
            Direction::Back => self.at > self.stretch.min,
        };
        self.read.is_empty() && has_more && self.failed.is_none()
    }

    /// Reads until there is a message or the queue has no more; returns how many bytes came.
    async fn read(&mut self, consumer: &PullConsumer, all: &Subscription, direction: Direction) -> u64 {
        let mut bytes = 0;
        for _ in 0..MOST_PULLS {
            if !self.must_read(direction) {
                return bytes;
            }
            let (from, to) = match direction {
                Direction::On => (self.at, (self.at + self.batch).min(self.stretch.max)),
                Direction::Back => ((self.at - self.batch).max(self.stretch.min), self.at),
            };
            let (read, reached, came) = match self.pull(consumer, all, from, to).await {
                Ok(read) => read,
                Err(why) => {
                    self.failed = Some(why);
                    return bytes;
                }
            };
            bytes += came;
            self.batch = if came >= LARGE { LEAST_BATCH } else { (self.batch * 2).min(BATCH) };
            match direction {
                Direction::On => {
                    self.at = reached;
                    for message in read {
                        if message.store_ms < self.from_ms && self.read.is_empty() {
                            self.stretch.first = message.offset + 1;
                            self.stretch.next = message.offset + 1;
                        } else {
                            self.from_ms = i64::MIN;
                            self.read.push_back(message);
                        }
                    }
                }
                Direction::Back => {
                    self.at = from;
                    self.read.extend(read.into_iter().rev());
                }
            }
        }
        if self.read.is_empty() {
            self.failed = Some(Unknown::because(format!("{} gives no message at {}", place(&self.queue), self.at)));
        }
        bytes
    }

    /// The messages from one index to another, in order. Onwards less may be enough. Returns up to where it was read, and how
    /// many bytes came.
    async fn pull(
        &self,
        consumer: &PullConsumer,
        all: &Subscription,
        from: i64,
        to: i64,
    ) -> Result<(Vec<StoredMessage>, i64, u64), Unknown> {
        let (mut at, mut read, mut bytes) = (from, Vec::new(), 0);
        // Brokers end an answer early that has many bytes.
        while at < to {
            let count = i32::try_from(to - at).unwrap_or(i32::MAX);
            let pulled = consumer.pull(&self.queue, all, at, count, None).await;
            let pulled = pulled.map_err(|error| Unknown::because(error.to_string()))?;
            bytes += pulled.messages.iter().map(|message| u64::from(message.stored_len)).sum::<u64>();
            let wanted = pulled.messages.iter().filter(|message| (at..to).contains(&message.queue_offset));
            read.extend(wanted.map(StoredMessage::of));
            at = match pulled.status {
                PullStatus::Found | PullStatus::NoMatched | PullStatus::OffsetIllegal if pulled.next_offset > at => {
                    pulled.next_offset
                }
                // Nothing is there: messages were lost, or deleted meanwhile.
                _ => to,
            };
        }
        Ok((read, at.max(to), bytes))
    }

    fn take(&mut self, direction: Direction) -> Option<StoredMessage> {
        let message = self.read.pop_front()?;
        match direction {
            Direction::On => self.stretch.next = message.offset + 1,
            Direction::Back => self.stretch.first = message.offset,
        }
        Some(message)
    }
}

/// Fills a page.
pub(super) async fn merge(
    consumer: &PullConsumer,
    all: &Subscription,
    direction: Direction,
    mut lanes: Vec<Lane>,
    count: usize,
    page: &mut Browsed,
) {
    let mut bytes = 0;
    while page.messages.len() < count {
        if lanes.iter().any(|lane| lane.must_read(direction)) {
            if bytes >= MOST_BYTES && !page.messages.is_empty() {
                page.is_short = true;
                break;
            }
            let mut reads = Vec::new();
            for lane in &mut lanes {
                if lane.must_read(direction) {
                    reads.push(lane.read(consumer, all, direction));
                }
            }
            let reads = stream::iter(reads).buffer_unordered(AT_ONCE);
            bytes += reads.fold(0, |sum, came| async move { sum + came }).await;
        }
        let filled = lanes.iter_mut().filter(|lane| !lane.read.is_empty());
        let next = match direction {
            Direction::On => filled.min_by_key(|lane| lane.read.front().map(age)),
            Direction::Back => filled.max_by_key(|lane| lane.read.front().map(age)),
        };
        let Some(message) = next.and_then(|lane| lane.take(direction)) else { break };
        page.messages.push(message);
    }
    if direction == Direction::Back {
        page.messages.reverse();
    }
    for lane in lanes {
        page.missing.extend(lane.failed.map(|why| (place(&lane.queue), why)));
        page.queues.push(lane.stretch);
    }
}

/// Within one broker the place in its log is the exact order.
fn age(message: &StoredMessage) -> (i64, i64) {
    (message.store_ms, message.physical_offset)
}

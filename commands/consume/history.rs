//! What queues hold at one moment, oldest first: the queues are merged by the time their messages were stored.

use super::start::Span;
use crate::failure::Failure;
use client::{PullConsumer, PullStatus, Queue, Received, Subscription};
use futures_util::future::try_join_all;
use std::collections::VecDeque;

/// How many messages of a queue are asked for at once.
const BATCH: i32 = 32;

/// A walk through the messages of several queues up to where each ended at the start.
pub struct History<'a> {
    consumer: &'a PullConsumer,
    subscription: &'a Subscription,
    lanes: Vec<Lane>,
}

/// One queue.
struct Lane {
    queue: Queue,
    /// Where to ask next.
    next: i64,
    end: i64,
    not_before_ms: i64,
    /// Messages that were read and not taken yet.
    read: VecDeque<Received>,
}

impl<'a> History<'a> {
    /// A walk that has not begun.
    pub fn new(consumer: &'a PullConsumer, subscription: &'a Subscription, spans: Vec<Span>) -> Self {
        let lane = |Span { queue, begin, end, not_before_ms, .. }| Lane {
            queue,
            next: begin,
            end,
            not_before_ms,
            read: VecDeque::new(),
        };
        Self { consumer, subscription, lanes: spans.into_iter().map(lane).collect() }
    }

    /// Whether the next message is here and need not be waited for.
    pub fn is_ready(&self) -> bool {
        self.lanes.iter().all(|lane| !lane.must_read())
    }

    /// The next message; none at the end. Nothing is lost if the caller stops waiting.
    ///
    /// # Errors
    /// If a queue cannot be read.
    pub async fn next(&mut self) -> Result<Option<Received>, Failure> {
        let (consumer, subscription) = (self.consumer, self.subscription);
        let lacking = self.lanes.iter_mut().filter(|lane| lane.must_read());
        try_join_all(lacking.map(|lane| lane.read(consumer, subscription))).await?;
        let oldest = self.lanes.iter_mut().filter(|lane| !lane.read.is_empty());
        let oldest = oldest.min_by_key(|lane| lane.read.front().map(age));
        Ok(oldest.and_then(|lane| lane.read.pop_front()))
    }

    /// Where each queue ended at the start: where to go on after the walk.
    pub fn ends(&self) -> impl Iterator<Item = (Queue, i64)> {
        self.lanes.iter().map(|lane| (lane.queue.clone(), lane.end))
    }
}

/// Within one broker the place in its log is the exact order.
fn age(message: &Received) -> (i64, i64) {
    (message.store_ms, message.physical_offset)
}

impl Lane {
    fn must_read(&self) -> bool {
        self.read.is_empty() && self.next < self.end
    }

    /// Asks until there is a message or the end is reached.
    async fn read(&mut self, consumer: &PullConsumer, subscription: &Subscription) -> Result<(), Failure> {
        while self.must_read() {
            let pulled = consumer.pull(&self.queue, subscription, self.next, BATCH, None).await?;
            let (end, from_ms) = (self.end, self.not_before_ms);
            let wanted = |message: &Received| message.queue_offset < end && message.store_ms >= from_ms;
            self.read.extend(pulled.messages.into_iter().filter(wanted));
            self.next = match pulled.status {
                PullStatus::Found | PullStatus::NoMatched if pulled.next_offset > self.next => pulled.next_offset,
                PullStatus::OffsetIllegal if pulled.next_offset > self.next => pulled.next_offset,
                // Nothing further can be read: the queue has lost messages, or was made anew.
                _ => self.end,
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message_text::tests::received;
    use client::{Client, ClientConfig};

    /// A lane whose messages, stored at these times, have been read already.
    fn lane(id: i32, times: &[i64]) -> Lane {
        let queue = Queue::new("T", "broker-a", id);
        let message = |(at, store_ms): (usize, &i64)| Received {
            queue: queue.clone(),
            store_ms: *store_ms,
            // The second queue's messages lie behind those of the first that were stored in the same millisecond.
            physical_offset: i64::from(id),
            ..received(b"", at as i64)
        };
        let read = times.iter().enumerate().map(message).collect();
        Lane { queue: queue.clone(), next: 9, end: 9, not_before_ms: 0, read }
    }

    #[tokio::test]
    async fn queues_are_merged_by_the_time_of_storing_and_then_by_place() {
        let client = Client::start(ClientConfig::new("127.0.0.1:1")).unwrap();
        let consumer = PullConsumer::on(&client, "G").unwrap();
        let subscription = Subscription::tags("T", "*", 0);
        let mut history = History::new(&consumer, &subscription, Vec::new());
        history.lanes = vec![lane(1, &[5, 7]), lane(0, &[1, 5, 6, 9]), lane(2, &[])];
        assert!(history.is_ready());
        let mut got = Vec::new();
        while let Some(message) = history.next().await.unwrap() {
            got.push((message.store_ms, message.queue.id));
        }
        assert_eq!(got, [(1, 0), (5, 0), (5, 1), (6, 0), (7, 1), (9, 0)]);
        assert_eq!(history.ends().map(|(_, end)| end).collect::<Vec<_>>(), [9, 9, 9]);
    }
}

//! What comes into queues from now on, as it comes.

use super::Positions;
use crate::failure::say;
use client::{PullConsumer, PullStatus, Queue, Received, Subscription};
use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use std::collections::BTreeSet;
use tokio::time::{Duration, Instant, sleep, sleep_until};

/// How many messages of a queue are asked for at once.
const BATCH: i32 = 32;
/// How long a broker may hold a question that finds nothing.
const WAIT: Duration = Duration::from_secs(15);
/// How long to wait after a question that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often new queues of the topic are looked for.
const LOOK_FOR_QUEUES: Duration = Duration::from_secs(30);

/// What came of one queue at once, and the index after it.
struct Batch {
    queue: Queue,
    messages: Vec<Received>,
    next: i64,
}

/// Questions to all queues of a topic, each answered when something comes.
pub struct Live<'a> {
    consumer: &'a PullConsumer,
    subscription: &'a Subscription,
    asked: FuturesUnordered<BoxFuture<'a, Batch>>,
    known: BTreeSet<Queue>,
    look_at: Instant,
}

impl<'a> Live<'a> {
    /// Goes on from `positions`.
    pub fn begin(consumer: &'a PullConsumer, subscription: &'a Subscription, positions: &Positions) -> Self {
        let known = positions.keys().cloned().collect();
        let asked = FuturesUnordered::new();
        for (queue, next) in positions {
            asked.push(ask(consumer, subscription, queue.clone(), *next).boxed());
        }
        Self { consumer, subscription, asked, known, look_at: Instant::now() + LOOK_FOR_QUEUES }
    }

    /// The next messages. Nothing is lost if the caller stops waiting. A queue that cannot be read is asked again until
    /// it can.
    pub async fn next(&mut self) -> Vec<Received> {
        loop {
            tokio::select! {
                Some(batch) = self.asked.next() => {
                    self.asked.push(ask(self.consumer, self.subscription, batch.queue, batch.next).boxed());
                    return batch.messages;
                }
                () = sleep_until(self.look_at) => {
                    self.look_at = Instant::now() + LOOK_FOR_QUEUES;
                    let queues = self.consumer.queues(&self.subscription.topic).await.unwrap_or_default();
                    for queue in queues {
                        if self.known.insert(queue.clone()) {
                            self.asked.push(ask(self.consumer, self.subscription, queue, 0).boxed());
                        }
                    }
                }
            }
        }
    }
}

/// Asks a queue until there is an answer that leads further.
async fn ask(consumer: &PullConsumer, subscription: &Subscription, queue: Queue, mut next: i64) -> Batch {
    let mut told = false;
    loop {
        match consumer.pull(&queue, subscription, next, BATCH, Some(WAIT)).await {
            Ok(pulled) => {
                if std::mem::take(&mut told) {
                    say(&format!("rmq: {queue} can be read again"));
                }
                let stays = pulled.status == PullStatus::NoNew || pulled.next_offset == next;
                if !stays || !pulled.messages.is_empty() {
                    return Batch { queue, messages: pulled.messages, next: pulled.next_offset };
                }
                next = pulled.next_offset;
            }
            Err(error) => {
                // Once: it will be tried again every second.
                if !std::mem::replace(&mut told, true) {
                    say(&format!("rmq: {error}; trying again"));
                }
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

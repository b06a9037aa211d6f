//! Sending dead letters again: all that a group has now.
//!
//! What is sent stays a dead letter too: brokers never delete single messages. What one such message must be is in
//! `dead_letters`.

use crate::{Admin, DeadLetterQueue, Error, NotAgain, QueueRange, message_to_resend};
use client::{Message, Producer, ProducerOptions, PullConsumer, Queue, Subscription};
use protocol::topic::dlq_topic;

/// Who brokers think reads: the group of Apache's own tools, which every broker knows.
const READER: &str = "TOOLS_CONSUMER";
/// Who sends.
const SENDER: &str = "RMQ_RESEND";
/// Messages read at once.
const AT_ONCE: i32 = 32;

/// What became of dead letters that were to be sent again.
#[derive(Debug, Default)]
pub struct Resent {
    /// As many were sent.
    pub sent: u64,
    /// The others: queue, index, and why.
    pub failed: Vec<(Queue, i64, String)>,
}

impl Admin {
    /// Sends every dead letter that a group has now to the topic it was first sent to, in the order of the queues. What
    /// becomes a dead letter meanwhile is left.
    ///
    /// # Errors
    /// If there are none, or they cannot be read: what was sent until then was sent. What single ones met is in the answer.
    pub async fn resend_all(&self, group: &str) -> Result<Resent, Error> {
        let letters = self.dead_letters(group).await?;
        let mut resending = Resending {
            reader: PullConsumer::on(&self.client, READER)?,
            sender: Producer::on(&self.client, SENDER, ProducerOptions::default())?,
            all: Subscription::tags(&dlq_topic(group), "*", 0),
            resent: Resent::default(),
        };
        let mut outcome = Ok(());
        for DeadLetterQueue { queue, range, error, .. } in letters.queues {
            outcome = match (range, error) {
                (Some(range), _) => resending.queue(&queue, range).await,
                (None, error) => error.map_or(Ok(()), Err),
            };
            if outcome.is_err() {
                break;
            }
        }
        resending.sender.shutdown().await;
        outcome.map(|()| resending.resent)
    }
}

struct Resending {
    reader: PullConsumer,
    sender: Producer,
    all: Subscription,
    resent: Resent,
}

impl Resending {
    async fn queue(&mut self, queue: &Queue, range: QueueRange) -> Result<(), Error> {
        let mut next = range.min;
        while next < range.max {
            let pulled = self.reader.pull(queue, &self.all, next, AT_ONCE, None).await?;
            for letter in pulled.messages.iter().filter(|letter| letter.queue_offset < range.max) {
                match self.send(message_to_resend(letter, None)).await {
                    Ok(()) => self.resent.sent += 1,
                    Err(why) => self.resent.failed.push((queue.clone(), letter.queue_offset, why)),
                }
            }
            if pulled.next_offset <= next {
                break;
            }
            next = pulled.next_offset;
        }
        Ok(())
    }

    async fn send(&self, message: Result<Message, NotAgain>) -> Result<(), String> {
        let message = message.map_err(|why| why.to_string())?;
        self.sender.send(message).await.map(drop).map_err(|error| error.to_string())
    }
}

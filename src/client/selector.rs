//! Messages in order: all with one key go to one queue, where they lie in the order in which they were sent.
//!
//! Source: `SelectMessageQueueByHash` of Apache RocketMQ, so that its clients and this one choose alike.

use crate::{
    error::Error,
    message::Message,
    producer::{Producer, no_queue},
    route::{Queue, WriteQueue},
    sending::SendResult,
};
use protocol::{heartbeat::java_hash, properties::SHARDING_KEY};

impl Producer {
    /// Sends a message to the queue of its key, once: another queue would break the order. Who needs the order to hold
    /// waits for one send before the next with the same key.
    ///
    /// # Errors
    /// As [`Producer::send`], but [`Error::Unreachable`] for a broker that does not answer.
    pub async fn send_ordered(&self, message: Message, key: &str) -> Result<SendResult, Error> {
        let message = message.with_property(SHARDING_KEY, key)?;
        let queue = self.queue_of(&message.topic, key).await?;
        self.send_to(&queue, message).await
    }

    /// The queue of a topic that messages with this key go to, as long as the topic's queues stay the same.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`], [`Error::NoQueue`], or that of asking.
    pub async fn queue_of(&self, topic: &str, key: &str) -> Result<Queue, Error> {
        let route = self.client().write_route(topic).await?;
        let chosen = choose(route.write_queues(), key).ok_or_else(|| no_queue(&route))?;
        Ok(chosen.queue.clone())
    }
}

fn choose<'a>(queues: &'a [WriteQueue], key: &str) -> Option<&'a WriteQueue> {
    // A queue count is a 32-bit number; in 64 bits no absolute value overflows.
    let at = (i64::from(java_hash(key)) % i64::try_from(queues.len()).ok().filter(|count| *count > 0)?).unsigned_abs();
    queues.get(usize::try_from(at).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_queue_that_java_would_choose() {
        let queues: Vec<WriteQueue> =
            (0..7).map(|id| WriteQueue { queue: Queue::new("T", "b", id), addr: "a".into() }).collect();
        let id = |key: &str| choose(&queues, key).unwrap().queue.id;
        assert_eq!(
            ["TagA", "", "polygenelubricants", "order-1"].map(java_hash),
            [2_598_919, 0, i32::MIN, -1_207_111_310]
        );
        assert_eq!(["TagA", "", "polygenelubricants", "order-1"].map(id), [2_598_919 % 7, 0, 2, 1_207_111_310 % 7]);
        assert!(choose(&[], "x").is_none());
    }
}

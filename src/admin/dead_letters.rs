//! Dead letters: messages that a group failed on too often. Which groups have some, how many, since when, and what such
//! a message must be to be sent again.
//!
//! A dead letter lies in the topic `%DLQ%GROUP` and is only read there: sending it again makes a new message of it and
//! leaves the old one where it is. Source: `SendMessageProcessor.asyncConsumerSendMsgBack` of Apache RocketMQ 4.9.8 for
//! what a broker notes in a dead letter, `MessageConst` of 5.3.3 for its later names.

use crate::{Admin, Error, QueueRange};
use client::{Message, PullConsumer, Queue, Received, Subscription};
use futures_util::{StreamExt, stream};
use protocol::{
    properties,
    record::SysFlag,
    topic::{DLQ_PREFIX, RETRY_PREFIX, dlq_topic},
};

/// Who brokers think asks: the group of Apache's own tools, which every broker knows.
pub(crate) const TOOLS: &str = "TOOLS_CONSUMER";
/// Groups asked about at the same time.
const AT_ONCE: usize = 16;
/// Most queues of a topic on one broker that are believed.
const MAX_QUEUES: i32 = 65_536;
/// Where Apache RocketMQ 5 notes the topic that a dead letter was first sent to.
const DLQ_ORIGIN_TOPIC: &str = "DLQ_ORIGIN_TOPIC";
/// What brokers and clients note in a message about one delivery of it; it says nothing about the next one.
const OF_ONE_DELIVERY: [&str; 21] = [
    properties::RETRY_TOPIC,
    DLQ_ORIGIN_TOPIC,
    properties::REAL_TOPIC,
    properties::REAL_QUEUE_ID,
    properties::DELAY_LEVEL,
    properties::TIMER_DELAY_SEC,
    properties::TIMER_DELAY_MS,
    properties::TIMER_DELIVER_MS,
    properties::START_DELIVER_TIME,
    properties::TIMER_OUT_MS,
    properties::TIMER_ENQUEUE_MS,
    properties::TIMER_DEQUEUE_MS,
    properties::RECONSUME_TIME,
    properties::MAX_RECONSUME_TIMES,
    properties::MIN_OFFSET,
    properties::MAX_OFFSET,
    properties::WAIT_STORE_MSG_OK,
    properties::TRANSACTION_PREPARED,
    properties::TRANSACTION_CHECK_TIMES,
    properties::TRANSACTION_PREPARED_QUEUE_OFFSET,
    properties::CRC32,
];

/// One queue of dead letters.
#[derive(Debug)]
pub struct DeadLetterQueue {
    /// The queue.
    pub queue: Queue,
    /// What its broker allows: see [`protocol::topic::perm`]. Old brokers make such topics without
    /// [`protocol::topic::perm::READ`].
    pub perm: i32,
    /// Where it begins and ends, if that is known.
    pub range: Option<QueueRange>,
    /// When its last message was stored, ms; `None` if it is empty, or if that is not known.
    pub last_ms: Option<i64>,
    /// Why something is not known.
    pub error: Option<Error>,
}

/// The dead letters of a group.
#[derive(Debug)]
pub struct DeadLetters {
    /// The group.
    pub group: String,
    /// Their queues, in order.
    pub queues: Vec<DeadLetterQueue>,
}

impl DeadLetters {
    /// How many there are; `None` if not every queue could be asked.
    pub fn count(&self) -> Option<i64> {
        self.queues.iter().map(DeadLetterQueue::count).sum()
    }

    /// When the last one that is known of was stored, ms.
    pub fn last_ms(&self) -> Option<i64> {
        self.queues.iter().filter_map(|queue| queue.last_ms).max()
    }

    /// What is not known, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&Queue, &Error)> {
        self.queues.iter().filter_map(|queue| Some((&queue.queue, queue.error.as_ref()?)))
    }
}

impl DeadLetterQueue {
    /// How many it holds; `None` if that is not known.
    pub fn count(&self) -> Option<i64> {
        self.range.map(|range| range.max - range.min)
    }
}

/// Why a dead letter cannot be sent again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAgain {
    /// Nothing in it says where it was sent to first.
    #[error("it does not say which topic it was first sent to (no property RETRY_TOPIC): name one")]
    NoTopic,
    /// Its body is compressed in a way this client does not know; as a new message it would no longer say so.
    #[error("its body is compressed in a way that cannot be unfolded here")]
    Compressed,
}

/// The message to send when a dead letter is to be tried again: to `to`, or to the topic it was first sent to. It keeps
/// its id, keys, tag and properties, and `ORIGIN_MESSAGE_ID` where it has one; its redeliveries are counted anew.
///
/// # Errors
/// [`NotAgain`].
pub fn message_to_resend(letter: &Received, to: Option<&str>) -> Result<Message, NotAgain> {
    if letter.sys_flag.has(SysFlag::COMPRESSED) {
        return Err(NotAgain::Compressed);
    }
    let topic = to.or_else(|| first_topic(letter)).ok_or(NotAgain::NoTopic)?;
    let mut message = Message { topic: topic.into(), ..letter.message.clone() };
    OF_ONE_DELIVERY.into_iter().for_each(|name| message.properties.remove(name));
    Ok(message)
}

/// The topic that a dead letter was first sent to, if it says so.
pub fn first_topic(letter: &Received) -> Option<&str> {
    let noted = [properties::RETRY_TOPIC, DLQ_ORIGIN_TOPIC].into_iter();
    noted.filter_map(|name| letter.properties.get(name)).find(|topic| {
        // A group would read such a message from no topic that it subscribes to.
        !topic.is_empty() && !topic.starts_with(RETRY_PREFIX) && !topic.starts_with(DLQ_PREFIX)
    })
}

impl Admin {
    /// The dead letters of every group that has a topic of them, in the order of the groups.
    ///
    /// # Errors
    /// If no name server answers. A queue that cannot be asked has its own.
    pub async fn all_dead_letters(&self) -> Result<Vec<DeadLetters>, Error> {
        let topics = self.topics().await?;
        let groups = topics.iter().filter_map(|topic| topic.strip_prefix(DLQ_PREFIX)).map(str::to_owned);
        let groups: Vec<String> = groups.collect();
        let asked = stream::iter(groups).map(|group| async move { self.dead_letters(&group).await });
        let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        // Deleted since the list was asked.
        answers.into_iter().filter(|answer| !answer.as_ref().is_err_and(Error::is_not_found)).collect()
    }

    /// The dead letters of a group.
    ///
    /// # Errors
    /// [`client::Error::TopicNotFound`] if there is no topic of them, or that of asking. A queue that cannot be asked has
    /// its own.
    pub async fn dead_letters(&self, group: &str) -> Result<DeadLetters, Error> {
        let topic = dlq_topic(group);
        let route = self.client.fresh_route(&topic).await?;
        let mut queues: Vec<(Queue, i32)> = Vec::new();
        for data in &route.data().queue_datas {
            let count = data.read_queue_nums.max(data.write_queue_nums).min(MAX_QUEUES);
            queues.extend((0..count).map(|id| (Queue::new(&*topic, &*data.broker_name, id), data.perm)));
        }
        queues.sort_unstable();
        let consumer = PullConsumer::on(&self.client, TOOLS)?;
        let asked = stream::iter(queues).map(|(queue, perm)| {
            let consumer = &consumer;
            async move {
                let range = self.range(&queue).await;
                let (range, last) = match range {
                    Ok(range) => (Some(range), last_ms(consumer, &queue, range).await),
                    Err(error) => (None, Err(error)),
                };
                let (last_ms, error) = match last {
                    Ok(last_ms) => (last_ms, None),
                    Err(error) => (None, Some(error)),
                };
                DeadLetterQueue { queue, perm, range, last_ms, error }
            }
        });
        Ok(DeadLetters { group: group.to_owned(), queues: asked.buffered(AT_ONCE).collect().await })
    }
}

/// When the last message of a queue was stored.
async fn last_ms(consumer: &PullConsumer, queue: &Queue, range: QueueRange) -> Result<Option<i64>, Error> {
    if range.max <= range.min {
        return Ok(None);
    }
    let all = Subscription::tags(&queue.topic, "*", 0);
    let pulled = consumer.pull(queue, &all, range.max - 1, 1, None).await?;
    Ok(pulled.messages.last().map(|message| message.store_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn letter(properties: &[(&str, &str)]) -> Received {
        let mut message = Message::new("%DLQ%g", "body");
        message.flag = 7;
        for (name, value) in properties {
            message.properties.set(name, value).unwrap();
        }
        Received {
            message,
            queue: Queue::new("%DLQ%g", "broker-a", 0),
            queue_offset: 3,
            physical_offset: 4096,
            born_ms: 1,
            born_host: "10.0.0.9:5555".parse().unwrap(),
            store_ms: 2,
            store_host: "10.0.0.1:10911".parse().unwrap(),
            reconsume_times: 16,
            sys_flag: SysFlag(0),
            stored_len: 120,
        }
    }

    #[test]
    fn a_dead_letter_goes_to_its_first_topic_as_if_it_had_never_been_delivered() {
        let letter = letter(&[
            ("TAGS", "paid"),
            ("KEYS", "order-7"),
            ("UNIQ_KEY", "0A01"),
            ("shop", "berlin"),
            ("RETRY_TOPIC", "orders"),
            ("ORIGIN_MESSAGE_ID", "0A00"),
            ("REAL_TOPIC", "%RETRY%g"),
            ("REAL_QID", "0"),
            ("DELAY", "18"),
            ("TIMER_DELIVER_MS", "1"),
            ("TIMER_OUT_MS", "1"),
            ("MAX_RECONSUME_TIMES", "16"),
            ("__CRC32#", "1"),
        ]);
        let message = message_to_resend(&letter, None).unwrap();
        assert_eq!((&*message.topic, &message.body, message.flag), ("orders", &Bytes::from("body"), 7));
        let kept: Vec<_> = message.properties.iter().map(|(name, _)| name).collect();
        assert_eq!(kept, ["TAGS", "KEYS", "UNIQ_KEY", "shop", "ORIGIN_MESSAGE_ID"]);
        assert_eq!(&*message_to_resend(&letter, Some("elsewhere")).unwrap().topic, "elsewhere");
    }

    #[test]
    fn a_dead_letter_that_does_not_say_its_topic_goes_nowhere_unless_told() {
        for noted in [&[][..], &[("RETRY_TOPIC", "%RETRY%g")], &[("RETRY_TOPIC", "")]] {
            assert_eq!(message_to_resend(&letter(noted), None), Err(NotAgain::NoTopic));
            assert_eq!(&*message_to_resend(&letter(noted), Some("orders")).unwrap().topic, "orders");
        }
        let of_a_later_broker = letter(&[("DLQ_ORIGIN_TOPIC", "orders")]);
        assert_eq!(&*message_to_resend(&of_a_later_broker, None).unwrap().topic, "orders");
    }

    #[test]
    fn a_body_that_nobody_could_read_is_not_sent_on() {
        let letter = Received { sys_flag: SysFlag(SysFlag::COMPRESSED), ..letter(&[("RETRY_TOPIC", "orders")]) };
        assert_eq!(message_to_resend(&letter, None), Err(NotAgain::Compressed));
    }

    #[test]
    fn what_one_queue_does_not_tell_is_not_known_of_all() {
        let queue = |range: Option<QueueRange>, last_ms| DeadLetterQueue {
            queue: Queue::new("%DLQ%g", "b", 0),
            perm: 6,
            error: range.is_none().then(|| Error::from(client::Error::ShutDown)),
            range,
            last_ms,
        };
        let range = Some(QueueRange { min: 2, max: 5 });
        let letters = |queues| DeadLetters { group: "g".into(), queues };
        let known = letters(vec![queue(range, Some(7)), queue(range, Some(9))]);
        assert_eq!((known.count(), known.last_ms(), known.failures().count()), (Some(6), Some(9), 0));
        let partly = letters(vec![queue(range, Some(7)), queue(None, None)]);
        assert_eq!((partly.count(), partly.failures().count()), (None, 1));
    }
}

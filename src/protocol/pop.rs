//! Pop consumption: the broker hands messages out for a time, and takes back those that nobody acknowledged.
//!
//! Source: `PopMessageRequestHeader`, `AckMessageRequestHeader`, `BatchAckMessageRequestBody`,
//! `ChangeInvisibleTimeRequestHeader`, `NotificationRequestHeader` and their answers in Apache RocketMQ 5.3.3.

pub mod assignment;
pub mod extra_info;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The answer to a pop for which nothing came in time. 4.9.8 has another meaning for this number.
pub const POLLING_TIMEOUT: i32 = 210;
/// The answer to a pop that may not wait, because too many do. 4.9.8 has another meaning for this number.
pub const POLLING_FULL: i32 = 209;
/// The revive queue of messages that were popped in order: source `KeyBuilder.POP_ORDER_REVIVE_QUEUE`.
pub const ORDER_REVIVE_QUEUE: i32 = 999;
/// Most messages one pop may ask for.
pub const MAX_MESSAGES: i32 = 32;
/// Longest time messages may be invisible, ms: source `timerMaxDelaySec`.
pub const MAX_INVISIBLE_MS: i64 = 3 * 24 * 3_600_000;
/// Property in which a popped message carries what its acknowledgement must say: see [`extra_info`].
pub const POP_CK: &str = "POP_CK";
/// Property that says when a message was popped first, ms.
pub const FIRST_POP_TIME: &str = "1ST_POP_TIME";

/// Asks for messages of a topic (200050).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PopMessage {
    /// The group.
    pub consumer_group: String,
    /// Topic.
    pub topic: String,
    /// A queue, or -1 for any.
    pub queue_id: i32,
    /// At most so many messages.
    pub max_msg_nums: i32,
    /// How long they are to be invisible to others, ms.
    pub invisible_time: i64,
    /// How long the broker may hold the request, ms.
    pub poll_time: i64,
    /// When the request was made, ms by the client's clock.
    #[serde(default)]
    pub born_time: i64,
    /// Where a new group starts: 0 at the first message, 1 at the last.
    pub init_mode: i32,
    /// `TAG` or `SQL92`.
    pub exp_type: Option<String>,
    /// The filter; absent: all.
    pub exp: Option<String>,
    /// Whether a queue is to have one reader at a time.
    #[serde(default)]
    pub order: bool,
    /// The same for two requests that are one attempt.
    pub attempt_id: Option<String>,
}

/// `initMode`: a new group starts at the last message.
pub const INIT_AT_LAST: i32 = 1;

/// The header of an answer to a pop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PopAnswer {
    /// When the messages were popped, ms by the broker's clock.
    pub pop_time: i64,
    /// For how long they are invisible, ms.
    pub invisible_time: i64,
    /// Where the broker notes acknowledgements.
    pub revive_qid: i32,
    /// Messages left.
    pub rest_num: i64,
    /// Where the pop of each queue began: see [`extra_info`].
    pub start_offset_info: Option<String>,
    /// The offsets of its messages.
    pub msg_offset_info: Option<String>,
    /// How often they were popped before, if in order.
    pub order_count_info: Option<String>,
}

/// Acknowledges a message (200051).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AckMessage {
    /// The group.
    pub consumer_group: String,
    /// The topic it was popped from: the retry topic if it came from there.
    pub topic: String,
    /// Its queue.
    pub queue_id: i32,
    /// What its pop said: see [`extra_info`].
    pub extra_info: String,
    /// Its offset in the queue.
    pub offset: i64,
}

/// Wants a popped message to be invisible for another time, counted from now (200053).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeInvisibleTime {
    /// The group.
    pub consumer_group: String,
    /// The topic it was popped from.
    pub topic: String,
    /// Its queue.
    pub queue_id: i32,
    /// What its pop said.
    pub extra_info: String,
    /// Its offset in the queue.
    pub offset: i64,
    /// For how long from now, ms.
    pub invisible_time: i64,
}

/// The header of the answer to that: what the next acknowledgement must say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedInvisibleTime {
    /// As if it had been popped then, ms.
    pub pop_time: i64,
    /// For how long it is invisible, ms.
    pub invisible_time: i64,
    /// Where the broker notes its acknowledgement.
    pub revive_qid: i32,
}

/// Asks whether a pop would find something (200054), or how many wait (200055).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// The group.
    pub consumer_group: String,
    /// Topic.
    pub topic: String,
    /// A queue, or -1 for any.
    pub queue_id: i32,
    /// How long the broker may hold the request, ms.
    #[serde(default)]
    pub poll_time: i64,
    /// Whether the pop would be in order.
    #[serde(default)]
    pub order: bool,
    /// As in [`PopMessage`].
    pub attempt_id: Option<String>,
}

/// The header of the answer to 200054.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationAnswer {
    /// Whether there is something to pop.
    pub has_msg: bool,
    /// Whether the request could not wait, because too many do.
    pub polling_full: bool,
}

/// The header of the answer to 200055.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PollingInfoAnswer {
    /// How many requests wait.
    pub polling_num: i32,
}

/// Acknowledges many messages at once (200151).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAck {
    /// The broker they were popped from.
    pub broker_name: Option<String>,
    /// By pop and queue.
    pub acks: Vec<PopAck>,
}

/// Messages of one pop of one queue, acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopAck {
    /// The group.
    #[serde(rename = "c", alias = "consumerGroup")]
    pub group: String,
    /// The topic without what makes it a retry topic.
    #[serde(rename = "t", alias = "topic")]
    pub topic: String,
    /// Which topic they were popped from: see [`extra_info::Origin`].
    #[serde(rename = "r", alias = "retry")]
    pub retry: String,
    /// Where the pop of the queue began.
    #[serde(rename = "so", alias = "startOffset")]
    pub start_offset: i64,
    /// The queue.
    #[serde(rename = "q", alias = "queueId")]
    pub queue_id: i32,
    /// Where the broker notes it.
    #[serde(rename = "rq", alias = "reviveQueueId")]
    pub revive_queue_id: i32,
    /// When they were popped, ms.
    #[serde(rename = "pt", alias = "popTime")]
    pub pop_time: i64,
    /// For how long, ms.
    #[serde(rename = "it", alias = "invisibleTime")]
    pub invisible_time: i64,
    /// Which of them, as distances from `start_offset`.
    #[serde(rename = "b", alias = "bitSet")]
    pub distances: BitSet,
}

/// Most bytes of a set: more than any pop spans, and little enough to walk through.
const MAX_SET_BYTES: usize = 8 << 10;

/// Small numbers, as Java's `BitSet` writes them: base64 of bytes whose lowest bit is the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitSet(Vec<u8>);

impl BitSet {
    /// The numbers in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        let bytes = self.0.iter().enumerate();
        bytes.flat_map(|(at, byte)| (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| at * 8 + bit))
    }
}

impl FromIterator<usize> for BitSet {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let mut bytes = Vec::new();
        for number in numbers {
            if bytes.len() <= number / 8 {
                bytes.resize(number / 8 + 1, 0);
            }
            bytes[number / 8] |= 1 << (number % 8);
        }
        Self(bytes)
    }
}

impl Serialize for BitSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for BitSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(|error| de::Error::custom(format!("a bit set: {error}")))?;
        if bytes.len() > MAX_SET_BYTES {
            return Err(de::Error::custom(format!("a bit set of {} bytes, the most is {MAX_SET_BYTES}", bytes.len())));
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_acknowledgements_is_read_as_apache_writes_it() {
        // `BitSet` with 0, 1 and 9, by `toByteArray` and base64.
        let body = concat!(
            r#"{"acks":[{"b":"AwI=","c":"G","it":60000,"pt":1700000000000,"q":3,"r":"1","rq":2,"so":17,"t":"T"}],"#,
            r#""brokerName":"broker-a"}"#
        );
        let batch: BatchAck = serde_json::from_str(body).unwrap();
        let ack = &batch.acks[0];
        assert_eq!((ack.start_offset, ack.queue_id, &*ack.retry), (17, 3, "1"));
        assert_eq!(ack.distances.iter().collect::<Vec<_>>(), [0, 1, 9]);
        assert_eq!(ack.distances, [9, 0, 1].into_iter().collect());
        let again: BatchAck = serde_json::from_str(&serde_json::to_string(&batch).unwrap()).unwrap();
        assert_eq!(again.acks, batch.acks);
        let long = r#"{"acks":[{"bitSet":"AQ==","consumerGroup":"G","invisibleTime":1,"popTime":1,"queueId":0,"retry":"0","reviveQueueId":0,"startOffset":0,"topic":"T"}]}"#;
        assert!(serde_json::from_str::<BatchAck>(long).is_ok());
        assert!(serde_json::from_str::<BatchAck>(&body.replace("AwI=", "A?I")).is_err());
    }

    #[test]
    fn headers_are_flat() {
        let answer = PopAnswer {
            pop_time: 1,
            invisible_time: 2,
            revive_qid: 3,
            rest_num: 4,
            start_offset_info: Some("0 1 2".into()),
            msg_offset_info: None,
            order_count_info: None,
        };
        let fields = base::flat::to_fields(&answer).unwrap();
        let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["popTime", "invisibleTime", "reviveQid", "restNum", "startOffsetInfo"]);
        assert_eq!(base::flat::from_fields::<PopAnswer>(&fields).unwrap(), answer);
        let asked = [
            ("consumerGroup", "G"),
            ("topic", "T"),
            ("queueId", "-1"),
            ("maxMsgNums", "32"),
            ("invisibleTime", "60000"),
            ("pollTime", "15000"),
            ("bornTime", "1700000000000"),
            ("initMode", "0"),
            ("expType", "TAG"),
            ("exp", "*"),
            ("order", "false"),
        ];
        let asked: PopMessage = base::flat::from_fields(&asked.into_iter().collect()).unwrap();
        assert_eq!((asked.queue_id, asked.order, asked.attempt_id), (-1, false, None));
    }
}

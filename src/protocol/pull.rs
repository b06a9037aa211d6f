//! Pulling messages, and the offsets of queues and groups.
//!
//! Source: `PullMessageRequestHeader`, `PullSysFlag` and the offset headers of Apache RocketMQ.

use serde::{Deserialize, Serialize};

/// Bits of a pull's system flag. Source: `PullSysFlag`.
pub mod pull_flag {
    /// `commitOffset` is to be stored.
    pub const COMMIT_OFFSET: i32 = 1;
    /// The broker may hold the request until a message comes.
    pub const SUSPEND: i32 = 1 << 1;
    /// The request carries its own subscription.
    pub const SUBSCRIPTION: i32 = 1 << 2;
    /// A filter class; not supported since 4.3.
    pub const CLASS_FILTER: i32 = 1 << 3;
    /// A lite pull consumer.
    pub const LITE_PULL: i32 = 1 << 4;
}

/// Asks for messages (11, 361).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pull {
    /// The reader's group.
    pub consumer_group: String,
    /// Topic.
    pub topic: String,
    /// Queue id.
    pub queue_id: i32,
    /// First index wanted.
    pub queue_offset: i64,
    /// At most so many messages.
    pub max_msg_nums: i32,
    /// [`pull_flag`] bits.
    pub sys_flag: i32,
    /// How far the group has consumed, with [`pull_flag::COMMIT_OFFSET`].
    pub commit_offset: i64,
    /// How long the broker may hold the request, ms.
    pub suspend_timeout_millis: i64,
    /// Filter expression, with [`pull_flag::SUBSCRIPTION`].
    pub subscription: Option<String>,
    /// Version of the subscription.
    #[serde(default)]
    pub sub_version: i64,
    /// `TAG` or `SQL92`; absent: `TAG`.
    pub expression_type: Option<String>,
}

/// The header of an answer to a pull. Source: `PullMessageResponseHeader`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullAnswer {
    /// Which broker of the name to ask next.
    pub suggest_which_broker_id: i64,
    /// First index of the next pull.
    pub next_begin_offset: i64,
    /// First index there is.
    pub min_offset: i64,
    /// End of the queue.
    pub max_offset: i64,
}

/// Names a queue: its first index (31), its end (30), the time of its first message (32).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueOf {
    /// Topic.
    pub topic: String,
    /// Queue id.
    pub queue_id: i32,
}

/// Asks for the index at a time (29). Source: `SearchOffsetRequestHeader`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchOffset {
    /// Topic.
    pub topic: String,
    /// Queue id.
    pub queue_id: i32,
    /// Store time, ms.
    pub timestamp: i64,
}

/// An answer that is one index.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OffsetAnswer {
    /// The index.
    pub offset: i64,
}

/// An answer that is one time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeAnswer {
    /// ms; -1 if there is none.
    pub timestamp: i64,
}

/// Asks how far a group has consumed a queue (14).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryOffset {
    /// Group.
    pub consumer_group: String,
    /// Topic.
    pub topic: String,
    /// Queue id.
    pub queue_id: i32,
}

/// Stores how far a group has consumed a queue (15).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateOffset {
    /// Group.
    pub consumer_group: String,
    /// Topic.
    pub topic: String,
    /// Queue id.
    pub queue_id: i32,
    /// Next index to consume.
    pub commit_offset: i64,
}

/// Asks for a message by where it lies (33).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ViewMessage {
    /// Physical offset.
    pub offset: i64,
}

/// Asks for messages by key (12). Source: `QueryMessageRequestHeader`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryMessage {
    /// Topic.
    pub topic: String,
    /// Key, or the unique id.
    pub key: String,
    /// At most so many.
    pub max_num: i32,
    /// Stored at or after, ms.
    pub begin_timestamp: i64,
    /// Stored at or before, ms.
    pub end_timestamp: i64,
    /// Whether `key` is the unique id.
    #[serde(rename = "_UNIQUE_KEY_QUERY", default)]
    pub unique_key: bool,
}

/// How current the index is. Source: `QueryMessageResponseHeader`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryMessageAnswer {
    /// Store time of the last indexed message, ms.
    pub index_last_update_timestamp: i64,
    /// Physical offset of the last indexed message.
    pub index_last_update_phyoffset: i64,
}

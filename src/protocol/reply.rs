//! A reply on its way from the broker to the client that waits for it.
//!
//! Source: `ReplyMessageRequestHeader` of Apache RocketMQ.

use serde::{Deserialize, Serialize};

/// Value of [`MESSAGE_TYPE`](crate::properties::MESSAGE_TYPE) that a reply has.
pub const REPLY: &str = "reply";

/// Hands a client a reply (326). The body is the reply's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushReply {
    /// The group of who replied.
    pub producer_group: String,
    /// The topic of replies.
    pub topic: String,
    /// As in the request that brought the reply.
    pub default_topic: String,
    /// As in the request that brought the reply.
    pub default_topic_queue_nums: i32,
    /// As in the request that brought the reply.
    pub queue_id: i32,
    /// The reply's system flag: whether its body is compressed.
    pub sys_flag: i32,
    /// When the reply was made, ms.
    pub born_timestamp: i64,
    /// The application's flag.
    pub flag: i32,
    /// The property string; it names the request.
    pub properties: Option<String>,
    /// Times redelivered.
    pub reconsume_times: Option<i32>,
    /// Whether the cluster is unitized.
    #[serde(default)]
    pub unit_mode: bool,
    /// Who replied, `ip:port`.
    pub born_host: String,
    /// The broker, `ip:port`.
    pub store_host: String,
    /// When the broker passed it on, ms.
    pub store_timestamp: i64,
}

//! Asking a broker to reset a group's offsets to a time (222); the answer is a table of `offset_table`.
//!
//! Source: `ResetOffsetRequestHeader` of Apache RocketMQ.

use serde::{Deserialize, Serialize};

/// Asks a broker to reset a group (222).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResetOffset {
    /// Topic.
    pub topic: String,
    /// Group.
    pub group: String,
    /// Go on with the first message stored at or after this time, ms; -1: with the next one to come.
    pub timestamp: i64,
    /// Also forwards; without, queues are only set back.
    #[serde(default)]
    pub is_force: bool,
    /// Only this queue; negative: all. A field of 5.x.
    #[serde(default = "all")]
    pub queue_id: i32,
    /// Go on with this index of that queue, whatever the time. A field of 5.x.
    pub offset: Option<i64>,
}

fn all() -> i32 {
    -1
}

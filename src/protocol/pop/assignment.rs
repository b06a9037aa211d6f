//! Which queues a client is to read, and how, when the broker shares them out (400, 401).
//!
//! Source: `QueryAssignmentRequestBody`, `QueryAssignmentResponseBody`, `MessageQueueAssignment` and
//! `SetMessageRequestModeRequestBody` of Apache RocketMQ 5.3.3.

use crate::heartbeat::MessageModel;
use serde::{Deserialize, Serialize};

/// How messages are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RequestMode {
    /// By pulls.
    #[default]
    Pull,
    /// By pops.
    Pop,
}

/// Asks for a client's queues of a topic (400).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryAssignment {
    /// Topic.
    pub topic: String,
    /// The client's group.
    pub consumer_group: String,
    /// The client.
    pub client_id: String,
    /// `AVG` or `AVG_BY_CIRCLE`.
    pub strategy_name: Option<String>,
    /// Whether each client gets all.
    #[serde(default)]
    pub message_model: MessageModel,
}

/// The answer. `None`: nothing is known, and the client is to keep what it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignments {
    /// Its queues.
    pub message_queue_assignments: Option<Vec<Assignment>>,
}

/// A queue and how to read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// The queue.
    pub message_queue: AssignedQueue,
    /// How to read it.
    pub mode: RequestMode,
}

/// A queue by its parts; ordered as Apache's clients order queues.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignedQueue {
    /// Topic.
    pub topic: String,
    /// The broker's name.
    pub broker_name: String,
    /// Its number; -1 for all queues of the broker.
    pub queue_id: i32,
}

/// Says how a group asks for a topic's messages (401).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetRequestMode {
    /// Topic.
    pub topic: String,
    /// Group.
    pub consumer_group: String,
    /// How.
    #[serde(default)]
    pub mode: RequestMode,
    /// With how many others a client shares its queues when it pops; 0 or less: with all.
    #[serde(default)]
    pub pop_share_queue_num: i32,
}

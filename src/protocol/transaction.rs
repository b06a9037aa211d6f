//! Ending a transaction, and asking a producer how one ended.
//!
//! Source: `EndTransactionRequestHeader`, `CheckTransactionStateRequestHeader` of Apache RocketMQ.

use serde::{Deserialize, Serialize};

/// Ends a transaction (37).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndTransaction {
    /// The group that sent the half message.
    pub producer_group: String,
    /// Index of the half message in its queue, as the answer to its send said.
    pub tran_state_table_offset: i64,
    /// Byte position of the half message in the log, as its message id says.
    pub commit_log_offset: i64,
    /// [`TRANSACTION_COMMIT`](crate::record::SysFlag::TRANSACTION_COMMIT),
    /// [`TRANSACTION_ROLLBACK`](crate::record::SysFlag::TRANSACTION_ROLLBACK), or 0: not known yet.
    pub commit_or_rollback: i32,
    /// Whether the broker had asked.
    #[serde(default)]
    pub from_transaction_check: bool,
    /// The id its producer gave the message.
    pub msg_id: Option<String>,
    /// The transaction's id: the same.
    pub transaction_id: Option<String>,
}

/// Asks a producer how a transaction ended (39). The body is the message, told to lie in its real topic and queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckTransaction {
    /// Index of the half message in its queue.
    pub tran_state_table_offset: i64,
    /// Byte position of the half message in the log.
    pub commit_log_offset: i64,
    /// The id its producer gave the message.
    pub msg_id: Option<String>,
    /// The transaction's id: the same.
    pub transaction_id: Option<String>,
    /// The id that says where the half message lies.
    pub offset_msg_id: Option<String>,
}

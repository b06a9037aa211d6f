//! What a broker passes on to one of its clients: how it runs (307), and to handle a message now (309).
//!
//! Source: `ConsumerRunningInfo`, `ProcessQueueInfo`, `ConsumeStatus`, `ConsumeMessageDirectlyResult` and their headers of
//! Apache RocketMQ 4.9.8. Clients in other languages leave members out; reading takes that.

use crate::{
    by_queue::{self, ByQueue},
    heartbeat::{Subscription, loose_list},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Asks how a consumer runs (307).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningInfoOf {
    /// The group.
    pub consumer_group: String,
    /// Which member.
    pub client_id: String,
    /// Whether it is to tell what its threads do.
    #[serde(default)]
    pub jstack_enable: bool,
}

/// Asks a consumer to handle a message now (309).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumeDirectly {
    /// The group.
    pub consumer_group: String,
    /// Which member.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<String>,
    /// Which message: its id by where it lies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub msg_id: Option<String>,
    /// Where it lies; the broker sets it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub broker_name: Option<String>,
}

/// What a consumer holds of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeldQueue {
    /// The index it will consume next.
    pub commit_offset: i64,
    /// The first and last index of the messages that it holds, and how many those are.
    pub cached_msg_min_offset: i64,
    /// See above.
    pub cached_msg_max_offset: i64,
    /// See above.
    pub cached_msg_count: i64,
    /// Their bytes, in MiB.
    #[serde(rename = "cachedMsgSizeInMiB")]
    pub cached_msg_size_in_mib: i64,
    /// Whether it holds the queue's lock.
    pub locked: bool,
    /// Whether it has given the queue up.
    pub droped: bool,
    /// When it last pulled, ms.
    pub last_pull_timestamp: i64,
    /// When it last handled a message, ms.
    pub last_consume_timestamp: i64,
}

/// How fast a consumer handles a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumeSpeed {
    /// Milliseconds a pull takes.
    #[serde(rename = "pullRT")]
    pub pull_ms: f64,
    /// Messages pulled a second.
    #[serde(rename = "pullTPS")]
    pub pull_tps: f64,
    /// Milliseconds that handling takes.
    #[serde(rename = "consumeRT")]
    pub consume_ms: f64,
    /// Messages handled a second.
    #[serde(rename = "consumeOKTPS")]
    pub consume_ok_tps: f64,
    /// Messages a second that it failed on.
    #[serde(rename = "consumeFailedTPS")]
    pub consume_failed_tps: f64,
    /// Messages that it failed on, in the last hour.
    #[serde(rename = "consumeFailedMsgs")]
    pub consume_failed_msgs: i64,
}

/// How a consumer runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunningInfo {
    /// What its threads do, if that was asked for.
    pub jstack: Option<String>,
    /// What it holds.
    #[serde(deserialize_with = "by_queue::read")]
    pub mq_table: ByQueue<HeldQueue>,
    /// Its settings; some clients write numbers.
    pub properties: BTreeMap<String, serde_json::Value>,
    /// Topic → how fast.
    pub status_table: BTreeMap<String, ConsumeSpeed>,
    /// What it subscribes to.
    #[serde(deserialize_with = "loose_list")]
    pub subscription_set: Vec<Subscription>,
}

impl RunningInfo {
    /// As Apache's clients write it, but what its threads do.
    ///
    /// # Errors
    /// None that is known: numbers that are none.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut out = String::from(r#"{"mqTable":"#);
        by_queue::push(&mut out, &self.mq_table)?;
        let more = [
            ("properties", serde_json::to_string(&self.properties)?),
            ("statusTable", serde_json::to_string(&self.status_table)?),
            ("subscriptionSet", serde_json::to_string(&self.subscription_set)?),
        ];
        for (name, value) in more {
            out.push_str(&format!(",\"{name}\":{value}"));
        }
        out.push('}');
        Ok(out)
    }
}

/// What came of handling a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeResult {
    /// Whether what was handled is noted as such.
    pub auto_commit: bool,
    /// `CR_SUCCESS`, `CR_LATER`, `CR_ROLLBACK`, `CR_COMMIT`, `CR_THROW_EXCEPTION` or `CR_RETURN_NULL`.
    pub consume_result: Option<String>,
    /// Whether the group's order counts.
    pub order: bool,
    /// Why.
    pub remark: Option<String>,
    /// How long it took, ms.
    pub spent_time_mills: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loose_json;

    #[test]
    fn what_clients_tell_of_themselves_is_read() {
        let java = concat!(
            r#"{"mqTable":{{"brokerName":"b","queueId":0,"topic":"T"}:{"cachedMsgCount":2,"cachedMsgMaxOffset":6,"#,
            r#""cachedMsgMinOffset":5,"cachedMsgSizeInMiB":1,"commitOffset":5,"droped":false,"lastConsumeTimestamp":8,"#,
            r#""lastLockTimestamp":0,"lastPullTimestamp":9,"locked":false,"transactionMsgCount":0,"tryUnlockTimes":0}},"#,
            r#""properties":{"PROP_CONSUME_TYPE":"CONSUME_PASSIVELY","PROP_CONSUMER_START_TIMESTAMP":1795359330932},"#,
            r#""statusTable":{"T":{"consumeFailedMsgs":0,"consumeFailedTPS":0.0,"consumeOKTPS":1.5,"consumeRT":0.25,"#,
            r#""pullRT":2.0,"pullTPS":1.5}},"subscriptionSet":[{"subString":"*","subVersion":1,"topic":"T"}]}"#
        );
        let info: RunningInfo = loose_json::from_slice(java.as_bytes()).unwrap();
        let held = info.mq_table.values().next().unwrap();
        assert_eq!((held.cached_msg_count, held.cached_msg_size_in_mib, held.last_pull_timestamp), (2, 1, 9));
        assert_eq!((info.status_table["T"].consume_ok_tps, info.status_table["T"].pull_ms), (1.5, 2.0));
        assert_eq!((info.subscription_set.len(), &info.jstack), (1, &None));
        let again = RunningInfo { jstack: None, ..info.clone() }.to_json().unwrap();
        assert_eq!(loose_json::from_slice::<RunningInfo>(again.as_bytes()).unwrap(), info);
        assert_eq!(loose_json::from_slice::<RunningInfo>(b"{}").unwrap(), RunningInfo::default());
        let result = r#"{"autoCommit":true,"consumeResult":"CR_SUCCESS","order":false,"spentTimeMills":3}"#;
        let result: ConsumeResult = serde_json::from_str(result).unwrap();
        assert_eq!((result.consume_result.as_deref(), result.spent_time_mills), (Some("CR_SUCCESS"), 3));
    }
}

//! Locks of queues, by which the members of an ordered group take turns: asking for them (41), giving them back (42).
//!
//! Source: `LockBatchRequestBody`, `UnlockBatchRequestBody`, `LockBatchResponseBody`, `MessageQueue` of Apache RocketMQ.
//! Version 5 adds `onlyThisBroker`, which says that no slave need agree; it is not read.

use crate::heartbeat::loose_list;
use serde::{Deserialize, Serialize};

/// A queue as JSON bodies name it. Ordered as Apache's clients order queues.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueName {
    /// The broker's name.
    #[serde(default)]
    pub broker_name: String,
    /// From 0.
    pub queue_id: i32,
    /// Topic.
    pub topic: String,
}

/// Asks to lock queues (41), or gives them back (42).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockQueues {
    /// Who asks.
    pub client_id: String,
    /// In which group.
    pub consumer_group: String,
    /// Which queues.
    #[serde(default, deserialize_with = "loose_list")]
    pub mq_set: Vec<QueueName>,
}

/// The queues that the asker holds now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LockedQueues {
    /// Some or all of those asked for.
    #[serde(rename = "lockOKMQSet", default, deserialize_with = "loose_list")]
    pub locked: Vec<QueueName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_of_clients_are_read_and_the_answer_is_apaches() {
        let queue = r#"{"brokerName":"broker-c","queueId":3,"topic":"T"}"#;
        let java = format!(r#"{{"clientId":"c","consumerGroup":"G","mqSet":[{queue}]}}"#);
        let go = r#"{"consumerGroup":"G","clientId":"c","mqSet":[{"topic":"T","brokerName":"broker-c","queueId":3}]}"#;
        let newer = format!(r#"{{"clientId":"c","consumerGroup":"G","mqSet":[{queue}],"onlyThisBroker":true}}"#);
        let read: LockQueues = serde_json::from_str(&java).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), java);
        for other in [go, &newer] {
            assert_eq!(serde_json::from_str::<LockQueues>(other).unwrap(), read);
        }
        let answer = serde_json::to_string(&LockedQueues { locked: read.mq_set }).unwrap();
        assert_eq!(answer, format!(r#"{{"lockOKMQSet":[{queue}]}}"#));
    }
}

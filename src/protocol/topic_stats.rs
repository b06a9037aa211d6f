//! Where the queues of a topic begin and end on a broker (202), and what was counted of a topic or group (315).
//!
//! Source: `TopicStatsTable`, `TopicOffset`, `BrokerStatsData`, `BrokerStatsItem`, `Stats` of Apache RocketMQ 4.9.8.

use crate::by_queue::{self, ByQueue};
use serde::{Deserialize, Serialize};

/// Where a queue begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueExtent {
    /// When its last message was stored, ms; 0 if it never had one, -1 if that is not known.
    pub last_update_timestamp: i64,
    /// The index its next message will have.
    pub max_offset: i64,
    /// The index of its first message.
    pub min_offset: i64,
}

/// The queues of a topic on a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicStats {
    /// Queue by queue.
    #[serde(deserialize_with = "by_queue::read")]
    pub offset_table: ByQueue<QueueExtent>,
}

impl TopicStats {
    /// As Apache RocketMQ writes it.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut out = String::with_capacity(32 + self.offset_table.len() * 160);
        out.push_str("{\"offsetTable\":");
        by_queue::push(&mut out, &self.offset_table)?;
        out.push('}');
        Ok(out)
    }
}

/// Asks what was counted (315).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsOf {
    /// What: see [`stats_name`].
    pub stats_name: String,
    /// Of what: `TOPIC`, `TOPIC@GROUP` or the cluster's name.
    pub stats_key: String,
}

/// What is counted here.
pub mod stats_name {
    /// Messages stored, by topic.
    pub const TOPIC_PUT_NUMS: &str = "TOPIC_PUT_NUMS";
    /// Messages given out, by topic and group.
    pub const GROUP_GET_NUMS: &str = "GROUP_GET_NUMS";
    /// Their bytes.
    pub const GROUP_GET_SIZE: &str = "GROUP_GET_SIZE";
    /// Messages sent back, by topic and group.
    pub const SNDBCK_PUT_NUMS: &str = "SNDBCK_PUT_NUMS";
    /// Messages stored, by cluster.
    pub const BROKER_PUT_NUMS: &str = "BROKER_PUT_NUMS";
    /// Messages given out, by cluster.
    pub const BROKER_GET_NUMS: &str = "BROKER_GET_NUMS";
}

/// What was counted in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatsItem {
    /// How much each time on the average.
    pub avgpt: f64,
    /// How much.
    pub sum: i64,
    /// How much a second.
    pub tps: f64,
}

/// What was counted in the last minute, hour and day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatsData {
    /// In the last day.
    pub stats_day: StatsItem,
    /// In the last hour.
    pub stats_hour: StatsItem,
    /// In the last minute.
    pub stats_minute: StatsItem,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lock::QueueName, loose_json};

    #[test]
    fn a_topics_queues_are_written_as_apache_writes_them_and_read_back() {
        let queue = |queue_id| QueueName { broker_name: "b".into(), queue_id, topic: "T".into() };
        let extent = QueueExtent { last_update_timestamp: 1_795_359_330_932, max_offset: 9, min_offset: 2 };
        let stats = TopicStats { offset_table: [(queue(0), extent), (queue(1), QueueExtent::default())].into() };
        let golden = concat!(
            r#"{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:{"lastUpdateTimestamp":1795359330932,"#,
            r#""maxOffset":9,"minOffset":2},{"brokerName":"b","queueId":1,"topic":"T"}:{"lastUpdateTimestamp":0,"#,
            r#""maxOffset":0,"minOffset":0}}}"#
        );
        assert_eq!(stats.to_json().unwrap(), golden);
        assert_eq!(loose_json::from_slice::<TopicStats>(golden.as_bytes()).unwrap(), stats);
    }

    #[test]
    fn counts_are_written_as_apache_writes_them_and_read_back() {
        let data = StatsData { stats_minute: StatsItem { avgpt: 1.0, sum: 3, tps: 0.05 }, ..StatsData::default() };
        let golden = concat!(
            r#"{"statsDay":{"avgpt":0.0,"sum":0,"tps":0.0},"statsHour":{"avgpt":0.0,"sum":0,"tps":0.0},"#,
            r#""statsMinute":{"avgpt":1.0,"sum":3,"tps":0.05}}"#
        );
        assert_eq!(serde_json::to_string(&data).unwrap(), golden);
        assert_eq!(serde_json::from_str::<StatsData>(golden).unwrap(), data);
    }
}

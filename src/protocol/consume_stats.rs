//! How far groups have come on a broker: one group (208), all of them (317), and by the times of messages (303).
//!
//! Source: `ConsumeStats`, `OffsetWrapper`, `ConsumeStatsList`, `QueueTimeSpan` and their headers of Apache RocketMQ 4.9.8.

use crate::{
    by_queue::{self, ByQueue},
    lock::QueueName,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Asks how far a group has come (208).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumeStatsOf {
    /// The group.
    pub consumer_group: String,
    /// In this topic only; blank or missing: in all that it has an offset for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub topic: Option<String>,
}

/// Asks how far all groups have come (317).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AllConsumeStats {
    /// Only in topics whose order counts.
    pub is_order: bool,
}

/// Asks how far a group has come by the times of messages (303).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimeSpansOf {
    /// The topic.
    pub topic: String,
    /// The group.
    pub group: String,
}

/// How far a group has come in a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueProgress {
    /// The index the queue's next message will have.
    pub broker_offset: i64,
    /// The index the group will consume next. 0 also if the broker knows none.
    pub consumer_offset: i64,
    /// When the message before that one was stored, ms; 0 if that is not known.
    pub last_timestamp: i64,
}

impl QueueProgress {
    /// Messages that the group has still to consume.
    pub fn lag(&self) -> i64 {
        self.broker_offset - self.consumer_offset
    }
}

/// How far a group has come.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStats {
    /// Messages it pulls a second.
    pub consume_tps: f64,
    /// Queue by queue.
    #[serde(deserialize_with = "by_queue::read")]
    pub offset_table: ByQueue<QueueProgress>,
}

impl ConsumeStats {
    /// Messages that the group has still to consume.
    pub fn lag(&self) -> i64 {
        self.offset_table.values().map(QueueProgress::lag).sum()
    }

    /// As Apache RocketMQ writes it.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut out = String::with_capacity(64 + self.offset_table.len() * 160);
        self.push(&mut out)?;
        Ok(out)
    }

    fn push(&self, out: &mut String) -> Result<(), serde_json::Error> {
        out.push_str("{\"consumeTps\":");
        out.push_str(&serde_json::to_string(&self.consume_tps)?);
        out.push_str(",\"offsetTable\":");
        by_queue::push(out, &self.offset_table)?;
        out.push('}');
        Ok(())
    }
}

/// How far all groups of a broker have come.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerConsumeStats {
    /// The broker's address.
    pub broker_addr: String,
    /// For each group a map of one: its name → an entry for each of its topics.
    pub consume_stats_list: Vec<BTreeMap<String, Vec<ConsumeStats>>>,
    /// What all groups together have still to consume.
    pub total_diff: i64,
}

impl BrokerConsumeStats {
    /// As Apache RocketMQ writes it.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut out = format!("{{\"brokerAddr\":{},\"consumeStatsList\":[", serde_json::to_string(&self.broker_addr)?);
        for (at, groups) in self.consume_stats_list.iter().enumerate() {
            out.push_str(if at > 0 { ",{" } else { "{" });
            for (at, (group, topics)) in groups.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(group)?);
                out.push_str(":[");
                for (at, topic) in topics.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    topic.push(&mut out)?;
                }
                out.push(']');
            }
            out.push('}');
        }
        out.push_str(&format!("],\"totalDiff\":{}}}", self.total_diff));
        Ok(out)
    }
}

/// How far a group has come in a queue, by the times of its messages. All times are ms; -1: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimeSpan {
    /// When the last message that the group consumed was stored.
    pub consume_time_stamp: i64,
    /// How long ago the message that it consumes next was stored; 0 if it has consumed all.
    pub delay_time: i64,
    /// When the queue's last message was stored.
    pub max_time_stamp: i64,
    /// The queue.
    pub message_queue: Option<QueueName>,
    /// When the queue's first message was stored.
    pub min_time_stamp: i64,
}

/// The answer to 303. Apache RocketMQ writes each time also as a text, which nobody reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimeSpans {
    /// Queue by queue.
    pub consume_time_span_set: Vec<TimeSpan>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, loose_json};

    fn stats() -> ConsumeStats {
        let queue = |queue_id| QueueName { broker_name: "b \"x\"".into(), queue_id, topic: "T".into() };
        let progress = QueueProgress { broker_offset: 9, consumer_offset: 4, last_timestamp: 1_795_359_330_932 };
        ConsumeStats {
            consume_tps: 0.5,
            offset_table: [(queue(0), progress), (queue(1), QueueProgress::default())].into(),
        }
    }

    const ONE: &str = concat!(
        r#"{"consumeTps":0.5,"offsetTable":{{"brokerName":"b \"x\"","queueId":0,"topic":"T"}:{"brokerOffset":9,"#,
        r#""consumerOffset":4,"lastTimestamp":1795359330932},{"brokerName":"b \"x\"","queueId":1,"topic":"T"}:"#,
        r#"{"brokerOffset":0,"consumerOffset":0,"lastTimestamp":0}}}"#
    );

    #[test]
    fn one_groups_progress_is_written_as_apache_writes_it_and_read_back() {
        assert_eq!(stats().to_json().unwrap(), ONE);
        assert_eq!(loose_json::from_slice::<ConsumeStats>(ONE.as_bytes()).unwrap(), stats());
        assert_eq!(stats().lag(), 5);
        assert_eq!(ConsumeStats::default().to_json().unwrap(), r#"{"consumeTps":0.0,"offsetTable":{}}"#);
        // Apache RocketMQ 5 adds what this does not know; a table may be null.
        let newer = r#"{"consumeTps":0,"offsetTable":{{"queueId":1,"topic":"T"}:{"brokerOffset":1,"pullOffset":7}}}"#;
        assert_eq!(loose_json::from_slice::<ConsumeStats>(newer.as_bytes()).unwrap().lag(), 1);
        assert!(loose_json::from_slice::<ConsumeStats>(br#"{"offsetTable":null}"#).unwrap().offset_table.is_empty());
        for broken in [r#"{"offsetTable":{"a":{}}}"#, r#"{"offsetTable":[]}"#, r#"{"offsetTable":{{"topic":"T"}:{}}}"#]
        {
            assert!(loose_json::from_slice::<ConsumeStats>(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn all_groups_progress_is_written_as_apache_writes_it_and_read_back() {
        let all = BrokerConsumeStats {
            broker_addr: "127.0.0.1:10911".into(),
            consume_stats_list: vec![[("G".into(), vec![stats(), stats()])].into(), [("H".into(), Vec::new())].into()],
            total_diff: 10,
        };
        let golden = format!(
            r#"{{"brokerAddr":"127.0.0.1:10911","consumeStatsList":[{{"G":[{ONE},{ONE}]}},{{"H":[]}}],"totalDiff":10}}"#
        );
        assert_eq!(all.to_json().unwrap(), golden);
        assert_eq!(loose_json::from_slice::<BrokerConsumeStats>(golden.as_bytes()).unwrap(), all);
    }

    #[test]
    fn times_and_headers_have_apaches_names() {
        let queue = QueueName { broker_name: "b".into(), queue_id: 0, topic: "T".into() };
        let span = TimeSpan { message_queue: Some(queue), min_time_stamp: -1, ..TimeSpan::default() };
        let golden = concat!(
            r#"{"consumeTimeSpanSet":[{"consumeTimeStamp":0,"delayTime":0,"maxTimeStamp":0,"messageQueue":"#,
            r#"{"brokerName":"b","queueId":0,"topic":"T"},"minTimeStamp":-1}]}"#
        );
        let spans = TimeSpans { consume_time_span_set: vec![span] };
        assert_eq!(serde_json::to_string(&spans).unwrap(), golden);
        let texts = golden.replace(r#""delayTime""#, r#""consumeTimeStampStr":"1970-01-01 08:00:00:000","delayTime""#);
        assert_eq!(serde_json::from_str::<TimeSpans>(&texts).unwrap(), spans);
        let fields = |command: Command| format!("{:?}", command.fields);
        assert_eq!(
            fields(Command::request(208).with_header(&ConsumeStatsOf { consumer_group: "G".into(), topic: None })),
            r#"{"consumerGroup": "G"}"#
        );
        assert_eq!(
            fields(Command::request(317).with_header(&AllConsumeStats { is_order: false })),
            r#"{"isOrder": "false"}"#
        );
    }
}

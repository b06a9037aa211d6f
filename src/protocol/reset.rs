//! Resetting a group's offsets to a time (222), and where its queues then go on.
//!
//! Source: `ResetOffsetRequestHeader`, `ResetOffsetBody` of Apache RocketMQ.

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

/// The answer's body: the next index of each queue, in a table with objects for names, as fastjson writes and reads it.
pub fn queue_offsets(topic: &str, broker: &str, offsets: &[(i32, i64)]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (topic, broker) = (quoted(topic), quoted(broker));
    let each = offsets
        .iter()
        .map(|(id, offset)| format!(r#"{{"brokerName":{broker},"queueId":{id},"topic":{topic}}}:{offset}"#))
        .collect::<Vec<_>>();
    format!(r#"{{"offsetTable":{{{}}}}}"#, each.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loose_json;
    use std::collections::BTreeMap;

    #[test]
    fn queues_are_names_as_objects() {
        let body = queue_offsets("T", "b\"", &[(0, 5), (1, 7)]);
        let first = r#"{"brokerName":"b\"","queueId":0,"topic":"T"}"#;
        assert!(body.starts_with(&format!(r#"{{"offsetTable":{{{first}:5,"#)), "{body}");
        let read: BTreeMap<String, BTreeMap<String, i64>> = loose_json::from_slice(body.as_bytes()).unwrap();
        assert_eq!(read["offsetTable"][first], 5);
    }
}

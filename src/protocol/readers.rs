//! Which groups read a topic (300), which topics a group reads (343), what stands in a queue (321), and a group that takes over
//! another's offsets (314).
//!
//! Source: `GroupList`, `CloneGroupOffsetRequestHeader`, `QueryConsumeQueueRequestHeader`, `QueryConsumeQueueResponseBody`,
//! `ConsumeQueueData` of Apache RocketMQ 4.9.8, `QueryTopicsByConsumerRequestHeader` of 5.3.3. The header of 300 is [`crate::topic::NamedTopic`], the answer to 343 a [`crate::topic::TopicList`].

use crate::heartbeat::{Subscription, loose_list};
use serde::{Deserialize, Serialize};

/// Groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupList {
    /// Their names.
    #[serde(deserialize_with = "loose_list")]
    pub group_list: Vec<String>,
}

/// Names a group (343).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TopicsOf {
    /// Its name.
    pub group: String,
}

/// Has a group go on where another one is (314).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloneOffsets {
    /// The group whose offsets they are.
    pub src_group: String,
    /// The group that gets them.
    pub dest_group: String,
    /// In this topic only; blank or missing: in all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub topic: Option<String>,
    /// Also in topics to which no connected member of the first group subscribes.
    #[serde(default)]
    pub offline: bool,
}

/// Asks what stands in a queue (321).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueEntriesOf {
    /// The topic.
    pub topic: String,
    /// The queue's number in it.
    pub queue_id: i32,
    /// Index of the first entry.
    pub index: i64,
    /// How many entries at most.
    pub count: i32,
    /// A group whose subscription is told, too.
    pub consumer_group: Option<String>,
}

/// What stands in a queue (321).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueEntries {
    /// What the group subscribes to there, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscription_data: Option<Subscription>,
    /// The compiled filter of that, as JSON, or why there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub filter_data: Option<String>,
    /// The entries.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub queue_data: Option<Vec<QueueEntryData>>,
    /// Index behind the last entry.
    pub max_queue_index: i64,
    /// Index of the first entry there is.
    pub min_queue_index: i64,
}

/// An entry of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueEntryData {
    /// Where the message stands in the log.
    pub physic_offset: i64,
    /// How many bytes it has there.
    pub physic_size: i32,
    /// Hash of its tag, 0 without one; a message that is delivered later: when, ms.
    pub tags_code: i64,
    /// Whether a filter kept beside the queue lets it through. There is none here.
    pub eval: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Command;

    #[test]
    fn names_are_apaches() {
        let list = GroupList { group_list: vec!["G".into()] };
        assert_eq!(serde_json::to_string(&list).unwrap(), r#"{"groupList":["G"]}"#);
        let clone = CloneOffsets { src_group: "G".into(), dest_group: "H".into(), topic: None, offline: true };
        let fields = Command::request(314).with_header(&clone).fields;
        assert_eq!(format!("{fields:?}"), r#"{"srcGroup": "G", "destGroup": "H", "offline": "true"}"#);
    }

    #[test]
    fn what_a_broker_of_apache_says_of_a_queue_is_read_and_written_as_it_is() {
        let said = concat!(
            r#"{"filterData":"null","maxQueueIndex":4194,"minQueueIndex":0,"#,
            r#""queueData":[{"eval":false,"physicOffset":5080,"physicSize":254,"tagsCode":0}],"#,
            r#""subscriptionData":{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","#,
            r#""subVersion":1795634306178,"tagsSet":[],"topic":"orders"}}"#
        );
        let read: QueueEntries = serde_json::from_str(said).unwrap();
        let entry = QueueEntryData { physic_offset: 5080, physic_size: 254, tags_code: 0, eval: false };
        assert_eq!((read.queue_data.as_deref(), read.max_queue_index), (Some(&[entry][..]), 4194));
        let written: serde_json::Value = serde_json::to_value(&read).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(said).unwrap());
    }
}

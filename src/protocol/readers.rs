//! Which groups read a topic (300), which topics a group reads (343), and a group that takes over another's offsets (314).
//!
//! Source: `GroupList`, `CloneGroupOffsetRequestHeader` of Apache RocketMQ 4.9.8, `QueryTopicsByConsumerRequestHeader` of
//! 5.3.3. The header of 300 is [`crate::topic::NamedTopic`], the answer to 343 a [`crate::topic::TopicList`].

use crate::heartbeat::loose_list;
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
}

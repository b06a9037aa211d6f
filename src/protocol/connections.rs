//! Who is connected to a broker: the consumers of a group (203), the producers of one (204) or of all (328), and what a
//! group subscribes to (345).
//!
//! Source: `ConsumerConnection`, `ProducerConnection`, `Connection`, `ProducerTableInfo` of Apache RocketMQ 4.9.8,
//! `QuerySubscriptionResponseBody` of 5.3.3. The header of 203 is [`crate::heartbeat::GroupOf`].

use crate::heartbeat::{ConsumeFrom, ConsumeType, MessageModel, Subscription, loose_consume_type, loose_list};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names a producer group (204).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProducersOf {
    /// Its name.
    pub producer_group: String,
}

/// Names what a group reads (345).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubscriptionOf {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
}

/// One client.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    /// From where it is connected: `host:port`.
    pub client_addr: String,
    /// Its id.
    pub client_id: String,
    /// Its language, by name.
    pub language: String,
    /// Its protocol version.
    pub version: i32,
}

/// The members of a consumer group, and what they said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerConnections {
    /// Each of them.
    #[serde(deserialize_with = "loose_list")]
    pub connection_set: Vec<Connection>,
    /// Where the group begins.
    pub consume_from_where: ConsumeFrom,
    /// Push, pull or pop.
    #[serde(deserialize_with = "loose_consume_type")]
    pub consume_type: ConsumeType,
    /// Cluster or broadcast.
    pub message_model: MessageModel,
    /// Topic → what the group wants of it.
    pub subscription_table: BTreeMap<String, Subscription>,
}

/// The members of a producer group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerConnections {
    /// Each of them.
    #[serde(deserialize_with = "loose_list")]
    pub connection_set: Vec<Connection>,
}

/// One producer, as 328 tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerInfo {
    /// Its id.
    pub client_id: String,
    /// Its language, by name.
    pub language: String,
    /// When its last heartbeat came, ms.
    pub last_update_timestamp: i64,
    /// From where it is connected; Apache RocketMQ puts a `/` before it.
    #[serde(rename = "remoteIP")]
    pub remote_ip: String,
    /// Its protocol version.
    pub version: i32,
}

/// The members of all producer groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProducerTable {
    /// By group.
    pub data: BTreeMap<String, Vec<ProducerInfo>>,
}

/// What a group wants of a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionAnswer {
    /// The group.
    pub group: String,
    /// What it wants; missing if no member of it is connected, or none subscribes to the topic.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscription_data: Option<Subscription>,
    /// The topic.
    pub topic: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        Connection {
            client_addr: "10.0.0.9:5555".into(),
            client_id: "10.0.0.9@1".into(),
            language: "JAVA".into(),
            version: 409,
        }
    }

    const ONE: &str = r#"{"clientAddr":"10.0.0.9:5555","clientId":"10.0.0.9@1","language":"JAVA","version":409}"#;

    #[test]
    fn the_members_of_groups_are_written_as_apache_writes_them_and_read_back() {
        let consumers = ConsumerConnections {
            connection_set: vec![connection()],
            consume_from_where: ConsumeFrom::FirstOffset,
            consume_type: ConsumeType::Passively,
            message_model: MessageModel::Clustering,
            subscription_table: [("T".into(), Subscription::tags("T", "TagA", 7))].into(),
        };
        let golden = format!(
            concat!(
                r#"{{"connectionSet":[{}],"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","#,
                r#""messageModel":"CLUSTERING","subscriptionTable":{{"T":{{"classFilterMode":false,"codeSet":[2598919],"#,
                r#""expressionType":"TAG","subString":"TagA","subVersion":7,"tagsSet":["TagA"],"topic":"T"}}}}}}"#
            ),
            ONE
        );
        assert_eq!(serde_json::to_string(&consumers).unwrap(), golden);
        assert_eq!(serde_json::from_str::<ConsumerConnections>(&golden).unwrap(), consumers);
        let producers = ProducerConnections { connection_set: vec![connection()] };
        assert_eq!(serde_json::to_string(&producers).unwrap(), format!(r#"{{"connectionSet":[{ONE}]}}"#));
        let bare: ConsumerConnections = serde_json::from_str(r#"{"connectionSet":null}"#).unwrap();
        assert_eq!(bare, ConsumerConnections::default());
    }

    #[test]
    fn the_other_answers_have_apaches_names() {
        let info = ProducerInfo { client_id: "c".into(), language: "GO".into(), ..ProducerInfo::default() };
        let table = ProducerTable { data: [("P".into(), vec![info])].into() };
        let golden =
            r#"{"data":{"P":[{"clientId":"c","language":"GO","lastUpdateTimestamp":0,"remoteIP":"","version":0}]}}"#;
        assert_eq!(serde_json::to_string(&table).unwrap(), golden);
        assert_eq!(serde_json::from_str::<ProducerTable>(golden).unwrap(), table);
        let nobody = SubscriptionAnswer { group: "G".into(), subscription_data: None, topic: "T".into() };
        assert_eq!(serde_json::to_string(&nobody).unwrap(), r#"{"group":"G","topic":"T"}"#);
    }
}

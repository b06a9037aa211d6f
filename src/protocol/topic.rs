//! Topics and consumer groups as configured: their names, permissions and tables.
//!
//! Source: `TopicConfig`, `SubscriptionGroupConfig`, `TopicValidator`, `PermName`, `MixAll` of Apache RocketMQ.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bits of a topic's or a broker's permission.
pub mod perm {
    /// May be written.
    pub const WRITE: i32 = 1 << 1;
    /// May be read.
    pub const READ: i32 = 1 << 2;
    /// May be inherited: a template for auto-created topics.
    pub const INHERIT: i32 = 1;

    /// `RW-`, `R--`, … as Apache's tools print it.
    pub fn title(perm: i32) -> String {
        [(READ, 'R'), (WRITE, 'W'), (INHERIT, 'X')]
            .map(|(bit, letter)| if perm & bit != 0 { letter } else { '-' })
            .iter()
            .collect()
    }
}

/// Longest topic name, in bytes.
pub const MAX_TOPIC_LEN: usize = 127;
/// Longest group name, in bytes.
pub const MAX_GROUP_LEN: usize = 255;
/// Topic whose settings auto-created topics inherit.
pub const AUTO_CREATE_TOPIC: &str = "TBW102";
/// Where delayed messages wait.
pub const SCHEDULE_TOPIC: &str = "SCHEDULE_TOPIC_XXXX";
/// Where messages wait for a time of their own.
pub const TIMER_TOPIC: &str = "rmq_sys_wheel_timer";
/// Where half messages wait.
pub const HALF_TOPIC: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
/// Where the ends of transactions are noted.
pub const OP_HALF_TOPIC: &str = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
/// Where half messages go that were asked about too often.
pub const TRANS_CHECK_MAX_TIME_TOPIC: &str = "TRANS_CHECK_MAX_TIME_TOPIC";
/// Where clients send traces.
pub const TRACE_TOPIC: &str = "RMQ_SYS_TRACE_TOPIC";
/// The broker's self test.
pub const SELF_TEST_TOPIC: &str = "SELF_TEST_TOPIC";
/// For benchmarks.
pub const BENCHMARK_TOPIC: &str = "BenchmarkTest";
/// Where a slave's moved offsets are reported.
pub const OFFSET_MOVED_EVENT: &str = "OFFSET_MOVED_EVENT";
/// Prefix of a group's retry topic.
pub const RETRY_PREFIX: &str = "%RETRY%";
/// Prefix of a group's dead-letter topic.
pub const DLQ_PREFIX: &str = "%DLQ%";
/// Prefix of further system topics.
pub const SYSTEM_PREFIX: &str = "rmq_sys_";
/// Prefix of the topic in which a cluster's brokers note what was popped and acknowledged.
pub const REVIVE_PREFIX: &str = "rmq_sys_REVIVE_LOG_";
/// Suffix of a cluster's reply topic.
pub const REPLY_SUFFIX: &str = "REPLY_TOPIC";

const SYSTEM: [&str; 9] = [
    AUTO_CREATE_TOPIC,
    SCHEDULE_TOPIC,
    BENCHMARK_TOPIC,
    HALF_TOPIC,
    TRACE_TOPIC,
    OP_HALF_TOPIC,
    TRANS_CHECK_MAX_TIME_TOPIC,
    SELF_TEST_TOPIC,
    OFFSET_MOVED_EVENT,
];
const NOT_FOR_CLIENTS: [&str; 7] = [
    SCHEDULE_TOPIC,
    TIMER_TOPIC,
    HALF_TOPIC,
    OP_HALF_TOPIC,
    TRANS_CHECK_MAX_TIME_TOPIC,
    SELF_TEST_TOPIC,
    OFFSET_MOVED_EVENT,
];

const PREDEFINED_GROUPS: [&str; 10] = [
    "DEFAULT_CONSUMER",
    "DEFAULT_PRODUCER",
    "TOOLS_CONSUMER",
    "SCHEDULE_CONSUMER",
    "FILTERSRV_CONSUMER",
    "__MONITOR_CONSUMER",
    "CLIENT_INNER_PRODUCER",
    "SELF_TEST_P_GROUP",
    "SELF_TEST_C_GROUP",
    "CID_ONS-HTTP-PROXY",
];

/// Why a name cannot be a topic's or group's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No characters, or only blanks.
    #[error("the {0} name is blank")]
    Blank(&'static str),
    /// A character outside the allowed set.
    #[error("the {kind} name {name:?} holds {character:?}; allowed are letters, digits and % | _ -")]
    Character {
        /// `topic` or `group`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// Too long.
    #[error("the {kind} name is {len} characters long, the most is {max}")]
    TooLong {
        /// `topic` or `group`.
        kind: &'static str,
        /// Its length.
        len: usize,
        /// The most.
        max: usize,
    },
}

fn check(kind: &'static str, name: &str, max: usize) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Blank(kind));
    }
    if let Some(character) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '%' | '|' | '_' | '-')) {
        return Err(NameError::Character { kind, name: name.chars().take(max + 1).collect(), character });
    }
    if name.len() > max {
        return Err(NameError::TooLong { kind, len: name.len(), max });
    }
    Ok(())
}

/// Checks a topic's name: `^[%|a-zA-Z0-9_-]+$`, at most [`MAX_TOPIC_LEN`].
///
/// # Errors
/// What is wrong with it.
pub fn check_topic(name: &str) -> Result<(), NameError> {
    check("topic", name, MAX_TOPIC_LEN)
}

/// Checks a group's name: the same characters, at most [`MAX_GROUP_LEN`].
///
/// # Errors
/// What is wrong with it.
pub fn check_group(name: &str) -> Result<(), NameError> {
    check("group", name, MAX_GROUP_LEN)
}

/// Whether the topic belongs to the broker itself.
pub fn is_system_topic(name: &str) -> bool {
    SYSTEM.contains(&name) || name.starts_with(SYSTEM_PREFIX)
}

/// Whether the group is one of a broker's own, which keep its place in topics of its own. Source: `MixAll.isSysConsumerGroup`.
pub fn is_broker_group(name: &str) -> bool {
    name.starts_with("CID_RMQ_SYS_")
}

/// Whether people did not make the group: a broker's own, one of the tools and clients of Apache RocketMQ, or of its self
/// test. Source: `MixAll.isPredefinedGroup`; `CID_ONSAPI_` are the groups of the API that its HTTP proxy serves.
pub fn is_system_group(name: &str) -> bool {
    is_broker_group(name) || PREDEFINED_GROUPS.contains(&name) || name.starts_with("CID_ONSAPI_")
}

/// Whether clients must not send to the topic.
pub fn is_closed_to_clients(name: &str) -> bool {
    NOT_FOR_CLIENTS.contains(&name) || name.starts_with(REVIVE_PREFIX)
}

/// Every system topic with a fixed name.
pub fn system_topics() -> impl Iterator<Item = &'static str> {
    SYSTEM.into_iter()
}

/// The topic that holds a group's messages to be retried.
pub fn retry_topic(group: &str) -> String {
    format!("{RETRY_PREFIX}{group}")
}

/// The topic that holds a group's dead letters.
pub fn dlq_topic(group: &str) -> String {
    format!("{DLQ_PREFIX}{group}")
}

/// When a table last changed; two tables with the same version are taken to be equal. Source: `DataVersion`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataVersion {
    /// Changes so far.
    pub counter: i64,
    /// Time of the last change, ms.
    pub timestamp: i64,
}

impl DataVersion {
    /// Notes a change at `now_ms`.
    pub fn next(&mut self, now_ms: i64) {
        self.counter += 1;
        self.timestamp = now_ms;
    }
}

/// How one broker holds a topic. Source: `TopicConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfig {
    /// Whether its queues are to be read in an order set by `orderTopicConf`.
    pub order: bool,
    /// [`perm`] bits.
    pub perm: i32,
    /// Queues consumers read.
    pub read_queue_nums: i32,
    /// `SINGLE_TAG` or `MULTI_TAG`.
    pub topic_filter_type: String,
    /// Its name.
    pub topic_name: String,
    /// Unit flags; 0 outside unitized clusters.
    pub topic_sys_flag: i32,
    /// Queues producers write.
    pub write_queue_nums: i32,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self::new("", 16, perm::READ | perm::WRITE)
    }
}

impl TopicConfig {
    /// A topic with as many queues to read as to write.
    pub fn new(name: &str, queues: i32, perm: i32) -> Self {
        Self {
            order: false,
            perm,
            read_queue_nums: queues,
            topic_filter_type: "SINGLE_TAG".to_owned(),
            topic_name: name.to_owned(),
            topic_sys_flag: 0,
            write_queue_nums: queues,
        }
    }
}

/// A broker's topics, as in `config/topics.json` and in a registration. Source: `TopicConfigSerializeWrapper`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicTable {
    /// Version of the table.
    pub data_version: DataVersion,
    /// By name.
    pub topic_config_table: BTreeMap<String, TopicConfig>,
}

/// How one broker treats a consumer group. Source: `SubscriptionGroupConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupConfig {
    /// Broker to read from.
    pub broker_id: i64,
    /// Whether broadcast consumers are allowed.
    pub consume_broadcast_enable: bool,
    /// Whether the group may consume at all.
    pub consume_enable: bool,
    /// Unused by Apache RocketMQ 4.9.8; kept for its files.
    pub consume_from_min_enable: bool,
    /// Its name.
    pub group_name: String,
    /// Whether its members are told at once when one comes or goes.
    pub notify_consumer_ids_changed_enable: bool,
    /// Times a message is redelivered before it becomes a dead letter.
    pub retry_max_times: i32,
    /// Queues of its retry topic.
    pub retry_queue_nums: i32,
    /// Broker to read from when the reader lags far behind.
    pub which_broker_when_consume_slowly: i64,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            broker_id: 0,
            consume_broadcast_enable: true,
            consume_enable: true,
            consume_from_min_enable: true,
            group_name: String::new(),
            notify_consumer_ids_changed_enable: true,
            retry_max_times: 16,
            retry_queue_nums: 1,
            which_broker_when_consume_slowly: 1,
        }
    }
}

/// A broker's groups, as in `config/subscriptionGroup.json`. Source: `SubscriptionGroupWrapper`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupTable {
    /// Version of the table.
    pub data_version: DataVersion,
    /// By name.
    pub subscription_group_table: BTreeMap<String, GroupConfig>,
}

/// Asks a broker to create or change a topic (17). Source: `CreateTopicRequestHeader`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTopic {
    /// Its name.
    pub topic: String,
    /// Ignored; Apache's tools send `TBW102`.
    #[serde(default)]
    pub default_topic: String,
    /// Queues consumers read.
    pub read_queue_nums: i32,
    /// Queues producers write.
    pub write_queue_nums: i32,
    /// [`perm`] bits.
    pub perm: i32,
    /// `SINGLE_TAG` or `MULTI_TAG`.
    pub topic_filter_type: Option<String>,
    /// Unit flags.
    pub topic_sys_flag: Option<i32>,
    /// See [`TopicConfig::order`].
    #[serde(default)]
    pub order: bool,
}

/// Names a topic: delete it (215, 216), show its route (105), its statistics (202), its readers (300).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedTopic {
    /// Its name.
    pub topic: String,
    /// Only this cluster's brokers (216).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cluster_name: Option<String>,
}

/// Deletes a group (207). Source: `DeleteSubscriptionGroupRequestHeader`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteGroup {
    /// Its name.
    pub group_name: String,
    /// Whether its offsets go too.
    #[serde(default)]
    pub remove_offset: bool,
}

/// A list of topics (206, 224, 304, 305). Source: `TopicList`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicList {
    /// A broker's address, where the list comes from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_addr: Option<String>,
    /// Names.
    pub topic_list: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_allowed_set_are_refused() {
        for name in ["T", "%RETRY%g", "a|b", "a_b-C9", &"x".repeat(127)] {
            check_topic(name).unwrap();
        }
        for name in ["", "  ", "a b", "../x", "a/b", "é", "a\0", &"x".repeat(128)] {
            assert!(check_topic(name).is_err(), "{name:?}");
        }
        check_group(&"g".repeat(255)).unwrap();
    }

    #[test]
    fn groups_that_people_did_not_make_are_told_apart_from_those_that_are_a_brokers_own() {
        for name in ["CID_RMQ_SYS_TRANS", "CID_RMQ_SYS_", "CID_RMQ_SYS_rmq_sys_REVIVE_LOG_c"] {
            assert!(is_broker_group(name) && is_system_group(name), "{name}");
        }
        for name in ["TOOLS_CONSUMER", "SELF_TEST_C_GROUP", "CID_ONSAPI_OWNER", "CID_ONSAPI_PULL", "CID_ONS-HTTP-PROXY"]
        {
            assert!(is_system_group(name) && !is_broker_group(name), "{name}");
        }
        for name in ["billing", "CID_billing", "TOOLS_CONSUMER_2", "cid_rmq_sys_trans", "MY_CID_RMQ_SYS_X", ""] {
            assert!(!is_system_group(name), "{name}");
        }
    }

    #[test]
    fn a_topic_table_is_written_as_apache_writes_it() {
        let mut table = TopicTable::default();
        table.data_version.next(5);
        table.topic_config_table.insert("T".into(), TopicConfig::new("T", 4, 6));
        assert_eq!(
            serde_json::to_string(&table).unwrap(),
            concat!(
                r#"{"dataVersion":{"counter":1,"timestamp":5},"topicConfigTable":{"T":{"order":false,"perm":6,"#,
                r#""readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":4}}}"#
            )
        );
    }
}

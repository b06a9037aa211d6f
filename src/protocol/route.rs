//! Where topics live: what the name server answers.
//!
//! Source: `TopicRouteData`, `QueueData`, `BrokerData`, `ClusterInfo` of Apache RocketMQ. Number keys are written
//! quoted: every known client reads that, and older ones read both.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The id of a master among the brokers of one name.
pub const MASTER_ID: i64 = 0;

/// A topic's queues on one broker name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueData {
    /// The broker's name.
    pub broker_name: String,
    /// [`crate::topic::perm`] bits.
    pub perm: i32,
    /// Queues consumers read.
    pub read_queue_nums: i32,
    /// Unit flags; 4.x names it so.
    #[serde(alias = "topicSynFlag")]
    pub topic_sys_flag: i32,
    /// Queues producers write.
    pub write_queue_nums: i32,
}

/// The brokers of one name: a master and its slaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerData {
    /// Broker id → `host:port`.
    pub broker_addrs: BTreeMap<i64, String>,
    /// Their name.
    pub broker_name: String,
    /// Their cluster.
    pub cluster: String,
    /// Always false in 4.x; one client insists on its presence.
    pub enable_acting_master: bool,
}

impl BrokerData {
    /// The master's address, else that of the lowest id.
    pub fn addr(&self) -> Option<&str> {
        self.broker_addrs.values().next().map(String::as_str)
    }

    /// The master's address.
    pub fn master(&self) -> Option<&str> {
        self.broker_addrs.get(&MASTER_ID).map(String::as_str)
    }
}

/// Where a topic lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicRoute {
    /// Brokers that hold it.
    pub broker_datas: Vec<BrokerData>,
    /// Always empty since 4.3; clients expect it.
    pub filter_server_table: BTreeMap<String, Vec<String>>,
    /// For ordered topics: `broker:queues;broker:queues`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_topic_conf: Option<String>,
    /// Its queues.
    pub queue_datas: Vec<QueueData>,
}

/// Every broker there is (106).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterInfo {
    /// Broker name → brokers.
    pub broker_addr_table: BTreeMap<String, BrokerData>,
    /// Cluster → broker names.
    pub cluster_addr_table: BTreeMap<String, Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_apache_answers_is_read() {
        let body = concat!(
            r#"{"brokerDatas":[{"brokerAddrs":{0:"127.0.0.1:30911"},"brokerName":"broker-c","cluster":"DefaultCluster"}],"#,
            r#""filterServerTable":{},"queueDatas":[{"brokerName":"broker-c","perm":7,"readQueueNums":8,"#,
            r#""topicSysFlag":0,"writeQueueNums":8}]}"#
        );
        let route: TopicRoute = crate::loose_json::from_slice(body.as_bytes()).unwrap();
        assert_eq!(route.broker_datas[0].master(), Some("127.0.0.1:30911"));
        assert_eq!(route.queue_datas[0].write_queue_nums, 8);
        let written = serde_json::to_string(&route).unwrap();
        assert!(written.contains(r#""brokerAddrs":{"0":"127.0.0.1:30911"}"#), "{written}");
        assert_eq!(serde_json::from_str::<TopicRoute>(&written).unwrap(), route);
    }
}

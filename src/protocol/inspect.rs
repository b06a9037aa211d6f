//! What operators ask a broker or name server.
//!
//! Source: `KVTable`, `TopicStatsTable`, `ConsumerConnection` and neighbours of Apache RocketMQ.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names and values as text: runtime info (28), settings of a namespace (219).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KvTable {
    /// Name → value.
    pub table: BTreeMap<String, String>,
}

/// Names a cluster (224).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NamedCluster {
    /// Its name.
    pub cluster: String,
}

/// The version of a broker's settings, in the header of the answer to 26.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// A `DataVersion` as JSON.
    pub version: String,
}

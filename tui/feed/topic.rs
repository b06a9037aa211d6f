//! The queues of a topic: one question to each master.

use admin::{
    Admin, Where,
    snapshot::{Known, Unknown},
};
use protocol::{code::response, lock::QueueName, topic_stats::QueueExtent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The queues of a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicDetail {
    /// Where each queue begins and ends.
    #[serde(with = "crate::pairs")]
    pub queues: BTreeMap<QueueName, QueueExtent>,
    /// Which brokers did not tell, and why.
    pub missing: Vec<(String, Unknown)>,
}

pub(super) async fn ask(admin: &Admin, name: &str) -> Known<TopicDetail> {
    let stats = admin.topic_stats(name, &Where::Everywhere).await.map_err(|error| Unknown::from(&error))?;
    let mut detail = TopicDetail::default();
    for outcome in stats.0 {
        match outcome.result {
            Ok(stats) => detail.queues.extend(stats.offset_table),
            // Not every broker has every topic.
            Err(error) if error.refusal_code() == Some(response::TOPIC_NOT_EXIST) => {}
            Err(error) => detail.missing.push((outcome.broker.name, Unknown::from(&error))),
        }
    }
    Ok(detail)
}

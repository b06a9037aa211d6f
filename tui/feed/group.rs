//! The queues and members of a group: two questions to each master.

use admin::{
    Admin, Where,
    snapshot::{Known, Unknown},
};
use futures_util::future::join;
use protocol::{connections::ConsumerConnections, consume_stats::QueueProgress, lock::QueueName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The queues of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupDetail {
    /// How far it has come in each queue.
    #[serde(with = "crate::pairs")]
    pub queues: BTreeMap<QueueName, QueueProgress>,
    /// Its members, by their ids.
    pub members: Members,
    /// Which brokers did not tell, and why.
    pub missing: Vec<(String, Unknown)>,
}

/// Members of a group: id → where from, and language and version.
pub type Members = BTreeMap<String, (String, String)>;

pub(super) async fn ask(admin: &Admin, name: &str) -> Known<GroupDetail> {
    let everywhere = Where::Everywhere;
    let (stats, members) = join(admin.consume_stats(name, None, &everywhere), admin.consumers(name, &everywhere)).await;
    let mut detail = GroupDetail::default();
    for outcome in stats.map_err(|error| Unknown::from(&error))?.0 {
        match outcome.result {
            Ok(stats) => detail.queues.extend(stats.offset_table),
            Err(error) => detail.missing.push((outcome.broker.name, Unknown::from(&error))),
        }
    }
    for outcome in members.map_err(|error| Unknown::from(&error))?.0 {
        match outcome.result {
            Ok(members) => detail.members.extend(members.into_iter().flat_map(|some| members_of(&some))),
            Err(error) => detail.missing.push((outcome.broker.name, Unknown::from(&error))),
        }
    }
    Ok(detail)
}

fn members_of(connections: &ConsumerConnections) -> Members {
    let member = |one: &protocol::connections::Connection| {
        (one.client_id.clone(), (one.client_addr.clone(), format!("{} {}", one.language, one.version)))
    };
    connections.connection_set.iter().map(member).collect()
}

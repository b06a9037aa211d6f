//! The queues and members of a group: two questions to each master, and one to each member from time to time.

use super::team::{MOST, Reached, Team, Teams, reach};
use admin::{
    Admin, Where,
    snapshot::{Known, Unknown},
};
use base::Clock;
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
    /// Who of them holds what.
    pub team: Team,
    /// Which brokers did not tell, and why.
    pub missing: Vec<(String, Unknown)>,
}

/// Members of a group: id → where from, and language and version.
pub type Members = BTreeMap<String, (String, String)>;

pub(super) async fn ask(admin: &Admin, clock: &Clock, teams: &Teams, name: &str) -> Known<GroupDetail> {
    let everywhere = Where::Everywhere;
    let (stats, members) = join(admin.consume_stats(name, None, &everywhere), admin.consumers(name, &everywhere)).await;
    let mut detail = GroupDetail::default();
    for outcome in stats.map_err(|error| Unknown::from(&error))?.0 {
        match outcome.result {
            Ok(stats) => detail.queues.extend(stats.offset_table),
            Err(error) => detail.missing.push((outcome.broker.name, Unknown::from(&error))),
        }
    }
    let (mut broadcasts, mut reached) = (false, Reached::new());
    let mut untold = None;
    for outcome in members.map_err(|error| Unknown::from(&error))?.0 {
        match outcome.result {
            Ok(members) => {
                if let Some(some) = members {
                    broadcasts |= reach(&some, &outcome.broker.addr, &mut reached);
                    detail.members.extend(members_of(&some));
                }
            }
            Err(error) => {
                untold = Some(Unknown::because(format!("{}: {error}", outcome.broker.name)));
                detail.missing.push((outcome.broker.name, Unknown::from(&error)));
            }
        }
    }
    detail.team = teams.team(admin, clock, name, broadcasts, reached, &mut { MOST }).await;
    if let Some(why) = untold {
        detail.team.others = Err(why);
    }
    Ok(detail)
}

fn members_of(connections: &ConsumerConnections) -> Members {
    let member = |one: &protocol::connections::Connection| {
        (one.client_id.clone(), (one.client_addr.clone(), format!("{} {}", one.language, one.version)))
    };
    connections.connection_set.iter().map(member).collect()
}

//! Which groups have dead letters.

use admin::{
    Admin, DeadLetters,
    snapshot::{Known, Unknown},
};
use protocol::topic::perm;
use serde::{Deserialize, Serialize};

/// Groups with a topic of dead letters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterGroups {
    /// In the order of their names.
    pub groups: Vec<DeadLetterGroup>,
}

/// The dead letters of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterGroup {
    /// The group.
    pub group: String,
    /// How many there are.
    pub count: Known<i64>,
    /// When the last one was stored, ms, if there are any.
    pub last_ms: Known<Option<i64>>,
    /// In how many queues.
    pub queues: usize,
    /// Brokers that do not let them be read.
    pub closed: Vec<String>,
}

impl DeadLetterGroup {
    fn of(letters: &DeadLetters) -> Self {
        let because = || {
            let failures: Vec<String> =
                letters.failures().map(|(queue, error)| format!("{}/{}: {error}", queue.broker, queue.id)).collect();
            Unknown::because(failures.join("; "))
        };
        let mut closed: Vec<String> = letters
            .queues
            .iter()
            .filter(|queue| queue.perm & perm::READ == 0)
            .map(|queue| queue.queue.broker.to_string())
            .collect();
        closed.dedup();
        Self {
            group: letters.group.clone(),
            count: letters.count().ok_or_else(because),
            // The last that is known of is not the last while a queue is not known.
            last_ms: if letters.failures().next().is_none() { Ok(letters.last_ms()) } else { Err(because()) },
            queues: letters.queues.len(),
            closed,
        }
    }
}

pub(super) async fn ask(admin: &Admin) -> Known<DeadLetterGroups> {
    let all = admin.all_dead_letters().await.map_err(|error| Unknown::from(&error))?;
    Ok(DeadLetterGroups { groups: all.iter().map(DeadLetterGroup::of).collect() })
}

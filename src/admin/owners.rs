//! Who of a group reads which queue: each member is asked what it holds (307), through one broker that it is connected to.

use crate::{Admin, Error, PerBroker};
use futures_util::{StreamExt, stream};
use protocol::{connections::ConsumerConnections, lock::QueueName};
use std::collections::BTreeMap;

/// Members asked at the same time.
const AT_ONCE: usize = 32;

/// Who reads what.
#[derive(Debug, Default)]
pub struct Owners {
    /// The client ids of those who hold a queue: one, but while queues change hands, or where each reads everything.
    pub of: BTreeMap<QueueName, Vec<String>>,
    /// Members that did not tell, with the reasons: queues that nobody told to hold may be theirs.
    pub silent: Vec<(String, Error)>,
    /// Whether every broker told its members.
    pub is_complete: bool,
}

impl Owners {
    /// Who holds the queue; `None` if that is not known.
    pub fn of(&self, queue: &QueueName) -> Option<&[String]> {
        match self.of.get(queue) {
            Some(holders) => Some(holders),
            None => (self.is_complete && self.silent.is_empty()).then_some(&[]),
        }
    }
}

impl Admin {
    /// Who of a group's members, as [`Admin::consumers`] told them, reads which queue. One question to each member.
    pub async fn owners(&self, group: &str, members: &PerBroker<Option<ConsumerConnections>>) -> Owners {
        let mut through: BTreeMap<&str, &str> = BTreeMap::new();
        for (broker, connected) in members.answers() {
            for member in connected.iter().flat_map(|connected| &connected.connection_set) {
                through.entry(&member.client_id).or_insert(&broker.addr);
            }
        }
        let asked = stream::iter(through)
            .map(|(client, addr)| async move { (client, self.running_info(addr, group, client).await) });
        let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        let mut owners = Owners { is_complete: members.is_complete(), ..Owners::default() };
        for (client, answer) in answers {
            match answer {
                Ok(info) => {
                    for (queue, _) in info.mq_table.into_iter().filter(|(_, held)| !held.droped) {
                        owners.of.entry(queue).or_default().push(client.to_owned());
                    }
                }
                Err(error) => owners.silent.push((client.to_owned(), error)),
            }
        }
        owners
    }
}

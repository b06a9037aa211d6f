//! Who is connected to brokers: producers and consumers, by what they say of themselves.
//!
//! Brokers tell consumers group by group: this asks each master as many questions as it has groups.
//! Source: `ProducerSubCommand`, `ConsumerConnectionSubCommand` of Apache RocketMQ.

use crate::{Admin, BrokerRef, Error, PerBroker, Where, groups::Nothing};
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::{
    code::{request, response},
    connections::{ConsumerConnections, ProducerTable},
    heartbeat::GroupOf,
    topic::GroupTable,
};

/// Groups of a broker asked about at the same time.
const AT_ONCE: usize = 16;

/// What a client does in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientKind {
    /// Consumes.
    Consumer,
    /// Produces.
    Producer,
}

/// A client in a group, connected to a broker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectedClient {
    /// The group.
    pub group: String,
    /// What it does there.
    pub kind: ClientKind,
    /// How it calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub addr: String,
    /// What it is written in, as it says.
    pub language: String,
    /// The number of its version, as it says. Source: `MQVersion`.
    pub version: i32,
}

impl Admin {
    /// The clients that are connected to each master, in a group or in all of them, in order. Brokers before 4.9.8 do not
    /// tell their producers.
    ///
    /// # Errors
    /// If no name server answers, or `place` means no broker.
    pub async fn connected(
        &self,
        group: Option<&str>,
        place: &Where,
    ) -> Result<PerBroker<Vec<ConnectedClient>>, Error> {
        self.ask_masters(place, |broker| async move { self.connected_to(&broker, group).await }).await
    }

    async fn connected_to(&self, broker: &BrokerRef, group: Option<&str>) -> Result<Vec<ConnectedClient>, Error> {
        let groups = match group {
            Some(group) => vec![group.to_owned()],
            None => {
                let table: GroupTable =
                    self.of(&broker.addr, request::GET_ALL_SUBSCRIPTIONGROUP_CONFIG, &Nothing {}).await?;
                table.subscription_group_table.into_keys().collect()
            }
        };
        let consumers = stream::iter(groups).map(|group| async move { self.consumers_at(broker, group).await });
        let mut clients: Vec<ConnectedClient> = consumers.buffered(AT_ONCE).try_concat().await?;
        let producers: ProducerTable = self.of(&broker.addr, request::GET_ALL_PRODUCER_INFO, &Nothing {}).await?;
        for (name, members) in producers.data.into_iter().filter(|(name, _)| group.is_none_or(|group| group == name)) {
            clients.extend(members.into_iter().map(|member| ConnectedClient {
                group: name.clone(),
                kind: ClientKind::Producer,
                client_id: member.client_id,
                // As Java writes addresses.
                addr: member.remote_ip.trim_start_matches('/').to_owned(),
                language: member.language,
                version: member.version,
            }));
        }
        clients.sort_unstable();
        Ok(clients)
    }

    async fn consumers_at(&self, broker: &BrokerRef, group: String) -> Result<Vec<ConnectedClient>, Error> {
        let header = GroupOf { consumer_group: group.clone() };
        let answer: Result<ConsumerConnections, Error> =
            self.of(&broker.addr, request::GET_CONSUMER_CONNECTION_LIST, &header).await;
        let connections = match answer {
            Err(error) if error.refusal_code() == Some(response::CONSUMER_NOT_ONLINE) => return Ok(Vec::new()),
            answered => answered?.connection_set,
        };
        let client = |member: protocol::connections::Connection| ConnectedClient {
            group: group.clone(),
            kind: ClientKind::Consumer,
            client_id: member.client_id,
            addr: member.client_addr,
            language: member.language,
            version: member.version,
        };
        Ok(connections.into_iter().map(client).collect())
    }
}

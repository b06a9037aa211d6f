//! Whether a node does what it is there for: asked over the wire, as a client would.

use crate::{Node, Role};
use protocol::{
    Command,
    code::{request, response_title},
    route::{ClusterInfo, TopicRoute},
    topic::{NamedTopic, SELF_TEST_TOPIC},
};
use remoting::{Client, client::NoService};
use serde::de::DeserializeOwned;
use std::{net::SocketAddr, time::Duration};

const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Asks nodes how they are.
pub(crate) struct Prober {
    client: Client<NoService>,
}

impl Prober {
    pub(crate) fn new() -> Self {
        Self { client: Client::asking().with_connect_timeout(ANSWER_WITHIN) }
    }

    /// Whether a node serves; if not, what is missing.
    ///
    /// A name server answers. A broker takes connections, and every name server sends clients to it: then a message
    /// can be sent.
    pub(crate) async fn probe(&self, node: &Node, name_servers: &[SocketAddr]) -> Result<(), String> {
        let Some((name, id)) = node.role.broker() else {
            return self.clusters(node.listen).await.map(drop);
        };
        let addr = node.listen.to_string();
        for server in name_servers {
            let info = self.clusters(*server).await?;
            let known = info.broker_addr_table.get(name).and_then(|broker| broker.broker_addrs.get(&id));
            match known {
                Some(known) if *known == addr => {}
                Some(known) => return Err(format!("the name server {server} has it at {known} instead of {addr}")),
                None => return Err(format!("it has not registered at the name server {server}")),
            }
            if matches!(node.role, Role::Master { .. }) {
                self.route(*server, name).await?;
            }
        }
        self.client.peer(&addr).await.map(drop).map_err(|error| error.to_string())
    }

    async fn clusters(&self, server: SocketAddr) -> Result<ClusterInfo, String> {
        self.ask(server, Command::request(request::GET_BROKER_CLUSTER_INFO)).await
    }

    async fn route(&self, server: SocketAddr, broker: &str) -> Result<(), String> {
        let topic = NamedTopic { topic: SELF_TEST_TOPIC.to_owned(), cluster_name: None };
        let ask = Command::request(request::GET_ROUTEINFO_BY_TOPIC).with_header(&topic);
        let route: TopicRoute = self.ask(server, ask).await?;
        let has = route.queue_datas.iter().any(|queues| queues.broker_name == broker);
        if has { Ok(()) } else { Err(format!("the name server {server} does not know its topics")) }
    }

    async fn ask<T: DeserializeOwned>(&self, server: SocketAddr, request: Command) -> Result<T, String> {
        let answer = self.client.call(&server.to_string(), request, ANSWER_WITHIN).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.code != 0 {
            let why = answer.remark.unwrap_or_default();
            return Err(format!("the name server {server} answers {}: {why}", response_title(answer.code)));
        }
        answer.json().map_err(|error| format!("the name server {server} answers what cannot be read: {error}"))
    }
}

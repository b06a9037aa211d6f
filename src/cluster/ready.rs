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

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        registration::{Register, RegisterBody},
        topic::TopicConfig,
    };
    use std::path::PathBuf;

    fn node(role: Role, listen: SocketAddr) -> Node {
        Node { name: "n".into(), role, listen, dir: PathBuf::new() }
    }

    #[tokio::test]
    async fn a_node_is_ready_only_when_clients_would_be_sent_to_it_and_get_in() {
        let folder = tempfile::tempdir().unwrap();
        let config =
            namesrv::config::NamesrvConfig { kv_config_path: folder.path().join("kv.json"), ..Default::default() };
        let server = namesrv::NameServer::start(config, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let servers = [server.addr()];
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let prober = Prober::new();
        prober.probe(&node(Role::NameServer, server.addr()), &servers).await.unwrap();
        let broker = node(Role::Master { broker: "a".into() }, addr);
        let missing = async || prober.probe(&broker, &servers).await.unwrap_err();
        assert!(missing().await.starts_with("it has not registered at the name server"));

        let client = Client::asking();
        let mut version = 0;
        let mut register = async |addr: &str, topics: &[&str]| {
            let header = Register {
                broker_name: "a".into(),
                broker_addr: addr.into(),
                cluster_name: "C".into(),
                ha_server_addr: String::new(),
                broker_id: 0,
                compressed: false,
                body_crc32: 0,
            };
            let mut body = RegisterBody::default();
            let table = &mut body.topic_config_serialize_wrapper;
            version += 1;
            table.data_version.counter = version;
            table.topic_config_table =
                topics.iter().map(|topic| (topic.to_string(), TopicConfig::new(topic, 1, 6))).collect();
            let ask = Command::request(request::REGISTER_BROKER).with_header(&header).with_json(&body);
            let answer = client.call(&servers[0].to_string(), ask, Duration::from_secs(20)).await.unwrap();
            assert_eq!(answer.code, 0);
        };
        register("10.0.0.1:10911", &[]).await;
        assert!(missing().await.contains(" has it at 10.0.0.1:10911 instead of "));
        register(&addr.to_string(), &[]).await;
        assert!(missing().await.contains("TOPIC_NOT_EXIST"), "{}", missing().await);
        register(&addr.to_string(), &[SELF_TEST_TOPIC]).await;
        prober.probe(&broker, &servers).await.unwrap();
        drop(listener);
        assert!(Prober::new().probe(&broker, &servers).await.unwrap_err().starts_with("cannot connect to"));
        server.stop().await;
        assert!(Prober::new().probe(&broker, &servers).await.is_err());
    }
}

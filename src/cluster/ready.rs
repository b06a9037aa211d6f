//! Whether a node does what it is there for: asked over the wire, as a client would.

use crate::{Node, Role};
use protocol::{
    Command,
    code::{request, response_title},
    inspect::KvTable,
    route::{ClusterInfo, TopicRoute},
    topic::{NamedTopic, SELF_TEST_TOPIC},
};
use remoting::{Client, client::NoService};
use serde::de::DeserializeOwned;
use std::{net::SocketAddr, time::Duration};

const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Where a log ends, in a broker's runtime information.
const LOG_END: &str = "commitLogMaxOffset";

/// Asks nodes how they are.
pub(crate) struct Prober {
    client: Client<NoService>,
}

impl Prober {
    pub(crate) fn new() -> Self {
        Self { client: Client::asking().with_connect_timeout(ANSWER_WITHIN) }
    }

    /// Whether a node serves; if not, what is missing. Of a broker, where its log ends.
    ///
    /// A name server answers. A broker answers, and every name server sends clients to it: then a message can be sent.
    pub(crate) async fn probe(&self, node: &Node, name_servers: &[SocketAddr]) -> Result<Option<u64>, String> {
        let Some((name, id)) = node.role.broker() else {
            return self.clusters(node.listen).await.map(|_| None);
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
        self.log_end(node).await.map(Some)
    }

    /// Where a broker's log ends.
    pub(crate) async fn log_end(&self, node: &Node) -> Result<u64, String> {
        let ask = Command::request(request::GET_BROKER_RUNTIME_INFO);
        let info: KvTable = self.ask("broker", node.listen, ask).await?;
        let end = info.table.get(LOG_END).and_then(|end| end.parse().ok());
        end.ok_or_else(|| format!("{} does not say where its log ends", node.name))
    }

    async fn clusters(&self, server: SocketAddr) -> Result<ClusterInfo, String> {
        self.ask("name server", server, Command::request(request::GET_BROKER_CLUSTER_INFO)).await
    }

    async fn route(&self, server: SocketAddr, broker: &str) -> Result<(), String> {
        let topic = NamedTopic { topic: SELF_TEST_TOPIC.to_owned(), cluster_name: None };
        let ask = Command::request(request::GET_ROUTEINFO_BY_TOPIC).with_header(&topic);
        let route: TopicRoute = self.ask("name server", server, ask).await?;
        let has = route.queue_datas.iter().any(|queues| queues.broker_name == broker);
        if has { Ok(()) } else { Err(format!("the name server {server} does not know its topics")) }
    }

    async fn ask<T: DeserializeOwned>(&self, who: &str, server: SocketAddr, request: Command) -> Result<T, String> {
        let answer = self.client.call(&server.to_string(), request, ANSWER_WITHIN).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.code != 0 {
            let why = answer.remark.unwrap_or_default();
            return Err(format!("the {who} {server} answers {}: {why}", response_title(answer.code)));
        }
        answer.json().map_err(|error| format!("the {who} {server} answers what cannot be read: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        registration::{Register, RegisterBody},
        topic::TopicConfig,
    };
    use std::{path::PathBuf, sync::Arc};

    /// A broker whose log has this end.
    struct Ends(u64);

    impl remoting::Service for Ends {
        fn serve(&self, _: &Arc<remoting::Peer>, requests: &mut Vec<Command>, answers: &mut remoting::Answers) {
            for request in requests.drain(..) {
                let info = KvTable { table: [(LOG_END.to_owned(), self.0.to_string())].into() };
                answers.now(remoting::Receipt::of(&request), Command::success().with_json(&info));
            }
        }
    }

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
        let listener = remoting::server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        let tasks = base::Tasks::default();
        let serving = remoting::server::serve(listener, Arc::new(Ends(77)), remoting::Limits::default(), tasks.clone());
        tasks.spawn("broker", serving);
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
        assert_eq!(prober.probe(&broker, &servers).await, Ok(Some(77)));
        assert!(tasks.stop(Duration::from_secs(20)).await);
        assert!(Prober::new().probe(&broker, &servers).await.unwrap_err().starts_with("cannot connect to"));
        server.stop().await;
        assert!(Prober::new().probe(&broker, &servers).await.is_err());
    }
}

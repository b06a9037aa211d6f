//! A cluster small enough for a test: a name server and brokers that keep messages in memory and can be told to fail.
//!
//! Not a broker: it does what these tests ask and nothing more.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

mod broker;

use base::Tasks;
use parking_lot::Mutex;
use protocol::{
    Command,
    code::{request, response},
    route::{BrokerData, ClusterInfo, QueueData, TopicRoute},
    topic::{AUTO_CREATE_TOPIC, NamedTopic, TopicList},
};
use remoting::{Answers, Limits, Peer, Receipt, Service, server};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

pub use broker::Broker;

/// Topic → broker name → queues.
type Topics = Arc<Mutex<BTreeMap<String, BTreeMap<String, i32>>>>;

/// Broker name → id → address of each broker that is registered.
type Live = Arc<Mutex<BTreeMap<String, BTreeMap<i64, String>>>>;

pub struct Cluster {
    pub names: String,
    pub brokers: Vec<Arc<Broker>>,
    topics: Topics,
    live: Live,
    name_server: Tasks,
    /// Of brokers that were started again.
    again: Mutex<Vec<Tasks>>,
}

impl Cluster {
    /// A name server and brokers of these names, on free ports.
    pub async fn start(brokers: &[&str]) -> Self {
        let topics = Topics::default();
        let live = Live::default();
        let mut started = Vec::new();
        for name in brokers {
            let broker = Broker::start(name, topics.clone()).await;
            live.lock().insert((*name).to_owned(), [(0, broker.addr.clone())].into());
            started.push(broker);
        }
        let name_server = Tasks::default();
        let service = NameServer { topics: topics.clone(), live: live.clone() };
        let names = listen(Arc::new(service), &name_server);
        Self { names, brokers: started, topics, live, name_server, again: Mutex::default() }
    }

    /// Adds a slave to a broker's name. It has nothing yet: see [`Broker::copy`].
    pub async fn slave_of(&self, at: usize, id: i64) -> Arc<Broker> {
        let slave = Broker::start(&self.brokers[at].name, self.topics.clone()).await;
        slave.state.lock().is_slave = true;
        self.live.lock().get_mut(&slave.name).unwrap().insert(id, slave.addr.clone());
        slave
    }

    /// Every broker holds the topic.
    pub fn create(&self, topic: &str, queues: i32) -> &Self {
        let on = self.brokers.iter().map(|broker| (broker.name.clone(), queues)).collect();
        self.topics.lock().insert(topic.to_owned(), on);
        self
    }

    /// Topics come into being by sending to them.
    pub fn auto_create(&self) -> &Self {
        self.create(AUTO_CREATE_TOPIC, 8)
    }

    /// Stops a broker; the name server goes on naming it if `registered`.
    pub async fn stop_broker(&self, at: usize, registered: bool) {
        if !registered {
            self.live.lock().get_mut(&self.brokers[at].name).unwrap().remove(&0);
        }
        self.brokers[at].tasks.stop(Duration::from_secs(5)).await;
    }

    /// Starts a broker again that was stopped: where it was, with what it had.
    pub fn start_again(&self, at: usize) {
        let broker = &self.brokers[at];
        let tasks = Tasks::default();
        let listener = server::bind(broker.addr.parse().unwrap()).unwrap();
        tasks.spawn("stand-in", server::serve(listener, broker.clone(), Limits::default(), tasks.clone()));
        self.again.lock().push(tasks);
        self.live.lock().get_mut(&broker.name).unwrap().insert(0, broker.addr.clone());
    }

    pub async fn stop_name_server(&self) {
        self.name_server.stop(Duration::from_secs(5)).await;
    }

    /// Messages in all brokers' queues of a topic.
    pub fn stored(&self, topic: &str) -> usize {
        self.brokers.iter().map(|broker| broker.stored(topic)).sum()
    }
}

/// Serves on a free port and returns the address.
pub fn listen<S: Service>(service: Arc<S>, tasks: &Tasks) -> String {
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    tasks.spawn("stand-in", server::serve(listener, service, Limits::default(), tasks.clone()));
    addr
}

/// Waits until `condition` holds; fails the test after ten seconds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(10), "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An address where nobody listens.
pub fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

struct NameServer {
    topics: Topics,
    live: Live,
}

impl NameServer {
    fn broker_data(&self, name: &str) -> Option<BrokerData> {
        let broker_addrs = self.live.lock().get(name)?.clone();
        (!broker_addrs.is_empty()).then(|| BrokerData {
            broker_addrs,
            broker_name: name.to_owned(),
            cluster: "C".to_owned(),
            enable_acting_master: false,
        })
    }

    fn answer(&self, request: &Command) -> Command {
        match request.code {
            request::GET_ROUTEINFO_BY_TOPIC => {
                let topic = request.header::<NamedTopic>().unwrap().topic;
                let topics = self.topics.lock();
                let Some(on) = topics.get(&topic) else {
                    return Command::refusal(response::TOPIC_NOT_EXIST, format!("No topic route info: {topic}"));
                };
                let live = on.iter().filter_map(|(name, queues)| Some((self.broker_data(name)?, *queues)));
                let (broker_datas, queue_datas) = live
                    .map(|(data, queues)| {
                        let queues = QueueData {
                            broker_name: data.broker_name.clone(),
                            perm: 6,
                            read_queue_nums: queues,
                            write_queue_nums: queues,
                            topic_sys_flag: 0,
                        };
                        (data, queues)
                    })
                    .unzip();
                Command::success().with_json(&TopicRoute { broker_datas, queue_datas, ..TopicRoute::default() })
            }
            request::GET_BROKER_CLUSTER_INFO => {
                let names: Vec<String> = self.live.lock().keys().cloned().collect();
                Command::success().with_json(&ClusterInfo {
                    broker_addr_table: names
                        .iter()
                        .filter_map(|name| Some((name.clone(), self.broker_data(name)?)))
                        .collect(),
                    cluster_addr_table: [("C".to_owned(), names)].into(),
                })
            }
            request::GET_ALL_TOPIC_LIST_FROM_NAMESERVER => {
                let topic_list = self.topics.lock().keys().cloned().collect();
                Command::success().with_json(&TopicList { broker_addr: None, topic_list })
            }
            request::DELETE_TOPIC_IN_NAMESRV => {
                self.topics.lock().remove(&request.header::<NamedTopic>().unwrap().topic);
                Command::success()
            }
            other => Command::refusal(response::REQUEST_CODE_NOT_SUPPORTED, other.to_string()),
        }
    }
}

impl Service for NameServer {
    fn serve(&self, _: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        for request in requests.drain(..) {
            answers.now(Receipt::of(&request), self.answer(&request));
        }
    }
}

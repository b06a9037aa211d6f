//! What clusters of these tests run in: a folder of their own, and nodes that are real processes: a script runs the test
//! program again as [`node`], which is a real name server, or what looks like a broker from outside.

#![allow(clippy::unwrap_used, dead_code, missing_docs)]

use cluster::{Cluster, Error, Event, Home, Template, Upping};
use protocol::{
    Command,
    code::request,
    inspect::KvTable,
    registration::{Register, RegisterBody},
    topic::{SELF_TEST_TOPIC, TopicConfig},
};
use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Mutex, MutexGuard};

/// Two tests that look for free ports at once would find the same.
static PORTS: Mutex<()> = Mutex::const_new(());
pub const WITHIN: Duration = Duration::from_secs(20);
pub const AS_NODE: &str = "RMQ_TEST_NODE";

/// Not a test: what the nodes' processes run.
#[test]
fn node() {
    let Ok(arguments) = std::env::var(AS_NODE) else { return };
    let words: Vec<_> = arguments.split(' ').collect();
    let config = fs::read_to_string(words[2]).unwrap();
    let config = base::properties::Properties::parse(&config).unwrap();
    let get = |key: &str| config.get(key).unwrap().to_owned();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let _server = match words[0] {
            "namesrv" => {
                let config =
                    namesrv::config::NamesrvConfig { kv_config_path: get("kvConfigPath").into(), ..Default::default() };
                Some(namesrv::NameServer::start(config, words[4].parse().unwrap()).await.unwrap())
            }
            _ => None,
        };
        let _client = match words[0] {
            "broker" => Some(broker(get).await),
            _ => None,
        };
        println!("boot success");
        std::future::pending().await
    })
}

/// A log's end is the length of a file; a slave adds to its file, a byte whenever it is asked, until it has what `lead`
/// says.
struct Ends {
    file: PathBuf,
    lead: Option<PathBuf>,
}

pub fn log_end(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |log| log.len())
}

impl remoting::Service for Ends {
    fn serve(&self, _: &Arc<remoting::Peer>, requests: &mut Vec<Command>, answers: &mut remoting::Answers) {
        for request in requests.drain(..) {
            let end = log_end(&self.file);
            let info = KvTable { table: [("commitLogMaxOffset".to_owned(), end.to_string())].into() };
            answers.now(remoting::Receipt::of(&request), Command::success().with_json(&info));
            if self.lead.as_ref().is_some_and(|lead| log_end(lead) > end) {
                fs::write(&self.file, vec![0; end as usize + 1]).unwrap();
            }
        }
    }
}

async fn broker(get: impl Fn(&str) -> String) -> impl Sized {
    let data = PathBuf::from(get("storePathRootDir"));
    let mut starts = fs::read(data.join("starts")).unwrap_or_default();
    starts.push(b'x');
    fs::write(data.join("starts"), starts).unwrap();
    let addr: SocketAddr = format!("{}:{}", get("brokerIP1"), get("listenPort")).parse().unwrap();
    let listener = remoting::server::bind(addr).unwrap();
    let is_slave = get("brokerRole") == "SLAVE";
    let lead = data.join("../..").join(get("brokerName")).join("store/log");
    let ends = Ends { file: data.join("log"), lead: is_slave.then_some(lead) };
    tokio::spawn(remoting::server::serve(listener, Arc::new(ends), Default::default(), Default::default()));
    let header = Register {
        broker_name: get("brokerName"),
        broker_addr: addr.to_string(),
        cluster_name: get("brokerClusterName"),
        ha_server_addr: String::new(),
        broker_id: get("brokerId").parse().unwrap(),
        compressed: false,
        body_crc32: 0,
    };
    let mut body = RegisterBody::default();
    let topics = &mut body.topic_config_serialize_wrapper.topic_config_table;
    topics.insert(SELF_TEST_TOPIC.into(), TopicConfig::new(SELF_TEST_TOPIC, 1, 6));
    let client = remoting::Client::asking();
    for server in get("namesrvAddr").split(';') {
        let register = Command::request(request::REGISTER_BROKER).with_header(&header).with_json(&body);
        assert_eq!(client.call(server, register, WITHIN).await.unwrap().code, 0);
    }
    client
}

pub struct World {
    folder: tempfile::TempDir,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl World {
    pub async fn new() -> Self {
        let one_at_a_time = PORTS.lock().await;
        let world = Self { folder: tempfile::tempdir().unwrap(), _one_at_a_time: one_at_a_time };
        let this = std::env::current_exe().unwrap();
        world.script(&format!("{AS_NODE}=\"$*\" exec '{}' --exact world::node --nocapture", this.display()));
        world
    }

    pub fn exe(&self) -> PathBuf {
        self.folder.path().join("rmq")
    }

    /// What runs instead of `rmq`.
    pub fn script(&self, text: &str) {
        fs::write(self.exe(), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(self.exe(), fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn home(&self) -> Home {
        Home::new(&self.folder.path().join("clusters")).unwrap()
    }

    pub fn cluster(&self, name: &str) -> Cluster {
        self.home().cluster(name).unwrap()
    }

    pub async fn up(&self, cluster: &Cluster, template: &str) -> (Result<cluster::Up, Error>, Vec<String>) {
        self.up_as(cluster, template, |how| how).await
    }

    /// The same with something else about it.
    pub async fn up_as<'a>(
        &self,
        cluster: &Cluster,
        text: &'a str,
        otherwise: impl Fn(Upping<'a>) -> Upping<'a>,
    ) -> (Result<cluster::Up, Error>, Vec<String>) {
        // As long as the test runs, so that what is otherwise may live as long.
        let template: &'static Template = Box::leak(Box::new(Template::parse("t.yaml", text).unwrap()));
        let exe: &'static Path = Box::leak(self.exe().into_boxed_path());
        let how = otherwise(Upping {
            template,
            template_name: "t",
            template_text: text,
            name_servers: None,
            set: &[],
            base_port: None,
            only: None,
            check: |text| match text.contains("autoCreateTopicEnable=maybe") {
                true => Err("yes or no?".to_owned()),
                false => Ok(()),
            },
            exe,
            within: WITHIN,
        });
        let mut said = Vec::new();
        let up = cluster
            .up(how, std::future::pending(), |event| match event {
                Event::Waiting { .. } => {}
                event => said.push(words(&event)),
            })
            .await;
        (up, said)
    }
}

/// No process outlives its test, whatever happens.
impl Drop for World {
    fn drop(&mut self) {
        for file in process_files(&self.folder.path().join("clusters")) {
            let process: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            let _ = std::process::Command::new("kill").args(["-9", &process["pid"].to_string()]).status();
        }
    }
}

pub fn process_files(home: &Path) -> Vec<PathBuf> {
    let children = |dir: &Path| fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    let nodes = children(home).flat_map(|cluster| children(&cluster).collect::<Vec<_>>());
    nodes.map(|node| node.join("process.json")).filter(|file| file.exists()).collect()
}

/// Nodes are where they were, but for those that said that someone else has their port by now.
pub fn check_ports(status: &cluster::Status, before: &[SocketAddr], said: &[String]) {
    for (node, before) in status.nodes.iter().map(|node| &node.node).zip(before) {
        assert_eq!(node.listen != *before, said.contains(&format!("{} moves", node.name)), "{said:?}");
    }
}

pub fn words(event: &Event<'_>) -> String {
    match event {
        Event::PortTaken { node, .. } => format!("{} moves", node.name),
        Event::Started { node, .. } => format!("{} started", node.name),
        Event::Waiting { node, why } => format!("{}: {why}", node.name),
        Event::Ready { node, .. } => format!("{} ready", node.name),
        Event::Killed { node, .. } => format!("{} dies", node.name),
        Event::Stopping { node } => format!("{} stopping", node.name),
        Event::Stopped { node, killed } => format!("{} {}", node.name, if *killed { "killed" } else { "stopped" }),
    }
}

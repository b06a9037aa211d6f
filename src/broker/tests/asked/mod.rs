//! A broker with a clock that the test sets, and a client that asks it over a real socket.

#![allow(dead_code, reason = "each test uses a part")]

use base::{Clock, Disk, Fields};
use broker::{Broker, config::BrokerConfig};
use protocol::{
    Command,
    code::request,
    properties,
    record::{self, Record},
    send::SendHeader,
};
use remoting::{Client, client::NoService};
use std::{fs, path::Path, sync::Arc, time::Duration};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// What the clocks show first.
pub const BEGIN_MS: i64 = 1_800_000_000_000;

pub struct Asked {
    pub broker: Arc<Broker>,
    pub clock: Clock,
    client: Client<NoService>,
    dir: tempfile::TempDir,
}

impl Asked {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), Clock::manual(BEGIN_MS), |_| {}).await
    }

    pub async fn start_in(dir: tempfile::TempDir, clock: Clock, set: impl FnOnce(&mut BrokerConfig)) -> Self {
        let mut config = BrokerConfig {
            listen_port: 0,
            store_path_root_dir: dir.path().to_owned(),
            store_path_commit_log: dir.path().join("commitlog"),
            mapped_file_size_commit_log: 1 << 24,
            max_hash_slot_num: 1000,
            max_index_num: 4000,
            ..BrokerConfig::default()
        };
        set(&mut config);
        let broker = Broker::start(config, None, clock.clone(), &Disk::default()).await.expect("starts");
        Self { broker, clock, client: Client::asking(), dir }
    }

    /// Stops the broker and starts it anew.
    pub async fn restart(self, set: impl FnOnce(&mut BrokerConfig)) -> Self {
        self.broker.stop().await.expect("closes cleanly");
        Self::start_in(self.dir, self.clock, set).await
    }

    pub async fn stop(self) -> tempfile::TempDir {
        self.broker.stop().await.expect("closes cleanly");
        self.dir
    }

    /// What a kill of the process would leave, as a broker of its own finds it.
    pub async fn killed(self, set: impl FnOnce(&mut BrokerConfig)) -> Self {
        let left = tempfile::tempdir().expect("a temporary folder");
        copy(self.dir.path(), left.path());
        let clock = self.clock.clone();
        self.stop().await;
        Self::start_in(left, clock, set).await
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub async fn ask(&self, request: Command) -> Command {
        self.client.call(&self.broker.advertised(), request, PATIENCE).await.expect("answered")
    }

    pub async fn ask_for(&self, code: i32, fields: &[(&str, &str)]) -> Command {
        let fields: Fields = fields.iter().copied().collect();
        self.ask(Command { fields, ..Command::request(code) }).await
    }

    pub async fn send(&self, topic: &str, body: &str, properties: &str) -> Command {
        let header = send_header(topic, properties);
        let request = Command { fields: header.write("b"), ..Command::request(request::SEND_MESSAGE_V2) };
        self.ask(request.with_body(body.as_bytes().to_vec())).await
    }

    /// Everything in a queue, as its records are.
    pub fn records(&self, topic: &str, queue_id: i32) -> Vec<Record> {
        let Some(queue) = self.broker.store().queue(topic, queue_id) else { return Vec::new() };
        let offsets = queue.min_offset()..queue.max_offset();
        let entries = offsets.filter_map(|offset| queue.get(offset));
        let bytes = entries.filter_map(|entry| self.broker.store().record_at(entry.physical_offset));
        bytes.map(|bytes| record::decode_all(bytes, true).expect("whole").remove(0)).collect()
    }

    /// The bodies in queue 0 of a topic.
    pub fn bodies(&self, topic: &str) -> Vec<String> {
        let texts = self.records(topic, 0).into_iter().map(|record| String::from_utf8(record.body.to_vec()));
        texts.collect::<Result<_, _>>().expect("text")
    }

    /// Waits until queue 0 of a topic has so many messages.
    pub async fn arrived(&self, topic: &str, count: u64) {
        let queue = self.broker.store().queue_or_new(topic, 0);
        let arrived = tokio::time::timeout(PATIENCE, queue.end().reached(count)).await;
        assert!(arrived.is_ok(), "{count} messages of {topic}, there are {:?}", self.bodies(topic));
    }
}

pub fn send_header<'a>(topic: &'a str, properties: &'a str) -> SendHeader<'a> {
    SendHeader {
        producer_group: "P",
        topic,
        default_topic: "TBW102",
        default_topic_queue_nums: 1,
        queue_id: 0,
        sys_flag: 0,
        born_ms: 1,
        flag: 7,
        properties,
        reconsume_times: 0,
        unit_mode: false,
        batch: false,
        max_reconsume_times: None,
    }
}

/// Copies a folder that is written to meanwhile.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is writable");
    let mut names: Vec<_> =
        fs::read_dir(from).expect("readable").map(|entry| entry.expect("readable").file_name()).collect();
    // What the tables say of the log must be there in the log's copy.
    names.sort_by_key(|name| name != "config");
    for (from, to) in names.into_iter().map(|name| (from.join(&name), to.join(&name))) {
        if from.is_dir() {
            copy(&from, &to);
        } else if let Err(error) = fs::copy(&from, &to) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", from.display());
        }
    }
}

/// A property string.
pub fn text(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    pairs.iter().for_each(|(name, value)| properties::push(&mut text, name, value));
    text
}

/// A record's property.
pub fn property<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    properties::get(&record.properties, name)
}

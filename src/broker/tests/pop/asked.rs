//! A broker with a clock that the test moves, and what is asked of it.

use crate::stand::{copy, send_header, small};
use base::{Clock, Disk, Fields};
use broker::{Broker, config::BrokerConfig, config_values::FlushDiskType};
use protocol::{
    Command,
    code::{request, response},
    pop::{
        POLLING_TIMEOUT, POP_CK, PopAnswer,
        extra_info::{self, ExtraInfo, Origin},
    },
    properties,
    record::{self, Record},
};
use remoting::{Client, client::NoService};
use std::{sync::Arc, time::Duration};

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const INVISIBLE_MS: i64 = 60_000;
/// When the tests begin, by the broker's clock.
pub const BEGIN_MS: i64 = 1_700_000_000_000;

pub struct Asked {
    pub broker: Arc<Broker>,
    client: Client<NoService>,
    pub clock: Clock,
    dir: tempfile::TempDir,
    sync: bool,
}

/// A popped message with what acknowledges it.
#[derive(Clone, Debug)]
pub struct Popped {
    pub record: Record,
    pub ck: String,
    pub topic: String,
    pub group: String,
    pub count: i32,
}

impl Popped {
    pub fn body(&self) -> String {
        String::from_utf8_lossy(&self.record.body).into_owned()
    }
}

pub fn bodies(popped: &[Popped]) -> Vec<String> {
    popped.iter().map(Popped::body).collect()
}

impl Asked {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), Clock::manual(BEGIN_MS), false).await
    }

    pub async fn start_in(dir: tempfile::TempDir, clock: Clock, sync: bool) -> Self {
        let config = BrokerConfig {
            default_topic_queue_nums: 1,
            enable_property_filter: true,
            // The log is flushed when somebody asks for it.
            flush_commit_log_least_pages: 1000,
            flush_commit_log_thorough_interval_ms: 3_600_000,
            flush_consume_queue_thorough_interval_ms: 3_600_000,
            flush_consumer_offset_interval_ms: 20,
            flush_disk_type: if sync { FlushDiskType::Sync } else { FlushDiskType::Async },
            ..small(dir.path())
        };
        let broker = Broker::start(config, None, clock.clone(), &Disk::default()).await.expect("starts");
        Self { broker, client: Client::asking(), clock, dir, sync }
    }

    /// Ends the broker and starts another on its files, as they were left.
    pub async fn restart(self) -> Self {
        self.broker.stop().await.expect("closes cleanly");
        Self::start_in(self.dir, self.clock, self.sync).await
    }

    /// The same on a copy of the files as they are now: what a kill of the process would leave.
    pub async fn crash(self) -> Self {
        let left = tempfile::tempdir().expect("a folder");
        copy(self.dir.path(), left.path());
        let _ = std::fs::remove_file(left.path().join("lock"));
        let again = Self::start_in(left, self.clock.clone(), self.sync).await;
        self.broker.stop().await.expect("closes cleanly");
        again
    }

    pub async fn ask(&self, request: Command) -> Command {
        self.client.call(&self.broker.advertised(), request, PATIENCE).await.expect("answered")
    }

    pub async fn send(&self, topic: &str, body: &str, properties: &str) {
        let header = send_header(topic, properties);
        let request = Command { fields: header.write("b"), ..Command::request(request::SEND_MESSAGE_V2) };
        let answer = self.ask(request.with_body(body.as_bytes().to_vec())).await;
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
    }

    pub async fn send_all(&self, bodies: &[&str]) {
        for body in bodies {
            self.send("T", body, "").await;
        }
    }

    pub async fn popped(&self, request: Command) -> Vec<Popped> {
        let (order, group) =
            (request.fields.get("order") == Some("true"), request.fields.get("consumerGroup").unwrap_or("").to_owned());
        let answer = self.ask(request).await;
        if answer.code == POLLING_TIMEOUT {
            return Vec::new();
        }
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
        let header: PopAnswer = answer.header().expect("a header");
        let (starts, counts) =
            (header.start_offset_info.unwrap_or_default(), header.order_count_info.unwrap_or_default());
        let listed = |text| extra_info::entries(text).expect("a list");
        let (starts, counts) = (listed(&starts), listed(&counts));
        assert_eq!(header.revive_qid, if order { 999 } else { 0 });
        record::decode_all(answer.body.to_bytes(), true)
            .expect("whole records")
            .into_iter()
            .map(|record| {
                let queue = record.queue_id.to_string();
                let carried = properties::get(&record.properties, POP_CK).map(str::to_owned);
                let ck = carried.unwrap_or_else(|| {
                    ExtraInfo {
                        start_offset: starts[&(Origin::Topic, queue.as_str())].parse().expect("a number"),
                        pop_time: header.pop_time,
                        invisible_time: header.invisible_time,
                        revive_queue: header.revive_qid,
                        origin: Origin::Topic,
                        broker_name: self.broker.config().broker_name.clone(),
                        queue_id: record.queue_id,
                        offset: Some(record.queue_offset),
                    }
                    .to_string()
                });
                let origin = ck.parse::<ExtraInfo>().expect("readable").origin;
                let key = extra_info::count_key(record.queue_id, record.queue_offset);
                let count =
                    counts.get(&(Origin::Topic, key.as_str())).map_or(0, |count| count.parse().expect("a number"));
                Popped { topic: origin.topic(&record.topic, &group), ck, group: group.clone(), count, record }
            })
            .collect()
    }

    pub async fn pop(&self, max: i32) -> Vec<Popped> {
        self.popped(pop(&[("maxMsgNums", &max.to_string())])).await
    }

    pub async fn ack(&self, message: &Popped) -> Command {
        self.ask(ack(message, &[])).await
    }

    pub async fn change(&self, message: &Popped, invisible_ms: i64) -> Command {
        let fields = ack(message, &[("invisibleTime", &invisible_ms.to_string())]).fields;
        self.ask(Command { fields, ..Command::request(request::CHANGE_MESSAGE_INVISIBLETIME) }).await
    }

    /// The offset of group G in queue 0 of topic T, as it is saved.
    pub fn saved_offset(&self) -> Option<i64> {
        let text = std::fs::read(self.dir.path().join("config/consumerOffset.json")).ok()?;
        let saved: serde_json::Value = serde_json::from_slice(&text).ok()?;
        saved["offsetTable"]["T@G"]["0"].as_i64()
    }

    /// Lets the invisible time of everything popped pass.
    pub fn pass_time(&self) {
        self.clock.advance_ms(INVISIBLE_MS + 1);
    }
}

pub fn request(code: i32, defaults: &[(&str, &str)], more: &[(&str, &str)]) -> Command {
    let mut fields: Fields = defaults.iter().copied().collect();
    more.iter().for_each(|(name, value)| fields.set(name, value));
    Command { fields, ..Command::request(code) }
}

pub fn pop(more: &[(&str, &str)]) -> Command {
    let defaults = [
        ("consumerGroup", "G"),
        ("topic", "T"),
        ("queueId", "-1"),
        ("maxMsgNums", "32"),
        ("invisibleTime", &INVISIBLE_MS.to_string()),
        ("pollTime", "0"),
        ("bornTime", "1"),
        ("initMode", "0"),
        ("order", "false"),
    ];
    request(request::POP_MESSAGE, &defaults, more)
}

/// A pop that waits until something comes.
pub fn long_pop(more: &[(&str, &str)]) -> Command {
    let mut request = pop(more);
    request.fields.set("pollTime", "60000");
    request
}

pub fn ack(message: &Popped, more: &[(&str, &str)]) -> Command {
    let defaults = [
        ("consumerGroup", message.group.as_str()),
        ("topic", &message.topic),
        ("queueId", &message.record.queue_id.to_string()),
        ("extraInfo", &message.ck),
        ("offset", &message.record.queue_offset.to_string()),
    ];
    request(request::ACK_MESSAGE, &defaults, more)
}

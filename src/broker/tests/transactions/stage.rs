//! A broker whose time stands still, producers that note what they are asked, and what consumers see.

use crate::stand::{copy, send_header, small};
use base::{Clock, Disk};
use broker::{Broker, config::BrokerConfig};
use protocol::{
    Command,
    code::request,
    heartbeat::{Heartbeat, ProducerData},
    record::{self, Entry, MessageId, Record},
    send::SendHeader,
    transaction::{CheckTransaction, EndTransaction},
};
use remoting::{Answers, Client, Peer, Service};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const COMMIT: i32 = 8;
pub const ROLLBACK: i32 = 12;
pub const UNKNOWN: i32 = 0;
pub const HALVES: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
pub const NOTES: &str = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
pub const GIVEN_UP: &str = "TRANS_CHECK_MAX_TIME_TOPIC";
pub const GROUP: &str = "CID_RMQ_SYS_TRANS";
const NOW_MS: i64 = 1_795_359_440_477;

pub struct Stage {
    pub broker: Arc<Broker>,
    pub clock: Clock,
    pub dir: tempfile::TempDir,
}

impl Stage {
    /// It looks every millisecond for producers to ask; whether one is due is for the clock to say.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(set: impl FnOnce(&mut BrokerConfig)) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), Clock::manual(NOW_MS), set).await
    }

    pub async fn start_in(dir: tempfile::TempDir, clock: Clock, set: impl FnOnce(&mut BrokerConfig)) -> Self {
        let mut config = BrokerConfig {
            mapped_file_size_commit_log: 1 << 20,
            transaction_check_interval_ms: 1,
            ..small(dir.path())
        };
        set(&mut config);
        let broker = Broker::start(config, None, clock.clone(), &Disk::default()).await.expect("starts");
        Self { broker, clock, dir }
    }

    pub async fn stop(self) -> (tempfile::TempDir, Clock) {
        self.broker.stop().await.expect("closes cleanly");
        (self.dir, self.clock)
    }

    /// The files as they are now: what a kill of the process would leave.
    pub fn killed(&self) -> tempfile::TempDir {
        let to = tempfile::tempdir().expect("a folder");
        copy(self.dir.path(), to.path());
        to
    }

    /// Waits until two rounds of asking are over, so that one has begun since.
    pub async fn rounds(&self) {
        let rounds = self.broker.transactions().rounds();
        rounds.reached(rounds.get() + 2).await;
    }

    /// The bodies of a topic's queue 0.
    pub fn bodies(&self, topic: &str) -> Vec<String> {
        self.records(topic).iter().map(|record| String::from_utf8_lossy(&record.body).into_owned()).collect()
    }

    pub fn records(&self, topic: &str) -> Vec<Record> {
        let Some(queue) = self.broker.store().queue(topic, 0) else { return Vec::new() };
        let found =
            (queue.min_offset()..queue.max_offset()).filter_map(|index| self.record(queue.get(index)?.physical_offset));
        found.collect()
    }

    pub fn record(&self, physical: i64) -> Option<Record> {
        match record::decode(&self.broker.store().record_at(physical)?, true) {
            Ok(Entry::Message(record)) => Some(record),
            _ => None,
        }
    }
}

/// Where a half message lies, as the answer to its send says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub index: i64,
    pub physical: i64,
}

/// A question of the broker.
#[derive(Debug)]
pub struct Asked {
    pub at: At,
    pub header: CheckTransaction,
    pub message: Record,
}

/// A producer of a group.
pub struct Producer {
    client: Client<Questions>,
    addr: String,
    group: &'static str,
    pub asked: UnboundedReceiver<Asked>,
}

struct Questions(UnboundedSender<Asked>);

impl Service for Questions {
    fn serve(&self, _: &Arc<Peer>, requests: &mut Vec<Command>, _: &mut Answers) {
        for request in requests.drain(..).filter(|request| request.code == request::CHECK_TRANSACTION_STATE) {
            let header: CheckTransaction = request.header().expect("a header");
            let message = record::decode_all(request.body.to_bytes(), true).expect("a message").remove(0);
            let at = At { index: header.tran_state_table_offset, physical: header.commit_log_offset };
            let _ = self.0.send(Asked { at, header, message });
        }
    }
}

impl Producer {
    /// One that the broker has heard of.
    pub async fn of(stage: &Stage, group: &'static str) -> Self {
        let producer = Self::unheard(stage, group);
        let heartbeat = Heartbeat {
            client_id: format!("client of {group}"),
            producer_data_set: vec![ProducerData { group_name: group.into() }],
            consumer_data_set: vec![],
        };
        let answer = producer.ask(Command::request(request::HEART_BEAT).with_json(&heartbeat)).await;
        assert_eq!(answer.code, 0);
        producer
    }

    pub fn unheard(stage: &Stage, group: &'static str) -> Self {
        let (sender, asked) = mpsc::unbounded_channel();
        Self { client: Client::new(Arc::new(Questions(sender))), addr: stage.broker.advertised(), group, asked }
    }

    pub async fn ask(&self, request: Command) -> Command {
        self.client.call(&self.addr, request, PATIENCE).await.expect("answered")
    }

    /// Sends a half message to queue 0 of topic T.
    pub async fn half(&self, stage: &Stage, body: &str) -> At {
        self.half_with(stage, body, "").await
    }

    pub async fn half_with(&self, stage: &Stage, body: &str, more: &str) -> At {
        let properties = format!(
            "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}{}\u{2}UNIQ_KEY\u{1}U-{body}\u{2}TAGS\u{1}t\u{2}{more}",
            self.group
        );
        let answer = self.send(stage, body, &properties, 4).await;
        assert_eq!(answer.code, 0, "{:?}", answer.remark);
        let id = answer.fields.get("msgId").and_then(MessageId::parse).expect("an id");
        let index = answer.fields.get("queueOffset").and_then(|text| text.parse().ok()).expect("a number");
        At { index, physical: id.physical_offset }
    }

    pub async fn send(&self, stage: &Stage, body: &str, properties: &str, sys_flag: i32) -> Command {
        let header = SendHeader {
            producer_group: self.group,
            default_topic_queue_nums: 4,
            sys_flag,
            born_ms: stage.clock.now_ms(),
            ..send_header("T", properties)
        };
        let request = Command { fields: header.write("b"), ..Command::request(request::SEND_MESSAGE_V2) };
        self.ask(request.with_body(body.as_bytes().to_vec())).await
    }

    pub async fn end(&self, at: At, how: i32) -> Command {
        self.ask(end_request(self.group, at, how)).await
    }

    /// The next question, which must come.
    pub async fn next(&mut self) -> Asked {
        tokio::time::timeout(PATIENCE, self.asked.recv()).await.expect("asked in time").expect("connected")
    }

    pub fn leave(self) {
        self.client.close();
    }
}

pub fn end_request(group: &str, at: At, how: i32) -> Command {
    Command::request(request::END_TRANSACTION).with_header(&EndTransaction {
        producer_group: group.into(),
        tran_state_table_offset: at.index,
        commit_log_offset: at.physical,
        commit_or_rollback: how,
        from_transaction_check: false,
        msg_id: None,
        transaction_id: Some(String::new()),
    })
}

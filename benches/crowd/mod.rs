//! A cluster with very many topics and groups: two masters, of which each has all topics with all their queues; and the
//! traffic on it while it is looked at.

use crate::load::{Broker, NameServer, Target};
use bytes::BytesMut;
use protocol::{
    Command,
    code::{request, response},
    frame,
    pull::UpdateOffset,
    send::SendHeader,
    topic::{GroupConfig, GroupTable, TopicConfig, TopicTable, perm},
};
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How many topics.
pub const TOPICS: usize = 1000;
/// Queues of each at each master.
pub const QUEUES: i32 = 8;
/// How many groups. Each reads a topic, every second one more.
pub const GROUPS: usize = 2000;
/// Messages in each queue before the traffic.
const MESSAGES: i64 = 4;
/// Requests that are on the way at once.
const FLIGHT: usize = 256;
/// The traffic at each master: this many messages, and as many offsets of groups, ten times a second.
const AT_ONCE: usize = 10;

/// The name of a topic.
pub fn topic(at: usize) -> String {
    format!("trade-orders-{:04}", at % TOPICS)
}

/// The name of a group.
pub fn group(at: usize) -> String {
    format!("settlement-readers-{:04}", at % GROUPS)
}

/// Which topics a group reads.
fn topics_of(group: usize) -> Vec<usize> {
    let more = group.is_multiple_of(2).then_some((group * 7 + 13) % TOPICS);
    [group % TOPICS].into_iter().chain(more).collect()
}

/// The cluster.
pub struct Crowd {
    /// The name server.
    pub names: NameServer,
    /// The masters.
    pub masters: [Broker; 2],
    _dirs: [tempfile::TempDir; 2],
}

impl Crowd {
    /// Starts it, with messages in every queue and every group somewhere behind.
    pub fn start(rmq: &str) -> Self {
        let names = NameServer::start(rmq);
        let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let masters = [0, 1].map(|at| {
            write_tables(&dirs[at].path().join("store/config"));
            let name = ["broker-a", "broker-b"][at];
            let settings = format!("namesrvAddr={}\nbrokerName={name}\nflushDiskType=ASYNC_FLUSH\n", names.addr);
            Broker::start_with(rmq, dirs[at].path(), &settings)
        });
        for master in &masters {
            fill(master.target());
        }
        Self { names, masters, _dirs: dirs }
    }
}

fn write_tables(config: &Path) {
    fs::create_dir_all(config).expect("a writable folder");
    let topic = |at| (topic(at), TopicConfig::new(&topic(at), QUEUES, perm::READ | perm::WRITE));
    let topics = TopicTable { topic_config_table: (0..TOPICS).map(topic).collect(), ..TopicTable::default() };
    let group = |at| (group(at), GroupConfig { group_name: group(at), ..GroupConfig::default() });
    let groups = GroupTable { subscription_group_table: (0..GROUPS).map(group).collect(), ..GroupTable::default() };
    let write = |name: &str, json: String| fs::write(config.join(name), json).expect("a writable folder");
    write("topics.json", serde_json::to_string(&topics).expect("it has text for names"));
    write("subscriptionGroup.json", serde_json::to_string(&groups).expect("it has text for names"));
}

fn fill(master: Target) {
    let mut client = Client::of(master);
    let queues = || (0..TOPICS).flat_map(|topic| (0..QUEUES).map(move |queue| (topic, queue)));
    for _ in 0..MESSAGES {
        queues().for_each(|(topic, queue)| client.ask(message(topic, queue)));
    }
    for group in 0..GROUPS {
        for (topic, queue) in topics_of(group).into_iter().flat_map(|topic| (0..QUEUES).map(move |id| (topic, id))) {
            client.ask(offset(group, topic, queue, (group as i64 + i64::from(queue)) % MESSAGES + 1));
        }
    }
    client.finish();
}

fn message(at: usize, queue_id: i32) -> Command {
    let header = SendHeader {
        producer_group: "bench",
        topic: &topic(at),
        default_topic: "TBW102",
        default_topic_queue_nums: QUEUES,
        queue_id,
        sys_flag: 0,
        born_ms: 1_795_359_440_477,
        flag: 0,
        properties: "WAIT\u{1}false\u{2}TAGS\u{1}TagA",
        reconsume_times: 0,
        unit_mode: false,
        batch: false,
        max_reconsume_times: None,
    };
    let fields = header.write("broker");
    Command { fields, ..Command::request(request::SEND_MESSAGE_V2).with_body(vec![b'x'; 100]) }
}

fn offset(at: usize, of: usize, queue_id: i32, commit_offset: i64) -> Command {
    let header = UpdateOffset { consumer_group: group(at), topic: topic(of), queue_id, commit_offset };
    Command::request(request::UPDATE_CONSUMER_OFFSET).with_header(&header)
}

/// Asks many things at once, and wants all of them to succeed.
struct Client {
    stream: TcpStream,
    output: Vec<u8>,
    input: BytesMut,
    unanswered: usize,
}

impl Client {
    fn of(master: Target) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", master.port)).expect("the broker listens");
        Self { stream, output: Vec::new(), input: BytesMut::new(), unanswered: 0 }
    }

    fn ask(&mut self, request: Command) {
        self.output.extend_from_slice(&frame::encode(&request).expect("small"));
        self.unanswered += 1;
        if self.unanswered >= FLIGHT {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.stream.write_all(&self.output).expect("the broker reads");
        self.output.clear();
        let mut chunk = [0; 65536];
        while self.unanswered > 0 {
            let read = self.stream.read(&mut chunk).expect("the broker answers");
            assert!(read > 0, "the broker closed the connection");
            self.input.extend_from_slice(&chunk[..read]);
            while let Some(answer) = frame::decode(&mut self.input).expect("well-formed answers") {
                assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
                self.unanswered -= 1;
            }
        }
    }
}

/// Messages that come and offsets that move, until it is dropped: else nothing on the screen would change.
pub struct Traffic {
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Begins.
    pub fn on(crowd: &Crowd) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let threads = crowd.masters.each_ref().map(|master| {
            let (end, mut client) = (end.clone(), Client::of(master.target()));
            thread::spawn(move || {
                let mut offsets: BTreeMap<(usize, usize), i64> = BTreeMap::new();
                let mut at = 0;
                while !end.load(Ordering::Relaxed) {
                    for _ in 0..AT_ONCE {
                        // Steps that meet all of them in time.
                        at += 1;
                        let (of, group) = (at * 37 % TOPICS, at * 91 % GROUPS);
                        client.ask(message(of, (at % QUEUES as usize) as i32));
                        let read = topics_of(group)[0];
                        let next = offsets.entry((group, read)).or_insert(1);
                        *next = (*next + 1).min(MESSAGES);
                        client.ask(offset(group, read, 0, *next));
                    }
                    client.finish();
                    thread::sleep(Duration::from_millis(100));
                }
            })
        });
        Self { end, threads: threads.into() }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

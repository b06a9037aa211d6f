//! A small store as a crash or a clean stop leaves it, what it holds, and the check of it after it was damaged.

use base::Clock;
use protocol::record::{NewRecord, SysFlag};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use store::{MessageStore, PullSpec, StoreConfig};
use witness::scratch;

/// A message as it was stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub topic: &'static str,
    pub queue_id: i32,
    pub queue_offset: i64,
    pub physical: u64,
    pub bytes: Vec<u8>,
    pub keys: Vec<String>,
}

impl Stored {
    pub fn end(&self) -> u64 {
        self.physical + self.bytes.len() as u64
    }
}

/// How the store was left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Left {
    /// By a crash, with nothing in the checkpoint: all files are as written, and nobody vouches for them.
    Unvouched,
    /// By a crash, after everything was brought to the disk and the checkpoint said so.
    Settled,
    /// By a clean stop.
    Closed,
}

/// The files of a store and the messages in it.
pub struct Sample {
    pub file_bytes: u64,
    /// By path relative to the store.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// In the order of the log.
    pub messages: Vec<Stored>,
    pub sealed: bool,
    pub left: Left,
}

pub fn config(dir: &Path, file_bytes: u64, sealed: bool) -> StoreConfig {
    StoreConfig {
        mapped_file_size_commit_log: file_bytes,
        flush_interval_commit_log_ms: 3_600_000,
        flush_interval_consume_queue_ms: 3_600_000,
        enabled_append_prop_crc: sealed,
        ..StoreConfig::small(dir)
    }
}

/// The queues of a sample.
pub const QUEUES: [(&str, i32); 3] = [("Orders", 0), ("Orders", 1), ("B", 0)];
const START_MS: i64 = 1_700_000_000_000;

impl Sample {
    /// A store with log files of that size and `count` messages; `sealed`: with a CRC over each whole record.
    pub fn new(file_bytes: u64, count: usize, left: Left, sealed: bool) -> Self {
        let root = scratch::folder();
        let dir = root.path().join("store");
        let often = StoreConfig {
            flush_interval_commit_log_ms: 1,
            flush_commit_log_thorough_interval_ms: 1,
            flush_interval_consume_queue_ms: 1,
            flush_consume_queue_thorough_interval_ms: 1,
            ..config(&dir, file_bytes, sealed)
        };
        let clock = Clock::manual(START_MS);
        let store = MessageStore::open(often, clock.clone()).unwrap();
        let messages: Vec<_> = (0..count).map(|n| send(&store, &clock, n)).collect();
        let checkpoint = dir.join("checkpoint");
        let settled = || u64::from_be_bytes(fs::read(&checkpoint).unwrap()[480..488].try_into().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        while settled() != store.written().get() {
            assert!(Instant::now() < deadline, "the checkpoint does not move");
            std::thread::yield_now();
        }
        if left == Left::Closed {
            store.close().unwrap();
        }
        drop(store);
        let mut files = BTreeMap::new();
        read_all(&dir, &dir, &mut files);
        if left == Left::Unvouched {
            files.insert("checkpoint".into(), vec![0; 4096]);
        }
        Self { file_bytes, files, messages, sealed, left }
    }

    /// Puts the files into `dir`, with one of them replaced, and removes all others.
    pub fn restore(&self, dir: &Path, replaced: &Path, content: &[u8]) {
        let mut there = BTreeMap::new();
        read_all(dir, dir, &mut there);
        for path in there.keys().filter(|path| !self.files.contains_key(*path)) {
            fs::remove_file(dir.join(path)).unwrap();
        }
        for (path, bytes) in &self.files {
            let bytes = if path == replaced { content } else { bytes };
            if there.get(path).is_none_or(|there| there != bytes) {
                let path = dir.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
    }

    pub fn open(&self, dir: &Path) -> Arc<MessageStore> {
        let opened = MessageStore::open(config(dir, self.file_bytes, self.sealed), Clock::manual(START_MS + 1_000_000));
        opened.unwrap_or_else(|error| panic!("does not open: {error}"))
    }

    /// The only file of that folder.
    pub fn file_in(&self, folder: &str) -> PathBuf {
        self.files.keys().find(|path| path.starts_with(folder)).unwrap().clone()
    }
}

fn send(store: &MessageStore, clock: &Clock, n: usize) -> Stored {
    clock.advance_ms(100);
    let (topic, queue_id) = QUEUES[[0, 0, 1, 0, 2][n % 5]];
    let body = format!("{n}.").repeat(n * 7 % 40);
    let keys = vec![format!("u{n}"), format!("k{n}")];
    let tag = format!("TAGS\u{1}t{}\u{2}", n % 3);
    let properties = format!("UNIQ_KEY\u{1}{}\u{2}{tag}KEYS\u{1}{}\u{2}own\u{1}{n}\u{2}", keys[0], keys[1]);
    let record = NewRecord {
        topic,
        queue_id,
        flag: n as i32,
        sys_flag: SysFlag::default(),
        born_ms: START_MS + n as i64,
        born_host: "127.0.0.1:4000".parse().unwrap(),
        store_host: "127.0.0.1:10911".parse().unwrap(),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: body.as_bytes(),
        properties: &properties,
    };
    let (mut batch, mut placed) = (store.batch(), Vec::new());
    batch.push(&record).unwrap();
    store.append(&mut batch, &mut placed).unwrap();
    let (physical, queue_offset) = (placed[0].physical_offset as u64, placed[0].queue_offset);
    let bytes = store.record_at(physical as i64).unwrap().to_vec();
    Stored { topic, queue_id, queue_offset, physical, bytes, keys }
}

/// Sends one more, which must get the next place in the log and in its queue.
pub fn send_next(store: &MessageStore, n: usize, queue_offset: i64) -> Stored {
    let end = store.max_physical() as u64;
    let next = send(store, &Clock::manual(START_MS), n);
    assert_eq!(next.queue_offset, queue_offset);
    assert!(next.physical >= end, "placed at {}, before the end {end}", next.physical);
    next
}

fn read_all(root: &Path, dir: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(root, &path, into);
        } else {
            into.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
}

/// What a queue serves, by offset: the bytes of each record.
pub fn served(store: &MessageStore, (topic, queue_id): (&str, i32)) -> BTreeMap<i64, Vec<u8>> {
    let mut all = BTreeMap::new();
    let Some(queue) = store.queue(topic, queue_id) else { return all };
    let mut offset = queue.min_offset();
    while offset < queue.max_offset() {
        let pulled = store.pull(&PullSpec { topic, queue_id, offset, max_messages: 32 }, |_, _| true);
        for run in pulled.records {
            let mut run = run;
            while !run.is_empty() {
                let size = u32::from_be_bytes(run[..4].try_into().unwrap()) as usize;
                let bytes = run.split_to(size);
                let queue_offset = i64::from_be_bytes(bytes[20..28].try_into().unwrap());
                let twice = all.insert(queue_offset, bytes.to_vec());
                assert!(twice.is_none(), "{topic} {queue_id} serves {queue_offset} twice");
            }
        }
        assert!(pulled.next_offset > offset, "{:?} leads from {offset} to {}", pulled.status, pulled.next_offset);
        offset = pulled.next_offset;
    }
    all
}

/// The records that are found by a key.
pub fn found(store: &MessageStore, topic: &str, key: &str) -> Vec<Vec<u8>> {
    let found = store.find(topic, key, 10, 0, i64::MAX).unwrap().records;
    found.into_iter().map(|bytes| bytes.to_vec()).collect()
}

/// The store holds exactly the first `count` of the messages.
pub fn check_holds(store: &MessageStore, messages: &[Stored], count: usize) {
    for (topic, queue_id) in QUEUES {
        let expected: BTreeMap<_, _> = messages[..count]
            .iter()
            .filter(|stored| (stored.topic, stored.queue_id) == (topic, queue_id))
            .map(|stored| (stored.queue_offset, stored.bytes.clone()))
            .collect();
        let served = served(store, (topic, queue_id));
        assert!(served == expected, "{topic} {queue_id} serves {:?}, not {:?}", served.keys(), expected.keys());
        let max = store.queue(topic, queue_id).map_or(0, |queue| queue.max_offset());
        assert_eq!(max, expected.len() as i64, "end of {topic} {queue_id}");
    }
    for (at, stored) in messages.iter().enumerate() {
        let there = at < count;
        let read = store.record_at(stored.physical as i64);
        assert_eq!(read.is_some_and(|bytes| bytes == stored.bytes), there, "at {}", stored.physical);
        for key in &stored.keys {
            let found = found(store, stored.topic, key);
            assert!(found.len() == usize::from(there), "{key} is found {} times", found.len());
            assert!(found.iter().all(|bytes| *bytes == stored.bytes), "{key} leads to another message");
        }
    }
}

/// Every message is at its place in the log, and whatever queues and index lead to is the right one.
pub fn check_serves_nothing_else(store: &MessageStore, messages: &[Stored]) {
    for queue in QUEUES {
        for (offset, bytes) in served(store, queue) {
            let right =
                |stored: &&Stored| (stored.topic, stored.queue_id, stored.queue_offset) == (queue.0, queue.1, offset);
            assert!(
                messages.iter().find(right).is_some_and(|it| it.bytes == bytes),
                "{queue:?} at {offset}: another one"
            );
        }
    }
    for stored in messages {
        assert!(store.record_at(stored.physical as i64).is_some_and(|bytes| bytes == stored.bytes));
        for key in &stored.keys {
            let found = found(store, stored.topic, key);
            assert!(found.len() <= 1 && found.iter().all(|it| *it == stored.bytes), "{key} leads to another message");
        }
    }
}

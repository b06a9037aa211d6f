//! A store that `rmq` wrote and the history that goes with it, to plant faults in: each stage is a fresh copy.

use base::Clock;
use protocol::record::{NewRecord, SysFlag};
use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};
use store::{MessageStore, Placed, StoreConfig};
use tempfile::TempDir;
use witness::{
    Expect, Geometry, History, Store, Violation, body_of, check,
    reader::{IndexEntry, QueueEntry, Record},
};

pub const START_MS: i64 = 1_700_000_000_000;
pub const GROUP: &str = "Readers";
/// Messages of the clean store.
const COUNT: usize = 200;

/// A message to store.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: String,
    pub topic: &'static str,
    pub queue_id: i32,
    pub sys_flag: i32,
    pub body: Vec<u8>,
    pub properties: String,
}

/// A message with a tag, a unique key and two keys.
pub fn message(id: &str, topic: &'static str, queue_id: i32) -> Message {
    let number = id.parse().unwrap_or(0usize);
    let body = body_of(id, &vec![b'a' + (number % 26) as u8; number * 37 % 150]);
    let properties = format!("KEYS\u{1}k{id} all\u{2}TAGS\u{1}Tag{}\u{2}UNIQ_KEY\u{1}U{id}", number % 3);
    Message { id: id.to_owned(), topic, queue_id, sys_flag: 0, body, properties }
}

/// A store's directory, what is known of it, and what is expected.
pub struct Stage {
    pub dir: TempDir,
    pub history: History,
    pub expect: Expect,
}

impl Stage {
    /// A copy of the clean store: several files of everything, all acknowledged as durable, all offsets saved.
    pub fn new() -> Self {
        static CLEAN: OnceLock<Stage> = OnceLock::new();
        let clean = CLEAN.get_or_init(Self::build);
        let dir = tempfile::tempdir().unwrap();
        copy(clean.dir.path(), dir.path());
        Self { dir, history: clean.history.clone(), expect: Expect::all() }
    }

    /// As it is before anything was stored.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), history: History::new(), expect: Expect::all() }
    }

    fn build() -> Self {
        let stage = Self::empty();
        let mut orders = 0;
        stage.open(|store, clock| {
            for number in 0..COUNT {
                clock.advance_ms(130);
                let (topic, queue_id) = [("Orders", 0), ("Orders", 1), ("Orders", 0), ("Payments", 0)][number % 4];
                let placed = stage.send(store, &message(&number.to_string(), topic, queue_id));
                if (topic, queue_id) == ("Orders", 0) && number < COUNT / 2 {
                    stage.history.delivered(GROUP, topic, queue_id, placed.queue_offset, &number.to_string());
                    orders = placed.queue_offset + 1;
                    stage.history.committed(GROUP, topic, queue_id, orders);
                }
            }
            stage.history.synced(store.max_physical());
        });
        stage.write_offset(orders);
        stage.history.offsets_saved();
        stage
    }

    /// Sends a message, notes it, and returns where it was stored.
    pub fn send(&self, store: &MessageStore, message: &Message) -> Placed {
        self.history.attempt(&message.id, message.topic, &message.body);
        let placed = put(store, message);
        self.history.acked(&message.id, message.queue_id, placed.queue_offset, placed.physical_offset, true);
        placed
    }

    /// Runs the store of `rmq` on the directory, recovering it if `abort` is there, and stops it cleanly.
    pub fn open(&self, act: impl FnOnce(&MessageStore, &Clock)) {
        let clock = Clock::manual(START_MS + self.history.events().len() as i64 * 1000);
        let store: Arc<MessageStore> = MessageStore::open(StoreConfig::small(self.dir.path()), clock.clone()).unwrap();
        act(&store, &clock);
        store.close().unwrap();
    }

    pub fn read(&self) -> Store {
        Store::read(self.dir.path(), Geometry::SMALL)
    }

    pub fn check(&self) -> Vec<Violation> {
        check(&self.history, &self.read(), self.expect.clone())
    }

    /// The stored record of a message.
    pub fn record(&self, id: &str) -> Record {
        self.read().log.records.into_iter().find(|record| record.id().as_deref() == Some(id)).unwrap()
    }

    /// The record of the newest message.
    pub fn last(&self) -> Record {
        self.read().log.records.pop().unwrap()
    }

    /// Overwrites bytes of the log.
    pub fn write_log(&self, at: i64, bytes: &[u8]) {
        let log = self.read().log;
        let file = log.files.iter().rfind(|file| file.start <= at).unwrap();
        write(&file.path, (at - file.start) as u64, bytes);
    }

    /// What a power loss leaves that kept only the first `end` bytes of the log, after `rmq` has recovered from it.
    pub fn lose_log_behind(&self, end: i64) {
        let log = self.read().log;
        let file = log.files.iter().rfind(|file| file.start <= end).unwrap();
        self.write_log(end, &vec![0; (file.start + file.len as i64 - end) as usize]);
        log.files.iter().filter(|file| file.start > end).for_each(|file| fs::remove_file(&file.path).unwrap());
        fs::write(self.dir.path().join("abort"), "").unwrap();
        self.open(|_, _| {});
    }

    /// Overwrites a queue entry; `None` with zeros.
    pub fn write_entry(&self, topic: &str, queue_id: i32, at: i64, entry: Option<QueueEntry>) {
        let mut bytes = [0; 20];
        if let Some(entry) = entry {
            bytes[..8].copy_from_slice(&entry.physical_offset.to_be_bytes());
            bytes[8..12].copy_from_slice(&entry.size.to_be_bytes());
            bytes[12..].copy_from_slice(&entry.tag_hash.to_be_bytes());
        }
        let per_file = StoreConfig::small("").mapped_file_size_consume_queue as i64 / 20;
        let file =
            self.dir.path().join(format!("consumequeue/{topic}/{queue_id}/{:020}", at / per_file * per_file * 20));
        write(&file, (at % per_file) as u64 * 20, &bytes);
    }

    pub fn entry(&self, topic: &str, queue_id: i32, at: i64) -> QueueEntry {
        self.read().queue(topic, queue_id).unwrap().entries[&at]
    }

    /// The newest index file, and its newest entry.
    pub fn newest_key(&self) -> (PathBuf, IndexEntry) {
        let index = self.read().index;
        let file = index.files.last().unwrap();
        (self.dir.path().join("index").join(&file.name), *file.entries.last().unwrap())
    }

    /// Writes Apache's `consumerOffset.json` with the group's offset in `Orders`/0.
    pub fn write_offset(&self, offset: i64) {
        let config = self.dir.path().join("config");
        fs::create_dir_all(&config).unwrap();
        let text = format!("{{\n\t\"offsetTable\":{{\n\t\t\"Orders@{GROUP}\":{{0:{offset}\n\t\t}}\n\t}}\n}}");
        fs::write(config.join("consumerOffset.json"), text).unwrap();
    }
}

/// Stores a message that nobody notes.
pub fn put(store: &MessageStore, message: &Message) -> Placed {
    let (mut batch, mut placed) = (store.batch(), Vec::new());
    let record = NewRecord {
        topic: message.topic,
        queue_id: message.queue_id,
        flag: 0,
        sys_flag: SysFlag(message.sys_flag),
        born_ms: START_MS,
        born_host: "127.0.0.1:4000".parse().unwrap(),
        store_host: "[::1]:10911".parse().unwrap(),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: &message.body,
        properties: &message.properties,
    };
    batch.push(&record).unwrap();
    store.append(&mut batch, &mut placed).unwrap();
    placed[0]
}

/// Overwrites bytes of a file that is there.
pub fn write(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

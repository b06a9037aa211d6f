//! A store with a bit of everything, made once a test, and ways to damage it.

use crate::support::*;
use base::Clock;
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};
use store::{Finding, Offline, Placed, Severity, StoreConfig, Verdict, VerifyRules};
use tempfile::TempDir;

pub const FILE: u64 = 16 << 10;
pub const QUEUE_FILE: u64 = 40 * 20;
pub const DELAYED: &str = "SCHEDULE_TOPIC_XXXX";

/// A closed store, and where its messages are.
pub struct World {
    pub dir: TempDir,
    /// Topic, queue and place of each message, in the order of the log.
    pub placed: Vec<(&'static str, i32, Placed)>,
    /// The bytes of their records.
    records: Vec<Vec<u8>>,
}

impl World {
    /// 300 messages in three queues of two topics, with tags, keys, ids and delays, over seven log files; closed.
    pub fn new() -> Self {
        let world = Self::crashed();
        let store = open(world.path());
        store.close().unwrap();
        drop(store);
        world
    }

    /// The same, left as a crash of the process leaves it.
    pub fn crashed() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(START_MS);
        let store = open_with(dir.path(), &clock).unwrap();
        let (mut placed, mut records) = (Vec::new(), Vec::new());
        for n in 0..300usize {
            let body = format!("{n} {}", "x".repeat(n));
            let properties = match n % 4 {
                3 => format!("KEYS\u{1}k{n}\u{2}DELAY\u{1}{}\u{2}", 1 + n % 3),
                _ => format!("KEYS\u{1}k{n} all\u{2}UNIQ_KEY\u{1}u{n}\u{2}TAGS\u{1}tag{}\u{2}", n % 3),
            };
            let (topic, queue_id) = match n % 4 {
                0 | 1 => ("T", 0),
                2 => ("T", 1),
                _ => (DELAYED, 2),
            };
            let message = Message { queue_id, properties: &properties, ..message(topic, body.as_bytes()) };
            let at = put(&store, message);
            placed.push((topic, queue_id, at));
            records.push(store.record_at(at.physical_offset).unwrap().to_vec());
            clock.advance_ms(70);
        }
        drop(store);
        let world = Self { dir, placed, records };
        world.write("config/topics.json", br#"{"topicConfigTable":{"T":{},"SCHEDULE_TOPIC_XXXX":{}}}"#);
        world.write("config/consumerOffset.json", br#"{"offsetTable":{"T@G":{0:100,1:75}}}"#);
        world.write("config/delayOffset.json", br#"{"offsetTable":{3:10}}"#);
        world
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The end of the log.
    pub fn end(&self) -> u64 {
        self.placed[299].2.end()
    }

    /// Where the message is in the log.
    pub fn at(&self, message: usize) -> u64 {
        self.placed[message].2.physical_offset as u64
    }

    /// Whether nothing has changed the message's record.
    pub fn is_whole(&self, message: usize) -> bool {
        let (at, record) = (self.at(message), &self.records[message]);
        let from = (at % FILE) as usize;
        fs::read(self.log_path(at)).is_ok_and(|file| file.get(from..from + record.len()) == Some(record))
    }

    /// Another directory with the same content.
    pub fn copy(&self) -> Self {
        let copy =
            Self { dir: tempfile::tempdir().unwrap(), placed: self.placed.clone(), records: self.records.clone() };
        for (path, content) in self.contents() {
            copy.write(path.strip_prefix(self.path()).unwrap().to_str().unwrap(), &content);
        }
        copy
    }

    /// Changes bytes of the log.
    pub fn log(&self, at: u64, bytes: &[u8]) {
        edit(&self.log_path(at), at % FILE, bytes);
    }

    pub fn log_path(&self, at: u64) -> PathBuf {
        self.path().join(format!("commitlog/{:020}", at - at % FILE))
    }

    /// Flips bits of a byte of the log.
    pub fn flip(&self, at: u64, bits: u8) {
        let byte = fs::read(self.log_path(at)).unwrap()[(at % FILE) as usize];
        self.log(at, &[byte ^ bits]);
    }

    /// Changes bytes of a queue, `at` bytes behind its start.
    pub fn queue(&self, topic: &str, id: i32, at: u64, bytes: &[u8]) {
        let path = self.path().join(format!("consumequeue/{topic}/{id}/{:020}", at - at % QUEUE_FILE));
        edit(&path, at % QUEUE_FILE, bytes);
    }

    /// The index files, oldest first.
    pub fn index(&self) -> Vec<PathBuf> {
        files(&self.path().join("index")).into_iter().map(|name| self.path().join("index").join(name)).collect()
    }

    /// Changes bytes of entry `number` of an index file, from byte `at` of it on.
    pub fn index_entry(&self, file: usize, number: u64, at: u64, bytes: &[u8]) {
        edit(&self.index()[file], 40 + 16 * 4 + number * 20 + at, bytes);
    }

    pub fn offline(&self) -> Offline {
        Offline::open(StoreConfig::small(self.path())).unwrap()
    }

    pub fn verify(&self) -> Verdict {
        self.verify_with(VerifyRules::default())
    }

    pub fn verify_with(&self, rules: VerifyRules) -> Verdict {
        self.offline().verify(rules, |_| ()).unwrap()
    }

    /// Every file with its content.
    pub fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut contents = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => contents.push((path.clone(), fs::read(&path).unwrap())),
                }
            }
        }
        contents.sort();
        contents
    }
}

pub fn edit(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

pub fn set_len(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

/// The findings that say all of `words`, in their file's name or in what is wrong.
pub fn that_say<'a>(verdict: &'a Verdict, severity: Severity, words: &[&str]) -> Vec<&'a Finding> {
    let says = |finding: &&Finding| {
        let text = format!("{} {}", finding.path.display(), finding.what);
        finding.severity == severity && words.iter().all(|word| text.contains(word))
    };
    verdict.findings.iter().filter(says).collect()
}

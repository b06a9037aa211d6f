//! Reads a store's directory into plain structs, by the public layout of Apache RocketMQ 4.9.8.
//!
//! ```text
//! commitlog/START                  records, see `record.rs`         consumequeue/TOPIC/ID/START   see `queue.rs`
//! index/yyyyMMddHHmmssSSS          see `index.rs`                   config/*.json                 see `config.rs`
//! checkpoint                       three times                      abort                         there: no clean stop
//! ```
//! Sizes of files are taken from the files themselves; only the index tells nothing of its own ([`Geometry`]). Reads
//! anything, however damaged: what is wrong is part of the answer ([`Store::troubles`]), never an error or a panic.
//! Changes nothing, and knows nothing of what should be there: that is [`crate::history`].

mod config;
mod files;
mod index;
mod log;
mod queue;
mod record;

pub use config::{ConsumerOffset, TopicConfig};
pub use index::{Geometry, Index, IndexEntry, IndexFile, IndexHeader, index_hash};
pub use log::{Behind, Log, LogFile};
pub use queue::{Queue, QueueEntry};
pub use record::{Record, SCHEDULE_TOPIC, tag_hash};

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// A topic and one of its queues.
pub type QueueName = (String, i32);

/// All that a store's directory holds.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// The commit log.
    pub log: Log,
    /// Every folder of a queue, also of an empty one.
    pub queues: BTreeMap<QueueName, Queue>,
    /// The index by key.
    pub index: Index,
    /// `checkpoint`, if it is there and long enough.
    pub checkpoint: Option<Checkpoint>,
    /// `abort` is there: the store is open, or was not closed.
    pub abort: bool,
    /// `config/consumerOffset.json`.
    pub offsets: Vec<ConsumerOffset>,
    /// `config/delayOffset.json`: delay level → next index in its queue.
    pub delay_offsets: BTreeMap<i32, i64>,
    /// `config/topics.json`.
    pub topics: BTreeMap<String, TopicConfig>,
    /// What could not be read, or is not as the layout has it.
    pub troubles: Vec<Trouble>,
}

/// The times in `checkpoint`: up to which store time the files are on the disk, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub log_ms: i64,
    /// The consume queues.
    pub queues_ms: i64,
    /// The index.
    pub index_ms: i64,
}

/// Something that is not as the layout has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

impl Store {
    /// Reads the store in `root`. What is not there is read as empty.
    pub fn read(root: &Path, geometry: Geometry) -> Self {
        let mut troubles = Vec::new();
        let log = log::read(&root.join("commitlog"), &mut troubles);
        let queues = queue::read_all(&root.join("consumequeue"), &mut troubles);
        let index = index::read(&root.join("index"), geometry, &mut troubles);
        let config = root.join("config");
        Self {
            log,
            queues,
            index,
            checkpoint: read_checkpoint(&root.join("checkpoint"), &mut troubles),
            abort: root.join("abort").exists(),
            offsets: config::consumer_offsets(&config.join("consumerOffset.json"), &mut troubles),
            delay_offsets: config::delay_offsets(&config.join("delayOffset.json"), &mut troubles),
            topics: config::topics(&config.join("topics.json"), &mut troubles),
            troubles,
        }
    }

    /// A queue by name.
    pub fn queue(&self, topic: &str, id: i32) -> Option<&Queue> {
        self.queues.get(&(topic.to_owned(), id))
    }
}

/// `checkpoint`: three times of 8 bytes, big endian, at the start of the file.
fn read_checkpoint(path: &Path, troubles: &mut Vec<Trouble>) -> Option<Checkpoint> {
    let bytes = files::read_if_there(path, troubles)?;
    let time = |at: usize| bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map(i64::from_be_bytes);
    let times = (time(0), time(8), time(16));
    let (Some(log_ms), Some(queues_ms), Some(index_ms)) = times else {
        troubles.push(Trouble { path: path.to_owned(), what: format!("{} bytes instead of at least 24", bytes.len()) });
        return None;
    };
    Some(Checkpoint { log_ms, queues_ms, index_ms })
}

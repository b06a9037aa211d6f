//! A store directory looked at from outside, ours or Apache RocketMQ's: listed, verified, dumped, repaired.
//!
//! Everything here but [`Offline::repair`] only reads: it makes no file, writes none and takes no lock, so that it may be
//! pointed at the store of a running broker. What is in memory of such a broker is not seen. Memory stays bounded however
//! large the store is: the log is read once, from front to back, next to its queues and its index.

mod damage;
mod dump;
mod finding;
mod index;
mod index_check;
mod listing;
mod log;
mod queue;
mod queue_check;
mod rebuild;
mod repair;
mod sequence;
mod tables;
mod verify;
mod walk;

pub use dump::{Dumped, Selection};
pub use finding::{Finding, Severity, Verdict};
pub use listing::{CheckpointTimes, FileRow, Listing, QueueRow, TableRow};
pub use repair::{RepairStep, Repaired};
pub use verify::VerifyRules;
pub use walk::Damage;

use crate::{StoreConfig, StoreError, deleted::Deleted, queue_files::QueueSpace, store_lock};
use base::Disk;
use std::path::Path;

/// The largest file of a log or a queue, in bytes.
const MAX_SIZE: u64 = i32::MAX as u64;

/// The disk as it is: the offline tools know no other.
fn disk() -> Disk {
    Disk::default()
}

/// How a store directory was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// By a clean stop: no file `abort`.
    Clean,
    /// By a crash: `abort` is there, and nobody holds the lock. The next start recovers it.
    Crashed {
        /// The process that crashed, if `abort` tells.
        pid: Option<u32>,
    },
    /// A process has it open.
    InUse {
        /// Which, if that can be told.
        pid: Option<u32>,
    },
}

impl State {
    /// One word: `clean`, `crashed` or `in-use`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Crashed { .. } => "crashed",
            Self::InUse { .. } => "in-use",
        }
    }
}

/// A store directory, looked at.
#[derive(Debug)]
pub struct Offline {
    /// Where it is, with the sizes of log and queue files as they were found.
    pub(crate) config: StoreConfig,
    delay_levels_ms: Vec<i64>,
    state: State,
    deleted: Deleted,
}

impl Offline {
    /// Looks at the directory that `config` names. Of its other values, the geometry of the index, the delay levels and
    /// whether messages are indexed count; the sizes of log and queue files are taken from the files.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if there is no store; what the system says; a value of `config` that makes no sense.
    pub fn open(config: StoreConfig) -> Result<Self, StoreError> {
        let there = config.commit_log_path().is_dir()
            || config.queue_path().is_dir()
            || config.root_dir.join("config").is_dir();
        if !there {
            let what = match config.root_dir.is_dir() {
                true => "this is no store: it has none of commitlog, consumequeue and config",
                false => "there is no such directory",
            };
            return Err(StoreError::NoStore { dir: config.root_dir, what });
        }
        let state = state(&config.root_dir)?;
        Self::found(config, state)
    }

    /// A store whose state is known.
    fn found(mut config: StoreConfig, state: State) -> Result<Self, StoreError> {
        // Sizes that no broker takes are those of damaged files.
        if let Some(size) = log::file_size(&config.commit_log_path())?.filter(|size| (256..=MAX_SIZE).contains(size)) {
            config.mapped_file_size_commit_log = size;
        }
        let queue_size = queue::file_size(&config.queue_path())?;
        if let Some(size) = queue_size.filter(|size| size.is_multiple_of(20) && *size <= MAX_SIZE) {
            config.mapped_file_size_consume_queue = size;
        }
        config.check()?;
        let deleted = Deleted::look(&disk(), &config.root_dir);
        Ok(Self { delay_levels_ms: config.delay_levels_ms()?, config, state, deleted })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.config.root_dir
    }

    /// How it was left, as it was when it was opened here.
    pub fn state(&self) -> State {
        self.state
    }

    fn log(&self) -> Result<log::Log, StoreError> {
        log::Log::find(&self.config)
    }

    fn queue_space(&self) -> QueueSpace {
        QueueSpace::new(disk(), self.config.queue_path(), self.config.mapped_file_size_consume_queue)
    }
}

fn state(root_dir: &Path) -> Result<State, StoreError> {
    if let Some(pid) = store_lock::locked_by(&disk(), root_dir.join("lock"))? {
        return Ok(State::InUse { pid: pid.or(pid_in_abort(root_dir)?) });
    }
    match disk().read_small(&StoreConfig::abort_path(root_dir))? {
        Some(_) => Ok(State::Crashed { pid: pid_in_abort(root_dir)? }),
        None => Ok(State::Clean),
    }
}

fn pid_in_abort(root_dir: &Path) -> Result<Option<u32>, StoreError> {
    let text = disk().read_small(&StoreConfig::abort_path(root_dir))?;
    Ok(text.and_then(|text| std::str::from_utf8(&text).ok()?.trim().parse().ok()))
}

/// The size that most files have; of sizes that are equally frequent the largest. Empty files do not count.
fn usual_size(sizes: impl Iterator<Item = u64>) -> Option<u64> {
    let mut counts = std::collections::BTreeMap::new();
    sizes.filter(|size| *size > 0).for_each(|size| *counts.entry(size).or_insert(0u64) += 1);
    counts.into_iter().max_by_key(|(size, count)| (*count, *size)).map(|(size, _)| size)
}

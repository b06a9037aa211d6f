//! What can go wrong in the store, told to the person who runs the broker.
//!
//! "Not there" is no error: reads answer `None` or a status.

use base::disk::DiskError;
use protocol::record::RecordError;
use std::path::PathBuf;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another store, ours or Apache's, has the directory open.
    #[error(
        "store directory {} is in use by {}: stop that one, or set another storePathRootDir",
        dir.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process that holds it, if it left its number.
        pid: Option<u32>,
    },
    /// There is no store in the directory.
    #[error("{}: {what}", dir.display())]
    NoStore {
        /// The directory.
        dir: PathBuf,
        /// What is there instead.
        what: &'static str,
    },
    /// The operating system refused a call.
    #[error(transparent)]
    Io(#[from] DiskError),
    /// Files that do not fit together or the configuration.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it and what to do.
        what: String,
    },
    /// What was copied from another log does not go on where this one ends.
    #[error("what came for byte {at} of the log cannot be appended: {what}")]
    NotTheNext {
        /// Where it was to go.
        at: u64,
        /// What is wrong.
        what: String,
    },
    /// The store takes no messages at present.
    #[error("the store refuses writes: {why}")]
    Refusing {
        /// The reason, with the file and the system's error.
        why: String,
    },
    /// A sync of consume queues or index had failed.
    #[error("consume queues or index may be on the disk in part: the next start completes them from the log")]
    QueuesUnsynced,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The record cannot be written in the log's format.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The record is larger than a file of the log.
    #[error("a record of {size} bytes does not fit in a commit log file, which takes {max}")]
    TooLarge {
        /// Bytes of the record.
        size: usize,
        /// The most that fits.
        max: usize,
    },
    /// The topic cannot name a folder, or the queue id is negative.
    #[error("{what} {value:?} cannot name a consume queue")]
    Name {
        /// "topic" or "queue id".
        what: &'static str,
        /// What was given.
        value: String,
    },
    /// A configured value makes no sense.
    #[error("{key} = {value:?}: expected {expected}")]
    Config {
        /// The key as operators write it.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        expected: &'static str,
    },
}

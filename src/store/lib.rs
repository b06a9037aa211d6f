//! Messages ↔ disk: the commit log, the consume queues that lead into it, and the index by key.
//!
//! The files are, byte for byte, those of Apache RocketMQ 4.9.8: either can open the other's directory after a clean stop.
//! Knows no socket, no consumer and no configuration file. The door is [`MessageStore`].

mod append;
mod catch_up;
mod checkpoint;
mod commit_log;
mod config;
mod consume_queue;
mod cut;
mod damage;
mod deleted;
mod disk_space;
mod error;
mod fanout;
mod find;
mod flush;
mod flush_state;
mod health;
mod index;
mod index_file;
mod leap;
mod mapped_file;
mod offline;
mod parts;
mod pull;
mod queue_files;
mod queue_load;
mod queue_table;
mod queue_time;
mod recovery;
mod resync;
mod retention;
mod scan;
mod stats;
mod store;
mod store_lock;
mod view;

pub use append::{AppendBatch, Placed};
pub use config::{FlushDiskType, StoreConfig};
pub use consume_queue::ConsumeQueue;
pub use disk_space::{DiskUse, FullDisk};
pub use error::StoreError;
pub use fanout::{SCHEDULE_TOPIC, tag_hash};
pub use find::Found;
pub use flush_state::{FlushState, LastFlush, SavedCheckpoint};
pub use offline::{
    CheckpointTimes, Damage, Dumped, FileRow, Finding, Listing, Offline, QueueRow, RepairStep, Repaired, Selection,
    Severity, State, TableRow, Verdict, VerifyRules,
};
pub use pull::{PullSpec, PullStatus, Pulled};
pub use queue_files::QueueEntry;
pub use retention::{Reason, Removed, RetentionRules};
pub use stats::StoreStats;
pub use store::MessageStore;
pub use view::properties;

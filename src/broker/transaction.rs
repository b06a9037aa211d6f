//! Transactions: messages that nobody sees until their producer says so.
//!
//! A half message is parked in a topic of the broker's own (`half`). Its producer ends the transaction (`end`), or is
//! asked how it ended (`check`). Each end is noted in a second topic, so that the messages that wait (`pending`) are
//! known again after a restart (`reopen`). Topics, properties and notes are those of Apache RocketMQ 4.9.8
//! (`TransactionalMessageBridge`), which can go on with the store; what it does not do is noted where it is done.

mod check;
mod end;
mod half;
mod pending;
mod reopen;

pub use check::run as run_checks;
pub use end::end;
pub use half::park;

use crate::offsets::Offsets;
use base::Watermark;
use parking_lot::{Mutex, MutexGuard};
use pending::Pending;
use protocol::{
    properties,
    record::{self, Entry, Record},
};
use std::{net::SocketAddr, sync::atomic::AtomicUsize, time::Duration};
use store::MessageStore;

/// The group whose offsets say how far half messages and notes are done with.
pub const GROUP: &str = "CID_RMQ_SYS_TRANS";

/// Who only wants to know how many transactions there are does not wait longer for one that is being ended.
const PATIENCE: Duration = Duration::from_millis(10);

/// The transactions that have not ended.
pub struct Transactions {
    /// Held while one of them ends: what two ask for at once is done once.
    pending: Mutex<Pending>,
    /// Whose turn it is to be asked.
    turn: AtomicUsize,
    rounds: Watermark,
}

impl Transactions {
    /// Finds out from the store which transactions have not ended; `offsets` say from where on. `host` is who stores
    /// records here, `now_ms` is now.
    pub fn open(store: &MessageStore, offsets: &Offsets, host: SocketAddr, now_ms: i64) -> Self {
        let pending = Mutex::new(reopen::reopen(store, offsets, host, now_ms));
        Self { pending, turn: AtomicUsize::new(0), rounds: Watermark::new(0) }
    }

    /// None: those in a slave's store are its master's.
    pub fn none(host: SocketAddr) -> Self {
        Self { pending: Mutex::new(Pending::from(0, host)), turn: AtomicUsize::new(0), rounds: Watermark::new(0) }
    }

    /// How often it was seen to it that producers are asked, since the start.
    pub fn rounds(&self) -> &Watermark {
        &self.rounds
    }

    /// How many half messages wait for the end of their transaction; `None` while the end of one takes long.
    pub fn waiting(&self, store: &MessageStore) -> Option<usize> {
        let mut pending = self.pending.try_lock_for(PATIENCE)?;
        pending.see(store);
        Some(pending.count())
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock()
    }
}

/// Where a half message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    /// Its index in the queue of half messages.
    index: i64,
    /// Its byte position in the log.
    physical: i64,
}

/// The record at a position of the log; `None` if there is no whole one.
fn read(store: &MessageStore, physical: i64) -> Option<Record> {
    // The store has checked what is to be checked.
    match record::decode(&store.record_at(physical)?, false) {
        Ok(Entry::Message(record)) => Some(record),
        _ => None,
    }
}

/// Whether a record that cannot be read may only not be on the disk yet.
fn is_unsynced(store: &MessageStore, at: At) -> bool {
    at.physical as u64 >= store.flushed().get()
}

/// Whether two records are of one message.
fn is_same_message(one: &Record, other: &Record) -> bool {
    let id = |record| properties::get(record, properties::UNIQUE_KEY);
    (one.born_ms, one.body_crc, id(&one.properties)) == (other.born_ms, other.body_crc, id(&other.properties))
}

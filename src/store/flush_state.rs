//! How far the log is on the disk, since when the rest waits, and what a crash could rely on.

use crate::{MessageStore, checkpoint, parts::Parts};
use std::sync::atomic::Ordering;

/// A sync of the log that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastFlush {
    /// When it was done, ms.
    pub at_ms: i64,
    /// How long it took, µs.
    pub took_us: u64,
}

/// How far the log is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushState {
    /// End of the log.
    pub written: u64,
    /// Up to where it is on the disk.
    pub flushed: u64,
    /// Up to where queues and index lead: entries are made with the append.
    pub dispatched: u64,
    /// When the first byte was written that is not on the disk, ms; `None` if all are. On a slave, where records keep the
    /// time that their master gave them, at most one flush earlier than that.
    pub unflushed_since_ms: Option<i64>,
    /// The last sync that had something to bring to the disk; `None` if there was none since the start.
    pub last_flush: Option<LastFlush>,
    /// The checkpoint as it is on the disk.
    pub checkpoint: SavedCheckpoint,
}

/// What the checkpoint file says. A time or offset that it does not know is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SavedCheckpoint {
    /// Store time up to which the log is on the disk, ms.
    pub log_ms: Option<i64>,
    /// … up to which the queues are, ms.
    pub queues_ms: Option<i64>,
    /// … up to which the index is, ms.
    pub index_ms: Option<i64>,
    /// Log offset below which records, queue entries and keys are all on the disk: a start after a crash reads on from here.
    pub settled: Option<u64>,
    /// Log offset below which the log is on the disk.
    pub synced: Option<u64>,
}

impl From<checkpoint::Saved> for SavedCheckpoint {
    fn from((times, marks): checkpoint::Saved) -> Self {
        let known = |ms: i64| Some(ms).filter(|ms| *ms > 0);
        Self {
            log_ms: known(times.log_ms),
            queues_ms: known(times.queues_ms),
            index_ms: known(times.index_ms),
            settled: marks.map(|marks| marks.settled),
            synced: marks.map(|marks| marks.synced),
        }
    }
}

impl MessageStore {
    /// How far the log is on the disk as of now.
    pub fn flush_state(&self) -> FlushState {
        let parts = self.parts();
        // In this order: what is flushed is never told to be more than what is written.
        let flushed = parts.log.flushed.get();
        let written = parts.log.written.get();
        FlushState {
            written,
            flushed,
            dispatched: written,
            unflushed_since_ms: (flushed < written).then(|| unflushed_since_ms(parts, flushed)),
            last_flush: *parts.last_flush.lock(),
            checkpoint: parts.checkpoint.saved().into(),
        }
    }

    /// For how long the present append has been at work, ms; 0 if there is none.
    pub fn append_at_work_ms(&self) -> i64 {
        let parts = self.parts();
        match parts.appending_since_ms.load(Ordering::Relaxed) {
            0 => 0,
            since => (parts.clock.now_ms() - since).max(0),
        }
    }
}

/// The record there says when it was stored. It was not there when the last flush began, which is all that is known of a
/// record that came from another store.
fn unflushed_since_ms(parts: &Parts, flushed: u64) -> i64 {
    let begun = parts.flush_begun_ms.load(Ordering::Acquire);
    let next_file = (flushed / parts.log.file_size + 1) * parts.log.file_size;
    let stored = parts.log.store_ms_at(flushed).or_else(|| parts.log.store_ms_at(next_file));
    stored.map_or(begun, |stored| stored.max(begun))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreConfig;
    use base::Clock;
    use protocol::record::{NewRecord, SysFlag};

    fn put(store: &MessageStore, body: &[u8]) {
        let host = "127.0.0.1:1".parse().unwrap();
        let record = NewRecord {
            topic: "T",
            queue_id: 0,
            flag: 0,
            sys_flag: SysFlag::default(),
            born_ms: 0,
            born_host: host,
            store_host: host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body,
            properties: "",
        };
        let (mut batch, mut placed) = (store.batch(), Vec::new());
        batch.push(&record).unwrap();
        store.append(&mut batch, &mut placed).unwrap();
    }

    #[test]
    fn what_is_not_on_the_disk_is_as_old_as_its_first_record() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(1_000_000);
        // Nothing is flushed unless this test does.
        let config = StoreConfig {
            flush_interval_commit_log_ms: 3_600_000,
            flush_interval_consume_queue_ms: 3_600_000,
            ..StoreConfig::small(dir.path())
        };
        let store = MessageStore::open(config, clock.clone()).unwrap();
        let state = store.flush_state();
        assert_eq!((state.unflushed_since_ms, state.last_flush), (None, None));
        clock.advance_ms(500);
        put(&store, b"first");
        clock.advance_ms(700);
        put(&store, b"second");
        let state = store.flush_state();
        assert_eq!((state.flushed, state.unflushed_since_ms), (0, Some(1_000_500)));
        assert!(state.written > 0 && state.dispatched == state.written);
        store.parts().flush_log().unwrap();
        let state = store.flush_state();
        assert_eq!((state.flushed, state.unflushed_since_ms), (state.written, None));
        assert_eq!(state.last_flush.map(|last| last.at_ms), Some(1_001_200));
        let (log_ms, synced) = (state.checkpoint.log_ms, state.checkpoint.synced);
        assert_eq!((log_ms, synced), (None, Some(0)), "what is only in memory is not told");
        store.flush_queues().unwrap();
        let saved = store.flush_state().checkpoint;
        assert_eq!((saved.log_ms, saved.queues_ms), (Some(1_001_200), Some(1_001_200)));
        assert_eq!((saved.settled, saved.synced), (Some(state.written), Some(state.written)));
        // The rest of the first file is a filler, and no record says when that came.
        clock.advance_ms(100);
        let room = store.log_file_size() as u64 - state.written;
        put(&store, &vec![0; room as usize - 100]);
        assert_eq!(store.flush_state().unflushed_since_ms, Some(1_001_300));
        assert_eq!(store.append_at_work_ms(), 0);
        store.close().unwrap();
        assert_eq!(store.flush_state().unflushed_since_ms, None);
    }
}

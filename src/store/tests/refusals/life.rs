//! The life of a store, from its first open to its second, with one fault in it.

use crate::{
    history::{History, Order},
    ride::{bounded, until},
};
use base::Clock;
use std::{
    fs::File,
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use store::{FlushDiskType, MessageStore, RetentionRules, StoreConfig, StoreError};
use witness::{Fault, Faults, Fired, Reason, loops, scratch};

/// The topic that is deleted.
const VICTIM: &str = "V";
/// Calls within which a store on a healed disk takes messages again: a few rounds of its flush threads.
const HEALED_WITHIN: u64 = 300;

/// What a run does besides sending and reading.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    flush: FlushDiskType,
    /// The first log file is deleted by its age.
    retention: bool,
    /// So many messages at once that a queue writes its entries while they are appended.
    burst: bool,
}

/// An open store on a disk that may fail, and what was sent to it.
struct Life<'a> {
    dir: &'a Path,
    kind: Kind,
    faults: &'a Arc<Faults>,
    history: History,
    /// The log was flushed up to here when its sync failed.
    frozen: Option<u64>,
    /// Calls refused before this store was opened.
    refused_before: usize,
    /// Refused syncs in the log's folder that no message depends on.
    other_syncs: usize,
}

impl Life<'_> {
    fn open(&mut self) -> Result<Arc<MessageStore>, StoreError> {
        self.frozen = None;
        self.other_syncs = 0;
        self.refused_before = self.faults.all_fired().len();
        let config = StoreConfig {
            flush_disk_type: self.kind.flush,
            flush_interval_commit_log_ms: 1,
            flush_commit_log_thorough_interval_ms: 1,
            flush_interval_consume_queue_ms: 1,
            flush_consume_queue_thorough_interval_ms: 1,
            disk: self.faults.disk(),
            max_hash_slot_num: if self.kind.burst { 1000 } else { 16 },
            max_index_num: if self.kind.burst { 2000 } else { 64 },
            ..StoreConfig::small(self.dir)
        };
        let opened = MessageStore::open(config, Clock::System);
        self.judge("open", opened)
    }

    /// A result is good, or a fault was met and the error says which.
    fn judge<T>(&mut self, what: &str, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result {
            let text = error.to_string();
            assert!(self.faults.fired().is_some(), "{what} failed on a disk that works: {text}");
            let why = text.contains("os error") || matches!(error, StoreError::QueuesUnsynced);
            assert!(why, "{what} failed without the system's reason: {text}");
            // A file that is removed again, or was deleted: no message depends on it.
            let of_file = text.contains("cannot sync") && text.contains("commitlog");
            self.other_syncs += usize::from(of_file && what != "close" && matches!(error, StoreError::Io(_)));
        }
        result
    }

    /// Whether the log may not be trusted any more; then the store says so, and acknowledges nothing later.
    fn log_failed(&mut self, store: &MessageStore) -> bool {
        let log = self.dir.join("commitlog");
        let log_sync = |it: &Fired| matches!(it.name, "sync" | "sync-folder") && it.path.starts_with(&log);
        let refused = self.faults.all_fired().into_iter().skip(self.refused_before).filter(log_sync).count();
        if self.frozen.is_none() && refused > self.other_syncs {
            until("the store says why it refuses", || store.refusing().is_some_and(|why| why.contains("restart")));
            self.frozen = Some(store.flushed().get());
            // What was to be synced is not acknowledged either.
            assert!(store.flushed().get() < store.written().get(), "acknowledged though its sync failed");
        }
        if let Some(at) = self.frozen {
            assert_eq!(store.flushed().get(), at, "acknowledged after a failed sync of the log");
            let why = store.refusing().unwrap();
            assert!(why.contains("os error") && why.contains("commitlog"), "{why}");
        }
        self.frozen.is_some()
    }

    fn send(&mut self, store: &MessageStore, orders: &[Order]) {
        let sent = self.history.send(store, orders);
        let sent = self.judge("append", sent);
        if self.log_failed(store) && sent.is_ok() {
            // It may have been on its way when the sync failed; the next one is refused.
            let next = self.history.send(store, &[("A", 0, 1)]);
            assert!(matches!(next, Err(StoreError::Refusing { .. })), "{next:?}");
        }
        self.wait_for_disk(store);
    }

    fn wait_for_disk(&mut self, store: &MessageStore) {
        if self.kind.flush == FlushDiskType::Sync {
            store.request_flush();
            let end = store.written().get();
            until("the log is flushed or refuses", || store.flushed().get() >= end || self.log_failed(store));
        }
    }

    /// Lets the flush threads go round.
    fn settle(&self) {
        let before = self.faults.calls();
        until("queues are flushed", || self.faults.calls() > before + 8 || self.faults.fired().is_some());
    }

    fn check(&self, store: &MessageStore) {
        if self.kind.burst {
            // Its thousands of reads would only repeat what the other lives show.
            return;
        }
        self.history.check_served(store, || self.faults.fired().is_none());
    }

    /// Everything up to the second open. `None` if that failed.
    fn live(&mut self) -> Option<Arc<MessageStore>> {
        let store = self.open().ok()?;
        self.send(&store, &[("A", 0, 30), ("B", 0, 200), (VICTIM, 0, 20), ("A", 1, 0), ("A", 0, 30)]);
        self.send(&store, &[("A", 0, 3000); 7]);
        self.send(&store, &[(VICTIM, 0, 50), ("B", 0, 3000), (VICTIM, 1, 50), ("B", 0, 3000)]);
        self.settle();
        self.check(&store);
        if self.kind.burst {
            self.send(&store, &[("A", 1, 3); 1100]);
        }
        for n in 0..6 {
            self.send(&store, &[("A", n % 3, 2000), ("A", n % 3, 40)]);
        }
        self.history.delete_topic(VICTIM);
        let deleted = store.delete_topic(VICTIM);
        _ = self.judge("delete topic", deleted);
        self.send(&store, &[(VICTIM, 0, 50)]);
        if self.kind.retention {
            self.delete_first(&store);
        }
        self.settle();
        self.check(&store);
        let closed = store.close();
        let closed = self.judge("close", closed);
        let flushed = store.flushed().get();
        assert!(closed.is_err() || flushed == store.written().get(), "closed with {flushed} bytes flushed");
        self.log_failed(&store);
        drop(store);
        self.history.opened_again = true;
        let store = self.open().ok()?;
        self.check(&store);
        self.send(&store, &[("A", 0, 100), ("C", 0, 100), (VICTIM, 0, 100)]);
        Some(store)
    }

    fn delete_first(&mut self, store: &MessageStore) {
        let first = self.dir.join("commitlog").join(format!("{:020}", 0));
        let old = UNIX_EPOCH + Duration::from_millis(Clock::System.now_ms() as u64 - 100 * 3_600_000);
        let Ok(first) = File::options().write(true).open(first) else { return };
        first.set_modified(old).unwrap();
        self.history.deleted_below = 16 << 10;
        let rules = RetentionRules {
            now_ms: Clock::System.now_ms(),
            file_reserved_hours: 72,
            hour_has_come: true,
            asked: false,
            max_used: 1.0,
            clean_forcibly: None,
            refuse_over: 1.0,
        };
        let deleted = store.delete_expired(&rules, &mut Vec::new());
        _ = self.judge("delete expired", deleted);
    }

    /// The disk works again: so does the store, without being opened anew, unless a sync of its log had failed.
    fn recover(&mut self, store: &MessageStore) {
        self.faults.heal();
        if self.log_failed(store) {
            let sent = self.history.send(store, &[("A", 0, 10)]);
            assert!(matches!(sent, Err(StoreError::Refusing { .. })), "{sent:?}");
            assert!(store.close().is_err(), "closed as if all were on the disk");
            assert!(self.log_failed(store));
            return;
        }
        let before = self.faults.calls();
        until("appends work again", || {
            let sent = self.history.send(store, &[("A", 0, 10), ("B", 0, 10)]);
            let calls = self.faults.calls() - before;
            assert!(sent.is_ok() || calls < HEALED_WITHIN, "{calls} calls since the disk works: {sent:?}");
            sent.is_ok()
        });
        self.wait_for_disk(store);
        self.history.check_served(store, || true);
    }
}

/// Runs a life with the fault in it; returns whether it was met.
fn run(kind: Kind, fault: &Fault, close: bool) -> bool {
    let dir = scratch::folder();
    let faults = Faults::planted(fault.clone());
    let mut life = Life {
        dir: dir.path(),
        kind,
        faults: &faults,
        history: History::default(),
        frozen: None,
        refused_before: 0,
        other_syncs: 0,
    };
    if let Some(store) = life.live() {
        life.recover(&store);
        if close && life.frozen.is_none() {
            let closed = store.close();
            assert!(matches!(closed, Ok(()) | Err(StoreError::QueuesUnsynced)), "{closed:?}");
        }
    }
    faults.heal();
    life.history.opened_again = true;
    for round in 0..3 {
        let store = life.open().unwrap();
        life.history.check_opened(&store);
        if round == 0 {
            life.history.send(&store, &[("A", 0, 10), ("B", 0, 10), ("A", 1, 10), (VICTIM, 1, 10)]).unwrap();
            life.wait_for_disk(&store);
            life.history.check_served(&store, || true);
        }
        if round == 1 {
            store.close().unwrap();
        }
    }
    drop(life);
    assert_closed(dir.path());
    faults.fired().is_some()
}

/// A store that is gone keeps no file open.
fn assert_closed(dir: &Path) {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let left: Vec<_> =
        open.filter_map(|one| std::fs::read_link(one.ok()?.path()).ok()).filter(|path| path.starts_with(dir)).collect();
    assert!(left.is_empty(), "left open: {left:?}");
}

/// Refuses call after call, every `stride`-th by default, for every reason, once and from then on.
fn each_call(kind: Kind, stride: u64) {
    let seed = loops::seed(kind.name);
    let (mut runs, mut last) = (0, 0);
    for (which, reason) in Reason::ALL.into_iter().enumerate() {
        for sticky in [false, true] {
            let (phase, stride) = loops::steps(seed ^ (which as u64 * 2 + u64::from(sticky)), stride);
            for k in (phase + 1..).step_by(stride as usize) {
                let draw = loops::mixed(seed, k * 16 + which as u64);
                let percent = [0, 1, 50, 99, 100][(draw % 5) as usize];
                let fault = Fault::at(k, reason).sticky(sticky).having_written(percent);
                let close = draw >> 32 & 1 == 0;
                let what = format!("{}, seed {seed}: {fault:?}, closed {close}", kind.name);
                runs += 1;
                last = last.max(k);
                if !bounded(&what, move || run(kind, &fault, close)) {
                    break;
                }
            }
        }
    }
    println!("{}: {runs} runs, up to call {last}", kind.name);
}

const PLAIN: Kind = Kind { name: "async", flush: FlushDiskType::Async, retention: false, burst: false };
const SYNC: Kind = Kind { name: "sync", flush: FlushDiskType::Sync, retention: true, burst: false };
const BURST: Kind = Kind { name: "burst", flush: FlushDiskType::Async, retention: true, burst: true };

#[test]
fn a_life_in_async_flush() {
    each_call(PLAIN, 24);
}

#[test]
fn a_life_in_sync_flush_with_retention() {
    each_call(SYNC, 24);
}

#[test]
fn a_life_with_a_burst() {
    each_call(BURST, 96);
}

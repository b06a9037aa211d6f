//! A store on a recorded disk, and what is done to it: drawn by a seed, one thing after the other, so that the same seed
//! makes the same recording. Its threads act only when they are told to.

use crate::history::{History, LOG_FILE, Message};
use base::Clock;
use parking_lot::Mutex;
use protocol::record::{NewRecord, SysFlag, place};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};
use store::{FlushDiskType, MessageStore, RetentionRules, StoreConfig, StoreError};
use witness::recorder::Recorder;

pub const START_MS: i64 = 1_700_000_000_000;
/// Topics, and how many queues each has. The last is deleted now and then.
pub const TOPICS: [(&str, i32); 4] = [("A", 4), ("B", 2), ("Busy", 1), ("Gone", 2)];
pub const GONE: &str = "Gone";
const HOUR_MS: u64 = 3_600_000;

/// Settings of every store here: tiny files, and no flush unless asked.
pub fn config(dir: &Path) -> StoreConfig {
    StoreConfig {
        flush_interval_commit_log_ms: HOUR_MS,
        flush_interval_consume_queue_ms: HOUR_MS,
        ..StoreConfig::small(dir)
    }
}

/// Waits for a future that another thread makes ready.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A message still to be appended.
pub struct Draft {
    pub topic: &'static str,
    pub queue_id: i32,
    pub body: Vec<u8>,
    pub key: Option<String>,
    pub properties: String,
}

impl Draft {
    pub fn new(rng: &mut StdRng, number: usize, longest: usize) -> Self {
        let (topic, queues) = TOPICS[rng.random_range(0..TOPICS.len())];
        let mut body = format!("message {number} ").into_bytes();
        let len = rng.random_range(0..longest);
        body.extend((0..len).map(|_| rng.random::<u8>()));
        let key = rng.random_bool(0.6).then(|| format!("k{number}"));
        let mut properties = key.as_ref().map(|key| format!("KEYS\u{1}{key} all\u{2}")).unwrap_or_default();
        if rng.random_bool(0.5) {
            properties.push_str("TAGS\u{1}t\u{2}");
        }
        Self { topic, queue_id: rng.random_range(0..queues), body, key, properties }
    }

    fn record(&self) -> NewRecord<'_> {
        NewRecord {
            topic: self.topic,
            queue_id: self.queue_id,
            flag: 0,
            sys_flag: SysFlag::default(),
            born_ms: START_MS,
            born_host: ([127, 0, 0, 1], 4000).into(),
            store_host: ([127, 0, 0, 1], 10911).into(),
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: &self.body,
            properties: &self.properties,
        }
    }
}

/// Appends and notes in the history what now must be there, in bytes of our own making.
pub fn append(store: &MessageStore, history: &Mutex<History>, drafts: Vec<Draft>) {
    let (mut batch, mut placed) = (store.batch(), Vec::new());
    for draft in &drafts {
        batch.push(&draft.record()).unwrap();
    }
    // Others append too, and the history is in the order of the log.
    let mut history = history.lock();
    store.append(&mut batch, &mut placed).unwrap();
    for (draft, at) in drafts.into_iter().zip(placed) {
        let mut record = Vec::new();
        draft.record().encode(&mut record).unwrap();
        place(&mut record, at.queue_offset, at.physical_offset, at.store_ms);
        let life = history.life(draft.topic);
        history.messages.push(Message {
            topic: draft.topic,
            queue_id: draft.queue_id,
            queue_offset: at.queue_offset,
            at: at.physical_offset as u64,
            record,
            key: draft.key,
            life,
        });
    }
}

/// What is flushed now stays. So does what a consumer sees, if the flush is synchronous.
fn look(recorder: &Recorder, store: &MessageStore, history: &Mutex<History>, sync: bool) {
    let flushed = store.flushed().get();
    history.lock().acknowledged.push((recorder.position(), flushed));
    for (topic, queues) in TOPICS.into_iter().filter(|(topic, _)| sync && *topic != GONE) {
        for id in 0..queues {
            let end = store.queue(topic, id).map_or(0, |queue| queue.max_offset());
            history.lock().seen.push((recorder.position(), (topic, id, end)));
        }
    }
}

/// Drives one store.
pub struct Driver {
    pub recorder: Arc<Recorder>,
    pub history: Arc<Mutex<History>>,
    dir: PathBuf,
    clock: Clock,
    rng: StdRng,
    sync: bool,
    store: Option<Arc<MessageStore>>,
    number: usize,
}

impl Driver {
    /// Opens a store in `dir` below `root`, of which everything is recorded. `history` is what was done to it before.
    pub fn open(root: &Path, dir: &Path, clock: Clock, history: History, seed: u64) -> Result<Self, StoreError> {
        let mut rng = StdRng::seed_from_u64(seed);
        let sync = rng.random_bool(0.7);
        let number = history.messages.len();
        let recorder = Recorder::over(root).unwrap();
        let history = Arc::new(Mutex::new(history));
        let mut driver = Self { recorder, history, dir: dir.to_owned(), clock, rng, sync, store: None, number };
        driver.reopen()?;
        Ok(driver)
    }

    pub fn store(&self) -> &Arc<MessageStore> {
        self.store.as_ref().unwrap()
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.store = None;
        let flush_disk_type = if self.sync { FlushDiskType::Sync } else { FlushDiskType::Async };
        let config = StoreConfig { disk: self.recorder.disk(), flush_disk_type, ..config(&self.dir) };
        self.store = Some(MessageStore::open(config, self.clock.clone())?);
        self.look();
        Ok(())
    }

    fn look(&self) {
        look(&self.recorder, self.store(), &self.history, self.sync);
    }

    fn drafts(&mut self) -> Vec<Draft> {
        let (most, longest) = match self.rng.random_range(0..20) {
            0 => (60, 800),
            1 => (3, 8000),
            2..8 => (12, 300),
            _ => (4, 200),
        };
        let count = self.rng.random_range(1..=most);
        self.number += count;
        (0..count).map(|n| Draft::new(&mut self.rng, self.number + n, longest)).collect()
    }

    fn append(&mut self) {
        let drafts = self.drafts();
        append(self.store(), &self.history, drafts);
    }

    /// As many producers wait for one flush; more send while the disk is busy with it.
    fn flush(&mut self) {
        let target = self.store().max_physical() as u64;
        let drafts = if self.rng.random_bool(0.5) { self.drafts() } else { Vec::new() };
        let (recorder, store, history, sync) =
            (self.recorder.clone(), self.store().clone(), self.history.clone(), self.sync);
        self.recorder.during_next_sync(move || {
            // Whoever is told now is told too early.
            look(&recorder, &store, &history, sync);
            if !drafts.is_empty() {
                append(&store, &history, drafts);
            }
        });
        self.store().request_flush();
        wait(self.store().flushed().reached(target));
        self.recorder.no_sync_came();
    }

    /// Producers that send and wait at the same time, each for its own message.
    fn produce(&mut self) {
        let drafts: Vec<_> = (0..3).map(|_| self.drafts()).collect();
        let (recorder, store, history) = (&self.recorder, self.store(), &self.history);
        std::thread::scope(|scope| {
            for drafts in drafts {
                scope.spawn(move || {
                    append(store, history, drafts);
                    let end = store.written().get();
                    store.request_flush();
                    wait(store.flushed().reached(end));
                    history.lock().acknowledged.push((recorder.position(), end));
                });
            }
        });
    }

    /// Does one of everything that is done to a store.
    pub fn step(&mut self) -> Result<(), StoreError> {
        self.clock.advance_ms(match self.rng.random_range(0..10) {
            0 => 60_000,
            1..3 => 5_000,
            _ => self.rng.random_range(0..500),
        });
        match self.rng.random_range(0..100) {
            0..50 => self.append(),
            50..75 => self.flush(),
            75..80 => self.produce(),
            80..88 => self.store().flush_queues()?,
            88..90 => self.delete_expired()?,
            90..93 => {
                self.history.lock().deletions.push((self.recorder.position(), GONE));
                self.store().delete_topic(GONE)?;
                self.history.lock().deleted.push((self.recorder.position(), GONE));
            }
            93..96 => {
                self.store().close()?;
                self.reopen()?;
            }
            _ => self.reopen()?,
        }
        self.look();
        Ok(())
    }

    fn delete_expired(&mut self) -> Result<(), StoreError> {
        // At most ten files, and never the last.
        let store = self.store().clone();
        let last = store.max_physical() as u64 / LOG_FILE * LOG_FILE;
        let most = last.min(store.min_physical() as u64 + 10 * LOG_FILE);
        self.history.lock().may_start_at.push((self.recorder.position(), most));
        let rules = RetentionRules {
            now_ms: i64::MAX / 2,
            file_reserved_hours: 1,
            hour_has_come: true,
            asked: false,
            max_used: 1.0,
            clean_forcibly: None,
            refuse_over: 1.0,
        };
        store.delete_expired(&rules, &mut Vec::new())
    }

    /// Ends without closing, or with; returns the history.
    pub fn end(mut self, close: bool) -> Result<(Arc<Recorder>, History), StoreError> {
        if close {
            self.store().close()?;
            self.look();
        }
        self.store = None;
        let history = self.history.lock().clone();
        Ok((self.recorder, history))
    }
}

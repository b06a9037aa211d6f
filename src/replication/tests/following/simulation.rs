//! A master and its slaves under everything that goes wrong: connections break at any byte, stores stop and crash, lose what
//! they had, or all of it. Whatever happens, a slave has the master's log byte for byte, and has it all once it is quiet.

mod checks;
mod hub;

use crate::stage::*;
use base::Clock;
use checks::{common, copy_folder, judge, records_end, same_queues};
use hub::{Parted, Running, Shared, flush};
use rand::{Rng, SeedableRng, rngs::StdRng};
use replication::{FollowError, Master, MasterRules, Slave, SlaveRules};
use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use store::{FlushDiskType, MessageStore, StoreConfig};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::sleep};

struct SlaveNode {
    dir: PathBuf,
    /// There but while it is opened again.
    store: Option<Arc<MessageStore>>,
    following: Option<JoinHandle<Parted>>,
    /// Its log's end, once the master has lost some of it: until it is cut, nothing is appended.
    ahead: Option<u64>,
    flushes: bool,
}

impl SlaveNode {
    fn store(&self) -> &Arc<MessageStore> {
        self.store.as_ref().unwrap()
    }

    fn end(&self) -> u64 {
        self.store().written().get()
    }
}

struct World {
    rng: StdRng,
    root: TempDir,
    hub: Shared,
    apache: bool,
    frame_bytes: usize,
    /// All that the master's log has, from byte 0.
    history: Vec<u8>,
    /// An older copy of the master's store, and the end of its log.
    copy: Option<u64>,
    slaves: Vec<SlaveNode>,
    /// A slave that was wiped may have been the one that had this.
    voided: u64,
    near: u64,
    far: u64,
    messages: u64,
    happened: Happened,
}

/// How often something happened, to see that all of it does.
#[derive(Clone, Copy, Debug, Default)]
struct Happened {
    bytes: u64,
    diverged: u64,
    strangers: u64,
    too_far_behind: u64,
    replicated: u64,
}

fn open_flushing(dir: &Path, flushes: bool) -> Arc<MessageStore> {
    let flush_disk_type = if flushes { FlushDiskType::Sync } else { FlushDiskType::Async };
    let config = StoreConfig { flush_disk_type, ..StoreConfig::small(dir) };
    MessageStore::open(config, Clock::manual(START_MS)).unwrap()
}

/// Ends a store: as it should, or as a crash of its process would.
fn end(store: Arc<MessageStore>, clean: bool) {
    let store = Arc::into_inner(store).expect("nobody else uses it");
    if clean {
        store.close().unwrap();
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let near = 1 << rng.random_range(8..17);
        let mut world = Self {
            root: witness::scratch::folder(),
            hub: hub::hub(rng.random()),
            apache: rng.random_bool(0.25),
            frame_bytes: 1 << rng.random_range(5..16),
            history: Vec::new(),
            copy: None,
            slaves: Vec::new(),
            voided: 0,
            near,
            far: near << rng.random_range(0..6),
            messages: 0,
            happened: Happened::default(),
            rng,
        };
        world.start_master();
        for number in 0..world.rng.random_range(1..=2) {
            let dir = world.root.path().join(format!("slave{number}"));
            let flushes = world.rng.random_bool(0.3);
            let store = Some(open_flushing(&dir, flushes));
            world.slaves.push(SlaveNode { dir, store, following: None, ahead: None, flushes });
            world.start_slave(number);
        }
        world
    }

    fn master_dir(&self) -> PathBuf {
        self.root.path().join("master")
    }

    fn master_store(&self) -> Arc<MessageStore> {
        self.hub.lock().unwrap().running.as_ref().unwrap().store.clone()
    }

    fn start_master(&mut self) {
        let store = open(&self.master_dir());
        let rules = MasterRules { frame_bytes: self.frame_bytes, ..master_rules() };
        let master = Arc::new(Master::new(store.clone(), rules, Clock::manual(START_MS)));
        assert_eq!(store.written().get(), self.history.len() as u64);
        self.voided = 0;
        self.hub.lock().unwrap().running = Some(Running { store, master, apache: self.apache });
    }

    fn start_slave(&mut self, number: usize) {
        let node = &mut self.slaves[number];
        let rules = SlaveRules { acknowledges_flushed: node.flushes, ..slave_rules() };
        let slave = Arc::new(Slave::new(node.store().clone(), rules).comparing(self.near, self.far));
        node.following = Some(tokio::spawn(hub::follow(self.hub.clone(), slave)));
    }

    /// Stops following and hands out what the slave had found, if it had.
    async fn stop_slave(&mut self, number: usize) {
        if let Some(following) = self.slaves[number].following.take() {
            following.abort();
            match following.await {
                Ok(parted) => self.parted(number, parted).await,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
        }
    }

    async fn stop_for_good(&mut self, number: usize) {
        // What stopping finds out may have started it again.
        while self.slaves[number].following.is_some() {
            self.stop_slave(number).await;
        }
    }

    /// Ends a slave's store, does something to its folder, and opens it again.
    async fn restart_slave(&mut self, number: usize, clean: bool, change: impl FnOnce(&Path)) {
        self.stop_for_good(number).await;
        let node = &mut self.slaves[number];
        end(node.store.take().unwrap(), clean);
        change(&node.dir);
        node.store = Some(open_flushing(&node.dir, node.flushes));
        // A crash can take back a filler.
        let end = node.end();
        node.ahead = node.ahead.filter(|_| parts(node.store(), &self.history)).map(|_| end);
        self.start_slave(number);
    }

    async fn wipe_slave(&mut self, number: usize) {
        self.check();
        self.restart_slave_wiped(number).await;
    }

    async fn restart_slave_wiped(&mut self, number: usize) {
        // What it has acknowledged may be on its way.
        self.voided = self.voided.max(self.slaves[number].end());
        if let Some(following) = self.slaves[number].following.take() {
            following.abort();
            _ = following.await;
        }
        self.slaves[number].ahead = None;
        Box::pin(self.restart_slave(number, false, |dir| fs::remove_dir_all(dir).unwrap())).await;
    }

    /// What an operator, or the broker, does about a slave that refuses to go on.
    async fn parted(&mut self, number: usize, parted: Parted) {
        let node = &mut self.slaves[number];
        judge(node.store(), &self.history, &parted, self.far);
        match parted.0 {
            FollowError::Diverged { common, .. } => {
                self.happened.diverged += 1;
                node.ahead = None;
                let clean = self.rng.random();
                Box::pin(self.restart_slave(number, clean, |dir| cut(dir, common))).await;
                // What the master had told was a little old.
                let node = &mut self.slaves[number];
                assert!(node.end() >= common);
                node.ahead = parts(node.store(), &self.history).then(|| node.end());
            }
            FollowError::TooFarBehind { .. } => {
                self.happened.too_far_behind += 1;
                self.restart_slave_wiped(number).await;
            }
            _ => {
                self.happened.strangers += 1;
                self.restart_slave_wiped(number).await;
            }
        }
    }

    /// Deals with slaves that refuse to go on.
    async fn tend(&mut self) {
        for number in 0..self.slaves.len() {
            if self.slaves[number].following.as_ref().is_some_and(JoinHandle::is_finished) {
                self.stop_slave(number).await;
                if self.slaves[number].following.is_none() {
                    self.start_slave(number);
                }
            }
            if self.slaves[number].flushes {
                flush(self.slaves[number].store()).await;
            }
        }
        self.check();
    }

    fn check(&mut self) {
        for node in &self.slaves {
            let end = node.end();
            match node.ahead {
                Some(ahead) => assert_eq!(end, ahead, "nothing is appended to a log that is not the master's"),
                None => assert_eq!(common(node.store(), &self.history), end, "a slave's log is the master's"),
            }
        }
        let Some(running) = self.hub.lock().unwrap().running.clone() else { return };
        let replicated = running.master.replicated().get();
        self.happened.replicated = self.happened.replicated.max(replicated);
        assert!(replicated <= running.store.written().get());
        let records = records_end(&self.history, replicated);
        if records > self.voided {
            let has = |node: &SlaveNode| common(node.store(), &self.history) >= records;
            assert!(self.slaves.iter().any(has), "some slave has what is replicated, up to {replicated}");
        }
    }

    fn append(&mut self, most: u32) {
        let store = self.master_store();
        for _ in 0..self.rng.random_range(1..=most) {
            self.messages += 1;
            let number = self.messages;
            let len = match self.rng.random_ratio(1, 10) {
                true => self.rng.random_range(0..12_000),
                false => self.rng.random_range(0..600),
            };
            let body = format!("{number} {}", "x".repeat(len));
            let (topic, queue) = (["A", "B", "C"][self.rng.random_range(0..3)], self.rng.random_range(0..4));
            let properties = if self.rng.random_bool(0.1) { format!("KEYS\u{1}{number}") } else { String::new() };
            put(&store, topic, queue, body.as_bytes(), &properties);
        }
        let new = log_from(&store, self.history.len() as u64);
        self.happened.bytes += new.len() as u64;
        self.history.extend(new);
    }

    async fn restart_master(&mut self, clean: bool) {
        end(hub::take_master(&self.hub).await, clean);
        let away = self.rng.random_range(0..2000);
        sleep(Duration::from_millis(away)).await;
        self.start_master();
    }

    /// Keeps a copy of the master's store, or puts that back.
    async fn lose_tail(&mut self) {
        let copy = self.root.path().join("copy");
        end(hub::take_master(&self.hub).await, false);
        match self.copy.take() {
            None => {
                copy_folder(&self.master_dir(), &copy);
                self.copy = Some(self.history.len() as u64);
            }
            Some(end) => {
                // What is on its way to them is lost, too.
                for number in 0..self.slaves.len() {
                    self.stop_for_good(number).await;
                }
                fs::remove_dir_all(self.master_dir()).unwrap();
                fs::rename(&copy, self.master_dir()).unwrap();
                self.history.truncate(end as usize);
                for node in &mut self.slaves {
                    let own_end = node.end();
                    node.ahead = node.ahead.or((own_end > end).then_some(own_end));
                }
            }
        }
        self.start_master();
        for number in 0..self.slaves.len() {
            if self.slaves[number].following.is_none() {
                self.start_slave(number);
            }
        }
    }

    async fn happen(&mut self) {
        let number = self.rng.random_range(0..self.slaves.len());
        match self.rng.random_range(0..100) {
            0..50 => self.append(30),
            50..56 => hub::cut_connections(&self.hub).await,
            56..60 => {
                self.stop_slave(number).await;
                if self.slaves[number].following.is_none() {
                    self.start_slave(number);
                }
            }
            60..66 => self.restart_slave(number, true, |_| {}).await,
            66..72 => self.restart_slave(number, false, |_| {}).await,
            72..76 => {
                let (garbage, at) = (self.garbage(), self.slaves[number].end());
                // A store that is found parted is cut, and ends elsewhere.
                if self.slaves[number].ahead.is_none() {
                    self.restart_slave(number, false, |dir| write_at(dir, at, &garbage)).await;
                }
            }
            76..79 => self.wipe_slave(number).await,
            79..84 => self.restart_master(true).await,
            84..89 => self.restart_master(false).await,
            89..96 => self.lose_tail().await,
            _ => delete_files(&self.master_store()),
        }
    }

    /// What a crash may leave behind the end of a log: anything but a whole record.
    fn garbage(&mut self) -> Vec<u8> {
        let len = self.rng.random_range(1..5000);
        let from = self.rng.random_range(0..=self.history.len());
        match self.rng.random_bool(0.5) {
            true => (0..len).map(|_| self.rng.random()).collect(),
            false => self.history[from..].iter().copied().take(len).collect(),
        }
    }

    async fn run(mut self) -> Happened {
        for _ in 0..self.rng.random_range(5..40) {
            self.happen().await;
            let most = if self.rng.random_bool(0.2) { 8000 } else { 300 };
            let wait = self.rng.random_range(0..most);
            sleep(Duration::from_millis(wait)).await;
            self.tend().await;
        }
        // Fair weather from now on.
        self.hub.lock().unwrap().fair = true;
        hub::cut_connections(&self.hub).await;
        self.append(3);
        for round in 0.. {
            self.tend().await;
            let end = self.history.len() as u64;
            if self.slaves.iter().all(|node| node.ahead.is_none() && node.end() == end) {
                break;
            }
            assert!(round < 1200, "not in line after 120 s");
            sleep(Duration::from_millis(100)).await;
        }
        let store = self.master_store();
        for node in &self.slaves {
            // With a synchronous flush, queues show what is on the disk.
            flush(node.store()).await;
            same_queues(&store, node.store());
            same_queues(node.store(), &store);
        }
        // Once they are in line, all is acknowledged.
        if !self.apache {
            let end = self.append_one();
            let running = self.hub.lock().unwrap().running.clone().unwrap();
            for _ in 0..100 {
                sleep(Duration::from_millis(100)).await;
                self.tend().await;
            }
            assert!(running.master.replicated().get() >= end);
            assert!(running.master.has_slave_near(end, 1));
        }
        self.happened
    }

    fn append_one(&mut self) -> u64 {
        self.append(1);
        self.history.len() as u64
    }
}

/// Whether the log goes on behind what it has in common with the master's.
fn parts(store: &MessageStore, history: &[u8]) -> bool {
    common(store, history) < store.written().get()
}

fn cut(dir: &Path, common: u64) {
    MessageStore::cut(&StoreConfig::small(dir), common, &dir.join("cut")).unwrap();
}

/// Writes behind the end of a log.
fn write_at(dir: &Path, at: u64, bytes: &[u8]) {
    let size = 16 << 10;
    let path = dir.join("commitlog").join(format!("{:020}", at - at % size));
    let Ok(mut file) = fs::OpenOptions::new().write(true).open(path) else { return };
    file.seek(SeekFrom::Start(at % size)).unwrap();
    file.write_all(&bytes[..bytes.len().min((size - at % size) as usize)]).unwrap();
}

/// Says which seed failed.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed: RMQ_TEST_SEED={} RMQ_TEST_SEEDS=1", self.0);
        }
    }
}

#[test]
fn whatever_happens_a_slave_has_its_masters_log_and_all_of_it_in_the_end() {
    let first = witness::loops::seed("simulation");
    let mut all = Happened::default();
    for seed in first..first + witness::loops::given("RMQ_TEST_SEEDS").unwrap_or(200) {
        let _named = Seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let happened = runtime.block_on(async { World::new(seed).run().await });
        all.bytes += happened.bytes;
        all.diverged += happened.diverged;
        all.strangers += happened.strangers;
        all.too_far_behind += happened.too_far_behind;
        all.replicated += happened.replicated;
    }
    println!("{all:?}");
}

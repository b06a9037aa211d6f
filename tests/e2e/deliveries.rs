//! Every way of sending and consuming at once, and kill -9 of the broker or of a consumer in the midst of it: each
//! acknowledged message reaches each group, delays are not early, committed transactions are seen once and rolled-back ones
//! never, an ordered group gets each queue in order.
//!
//! `RMQ_TEST_RUNS` sets how many runs there are, `RMQ_TEST_SEED` repeats the choices of one (not its timing).

mod load;

use crate::{
    cluster::{Cluster, start_broker},
    lone::{SMALL_AND_BUSY, SMALL_INDEX},
    process::{Background, PATIENCE},
};
use load::Running;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use witness::{Expect, History, Store, check, loops::given, report};

/// Runs by default.
const RUNS: u64 = 2;
/// How `rmq` ends that could not reach a broker.
const UNREACHABLE: i32 = 4;
/// Runs at the same time.
const AT_ONCE: u64 = 5;
/// Half of the levels are short, and the longest still is.
const SETTINGS: &str = "messageDelayLevel=1s 1s 1s 1s 1s 1s 1s 1s 2s 2s 2s 2s 2s 2s 2s 2s 3s 3s\n\
     transactionTimeOut=300\ntransactionCheckInterval=200\nflushDelayOffsetInterval=100\n";

/// A group of consumers: its name, its topic, how it consumes, and how many members it has.
struct Group {
    name: &'static str,
    topic: &'static str,
    options: &'static [&'static str],
    members: usize,
}

const GROUPS: [Group; 4] = [
    Group { name: "sharing", topic: load::MIXED, options: &[], members: 2 },
    Group { name: "failing", topic: load::MIXED, options: &["--fail-every", "9"], members: 1 },
    Group { name: "ordered", topic: load::IN_ORDER, options: &["--ordered"], members: 2 },
    Group { name: "popping", topic: load::MIXED, options: &["--pop", "--invisible", "2s"], members: 1 },
];

#[test]
fn whoever_is_killed_each_message_comes_as_it_was_promised() {
    let begin = Instant::now();
    let seed = given("RMQ_TEST_SEED").unwrap_or_else(rand::random);
    let runs = given("RMQ_TEST_RUNS").unwrap_or(RUNS);
    let (next, total) = (AtomicU64::new(0), Mutex::new(Outcome::default()));
    // At the same time: after a kill of an ordered member a run waits for most of a minute until its locks are over.
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(runs) {
            scope.spawn(|| {
                while let Some(run) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|run| *run < runs) {
                    let seed = seed.wrapping_add(run);
                    println!("run {run}: RMQ_TEST_SEED={seed}");
                    let outcome = Run::new(seed).go();
                    total.lock().expect("no one panics holding it").add(outcome);
                }
            });
        }
    });
    let Outcome { kills, acknowledged, delivered, committed, delayed } =
        total.into_inner().expect("no one panics holding it");
    println!(
        "{runs} runs in {:.0} s: {kills} kills; {acknowledged} messages acknowledged, of them {delayed} delayed and \
         {committed} committed; {delivered} deliveries",
        begin.elapsed().as_secs_f64()
    );
}

/// What there was of everything.
#[derive(Debug, Default)]
struct Outcome {
    kills: usize,
    acknowledged: usize,
    delayed: usize,
    committed: usize,
    delivered: usize,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.acknowledged += other.acknowledged;
        self.delayed += other.delayed;
        self.committed += other.committed;
        self.delivered += other.delivered;
    }
}

/// A cluster with consumers, producers, and someone who kills.
struct Run {
    rng: StdRng,
    history: Arc<History>,
    consumers: Vec<Member>,
    cluster: Cluster,
}

/// A consumer process, and the file that its group writes to.
struct Member {
    group: &'static Group,
    process: Background,
    file: PathBuf,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mode = if rng.random_bool(0.3) { "SYNC_FLUSH" } else { "ASYNC_FLUSH" };
        let cluster = Cluster::with(&format!("{SMALL_AND_BUSY}{SETTINGS}flushDiskType={mode}\n"));
        [load::MIXED, load::IN_ORDER].iter().for_each(|topic| cluster.topic(topic));
        let mut run = Self { rng, history: Arc::default(), consumers: Vec::new(), cluster };
        for group in &GROUPS {
            for _ in 0..group.members {
                let member = run.member(group);
                run.consumers.push(member);
            }
        }
        run
    }

    fn member(&self, group: &'static Group) -> Member {
        let file = self.cluster.dir.path().join(group.name);
        let end = File::options().create(true).append(true).open(&file).expect("the directory is writable");
        let mut command = self.cluster.command(&["consume", group.topic, "--group", group.name, "-o", "jsonl"]);
        Member { group, process: Background::start_into(group.name, command.args(group.options), end), file }
    }

    fn go(mut self) -> Outcome {
        let (addr, seed) = (self.cluster.broker_addr.clone(), self.rng.random());
        let producers = Running::start(&addr, &self.history, seed);
        let kills = self.rng.random_range(1..4);
        for _ in 0..kills {
            let time = Duration::from_millis(self.rng.random_range(100..1500));
            assert!(!self.cluster.broker.ends_within(time), "it ended:\n{}", self.cluster.broker.log());
            self.kill();
        }
        producers.load.no_more();
        let deadline = Instant::now() + PATIENCE;
        while !producers.load.is_settled() || !self.missing().is_empty() {
            self.tend();
            let ended = self.cluster.broker.ends_within(Duration::from_millis(50));
            assert!(!ended && Instant::now() < deadline, "still missing: {:#?}", self.missing());
        }
        self.stop();
        producers.end();
        Outcome { kills, ..self.judge() }
    }

    /// Ends the broker or a consumer as a crash does, and starts it again.
    fn kill(&mut self) {
        if self.rng.random_bool(0.5) {
            self.cluster.broker.signal(Signal::KILL);
            self.cluster.broker = start_broker(&self.cluster.namesrv_addr, &self.cluster.conf);
            return;
        }
        let which = self.rng.random_range(0..self.consumers.len());
        self.consumers[which].process.signal(Signal::KILL);
        self.consumers[which] = self.member(self.consumers[which].group);
    }

    /// Starts consumers again that ended because the broker was killed before they had joined.
    fn tend(&mut self) {
        for which in 0..self.consumers.len() {
            let member = &mut self.consumers[which];
            if member.process.ends_within(Duration::ZERO) {
                let (status, log) = (member.process.wait(), member.process.log());
                assert!(status.code() == Some(UNREACHABLE), "{}: {status}\n{log}", member.group.name);
                self.consumers[which] = self.member(self.consumers[which].group);
            }
        }
    }

    fn stop(&mut self) {
        for member in &mut self.consumers {
            let status = member.process.terminate();
            assert!(status.success(), "{}: {status}\n{}", member.group.name, member.process.log());
        }
        let stopped = self.cluster.broker.terminate();
        assert!(stopped.success(), "{stopped}:\n{}", self.cluster.broker.log());
        assert!(!self.cluster.broker.log().contains("panicked"), "{}", self.cluster.broker.log());
    }

    /// What each group was given, in order: the lines of its members.
    fn given(&self, group: &Group) -> Vec<Value> {
        let file = self.consumers.iter().find(|member| member.group.name == group.name).map(|member| &member.file);
        let text = std::fs::read_to_string(file.expect("each group has a member")).expect("it is UTF-8");
        // A member that was killed may leave a line unfinished; the next one goes on behind it.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What groups still wait for.
    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for group in &GROUPS {
            let given: BTreeSet<String> = self.given(group).iter().filter_map(id_of).collect();
            let wanted = load::to_be_seen(&self.history, group.topic);
            missing.extend(wanted.difference(&given).map(|id| format!("{}: {id}", group.name)));
        }
        missing
    }

    /// Holds all that happened against the store.
    fn judge(&self) -> Outcome {
        let store = Store::read(&self.cluster.dir.path().join("store"), SMALL_INDEX);
        let places: HashMap<i64, _> = (store.log.records.iter())
            .map(|record| (record.physical_offset, (&record.topic, record.queue_id, record.queue_offset)))
            .collect();
        let mut outcome = Outcome::default();
        for group in &GROUPS {
            for line in self.given(group) {
                let at = line["offset_id"].as_str().and_then(witness::history::physical_offset_in);
                let Some((topic, queue_id, queue_offset)) = at.and_then(|at| places.get(&at)) else {
                    panic!("{} was given what is not in the log: {line}", group.name);
                };
                let id = id_of(&line).unwrap_or_else(|| panic!("{} was given a ghost: {line}", group.name));
                self.history.delivered(group.name, topic, *queue_id, *queue_offset, &id);
                outcome.delivered += 1;
            }
        }
        let expect = Expect {
            delivered_to: GROUPS.iter().map(|group| (group.name.to_owned(), group.topic.to_owned())).collect(),
            in_order: vec!["ordered".to_owned()],
            delay_levels_ms: SETTINGS.lines().next().map(load::delay_levels_ms).expect("the first line has them"),
            ..Expect::all()
        };
        let broken = check(&self.history, &store, expect);
        assert!(broken.is_empty(), "{}", report(&broken));
        let events = self.history.events();
        let count = |is: fn(&witness::history::Event) -> bool| events.iter().filter(|event| is(event)).count();
        use witness::history::Event;
        outcome.acknowledged = count(|event| matches!(event, Event::Acked { .. }));
        outcome.delayed = count(|event| matches!(event, Event::Due { .. }));
        outcome.committed = count(|event| matches!(event, Event::Ended { commit: true, .. }));
        outcome
    }
}

/// The id that a message's body starts with.
fn id_of(line: &Value) -> Option<String> {
    let (id, _) = line["body"].as_str()?.strip_prefix("id=")?.split_once(';')?;
    Some(id.to_owned())
}

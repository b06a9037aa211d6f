//! kill -9 of the real broker under load, at any time and at named points, again and again on one store: what it
//! acknowledged is there after each start, whichever way it flushes, since the system keeps what a process has written.
//!
//! `RMQ_TEST_KILLS` sets how many kills there are, `RMQ_TEST_SEED` repeats the choices of a run (not its timing).

mod load;
pub mod points;

use crate::{
    cluster::rmq,
    ledger::Ledger,
    lone::{Lone, SMALL_AND_BUSY, SMALL_INDEX},
    process::{Background, run},
    wire::Wire,
};
use points::Point;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use witness::loops::given;

/// Kills of a test run.
const KILLS: u64 = 300;
/// Lives of a broker on one store.
const LIVES: u64 = 25;
/// After so many of them its files are looked through.
const CHECKED: u64 = 8;
/// A life ends after so long, ms, if its point was not met.
const LONGEST_MS: u64 = 150;

/// Whether the broker can be told to die at a point: see `commands/crash_points.rs`. In other builds it is killed at random
/// times only.
const POINTS: bool = cfg!(debug_assertions);

/// What happened so far.
#[derive(Default)]
struct Tally {
    /// Kills at a random time while it served.
    at_times: u64,
    /// Kills at a random time before it served, or while it stopped.
    at_edges: u64,
    /// Times each point was met.
    at_points: BTreeMap<String, u64>,
    stores: u64,
    /// Times all files of a store were held against its history.
    checks: u64,
    /// Times `rmq store verify` found nothing wrong.
    verified: u64,
    acknowledged: u64,
}

impl Tally {
    fn kills(&self) -> u64 {
        self.at_times + self.at_edges + self.at_points.values().sum::<u64>()
    }

    fn add(&mut self, other: Self) {
        self.at_times += other.at_times;
        self.at_edges += other.at_edges;
        self.stores += other.stores;
        self.checks += other.checks;
        self.verified += other.verified;
        self.acknowledged += other.acknowledged;
        for (point, count) in other.at_points {
            *self.at_points.entry(point).or_default() += count;
        }
    }
}

#[test]
fn killed_at_any_moment_a_broker_keeps_what_it_acknowledged() {
    let begin = Instant::now();
    let seed = given("RMQ_TEST_SEED").unwrap_or_else(rand::random);
    let kills = given("RMQ_TEST_KILLS").unwrap_or(KILLS);
    let mut tally = Tally::default();
    // One after another and not all at once: other tests run beside this one.
    thread::scope(|scope| {
        let modes = ["ASYNC_FLUSH", "SYNC_FLUSH"].map(|mode| scope.spawn(move || kill_often(mode, seed, kills / 2)));
        for mode in modes {
            match mode.join() {
                Ok(done) => tally.add(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    let Tally { at_times, at_edges, at_points, stores, checks, verified, acknowledged } = &tally;
    assert!(!POINTS || kills < KILLS || at_points.len() >= 30, "too few points were met: {at_points:?}");
    println!(
        "{} kills in {:.0} s with RMQ_TEST_SEED={seed}: {at_times} under load at random, {at_edges} while starting or \
         stopping, {} at {} of {} points; {stores} stores looked through {checks} times, by `rmq store verify` {verified} \
         times; {acknowledged} messages acknowledged, none lost",
        tally.kills(),
        begin.elapsed().as_secs_f64(),
        at_points.values().sum::<u64>(),
        at_points.len(),
        points::count(),
    );
}

fn kill_often(mode: &'static str, seed: u64, kills: u64) -> Tally {
    let thorough = 2 * kills > KILLS;
    let mut tally = Tally::default();
    while tally.kills() < kills {
        let seed = seed.wrapping_add(tally.stores);
        let mut victim = Victim::new(mode, seed);
        for life in 0..LIVES.min(kills - tally.kills()) {
            victim.live(life, &mut tally);
            // In the long form after each kill: a start, a clean stop, all files, and the command.
            if thorough || life % CHECKED == CHECKED - 1 {
                victim.check(&mut tally);
            }
            if thorough {
                victim.verify(&mut tally);
            }
        }
        victim.ledger.forget_what_was_found();
        victim.check(&mut tally);
        victim.verify(&mut tally);
        tally.stores += 1;
        tally.acknowledged += victim.ledger.count();
    }
    tally
}

/// A broker that is killed and started again.
struct Victim {
    ledger: Ledger,
    rng: StdRng,
    /// What a failing test says of itself.
    story: Story,
    lone: Lone,
    dir: TempDir,
}

/// Told only if the test fails.
struct Story(String);

impl Drop for Story {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

impl Victim {
    fn new(mode: &str, seed: u64) -> Self {
        let dir = tempfile::tempdir_in(memory()).expect("the directory is writable");
        let lone = Lone::new(dir.path(), &format!("{SMALL_AND_BUSY}flushDiskType={mode}\n"));
        let story = Story(format!("{mode}, RMQ_TEST_SEED={seed}: the broker was ended"));
        Self { ledger: Ledger::default(), rng: StdRng::seed_from_u64(seed), story, lone, dir }
    }

    /// From a start to a kill.
    fn live(&mut self, life: u64, tally: &mut Tally) {
        let named = POINTS && self.rng.random_bool(0.6);
        let point = named.then(|| Point::any(&mut self.rng));
        let named = point.as_ref().map(ToString::to_string);
        let mut broker = self.lone.begin(&[("RMQ_TEST_CRASH", named.as_deref().unwrap_or_default())]);
        if point.is_none() && self.rng.random_ratio(1, 10) {
            // While it starts.
            broker.ends_within(self.up_to(40));
            return self.killed(life, &mut broker, None, "starting", tally);
        }
        if !broker.comes_to("boot success") {
            return self.killed(life, &mut broker, point, "starting", tally);
        }
        let found = Wire::try_connect(&self.lone.addr).is_ok_and(|mut wire| self.ledger.find_all(&mut wire));
        if !found {
            return self.killed(life, &mut broker, point, "looking for what it acknowledged", tally);
        }
        let time = if point.is_some() { Duration::from_millis(LONGEST_MS) } else { self.up_to(100) };
        let stopped = self.rng.random_ratio(1, 10).then(|| self.up_to(8));
        let during = if stopped.is_some() { "stopping" } else { "load" };
        let seed = self.rng.random();
        load::run(&self.lone.addr, &self.ledger, seed, || {
            if !broker.ends_within(time) {
                if let Some(time) = stopped {
                    broker.tell(Signal::TERM);
                    broker.ends_within(time);
                }
                broker.tell(Signal::KILL);
            }
        });
        self.killed(life, &mut broker, point, during, tally);
    }

    fn up_to(&mut self, ms: u64) -> Duration {
        Duration::from_micros(self.rng.random_range(0..ms * 1000))
    }

    fn killed(&mut self, life: u64, broker: &mut Background, point: Option<Point>, during: &str, tally: &mut Tally) {
        let status = broker.signal(Signal::KILL);
        let log = broker.log();
        let met = point.as_ref().filter(|_| log.contains("crash point:"));
        let how = met.map_or_else(|| "at random".to_owned(), ToString::to_string);
        self.ledger.crashed();
        _ = write!(self.story.0, "\n  life {life}, {during}: {how}");
        assert!(!log.contains("panicked"), "{log}");
        use std::os::unix::process::ExitStatusExt;
        assert!(status.signal() == Some(9) || during == "stopping" && status.success(), "{status}: {log}");
        match met {
            Some(point) => *tally.at_points.entry(point.name()).or_default() += 1,
            None if during == "load" => tally.at_times += 1,
            None => tally.at_edges += 1,
        }
    }

    /// A start, at which everything that was acknowledged must be there, a clean stop, and a look through its files.
    fn check(&mut self, tally: &mut Tally) {
        let mut broker = self.lone.start(&[]);
        assert!(self.ledger.find_all(&mut self.lone.connect()), "it ended");
        assert!(broker.terminate().success(), "{}", broker.log());
        self.ledger.check_files(&self.lone.store, SMALL_INDEX);
        tally.checks += 1;
    }

    /// `rmq store verify` finds nothing wrong with it either.
    fn verify(&self, tally: &mut Tally) {
        let mut command = rmq(self.dir.path());
        run(command.args(["store", "verify"]).arg(&self.lone.store).arg("-c").arg(&self.lone.conf), "").ok();
        tally.verified += 1;
    }
}

/// Where stores are that need not outlive the system, so that other tests on the disk are not waited for.
pub fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { PathBuf::from(env!("CARGO_TARGET_TMPDIR")) }
}

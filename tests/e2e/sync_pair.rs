//! A master and its slave, both flushing synchronously and replicating synchronously, and everything that can befall them:
//! kill -9, SIGSTOP, cut cables, noise on the replication port. What was acknowledged is at the master AND at the slave, at
//! any time; the slave's log is the beginning of the master's, byte for byte; and both recover by themselves.
//!
//! `RMQ_TEST_FAULTS` sets how many faults there are, `RMQ_TEST_SEED` repeats the choices of a run (not its timing).

mod hosts;
mod load;

use crate::{
    cluster::{free_port, rmq, start_namesrv},
    kill::memory,
    ledger::Ledger,
    lone::{Lone, SMALL_AND_BUSY, SMALL_INDEX},
    process::{Background, PATIENCE},
    wire::{Wire, ask, make_topic},
};
use hosts::{Cable, Host, Where};
use load::{Load, TOPICS};
use protocol::code::request;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use witness::loops::given;

/// Faults of a test run.
const FAULTS: u64 = 30;
/// Faults of one pair of stores.
const FAULTS_OF_A_PAIR: u64 = 25;
/// After so many of them everything is looked for.
const CHECKED: u64 = 5;
/// Silence between master and slave is noticed soon, and answers do not wait long.
const SETTINGS: &str = "flushDiskType=SYNC_FLUSH\nslaveTimeout=400\nhaSendHeartbeatInterval=100\n\
     haHousekeepingInterval=600\nslaveReadEnable=true\nhaAllowedAddresses=10.78.0.0/24\n";

#[test]
fn whatever_befalls_a_synchronous_pair_nothing_acknowledged_is_lost() {
    let inside = match hosts::enter("sync_pair::whatever_befalls_a_synchronous_pair_nothing_acknowledged_is_lost") {
        Where::Inside => true,
        Where::Done(well) => return assert!(well, "it failed inside its namespaces, see above"),
        Where::Outside(why) => {
            println!("no cable is cut: there are no network namespaces here ({why})");
            false
        }
    };
    let begin = Instant::now();
    let seed = given("RMQ_TEST_SEED").unwrap_or_else(rand::random);
    let faults = given("RMQ_TEST_FAULTS").unwrap_or(FAULTS);
    let hosts = hosts::two(inside);
    let (mut told, mut done, mut acknowledged, mut stores) = (BTreeMap::<_, u64>::new(), 0, 0, 0);
    let mut answers = BTreeMap::<i32, u64>::new();
    while done < faults {
        let count = FAULTS_OF_A_PAIR.min(faults - done);
        let mut pair = Pair::new(&hosts, seed.wrapping_add(stores));
        let load = Load::default();
        let ledger = Ledger::default();
        let addr = pair.master.place.addr.clone();
        load.run(&addr, &ledger, pair.rng.random(), || {
            for number in 0..count {
                *told.entry(pair.suffer(&load, &ledger)).or_default() += 1;
                if number % CHECKED == CHECKED - 1 {
                    pair.check(&load, &ledger);
                }
            }
            pair.end(&load, &ledger);
        });
        acknowledged += ledger.count();
        load.answers
            .lock()
            .expect("no one panics holding it")
            .iter()
            .for_each(|(code, n)| *answers.entry(*code).or_default() += n);
        stores += 1;
        done += count;
    }
    println!(
        "{done} faults in {:.0} s with RMQ_TEST_SEED={seed}, {}: {told:?}; {stores} pairs of stores; answers by code \
         {answers:?}; {acknowledged} messages acknowledged, none lost at master or slave",
        begin.elapsed().as_secs_f64(),
        if inside { "in network namespaces" } else { "on one network" },
    );
}

/// A broker with its host.
struct Node {
    place: Lone,
    process: Background,
    cables: Option<(Cable, Cable)>,
}

/// A name server, a master and its slave.
struct Pair {
    master: Node,
    slave: Node,
    rng: StdRng,
    /// What a failing test says of itself.
    story: Story,
    _names: Background,
    _dir: TempDir,
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

impl Pair {
    fn new(hosts: &[Host; 2], seed: u64) -> Self {
        let dir = tempfile::tempdir_in(memory()).expect("the directory is writable");
        let inside = hosts[0].cables.is_some();
        let names_addr = format!("{}:{}", hosts::own_addr(inside), free_port());
        let names = start_namesrv(&names_addr, dir.path());
        let node = |host: &Host, name: &str, role: &str| {
            let home = dir.path().join(name);
            fs::create_dir(&home).expect("the directory is writable");
            let more = format!(
                "{SMALL_AND_BUSY}{SETTINGS}namesrvAddr={names_addr}\nbrokerIP1={}\nbrokerIP2={}\n{role}\n",
                host.addr, host.replication_addr
            );
            let mut place = Lone::new(&home, &more);
            place.addr = place.addr.replace("127.0.0.1", &host.addr);
            place.within = host.within();
            let process = place.start(&[]);
            Node { place, process, cables: host.cables }
        };
        let master = node(&hosts[0], "master", "brokerRole=SYNC_MASTER");
        TOPICS.iter().for_each(|topic| make_topic(&master.place.addr, topic));
        let slave = node(&hosts[1], "slave", "brokerRole=SLAVE\nbrokerId=1");
        let story = Story(format!("RMQ_TEST_SEED={seed}: what befell the pair:"));
        let pair = Self { master, slave, rng: StdRng::seed_from_u64(seed), story, _names: names, _dir: dir };
        pair.until_it_has_the_topics();
        pair
    }

    /// Waits until the slave knows the topics, without which nothing can be read there.
    fn until_it_has_the_topics(&self) {
        self.slave.process.until("copied the topics", || {
            let mut wire = Wire::connect(&self.slave.place.addr);
            let table: serde_json::Value = wire.call(ask(request::GET_ALL_TOPIC_CONFIG, &[])).json().expect("a table");
            TOPICS.iter().all(|topic| table["topicConfigTable"].get(topic).is_some())
        });
    }

    fn up_to(&mut self, ms: u64) -> Duration {
        Duration::from_micros(self.rng.random_range(0..ms * 1000))
    }

    /// Lets the load run for a while; neither may end of its own.
    #[track_caller]
    fn go_on_for(&mut self, ms: u64) {
        let time = self.up_to(ms);
        for node in [&self.master, &self.slave] {
            assert!(!node.process.ends_within(time / 2), "it ended:\n{}", node.process.log());
        }
    }

    /// One fault and the recovery from it, under load.
    fn suffer(&mut self, load: &Load, ledger: &Ledger) -> &'static str {
        self.go_on_for(200);
        let kinds = if self.master.cables.is_some() { 10 } else { 7 };
        let name = match self.rng.random_range(0..kinds) {
            0 | 1 => {
                self.tell("the master is killed");
                self.master.kill();
                // Whoever has only the slave now has everything that was promised.
                load.pause();
                self.look_at_the_slave(ledger);
                self.slave_alone_is_a_while();
                self.master.start();
                load.go_on();
                "master killed"
            }
            2 => {
                self.tell("the slave is killed");
                self.slave.kill();
                self.go_on_for_master(300);
                self.slave.start();
                "slave killed"
            }
            3 => {
                self.tell("both are killed");
                self.slave.kill();
                self.master.kill();
                if self.rng.random_bool(0.5) {
                    self.master.start();
                    self.slave.start();
                } else {
                    self.slave.start();
                    self.master.start();
                }
                "both killed"
            }
            4 => {
                let time = self.up_to(1500);
                self.tell(&format!("the master is stopped for {time:?}"));
                self.master.freeze(time);
                "master stopped"
            }
            5 => {
                let time = self.up_to(1500);
                self.tell(&format!("the slave is stopped for {time:?}"));
                self.slave.freeze(time);
                "slave stopped"
            }
            6 => {
                self.tell("noise at the replication port");
                self.noise();
                "noise"
            }
            7 | 8 => {
                let cable = self.slave.cables.expect("there are some").1;
                self.cut("the cable between them", cable);
                "replication cut"
            }
            _ => {
                let node = if self.rng.random_bool(0.5) { &self.master } else { &self.slave };
                let cable = node.cables.expect("there are some").0;
                self.cut("a cable to clients", cable);
                "clients cut"
            }
        };
        self.go_on_for(200);
        name
    }

    fn tell(&mut self, what: &str) {
        _ = write!(self.story.0, "\n  {what}");
    }

    fn cut(&mut self, what: &str, cable: Cable) {
        let time = self.up_to(1500);
        self.tell(&format!("{what} is cut for {time:?}"));
        cable.cut();
        let ended = self.master.process.ends_within(time);
        cable.mend();
        assert!(!ended, "the master ended:\n{}", self.master.process.log());
    }

    fn go_on_for_master(&mut self, ms: u64) {
        let time = self.up_to(ms);
        assert!(!self.master.process.ends_within(time), "it ended:\n{}", self.master.process.log());
    }

    fn slave_alone_is_a_while(&mut self) {
        let time = self.up_to(300);
        assert!(!self.slave.process.ends_within(time), "it ended:\n{}", self.slave.process.log());
    }

    /// What nobody sends who is a slave: to the port that slaves connect to, from the slave's own host.
    fn noise(&mut self) {
        let port = self.master.place.addr.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let addr = self.master.place.addr.split(':').next().expect("it has a host");
        let Ok(mut stream) = std::net::TcpStream::connect((addr, port.expect("it has a port") + 1)) else { return };
        let mut bytes = vec![0; self.rng.random_range(1..200)];
        self.rng.fill(&mut bytes[..]);
        if self.rng.random_bool(0.5) {
            bytes = [0i64, i64::MAX >> self.rng.random_range(0..40)].into_iter().flat_map(i64::to_be_bytes).collect();
        }
        _ = stream.write_all(&bytes);
        let time = self.up_to(200);
        assert!(!self.master.process.ends_within(time), "it ended:\n{}", self.master.process.log());
    }

    /// With nobody sending: the slave has all that was acknowledged.
    fn look_at_the_slave(&mut self, ledger: &Ledger) {
        ledger.forget_what_was_found();
        assert!(ledger.find_all(&mut Wire::connect(&self.slave.place.addr)), "the slave hung up");
    }

    /// Everything is found at both, and the slave comes to have what the master has.
    fn check(&mut self, load: &Load, ledger: &Ledger) {
        load.pause();
        self.until_together();
        for node in [&self.master, &self.slave] {
            ledger.forget_what_was_found();
            assert!(ledger.find_all(&mut Wire::connect(&node.place.addr)), "it hung up:\n{}", node.process.log());
        }
        load.go_on();
    }

    /// Waits until the slave's log ends where the master's does.
    #[track_caller]
    fn until_together(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ends = [&self.master, &self.slave].map(|node| node.place.tells("commitLogMaxOffset"));
            if ends[0].is_some() && ends[0] == ends[1] {
                return;
            }
            let ended = self.slave.process.ends_within(Duration::from_millis(20));
            assert!(
                !ended && Instant::now() < deadline,
                "the slave does not come to the master's end: {ends:?}\n--- master\n{}\n--- slave\n{}",
                self.master.process.log(),
                self.slave.process.log()
            );
        }
    }

    /// Both stop, and their files are held against each other and against what was promised.
    fn end(&mut self, load: &Load, ledger: &Ledger) {
        self.check(load, ledger);
        load.pause();
        self.until_together();
        for node in [&mut self.slave, &mut self.master] {
            let status = node.process.terminate();
            assert!(status.success(), "{status}:\n{}", node.process.log());
        }
        for node in [&self.slave, &self.master] {
            let log = node.process.log();
            assert!(!log.contains("panicked"), "{log}");
            ledger.check_files(&node.place.store, SMALL_INDEX);
            let mut verify = rmq(Path::new("/"));
            crate::process::run(
                verify.args(["store", "verify"]).arg(&node.place.store).arg("-c").arg(&node.place.conf),
                "",
            )
            .ok();
        }
        let [master, slave] = [&self.master, &self.slave].map(|node| log_files(&node.place.store));
        for (name, bytes) in &slave {
            let other = master.get(name).unwrap_or_else(|| panic!("the master has no {name}"));
            assert!(bytes == other, "{name} is another file at the slave");
        }
        assert_eq!(slave.keys().last(), master.keys().last(), "the slave has all files");
    }
}

/// The files of a store's log, by name.
pub fn log_files(store: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(store.join("commitlog")).expect("it has a log");
    entries
        .map(|entry| {
            let entry = entry.expect("readable");
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("readable"))
        })
        .collect()
}

impl Node {
    fn kill(&mut self) {
        let status = self.process.signal(Signal::KILL);
        let log = self.process.log();
        use std::os::unix::process::ExitStatusExt;
        assert!(status.signal() == Some(9) && !log.contains("panicked"), "{status}: {log}");
    }

    fn start(&mut self) {
        self.process = self.place.start(&[]);
    }

    fn freeze(&mut self, time: Duration) {
        self.process.tell(Signal::STOP);
        let ended = self.process.ends_within(time);
        self.process.tell(Signal::CONT);
        assert!(!ended, "it ended:\n{}", self.process.log());
    }
}

//! Each template as its users have it: messages are sent, a master is killed, sending goes on at the other one, everything
//! is read, from the slave where there is one, and the master comes back. Nothing that was acknowledged is missing then, and
//! a slave's log is the beginning of its master's, byte for byte.

use crate::{
    cluster::{at_home, rmq, scratch},
    lone::SMALL_INDEX,
    process::{Run, run},
    sync_pair::log_files,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};
use tempfile::TempDir;
use witness::{Expect, History, Store, check, history::physical_offset_in, report};

const TOPIC: &str = "Orders";
const GROUP: &str = "readers";
/// Messages of each of the two rounds.
const ROUND: usize = 300;
/// Small files, so that there are several.
const SETTINGS: [&str; 4] =
    ["mappedFileSizeCommitLog=65536", "maxHashSlotNum=50", "maxIndexNum=400", "mappedFileSizeConsumeQueue=800"];

#[test]
fn single_keeps_what_it_acknowledged() {
    let mut cluster = Templated::up("single");
    cluster.produce(0).ok();
    cluster.control("kill", "broker-a");
    // There is no other: nobody knows the topic any more.
    assert!(!cluster.produce(1).status.success());
    cluster.control("start", "broker-a");
    cluster.produce(2).ok();
    cluster.reads_all();
    cluster.down_and_judge();
}

#[test]
fn of_two_masters_without_slaves_one_goes_on_and_the_other_comes_back_with_its_messages() {
    let mut cluster = Templated::up("2m-noslave");
    cluster.produce(0).ok();
    cluster.control("kill", "broker-a");
    cluster.produce(1).ok();
    cluster.control("start", "broker-a");
    cluster.reads_all();
    cluster.down_and_judge();
}

#[test]
fn with_asynchronous_slaves_everything_is_read_while_a_master_is_dead() {
    reads_from_the_slave_of_a_dead_master("2m-2s-async");
}

#[test]
fn with_synchronous_slaves_everything_is_read_while_a_master_is_dead() {
    reads_from_the_slave_of_a_dead_master("2m-2s-sync");
}

fn reads_from_the_slave_of_a_dead_master(template: &'static str) {
    let mut cluster = Templated::up(template);
    cluster.produce(0).ok();
    if template == "2m-2s-async" {
        cluster.rmq(&["check", "replication", "--max-slave-lag", "0", "--wait", "30s"]).ok();
    }
    cluster.control("kill", "broker-a");
    // From the first message on, at the other master, with nothing that failed in the end.
    cluster.produce(1).ok();
    cluster.reads_all();
    cluster.control("start", "broker-a");
    // What the group read from the slave it has read, also for the master that was away.
    cluster.reads_nothing_again();
    cluster.rmq(&["check", "replication", "--wait", "30s"]).ok();
    cluster.produce(2).ok();
    cluster.reads_all();
    cluster.rmq(&["check", "replication", "--max-slave-lag", "0", "--wait", "30s"]).ok();
    cluster.down_and_judge();
}

/// A cluster of a template, what was promised by each of its masters, and what was read.
struct Templated {
    template: &'static str,
    names: String,
    /// By broker name.
    promised: BTreeMap<String, History>,
    /// Ids that were acknowledged, and those that the group was given.
    acknowledged: BTreeSet<String>,
    given: BTreeSet<String>,
    dir: TempDir,
}

impl Templated {
    fn up(template: &'static str) -> Self {
        let mut cluster = Self {
            template,
            names: String::new(),
            promised: ["broker-a", "broker-b"].map(|broker| (broker.to_owned(), History::new())).into(),
            acknowledged: BTreeSet::new(),
            given: BTreeSet::new(),
            dir: scratch(),
        };
        let set = SETTINGS.iter().flat_map(|setting| ["--set", setting]);
        cluster.cluster(["up", "--template", template].into_iter().chain(set)).ok();
        let status = cluster.cluster(["status", "-o", "json"]).ok().json();
        cluster.names = status["namesrv_addr"].as_str().expect("it is up").to_owned();
        cluster.rmq(&["topic", "create", TOPIC]).ok();
        cluster
    }

    fn cluster<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Run {
        let mut command = rmq(self.dir.path());
        command.arg("cluster").args(args).args(["--name", self.template, "--dir"]).arg(self.dir.path().join("c"));
        run(&mut command, "")
    }

    fn rmq(&self, args: &[&str]) -> Run {
        self.rmq_with(args, "")
    }

    fn rmq_with(&self, args: &[&str], input: &str) -> Run {
        let mut command = rmq(self.dir.path());
        at_home(&mut command, self.dir.path());
        run(command.env("NAMESRV_ADDR", &self.names).args(args), input)
    }

    /// Kills or starts a node.
    #[track_caller]
    fn control(&self, what: &str, node: &str) {
        self.cluster([what, node]).ok();
    }

    /// Sends a round of messages and notes what was acknowledged.
    fn produce(&mut self, round: usize) -> Run {
        let ids = round * ROUND..(round + 1) * ROUND;
        let line = |id: usize| format!("id={id};{}\n", "x".repeat(id % 300));
        let lines: String = ids.map(line).collect();
        for history in self.promised.values() {
            // Whichever it is sent to first, a retry may go to the other.
            lines.lines().for_each(|body| history.attempt(&id_of(body), TOPIC, body.as_bytes()));
        }
        let run = self.rmq_with(&["produce", TOPIC, "-o", "jsonl"], &lines);
        // Answers come in the order of the lines, which `sync` mode sends one after another.
        let mut sent = lines.lines();
        for answer in run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON")) {
            let body = sent.next().expect("as many answers as lines at most");
            if answer["status"] != "SEND_OK" {
                continue;
            }
            let (id, broker) = (id_of(body), answer["broker"].as_str().expect("it says where"));
            let history = &self.promised[broker];
            let physical = answer["offset_id"].as_str().and_then(physical_offset_in).expect("it says where");
            let number = |field: &str| answer[field].as_i64().expect("it says where");
            history.acked(&id, number("queue") as i32, number("offset"), physical, false);
            self.acknowledged.insert(id);
        }
        run
    }

    /// The group reads what there is: everything that was acknowledged.
    #[track_caller]
    fn reads_all(&mut self) {
        let read = self.rmq(&["consume", TOPIC, "--group", GROUP, "-e", "-o", "jsonl"]).ok();
        for line in read.json_lines() {
            self.given.insert(id_of(line["body"].as_str().expect("a body")));
        }
        let missing: Vec<_> = self.acknowledged.difference(&self.given).collect();
        assert!(missing.is_empty(), "{}: acknowledged and not read: {missing:?}", self.template);
    }

    /// The group, asked for what there is, has read it.
    #[track_caller]
    fn reads_nothing_again(&self) {
        let read = self.rmq(&["consume", TOPIC, "--group", GROUP, "-e", "-o", "jsonl"]).ok();
        assert!(read.stdout.is_empty(), "{}: read again: {read}", self.template);
    }

    /// Stops it cleanly and holds the files of all brokers against what was promised, and slaves against their masters.
    #[track_caller]
    fn down_and_judge(&self) {
        let status = self.cluster(["status", "-o", "json"]).ok().json();
        self.cluster(["down"]).ok();
        let mut masters: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut stores = 0;
        for node in status["nodes"].as_array().expect("nodes") {
            let Some(broker) = node["broker"].as_str() else { continue };
            let root = PathBuf::from(node["dir"].as_str().expect("a folder")).join("store");
            let store = Store::read(&root, SMALL_INDEX);
            if let Some(history) = self.promised.get(broker) {
                let broken = check(history, &store, Expect::all());
                assert!(broken.is_empty(), "{} of {}: {}", node["name"], self.template, report(&broken));
            }
            stores += 1;
            match node["broker_id"].as_i64() {
                Some(0) => _ = masters.insert(broker.to_owned(), root),
                _ => {
                    let master = log_files(masters.get(broker).expect("masters come first"));
                    let slave = log_files(&root);
                    assert_eq!(slave.keys().collect::<Vec<_>>(), master.keys().collect::<Vec<_>>());
                    slave.iter().for_each(|(name, bytes)| assert!(master[name] == *bytes, "{name} differs"));
                }
            }
        }
        assert!(stores > 0 && !self.acknowledged.is_empty());
    }
}

impl Drop for Templated {
    fn drop(&mut self) {
        let down = self.cluster(["down"]);
        if std::thread::panicking() {
            let status = self.cluster(["status"]);
            eprintln!("{status}\n{down}");
        }
    }
}

/// The id that a message's body starts with.
fn id_of(body: &str) -> String {
    let id = body.strip_prefix("id=").and_then(|rest| rest.split_once(';')).map(|(id, _)| id);
    id.unwrap_or_else(|| panic!("a ghost: {body}")).to_owned()
}

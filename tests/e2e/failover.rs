//! A master that dies under its users: messages go to the other master, what it had is read from its slave, and what
//! was committed there is known when it comes back.

use crate::{
    cluster::{broker_conf, free_port, rmq, scratch, start_broker, start_namesrv},
    process::{Background, Run, run},
    wire::make_topic,
};
use rustix::process::Signal;
use std::{collections::BTreeSet, fs, path::PathBuf};
use tempfile::TempDir;

/// Two masters, `broker-a` and `broker-b`, and a slave of the first.
struct Cluster {
    a: Background,
    _b: Background,
    _slave: Background,
    _namesrv: Background,
    names: String,
    /// The settings of `broker-a`.
    conf: PathBuf,
    home: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let home = scratch();
        let names = format!("127.0.0.1:{}", free_port());
        let namesrv = start_namesrv(&names, home.path());
        let conf = |place: &str, name: &str, role: &str| {
            let dir = home.path().join(place);
            fs::create_dir(&dir).expect("the directory is writable");
            let (conf, port) = (dir.join("broker.conf"), free_port());
            let text = broker_conf(&dir, port).replace("broker-a", name).replace("brokerId=0", role);
            fs::write(&conf, text + "brokerIP2=127.0.0.1\n").expect("the directory is writable");
            (conf, format!("127.0.0.1:{port}"))
        };
        let (a_conf, a_addr) = conf("a", "broker-a", "brokerId=0");
        let (b_conf, b_addr) = conf("b", "broker-b", "brokerId=0");
        let (slave_conf, _) = conf("slave", "broker-a", "brokerId=1\nbrokerRole=SLAVE");
        let (a, b) = (start_broker(&names, &a_conf), start_broker(&names, &b_conf));
        make_topic(&a_addr, "T");
        make_topic(&b_addr, "T");
        let slave = start_broker(&names, &slave_conf);
        Self { a, _b: b, _slave: slave, _namesrv: namesrv, names, conf: a_conf, home }
    }

    fn rmq(&self, args: &[&str], input: &str) -> Run {
        run(rmq(self.home.path()).env("NAMESRV_ADDR", &self.names).args(args), input)
    }

    /// Sends a message for each of `bodies`.
    fn produce(&self, bodies: std::ops::Range<usize>) {
        let lines: String = bodies.clone().map(|body| format!("{body}\n")).collect();
        let sent = self.rmq(&["produce", "T"], &lines).ok();
        assert_eq!(sent.lines().len(), bodies.len(), "{sent}");
    }

    /// The messages there are, of a group if one is named: each body once.
    fn consume(&self, more: &[&str]) -> BTreeSet<usize> {
        let got = self.rmq(&[&["consume", "T", "-e", "-o", "raw"], more].concat(), "").ok();
        let bodies: Vec<usize> = got.lines().iter().map(|line| line.parse().expect("a body of this test")).collect();
        let all: BTreeSet<usize> = bodies.iter().copied().collect();
        assert_eq!(all.len(), bodies.len(), "something came twice: {got}");
        all
    }
}

#[test]
fn when_a_master_dies_nothing_stops_and_nothing_is_forgotten() {
    let mut cluster = Cluster::start();
    cluster.produce(0..40);
    cluster.rmq(&["check", "replication", "--wait", "60s", "--max-slave-lag", "0"], "").ok();
    let group = ["--group", "G", "--from", "first"];
    let bodies = |range: std::ops::Range<usize>| range.collect::<BTreeSet<_>>();

    cluster.a.tell(Signal::STOP);
    let patient = ["--from", "first", "--timeout", "60s"];
    assert_eq!(cluster.consume(&patient), bodies(0..40), "a master that hangs is read past");
    cluster.a.tell(Signal::CONT);

    cluster.a.signal(Signal::KILL);
    cluster.produce(40..60);
    assert_eq!(cluster.consume(&["--from", "first"]), bodies(0..60), "what the dead master had comes from its slave");
    assert_eq!(cluster.consume(&group), bodies(0..60));
    assert_eq!(cluster.consume(&group), bodies(0..0), "its slave knows how far the group is");

    cluster.a = start_broker(&cluster.names, &cluster.conf);
    cluster.rmq(&["check", "cluster", "--wait", "60s", "--brokers", "3"], "").ok();
    assert_eq!(cluster.consume(&group), bodies(0..0), "and so does the master that comes back");
    cluster.produce(60..80);
    assert_eq!(cluster.consume(&group), bodies(60..80));
    cluster.rmq(&["check", "replication", "--wait", "60s", "--max-slave-lag", "0"], "").ok();
}

#[test]
fn a_group_that_reads_all_the_time_misses_nothing_while_masters_die_and_come_back() {
    let mut cluster = Cluster::start();
    let mut command = rmq(cluster.home.path());
    command.env("NAMESRV_ADDR", &cluster.names);
    command.args(["consume", "T", "--group", "G", "--from", "first", "-o", "raw"]);
    let mut group = Background::start("the group", &mut command);
    let has = |group: &Background, bodies: usize| {
        group.until("all that was sent", || {
            let log = group.log();
            let all: BTreeSet<usize> = log.lines().filter_map(|line| line.parse().ok()).collect();
            all == (0..bodies).collect()
        });
    };
    cluster.produce(0..20);
    has(&group, 20);
    for round in 1..=2 {
        let sent = round * 60;
        cluster.produce(sent - 40..sent - 20);
        cluster.rmq(&["check", "replication", "--wait", "60s", "--max-slave-lag", "0"], "").ok();
        cluster.a.signal(Signal::KILL);
        cluster.produce(sent - 20..sent);
        has(&group, sent);
        cluster.a = start_broker(&cluster.names, &cluster.conf);
        cluster.rmq(&["check", "cluster", "--wait", "60s", "--brokers", "3"], "").ok();
        cluster.produce(sent..sent + 20);
        has(&group, sent + 20);
    }
    assert!(group.terminate().success(), "{}", group.log());
}

//! A name server and a broker of the test's own, started directly, on free ports, in a directory of their own.
//!
//! For what `rmq cluster up` does, see `cluster_command.rs`.

use crate::{
    process::{Background, RMQ, Run, run},
    wire::make_topic,
};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU16, Ordering},
};
use tempfile::TempDir;

/// A running name server and broker. Dropping it kills both and removes their files.
pub struct Cluster {
    /// Dropped in this order: the broker first, the directory last.
    pub broker: Background,
    pub namesrv: Background,
    pub namesrv_addr: String,
    pub broker_addr: String,
    pub conf: PathBuf,
    pub dir: TempDir,
}

impl Cluster {
    /// One name server and one broker, ready for messages.
    pub fn single() -> Self {
        Self::with("")
    }

    /// The same with more lines in `broker.conf`.
    pub fn with(more: &str) -> Self {
        let dir = scratch();
        let namesrv_addr = format!("127.0.0.1:{}", free_port());
        let namesrv = start_namesrv(&namesrv_addr, dir.path());
        let port = free_port();
        let conf = dir.path().join("broker.conf");
        std::fs::write(&conf, broker_conf(dir.path(), port) + more).expect("the directory is writable");
        let broker = start_broker(&namesrv_addr, &conf);
        Self { broker, namesrv, namesrv_addr, broker_addr: format!("127.0.0.1:{port}"), conf, dir }
    }

    /// `rmq` with `args`, pointed at this cluster.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = rmq(self.dir.path());
        command.env("NAMESRV_ADDR", &self.namesrv_addr).args(args);
        command
    }

    /// Runs `rmq` with `args` against this cluster.
    pub fn rmq(&self, args: &[&str]) -> Run {
        self.rmq_with(args, "")
    }

    /// The same with something on standard input.
    pub fn rmq_with(&self, args: &[&str], input: &str) -> Run {
        run(&mut self.command(args), input)
    }

    /// Makes a topic of four queues, by the wire: for tests of other things than `rmq topic create`.
    pub fn topic(&self, name: &str) {
        make_topic(&self.broker_addr, name);
    }

    /// Stops the broker as a service manager does and starts it again.
    pub fn restart_broker(&mut self) {
        assert!(self.broker.terminate().success(), "the broker did not stop cleanly:\n{}", self.broker.log());
        self.broker = start_broker(&self.namesrv_addr, &self.conf);
    }
}

/// A directory on the disk that the build uses, removed when dropped.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the directory")
}

/// `rmq` without the caller's settings, at home in `home`.
pub fn rmq(home: &Path) -> Command {
    let mut command = Command::new(RMQ);
    at_home(&mut command, home);
    command
}

/// Lets `command` find its home, and all it keeps there, in `home`.
pub fn at_home(command: &mut Command, home: &Path) {
    command.current_dir(home).env("HOME", home).env("XDG_STATE_HOME", home.join("state"));
    for other in ["NAMESRV_ADDR", "ROCKETMQ_HOME", "RUST_LOG", "XDG_CONFIG_HOME"] {
        command.env_remove(other);
    }
}

/// The settings of a small broker at `port` with everything under `dir`.
pub fn broker_conf(dir: &Path, port: u16) -> String {
    format!(
        "brokerClusterName=DefaultCluster\nbrokerName=broker-a\nbrokerId=0\nbrokerIP1=127.0.0.1\nlistenPort={port}\n\
         haListenPort={}\nstorePathRootDir={}\nstorePathCommitLog={}\nmappedFileSizeCommitLog=16777216\n\
         maxHashSlotNum=10000\nmaxIndexNum=40000\nflushDiskType=ASYNC_FLUSH\n",
        port + 1,
        dir.join("store").display(),
        dir.join("store/commitlog").display(),
    )
}

/// Starts a name server and waits until it is ready.
pub fn start_namesrv(addr: &str, home: &Path) -> Background {
    let namesrv = Background::start("the name server", rmq(home).args(["namesrv", "--listen", addr]));
    namesrv.wait_for("boot success");
    namesrv
}

/// Starts a broker and waits until it is ready.
pub fn start_broker(namesrv_addr: &str, conf: &Path) -> Background {
    let home = conf.parent().expect("it is a file in a directory");
    let broker = Background::start("the broker", rmq(home).args(["broker", "-n", namesrv_addr, "-c"]).arg(conf));
    broker.wait_for("boot success");
    broker
}

/// A port below the range that systems hand out, free together with those two below and one above, as a broker
/// uses them; no other caller gets any of these.
pub fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const STEPS: u16 = 2_500;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(STEPS)) as u16;
    for _ in 0..STEPS {
        let step = (start + NEXT.fetch_add(1, Ordering::Relaxed) % STEPS) % STEPS;
        let port = FIRST + step * 8;
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (port - 2..=port + 1).all(free) {
            return port;
        }
    }
    panic!("no free port between {FIRST} and 32000");
}

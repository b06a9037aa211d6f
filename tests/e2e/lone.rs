//! A broker without a name server, started again and again on one store: for what happens to its process and its disk.

use crate::{
    cluster::{at_home, broker_conf, free_port, rmq},
    process::{Background, RMQ},
    wire::{Wire, ask},
};
use protocol::code::request;
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use witness::Geometry;

/// A broker's settings and place; it runs only while a [`Background`] of [`Lone::start`] lives.
pub struct Lone {
    /// Where it listens.
    pub addr: String,
    /// Its settings.
    pub conf: PathBuf,
    /// Its store, as this process sees it.
    pub store: PathBuf,
    /// A command that runs it, given as arguments, in other circumstances; empty for none.
    pub within: Vec<String>,
    home: PathBuf,
}

/// The index of [`SMALL_AND_BUSY`].
pub const SMALL_INDEX: Geometry = Geometry { slots: 50, entries: 400 };
/// Small files, so that they are often full, and short periods, so that everything is soon written: lines of settings.
pub const SMALL_AND_BUSY: &str = "mappedFileSizeCommitLog=65536\nmappedFileSizeConsumeQueue=800\nmaxHashSlotNum=50\n\
     maxIndexNum=400\nflushIntervalCommitLog=10\nflushCommitLogThoroughInterval=40\nflushIntervalConsumeQueue=10\n\
     flushConsumeQueueThoroughInterval=30\nflushConsumerOffsetInterval=25\nmaxTransferCountOnMessageInMemory=1000\n";

impl Lone {
    /// A broker at home in `home`, with more lines of settings.
    pub fn new(home: &Path, more: &str) -> Self {
        let port = free_port();
        let conf = home.join("broker.conf");
        std::fs::write(&conf, broker_conf(home, port) + more).expect("the directory is writable");
        Self {
            addr: format!("127.0.0.1:{port}"),
            conf,
            store: home.join("store"),
            within: Vec::new(),
            home: home.to_owned(),
        }
    }

    /// The command that runs it.
    pub fn command(&self) -> Command {
        let mut command = match self.within.split_first() {
            None => rmq(&self.home),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                at_home(&mut command, &self.home);
                command.args(arguments).arg(RMQ);
                command
            }
        };
        command.args(["broker", "-c"]).arg(&self.conf);
        command
    }

    /// Starts it with variables for its environment; it may not come up.
    pub fn begin(&self, variables: &[(&str, &str)]) -> Background {
        Background::start("the broker", self.command().envs(variables.iter().copied()))
    }

    /// Starts it so and waits until it is ready.
    #[track_caller]
    pub fn start(&self, variables: &[(&str, &str)]) -> Background {
        let broker = self.begin(variables);
        broker.wait_for("boot success");
        broker
    }

    /// A connection to it.
    #[track_caller]
    pub fn connect(&self) -> Wire {
        Wire::connect(&self.addr)
    }

    /// One figure of its runtime info, if it tells it.
    #[track_caller]
    pub fn tells(&self, name: &str) -> Option<String> {
        let answer = self.connect().call(ask(request::GET_BROKER_RUNTIME_INFO, &[]));
        let info: serde_json::Value = answer.json().expect("a table");
        info["table"].get(name).and_then(|value| value.as_str()).map(str::to_owned)
    }
}

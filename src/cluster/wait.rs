//! How long a cluster that comes up is not up yet: each node is asked until it serves, and each slave until it has what
//! its master had.

use crate::{Error, Event, Node, Role, process, process::Identity, ready::Prober};
use std::{net::SocketAddr, process::Child, time::Duration};
use tokio::time::Instant;

/// Lines of a log that an error shows.
const LOG_LINES: usize = 15;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What a server says on standard output once it serves.
const BOOT_LINE: &str = "boot success";
/// What `rmq` puts before the reason why it ends.
const LAST_WORD: &str = "rmq: ";

/// A process started just now.
pub(crate) struct Started {
    pub(crate) node: Node,
    pub(crate) at: Instant,
    child: Child,
    process: Identity,
    /// Length of its log before.
    log_from: u64,
}

/// Waits for the nodes of one cluster.
pub(crate) struct Wait<'a> {
    prober: Prober,
    nodes: &'a [&'a Node],
    name_servers: Vec<SocketAddr>,
    within: Duration,
}

impl Started {
    pub(crate) fn new(node: Node, child: Child, process: Identity, log_from: u64) -> Self {
        Self { node, at: Instant::now(), child, process, log_from }
    }
}

impl<'a> Wait<'a> {
    pub(crate) fn new(nodes: &'a [&'a Node], name_servers: Vec<SocketAddr>, within: Duration) -> Self {
        Self { prober: Prober::new(), nodes, name_servers, within }
    }

    /// Until a node serves that was found running.
    pub(crate) async fn for_running(&self, node: &Node, progress: &mut impl FnMut(Event<'_>)) -> Result<(), Error> {
        let until = Instant::now() + self.within;
        let mut master_had = None;
        while let Err(why) = self.serves(node, &mut master_had).await {
            if Instant::now() >= until {
                return Err(not_up(node, format!("it has been running, but {why}"), 0));
            }
            progress(Event::Waiting { node, why: &why });
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Until a node serves that was started just now, and ends if its process ends.
    pub(crate) async fn for_started(
        &self,
        started: &mut Started,
        progress: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        let Started { node, child, process, at, log_from } = started;
        let mut master_had = None;
        loop {
            let why = match self.serves(node, &mut master_had).await {
                // Whoever answers must be this very process, and not another on the same port.
                Ok(()) if process.is_alive() && process::said(&node.log_file(), *log_from, BOOT_LINE) => return Ok(()),
                Ok(()) => "another process serves on its port".to_owned(),
                Err(why) => why,
            };
            if let Ok(Some(ended)) = child.try_wait() {
                let log = process::tail(&node.log_file(), *log_from, LOG_LINES);
                let said = log.iter().rev().find_map(|line| line.strip_prefix(LAST_WORD));
                let why = said.map_or_else(|| format!("it ended by itself ({ended})"), str::to_owned);
                return Err(not_up(node, why, *log_from));
            }
            if at.elapsed() >= self.within {
                let why = format!("after {} s {why}", self.within.as_secs());
                return Err(not_up(node, why, *log_from));
            }
            progress(Event::Waiting { node, why: &why });
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether a node serves, and if it is a slave, has what its master had when it was first asked; if not, what is
    /// missing.
    async fn serves(&self, node: &Node, master_had: &mut Option<u64>) -> Result<(), String> {
        let end = self.prober.probe(node, &self.name_servers).await?;
        let (Some(end), Some(master)) = (end, self.master_of(node)) else { return Ok(()) };
        let target = match *master_had {
            Some(target) => target,
            None => *master_had.insert(self.prober.log_end(master).await?),
        };
        match target.saturating_sub(end) {
            0 => Ok(()),
            behind => Err(format!("it lacks {behind} bytes of what its master has")),
        }
    }

    /// The master that a slave follows, if that runs.
    fn master_of(&self, node: &Node) -> Option<&Node> {
        let Role::Slave { broker, .. } = &node.role else { return None };
        let is_it = |other: &&&Node| matches!(&other.role, Role::Master { broker: name } if name == broker);
        let master = self.nodes.iter().find(is_it)?;
        let runs = Identity::read(&master.process_file()).ok().flatten().is_some_and(|process| process.is_alive());
        runs.then_some(master)
    }
}

fn not_up(node: &Node, why: String, log_from: u64) -> Error {
    let log_file = node.log_file();
    let log = process::tail(&log_file, log_from, LOG_LINES);
    Error::NotUp { node: node.name.clone(), why, log, log_file: Some(log_file) }
}

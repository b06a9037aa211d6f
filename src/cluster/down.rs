//! A cluster goes down, or single nodes: they are asked to end, those that do not are killed. Data stays unless asked
//! otherwise.

use crate::{Cluster, Error, Event, Node, Role, process::Identity};
use rustix::process::Signal;
use std::{fs, time::Duration};

/// How long a node may take to end when asked: a broker writes out what it has.
const END_WITHIN: Duration = Duration::from_secs(30);
/// How long the system may take to end a killed process.
const KILL_WITHIN: Duration = Duration::from_secs(10);

/// A cluster that is down, or some nodes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// Nodes that were stopped; none if all were down already.
    pub stopped: Vec<String>,
    /// Those of them that had to be killed.
    pub killed: Vec<String>,
}

impl Cluster {
    /// Stops every node, brokers before name servers. With `purge` everything the cluster has is then removed.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such cluster, [`Error::StillThere`] if a node cannot be ended.
    pub async fn down(&self, purge: bool, mut progress: impl FnMut(Event<'_>)) -> Result<Down, Error> {
        // Where there is no cluster, nothing is made, not even a lock.
        self.state()?;
        let _held = self.home.hold().await?;
        let down = stop(&self.nodes()?, &mut progress).await?;
        if purge {
            // Only a folder that holds a cluster gets here.
            fs::remove_dir_all(&self.dir).map_err(|source| Error::Io {
                action: "remove",
                path: self.dir.clone(),
                source,
            })?;
        }
        Ok(down)
    }

    /// Stops one node, or all of them as [`Cluster::down`] does.
    ///
    /// # Errors
    /// As there, and [`Error::UnknownNode`].
    pub async fn stop(&self, node: Option<&str>, mut progress: impl FnMut(Event<'_>)) -> Result<Down, Error> {
        self.chosen(node)?;
        let _held = self.home.hold().await?;
        stop(&self.chosen(node)?, &mut progress).await
    }

    /// Ends one node, or all of them, as a power cut would: nothing is written any more.
    ///
    /// # Errors
    /// As [`Cluster::stop`].
    pub async fn kill(&self, node: Option<&str>, mut progress: impl FnMut(Event<'_>)) -> Result<Down, Error> {
        self.chosen(node)?;
        let _held = self.home.hold().await?;
        let mut killed = Vec::new();
        let chosen = self.chosen(node)?;
        let mut dying = Vec::new();
        for node in &chosen {
            if let Some(process) = Identity::read(&node.process_file())?.filter(Identity::is_alive) {
                signal(node, &process, Signal::KILL)?;
                dying.push((node, process));
            }
        }
        for (node, process) in dying {
            // What it was is not forgotten: it died, and was not stopped.
            if !process.ended(KILL_WITHIN).await {
                return Err(Error::StillThere { node: node.name.clone(), pid: process.pid });
            }
            progress(Event::Killed { node, pid: process.pid });
            killed.push(node.name.clone());
        }
        Ok(Down { stopped: killed.clone(), killed })
    }
}

/// Stops those of `nodes` that run, slaves first and name servers last.
pub(crate) async fn stop(nodes: &[Node], progress: &mut impl FnMut(Event<'_>)) -> Result<Down, Error> {
    let mut down = Down { stopped: Vec::new(), killed: Vec::new() };
    let is_kind: [fn(&Role) -> bool; 3] = [
        |role| matches!(role, Role::Slave { .. }),
        |role| matches!(role, Role::Master { .. }),
        |role| matches!(role, Role::NameServer),
    ];
    for is_kind in is_kind {
        let mut running = Vec::new();
        for node in nodes.iter().filter(|node| is_kind(&node.role)) {
            match Identity::read(&node.process_file())? {
                Some(process) if process.is_alive() => {
                    progress(Event::Stopping { node });
                    signal(node, &process, Signal::TERM)?;
                    running.push((node, process));
                }
                _ => Identity::forget(&node.process_file())?,
            }
        }
        for (node, process) in running {
            let killed = !process.ended(END_WITHIN).await;
            if killed {
                signal(node, &process, Signal::KILL)?;
                if !process.ended(KILL_WITHIN).await {
                    return Err(Error::StillThere { node: node.name.clone(), pid: process.pid });
                }
                down.killed.push(node.name.clone());
            }
            Identity::forget(&node.process_file())?;
            down.stopped.push(node.name.clone());
            progress(Event::Stopped { node, killed });
        }
    }
    Ok(down)
}

fn signal(node: &Node, process: &Identity, signal: Signal) -> Result<(), Error> {
    process.signal(signal).map_err(|source| Error::Io { action: "signal", path: node.process_file(), source })
}

//! Clusters on one machine: a template becomes running nodes, real processes that outlive the command that started
//! them.
//!
//! Prints nothing and parses no arguments: what goes on is told by [`Event`]s.

mod down;
mod home;
mod plan;
mod ports;
mod process;
mod ready;
pub mod render;
mod state;
mod status;
pub mod template;
mod up;

pub use down::Down;
pub use home::{Cluster, Home};
pub use plan::{Launch, Node, Role, plan};
pub use ports::Ports;
pub use status::{NodeState, NodeStatus, Status};
pub use template::{Template, TemplateError};
pub use up::{Up, Upping};

use std::{io, path::PathBuf, time::Duration};

/// What goes on while a cluster comes up or goes down.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The port everybody knows, or the one the node had, is not free: it gets another.
    PortTaken {
        /// The node, with the port it gets.
        node: &'a Node,
        /// The port it would have had.
        wanted: u16,
    },
    /// A process was started.
    Started {
        /// Its node.
        node: &'a Node,
        /// Its id.
        pid: i32,
    },
    /// A node serves.
    Ready {
        /// Which.
        node: &'a Node,
        /// Time since it was started.
        after: Duration,
    },
    /// A node was asked to end.
    Stopping {
        /// Which.
        node: &'a Node,
    },
    /// A node has ended.
    Stopped {
        /// Which.
        node: &'a Node,
        /// It did not end when asked and was killed.
        killed: bool,
    },
}

/// Why a cluster is not as it was asked to be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a name for a cluster.
    #[error("{name:?} is no name for a cluster: use 1 to 64 letters, digits, - or _")]
    Name {
        /// What was given.
        name: String,
    },
    /// There is no such cluster.
    #[error("there is no cluster {name:?} in {}{}", home.display(), others(known))]
    Unknown {
        /// The name.
        name: String,
        /// Where it was looked for.
        home: PathBuf,
        /// Those there are.
        known: Vec<String>,
    },
    /// Another command has not finished.
    #[error("another command is at work on the clusters in {}; try again when it has ended", home.display())]
    Busy {
        /// Where.
        home: PathBuf,
    },
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cluster was made from another template.
    #[error(
        "the cluster {name:?} has other nodes ({had}) than this template ({wanted}); choose another name, or remove it with its data first"
    )]
    OtherTemplate {
        /// The cluster.
        name: String,
        /// Its nodes.
        had: String,
        /// Those of the template.
        wanted: String,
    },
    /// The machine has no port left.
    #[error("no free port for {node}: all from its usual one upwards are taken, or are kept for outgoing connections")]
    NoPort {
        /// The node.
        node: String,
    },
    /// A node did not come up. What was started with it is stopped again.
    #[error("{node} did not come up: {why}{}", last_words(log, log_file))]
    NotUp {
        /// Its name.
        node: String,
        /// What is missing.
        why: String,
        /// The end of its log.
        log: Vec<String>,
        /// Its log.
        log_file: PathBuf,
    },
    /// A process that survives being killed.
    #[error("{node} (process {pid}) does not end, not even when killed")]
    StillThere {
        /// Its name.
        node: String,
        /// Its process.
        pid: i32,
    },
}

fn others(known: &[String]) -> String {
    if known.is_empty() { "; there is none".to_owned() } else { format!("; there are: {}", known.join(", ")) }
}

fn last_words(log: &[String], log_file: &std::path::Path) -> String {
    let lines: String = log.iter().map(|line| format!("\n  | {line}")).collect();
    let nothing = if log.is_empty() { " (it wrote nothing)" } else { "" };
    format!("\nthe end of {}{nothing}:{lines}", log_file.display())
}

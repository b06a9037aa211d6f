//! What can go wrong with a cluster, each with what to do about it.

use crate::PortError;
use std::{
    io,
    path::{Path, PathBuf},
};

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
    /// There is no such node.
    #[error("the cluster {cluster:?} has no node {node:?}{}; its nodes are: {}", did_you_mean(nearest.as_deref()), known.join(", "))]
    UnknownNode {
        /// What was given.
        node: String,
        /// The cluster.
        cluster: String,
        /// The name that was perhaps meant.
        nearest: Option<String>,
        /// Those there are.
        known: Vec<String>,
    },
    /// The cluster was made from another template.
    #[error(
        "there is a cluster {name:?} already, made from {had}; choose another name, or remove it with its data first"
    )]
    OtherTemplate {
        /// The cluster.
        name: String,
        /// The template, and nodes if it has other ones.
        had: String,
    },
    /// The cluster runs, and what is asked for needs a start.
    #[error("the cluster {name:?} runs with another {what}; stop it first, then bring it up so")]
    RunsOtherwise {
        /// The cluster.
        name: String,
        /// What is asked for.
        what: &'static str,
    },
    /// The cluster's folder holds something else.
    #[error("{} is there and holds no cluster; choose another name or place, or remove it", dir.display())]
    NoCluster {
        /// The folder.
        dir: PathBuf,
    },
    /// A broker would not start with its settings.
    #[error("{node} cannot have these settings: {why}")]
    Settings {
        /// Its name.
        node: String,
        /// What is wrong.
        why: String,
    },
    /// It was to end before it had come to an end.
    #[error("interrupted; what was started is stopped again")]
    Interrupted,
    /// The machine has no port left.
    #[error("no free port for {node}: all from its usual one upwards are taken, or are kept for outgoing connections")]
    NoPort {
        /// The node.
        node: String,
    },
    /// The port a node must have is not free.
    #[error("{node} needs port {port}, which is taken; choose another base port, or leave it out to get free ones")]
    PortTaken {
        /// The node.
        node: String,
        /// The port.
        port: u16,
    },
    /// Another program has taken the port of a name server meanwhile, which brokers know.
    #[error(
        "{node} needs port {port}, where the others look for it, and which another program has taken; stop that one, or stop the whole cluster and bring it up to get another"
    )]
    PortLost {
        /// The node.
        node: String,
        /// The port.
        port: u16,
    },
    /// The port a node must have may not be used.
    #[error(
        "{node} would need port {port} or one beside it, which is privileged, kept for outgoing connections or beyond the last; choose another base port"
    )]
    PortNotAllowed {
        /// The node.
        node: String,
        /// The port.
        port: u16,
    },
    /// A node did not come up. What was started with it is stopped again.
    #[error("{node} did not come up: {why}{}", last_words(log, log_file.as_deref()))]
    NotUp {
        /// Its name.
        node: String,
        /// What is missing.
        why: String,
        /// The end of its log.
        log: Vec<String>,
        /// Its log, if that is kept.
        log_file: Option<PathBuf>,
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

impl Error {
    pub(crate) fn of_port(node: &str, error: &PortError) -> Self {
        let node = node.to_owned();
        match *error {
            PortError::NoneLeft => Self::NoPort { node },
            PortError::Taken(port) => Self::PortTaken { node, port },
            PortError::NotAllowed(port) => Self::PortNotAllowed { node, port },
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|word| format!(" (did you mean {word:?}?)")).unwrap_or_default()
}

fn others(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; there are: {}", known.join(", ")) }
}

fn last_words(log: &[String], log_file: Option<&Path>) -> String {
    let lines: String = log.iter().map(|line| format!("\n  | {line}")).collect();
    let nothing = if log.is_empty() { " (it wrote nothing)" } else { "" };
    let log = log_file.map_or_else(|| "its log".to_owned(), |file| file.display().to_string());
    format!("\nthe end of {log}{nothing}:{lines}")
}

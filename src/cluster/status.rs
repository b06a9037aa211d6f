//! How a cluster and its nodes are.

use crate::{Error, Node, Role, process::Identity, ready::Prober};
use std::{net::SocketAddr, path::PathBuf};

/// How a cluster is.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// The folder that holds all of it.
    pub dir: PathBuf,
    /// The name of the template it was made from.
    pub template: String,
    /// Its nodes, in the order they start.
    pub nodes: Vec<NodeStatus>,
}

/// How a node is.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// The node.
    pub node: Node,
    /// How it is.
    pub state: NodeState,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It runs and serves.
    Ready {
        /// Its process.
        pid: i32,
    },
    /// It runs, but does not serve.
    Unready {
        /// Its process.
        pid: i32,
        /// What is missing.
        why: String,
    },
    /// It was stopped, or never started.
    Stopped,
    /// It has ended without being asked to: it crashed, was killed, or the machine was started anew.
    Died {
        /// The process it was.
        pid: i32,
    },
}

impl Status {
    /// Whether every node serves.
    pub fn is_ready(&self) -> bool {
        self.nodes.iter().all(|node| matches!(node.state, NodeState::Ready { .. }))
    }

    /// Whether every node has a process.
    pub fn runs(&self) -> bool {
        self.nodes.iter().all(|node| node.state.pid().is_some())
    }

    /// Whether no node has a process.
    pub fn is_down(&self) -> bool {
        self.nodes.iter().all(|node| node.state.pid().is_none())
    }

    /// The addresses of the name servers, as `NAMESRV_ADDR` has them.
    pub fn namesrv_addr(&self) -> String {
        let servers = self.nodes.iter().filter(|node| node.node.role == Role::NameServer);
        servers.map(|node| node.node.listen.to_string()).collect::<Vec<_>>().join(";")
    }
}

impl NodeState {
    /// The process it has.
    pub fn pid(&self) -> Option<i32> {
        match self {
            Self::Ready { pid } | Self::Unready { pid, .. } => Some(*pid),
            Self::Stopped | Self::Died { .. } => None,
        }
    }
}

impl NodeStatus {
    pub(crate) async fn of(node: Node, name_servers: &[SocketAddr]) -> Result<Self, Error> {
        let state = match Identity::read(&node.process_file())? {
            None => NodeState::Stopped,
            Some(process) if !process.is_alive() => NodeState::Died { pid: process.pid },
            Some(process) => match Prober::new().probe(&node, name_servers).await {
                Ok(()) => NodeState::Ready { pid: process.pid },
                Err(why) => NodeState::Unready { pid: process.pid, why },
            },
        };
        Ok(Self { node, state })
    }
}

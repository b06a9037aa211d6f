//! How a cluster and its nodes are.

use crate::{Error, Node, Role, process::Identity, ready::Prober};
use futures_util::future::join_all;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

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
    /// How many bytes its log lacks of its master's, which was asked first; none if that is not known, or it is no
    /// slave.
    pub behind: Option<u64>,
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

    /// Whether every node serves, and every slave had what its master had when that was asked.
    pub fn is_healthy(&self) -> bool {
        let has_all = |node: &NodeStatus| !matches!(node.node.role, Role::Slave { .. }) || node.behind == Some(0);
        self.is_ready() && self.nodes.iter().all(has_all)
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
    /// How these nodes are, who are all of a cluster: masters are asked before slaves.
    pub(crate) async fn of_all(nodes: Vec<Node>, name_servers: &[SocketAddr]) -> Result<Vec<Self>, Error> {
        let prober = Prober::new();
        let (slaves, others): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| matches!(node.role, Role::Slave { .. }));
        let mut ends = BTreeMap::new();
        let mut found = BTreeMap::new();
        for batch in [others, slaves] {
            // All at once: one that hangs must not hold up the others.
            for status in join_all(batch.into_iter().map(|node| Self::of(node, name_servers, &prober))).await {
                let (mut status, end) = status?;
                match (&status.node.role, end) {
                    (Role::Master { broker }, Some(end)) => drop(ends.insert(broker.clone(), end)),
                    (Role::Slave { broker, .. }, Some(end)) => {
                        status.behind = ends.get(broker).map(|master: &u64| master.saturating_sub(end));
                    }
                    _ => {}
                }
                found.insert(status.node.name.clone(), status);
            }
        }
        Ok(nodes.iter().filter_map(|node| found.remove(&node.name)).collect())
    }

    /// And where its log ends.
    async fn of(node: &Node, name_servers: &[SocketAddr], prober: &Prober) -> Result<(Self, Option<u64>), Error> {
        let (state, end) = match Identity::read(&node.process_file())? {
            None => (NodeState::Stopped, None),
            Some(process) if !process.is_alive() => (NodeState::Died { pid: process.pid }, None),
            Some(process) => match prober.probe(node, name_servers).await {
                Ok(end) => (NodeState::Ready { pid: process.pid }, end),
                Err(why) => (NodeState::Unready { pid: process.pid, why }, None),
            },
        };
        Ok((Self { node: node.clone(), state, behind: None }, end))
    }
}

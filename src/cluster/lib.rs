//! Clusters: a template becomes running nodes on this machine, real processes that outlive the command that started them,
//! or files for what runs nodes elsewhere ([`render`]).
//!
//! Prints nothing and parses no arguments: what goes on is told by [`Event`]s.

mod down;
mod error;
mod home;
mod logs;
mod plan;
mod ports;
mod process;
mod ready;
pub mod render;
mod state;
mod status;
pub mod template;
mod up;
mod wait;

pub use down::Down;
pub use error::Error;
pub use home::{Cluster, Home, Process};
pub use logs::{Line, Logs};
pub use plan::{Launch, Node, Role, plan};
pub use ports::{PortError, Ports};
pub use status::{NodeState, NodeStatus, Status};
pub use template::{CheckProperty, Template, TemplateError};
pub use up::{Up, Upping};

use std::time::Duration;

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
    /// A node does not serve yet.
    Waiting {
        /// Which.
        node: &'a Node,
        /// What is missing.
        why: &'a str,
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
    /// A node was killed, as was asked for.
    Killed {
        /// Which.
        node: &'a Node,
        /// The process it was.
        pid: i32,
    },
}

//! RocketMQ commands over sockets. Both ends of a connection are alike: each may ask and each answers.
//!
//! Knows commands, not what they mean: no topic, no group, no store.

pub mod client;
mod connection;
mod names;
mod outbound;
mod peer;
pub mod server;
mod service;

pub use client::Client;
pub use connection::{Limits, run};
pub use names::{Names, NamesError, REFRESH_PERIOD};
pub use peer::Peer;
pub use service::{Answers, Receipt, Service};

use std::{io, time::Duration};

/// Why a request got no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("cannot connect to {addr}: {why}")]
    Connect {
        /// Where to.
        addr: String,
        /// What the system said.
        why: String,
    },
    /// The connection ended before the answer came.
    #[error("the connection to {addr} ended before an answer came")]
    Closed {
        /// The other end.
        addr: String,
    },
    /// No answer in time.
    #[error("no answer from {addr} within {} ms", after.as_millis())]
    TimedOut {
        /// The other end.
        addr: String,
        /// How long it was waited.
        after: Duration,
    },
    /// More is waiting to be sent than the connection may hold.
    #[error("{addr} takes requests more slowly than they come")]
    Busy {
        /// The other end.
        addr: String,
    },
}

impl Error {
    pub(crate) fn connect(addr: &str, error: &io::Error) -> Self {
        Self::Connect { addr: addr.to_owned(), why: error.to_string() }
    }
}

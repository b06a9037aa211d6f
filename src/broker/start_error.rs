//! Why a broker cannot start, and what helps.

use std::{io, net::SocketAddr};
use store::StoreError;

/// Why a broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table cannot be read.
    #[error("cannot read {file}: {source}; its .bak is no better. Repair or remove it")]
    Table {
        /// Its path.
        file: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The port for slaves cannot be opened.
    #[error(
        "cannot listen on {addr} for slaves: {source}; set another listenPort: haListenPort is always the next one above it"
    )]
    ListenForSlaves {
        /// Where.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A port cannot be opened.
    #[error("cannot listen on {addr}: {source}; set another listenPort")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

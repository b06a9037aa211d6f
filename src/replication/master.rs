//! The master's end: sends the log to each slave that connects, and knows how far any of them has it.

use base::{Clock, Watermark};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use store::MessageStore;
use tokio::io::{AsyncRead, AsyncWrite};

/// What a master keeps to.
#[derive(Clone, Copy, Debug)]
pub struct MasterRules {
    /// A silent connection gets a heartbeat after this time (`haSendHeartbeatInterval`).
    pub heartbeat: Duration,
    /// A slave that says nothing for this time is given up (`haHousekeepingInterval`).
    pub silence: Duration,
    /// Most bytes of the log in one frame (`haTransferBatchSize`), at most 4 MiB: an Apache slave has no room for more.
    pub frame_bytes: usize,
}

/// A slave that is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Its end of the connection.
    pub addr: SocketAddr,
    /// When it came, ms.
    pub since_ms: i64,
    /// Up to where the log was sent to it.
    pub sent: u64,
    /// Up to where it says it has the log, which counts once it has acknowledged something; until then `None`.
    pub acked: Option<u64>,
}

/// Why a slave's connection ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The connection failed or was closed.
    #[error("the connection ended: {0}")]
    Io(#[from] std::io::Error),
}

/// Sends a store's log to slaves.
pub struct Master {
    #[expect(dead_code)]
    store: Arc<MessageStore>,
    replicated: Watermark,
}

impl Master {
    /// A master of this store.
    pub fn new(store: Arc<MessageStore>, _rules: MasterRules, _clock: Clock) -> Self {
        Self { store, replicated: Watermark::new(0) }
    }

    /// Serves one slave over its connection until that ends. Dropped, it forgets the slave at once.
    ///
    /// # Errors
    /// Why it ended; it never ends otherwise.
    pub async fn serve<S>(&self, _addr: SocketAddr, _stream: S) -> Result<std::convert::Infallible, ServeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        todo!()
    }

    /// Up to where some slave had the log at some time: what a slave acknowledged and this master had sent to it.
    pub fn replicated(&self) -> &Watermark {
        &self.replicated
    }

    /// Whether a slave is connected that lacks less than `max_behind` bytes of the log up to `end`.
    pub fn has_slave_near(&self, _end: u64, _max_behind: u64) -> bool {
        todo!()
    }

    /// The slaves that are connected.
    pub fn slaves(&self) -> Vec<Connected> {
        todo!()
    }
}

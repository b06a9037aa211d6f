//! The slave's end: takes the log from its master, checks that it is the continuation of its own, and appends it.

use std::{sync::Arc, time::Duration};
use store::{MessageStore, StoreError};
use tokio::io::{AsyncRead, AsyncWrite};

/// What a slave keeps to.
#[derive(Clone, Copy, Debug)]
pub struct SlaveRules {
    /// It says how far it is at least this often (`haSendHeartbeatInterval`).
    pub heartbeat: Duration,
    /// A master that says nothing for this time is given up (`haHousekeepingInterval`).
    pub silence: Duration,
    /// It acknowledges only what is on its disk (with `SYNC_FLUSH`), and not what it has merely written.
    pub acknowledges_flushed: bool,
}

/// The first and the last byte offset of the master's log, as the master told a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Where its first file starts.
    pub min: u64,
    /// Its end.
    pub max: u64,
}

/// How a slave that is connected is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Following {
    /// Its own tail was found to be its master's; only then is anything appended.
    pub agreed: bool,
    /// The end of the master's log as far as the slave knows.
    pub master_end: u64,
}

/// Why a slave follows no longer.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The connection failed or was closed, or the master was silent for too long: to be tried again.
    #[error("the connection to the master ended: {0}")]
    Io(#[from] std::io::Error),
    /// This store has records that its master does not have; up to `common` they are the same.
    #[error("this slave's log and its master's part at byte {common}: the slave has {} bytes behind it that the master never had", own_end - common)]
    Diverged {
        /// The end of the last record that both have.
        common: u64,
        /// The end of this store's log.
        own_end: u64,
    },
    /// Nothing shows that the two logs were ever one.
    #[error("this slave's log (to byte {own_end}) and its master's (bytes {} to {}) have nothing in common that could be found", master.min, master.max)]
    Strangers {
        /// The end of this store's log.
        own_end: u64,
        /// The master's log.
        master: Ends,
    },
    /// The master has deleted what this slave lacks.
    #[error("the master's log begins at byte {min}, but this slave's ends at {own_end}: what lies between is gone")]
    TooFarBehind {
        /// Where the master's log begins.
        min: u64,
        /// Where this one ends.
        own_end: u64,
    },
    /// What came is not what a master sends.
    #[error("the master sent what is no log: {0}")]
    Garbage(String),
    /// This store does not take it.
    #[error("cannot append to this slave's log: {0}")]
    Store(#[from] StoreError),
}

/// Follows a master with a store.
pub struct Slave {
    #[expect(dead_code)]
    store: Arc<MessageStore>,
}

impl Slave {
    /// A slave with this store.
    pub fn new(store: Arc<MessageStore>, _rules: SlaveRules) -> Self {
        Self { store }
    }

    /// Follows the master at the other end of `stream` until the connection ends or the logs turn out to differ.
    ///
    /// # Errors
    /// Why it ended; it never ends otherwise.
    pub async fn follow<S>(&self, _stream: S, _master: Ends) -> Result<std::convert::Infallible, FollowError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        todo!()
    }

    /// How it is doing; `None` while it is not connected.
    pub fn following(&self) -> Option<Following> {
        todo!()
    }
}

//! The slave's end: takes the log from its master, checks that it is the continuation of its own, and appends it.
//!
//! Where the master is, and what to do when the logs have parted, is the broker's. One connection's work is in `taking.rs`.

use crate::{
    begin::{Begin, Begins},
    taking::Taking,
};
use parking_lot::Mutex;
use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};
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
    /// The log has to be asked for from another place, which takes a new connection: call [`Slave::follow`] again at once,
    /// with one. The slave knows where to go on.
    #[error("the master is asked again, for its log from byte {from}")]
    Again {
        /// From where.
        from: u64,
    },
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
    /// This store's own log cannot be compared: its file was deleted meanwhile, or the disk does not give it out.
    #[error("cannot read byte {at} of this slave's own log")]
    Unreadable {
        /// Where.
        at: u64,
    },
    /// This store does not take it.
    #[error("cannot append to this slave's log: {0}")]
    Store(#[from] StoreError),
}

/// Follows a master with a store.
#[derive(Debug)]
pub struct Slave {
    pub(crate) store: Arc<MessageStore>,
    pub(crate) rules: SlaveRules,
    pub(crate) begins: Begins,
    /// How the next connection begins.
    pub(crate) begin: Mutex<Begin>,
    pub(crate) following: Mutex<Option<Following>>,
}

impl Slave {
    /// A slave with this store.
    pub fn new(store: Arc<MessageStore>, rules: SlaveRules) -> Self {
        let (begins, begin, following) = Default::default();
        Self { store, rules, begins, begin, following }
    }

    /// Compares at least `near` bytes of the log, and `far` bytes to find where two logs part; without this, 64 KiB and
    /// 64 MiB. For tests, whose logs are small.
    pub fn comparing(self, near: u64, far: u64) -> Self {
        Self { begins: Begins { near, far }, ..self }
    }

    /// Follows the master at the other end of `stream` until the connection ends or the logs turn out to differ. One call
    /// at a time, and nobody else appends to the store. Each call takes a new connection, and what the master told of its
    /// log just before; what the slave learned from the connection before, it keeps.
    ///
    /// # Errors
    /// Why it ended; it never ends otherwise. After [`FollowError::Again`] call again at once; after
    /// [`FollowError::Io`], [`FollowError::Garbage`] and [`FollowError::Store`] in a while. The others remain until
    /// somebody does something about the logs.
    pub async fn follow<S>(&self, mut stream: S, master: Ends) -> Result<Infallible, FollowError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut taking = Taking::new(self, master)?;
        let flushed = self.store.flushed();
        let mut on_disk = pin!(flushed.reached(u64::MAX));
        let ended = poll_fn(|cx| {
            loop {
                if let Err(error) = taking.poll_stream(cx, Pin::new(&mut stream)) {
                    return Poll::Ready(error);
                }
                if let Some(at) = taking.waits_for_disk() {
                    on_disk.set(flushed.reached(at));
                    if on_disk.as_mut().poll(cx).is_ready() {
                        taking.report();
                        continue;
                    }
                }
                match taking.poll_pulse(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(error),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        Err(ended.await)
    }

    /// How it is doing; `None` while it is not connected.
    pub fn following(&self) -> Option<Following> {
        *self.following.lock()
    }
}

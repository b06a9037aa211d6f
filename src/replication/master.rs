//! The master's end: sends the log to each slave that connects, and knows how far any of them has it.
//!
//! Who may connect is the broker's decision. One connection's work is in `sending.rs`.

use crate::sending::Sending;
use base::{Clock, Watermark};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use store::MessageStore;
use tokio::io::{AsyncRead, AsyncWrite};

/// What a master keeps to.
#[derive(Clone, Copy, Debug)]
pub struct MasterRules {
    /// A silent connection gets a heartbeat after this time (`haSendHeartbeatInterval`).
    pub heartbeat: Duration,
    /// A slave that says nothing for this time is given up (`haHousekeepingInterval`).
    pub silence: Duration,
    /// Most bytes of the log in one frame (`haTransferBatchSize`), 1 to a little less than 4 MiB: an Apache slave has no
    /// room for more. What lies outside counts as the nearest that does not.
    pub frame_bytes: usize,
}

/// A slave that is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Its end of the connection.
    pub addr: SocketAddr,
    /// When it came, ms.
    pub since_ms: i64,
    /// From where on it asked for the log; `None` until it has.
    pub asked: Option<u64>,
    /// Up to where the log was sent to it.
    pub sent: u64,
    /// Up to where it says it has the log, which counts once it has acknowledged something; until then `None`.
    pub acked: Option<u64>,
}

/// Why a slave's connection ended. All but [`ServeError::Io`] is worth a warning.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The connection failed or was closed.
    #[error("the connection ended: {0}")]
    Io(#[from] std::io::Error),
    /// The slave gave no sign of life.
    #[error("the slave said nothing for {} ms", .0.as_millis())]
    Silent(Duration),
    /// It has more than this master.
    #[error("the slave asks for byte {asked} of the log, which ends at {end} here: it has what this master lacks")]
    Ahead {
        /// From where on it wants the log.
        asked: u64,
        /// The end of the log.
        end: u64,
    },
    /// What it wants, or what is next for it, was deleted here.
    #[error(
        "the slave needs byte {at} of the log, which begins at {min} here: stop it, empty its store, start it again"
    )]
    Deleted {
        /// What it needs.
        at: u64,
        /// Where the log begins.
        min: u64,
    },
    /// The disk does not give out what is next for it.
    #[error("cannot read byte {at} of this log")]
    Unreadable {
        /// What it needs.
        at: u64,
    },
    /// It says that it has what was never sent to it.
    #[error("the slave reports the log up to byte {reported}, and was sent it up to {sent}")]
    Unsent {
        /// What it said.
        reported: u64,
        /// What is true.
        sent: u64,
    },
    /// It says that it has less than it said before.
    #[error("the slave reports the log up to byte {reported}, and up to {before} before that")]
    Backwards {
        /// What it said.
        reported: u64,
        /// What it had said.
        before: u64,
    },
}

/// Sends a store's log to slaves.
#[derive(Debug)]
pub struct Master {
    pub(crate) store: Arc<MessageStore>,
    pub(crate) rules: MasterRules,
    pub(crate) clock: Clock,
    pub(crate) replicated: Watermark,
    pub(crate) slaves: Mutex<Slaves>,
}

/// Those that are connected, by a number of their own, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Slaves {
    pub next: u64,
    pub connected: BTreeMap<u64, Connected>,
}

impl Master {
    /// A master of this store.
    pub fn new(store: Arc<MessageStore>, rules: MasterRules, clock: Clock) -> Self {
        Self { store, rules, clock, replicated: Watermark::new(0), slaves: Mutex::default() }
    }

    /// Serves one slave over its connection until that ends. Dropped, it forgets the slave at once.
    ///
    /// # Errors
    /// Why it ended; it never ends otherwise.
    pub async fn serve<S>(&self, addr: SocketAddr, mut stream: S) -> Result<Infallible, ServeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut sending = Sending::new(self, addr);
        let written = self.store.written();
        let mut grown = pin!(written.reached(u64::MAX));
        // One task does all: an acknowledgement that is read wakes who waits for it, and new bytes of the log wake this.
        poll_fn(|cx| {
            loop {
                if let Err(error) = sending.poll_stream(cx, Pin::new(&mut stream)) {
                    return Poll::Ready(Err(error));
                }
                if let Some(next) = sending.lacks() {
                    grown.set(written.reached(next + 1));
                    if grown.as_mut().poll(cx).is_ready() {
                        continue;
                    }
                }
                return match sending.poll_pulse(cx) {
                    Poll::Ready(Ok(())) => continue,
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Pending => Poll::Pending,
                };
            }
        })
        .await
    }

    /// Up to where some slave had the log at some time: what a slave acknowledged and this master had sent to it.
    pub fn replicated(&self) -> &Watermark {
        &self.replicated
    }

    /// Whether a slave is connected that lacks less than `max_behind` bytes of the log up to `end`. This goes by what the
    /// slaves say, also when they come: it tells whether waiting makes sense, and is no promise.
    pub fn has_slave_near(&self, end: u64, max_behind: u64) -> bool {
        let slaves = self.slaves.lock();
        let has = |slave: &Connected| slave.acked.or(slave.asked);
        slaves.connected.values().filter_map(has).any(|has| end.saturating_sub(has) < max_behind)
    }

    /// The slaves that are connected, in the order they came.
    pub fn slaves(&self) -> Vec<Connected> {
        self.slaves.lock().connected.values().cloned().collect()
    }
}

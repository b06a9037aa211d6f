//! The other end of a connection: who it is, and a way to ask it.

use crate::Error;
use parking_lot::Mutex;
use protocol::Command;
use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::atomic::{AtomicI32, AtomicU64, Ordering},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Most requests of this end that wait to be written to one connection.
const OUTBOX_LEN: usize = 8192;

/// The other end of a connection.
pub struct Peer {
    id: u64,
    remote: SocketAddr,
    local: SocketAddr,
    next_opaque: AtomicI32,
    outbox: mpsc::Sender<Command>,
    waiting: Mutex<HashMap<i32, oneshot::Sender<Command>>>,
    pub(crate) closed: CancellationToken,
}

impl Peer {
    /// A peer, and the requests it is to be sent, for [`crate::run`].
    pub fn new(remote: SocketAddr, local: SocketAddr) -> (Self, mpsc::Receiver<Command>) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (outbox, requests) = mpsc::channel(OUTBOX_LEN);
        let peer = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            remote,
            local,
            next_opaque: AtomicI32::new(0),
            outbox,
            waiting: Mutex::default(),
            closed: CancellationToken::new(),
        };
        (peer, requests)
    }

    /// A number no other connection of this process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The address of the other end.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The address of this end.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Ends the connection.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Sends a request that wants no answer. Returns false if the connection is gone or cannot take more.
    pub fn notify(&self, mut request: Command) -> bool {
        request.opaque = self.next_opaque.fetch_add(1, Ordering::Relaxed);
        !self.is_closed() && self.outbox.try_send(request.one_way()).is_ok()
    }

    /// As [`Peer::notify`], but waits until the connection takes the request, at most `timeout`.
    ///
    /// # Errors
    /// If the connection ends or the time passes first.
    pub async fn post(&self, mut request: Command, timeout: Duration) -> Result<(), Error> {
        request.opaque = self.next_opaque.fetch_add(1, Ordering::Relaxed);
        let closed = || Error::Closed { addr: self.remote.to_string() };
        let hand_over = async {
            tokio::select! {
                biased;
                () = self.closed.cancelled() => Err(closed()),
                sent = self.outbox.send(request.one_way()) => sent.map_err(|_| closed()),
            }
        };
        match tokio::time::timeout(timeout, hand_over).await {
            Ok(handed) => handed,
            Err(_) => Err(Error::Busy { addr: self.remote.to_string() }),
        }
    }

    /// Sends a request and waits for its answer, at most `timeout`.
    ///
    /// # Errors
    /// If the connection ends or the time passes first. The request may have been carried out all the same.
    pub async fn call(&self, mut request: Command, timeout: Duration) -> Result<Command, Error> {
        let opaque = self.next_opaque.fetch_add(1, Ordering::Relaxed);
        request.opaque = opaque;
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().insert(opaque, sender);
        // Also forgets the request when the caller stops waiting.
        let _forget = Forget { peer: self, opaque };
        let closed = || Error::Closed { addr: self.remote.to_string() };
        let exchange = async {
            tokio::select! {
                biased;
                sent = self.outbox.send(request) => sent.map_err(|_| closed())?,
                () = self.closed.cancelled() => return Err(closed()),
            }
            tokio::select! {
                biased;
                answer = answer => answer.map_err(|_| closed()),
                () = self.closed.cancelled() => Err(closed()),
            }
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::TimedOut { addr: self.remote.to_string(), after: timeout }),
        }
    }

    pub(crate) fn answered(&self, answer: Command) {
        // An answer nobody waits for is late, or to a request this end sent without wanting one.
        if let Some(waiting) = self.waiting.lock().remove(&answer.opaque) {
            let _ = waiting.send(answer);
        }
    }
}

struct Forget<'a> {
    peer: &'a Peer,
    opaque: i32,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.peer.waiting.lock().remove(&self.opaque);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.remote)
    }
}

//! Connections to servers, one an address, made when first needed and made again when lost.

use crate::{Error, Limits, Peer, Service, connection};
use parking_lot::Mutex;
use protocol::Command;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::net::{TcpStream, lookup_host};
use tokio_util::sync::CancellationToken;

/// A set of connections. Dropping it ends them.
pub struct Client<S> {
    service: Arc<S>,
    connections: Mutex<HashMap<String, Arc<Slot>>>,
    connect_timeout: Duration,
    shutdown: CancellationToken,
}

/// The connection to one address, if there is one; held while it is being made.
type Slot = tokio::sync::Mutex<Option<Arc<Peer>>>;

/// For clients that servers never ask anything: their requests are ignored.
pub struct NoService;

impl Service for NoService {
    fn serve(&self, _: &Arc<Peer>, requests: &mut Vec<Command>, _: &mut crate::Answers) {
        requests.clear();
    }
}

impl Client<NoService> {
    /// A client that answers no requests.
    pub fn asking() -> Self {
        Self::new(Arc::new(NoService))
    }
}

impl<S: Service> Client<S> {
    /// A client whose servers' requests `service` answers. Makes no connection yet.
    pub fn new(service: Arc<S>) -> Self {
        Self {
            service,
            connections: Mutex::default(),
            connect_timeout: Duration::from_secs(3),
            shutdown: CancellationToken::new(),
        }
    }

    /// The same, giving up on a connection attempt after `timeout` (default 3 s).
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The connection to `addr` (`host:port`), made if there is none.
    ///
    /// # Errors
    /// [`Error::Connect`] naming the address.
    pub async fn peer(&self, addr: &str) -> Result<Arc<Peer>, Error> {
        let slot = self.connections.lock().entry(addr.to_owned()).or_default().clone();
        // One attempt at a time for an address; the others wait for it.
        let mut slot = slot.lock().await;
        if let Some(peer) = slot.as_ref().filter(|peer| !peer.is_closed()) {
            return Ok(peer.clone());
        }
        let peer = match tokio::time::timeout(self.connect_timeout, self.connect(addr)).await {
            Ok(connected) => connected?,
            Err(_) => {
                let why = format!("no answer within {} ms", self.connect_timeout.as_millis());
                return Err(Error::Connect { addr: addr.to_owned(), why });
            }
        };
        *slot = Some(peer.clone());
        Ok(peer)
    }

    async fn connect(&self, addr: &str) -> Result<Arc<Peer>, Error> {
        let failed = |error: &std::io::Error| Error::connect(addr, error);
        let mut last = None;
        for candidate in lookup_host(addr).await.map_err(|error| failed(&error))? {
            match TcpStream::connect(candidate).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    let local = stream.local_addr().map_err(|error| failed(&error))?;
                    let (peer, requests_out) = Peer::new(candidate, local);
                    let peer = Arc::new(peer);
                    let (task_peer, service, shutdown) = (peer.clone(), self.service.clone(), self.shutdown.clone());
                    tokio::spawn(async move {
                        let limits = Limits::default();
                        connection::run(stream, task_peer, requests_out, &*service, limits, &shutdown).await;
                    });
                    return Ok(peer);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(
            || Error::Connect { addr: addr.to_owned(), why: "the name has no address".to_owned() },
            |error| failed(&error),
        ))
    }

    /// Asks `addr` and waits for the answer, at most `timeout` including the time to connect.
    ///
    /// # Errors
    /// See [`Error`]. The request may have been carried out unless it is [`Error::Connect`].
    pub async fn call(&self, addr: &str, request: Command, timeout: Duration) -> Result<Command, Error> {
        let ask = async { self.peer(addr).await?.call(request, timeout).await };
        match tokio::time::timeout(timeout, ask).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::TimedOut { addr: addr.to_owned(), after: timeout }),
        }
    }

    /// Sends `addr` a request that wants no answer.
    ///
    /// # Errors
    /// If no connection can be made, or it takes no more.
    pub async fn notify(&self, addr: &str, request: Command) -> Result<(), Error> {
        let peer = self.peer(addr).await?;
        if peer.notify(request) { Ok(()) } else { Err(Error::Busy { addr: addr.to_owned() }) }
    }

    /// The addresses with a live connection.
    pub async fn connected(&self) -> Vec<String> {
        let slots: Vec<_> = self.connections.lock().iter().map(|(addr, slot)| (addr.clone(), slot.clone())).collect();
        let mut live = Vec::new();
        for (addr, slot) in slots {
            if slot.lock().await.as_ref().is_some_and(|peer| !peer.is_closed()) {
                live.push(addr);
            }
        }
        live
    }

    /// Ends all connections once what was handed to them is written.
    pub fn close(&self) {
        self.shutdown.cancel();
    }
}

impl<S> Drop for Client<S> {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

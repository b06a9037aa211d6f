//! The port for slaves: who may take the log from it, and who does.
//!
//! Only a master opens it, at `haListenPort`. A slave's stays closed: what follows a slave would be no better than the
//! slave, and nothing asks for it. What goes over a connection is [`replication::Master`]'s; here is decided who gets one:
//! this machine, the brokers that the name servers know under this broker's name, and `haAllowedAddresses`.

use crate::{broker::Broker, config::BrokerConfig, networks::Networks, start_error::StartError};
use base::{Clock, Tasks};
use parking_lot::RwLock;
use remoting::server;
use replication::{Master, MasterRules, ServeError};
use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use store::MessageStore;
use tokio::{
    net::{TcpListener, TcpStream, lookup_host},
    sync::{Mutex, Semaphore},
    time::Instant,
};

/// Most slaves at once.
const MAX_SLAVES: usize = 64;
/// Most unknown peers at once that the name servers are asked about; they take no slave's place.
const MAX_STRANGERS: usize = 8;
/// The name servers are asked at most this often.
const ASK_PERIOD: Duration = Duration::from_secs(1);
/// How long to wait after a failed accept, for instance when the process has no file descriptor left.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
/// How long a master that stops waits for a slave that is near to have everything, and for connections to end.
const STOP_DEADLINE: Duration = Duration::from_secs(1);

/// The slaves of a broker; none, if it is a slave itself.
pub struct Slaves {
    master: Master,
    /// Where the name servers know brokers of this name, as far as it was asked.
    known: RwLock<HashSet<IpAddr>>,
    /// When that was, held while it is asked.
    asked: Mutex<Option<Instant>>,
    places: Semaphore,
    strangers: Semaphore,
    /// Their connections, which end after those of clients: who waits for a slave is answered first.
    tasks: Tasks,
}

impl Slaves {
    /// Slaves that take this store's log.
    pub fn new(store: Arc<MessageStore>, config: &BrokerConfig, clock: Clock) -> Self {
        let rules = MasterRules {
            heartbeat: Duration::from_millis(config.ha_send_heartbeat_interval_ms),
            silence: Duration::from_millis(config.ha_housekeeping_interval_ms),
            frame_bytes: config.ha_transfer_batch_size as usize,
        };
        Self {
            master: Master::new(store, rules, clock),
            known: RwLock::default(),
            asked: Mutex::default(),
            places: Semaphore::new(MAX_SLAVES),
            strangers: Semaphore::new(MAX_STRANGERS),
            tasks: Tasks::default(),
        }
    }

    /// What they have.
    pub fn master(&self) -> &Master {
        &self.master
    }

    /// Ends their connections, once a slave that is near has the log up to `end`, or soon.
    pub async fn stop(&self, end: u64, max_behind: u64) {
        if self.master.has_slave_near(end, max_behind) {
            let caught_up = tokio::time::timeout(STOP_DEADLINE, self.master.replicated().reached(end)).await;
            if caught_up.is_err() {
                tracing::warn!(end, acked = self.master.replicated().get(), "no slave has the whole log at the stop");
            }
        }
        self.tasks.stop(STOP_DEADLINE).await;
    }
}

/// Opens the port.
///
/// # Errors
/// If it is taken, or not to be had.
pub fn bind(addr: SocketAddr) -> Result<TcpListener, StartError> {
    server::bind(addr).map_err(|source| StartError::ListenForSlaves { addr, source })
}

/// Takes connections until the slaves are told to stop.
pub fn serve(broker: Arc<Broker>, listener: TcpListener) {
    let tasks = broker.slaves().tasks.clone();
    let shutdown = tasks.shutdown().clone();
    tasks.clone().spawn("port for slaves", async move {
        while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
            let (stream, addr) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot take a slave's connection");
                    tokio::time::sleep(AFTER_FAILURE).await;
                    continue;
                }
            };
            let (broker, shutdown) = (broker.clone(), shutdown.clone());
            tasks.spawn("slave", async move {
                shutdown.run_until_cancelled(take(&broker, stream, addr)).await;
            });
        }
    });
}

/// Serves one connection, if it may have the log.
async fn take(broker: &Broker, stream: TcpStream, addr: SocketAddr) {
    let ip = addr.ip().to_canonical();
    // Whoever comes from the address it came to is on this machine, as with loopback.
    let is_here = stream.local_addr().is_ok_and(|own| own.ip().to_canonical() == ip);
    if !is_here && !is_allowed(broker, ip) && !is_known_when_asked(broker, ip).await {
        tracing::warn!(
            %addr,
            "refused a connection for slaves: it comes neither from this machine nor from where the name servers know a \
             broker of this name; if it is a slave, add its address to haAllowedAddresses"
        );
        return;
    }
    let Ok(_place) = broker.slaves().places.try_acquire() else {
        tracing::warn!(%addr, "refused a slave: there are {MAX_SLAVES} already");
        return;
    };
    let _ = stream.set_nodelay(true);
    tracing::info!(%addr, "a slave has connected");
    match broker.slaves().master.serve(addr, stream).await {
        Ok(never) => match never {},
        Err(error @ ServeError::Io(_)) => tracing::info!(%addr, %error, "a slave has gone"),
        Err(error) => tracing::warn!(%addr, %error, "a slave was sent away"),
    }
}

/// Whether an address may have the log, without asking anyone.
fn is_allowed(broker: &Broker, ip: IpAddr) -> bool {
    let listed = || Networks::parse(&broker.config().ha_allowed_addresses).is_some_and(|list| list.contain(ip));
    ip.is_loopback() || broker.slaves().known.read().contains(&ip) || listed()
}

/// Whether the name servers know a broker of this name at an address. Not, if too much is asked.
async fn is_known_when_asked(broker: &Broker, ip: IpAddr) -> bool {
    let slaves = broker.slaves();
    let Ok(_place) = slaves.strangers.try_acquire() else { return false };
    let mut asked = slaves.asked.lock().await;
    if asked.is_none_or(|asked| asked.elapsed() >= ASK_PERIOD)
        && let Some(brokers) = broker.announcer().brokers_named(&broker.config().broker_name).await
    {
        let mut known = HashSet::new();
        for addr in brokers.values() {
            let found = lookup_host(addr).await;
            known.extend(found.into_iter().flatten().map(|addr| addr.ip().to_canonical()));
        }
        *slaves.known.write() = known;
    }
    *asked = Some(asked.filter(|asked| asked.elapsed() < ASK_PERIOD).unwrap_or_else(Instant::now));
    slaves.known.read().contains(&ip)
}

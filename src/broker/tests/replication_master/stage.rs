//! What the tests of a master share: a broker as master, and a slave made by hand, which speaks as a slave does and does
//! only what it is told.

pub use crate::{
    asked::{Asked, BEGIN_MS, PATIENCE},
    told::Told,
};
use base::Clock;
use broker::{config::BrokerConfig, config_values::BrokerRole};
use protocol::{code::request, inspect::KvTable};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// A master that waits for slaves for `slave_timeout_ms`.
pub async fn sync_master(slave_timeout_ms: u64) -> Asked {
    master(|config| {
        config.broker_role = BrokerRole::SyncMaster;
        config.slave_timeout_ms = slave_timeout_ms;
    })
    .await
}

pub async fn master(set: impl FnOnce(&mut BrokerConfig)) -> Asked {
    let dir = tempfile::tempdir().expect("a temporary folder");
    Asked::start_in(dir, Clock::manual(BEGIN_MS), set).await
}

/// Longer than any test may take: who is to be waited for in vain has a time of its own.
pub const LONG_MS: u64 = 600_000;

/// Where a master takes its slaves.
pub fn port_for_slaves(asked: &Asked) -> u16 {
    asked.broker.config().ha_listen_port
}

pub struct ByHand {
    stream: TcpStream,
}

impl ByHand {
    /// A slave on this machine that asks for the log from `offset` on.
    pub async fn from(asked: &Asked, offset: u64) -> Self {
        let mut slave = Self::silent(asked, Ipv4Addr::LOCALHOST.into()).await;
        slave.report(offset).await;
        slave
    }

    /// A connection from an address of this machine, on which nothing is said yet.
    pub async fn silent(asked: &Asked, from: IpAddr) -> Self {
        Self::between(asked, from, Ipv4Addr::LOCALHOST.into()).await
    }

    /// The same to another address of this machine.
    pub async fn between(asked: &Asked, from: IpAddr, to: IpAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("the system has sockets");
        socket.bind(SocketAddr::new(from, 0)).expect("an address of this machine");
        let addr = SocketAddr::new(to, port_for_slaves(asked));
        Self { stream: socket.connect(addr).await.expect("the port is open") }
    }

    /// Where the master sees it.
    pub fn addr(&self) -> SocketAddr {
        self.stream.local_addr().expect("connected")
    }

    pub async fn report(&mut self, offset: u64) {
        self.write(&offset.to_be_bytes()).await;
    }

    /// Writes what it likes; that nobody takes it any more is no failure.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next piece of the log and where it lies; heartbeats are passed over. `None` once the master has closed.
    pub async fn piece(&mut self) -> Option<(u64, Vec<u8>)> {
        loop {
            let next = async {
                let at = self.stream.read_u64().await?;
                let mut bytes = vec![0; self.stream.read_u32().await? as usize];
                self.stream.read_exact(&mut bytes).await?;
                std::io::Result::Ok((at, bytes))
            };
            match tokio::time::timeout(PATIENCE, next).await.expect("a frame or the end") {
                Ok((_, bytes)) if bytes.is_empty() => {}
                Ok(piece) => return Some(piece),
                Err(_) => return None,
            }
        }
    }

    /// Takes the log up to `end` without a word; all its bytes from where the first piece lies.
    pub async fn take(&mut self, end: u64) -> (u64, Vec<u8>) {
        let (from, mut log) = self.piece().await.expect("the log");
        while from + (log.len() as u64) < end {
            let (at, bytes) = self.piece().await.expect("more of the log");
            assert_eq!(at, from + log.len() as u64, "one piece follows the other");
            log.extend(bytes);
        }
        (from, log)
    }

    /// Takes the log and reports it, for as long as there is one.
    pub async fn follow(mut self) {
        while let Some((at, bytes)) = self.piece().await {
            self.report(at + bytes.len() as u64).await;
        }
    }
}

/// What the master says of itself.
pub async fn info(asked: &Asked) -> BTreeMap<String, String> {
    asked.ask_for(request::GET_BROKER_RUNTIME_INFO, &[]).await.json::<KvTable>().expect("a table").table
}

/// Asks for the master's word until it is as wanted.
pub async fn until(asked: &Asked, wanted: impl Fn(&BTreeMap<String, String>) -> bool) -> BTreeMap<String, String> {
    let found = async {
        loop {
            let info = info(asked).await;
            if wanted(&info) {
                return info;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("it comes to that")
}

/// Until so many slaves are connected.
pub async fn connected(asked: &Asked, slaves: usize) {
    until(asked, |info| info["haSlaves"] == slaves.to_string()).await;
}

/// An address of this machine that is not its own only, if it has one.
pub fn outer_address() -> Option<IpAddr> {
    let found: IpAddr = broker::address::advertised_address().parse().ok()?;
    (!found.is_loopback()).then_some(found)
}

/// Soon enough to be waited for in vain.
pub const SHORT_MS: u64 = Duration::from_millis(30).as_millis() as u64;

//! The name server: who serves which topic. Brokers register here, clients and tools ask.
//!
//! Every name server stands alone: none talks to another, and but for the KV settings nothing is kept on disk. Any
//! number of them can run in one process.

pub mod config;
mod dispatch;
mod kv;
mod lookup;
mod refused;
mod registration;
mod routes;

pub use config::NamesrvConfig;

use base::Tasks;
use dispatch::Directory;
use remoting::{Limits, server};
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// How often brokers that fell silent are looked for.
const SCAN_EVERY: Duration = Duration::from_secs(10);
/// As long as no connection lasts.
const IDLE_WITHOUT_END: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// How long a stop waits for connections to write what is ready.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Why a name server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {why}; choose another with --listen")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        why: io::Error,
    },
    /// The KV settings of an earlier run cannot be read.
    #[error("cannot read the KV settings in {}: {why}; repair the file or move it away", path.display())]
    KvSettings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: io::Error,
    },
}

/// A name server that runs until it is stopped.
#[derive(Debug)]
pub struct NameServer {
    addr: SocketAddr,
    tasks: Tasks,
}

impl NameServer {
    /// Starts to serve on `listen`, whatever port the settings name; port 0 takes a free one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start(config: NamesrvConfig, listen: SocketAddr) -> Result<Self, Error> {
        let kv_path = config.kv_config_path.clone();
        let idle = match config.server_channel_max_idle_seconds {
            0 => IDLE_WITHOUT_END,
            seconds => Duration::from_secs(seconds),
        };
        let directory =
            Directory::open(config).map_err(|why| Error::KvSettings { path: kv_path, why }).map(Arc::new)?;
        let failed = |why| Error::Listen { addr: listen, why };
        let listener = server::bind(listen).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;

        let (tasks, limits) = (Tasks::default(), Limits { idle, ..Limits::default() });
        scan(&tasks, directory.clone());
        tasks.spawn("listener", server::serve(listener, directory, limits, tasks.clone()));
        tracing::info!(%addr, "the name server listens");
        Ok(Self { addr, tasks })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends every connection once what is ready is written, then returns.
    pub async fn stop(self) {
        if !self.tasks.stop(STOP_WITHIN).await {
            tracing::warn!(addr = %self.addr, "stopped before every connection had ended");
        }
    }
}

fn scan(tasks: &Tasks, directory: Arc<Directory>) {
    tasks.every("scan for silent brokers", SCAN_EVERY, move || directory.drop_silent_brokers());
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use protocol::{Command, code::request, frame, registration::Register};
    use remoting::Peer;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
        time::Instant,
    };

    async fn ask(wire: &mut DuplexStream, request: Command) -> Command {
        wire.write_all(&frame::encode(&request).unwrap()).await.unwrap();
        let mut bytes = BytesMut::new();
        loop {
            if let Some(answer) = frame::decode(&mut bytes).unwrap() {
                return answer;
            }
            assert_ne!(wire.read_buf(&mut bytes).await.unwrap(), 0, "the connection is closed");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_silent_for_120_s_is_gone_and_its_connection_closed() {
        let folder = tempfile::tempdir().unwrap();
        let config = NamesrvConfig { kv_config_path: folder.path().join("kv.json"), ..NamesrvConfig::default() };
        let directory = Arc::new(Directory::open(config).unwrap());
        let tasks = Tasks::default();
        scan(&tasks, directory.clone());
        let (mut broker, far) = tokio::io::duplex(1 << 16);
        let local = "127.0.0.1:1".parse().unwrap();
        let (peer, requests_out) = Peer::new(local, local);
        let (serving, shutdown) = (directory.clone(), tasks.shutdown().clone());
        tasks.spawn("connection", async move {
            // A connection that is kept busy by other requests is not idle: only the scan can end it.
            let limits = Limits { idle: Duration::from_secs(100_000), ..Limits::default() };
            remoting::run(far, Arc::new(peer), requests_out, &*serving, limits, &shutdown).await;
        });
        let header = Register {
            broker_name: "broker-a".into(),
            broker_addr: "10.0.0.1:10911".into(),
            cluster_name: "C".into(),
            ha_server_addr: "10.0.0.1:10912".into(),
            broker_id: 0,
            compressed: false,
            body_crc32: 0,
        };
        let register = Command::request(request::REGISTER_BROKER).with_header(&header);
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(ask(&mut broker, register.clone()).await.code, 0);
        let start = Instant::now();
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(ask(&mut broker, register).await.code, 0);
        // The second registration counts: at 220 s it is 120 s old, which is not yet too old.
        tokio::time::sleep(Duration::from_secs(115)).await;
        let clusters = ask(&mut broker, Command::request(request::GET_BROKER_CLUSTER_INFO)).await;
        assert!(String::from_utf8(clusters.body.to_bytes().to_vec()).unwrap().contains("broker-a"));
        assert_eq!(broker.read(&mut [0; 1]).await.unwrap(), 0);
        assert!((220..=230).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        assert!(directory.routes.lock().brokers.is_empty());
        assert!(tasks.stop(STOP_WITHIN).await);
    }
}

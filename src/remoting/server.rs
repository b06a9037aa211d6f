//! Takes connections on a listening socket and serves each by a task of its own.

use crate::{Limits, Peer, Service, connection};
use base::Tasks;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpSocket};

/// How long to wait after a failed accept, for instance when the process has no file descriptor left.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
const BACKLOG: u32 = 1024;

/// Opens a listening socket. Port 0 takes a free one.
///
/// # Errors
/// If the address is not this machine's or the port is taken.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Serves connections until `tasks` shut down; each connection is one of `tasks`.
pub async fn serve<S: Service>(listener: TcpListener, service: Arc<S>, limits: Limits, tasks: Tasks) {
    let shutdown = tasks.shutdown().clone();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Never fatal: the cause (too many open files, an aborted connection) passes.
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { continue };
        let (peer, requests_out) = Peer::new(remote, local);
        let (service, shutdown) = (service.clone(), shutdown.clone());
        tasks.spawn("connection", async move {
            connection::run(stream, Arc::new(peer), requests_out, &*service, limits, &shutdown).await;
        });
    }
}

//! One process's part in a cluster: its name, its connections, its routes, and the groups it takes part in.
//!
//! Producers, consumers and admin tools stand on it and may share one. What is asked of whom stands in the files of
//! its subject: `discovery`, `routes`, `offsets`, `heartbeat`.

use crate::{
    config::ClientConfig, error::Error, groups::Groups, heartbeat, identity, incoming::Incoming, routes::Routes,
};
use base::Tasks;
use futures_util::FutureExt;
use protocol::{Command, code::response};
use remoting::Names;
use std::{
    sync::{Arc, Weak, atomic::AtomicUsize},
    time::Duration,
};

/// How long tasks may take to end when the client shuts down.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// A client of a cluster. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: ClientConfig,
    pub(crate) id: String,
    pub(crate) names: Names,
    /// The name server that answered last, as a position in the list.
    pub(crate) favourite: AtomicUsize,
    pub(crate) routes: Routes,
    pub(crate) groups: Arc<Groups>,
    pub(crate) remoting: remoting::Client<Incoming>,
    tasks: Tasks,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.tasks.shutdown().cancel();
    }
}

impl Client {
    /// A client on the current runtime. Asks nothing yet.
    ///
    /// # Errors
    /// If the name servers are given wrongly.
    pub fn start(config: ClientConfig) -> Result<Self, Error> {
        let groups = Arc::<Groups>::default();
        let remoting = remoting::Client::new(Arc::new(Incoming::new(groups.clone())));
        let shared = Arc::new(Shared {
            names: Names::parse(&config.names)?,
            id: identity::client_id(config.instance.as_deref()),
            // Clients spread over the name servers.
            favourite: AtomicUsize::new(usize::from(rand::random::<u16>())),
            routes: Routes::new(groups.heartbeat_due.clone()),
            groups,
            remoting: remoting.with_connect_timeout(config.connect_timeout),
            tasks: Tasks::default(),
            config,
        });
        let client = Self { shared };
        client.every("ask routes again", client.config().route_period, |client| async move {
            client.refresh_routes().await;
        });
        if client.shared.names.is_dynamic() {
            client.every("ask the address server", remoting::REFRESH_PERIOD, |client| async move {
                if let Err(error) = client.shared.names.refresh().await {
                    tracing::warn!(%error, "keeps the known name servers");
                }
            });
        }
        let heartbeats = heartbeat::run(
            client.downgrade(),
            client.shared.groups.heartbeat_due.clone(),
            client.config().heartbeat_period,
            client.shutdown_token(),
        );
        client.shared.tasks.spawn("heartbeat", heartbeats);
        Ok(client)
    }

    /// The name this client gives itself: `ip@pid#nanoseconds`, or `ip@instance`.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// How it was set up.
    pub fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    /// Asks a broker or name server; any answer but success is an error.
    ///
    /// # Errors
    /// [`Error::Unreachable`], or [`Error::Refused`].
    pub async fn ask(&self, addr: &str, request: Command) -> Result<Command, Error> {
        self.ask_within(addr, request, self.config().request_timeout).await
    }

    /// [`Client::ask`] with a time-out of its own.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn ask_within(&self, addr: &str, request: Command, timeout: Duration) -> Result<Command, Error> {
        let code = request.code;
        succeeded(addr, code, self.call(addr, request, timeout).await?)
    }

    /// Asks a broker or name server and gives back its answer, whatever it is.
    ///
    /// # Errors
    /// [`Error::Unreachable`], or [`Error::ShutDown`].
    pub async fn call(&self, addr: &str, request: Command, timeout: Duration) -> Result<Command, Error> {
        if self.shutdown_token().is_cancelled() {
            return Err(Error::ShutDown);
        }
        let remoting = &self.shared.remoting;
        // Usually there is a connection: that is found without a wait, and costs a request one timer and not two.
        match remoting.peer(addr).now_or_never() {
            Some(peer) => Ok(peer?.call(request, timeout).await?),
            None => Ok(Box::pin(remoting.call(addr, request, timeout)).await?),
        }
    }

    /// Sends a request that wants no answer, waiting until the connection takes it.
    ///
    /// # Errors
    /// [`Error::Unreachable`], or [`Error::ShutDown`].
    pub async fn post(&self, addr: &str, request: Command, timeout: Duration) -> Result<(), Error> {
        if self.shutdown_token().is_cancelled() {
            return Err(Error::ShutDown);
        }
        let peer = self.shared.remoting.peer(addr).await?;
        Ok(peer.post(request, timeout).await?)
    }

    /// Takes back the connections and ends the background tasks. Groups should have been left before.
    pub async fn shutdown(&self) {
        self.shared.tasks.stop(STOP_WITHIN).await;
        self.shared.remoting.close();
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn downgrade(&self) -> WeakClient {
        WeakClient(Arc::downgrade(&self.shared))
    }

    pub(crate) fn shutdown_token(&self) -> tokio_util::sync::CancellationToken {
        self.shared.tasks.shutdown().clone()
    }

    /// Runs `work` every `period` until the client is shut down or nobody holds it.
    fn every<F: Future<Output = ()> + Send>(
        &self,
        name: &'static str,
        period: Duration,
        work: impl Fn(Client) -> F + Send + Sync + 'static,
    ) {
        let (client, shutdown) = (self.downgrade(), self.shutdown_token());
        self.shared.tasks.spawn(name, async move {
            while shutdown.run_until_cancelled(tokio::time::sleep(period)).await.is_some() {
                let Some(client) = client.upgrade() else { return };
                shutdown.run_until_cancelled(work(client)).await;
            }
        });
    }
}

/// A client that does not keep itself alive: for its own background tasks.
#[derive(Clone)]
pub(crate) struct WeakClient(Weak<Shared>);

impl WeakClient {
    pub(crate) fn upgrade(&self) -> Option<Client> {
        self.0.upgrade().map(|shared| Client { shared })
    }
}

/// The answer, or the refusal it is.
pub(crate) fn succeeded(addr: &str, request: i32, answer: Command) -> Result<Command, Error> {
    if answer.code == response::SUCCESS { Ok(answer) } else { Err(refused(addr, request, answer)) }
}

pub(crate) fn refused(addr: &str, request: i32, answer: Command) -> Error {
    Error::Refused { addr: addr.to_owned(), request, code: answer.code, remark: answer.remark.unwrap_or_default() }
}

pub(crate) fn malformed(addr: &str, request: i32, why: impl ToString) -> Error {
    Error::Malformed { addr: addr.to_owned(), request, why: why.to_string() }
}

//! How a command reaches a cluster: its name servers and its time-out; and the runtime it runs in.

use crate::{
    cluster,
    failure::{Failure, Kind},
    log, when,
};
use admin::Admin;
use client::{Client, ClientConfig};
use std::{future::Future, time::Duration};

/// Where a name server is looked for when nothing says where.
const NOWHERE_SAID: &str = "127.0.0.1:9876";
/// What one question may take at least, however many name servers share the time-out.
const LEAST_ASKED: Duration = Duration::from_millis(200);

/// The options of every command that talks to a cluster.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub struct Reach {
    /// Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]
    #[arg(short, long, env = "NAMESRV_ADDR", value_name = "ADDR[;ADDR]", hide_env_values = true)]
    namesrv: Option<String>,
    /// How long to try before giving up
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = when::duration)]
    pub timeout: Duration,
}

impl Reach {
    /// The same with the name servers known: those that were said, those of the cluster that runs here, or those that
    /// are usual.
    pub async fn settled(mut self) -> Self {
        if self.said().is_none() {
            self.namesrv = cluster::running_name_servers().await;
        }
        self
    }

    fn said(&self) -> Option<&str> {
        self.namesrv.as_deref().map(str::trim).filter(|names| !names.is_empty())
    }

    /// The name servers, as they were said.
    pub fn names(&self) -> String {
        self.said().unwrap_or(NOWHERE_SAID).to_owned()
    }

    /// A client of the cluster. Asks nothing yet.
    ///
    /// # Errors
    /// If the name servers are given wrongly.
    pub fn client(&self) -> Result<Client, Failure> {
        self.start(None)
    }

    /// The same with a name of its own on this machine.
    ///
    /// # Errors
    /// As [`Reach::client`].
    pub fn client_named(&self, instance: &str) -> Result<Client, Failure> {
        self.start(Some(instance.to_owned()))
    }

    /// A client that gives each question so long. Asks nothing yet.
    ///
    /// # Errors
    /// As [`Reach::client`].
    pub fn client_asking(&self, one: Duration) -> Result<Client, Failure> {
        let config = ClientConfig { request_timeout: one, connect_timeout: one, ..ClientConfig::new(self.names()) };
        Ok(Client::start(config)?)
    }

    fn start(&self, instance: Option<String>) -> Result<Client, Failure> {
        let names = self.names();
        let several = names.split([';', ',']).filter(|name| !name.trim().is_empty()).count().max(1);
        // A little less, so that a question that is not answered says who did not answer.
        let one = (self.timeout * 9 / 10 / several as u32).max(LEAST_ASKED).min(self.timeout);
        let mut config = ClientConfig::new(names);
        config.request_timeout = one;
        config.connect_timeout = one;
        config.instance = instance;
        Ok(Client::start(config)?)
    }

    /// An administrator of the cluster. Asks nothing yet.
    ///
    /// # Errors
    /// As [`Reach::client`].
    pub fn admin(&self) -> Result<Admin, Failure> {
        Ok(Admin::on(&self.client()?))
    }

    /// What `work` gives, if it is done within the time-out.
    ///
    /// # Errors
    /// That of `work`, or a failure that names every name server. Where there is no broker, nothing is ever found, and that
    /// says nothing about what was looked for: then it is told that there is none.
    pub async fn within<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(Err(failure)) if failure.kind() == Some(Kind::NotFound) => Err(self.unless_no_broker(failure).await),
            Ok(outcome) => outcome,
            Err(_) => Err(self.timed_out()),
        }
    }

    /// The failure, or that the name servers know no broker.
    pub async fn unless_no_broker(&self, failure: Failure) -> Failure {
        let Ok(admin) = self.admin() else { return failure };
        let brokers = tokio::time::timeout(self.timeout, admin.brokers()).await;
        match brokers {
            Ok(Ok(brokers)) if brokers.is_empty() => self.no_broker(),
            _ => failure,
        }
    }

    /// What is said where the name servers answer and know no broker.
    pub fn no_broker(&self) -> Failure {
        let names = self.names();
        let message = format!("no broker is registered at the name servers; tried: {}", names.replace(';', ", "));
        let failure = Failure::new(Kind::Unreachable, message).target(names).retryable();
        failure.hint("start a broker with `rmq broker` or `rmq cluster up`; its log says where it registers")
    }

    /// What is said when the time is over.
    pub fn timed_out(&self) -> Failure {
        let names = self.names();
        let message = format!("not done within {:?}; name servers tried: {}", self.timeout, names.replace(';', ", "));
        Failure::new(Kind::Unreachable, message).code("TIMED_OUT").target(names).retryable()
    }
}

/// Runs a command to its end.
///
/// # Errors
/// That of `work`.
pub fn run(log_level: Option<log::Level>, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    log::begin(log_level, log::Level::COMMAND);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Failed, format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

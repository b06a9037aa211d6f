//! The door: who is asked, and what a cluster consists of.

use crate::{BrokerRef, Error, Where};
use client::{Client, ClientConfig};
use protocol::{Command, code::request, route::ClusterInfo};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long one question may take. Source: `mqadmin`'s default.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks and orders. The questions stand in the files of their subjects.
#[derive(Clone)]
pub struct Admin {
    pub(crate) client: Client,
}

impl Admin {
    /// An administrator of the cluster that these name servers know (`host:port;host:port`, or the `http://` URL of
    /// an address server). Asks nothing yet, but the address server if there is one.
    ///
    /// # Errors
    /// If the name servers are given wrongly or the address server does not tell them.
    pub async fn connect(names: &str) -> Result<Self, Error> {
        let config = ClientConfig { request_timeout: TIMEOUT, ..ClientConfig::new(names) };
        let client = Client::start(config)?;
        client.name_servers().await?;
        Ok(Self { client })
    }

    /// One that stands on a client others use too.
    pub fn on(client: &Client) -> Self {
        Self { client: client.clone() }
    }

    /// The client it stands on.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Every cluster and broker there is.
    ///
    /// # Errors
    /// If no name server answers.
    pub async fn cluster_info(&self) -> Result<ClusterInfo, Error> {
        self.ask_names_for(Command::request(request::GET_BROKER_CLUSTER_INFO)).await
    }

    /// Every broker there is, masters and slaves, in the order of their names.
    ///
    /// # Errors
    /// If no name server answers.
    pub async fn brokers(&self) -> Result<Vec<BrokerRef>, Error> {
        let mut brokers = BrokerRef::all_in(&self.cluster_info().await?);
        brokers.sort_unstable();
        Ok(brokers)
    }

    /// The brokers that `place` means. A broker's name means its master, its address the one that has it.
    ///
    /// # Errors
    /// [`Error::NoCluster`] or [`Error::NoBroker`] with what there is instead.
    pub async fn masters(&self, place: &Where) -> Result<Vec<BrokerRef>, Error> {
        let info = self.cluster_info().await?;
        let mut brokers = BrokerRef::all_in(&info);
        match place {
            Where::Everywhere => brokers.retain(BrokerRef::is_master),
            Where::Cluster(name) => {
                if !info.cluster_addr_table.contains_key(name) {
                    let known = info.cluster_addr_table.into_keys().collect();
                    return Err(Error::NoCluster { name: name.clone(), known });
                }
                brokers.retain(|broker| broker.is_master() && broker.cluster == *name);
            }
            Where::Broker(name) => {
                let known = brokers.iter().map(ToString::to_string).collect();
                brokers.retain(|broker| broker.addr == *name || broker.is_master() && broker.name == *name);
                if brokers.is_empty() {
                    return Err(Error::NoBroker { name: name.clone(), known });
                }
            }
        }
        if brokers.is_empty() {
            let name = format!("{place} (a master)");
            return Err(Error::NoBroker { name, known: Vec::new() });
        }
        brokers.sort_unstable();
        Ok(brokers)
    }

    /// Ends the connections, if the client is not used by others.
    pub async fn shutdown(&self) {
        self.client.shutdown().await;
    }

    pub(crate) async fn ask_names_for<T: DeserializeOwned>(&self, request: Command) -> Result<T, Error> {
        let code = request.code;
        let answer = self.client.ask_names(request).await?;
        read(&answer, "a name server", code)
    }
}

/// The body of an answer.
pub(crate) fn read<T: DeserializeOwned>(answer: &Command, addr: &str, request: i32) -> Result<T, Error> {
    answer.json().map_err(|error| malformed(addr, request, error))
}

pub(crate) fn malformed(addr: &str, request: i32, why: impl ToString) -> Error {
    Error::Client(client::Error::Malformed { addr: addr.to_owned(), request, why: why.to_string() })
}

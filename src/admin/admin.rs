//! The door: who is asked, and what a cluster consists of.

use crate::{BrokerRef, Error, Outcome, PerBroker, Where};
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

    /// The brokers that `place` means. A broker's name means its master, `NAME:ID` the one of that id, its address the one
    /// that has it.
    ///
    /// # Errors
    /// [`Error::NoCluster`] or [`Error::NoBroker`] with what there is instead, [`Error::NoMaster`] if only slaves are there.
    pub async fn masters(&self, place: &Where) -> Result<Vec<BrokerRef>, Error> {
        Ok(self.meant(place).await?.0)
    }

    /// Asks the masters that `place` means. A name of which only slaves are there has no answer, and that is told.
    pub(crate) async fn ask_masters<T, F>(
        &self,
        place: &Where,
        question: impl Fn(BrokerRef) -> F,
    ) -> Result<PerBroker<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (masters, headless) = self.meant(place).await?;
        let mut answers = PerBroker::ask(masters, question).await;
        answers.0.extend(headless.into_iter().map(|slave| Outcome { result: Err(no_master(&slave)), broker: slave }));
        answers.0.sort_by(|one, other| one.broker.cmp(&other.broker));
        Ok(answers)
    }

    /// The masters that `place` means, and a slave of each name that has none.
    async fn meant(&self, place: &Where) -> Result<(Vec<BrokerRef>, Vec<BrokerRef>), Error> {
        let info = self.cluster_info().await?;
        let mut brokers = BrokerRef::all_in(&info);
        let first = info.broker_addr_table.values().filter_map(BrokerRef::first_of);
        let mut headless: Vec<BrokerRef> = first.filter(|broker| !broker.is_master()).collect();
        match place {
            Where::Everywhere => brokers.retain(BrokerRef::is_master),
            Where::Cluster(name) => {
                if !info.cluster_addr_table.contains_key(name) {
                    let known = info.cluster_addr_table.into_keys().collect();
                    return Err(Error::NoCluster { name: name.clone(), known });
                }
                brokers.retain(|broker| broker.is_master() && broker.cluster == *name);
                headless.retain(|broker| broker.cluster == *name);
            }
            Where::Broker(name) => {
                let known = brokers.iter().map(ToString::to_string).collect();
                brokers.retain(|broker| broker.is(name));
                if brokers.is_empty() {
                    let slave = headless.iter().find(|slave| slave.name == *name);
                    return Err(slave.map_or_else(|| Error::NoBroker { name: name.clone(), known }, no_master));
                }
                headless.clear();
            }
        }
        if brokers.is_empty() {
            let nobody = || Error::NoBroker { name: format!("{place} (a master)"), known: Vec::new() };
            return Err(headless.first().map_or_else(nobody, no_master));
        }
        brokers.sort_unstable();
        // One that has got another name is known by both for a while.
        brokers.dedup_by(|one, other| one.addr == other.addr);
        Ok((brokers, headless))
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

fn no_master(slave: &BrokerRef) -> Error {
    Error::NoMaster { name: slave.name.clone(), slave: slave.to_string() }
}

/// The body of an answer.
pub(crate) fn read<T: DeserializeOwned>(answer: &Command, addr: &str, request: i32) -> Result<T, Error> {
    answer.json().map_err(|error| malformed(addr, request, error))
}

pub(crate) fn malformed(addr: &str, request: i32, why: impl ToString) -> Error {
    Error::Client(client::Error::Malformed { addr: addr.to_owned(), request, why: why.to_string() })
}

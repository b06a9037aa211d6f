//! What several brokers answered to one question, each for itself.

use crate::Error;
use futures_util::future::join_all;
use protocol::route::{BrokerData, ClusterInfo, MASTER_ID};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One broker process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BrokerRef {
    /// Its cluster.
    pub cluster: String,
    /// Its name, which a master shares with its slaves.
    pub name: String,
    /// 0: a master.
    pub id: i64,
    /// `host:port`.
    pub addr: String,
}

impl BrokerRef {
    /// Whether it is a master.
    pub fn is_master(&self) -> bool {
        self.id == MASTER_ID
    }

    /// Whether that means it: its name, if it is a master, `NAME:ID`, or its address.
    pub(crate) fn is(&self, meant: &str) -> bool {
        let rest = meant.strip_prefix(&*self.name);
        let named = rest.is_some_and(|rest| match rest.strip_prefix(':') {
            Some(id) => id.parse() == Ok(self.id),
            None => rest.is_empty() && self.is_master(),
        });
        named || self.addr == meant
    }

    pub(crate) fn all_of(data: &BrokerData) -> impl Iterator<Item = Self> {
        data.broker_addrs.iter().map(|(id, addr)| Self {
            cluster: data.cluster.clone(),
            name: data.broker_name.clone(),
            id: *id,
            addr: addr.clone(),
        })
    }

    /// The master, else the slave with the lowest id.
    pub(crate) fn first_of(data: &BrokerData) -> Option<Self> {
        Self::all_of(data).next()
    }

    pub(crate) fn all_in(info: &ClusterInfo) -> Vec<Self> {
        info.broker_addr_table.values().flat_map(Self::all_of).collect()
    }
}

impl fmt::Display for BrokerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.name, self.id, self.addr)
    }
}

/// What one broker answered.
#[derive(Debug)]
pub struct Outcome<T> {
    /// Who.
    pub broker: BrokerRef,
    /// What.
    pub result: Result<T, Error>,
}

/// What each broker answered, in the order of their names.
#[derive(Debug)]
pub struct PerBroker<T>(pub Vec<Outcome<T>>);

impl<T> PerBroker<T> {
    /// Asks all brokers at the same time.
    pub(crate) async fn ask<F>(mut brokers: Vec<BrokerRef>, question: impl Fn(BrokerRef) -> F) -> Self
    where
        F: Future<Output = Result<T, Error>>,
    {
        brokers.sort_unstable();
        let answers = brokers.into_iter().map(|broker| {
            let answer = question(broker.clone());
            async move { Outcome { broker, result: answer.await } }
        });
        Self(join_all(answers).await)
    }

    /// The brokers that answered, with their answers.
    pub fn answers(&self) -> impl Iterator<Item = (&BrokerRef, &T)> {
        self.0.iter().filter_map(|outcome| Some((&outcome.broker, outcome.result.as_ref().ok()?)))
    }

    /// The brokers that did not, with the reasons.
    pub fn failures(&self) -> impl Iterator<Item = (&BrokerRef, &Error)> {
        self.0.iter().filter_map(|outcome| Some((&outcome.broker, outcome.result.as_ref().err()?)))
    }

    /// Whether every broker answered.
    pub fn is_complete(&self) -> bool {
        self.failures().next().is_none()
    }
}

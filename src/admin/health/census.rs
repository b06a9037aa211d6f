//! Which brokers there are, by the word of each name server.

use super::{Finding, Health, Level, NO_ROUTE};
use crate::{Admin, BrokerRef, Error, admin::read};
use futures_util::future::join_all;
use protocol::{Command, code::request, route::ClusterInfo};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// What one name server said.
pub(super) struct Word {
    /// Its address.
    pub(super) addr: String,
    /// The brokers it knows.
    pub(super) said: Result<BTreeSet<BrokerRef>, Error>,
    /// How long it took.
    pub(super) took: Duration,
}

/// What each name server said.
pub(super) struct Census(pub(crate) Vec<Word>);

impl Census {
    /// Every broker that any name server knows.
    pub(super) fn brokers(&self) -> BTreeSet<BrokerRef> {
        self.0.iter().filter_map(|word| word.said.as_ref().ok()).flatten().cloned().collect()
    }

    /// The verdict where no broker is known: no name server answered, or none has registered.
    pub(super) fn nobody(&self) -> Health {
        let servers: Vec<_> = self.0.iter().map(|word| word.addr.as_str()).collect();
        let about = format!("name servers {}", servers.join(", "));
        let silent: Vec<_> =
            self.0.iter().filter_map(|word| word.said.as_ref().err()).map(ToString::to_string).collect();
        if !silent.is_empty() {
            return Health::unanswered(about, silent.join("; "));
        }
        let finding = Finding::bad(Level::Critical, NO_ROUTE, about, "no broker has registered");
        Health { findings: vec![finding], measures: Vec::new() }
    }
}

impl Admin {
    /// Asks every name server, all at the same time, for all brokers.
    pub(super) async fn census(&self, addrs: &[String]) -> Census {
        let ask = |addr: &String| {
            let addr = addr.clone();
            async move {
                const ASKED: i32 = request::GET_BROKER_CLUSTER_INFO;
                let began = Instant::now();
                let answer = self.client.ask(&addr, Command::request(ASKED)).await;
                let info = answer.map_err(Error::from).and_then(|answer| read::<ClusterInfo>(&answer, &addr, ASKED));
                let said = info.map(|info| BrokerRef::all_in(&info).into_iter().collect());
                Word { addr, said, took: began.elapsed() }
            }
        };
        Census(join_all(addrs.iter().map(ask)).await)
    }
}

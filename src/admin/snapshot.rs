//! One picture of a cluster: its brokers, what each says of itself, and how far its groups have come.
//!
//! Made by one question to a name server, one to each broker (28) and, if groups are wanted, one to each master (317).
//! What is not known has the reason instead of a value and is never shown as 0. Rates are in `rates`.

pub use crate::broker_info::{BrokerInfo, Checkpoint, DelayLevel, LastSync, SlaveView};
use crate::{Admin, BrokerRef, Error, admin::malformed};
use base::Clock;
use futures_util::future::join_all;
use protocol::{Command, code::request, consume_stats::AllConsumeStats, route::ClusterInfo};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

mod all_groups;
mod sums;

pub use all_groups::AllGroups;

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown(Arc<str>);

impl Unknown {
    /// For a reason that a person understands.
    pub fn because(why: impl AsRef<str>) -> Self {
        Self(why.as_ref().into())
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&Error> for Unknown {
    fn from(error: &Error) -> Self {
        Self::because(error.to_string())
    }
}

/// A value, or why it is not known.
pub type Known<T> = Result<T, Unknown>;

/// A cluster at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was asked for, ms.
    pub asked_ms: i64,
    /// Every broker that the name server knows, in the order of their names.
    pub brokers: Vec<BrokerView>,
    /// Names of brokers that have no master now: what only masters know is not known of them.
    pub headless: Vec<String>,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrokerView {
    /// Which.
    pub broker: BrokerRef,
    /// When it had answered, ms.
    pub at_ms: i64,
    /// What it says of itself.
    pub info: Known<BrokerInfo>,
    /// How far its groups have come, by name. Only masters are asked.
    pub groups: Known<BTreeMap<String, GroupView>>,
}

/// How far a group has come on a broker, or on all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupView {
    /// By topic.
    pub topics: BTreeMap<String, Progress>,
}

/// How far a group has come in a topic: its queues together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How many queues those are.
    pub queues: usize,
    /// The ends of the queues together: grows with each message stored.
    pub end: i64,
    /// Where the group goes on, together: grows with each message consumed. A queue of which the broker knows no
    /// position counts as read from 0, which brokers do not tell apart.
    pub consumed: i64,
    /// Messages that it has still to consume.
    pub lag: i64,
    /// When the oldest of the messages was stored that the queues were consumed up to, ms, where that is known.
    pub oldest_consumed_ms: Option<i64>,
}

impl Progress {
    fn add(&mut self, other: &Self) {
        self.queues += other.queues;
        self.end = self.end.saturating_add(other.end);
        self.consumed = self.consumed.saturating_add(other.consumed);
        self.lag = self.lag.saturating_add(other.lag);
        self.oldest_consumed_ms = self.oldest_consumed_ms.into_iter().chain(other.oldest_consumed_ms).min();
    }
}

impl GroupView {
    /// All its topics together.
    pub fn total(&self) -> Progress {
        self.topics.values().fold(Progress::default(), |mut sum, topic| {
            sum.add(topic);
            sum
        })
    }
}

/// A sum over brokers, of what is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Total<T> {
    /// What is known, together.
    pub known: T,
    /// Of which brokers it is not known, and why: the sum lacks theirs.
    pub missing: Vec<(String, Unknown)>,
}

impl<T> Total<T> {
    /// Whether nothing lacks.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }
}

impl Snapshot {
    /// The masters.
    pub fn masters(&self) -> impl Iterator<Item = &BrokerView> {
        self.brokers.iter().filter(|view| view.broker.is_master())
    }

    /// The broker of that name and id, wherever it is now.
    pub fn find(&self, broker: &BrokerRef) -> Option<&BrokerView> {
        let is_it =
            |other: &BrokerRef| (&other.cluster, &other.name, other.id) == (&broker.cluster, &broker.name, broker.id);
        self.brokers.iter().find(|view| is_it(&view.broker))
    }

    /// The brokers of an earlier picture that this one lacks: a name server forgets a broker whose connection ends, and the
    /// sums here do not say that they lack its share.
    pub fn gone_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a BrokerView> {
        before.brokers.iter().filter(|view| self.find(&view.broker).is_none())
    }

    /// How far the groups have come on all masters together, by name. Whoever wants it more than once, keeps [`AllGroups`].
    pub fn groups(&self) -> Total<BTreeMap<String, GroupView>> {
        AllGroups::of(self).into_groups()
    }

    /// What all groups together have still to consume.
    pub fn lag(&self) -> Total<i64> {
        AllGroups::of(self).lag()
    }

    fn of(info: &ClusterInfo, asked_ms: i64, mut brokers: Vec<BrokerView>) -> Self {
        brokers.sort_by(|one, other| one.broker.cmp(&other.broker));
        let with: BTreeSet<_> =
            brokers.iter().filter(|view| view.broker.is_master()).map(|view| &view.broker.name).collect();
        let headless = info.broker_addr_table.keys().filter(|name| !with.contains(name)).cloned().collect();
        Self { asked_ms, brokers, headless }
    }
}

fn no_master(name: &str) -> Unknown {
    Unknown::because(format!("no master of {name} is registered"))
}

impl Admin {
    /// A picture of everything the name servers know. Groups only if they are wanted: that question is the heavy one.
    ///
    /// # Errors
    /// If no name server answers. What a broker does not answer has its reason in the picture.
    pub async fn snapshot(&self, clock: &Clock, with_groups: bool) -> Result<Snapshot, Error> {
        let asked_ms = clock.now_ms();
        let info = self.cluster_info().await?;
        let views = BrokerRef::all_in(&info).into_iter().map(|broker| async move {
            let groups = async {
                match (with_groups, broker.is_master()) {
                    (false, _) => Err(Unknown::because("groups were not asked for")),
                    (true, false) => Err(Unknown::because("only masters are asked for groups")),
                    (true, true) => self.groups_at(&broker.addr).await.map_err(|error| Unknown::from(&error)),
                }
            };
            let info = async {
                let info = self.runtime_info(&broker.addr).await;
                (info.map(BrokerInfo::of).map_err(|error| Unknown::from(&error)), clock.now_ms())
            };
            let ((info, at_ms), groups) = futures_util::future::join(info, groups).await;
            BrokerView { broker, at_ms, info, groups }
        });
        Ok(Snapshot::of(&info, asked_ms, join_all(views).await))
    }

    async fn groups_at(&self, addr: &str) -> Result<BTreeMap<String, GroupView>, Error> {
        let header = AllConsumeStats { is_order: false };
        let request = Command::request(request::GET_BROKER_CONSUME_STATS).with_header(&header);
        let code = request.code;
        let answer = self.client.ask(addr, request).await?;
        sums::by_group(&answer.body.to_bytes()).map_err(|error| malformed(addr, code, error))
    }
}

#[cfg(test)]
mod tests;

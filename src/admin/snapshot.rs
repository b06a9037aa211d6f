//! One picture of a cluster: its brokers, what each says of itself, and how far its groups have come.
//!
//! Made by one question to a name server, one to each broker (28) and, if groups are wanted, one to each master (317).
//! What is not known has the reason instead of a value and is never shown as 0. Rates are in `rates`.

use crate::{Admin, BrokerRef, Error};
use base::Clock;
use futures_util::future::join_all;
use protocol::{consume_stats::BrokerConsumeStats, route::ClusterInfo};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::Arc,
};

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

/// What a broker says of itself. A key that it does not send, or that is no number, is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrokerInfo {
    /// As it calls its version.
    pub version: Known<String>,
    /// When it started, ms.
    pub started_ms: Known<i64>,
    /// Messages stored since then.
    pub put: Known<u64>,
    /// Their bytes.
    pub put_bytes: Known<u64>,
    /// Messages given out since then.
    pub got: Known<u64>,
    /// Messages stored since the day began.
    pub put_today: Known<u64>,
    /// Messages given out since the day began.
    pub got_today: Known<u64>,
    /// First offset of its log.
    pub log_min: Known<i64>,
    /// End of its log.
    pub log_max: Known<i64>,
    /// Bytes that are not yet on its disk; to three digits, as it tells them.
    pub to_flush: Known<u64>,
    /// Bytes that no queue has yet.
    pub to_dispatch: Known<u64>,
    /// Requests to store that wait.
    pub send_queue: Known<u64>,
    /// Share of the log's disk in use, 0 to 1.
    pub disk: Known<f64>,
    /// When its oldest message was stored, ms.
    pub oldest_ms: Known<i64>,
    /// Why it refuses messages, if it says that it does.
    pub refusing: Option<String>,
    /// All of it: name → value.
    pub all: BTreeMap<String, String>,
}

impl BrokerInfo {
    /// Reads what a broker sent (28).
    pub fn of(all: BTreeMap<String, String>) -> Self {
        let text = |name: &str| all.get(name).ok_or_else(|| Unknown::because(format!("it does not tell {name}")));
        let today = |kind: &str| {
            let now: u64 = number(&all, &format!("msg{kind}TotalTodayNow"))?;
            let morning = number(&all, &format!("msg{kind}TotalTodayMorning"))?;
            now.checked_sub(morning).ok_or_else(|| Unknown::because("it has now less than it had when the day began"))
        };
        Self {
            version: text("brokerVersionDesc").cloned(),
            started_ms: number(&all, "bootTimestamp"),
            put: number(&all, "putMessageTimesTotal"),
            put_bytes: number(&all, "putMessageSizeTotal"),
            // Apache RocketMQ tells it by this name only.
            got: number(&all, "msgGetTotalTodayNow"),
            put_today: today("Put"),
            got_today: today("Get"),
            log_min: number(&all, "commitLogMinOffset"),
            log_max: number(&all, "commitLogMaxOffset"),
            to_flush: text("remainHowManyDataToFlush").and_then(|said| {
                bytes(said).ok_or_else(|| Unknown::because(format!("remainHowManyDataToFlush {said:?} is no amount")))
            }),
            to_dispatch: number(&all, "dispatchBehindBytes"),
            send_queue: number(&all, "sendThreadPoolQueueSize"),
            disk: number(&all, "commitLogDiskRatio").and_then(|share: f64| match share {
                0.0..=1.0 => Ok(share),
                _ => Err(Unknown::because(format!("it could not measure its disk: commitLogDiskRatio is {share}"))),
            }),
            oldest_ms: number(&all, "earliestMessageTimeStamp").and_then(|ms| match ms {
                0.. => Ok(ms),
                _ => Err(Unknown::because("it knows no oldest message")),
            }),
            refusing: all.get("refusingWrites").cloned(),
            all,
        }
    }
}

fn number<T: FromStr>(all: &BTreeMap<String, String>, name: &str) -> Known<T> {
    let said = all.get(name).ok_or_else(|| Unknown::because(format!("it does not tell {name}")))?;
    said.trim().parse().map_err(|_| Unknown::because(format!("{name} {said:?} is no number")))
}

/// Reads `512 B`, `1.5 KiB`, `2.0 GB`: the units of Apache RocketMQ, binary and decimal.
fn bytes(said: &str) -> Option<u64> {
    let (amount, unit) = said.trim().split_once(' ')?;
    let amount: f64 = amount.parse().ok().filter(|amount| *amount >= 0.0)?;
    let (prefix, base) = match unit.strip_suffix("iB") {
        Some(prefix) => (prefix, 1024.0_f64),
        None => (unit.strip_suffix('B')?, 1000.0),
    };
    let power = match prefix {
        "" => 0,
        one => 1 + "KMGTPE".find(one.to_ascii_uppercase().as_str()).filter(|_| one.len() == 1)?,
    };
    Some((amount * base.powi(power as i32)) as u64)
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

/// Reads what a broker sent (317).
fn groups_of(stats: &BrokerConsumeStats) -> BTreeMap<String, GroupView> {
    let mut groups: BTreeMap<String, GroupView> = BTreeMap::new();
    for (group, topics) in stats.consume_stats_list.iter().flatten() {
        let view = groups.entry(group.clone()).or_default();
        for (queue, at) in topics.iter().flat_map(|stats| &stats.offset_table) {
            let progress = Progress {
                queues: 1,
                end: at.broker_offset,
                consumed: at.consumer_offset,
                // A group that is told to be behind the end, has read all.
                lag: at.broker_offset.saturating_sub(at.consumer_offset).max(0),
                oldest_consumed_ms: Some(at.last_timestamp).filter(|ms| *ms > 0),
            };
            view.topics.entry(queue.topic.clone()).or_default().add(&progress);
        }
    }
    groups
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

    /// How far the groups have come on all masters together, by name.
    pub fn groups(&self) -> Total<BTreeMap<String, GroupView>> {
        let mut groups: BTreeMap<String, GroupView> = BTreeMap::new();
        let mut missing: Vec<_> = self.headless.iter().map(|name| (name.clone(), no_master(name))).collect();
        for view in self.masters() {
            match &view.groups {
                Err(why) => missing.push((view.broker.name.clone(), why.clone())),
                Ok(of_broker) => {
                    for (name, group) in of_broker {
                        let sum = groups.entry(name.clone()).or_default();
                        for (topic, progress) in &group.topics {
                            sum.topics.entry(topic.clone()).or_default().add(progress);
                        }
                    }
                }
            }
        }
        Total { known: groups, missing }
    }

    /// What all groups together have still to consume.
    pub fn lag(&self) -> Total<i64> {
        let Total { known, missing } = self.groups();
        Total { known: known.values().map(|group| group.total().lag).sum(), missing }
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
                    (true, true) => match self.all_consume_stats(&broker.addr).await {
                        Ok(stats) => Ok(groups_of(&stats)),
                        Err(error) => Err(Unknown::from(&error)),
                    },
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
}

#[cfg(test)]
mod tests;

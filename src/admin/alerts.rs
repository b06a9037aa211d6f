//! What is wrong in a cluster, and what mends it: rules over pictures of it ([`Watch::see`]), and over what no picture
//! tells ([`Watch::hear`]).
//!
//! Rules ask nothing and know no time but that of what they are given. What cannot be told is an alert of its own level,
//! never silence. What `rmq check` finds, too, is found by its rules ([`crate::health`]) and in its words.

mod brokers;
mod evidence;
mod folding;
mod gathering;
mod members;
mod mends;
mod servers;
mod stalls;
#[cfg(test)]
mod tests;

pub use evidence::{Evidence, GroupEvidence, MemberEvidence, MemberRun, TopicShape, run_of};
pub use mends::commands;

use crate::{BrokerRef, Snapshot, health::Level, rates::GroupRates};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

// What kinds of trouble there are, beside those of `health`.

/// Members of a group want different things.
const SUBSCRIPTIONS: &str = "H12";
/// Several clients have one id.
const SAME_ID: &str = "H13";
/// Members that get no queue, or queues that nobody reads.
const IDLE: &str = "H14";
/// A queue is not consumed any more.
const STUCK: &str = "H15";
/// A group falls behind.
const BEHIND: &str = "H16";
/// Messages come back, or are given up.
const GIVEN_UP: &str = "H19";
/// What hangs on one server, or differs between servers.
const DRIFT: &str = "H28";
/// Bytes wait for the disk or for their queues.
const BACKLOG: &str = "H11";

/// What is known beyond pictures counts no longer after this, ms.
const EVIDENCE_COUNTS_MS: i64 = 15 * 60 * 1000;

/// What something is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// All of it, or no broker in particular.
    Cluster,
    /// A name server.
    NameServer(String),
    /// A broker.
    Broker(BrokerRef),
    /// All brokers of that name, or at that address.
    Brokers(String),
    /// A topic.
    Topic(String),
    /// A group.
    Group(String),
    /// What a group reads of a topic, or of one queue of it: broker, id.
    Reading {
        /// Who reads.
        group: String,
        /// What.
        topic: String,
        /// Where: a broker, and its queue if it is one in particular.
        at: (String, Option<i32>),
    },
}

impl About {
    /// Whether it is about that broker: its name and id.
    pub fn is_of_broker(&self, name: &str, id: i64) -> bool {
        match self {
            Self::Broker(broker) => broker.name == name && broker.id == id,
            Self::Brokers(of) => of == name,
            _ => false,
        }
    }

    /// Whether it is about that group.
    pub fn is_of_group(&self, name: &str) -> bool {
        matches!(self, Self::Group(group) | Self::Reading { group, .. } if group == name)
    }

    /// Whether it is about that topic.
    pub fn is_of_topic(&self, name: &str) -> bool {
        matches!(self, Self::Topic(topic) | Self::Reading { topic, .. } if topic == name)
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::NameServer(addr) => write!(f, "name server {addr}"),
            Self::Broker(broker) => write!(f, "{}:{}", broker.name, broker.id),
            Self::Brokers(name) | Self::Topic(name) | Self::Group(name) => f.write_str(name),
            Self::Reading { group, topic, at: (broker, None) } => write!(f, "{group} in {topic} at {broker}"),
            Self::Reading { group, topic, at: (broker, Some(id)) } => write!(f, "{group} in {topic} {broker}/{id}"),
        }
    }
}

/// Something wrong, or something that cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What kind of trouble, for programs and for looking it up: `H15`.
    pub code: &'static str,
    /// How grave: never [`Level::Ok`].
    pub level: Level,
    /// What it is about.
    pub about: About,
    /// What it rests on: numbers, and in brackets the request that they come from.
    pub evidence: String,
    /// The command that mends or examines it.
    pub command: String,
    /// Since when it is known, ms.
    pub since_ms: i64,
    /// When it was seen last, ms.
    pub seen_ms: i64,
}

impl Alert {
    fn new(level: Level, code: &'static str, about: About, evidence: String, command: String) -> Self {
        Self { code, level, about, evidence, command, since_ms: 0, seen_ms: 0 }
    }
}

/// Remembers what the rules need of the past, and says what is wrong now.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    brokers: brokers::Memory,
    pictures: stalls::Memory,
    queues: stalls::Memory,
    dead: BTreeMap<String, (i64, i64)>,
    of_picture: Vec<Alert>,
    of_groups: Vec<Alert>,
    of_evidence: Vec<Alert>,
    /// Since when each is known.
    since: BTreeMap<(&'static str, About), i64>,
    alerts: Vec<Alert>,
}

impl Watch {
    /// What is wrong, the gravest first.
    pub fn alerts(&self) -> &[Alert] {
        &self.alerts
    }

    /// Takes in a picture. `rates`: of its groups since the last picture with groups; `None` if it is one without.
    pub fn see(&mut self, picture: &Snapshot, rates: Option<&BTreeMap<String, GroupRates>>) {
        let at_ms = picture.asked_ms;
        self.of_picture = seen(brokers::judge(&mut self.brokers, picture), at_ms);
        if let Some(rates) = rates {
            self.of_groups = seen(stalls::of_picture(&mut self.pictures, picture, rates), at_ms);
        }
        self.put_together(at_ms);
    }

    /// Takes in what no picture tells.
    pub fn hear(&mut self, evidence: &Evidence) {
        let mut alerts = servers::judge(evidence);
        alerts.extend(members::judge(evidence));
        alerts.extend(stalls::of_queues(&mut self.queues, evidence));
        alerts.extend(stalls::of_dead_letters(&mut self.dead, evidence));
        self.of_evidence = seen(alerts, evidence.at_ms);
        self.put_together(evidence.at_ms);
    }

    fn put_together(&mut self, now_ms: i64) {
        self.of_evidence.retain(|alert| now_ms - alert.seen_ms < EVIDENCE_COUNTS_MS);
        // What is told queue by queue, or with the reason, is not told again for all queues together.
        let told: BTreeSet<(&str, &str)> = self.of_evidence.iter().filter_map(reading).collect();
        let news = self.of_groups.iter().filter(|alert| reading(alert).is_none_or(|of| !told.contains(&of)));
        let all = self.of_picture.iter().chain(news).chain(&self.of_evidence);
        let mut alerts: Vec<Alert> = Vec::new();
        for alert in folding::folded(all.cloned().collect()) {
            let key = (alert.code, alert.about.clone());
            let since_ms = self.since.get(&key).copied().unwrap_or(alert.seen_ms).min(alert.seen_ms);
            alerts.push(Alert { since_ms, ..alert });
        }
        alerts.sort_by(|one, other| {
            (other.level, one.code, &one.about, &one.evidence).cmp(&(
                one.level,
                other.code,
                &other.about,
                &other.evidence,
            ))
        });
        self.since = alerts.iter().map(|alert| ((alert.code, alert.about.clone()), alert.since_ms)).collect();
        self.alerts = alerts;
    }
}

/// What of a group and topic is stuck.
fn reading(alert: &Alert) -> Option<(&str, &str)> {
    match &alert.about {
        About::Reading { group, topic, .. } if alert.code == STUCK => Some((group, topic)),
        _ => None,
    }
}

fn seen(mut alerts: Vec<Alert>, at_ms: i64) -> Vec<Alert> {
    alerts.iter_mut().for_each(|alert| alert.seen_ms = at_ms);
    alerts
}

/// A length of time for people.
fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

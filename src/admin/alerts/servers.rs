//! Rules over what servers say beside each other: name servers (H02, H06), settings and topics of brokers (H14, H28), and a
//! synchronous master without slave (H10).

use super::{About, Alert, DRIFT, Evidence, IDLE, TopicShape, brokers::told, mends};
use crate::{
    BrokerRef,
    health::{Level, NAMES_DIFFER, NO_NAME_SERVER, SLAVE, differences},
    snapshot::Known,
};
use protocol::topic::{is_system_topic, perm};
use std::collections::{BTreeMap, BTreeSet};

/// Settings that masters of a cluster have alike, or clients see one thing here and another there.
pub const ALIKE: [&str; 14] = [
    "aclEnable",
    "autoCreateSubscriptionGroup",
    "autoCreateTopicEnable",
    "brokerRole",
    "defaultTopicQueueNums",
    "deleteWhen",
    "enablePropertyFilter",
    "fileReservedTime",
    "flushDiskType",
    "maxMessageSize",
    "messageDelayLevel",
    "traceTopicEnable",
    "transientStorePoolEnable",
    "waitTimeMillsInSendQueue",
];
/// Setting: who may do what with a whole broker.
pub const PERMISSION: &str = "brokerPermission";
/// So many topics that differ are named.
const NAMED: usize = 20;

/// What servers come to.
pub fn judge(evidence: &Evidence) -> Vec<Alert> {
    let mut alerts = names(evidence);
    settings(evidence, &mut alerts);
    topics(evidence, &mut alerts);
    for broker in &evidence.wiped {
        let says = "takes messages, and a name server tells clients not to send it any (105): left by wipeWritePerm; \
                    its next start registers it anew";
        let about = About::Brokers(broker.clone());
        alerts.push(Alert::new(Level::Warning, DRIFT, about, says.to_owned(), mends::list_brokers()));
    }
    alerts
}

fn names(evidence: &Evidence) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for (addr, said) in &evidence.names {
        if let Err(why) = said {
            let command = mends::check_name_server(addr);
            let says = format!("does not answer (106): {why}");
            alerts.push(Alert::new(Level::Critical, NO_NAME_SERVER, About::NameServer(addr.clone()), says, command));
        }
    }
    if let [(addr, Ok(_))] = &evidence.names[..] {
        let says = "is the only name server: without it no client finds a broker anew, and no topic".to_owned();
        let command = mends::check_name_servers();
        alerts.push(Alert::new(Level::Warning, DRIFT, About::NameServer(addr.clone()), says, command));
    }
    let words = evidence.names.iter().filter_map(|(addr, said)| Some((addr.as_str(), said.as_ref().ok()?)));
    for (broker, finding) in differences(words) {
        alerts.push(told(&finding, About::Broker(broker), "106", mends::check_cluster()));
    }
    let known: Vec<_> =
        evidence.topic_names.iter().filter_map(|(addr, said)| Some((addr, said.as_ref().ok()?))).collect();
    let all: BTreeSet<&String> = known.iter().flat_map(|(_, topics)| *topics).collect();
    for (addr, topics) in &known {
        let lacks: Vec<&str> =
            all.iter().filter(|topic| !topics.contains(**topic)).map(|topic| topic.as_str()).collect();
        if let Some(first) = lacks.first() {
            let says = format!("lacks {} topics that others know, such as {first} (206)", lacks.len());
            let about = About::NameServer((*addr).clone());
            alerts.push(Alert::new(Level::Critical, NAMES_DIFFER, about, says, mends::route(first)));
        }
    }
    alerts
}

/// A master and what is set there.
type Settings<'a> = (&'a BrokerRef, &'a BTreeMap<String, String>);

fn settings(evidence: &Evidence, alerts: &mut Vec<Alert>) {
    let mut clusters: BTreeMap<&str, Vec<Settings>> = BTreeMap::new();
    for (broker, said) in &evidence.settings {
        match said {
            Ok(settings) => clusters.entry(&broker.cluster).or_default().push((broker, settings)),
            Err(why) => {
                let says = format!("cannot be told: its settings (26): {why}");
                let command = mends::settings(&broker.addr, &[]);
                alerts.push(Alert::new(Level::Unknown, DRIFT, About::Broker(broker.clone()), says, command));
            }
        }
    }
    for masters in clusters.values() {
        for key in ALIKE {
            let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (broker, settings) in masters {
                // Not every version has every setting.
                if let Some(value) = settings.get(key) {
                    values.entry(value).or_default().push(&broker.name);
                }
            }
            if values.len() > 1 {
                let each: Vec<_> = values.iter().map(|(value, who)| format!("{value} at {}", who.join(", "))).collect();
                let says = format!("masters differ in {key} (26): {}", each.join("; "));
                let at = masters.first().map_or("", |(broker, _)| broker.addr.as_str());
                let command = mends::settings(at, &[key]);
                alerts.push(Alert::new(Level::Warning, DRIFT, About::Cluster, says, command));
            }
        }
        for (broker, settings) in masters {
            let number = settings.get(PERMISSION).and_then(|value| value.parse::<i32>().ok());
            if let Some(bits) = number.filter(|bits| bits & (perm::READ | perm::WRITE) != perm::READ | perm::WRITE) {
                let says = format!("brokerPermission is {bits} ({}): {} (26)", perm::title(bits), lacks(bits));
                let command = mends::open_broker(&broker.addr);
                alerts.push(Alert::new(Level::Warning, DRIFT, About::Broker((*broker).clone()), says, command));
            }
            let slaves = has_slaves(evidence, broker);
            if settings.get("brokerRole").is_some_and(|role| role == "SYNC_MASTER") && slaves == Ok(false) {
                let says = "is a SYNC_MASTER (26) without a slave (106): each message waits for one and is answered \
                            SLAVE_NOT_AVAILABLE"
                    .to_owned();
                let about = About::Broker((*broker).clone());
                alerts.push(Alert::new(Level::Critical, SLAVE, about, says, mends::check_replication()));
            }
        }
    }
}

/// Whether any name server knows a slave of it.
fn has_slaves(evidence: &Evidence, master: &BrokerRef) -> Known<bool> {
    let mut why = None;
    for (_, said) in &evidence.names {
        match said {
            Ok(brokers) => {
                let is_slave = |other: &&BrokerRef| {
                    (&other.cluster, &other.name) == (&master.cluster, &master.name) && !other.is_master()
                };
                return Ok(brokers.iter().any(|other| is_slave(&other)));
            }
            Err(error) => why = Some(error.clone()),
        }
    }
    Err(why.unwrap_or_else(|| crate::snapshot::Unknown::because("no name server was asked")))
}

fn lacks(bits: i32) -> &'static str {
    match (bits & perm::READ != 0, bits & perm::WRITE != 0) {
        (true, false) => "it takes no messages",
        (false, true) => "nobody reads it",
        _ => "it takes no messages and nobody reads it",
    }
}

fn topics(evidence: &Evidence, alerts: &mut Vec<Alert>) {
    let mut held: BTreeMap<&str, Vec<(&BrokerRef, &TopicShape)>> = BTreeMap::new();
    for (broker, table) in &evidence.topics {
        match table {
            Ok(table) => {
                for (topic, shape) in table.iter().filter(|(topic, _)| !is_system_topic(topic)) {
                    held.entry(topic).or_default().push((broker, shape));
                }
            }
            Err(why) => {
                let says = format!("cannot be told: its topics (21): {why}");
                let command = mends::check_broker(&broker.addr);
                alerts.push(Alert::new(Level::Unknown, IDLE, About::Broker(broker.clone()), says, command));
            }
        }
    }
    let mut differ = 0;
    for (topic, at) in held {
        let about = || About::Topic(topic.to_owned());
        for (broker, shape) in &at {
            if shape.read < shape.write {
                let says = format!(
                    "{} queues to write and {} to read at {}: what goes into the others is not read (21)",
                    shape.write, shape.read, broker.name
                );
                let command = mends::read_queues(topic, shape.write, &broker.name);
                alerts.push(Alert::new(Level::Critical, IDLE, about(), says, command));
            }
            // Dead letters are written and not read until somebody wants them.
            if shape.perm & (perm::READ | perm::WRITE) != perm::READ | perm::WRITE && !topic.starts_with('%') {
                let says = format!("may be {} at {}: {} (21)", perm::title(shape.perm), broker.name, lacks(shape.perm));
                let command = mends::open_topic(topic, &broker.name);
                alerts.push(Alert::new(Level::Warning, DRIFT, about(), says, command));
            }
        }
        let mut shapes: BTreeMap<TopicShape, Vec<&str>> = BTreeMap::new();
        at.iter().for_each(|(broker, shape)| shapes.entry(**shape).or_default().push(&broker.name));
        // The clients' own topics are made where they are needed, and as that broker has it.
        if shapes.len() > 1 && !topic.starts_with('%') {
            differ += 1;
            if differ <= NAMED {
                let shape =
                    |shape: &TopicShape| format!("{}/{} queues {}", shape.read, shape.write, perm::title(shape.perm));
                let each: Vec<_> =
                    shapes.iter().map(|(one, who)| format!("{} at {}", shape(one), who.join(", "))).collect();
                let says = format!("differs between brokers (21): {}", each.join("; "));
                alerts.push(Alert::new(Level::Warning, DRIFT, about(), says, mends::describe_topic(topic)));
            }
        }
    }
    if differ > NAMED {
        let says = format!("{} more topics differ between brokers (21)", differ - NAMED);
        alerts.push(Alert::new(Level::Warning, DRIFT, About::Cluster, says, mends::list_topics()));
    }
}

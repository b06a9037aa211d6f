//! The table: which brokers there are and which queues they hold, and how it changes as brokers come and go.
//!
//! A broker is its name and id. It stays while it registers or asks for its version often enough over a connection
//! that is open. Its name's queues stay while any broker of that name does. Source: `RouteInfoManager` of Apache
//! RocketMQ 4.9.8; where this differs on purpose, it says so.

use crate::{lookup::Bodies, refused::Refused, registration::Registration};
use protocol::{
    registration::RegisterAnswer,
    route::MASTER_ID,
    topic::{DataVersion, TopicConfig, perm},
};
use remoting::Peer;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// A broker that was silent for longer is gone.
const SILENT_AFTER: Duration = Duration::from_secs(120);
/// Most broker names.
const MAX_NAMES: usize = 10_000;
/// Most brokers of one name.
const MAX_MEMBERS: usize = 100;
/// Most pairs of a topic and a broker name that holds it.
const MAX_HOLDINGS: usize = 4_000_000;

/// Every broker and every topic.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) topics: HashMap<Arc<str>, BTreeMap<Arc<str>, Queues>>,
    pub(crate) brokers: BTreeMap<Arc<str>, Group>,
    pub(crate) bodies: Bodies,
    /// Pairs in `topics`.
    holdings: usize,
}

/// A topic's queues on one broker name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queues {
    pub(crate) perm: i32,
    pub(crate) read: i32,
    pub(crate) write: i32,
    pub(crate) sys_flag: i32,
}

/// The brokers of one name. Never empty.
pub(crate) struct Group {
    pub(crate) cluster: String,
    pub(crate) members: BTreeMap<i64, Member>,
}

/// One broker.
pub(crate) struct Member {
    pub(crate) addr: String,
    ha_addr: String,
    version: DataVersion,
    /// The connection it registered over.
    link: Arc<Peer>,
    heard: Instant,
}

impl From<&TopicConfig> for Queues {
    fn from(topic: &TopicConfig) -> Self {
        let TopicConfig { perm, read_queue_nums: read, write_queue_nums: write, topic_sys_flag: sys_flag, .. } = *topic;
        Self { perm, read, write, sys_flag }
    }
}

impl Routes {
    /// Takes a broker in, or hears from it again. The answer tells a slave where its master is.
    ///
    /// A master's topics are taken over when it is new or their version has changed. Topics that are no longer among
    /// them stay, as with Apache RocketMQ: a broker that changes one topic sends only that one.
    pub(crate) fn register(
        &mut self,
        registration: Registration,
        link: &Arc<Peer>,
        now: Instant,
    ) -> Result<RegisterAnswer, Refused> {
        let Registration { cluster, name, id, addr, ha_addr, version, topics } = registration;
        let old = self.brokers.get(&*name).and_then(|group| group.members.get(&id));
        let moved = old.is_none_or(|old| old.addr != addr);
        let takes_topics = id == MASTER_ID && old.is_none_or(|old| moved || old.version != version);
        self.check_room(&name, old.is_none(), if takes_topics { &topics } else { &[] })?;
        match old {
            None => tracing::info!(broker = name, id, addr, cluster, ha_addr, "new broker"),
            Some(old) if moved && !old.link.is_closed() && old.link.id() != link.id() => tracing::warn!(
                broker = name, id, addr, from = ?link, old_addr = old.addr, old_from = ?old.link,
                "a broker registers as one that is still connected from elsewhere; the newer one counts",
            ),
            Some(old) if moved => tracing::info!(broker = name, id, addr, old_addr = old.addr, "broker moved"),
            Some(_) => {}
        }

        let name: Arc<str> = self.brokers.get_key_value(&*name).map_or_else(|| name.into(), |(known, _)| known.clone());
        let group = self
            .brokers
            .entry(name.clone())
            .or_insert_with(|| Group { cluster: cluster.clone(), members: BTreeMap::new() });
        let count = group.members.len();
        // A slave that becomes the master keeps its address: one address is one broker of a name.
        group.members.retain(|other, member| *other == id || member.addr != addr);
        let promoted = group.members.len() < count;
        let alone = group.members.keys().all(|other| *other == id);
        let recast = group.cluster != cluster && (id == MASTER_ID || alone);
        if group.cluster != cluster {
            tracing::warn!(broker = %name, id, known = group.cluster, said = cluster, "the cluster of a broker differs");
        }
        if recast {
            group.cluster = cluster;
        }
        group.members.insert(id, Member { addr, ha_addr, version, link: link.clone(), heard: now });
        let master = group.members.get(&MASTER_ID).filter(|_| id != MASTER_ID);
        let answer = RegisterAnswer {
            ha_server_addr: master.map(|master| master.ha_addr.clone()),
            master_addr: master.map(|master| master.addr.clone()),
        };
        if moved || promoted || recast {
            self.bodies.clear();
        }
        if takes_topics {
            self.take_topics(&name, &topics);
        }
        Ok(answer)
    }

    fn check_room(&self, name: &str, is_new: bool, topics: &[TopicConfig]) -> Result<(), Refused> {
        let members = self.brokers.get(name).map_or(0, |group| group.members.len());
        if members == 0 && self.brokers.len() >= MAX_NAMES {
            return Err(Refused::Full { what: "broker names", held: self.brokers.len(), most: MAX_NAMES });
        }
        if is_new && members >= MAX_MEMBERS {
            return Err(Refused::Full { what: "brokers of that name", held: members, most: MAX_MEMBERS });
        }
        if self.holdings + topics.len() > MAX_HOLDINGS {
            let known =
                |topic: &&TopicConfig| self.topics.get(&*topic.topic_name).is_some_and(|on| on.contains_key(name));
            if self.holdings + topics.len() - topics.iter().filter(known).count() > MAX_HOLDINGS {
                return Err(Refused::Full { what: "topics", held: self.holdings, most: MAX_HOLDINGS });
            }
        }
        Ok(())
    }

    fn take_topics(&mut self, name: &Arc<str>, topics: &[TopicConfig]) {
        for topic in topics {
            let on = match self.topics.get_mut(&*topic.topic_name) {
                Some(on) => on,
                None => {
                    tracing::info!(topic = topic.topic_name, broker = %name, "new topic");
                    self.topics.entry(topic.topic_name.as_str().into()).or_default()
                }
            };
            let queues = Queues::from(topic);
            match on.insert(name.clone(), queues) {
                Some(old) if old == queues => continue,
                Some(old) => {
                    tracing::info!(topic = topic.topic_name, broker = %name, ?old, new = ?queues, "topic changed")
                }
                None => self.holdings += 1,
            }
            self.bodies.clear();
        }
    }

    /// The version of a broker's table as it registered last, if it is the same broker.
    pub(crate) fn version(&self, name: &str, id: i64, addr: &str) -> Option<&DataVersion> {
        let member = self.brokers.get(name)?.members.get(&id)?;
        (member.addr == addr).then_some(&member.version)
    }

    /// Hears from a broker that asks about its version.
    pub(crate) fn heard(&mut self, name: &str, id: i64, now: Instant) {
        if let Some(member) = self.brokers.get_mut(name).and_then(|group| group.members.get_mut(&id)) {
            member.heard = now;
        }
    }

    /// A broker takes its leave. Unlike Apache RocketMQ, the leave of an address that another broker has followed
    /// under the same name and id changes nothing.
    pub(crate) fn unregister(&mut self, name: &str, id: i64, addr: &str) -> bool {
        self.remove("it unregistered", |of, as_id, member| of == name && as_id == id && member.addr == addr)
    }

    /// A connection ended: whatever registered over it is gone. Apache RocketMQ removes only one broker of several.
    pub(crate) fn disconnected(&mut self, link: &Peer) {
        self.remove("its connection ended", |_, _, member| member.link.id() == link.id());
    }

    /// Removes brokers that were silent for too long. Returns their connections, save those another broker uses.
    pub(crate) fn drop_silent(&mut self, now: Instant) -> Vec<Arc<Peer>> {
        let mut links = Vec::new();
        self.remove("it was silent for too long", |_, _, member| {
            let silent = now.saturating_duration_since(member.heard) > SILENT_AFTER;
            if silent {
                links.push(member.link.clone());
            }
            silent
        });
        let mut members = self.brokers.values().flat_map(|group| group.members.values());
        if !links.is_empty() {
            let used: Vec<u64> = members.by_ref().map(|member| member.link.id()).collect();
            links.retain(|link| !used.contains(&link.id()));
        }
        links
    }

    fn remove(&mut self, why: &str, mut goes: impl FnMut(&str, i64, &Member) -> bool) -> bool {
        let mut removed = false;
        let mut names = Vec::new();
        self.brokers.retain(|name, group| {
            group.members.retain(|id, member| {
                let goes = goes(name, *id, member);
                if goes {
                    tracing::info!(broker = %name, id, addr = member.addr, "broker removed: {why}");
                    removed = true;
                }
                !goes
            });
            if group.members.is_empty() {
                names.push(name.clone());
            }
            !group.members.is_empty()
        });
        if removed {
            self.bodies.clear();
        }
        for name in names {
            self.remove_from_topics(&name);
        }
        removed
    }

    fn remove_from_topics(&mut self, broker: &str) {
        let mut topics_gone = 0;
        self.topics.retain(|_, on| {
            self.holdings -= usize::from(on.remove(broker).is_some());
            topics_gone += usize::from(on.is_empty());
            !on.is_empty()
        });
        tracing::info!(broker, topics_gone, "no broker of this name is left");
    }

    /// Forgets a topic, on all brokers or on those of one cluster, until a broker brings it again.
    pub(crate) fn delete_topic(&mut self, topic: &str, cluster: Option<&str>) {
        let Some(on) = self.topics.get_mut(topic) else { return };
        let before = on.len();
        on.retain(|broker, _| {
            cluster.is_some_and(|cluster| self.brokers.get(broker).is_none_or(|group| group.cluster != cluster))
        });
        let brokers = before - on.len();
        if on.is_empty() {
            self.topics.remove(topic);
        }
        self.holdings -= brokers;
        if brokers > 0 {
            self.bodies.clear();
            tracing::info!(topic, brokers, "topic deleted");
        }
    }

    /// Takes all topics of a broker name out of writing, or puts them back. Returns how many there are.
    ///
    /// Putting back adds the permission to read as well. Unlike Apache RocketMQ it leaves the permission to inherit.
    pub(crate) fn set_writable(&mut self, name: &str, writable: bool) -> usize {
        let mut topics = 0;
        for queues in self.topics.values_mut().filter_map(|on| on.get_mut(name)) {
            queues.perm = if writable { queues.perm | perm::READ | perm::WRITE } else { queues.perm & !perm::WRITE };
            topics += 1;
        }
        if topics > 0 {
            self.bodies.clear();
        }
        topics
    }
}

#[cfg(test)]
mod tests;

//! Who is connected: the members of consumer and producer groups, as their heartbeats tell.
//!
//! Members of a consumer group are told at once when one comes or goes, so that they share the queues anew.
//! Source: `ConsumerManager`, `ProducerManager`, `ClientManageProcessor` of Apache RocketMQ.

use crate::{
    conflicts::{self, Conflict, Said},
    filters::Wanted,
};
use base::Clock;
use parking_lot::RwLock;
use protocol::{
    Command, Language,
    code::request,
    heartbeat::{ConsumeFrom, ConsumeType, ConsumerData, GroupOf, MessageModel, Subscription},
};
use remoting::Peer;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// A client that has not been heard of for so long is taken to be gone.
pub const EXPIRY_MS: i64 = 120_000;

/// One client of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its id; several clients with one id are several members.
    pub client_id: String,
    /// Its connection.
    pub peer: Arc<Peer>,
    /// Its language.
    pub language: Language,
    /// Its protocol version.
    pub version: i32,
    /// When its last heartbeat came, ms.
    pub heard_ms: i64,
}

/// A consumer group with at least one member.
#[derive(Clone, Debug, Default)]
pub struct ConsumerGroup {
    /// By the number of their connection, with what each said.
    members: HashMap<u64, (Member, Said)>,
    /// By topic, as the last member said that had something newer to say.
    subscriptions: BTreeMap<String, Arc<Wanted>>,
    /// What the members disagree about.
    conflicts: Vec<Conflict>,
    /// Push, pull or pop, as the last heartbeat says.
    pub consume_type: ConsumeType,
    /// Cluster or broadcast.
    pub message_model: MessageModel,
    /// Where it starts.
    pub consume_from: ConsumeFrom,
}

impl ConsumerGroup {
    /// Its members.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values().map(|(member, _)| member)
    }

    /// What it subscribes to.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.values().map(|wanted| &wanted.said)
    }

    /// Takes over what a heartbeat says. Returns whether topics came or went.
    fn subscribe(&mut self, name: &str, data: &[Subscription]) -> bool {
        let mut changed = false;
        for new in data {
            match self.subscriptions.get(&new.topic) {
                Some(old) if new.sub_version <= old.said.sub_version => continue,
                Some(_) => {}
                None => changed = true,
            }
            let wanted = Wanted::new(new.clone());
            if let Some(why) = wanted.broken() {
                tracing::warn!(group = name, topic = new.topic, why, "a filter that cannot be used: pulls are refused");
            }
            self.subscriptions.insert(new.topic.clone(), Arc::new(wanted));
        }
        let wanted: HashSet<&str> = data.iter().map(|new| new.topic.as_str()).collect();
        let before = self.subscriptions.len();
        self.subscriptions.retain(|topic, _| wanted.contains(topic.as_str()));
        changed || self.subscriptions.len() != before
    }

    /// Looks anew what the members disagree about, once one came, left or said something else; logs it if it changed.
    fn compare_members(&mut self, name: &str) {
        let members = self.members.values().map(|(member, said)| (member.client_id.as_str(), said));
        let found = conflicts::among(members);
        if found == self.conflicts {
            return;
        }
        for Conflict { topic, sides } in found.iter().filter(|conflict| !self.conflicts.contains(conflict)) {
            let about = topic.as_deref().map_or("who gets a message".to_owned(), |topic| format!("topic {topic}"));
            tracing::warn!(group = name, about, ?sides, "members of a group disagree: some miss what they want");
        }
        if found.is_empty() {
            tracing::info!(group = name, "members of the group agree again");
        }
        self.conflicts = found;
    }
}

/// All groups with members.
pub struct Clients {
    consumers: RwLock<HashMap<String, ConsumerGroup>>,
    producers: RwLock<HashMap<String, HashMap<u64, Member>>>,
    clock: Clock,
}

impl Clients {
    /// Nobody is connected.
    pub fn new(clock: Clock) -> Self {
        Self { consumers: RwLock::default(), producers: RwLock::default(), clock }
    }

    /// A member as its heartbeat introduces it.
    pub fn member(&self, client_id: &str, peer: &Arc<Peer>, request: &Command) -> Member {
        Member {
            client_id: client_id.to_owned(),
            peer: peer.clone(),
            language: request.language,
            version: request.version,
            heard_ms: self.clock.now_ms(),
        }
    }

    /// Notes a consumer, and tells the group if something changed and `notify` says so.
    pub fn consumer_heard(&self, data: &ConsumerData, member: Member, notify: bool) {
        let mut groups = self.consumers.write();
        let group = groups.entry(data.group_name.clone()).or_default();
        group.consume_type = data.consume_type;
        group.message_model = data.message_model;
        group.consume_from = data.consume_from_where;
        let (id, client_id) = (member.peer.id(), member.client_id.clone());
        let said = Said::of(data);
        let before = group.members.insert(id, (member, said.clone()));
        let new = before.is_none();
        if before.is_none_or(|(_, before)| before != said) {
            group.compare_members(&data.group_name);
        }
        let resubscribed = group.subscribe(&data.group_name, &data.subscription_data_set);
        if new || resubscribed {
            tracing::info!(group = data.group_name, client = client_id, new, resubscribed, "consumer group changed");
            if notify {
                tell(&data.group_name, group);
            }
        }
    }

    /// Notes a producer.
    pub fn producer_heard(&self, group: &str, member: Member) {
        let id = member.peer.id();
        self.producers.write().entry(group.to_owned()).or_default().insert(id, member);
    }

    /// A consumer leaves its group.
    pub fn consumer_left(&self, group: &str, peer: &Peer, notify: bool) {
        let mut groups = self.consumers.write();
        if let Some(members) = groups.get_mut(group)
            && members.members.remove(&peer.id()).is_some()
        {
            tracing::info!(group, client = %peer.remote(), "a consumer left");
            if members.members.is_empty() {
                groups.remove(group);
                return;
            }
            members.compare_members(group);
            if notify {
                tell(group, members);
            }
        }
    }

    /// A producer leaves its group.
    pub fn producer_left(&self, group: &str, peer: &Peer) {
        let mut groups = self.producers.write();
        if let Some(members) = groups.get_mut(group) {
            members.remove(&peer.id());
            if members.is_empty() {
                groups.remove(group);
            }
        }
    }

    /// A connection is gone: whoever was on it has left. `notify` says for a group whether it is told.
    pub fn disconnected(&self, peer: &Peer, notify: impl Fn(&str) -> bool) {
        self.remove(|member| member.peer.id() == peer.id(), notify);
    }

    /// Removes members that have not been heard of for [`EXPIRY_MS`], and closes their connections.
    pub fn expire(&self, notify: impl Fn(&str) -> bool) {
        let oldest = self.clock.now_ms() - EXPIRY_MS;
        self.remove(
            |member| {
                let expired = member.heard_ms < oldest;
                if expired {
                    tracing::warn!(client = member.client_id, "no heartbeat for {} s: removed", EXPIRY_MS / 1000);
                    member.peer.close();
                }
                expired
            },
            notify,
        );
    }

    fn remove(&self, gone: impl Fn(&Member) -> bool, notify: impl Fn(&str) -> bool) {
        self.consumers.write().retain(|name, group| {
            let before = group.members.len();
            group.members.retain(|_, (member, _)| !gone(member));
            if group.members.len() < before && !group.members.is_empty() {
                group.compare_members(name);
                if notify(name) {
                    tell(name, group);
                }
            }
            !group.members.is_empty()
        });
        self.producers.write().retain(|_, members| {
            members.retain(|_, member| !gone(member));
            !members.is_empty()
        });
    }

    /// The client ids of a group; `None` if it has no members.
    pub fn ids(&self, group: &str) -> Option<Vec<String>> {
        self.consumers.read().get(group).map(|group| group.members().map(|member| member.client_id.clone()).collect())
    }

    /// A group as it is now.
    pub fn group(&self, name: &str) -> Option<ConsumerGroup> {
        self.consumers.read().get(name).cloned()
    }

    /// What a group wants of a topic, and how it consumes. `None` if the group has no members.
    pub fn subscription(&self, group: &str, topic: &str) -> Option<(MessageModel, Option<Arc<Wanted>>)> {
        let groups = self.consumers.read();
        let group = groups.get(group)?;
        Some((group.message_model, group.subscriptions.get(topic).cloned()))
    }

    /// Whether the group's members subscribe to topics, but not to this one.
    pub fn has_left(&self, group: &str, topic: &str) -> bool {
        let groups = self.consumers.read();
        let wanted = groups.get(group).map(|group| &group.subscriptions);
        wanted.is_some_and(|wanted| !wanted.is_empty() && !wanted.contains_key(topic))
    }

    /// The member of a consumer group that calls itself so: the one heard of last, if several do.
    pub fn member_of(&self, group: &str, client_id: &str) -> Option<Member> {
        let groups = self.consumers.read();
        let named = groups.get(group)?.members().filter(|member| member.client_id == client_id);
        named.max_by_key(|member| (member.heard_ms, member.peer.id())).cloned()
    }

    /// Whether a live member of the group is on this connection.
    pub fn is_member(&self, group: &str, peer_id: u64) -> bool {
        self.consumers.read().get(group).is_some_and(|group| group.members.contains_key(&peer_id))
    }

    /// What the members of a group disagree about; nothing if it has none.
    pub fn conflicts(&self, group: &str) -> Vec<Conflict> {
        self.consumers.read().get(group).map(|group| group.conflicts.clone()).unwrap_or_default()
    }

    /// The groups whose members subscribe to a topic.
    pub fn groups_of(&self, topic: &str) -> Vec<String> {
        let groups = self.consumers.read();
        groups
            .iter()
            .filter(|(_, group)| group.subscriptions.contains_key(topic))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The members of a producer group.
    pub fn producers(&self, group: &str) -> Vec<Member> {
        self.producers.read().get(group).map(|members| members.values().cloned().collect()).unwrap_or_default()
    }

    /// The members of all producer groups.
    pub fn all_producers(&self) -> BTreeMap<String, Vec<Member>> {
        let groups = self.producers.read();
        groups.iter().map(|(name, members)| (name.clone(), members.values().cloned().collect())).collect()
    }

    /// The connection of the client that calls itself so: the one heard of last, if several do.
    pub fn peer_of(&self, client_id: &str) -> Option<Arc<Peer>> {
        let newest = |members: &mut dyn Iterator<Item = &Member>| {
            let named = members.filter(|member| member.client_id == client_id);
            named.max_by_key(|member| (member.heard_ms, member.peer.id())).map(|member| member.peer.clone())
        };
        let producer = newest(&mut self.producers.read().values().flat_map(HashMap::values));
        producer.or_else(|| newest(&mut self.consumers.read().values().flat_map(ConsumerGroup::members)))
    }

    /// How many members consumer and producer groups have.
    pub fn counts(&self) -> (usize, usize) {
        let consumers = self.consumers.read().values().map(|group| group.members.len()).sum();
        (consumers, self.producers.read().values().map(HashMap::len).sum())
    }
}

/// Tells every member of a group that its membership or subscription changed.
fn tell(name: &str, group: &ConsumerGroup) {
    for member in group.members() {
        let notice = Command { language: Language::JAVA, ..Command::request(request::NOTIFY_CONSUMER_IDS_CHANGED) };
        if !member.peer.notify(notice.with_header(&GroupOf { consumer_group: name.to_owned() })) {
            tracing::debug!(group = name, client = member.client_id, "could not tell a member about its group");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::topic;
    use tokio::sync::mpsc::Receiver;

    fn peer(port: u16) -> (Arc<Peer>, Receiver<Command>) {
        let addr = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let (peer, told) = Peer::new(addr(port), addr(10911));
        (Arc::new(peer), told)
    }

    fn data(tags: &[(&str, i64)]) -> ConsumerData {
        ConsumerData {
            consume_from_where: ConsumeFrom::FirstOffset,
            consume_type: ConsumeType::Passively,
            group_name: "G".into(),
            message_model: MessageModel::Clustering,
            subscription_data_set: tags
                .iter()
                .map(|(topic, version)| Subscription::tags(topic, "*", *version))
                .collect(),
            unit_mode: false,
        }
    }

    #[test]
    fn members_are_told_when_one_comes_or_goes_but_not_on_every_heartbeat() {
        let clock = Clock::manual(0);
        let clients = Clients::new(clock.clone());
        let ((one, mut told_one), (two, mut told_two)) = (peer(1), peer(2));
        let heard = |peer: &Arc<Peer>, id: &str| {
            clients.consumer_heard(&data(&[("T", 1)]), clients.member(id, peer, &Command::request(34)), true);
        };
        heard(&one, "one");
        let notice = told_one.try_recv().unwrap();
        assert_eq!((notice.code, notice.fields.get("consumerGroup")), (40, Some("G")));
        heard(&one, "one");
        assert!(told_one.try_recv().is_err());
        heard(&two, "two");
        assert!(told_one.try_recv().is_ok() && told_two.try_recv().is_ok());
        assert_eq!(clients.ids("G").unwrap().len(), 2);
        clients.disconnected(&two, |_| true);
        assert!(told_one.try_recv().is_ok());
        clock.advance_ms(EXPIRY_MS + 1);
        clients.expire(|_| true);
        assert!(one.is_closed());
        assert_eq!(clients.ids("G"), None);
    }

    #[test]
    fn a_newer_subscription_replaces_an_older_one_and_a_missing_one_is_dropped() {
        let clients = Clients::new(Clock::manual(0));
        let (one, _told) = peer(1);
        let hear = |tags: &[(&str, i64)]| {
            clients.consumer_heard(&data(tags), clients.member("one", &one, &Command::request(34)), true);
        };
        let version = |topic: &str| clients.subscription("G", topic).unwrap().1.map(|sub| sub.said.sub_version);
        hear(&[("T", 5), (&topic::retry_topic("G"), 1)]);
        hear(&[("T", 4)]);
        assert_eq!((version("T"), version("%RETRY%G")), (Some(5), None));
        hear(&[("T", 6)]);
        assert_eq!(version("T"), Some(6));
        assert_eq!(clients.groups_of("T"), ["G"]);
    }
}

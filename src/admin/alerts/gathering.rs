//! Asks for what no picture tells: O(brokers) questions and those to the members of the worst groups.

use super::{
    Evidence, GroupEvidence, MemberEvidence, TopicShape, run_of,
    servers::{ALIKE, PERMISSION},
};
use crate::{
    Admin, BrokerRef, Error, Where,
    admin::read,
    snapshot::{Known, Unknown},
};
use base::Clock;
use futures_util::{
    FutureExt, StreamExt,
    future::{join, join_all},
    stream,
};
use protocol::{
    Command,
    code::{request, response},
    consume_stats::{BrokerConsumeStats, QueueProgress},
    heartbeat::MessageModel,
    lock::QueueName,
    route::ClusterInfo,
    topic::{DLQ_PREFIX, TopicList, TopicTable, is_system_topic, perm},
};
use std::collections::{BTreeMap, BTreeSet};

/// So many groups are looked at, the most behind first.
const GROUPS: usize = 20;
/// Most members of a group that are asked how they run.
const MEMBERS: usize = 50;
/// Questions to members at the same time.
const AT_ONCE: usize = 16;
/// Most groups whose dead letters are looked at.
const DEAD: usize = 50;

impl Admin {
    /// What no picture of the cluster tells.
    ///
    /// # Errors
    /// If no name server answers. What others do not answer has its reason in the evidence.
    pub async fn evidence(&self, clock: &Clock) -> Result<Evidence, Error> {
        let at_ms = clock.now_ms();
        let masters = self.masters(&Where::Everywhere).await?;
        let servers = self.client.name_servers().await?;
        let mut evidence = Evidence { at_ms, ..Evidence::default() };
        let (names, of_masters) = join(
            join_all(servers.iter().map(|addr| self.word_of(addr).boxed())),
            join_all(masters.iter().map(|master| self.told_by(master).boxed())),
        )
        .await;
        for (addr, (brokers, topics)) in servers.into_iter().zip(names) {
            evidence.names.push((addr.clone(), brokers));
            evidence.topic_names.push((addr, topics));
        }
        let mut groups = Groups::new();
        for (master, (settings, topics, stats)) in masters.into_iter().zip(of_masters) {
            evidence.settings.push((master.clone(), settings));
            evidence.topics.push((master.clone(), topics));
            match stats {
                Ok(stats) => add(&mut groups, &master.name, stats),
                Err(error) => evidence.missing.push((master.name, Unknown::from(&error))),
            }
        }
        evidence.wiped = self.wiped(&evidence).await;
        evidence.dead = self.dead_letter_counts(&evidence).await;
        let mut groups: Vec<_> = groups.into_iter().collect();
        let lag = |queues: &[(QueueName, QueueProgress)]| queues.iter().map(|(_, at)| at.lag().max(0)).sum::<i64>();
        groups.sort_by_cached_key(|(name, queues)| (std::cmp::Reverse(lag(queues)), name.clone()));
        evidence.left_out = groups.len().saturating_sub(GROUPS);
        groups.truncate(GROUPS);
        let asked = groups.into_iter().map(|(name, queues)| self.group_evidence(name, queues).boxed());
        evidence.groups = join_all(asked).await;
        Ok(evidence)
    }

    /// The brokers and topics that a name server knows.
    async fn word_of(&self, addr: &str) -> (Known<BTreeSet<BrokerRef>>, Known<BTreeSet<String>>) {
        let topics = async {
            const ASKED: i32 = request::GET_ALL_TOPIC_LIST_FROM_NAMESERVER;
            let answer = self.client.ask(addr, Command::request(ASKED)).await?;
            let list: TopicList = read(&answer, addr, ASKED)?;
            Ok(list.topic_list.into_iter().collect())
        };
        let brokers = async {
            const ASKED: i32 = request::GET_BROKER_CLUSTER_INFO;
            let answer = self.client.ask(addr, Command::request(ASKED)).await?;
            let info: ClusterInfo = read(&answer, addr, ASKED)?;
            Ok(BrokerRef::all_in(&info).into_iter().collect())
        };
        let (brokers, topics): (Result<_, Error>, Result<_, Error>) = join(brokers, topics).await;
        (brokers.map_err(|error| Unknown::from(&error)), topics.map_err(|error| Unknown::from(&error)))
    }

    /// A master's settings, topics and groups.
    async fn told_by(
        &self,
        master: &BrokerRef,
    ) -> (Known<BTreeMap<String, String>>, Known<BTreeMap<String, TopicShape>>, Result<BrokerConsumeStats, Error>) {
        let topics = self.of::<TopicTable>(&master.addr, request::GET_ALL_TOPIC_CONFIG, &crate::groups::Nothing {});
        let (settings, (topics, stats)) =
            join(self.settings(&master.addr), join(topics, self.all_consume_stats(&master.addr))).await;
        let settings = settings.map(|settings| {
            let mut values = settings.values;
            values.retain(|key, _| key == PERMISSION || ALIKE.contains(&key.as_str()));
            values
        });
        let shape = |config: protocol::topic::TopicConfig| TopicShape {
            read: config.read_queue_nums,
            write: config.write_queue_nums,
            perm: config.perm,
        };
        let topics = topics.map(|table| {
            table.topic_config_table.into_iter().map(|(name, config)| (name, shape(config))).collect::<BTreeMap<_, _>>()
        });
        (settings.map_err(|error| Unknown::from(&error)), topics.map_err(|error| Unknown::from(&error)), stats)
    }

    /// Brokers whose route says that they may not be written to while they say otherwise: one topic of each is looked up.
    async fn wiped(&self, evidence: &Evidence) -> Vec<String> {
        let open = |shape: &TopicShape| shape.perm & perm::WRITE != 0 && shape.write > 0;
        let asked = evidence.topics.iter().filter_map(|(broker, table)| {
            let (topic, _) =
                table.as_ref().ok()?.iter().find(|(topic, shape)| !is_system_topic(topic) && open(shape))?;
            let may = evidence.settings.iter().find(|(other, _)| other == broker)?.1.as_ref().ok()?;
            // A broker that is closed itself tells name servers so.
            let closed = may
                .get(PERMISSION)
                .and_then(|bits| bits.parse::<i32>().ok())
                .is_some_and(|bits| bits & perm::WRITE == 0);
            (!closed).then_some((broker, topic))
        });
        let asked: Vec<_> = asked.map(|(broker, topic)| self.wiped_by(&broker.name, topic).boxed()).collect();
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn wiped_by(&self, broker: &str, topic: &str) -> Option<String> {
        let route = self.route(topic).await.ok()?;
        let told = route.queue_datas.iter().find(|data| data.broker_name == broker)?;
        (told.perm & perm::WRITE == 0).then(|| broker.to_owned())
    }

    /// Where the dead letters of each group end, all queues together.
    async fn dead_letter_counts(&self, evidence: &Evidence) -> BTreeMap<String, Known<i64>> {
        let mut at: BTreeMap<String, Vec<&BrokerRef>> = BTreeMap::new();
        for (broker, table) in &evidence.topics {
            for topic in table.iter().flat_map(BTreeMap::keys).filter(|topic| topic.starts_with(DLQ_PREFIX)) {
                at.entry(topic.clone()).or_default().push(broker);
            }
        }
        let asked: Vec<_> = at.iter().take(DEAD).map(|(topic, brokers)| self.end_of(topic, brokers).boxed()).collect();
        let counts: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        at.keys().map(|topic| topic.trim_start_matches(DLQ_PREFIX).to_owned()).zip(counts).collect()
    }

    async fn end_of(&self, topic: &str, brokers: &[&BrokerRef]) -> Known<i64> {
        let mut end = 0;
        for broker in brokers {
            let stats = self.topic_stats(topic, &Where::Broker(broker.addr.clone())).await;
            for outcome in stats.map_err(|error| Unknown::from(&error))?.0 {
                match outcome.result {
                    Ok(stats) => end += stats.offset_table.values().map(|queue| queue.max_offset).sum::<i64>(),
                    Err(error) if error.refusal_code() == Some(response::TOPIC_NOT_EXIST) => {}
                    Err(error) => return Err(Unknown::from(&error)),
                }
            }
        }
        Ok(end)
    }

    async fn group_evidence(&self, group: String, queues: Vec<(QueueName, QueueProgress)>) -> GroupEvidence {
        let mut evidence = GroupEvidence { group, broadcasts: None, members: Ok(Vec::new()), not_asked: 0, queues };
        let connected = match self.consumers(&evidence.group, &Where::Everywhere).await {
            Ok(connected) => connected,
            Err(error) => {
                evidence.members = Err(Unknown::from(&error));
                return evidence;
            }
        };
        let mut members: BTreeMap<String, (MemberEvidence, BrokerRef)> = BTreeMap::new();
        for outcome in connected.0 {
            match outcome.result {
                Err(error) => {
                    let why = Unknown::because(format!("{}: {error}", outcome.broker.name));
                    evidence.members = Err(why);
                    return evidence;
                }
                Ok(None) => {}
                Ok(Some(connections)) => {
                    evidence.broadcasts = Some(connections.message_model == MessageModel::Broadcasting);
                    for one in connections.connection_set {
                        let new = || MemberEvidence {
                            id: one.client_id.clone(),
                            addrs: BTreeSet::new(),
                            language: one.language.clone(),
                            run: Err(Unknown::because(format!("only {MEMBERS} members are asked"))),
                        };
                        let entry =
                            members.entry(one.client_id.clone()).or_insert_with(|| (new(), outcome.broker.clone()));
                        entry.0.addrs.insert((outcome.broker.name.clone(), one.client_addr));
                    }
                }
            }
        }
        evidence.not_asked = members.len().saturating_sub(MEMBERS);
        let group = &evidence.group;
        let asked: Vec<_> = members
            .into_values()
            .enumerate()
            .map(|(at, (member, broker))| self.with_run(group, member, broker, at < MEMBERS).boxed())
            .collect();
        evidence.members = Ok(stream::iter(asked).buffered(AT_ONCE).collect().await);
        evidence
    }

    async fn with_run(
        &self,
        group: &str,
        mut member: MemberEvidence,
        broker: BrokerRef,
        is_asked: bool,
    ) -> MemberEvidence {
        if is_asked {
            let run = self.running_info(&broker.addr, group, &member.id).await;
            member.run = run.map(|info| run_of(&info)).map_err(|error| Unknown::from(&error));
        }
        member
    }
}

type Groups = BTreeMap<String, Vec<(QueueName, QueueProgress)>>;

fn add(groups: &mut Groups, broker: &str, stats: BrokerConsumeStats) {
    for (group, topics) in stats.consume_stats_list.into_iter().flatten() {
        let queues = groups.entry(group).or_default();
        for (mut queue, at) in topics.into_iter().flat_map(|stats| stats.offset_table) {
            if queue.broker_name.is_empty() {
                broker.clone_into(&mut queue.broker_name);
            }
            queues.push((queue, at));
        }
    }
}

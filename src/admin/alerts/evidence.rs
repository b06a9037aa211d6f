//! What no picture tells, and alerts rest on.

use crate::{
    BrokerRef,
    snapshot::{Known, Unknown},
};
use protocol::{
    ask_client::RunningInfo, consume_stats::QueueProgress, heartbeat::Subscription, lock::QueueName,
    topic::RETRY_PREFIX,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What was asked beyond the picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// When it was asked for, ms.
    pub at_ms: i64,
    /// Name server → the brokers that it knows (106).
    pub names: Vec<(String, Known<BTreeSet<BrokerRef>>)>,
    /// Name server → the topics that it knows (206).
    pub topic_names: Vec<(String, Known<BTreeSet<String>>)>,
    /// Settings of the masters that should be alike, and a few more (26).
    pub settings: Vec<(BrokerRef, Known<BTreeMap<String, String>>)>,
    /// Topics of the masters (21).
    pub topics: Vec<(BrokerRef, Known<BTreeMap<String, TopicShape>>)>,
    /// Brokers that clients may not write to by the word of a name server (105), though they take messages.
    pub wiped: Vec<String>,
    /// The groups that were looked at, the most behind first.
    pub groups: Vec<GroupEvidence>,
    /// How many groups were not.
    pub left_out: usize,
    /// Masters that did not tell of their groups (317), and why.
    pub missing: Vec<(String, Unknown)>,
    /// How many messages were ever given up, by group.
    pub dead: BTreeMap<String, Known<i64>>,
}

/// How a broker holds a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TopicShape {
    /// Queues consumers read.
    pub read: i32,
    /// Queues producers write.
    pub write: i32,
    /// [`protocol::topic::perm`] bits.
    pub perm: i32,
}

/// A group and its members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupEvidence {
    /// Its name.
    pub group: String,
    /// Whether each member gets every message; `None` if no member is connected.
    pub broadcasts: Option<bool>,
    /// Its members (203).
    pub members: Known<Vec<MemberEvidence>>,
    /// How many members were not asked how they run.
    pub not_asked: usize,
    /// Where it stands (317).
    pub queues: Vec<(QueueName, QueueProgress)>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberEvidence {
    /// How it calls itself.
    pub id: String,
    /// From where it is connected to each broker: broker, address. Several to one broker are several clients.
    pub addrs: BTreeSet<(String, String)>,
    /// What it is written in, as it says.
    pub language: String,
    /// How it runs (307).
    pub run: Known<MemberRun>,
}

/// How a member runs, as far as alerts and owners need it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemberRun {
    /// Topic → the expression with its kind, in one spelling. Without the group's retry topic.
    pub wants: BTreeMap<String, String>,
    /// The queues that it holds.
    pub holds: Vec<QueueName>,
}

/// What alerts need of how a member runs.
pub fn run_of(info: &RunningInfo) -> MemberRun {
    let wanted = info.subscription_set.iter().filter(|wanted| !wanted.topic.starts_with(RETRY_PREFIX));
    MemberRun {
        wants: wanted.map(|wanted| (wanted.topic.clone(), expression(wanted))).collect(),
        holds: info.mq_table.iter().filter(|(_, held)| !held.droped).map(|(queue, _)| queue.clone()).collect(),
    }
}

/// An expression in one spelling.
fn expression(wanted: &Subscription) -> String {
    if !wanted.is_tag() {
        return format!("{} {}", wanted.expression_type, wanted.sub_string.trim());
    }
    // Some clients send no tags beside the expression.
    let tags = Subscription::tags(&wanted.topic, &wanted.sub_string, 0);
    if tags.takes_all() { "all".to_owned() } else { format!("tags {}", tags.tags_set.join(" || ")) }
}

impl GroupEvidence {
    /// Who holds a queue; `None` if surely nobody does.
    pub fn owner(&self, topic: &str, broker: &str, queue: i32) -> Known<Option<&str>> {
        let members = self.members.as_ref().map_err(Clone::clone)?;
        if self.broadcasts == Some(true) {
            return Err(Unknown::because("every member of the group reads every queue"));
        }
        let holds = |member: &MemberEvidence| {
            let is_it = |held: &QueueName| (&*held.topic, &*held.broker_name, held.queue_id) == (topic, broker, queue);
            member.run.as_ref().is_ok_and(|run| run.holds.iter().any(is_it))
        };
        if let Some(owner) = members.iter().find(|member| holds(member)) {
            return Ok(Some(&owner.id));
        }
        match members.iter().find_map(|member| Some((member, member.run.as_ref().err()?))) {
            Some((member, why)) => Err(Unknown::because(format!("{} does not tell what it holds: {why}", member.id))),
            None => Ok(None),
        }
    }
}

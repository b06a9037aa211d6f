//! Questions to the cluster and their answers. Each question is asked beside the others; who asks sees to it that none is
//! asked again before it is answered.

use admin::{
    Admin, Snapshot, Where,
    snapshot::{Known, Unknown},
};
use base::Clock;
use futures_util::future::join;
use protocol::{
    code::response, connections::ConsumerConnections, consume_stats::QueueProgress, lock::QueueName,
    topic_stats::QueueExtent,
};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// One question to a name server and one to each broker; with groups, one more to each master, the heavy one.
    Picture {
        /// Whether with groups.
        groups: bool,
    },
    /// The names of all topics: one question to a name server.
    Topics,
    /// The queues of a topic: one question to each master.
    Topic(String),
    /// The queues and members of a group: two questions to each master.
    Group(String),
}

/// The queues of a topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicDetail {
    /// Where each queue begins and ends.
    pub queues: BTreeMap<QueueName, QueueExtent>,
    /// Which brokers did not tell, and why.
    pub missing: Vec<(String, Unknown)>,
}

/// The queues of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupDetail {
    /// How far it has come in each queue.
    pub queues: BTreeMap<QueueName, QueueProgress>,
    /// Its members, by their ids.
    pub members: Members,
    /// Which brokers did not tell, and why.
    pub missing: Vec<(String, Unknown)>,
}

/// Members of a group: id → where from, and language and version.
pub type Members = BTreeMap<String, (String, String)>;

/// What came of a question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Question::Picture`].
    Picture {
        /// Whether with groups.
        groups: bool,
        /// The picture, or why there is none.
        got: Known<Box<Snapshot>>,
    },
    /// To [`Question::Topics`].
    Topics(Known<Vec<String>>),
    /// To [`Question::Topic`].
    Topic(String, Known<TopicDetail>),
    /// To [`Question::Group`].
    Group(String, Known<GroupDetail>),
}

impl Answer {
    /// What it is the answer to.
    pub fn question(&self) -> Question {
        match self {
            Self::Picture { groups, .. } => Question::Picture { groups: *groups },
            Self::Topics(_) => Question::Topics,
            Self::Topic(name, _) => Question::Topic(name.clone()),
            Self::Group(name, _) => Question::Group(name.clone()),
        }
    }
}

/// Asks.
pub struct Feed {
    admin: Admin,
    clock: Clock,
    asked: JoinSet<Answer>,
}

impl Feed {
    /// Asks this cluster.
    pub fn new(admin: Admin, clock: Clock) -> Self {
        Self { admin, clock, asked: JoinSet::new() }
    }

    /// Asks. The answer comes from [`Feed::answer`].
    pub fn ask(&mut self, question: Question) {
        let (admin, clock) = (self.admin.clone(), self.clock.clone());
        self.asked.spawn(async move {
            match question {
                Question::Picture { groups } => {
                    let got = admin.snapshot(&clock, groups).await;
                    Answer::Picture { groups, got: got.map(Box::new).map_err(|error| Unknown::from(&error)) }
                }
                Question::Topics => Answer::Topics(admin.topics().await.map_err(|error| Unknown::from(&error))),
                Question::Topic(name) => {
                    let got = topic(&admin, &name).await;
                    Answer::Topic(name, got)
                }
                Question::Group(name) => {
                    let got = group(&admin, &name).await;
                    Answer::Group(name, got)
                }
            }
        });
    }

    /// The next answer; waits for ever if nothing was asked.
    pub async fn answer(&mut self) -> Answer {
        match self.asked.join_next().await {
            Some(Ok(answer)) => answer,
            // A fault in asking is one of this program.
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            _ => std::future::pending().await,
        }
    }
}

async fn topic(admin: &Admin, name: &str) -> Known<TopicDetail> {
    let stats = admin.topic_stats(name, &Where::Everywhere).await.map_err(|error| Unknown::from(&error))?;
    let mut detail = TopicDetail::default();
    for outcome in stats.0 {
        match outcome.result {
            Ok(stats) => detail.queues.extend(stats.offset_table),
            // Not every broker has every topic.
            Err(error) if error.refusal_code() == Some(response::TOPIC_NOT_EXIST) => {}
            Err(error) => detail.missing.push((outcome.broker.name, Unknown::from(&error))),
        }
    }
    Ok(detail)
}

async fn group(admin: &Admin, name: &str) -> Known<GroupDetail> {
    let everywhere = Where::Everywhere;
    let (stats, members) = join(admin.consume_stats(name, None, &everywhere), admin.consumers(name, &everywhere)).await;
    let mut detail = GroupDetail::default();
    for outcome in stats.map_err(|error| Unknown::from(&error))?.0 {
        match outcome.result {
            Ok(stats) => detail.queues.extend(stats.offset_table),
            Err(error) => detail.missing.push((outcome.broker.name, Unknown::from(&error))),
        }
    }
    for outcome in members.map_err(|error| Unknown::from(&error))?.0 {
        match outcome.result {
            Ok(members) => detail.members.extend(members.into_iter().flat_map(|some| members_of(&some))),
            Err(error) => detail.missing.push((outcome.broker.name, Unknown::from(&error))),
        }
    }
    Ok(detail)
}

fn members_of(connections: &ConsumerConnections) -> Members {
    let member = |one: &protocol::connections::Connection| {
        (one.client_id.clone(), (one.client_addr.clone(), format!("{} {}", one.language, one.version)))
    };
    connections.connection_set.iter().map(member).collect()
}

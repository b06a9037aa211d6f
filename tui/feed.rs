//! Questions to the cluster and their answers. Each question is asked beside the others; who asks sees to it that none is
//! asked again before it is answered.

use crate::orders::{self, Order};
use admin::{
    Admin, Snapshot, Trace,
    snapshot::{Known, Unknown},
};
use base::Clock;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

mod clients;
mod dead_letters;
mod group;
mod health;
mod messages;
mod team;
mod topic;

pub use clients::{ClientDetail, ClientLine, ClientRun, Clients};
pub use dead_letters::{DeadLetterGroup, DeadLetterGroups};
pub use group::{GroupDetail, Members};
pub use health::HealthDetail;
pub use messages::{MessageAt, Page, Spot, Start};
pub use team::Team;
pub use topic::{TopicDetail, TopicReader};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Question {
    /// One question to a name server and one to each broker; with groups, one more to each master, the heavy one.
    Picture {
        /// Whether with groups.
        groups: bool,
    },
    /// The names of all topics: one question to a name server.
    Topics,
    /// The queues of a topic and its readers: two questions to each master, and some for each reader.
    Topic(String),
    /// The queues and members of a group: two questions to each master, and one to each member from time to time.
    Group(String),
    /// Everybody who is connected: a question for each group to each master.
    Clients,
    /// How a member of a group runs: group, id. One question to each master.
    Client(String, String),
    /// Messages from a place on: a question to the broker of each queue.
    Messages(Spot),
    /// What was told of a message with that id: one question to a broker of each name.
    Trace(String),
    /// Which groups have dead letters: a few questions for each group that had some.
    DeadLetters,
    /// What no picture tells and alerts rest on.
    Health,
    /// What an order would change.
    Plan(Order),
    /// That it be carried out.
    Do(Order),
}

impl Question {
    /// How long it is not asked again while its screen is shown, ms, unless somebody wants it. 0: with each refresh.
    pub fn rest_ms(&self) -> i64 {
        match self {
            Self::Picture { .. } | Self::Topics | Self::Topic(_) | Self::Group(_) => 0,
            Self::Client(..) => 2000,
            Self::Health => 5000,
            Self::Clients | Self::DeadLetters => 10_000,
            // What is stored does not change; new messages are wanted where one looks at the end.
            Self::Messages(spot) if spot.start == Start::End => 0,
            // An order is given once.
            Self::Messages(_) | Self::Trace(_) | Self::Plan(_) | Self::Do(_) => i64::MAX,
        }
    }

    /// The answer of whoever cannot answer.
    pub fn refused(&self, why: &Unknown) -> Answer {
        let why = why.clone();
        match self.clone() {
            Self::Picture { groups } => Answer::Picture { groups, got: Err(why) },
            Self::Topics => Answer::Topics(Err(why)),
            Self::Topic(name) => Answer::Topic(name, Err(why)),
            Self::Group(name) => Answer::Group(name, Err(why)),
            Self::Clients => Answer::Clients(Err(why)),
            Self::Client(group, id) => Answer::Client(group, id, Err(why)),
            Self::Messages(spot) => Answer::Messages(spot, Err(why)),
            Self::Trace(id) => Answer::Trace(id, Err(why)),
            Self::DeadLetters => Answer::DeadLetters(Err(why)),
            Self::Health => Answer::Health(Err(why)),
            Self::Plan(order) => Answer::Planned(order, Err(why)),
            Self::Do(order) => Answer::Done(order, Err(why)),
        }
    }
}

/// What came of a question.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// To [`Question::Clients`].
    Clients(Known<Clients>),
    /// To [`Question::Client`].
    Client(String, String, Known<ClientDetail>),
    /// To [`Question::Messages`].
    Messages(Spot, Known<Page>),
    /// To [`Question::Trace`].
    Trace(String, Known<Trace>),
    /// To [`Question::DeadLetters`].
    DeadLetters(Known<DeadLetterGroups>),
    /// To [`Question::Health`].
    Health(Known<HealthDetail>),
    /// To [`Question::Plan`]: in words.
    Planned(Order, Known<String>),
    /// To [`Question::Do`]: what became of it, in words.
    Done(Order, Known<String>),
}

impl Answer {
    /// What it is the answer to.
    pub fn question(&self) -> Question {
        match self {
            Self::Picture { groups, .. } => Question::Picture { groups: *groups },
            Self::Topics(_) => Question::Topics,
            Self::Topic(name, _) => Question::Topic(name.clone()),
            Self::Group(name, _) => Question::Group(name.clone()),
            Self::Clients(_) => Question::Clients,
            Self::Client(group, id, _) => Question::Client(group.clone(), id.clone()),
            Self::Messages(spot, _) => Question::Messages(spot.clone()),
            Self::Trace(id, _) => Question::Trace(id.clone()),
            Self::DeadLetters(_) => Question::DeadLetters,
            Self::Health(_) => Question::Health,
            Self::Planned(order, _) => Question::Plan(order.clone()),
            Self::Done(order, _) => Question::Do(order.clone()),
        }
    }
}

/// Asks.
pub struct Feed {
    admin: Admin,
    clock: Clock,
    asked: JoinSet<Answer>,
    teams: team::Teams,
}

impl Feed {
    /// Asks this cluster.
    pub fn new(admin: Admin, clock: Clock) -> Self {
        Self { admin, clock, asked: JoinSet::new(), teams: team::Teams::default() }
    }

    /// Takes a picture with groups that somebody else asked for.
    pub fn note(&self, picture: &Snapshot) {
        self.teams.note_lags(picture);
    }

    /// Asks. The answer comes from [`Feed::answer`].
    pub fn ask(&mut self, question: Question) {
        let (admin, clock, teams) = (self.admin.clone(), self.clock.clone(), self.teams.clone());
        self.asked.spawn(async move {
            match question {
                Question::Picture { groups } => {
                    let got = admin.snapshot(&clock, groups).await;
                    if let (true, Ok(snapshot)) = (groups, &got) {
                        teams.note_lags(snapshot);
                    }
                    Answer::Picture { groups, got: got.map(Box::new).map_err(|error| Unknown::from(&error)) }
                }
                Question::Topics => Answer::Topics(admin.topics().await.map_err(|error| Unknown::from(&error))),
                Question::Topic(name) => {
                    let got = topic::ask(&admin, &clock, &teams, &name).await;
                    Answer::Topic(name, got)
                }
                Question::Group(name) => {
                    let got = group::ask(&admin, &clock, &teams, &name).await;
                    Answer::Group(name, got)
                }
                Question::Clients => Answer::Clients(clients::ask_all(&admin).await),
                Question::Client(group, id) => {
                    let got = clients::ask_one(&admin, &group, &id).await;
                    Answer::Client(group, id, got)
                }
                Question::Messages(spot) => {
                    let got = messages::ask(&admin, &spot).await;
                    Answer::Messages(spot, got)
                }
                Question::Trace(id) => {
                    let got = messages::ask_trace(&admin, &id).await;
                    Answer::Trace(id, got)
                }
                Question::DeadLetters => Answer::DeadLetters(dead_letters::ask(&admin).await),
                Question::Health => Answer::Health(health::ask(&admin, &clock).await),
                Question::Plan(order) => {
                    let got = orders::plan(&admin, &order).await;
                    Answer::Planned(order, got)
                }
                Question::Do(order) => {
                    let got = orders::carry_out(&admin, &order).await;
                    Answer::Done(order, got)
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

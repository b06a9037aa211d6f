//! The screens there are, and their names: as they stand at the top and as they are typed after `:`.

use crate::{
    feed::{MessageAt, Spot},
    words::Lang,
};

/// A screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Totals, brokers, worst groups.
    Cluster,
    /// All topics.
    Topics,
    /// The queues of a topic, and who reads it.
    Topic(String),
    /// All groups.
    Groups,
    /// The queues and members of a group.
    Group(String),
    /// Everybody who is connected.
    Clients,
    /// How a member of a group runs: group, id.
    Client(String, String),
    /// What a broker says of itself: cluster, name, id.
    Broker(String, String, i64),
    /// Messages of a queue, or of all queues of a topic, from somewhere on.
    Messages(Spot),
    /// One message.
    Message(MessageAt),
    /// Groups with dead letters.
    DeadLetters,
    /// What is wrong, and what mends it.
    Alerts,
    /// The totals of the last quarter of an hour.
    Charts,
    /// Which columns a screen has.
    Columns(Box<View>),
    /// The keys.
    Help,
}

/// Screens by their names.
pub(super) const NAMES: [(&str, View); 8] = [
    ("cluster", View::Cluster),
    ("topics", View::Topics),
    ("groups", View::Groups),
    ("clients", View::Clients),
    ("dlq", View::DeadLetters),
    ("alerts", View::Alerts),
    ("charts", View::Charts),
    ("help", View::Help),
];

impl View {
    /// What stands at the top.
    pub fn name(&self, lang: Lang) -> String {
        match self {
            Self::Topic(name) | Self::Group(name) => name.clone(),
            Self::Broker(_, name, id) => format!("{name}:{id}"),
            Self::Client(_, id) => id.clone(),
            Self::Messages(spot) => lang.fill("messages of {}", &[spot]),
            Self::Message(at) => at.to_string(),
            Self::DeadLetters => lang.word("dead letters").to_owned(),
            Self::Columns(_) => lang.word("columns").to_owned(),
            named => lang.word(NAMES.iter().find(|(_, view)| view == named).map_or("", |(name, _)| *name)).to_owned(),
        }
    }
}

/// Short names of screens.
pub(super) const ALIASES: [(&str, &str); 11] = [
    ("c", "cluster"),
    ("b", "cluster"),
    ("brokers", "cluster"),
    ("t", "topics"),
    ("g", "groups"),
    ("cl", "clients"),
    ("dl", "dlq"),
    ("a", "alerts"),
    ("ch", "charts"),
    ("h", "help"),
    ("?", "help"),
];

impl View {
    /// What all screens of its kind are called together: what is remembered of them.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Topics => "topics",
            Self::Topic(_) => "topic",
            Self::Groups => "groups",
            Self::Group(_) => "group",
            Self::Clients => "clients",
            Self::Client(..) => "client",
            Self::Broker(..) => "broker",
            Self::Messages(_) => "messages",
            Self::Message(_) => "message",
            Self::DeadLetters => "dead-letters",
            Self::Alerts => "alerts",
            Self::Charts => "charts",
            Self::Columns(_) => "columns",
            Self::Help => "help",
        }
    }
}

/// What a member of a group is called among all that was heard.
pub(super) fn member(group: &str, id: &str) -> String {
    format!("{group} {id}")
}

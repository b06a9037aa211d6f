//! Why a question got no answer or an order was not carried out.

/// Not found, refused, unreachable: each is told apart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client room's: refused, unreachable, malformed, and names that are none.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// No cluster of that name.
    #[error("no cluster is named {name}; there are: {}", list(known))]
    NoCluster {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No broker of that name or address.
    #[error("no broker is named {name} or has that address; there are: {}", list(known))]
    NoBroker {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Of that name only slaves are there.
    #[error("broker {name} has no master now, only {slave}: start its master")]
    NoMaster {
        /// The broker's name.
        name: String,
        /// One that is there, as [`crate::BrokerRef`] shows itself.
        slave: String,
    },
    /// No message of that id.
    #[error("no message has the id {id}: {why}")]
    NoMessage {
        /// The id.
        id: String,
        /// Where it was looked for.
        why: String,
    },
    /// A message of that id may exist, but some brokers could not be asked.
    #[error("no message with the id {id} was found, but not every broker could be asked: {}", list(failed))]
    NotSure {
        /// The id.
        id: String,
        /// Each broker that failed, with its reason.
        failed: Vec<String>,
        /// Whether they could not be reached, rather than refused.
        unreachable: bool,
    },
    /// A group cannot be moved from where it is, for nobody knows where that is.
    #[error("group {group} has no position in queue {queue} to be moved from")]
    NoPosition {
        /// The group.
        group: String,
        /// The queue.
        queue: String,
    },
    /// An old broker resets a queue of a group only while nobody reads it.
    #[error(
        "broker {broker} cannot reset group {group} to an index while members of it are connected: stop them first, or reset all queues of the topic to a time"
    )]
    MembersConnected {
        /// The group.
        group: String,
        /// The broker.
        broker: String,
    },
}

impl Error {
    /// Whether what was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Client(error) => error.is_not_found(),
            Self::NoCluster { .. } | Self::NoBroker { .. } | Self::NoMessage { .. } => true,
            Self::NoMaster { .. } | Self::NotSure { .. } | Self::NoPosition { .. } | Self::MembersConnected { .. } => {
                false
            }
        }
    }

    /// Whether the cluster, or a part of it that mattered, could not be reached.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Client(error) => error.is_unreachable(),
            Self::NotSure { unreachable, .. } => *unreachable,
            Self::NoMaster { .. } => true,
            _ => false,
        }
    }

    /// Whether an answer did not come in time. What was ordered may have been done all the same.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_timeout())
    }

    /// The code a name server or broker refused with: see [`protocol::code::response`].
    pub fn refusal_code(&self) -> Option<i32> {
        match self {
            Self::Client(error) => error.refusal_code(),
            _ => None,
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

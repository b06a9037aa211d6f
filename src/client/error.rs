//! What can go wrong between this process and a cluster.

use crate::message::PropertyError;
use protocol::{
    code::{request_title, response, response_title},
    topic::NameError,
};
use std::fmt::Display;

/// Why something could not be sent, read or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name servers are not given, given wrongly, or their address server does not tell them.
    #[error(transparent)]
    Names(#[from] remoting::NamesError),
    /// No name server answers; each address with its reason.
    #[error("no name server answers: {}", joined(.0))]
    NamesUnreachable(Vec<remoting::Error>),
    /// A broker does not answer.
    #[error(transparent)]
    Unreachable(#[from] remoting::Error),
    /// A name server or broker answered no.
    #[error("{addr} refused {}: {}{}", request_title(*request), response_title(*code), after_colon(remark))]
    Refused {
        /// Who refused.
        addr: String,
        /// What it was asked: see [`protocol::code::request`].
        request: i32,
        /// Its answer: see [`protocol::code::response`].
        code: i32,
        /// Its reason, in its words.
        remark: String,
    },
    /// An answer does not say what it should.
    #[error("{addr} answered {} in a way that cannot be read: {why}", request_title(*request))]
    Malformed {
        /// Who answered.
        addr: String,
        /// What it was asked.
        request: i32,
        /// What is wrong with the answer.
        why: String,
    },
    /// The name servers know no such topic, and it did not come into being by sending to it.
    #[error(
        "topic {topic} does not exist: create it, or let brokers create topics on their first use \
         (autoCreateTopicEnable=true)"
    )]
    TopicNotFound {
        /// The topic.
        topic: String,
    },
    /// The topic exists, but no queue of it can be used.
    #[error("topic {topic} has no {what} queue: {why}")]
    NoQueue {
        /// The topic.
        topic: String,
        /// `writable` or `readable`.
        what: &'static str,
        /// What its route says.
        why: String,
    },
    /// A broker that no route names.
    #[error("broker {broker} is not registered at the name servers as one of topic {topic}")]
    BrokerUnknown {
        /// Its name.
        broker: String,
        /// The topic it was needed for.
        topic: String,
    },
    /// Every attempt to send a message failed.
    #[error("cannot send to topic {topic}: {}", joined(attempts))]
    SendFailed {
        /// The topic.
        topic: String,
        /// What was tried, in order.
        attempts: Vec<SendAttempt>,
    },
    /// A name that no topic or group can have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A topic that belongs to the broker.
    #[error("topic {0} belongs to the broker itself: clients may not send to it")]
    TopicReserved(String),
    /// A message without a body, which other clients cannot read.
    #[error("the message for topic {0} has an empty body, which other clients cannot read")]
    EmptyBody(String),
    /// Too large to be sent.
    #[error("the {what} has {len} bytes, the most is {max}")]
    TooLarge {
        /// `body`, `batch` or `property string`.
        what: &'static str,
        /// Its size in bytes.
        len: usize,
        /// The most, in bytes.
        max: usize,
    },
    /// Messages that cannot be sent as one batch, or a batch that was not answered as one.
    #[error("not a batch: {0}")]
    Batch(String),
    /// A property that cannot be written.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// Two consumers of one group in one client.
    #[error("this client already has a consumer of group {0}")]
    GroupTaken(String),
    /// The file of a broadcast consumer's positions cannot be read or written.
    #[error("cannot keep positions in {path}: {source}")]
    LocalOffsets {
        /// Its path.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A message that failed cannot be sent anew.
    #[error("message {id} cannot be sent to the retry topic: {why}")]
    NotResent {
        /// Its id.
        id: String,
        /// Why not.
        why: String,
    },
    /// Queues cannot be shared out as asked.
    #[error("queues cannot be shared out: {0}")]
    Allocation(String),
    /// A consumer's queues are either shared with its group or named by its caller.
    #[error("a consumer either subscribes to topics or is assigned queues, not both")]
    Assigned,
    /// A queue that this consumer does not read now.
    #[error("queue {0} is not read by this consumer now")]
    NotAssigned(String),
    /// An index that a queue does not have.
    #[error("queue {queue} has no index {offset}: it goes from {min} to {max}")]
    OffsetOutside {
        /// The queue.
        queue: String,
        /// The index.
        offset: i64,
        /// Its first index.
        min: i64,
        /// Its end.
        max: i64,
    },
    /// The client was shut down.
    #[error("the client is shut down")]
    ShutDown,
}

/// One attempt to send a message.
#[derive(Debug, thiserror::Error)]
#[error("{broker}: {error}")]
pub struct SendAttempt {
    /// The broker's name.
    pub broker: String,
    /// Why it failed.
    #[source]
    pub error: Box<Error>,
}

impl Error {
    /// Whether the cluster could not be reached or did not answer in time.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::NamesUnreachable(_) | Self::Unreachable(_) => true,
            Self::Names(error) => matches!(error, remoting::NamesError::AddressServer { .. }),
            Self::SendFailed { attempts, .. } => attempts.last().is_some_and(|last| last.error.is_unreachable()),
            _ => false,
        }
    }

    /// Whether an answer did not come in time. What was asked may have been done all the same.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Unreachable(error) => matches!(error, remoting::Error::TimedOut { .. }),
            Self::NamesUnreachable(tried) => {
                tried.iter().all(|error| matches!(error, remoting::Error::TimedOut { .. }))
            }
            Self::SendFailed { attempts, .. } => attempts.last().is_some_and(|last| last.error.is_timeout()),
            _ => false,
        }
    }

    /// Whether what was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::TopicNotFound { .. } | Self::BrokerUnknown { .. } => true,
            Self::Refused { code, .. } => matches!(
                *code,
                response::TOPIC_NOT_EXIST
                    | response::QUERY_NOT_FOUND
                    | response::NO_MESSAGE
                    | response::SUBSCRIPTION_GROUP_NOT_EXIST
            ),
            Self::SendFailed { attempts, .. } => attempts.last().is_some_and(|last| last.error.is_not_found()),
            _ => false,
        }
    }

    /// The code a name server or broker refused with: see [`protocol::code::response`].
    pub fn refusal_code(&self) -> Option<i32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::SendFailed { attempts, .. } => attempts.last().and_then(|last| last.error.refusal_code()),
            _ => None,
        }
    }
}

fn joined(parts: &[impl Display]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn after_colon(remark: &str) -> String {
    if remark.is_empty() { String::new() } else { format!(": {}", remark.trim()) }
}

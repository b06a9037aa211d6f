//! Messages of a queue, or of all queues of a topic, from a place on; and what was told of one of them.

use admin::{
    Admin, Error, StoredMessage, Trace,
    snapshot::{Known, Unknown},
};
use serde::{Deserialize, Serialize};
use std::fmt;

pub use admin::{Browsed as Page, Start};

/// Messages of a page.
const PAGE: usize = 50;

/// Where messages are looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spot {
    /// The topic.
    pub topic: String,
    /// Broker and queue; `None`: all of them.
    pub queue: Option<(String, i32)>,
    /// From where.
    pub start: Start,
}

impl Spot {
    /// What it is called among all that was heard.
    pub fn key(&self) -> String {
        format!("{self} {:?}", self.start)
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.topic)?;
        match &self.queue {
            Some((broker, queue)) => write!(f, " {broker}/{queue}"),
            None => Ok(()),
        }
    }
}

/// Where a message lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageAt {
    /// The topic.
    pub topic: String,
    /// The broker's name.
    pub broker: String,
    /// The queue.
    pub queue: i32,
    /// Its index there.
    pub offset: i64,
}

impl MessageAt {
    /// Where that one lies.
    pub fn of(message: &StoredMessage) -> Self {
        let StoredMessage { topic, broker, queue, offset, .. } = message;
        Self { topic: topic.clone(), broker: broker.clone(), queue: *queue, offset: *offset }
    }

    /// The page that begins with it.
    pub fn spot(&self) -> Spot {
        let queue = Some((self.broker.clone(), self.queue));
        Spot { topic: self.topic.clone(), queue, start: Start::Offset(self.offset) }
    }
}

impl fmt::Display for MessageAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{} {}", self.topic, self.broker, self.queue, self.offset)
    }
}

pub(super) async fn ask(admin: &Admin, spot: &Spot) -> Known<Page> {
    let queue = spot.queue.as_ref().map(|(broker, queue)| (broker.as_str(), *queue));
    admin.browse(&spot.topic, queue, &spot.start, PAGE).await.map_err(|error| Unknown::from(&error))
}

pub(super) async fn ask_trace(admin: &Admin, id: &str) -> Known<Trace> {
    admin.trace(id).await.map_err(|error| match &error {
        Error::Client(_) if error.is_not_found() => {
            Unknown::because("there is no topic RMQ_SYS_TRACE_TOPIC: no broker has traceTopicEnable=true")
        }
        other => Unknown::from(other),
    })
}

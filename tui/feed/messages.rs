//! Messages of a queue, or of all queues of a topic, from a place on.

use admin::{
    Admin,
    snapshot::{Known, Unknown},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where one begins to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Start {
    /// The newest.
    End,
    /// At an index of the queue, or of each queue.
    Offset(i64),
    /// What was stored from that time on, ms.
    Time(i64),
}

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

impl fmt::Display for MessageAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{} {}", self.topic, self.broker, self.queue, self.offset)
    }
}

/// Messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {}

pub(super) async fn ask(_admin: &Admin, _spot: &Spot) -> Known<Page> {
    Err(Unknown::because("it is not asked yet"))
}

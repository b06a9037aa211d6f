//! Messages that are not to be seen yet: stored under a topic of the broker's own, and brought to theirs later.
//!
//! When that is, is the business of those who park them; here is how a message is told where it belongs.
//! Source: properties `REAL_TOPIC` and `REAL_QID` of Apache RocketMQ.

use protocol::{
    properties,
    record::{NewRecord, Record},
};

/// Where a message is stored in place of the queue it was sent to.
#[derive(Debug, PartialEq, Eq)]
pub struct Parking {
    /// A topic of the broker's own.
    pub topic: &'static str,
    /// One of its queues.
    pub queue_id: i32,
    /// What is stored as the message's properties: they say where it belongs.
    pub properties: String,
    /// What the sender is told besides that the message is stored.
    pub remark: Option<String>,
}

impl Parking {
    /// Parks a message with the properties `stored`, which belongs to queue `belongs.1` of topic `belongs.0`.
    #[must_use]
    pub fn new(topic: &'static str, queue_id: i32, belongs: (&str, i32), stored: &str) -> Self {
        let properties = properties::with(stored, properties::REAL_TOPIC, belongs.0);
        let properties =
            properties::with(&properties, properties::REAL_QUEUE_ID, itoa::Buffer::new().format(belongs.1));
        Self { topic, queue_id, properties, remark: None }
    }
}

/// A parked message on its way to where it belongs. Its fields may be changed before it is stored.
#[derive(Clone, Debug)]
pub struct Released {
    /// As it was parked.
    pub parked: Record,
    /// Where it belongs.
    pub topic: String,
    /// Its queue there.
    pub queue_id: i32,
    /// Its properties as it was parked with them; a CRC of all of it is made anew.
    pub properties: String,
}

impl Released {
    /// Reads where a message belongs; `None` if it does not say, or not properly.
    pub fn of(parked: Record) -> Option<Self> {
        let topic = properties::get(&parked.properties, properties::REAL_TOPIC)?.to_owned();
        let queue_id = properties::get(&parked.properties, properties::REAL_QUEUE_ID)?.parse().ok()?;
        let properties = properties::without(&parked.properties, properties::CRC32);
        Some(Self { parked, topic, queue_id, properties })
    }

    /// What is to be stored.
    pub fn record(&self) -> NewRecord<'_> {
        NewRecord { topic: &self.topic, queue_id: self.queue_id, properties: &self.properties, ..self.parked.renewed() }
    }
}

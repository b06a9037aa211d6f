//! What is noted of pops: one record of the topic `rmq_sys_REVIVE_LOG_<cluster>` for each thing that happened, in the
//! order in which it happened. Read again from the start, they make the table anew: see `table.rs`.
//!
//! The records are rmq's own: JSON, where Apache RocketMQ's brokers write theirs into the same topic in another form.

use serde::{Deserialize, Serialize};

/// A group's reading of one queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reading {
    /// The group.
    #[serde(rename = "g")]
    pub group: String,
    /// The topic; the retry topic if it is that.
    #[serde(rename = "t")]
    pub topic: String,
    /// The queue.
    #[serde(rename = "q")]
    pub queue_id: i32,
}

/// Names one pop of one queue: what a client gives back to acknowledge its messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Whose, and of which queue.
    #[serde(flatten)]
    pub reading: Reading,
    /// Where it began.
    #[serde(rename = "so")]
    pub start_offset: i64,
    /// When it was, ms.
    #[serde(rename = "pt")]
    pub pop_time: i64,
}

/// A message that was popped: its offset in the queue, and where it lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place(pub i64, pub i64);

/// Messages of one queue that were popped together and are not all acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its name.
    #[serde(flatten)]
    pub key: Key,
    /// When those that are left become visible again, ms.
    #[serde(rename = "at")]
    pub revive_at: i64,
    /// Those that are left, by offset.
    #[serde(rename = "m")]
    pub messages: Vec<Place>,
}

/// A message that was popped in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedMessage {
    /// Its offset.
    #[serde(rename = "o")]
    pub offset: i64,
    /// How often it was popped before.
    #[serde(rename = "n")]
    pub count: i32,
    /// When it becomes visible again, ms.
    #[serde(rename = "at")]
    pub visible_at: i64,
    /// Whether it is acknowledged.
    #[serde(rename = "ok", default)]
    pub done: bool,
}

/// What is popped of a queue that is read in order: its other messages wait for these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// Whose, and of which queue.
    #[serde(flatten)]
    pub reading: Reading,
    /// When it was popped, ms.
    #[serde(rename = "pt")]
    pub pop_time: i64,
    /// The attempt it was popped for.
    #[serde(rename = "a", default)]
    pub attempt: Option<String>,
    /// From the first that is not acknowledged on; those acknowledged in between are kept, as they must not come again.
    #[serde(rename = "m")]
    pub messages: Vec<OrderedMessage>,
    /// The group's offset once those that were popped last are acknowledged. Some that were acknowledged earlier may lie
    /// behind it.
    #[serde(rename = "e")]
    pub end: i64,
}

impl Ordered {
    /// Whether others may not read the queue at `now_ms`.
    pub fn blocks(&self, now_ms: i64) -> bool {
        self.messages.iter().any(|message| !message.done && now_ms < message.visible_at)
    }

    /// When it stops to be blocked, ms; `None` if everything is acknowledged.
    pub fn free_at(&self) -> Option<i64> {
        self.messages.iter().filter(|message| !message.done).map(|message| message.visible_at).max()
    }

    /// The group's offset as far as its messages are acknowledged.
    pub fn offset(&self) -> i64 {
        self.messages.iter().find(|message| !message.done).map_or(self.end, |message| message.offset)
    }

    /// Whether anything of it is to be remembered.
    pub fn is_needed(&self) -> bool {
        self.messages.iter().any(|message| !message.done || message.offset >= self.end)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rmq")]
pub enum Event {
    /// Messages were popped, and the group's offset moved to `next`. Or, without that, a checkpoint was written anew: it
    /// replaces the one of its name.
    #[serde(rename = "ck")]
    Popped {
        /// What was popped.
        #[serde(flatten)]
        checkpoint: Checkpoint,
        /// The group's offset.
        #[serde(rename = "n", default)]
        next: Option<i64>,
    },
    /// Messages of a pop are done with: acknowledged, or stored again to come back.
    #[serde(rename = "ack")]
    Done {
        /// The pop.
        #[serde(flatten)]
        key: Key,
        /// Their offsets.
        #[serde(rename = "o")]
        offsets: Vec<i64>,
    },
    /// A message of a pop is invisible for another time, under another name.
    #[serde(rename = "change")]
    Changed {
        /// The pop.
        #[serde(rename = "of")]
        key: Key,
        /// What became of it.
        #[serde(rename = "to")]
        into: Checkpoint,
    },
    /// Messages were popped in order, a message of them was acknowledged, or is invisible for another time: all that is
    /// popped of the queue now.
    #[serde(rename = "order")]
    Ordered {
        /// What is popped.
        #[serde(flatten)]
        ordered: Ordered,
        /// The group's offset.
        #[serde(rename = "n", default)]
        next: Option<i64>,
    },
    /// A group's offset was set where it had none.
    #[serde(rename = "begin")]
    Began {
        /// Whose, and of which queue.
        #[serde(flatten)]
        reading: Reading,
        /// The group's offset.
        #[serde(rename = "n")]
        next: i64,
    },
}

impl Event {
    /// The group's offset that goes with it.
    pub fn moves(&self) -> Option<(&Reading, i64)> {
        match self {
            Self::Popped { checkpoint, next } => Some((&checkpoint.key.reading, (*next)?)),
            Self::Ordered { ordered, next } => Some((&ordered.reading, (*next)?)),
            Self::Began { reading, next } => Some((reading, *next)),
            Self::Done { .. } | Self::Changed { .. } => None,
        }
    }

    /// The body of its record.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Structs and lists always serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the body of a record; `None` if it is none of ours.
    pub fn from_bytes(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_are_written_and_others_are_none() {
        let reading = Reading { group: "G".into(), topic: "T".into(), queue_id: 1 };
        let key = Key { reading: reading.clone(), start_offset: 5, pop_time: 7 };
        let checkpoint = Checkpoint { key: key.clone(), revive_at: 9, messages: vec![Place(5, 1000), Place(6, 2000)] };
        let message = OrderedMessage { offset: 5, count: 1, visible_at: 9, done: true };
        let ordered = Ordered {
            reading: reading.clone(),
            pop_time: 7,
            attempt: Some("a".into()),
            messages: vec![message],
            end: 6,
        };
        let events = [
            Event::Popped { checkpoint: checkpoint.clone(), next: Some(7) },
            Event::Popped { checkpoint: checkpoint.clone(), next: None },
            Event::Done { key: key.clone(), offsets: vec![5] },
            Event::Changed { key, into: checkpoint },
            Event::Ordered { ordered, next: Some(6) },
            Event::Began { reading, next: 3 },
        ];
        for event in events {
            let bytes = event.to_bytes();
            assert_eq!(Event::from_bytes(&bytes), Some(event), "{}", String::from_utf8_lossy(&bytes));
        }
        // What Apache RocketMQ's brokers write.
        let apache = r#"{"bn":"b","c":"G","i":60000,"m":0,"n":1,"p":1,"q":0,"ro":0,"so":0,"t":"T"}"#;
        assert_eq!(Event::from_bytes(apache.as_bytes()), None);
    }
}

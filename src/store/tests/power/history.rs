//! What was done to a store, and from which position of the recording on what of it must survive.

use std::collections::BTreeMap;

/// Bytes of a log file in these tests.
pub const LOG_FILE: u64 = 16 << 10;

/// A message that was appended.
#[derive(Clone, Debug)]
pub struct Message {
    pub topic: &'static str,
    pub queue_id: i32,
    pub queue_offset: i64,
    /// Where it starts in the log.
    pub at: u64,
    /// Its bytes there.
    pub record: Vec<u8>,
    pub key: Option<String>,
    /// How often its topic was deleted before.
    pub life: usize,
}

impl Message {
    pub fn end(&self) -> u64 {
        self.at + self.record.len() as u64
    }
}

/// Something that holds from a position of the recording on.
pub type Since<T> = (usize, T);

/// What was done, and what it means for a crash.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// In the order of the log.
    pub messages: Vec<Message>,
    /// The log below is acknowledged: it was flushed, and those who wait for that were told.
    pub acknowledged: Vec<Since<u64>>,
    /// The log may start there: older files are being deleted.
    pub may_start_at: Vec<Since<u64>>,
    /// A consumer saw the queue of a topic end there.
    pub seen: Vec<Since<(&'static str, i32, i64)>>,
    /// Deletions of a topic that were begun, the first of it first.
    pub deletions: Vec<Since<&'static str>>,
    /// Those that were done: what the topic had does not come back.
    pub deleted: Vec<Since<&'static str>>,
}

impl History {
    fn latest<T: Copy + Ord>(since: &[Since<T>], position: usize, none: T) -> T {
        since.iter().filter(|(from, _)| *from <= position).map(|(_, what)| *what).max().unwrap_or(none)
    }

    /// Up to where the log must be there after a crash at `position`.
    pub fn acknowledged_at(&self, position: usize) -> u64 {
        Self::latest(&self.acknowledged, position, 0)
    }

    /// Where the log may start at most.
    pub fn may_start_at(&self, position: usize) -> u64 {
        Self::latest(&self.may_start_at, position, 0)
    }

    /// How many deletions of `topic` had begun.
    pub fn deletions_at(&self, topic: &str, position: usize) -> usize {
        self.deletions.iter().filter(|(from, of)| *from <= position && *of == topic).count()
    }

    /// How many of them were done.
    pub fn deleted_at(&self, topic: &str, position: usize) -> usize {
        self.deleted.iter().filter(|(from, of)| *from <= position && *of == topic).count()
    }

    /// How often it was deleted so far.
    pub fn life(&self, topic: &str) -> usize {
        self.deletions_at(topic, usize::MAX)
    }

    /// Messages of each queue with a record in `from..to` of the log.
    pub fn queues(&self, from: u64, to: u64) -> BTreeMap<(&'static str, i32), Vec<&Message>> {
        let mut queues = BTreeMap::<_, Vec<_>>::new();
        for message in self.messages.iter().filter(|message| (from..to).contains(&message.at)) {
            queues.entry((message.topic, message.queue_id)).or_default().push(message);
        }
        queues
    }

    /// What is left of it when an image with the log `from..to` is the beginning of a new recording.
    pub fn go_on_from(&self, from: u64, to: u64, position: usize) -> Self {
        let messages = self.messages.iter().filter(|message| message.at < to).cloned().collect();
        let seen = |(since, what): &Since<_>| (*since <= position).then_some((0, *what));
        let until = |deletions: &[Since<&'static str>]| {
            deletions.iter().filter(|(since, _)| *since <= position).map(|(_, topic)| (0, *topic)).collect()
        };
        Self {
            messages,
            acknowledged: vec![(0, to)],
            may_start_at: vec![(0, from)],
            seen: self.seen.iter().filter_map(seen).collect(),
            deletions: until(&self.deletions),
            deleted: until(&self.deleted),
        }
    }
}

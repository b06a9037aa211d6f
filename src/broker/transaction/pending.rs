//! The half messages that wait for their end, and the notes of those that have it.
//!
//! What waits is known from the queue of half messages itself: whatever comes there waits. In memory are the ones that
//! wait, and nothing else.

use super::{At, half};
use protocol::{
    properties,
    record::{NewRecord, SysFlag},
    topic::{HALF_TOPIC, OP_HALF_TOPIC},
};
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};
use store::{ConsumeQueue, MessageStore, Placed, StoreError};

/// The tag of a note that transactions have ended. Source: `TransactionalMessageUtil.REMOVETAG`.
const ENDED_TAG: &str = "d";
/// The properties of such a note.
const ENDED: &str = "TAGS\u{1}d\u{2}";
/// Queue entries read at a time.
const STEP: usize = 1024;

/// The half messages that wait.
pub struct Pending {
    /// By their index in the queue of half messages.
    waiting: BTreeMap<i64, Half>,
    /// Up to where that queue is known.
    seen: i64,
    /// A message that is asked about is stored anew each time. Index of an earlier one → index of the one that counts.
    moved: HashMap<i64, i64>,
    /// Earlier ones of a message that was stored anew and has not been seen in the queue yet, by its index.
    moving: HashMap<i64, Vec<At>>,
    /// Their transactions have ended, but that could not be noted.
    owed: Vec<i64>,
    /// Who stores the notes.
    host: SocketAddr,
}

struct Half {
    physical: i64,
    /// Where it lay before, oldest first.
    former: Vec<At>,
}

impl Pending {
    /// Nothing waits below index `seen`.
    pub fn from(seen: i64, host: SocketAddr) -> Self {
        let (waiting, moved, moving, owed) = Default::default();
        Self { waiting, seen, moved, moving, owed, host }
    }

    /// Takes in what has come to the queue of half messages.
    pub fn see(&mut self, store: &MessageStore) {
        let Some(queue) = store.queue(HALF_TOPIC, half::QUEUE) else { return };
        self.seen = self.seen.max(queue.min_offset());
        let mut entries = Vec::new();
        while self.seen < queue.max_offset() {
            entries.clear();
            match queue.read(self.seen, STEP, &mut entries) {
                Ok(0) => {
                    // The others must not wait for one that is damaged.
                    tracing::error!(index = self.seen, "the queue entry of a half message is lost: left out");
                    self.seen += 1;
                }
                Ok(_) => {}
                // The queue tells why; it is tried again.
                Err(_) => return,
            }
            for entry in &entries {
                let former = self.moving.remove(&self.seen).unwrap_or_default();
                self.waiting.insert(self.seen, Half { physical: entry.physical_offset, former });
                self.seen += 1;
            }
        }
    }

    /// The half message that is or was at a place, if it waits: where it is now.
    pub fn find(&self, at: At) -> Option<At> {
        let index = *self.moved.get(&at.index).unwrap_or(&at.index);
        let half = self.waiting.get(&index)?;
        let now = At { index, physical: half.physical };
        (now == at || half.former.contains(&at)).then_some(now)
    }

    /// Whether a half message is not to be seen in its queue yet, so that it may wait nevertheless.
    pub fn is_unseen(&self, index: i64) -> bool {
        *self.moved.get(&index).unwrap_or(&index) >= self.seen
    }

    /// How many wait, as far as they are seen.
    pub fn count(&self) -> usize {
        self.waiting.len()
    }

    /// All that wait.
    pub fn all(&self) -> Vec<At> {
        self.waiting.iter().map(|(&index, half)| At { index, physical: half.physical }).collect()
    }

    /// Ends the wait of the message at `index`: stores `instead`, if that is to be, and the note that it is over, in one
    /// go. Returns where they lie.
    ///
    /// # Errors
    /// What the store says. The message then waits as before, unless `instead` was stored: then the note is made later.
    pub fn end(
        &mut self,
        store: &MessageStore,
        index: i64,
        instead: Option<&NewRecord<'_>>,
        now_ms: i64,
    ) -> Result<Vec<Placed>, StoreError> {
        let (mut batch, mut placed) = (store.batch(), Vec::with_capacity(2));
        if let Some(instead) = instead {
            batch.push(instead)?;
        }
        let body = index.to_string();
        batch.push(&self.note(&body, now_ms))?;
        if let Err(error) = store.append(&mut batch, &mut placed) {
            if placed.is_empty() {
                return Err(error);
            }
            tracing::error!(index, %error, "cannot note that a transaction has ended; trying again later");
            self.owed.push(index);
        }
        let successor = placed.first().filter(|_| instead.is_some_and(|record| record.topic == HALF_TOPIC));
        let successor = successor.map(|placed| placed.queue_offset);
        let Some(half) = self.waiting.remove(&index) else { return Ok(placed) };
        for former in &half.former {
            self.moved.remove(&former.index);
        }
        if let Some(successor) = successor {
            let mut former = half.former;
            former.push(At { index, physical: half.physical });
            self.moved.extend(former.iter().map(|former| (former.index, successor)));
            self.moving.insert(successor, former);
        }
        Ok(placed)
    }

    /// The message at `index` is over, and the note of that is still to be made.
    pub fn owe(&mut self, index: i64) {
        self.forget(index);
        self.owed.push(index);
    }

    /// Makes the notes that could not be made.
    pub fn settle(&mut self, store: &MessageStore, now_ms: i64) {
        while let Some(&index) = self.owed.last() {
            let (mut batch, mut placed) = (store.batch(), Vec::with_capacity(1));
            let body = index.to_string();
            let noted = batch.push(&self.note(&body, now_ms)).and_then(|_| store.append(&mut batch, &mut placed));
            if noted.is_err() {
                return;
            }
            self.owed.pop();
        }
    }

    /// A half message is no longer there, and need not be noted.
    pub fn forget(&mut self, index: i64) {
        if let Some(half) = self.waiting.remove(&index) {
            half.former.iter().for_each(|former| _ = self.moved.remove(&former.index));
        }
    }

    /// Tells where a message lay before.
    pub fn was_at(&mut self, index: i64, former: Vec<At>) {
        if let Some(half) = self.waiting.get_mut(&index) {
            self.moved.extend(former.iter().map(|former| (former.index, index)));
            half.former = former;
        }
    }

    /// Below this index nothing waits, and all ends are noted.
    pub fn floor(&self) -> i64 {
        let first = self.waiting.keys().next().copied().unwrap_or(self.seen);
        self.owed.iter().copied().fold(first.min(self.seen), i64::min)
    }

    /// The note that the transaction of the half message `index`, as text, has ended.
    fn note<'a>(&self, index: &'a str, now_ms: i64) -> NewRecord<'a> {
        NewRecord {
            topic: OP_HALF_TOPIC,
            queue_id: half::QUEUE,
            flag: 0,
            sys_flag: SysFlag::default(),
            born_ms: now_ms,
            born_host: self.host,
            store_host: self.host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: index.as_bytes(),
            properties: ENDED,
        }
    }
}

/// Reads the notes of the indices `from..to`, and gives each with the half messages whose end it notes to `take`, as long
/// as that returns true. Apache RocketMQ 5 notes several ends at once.
pub fn read_notes(
    store: &MessageStore,
    notes: &ConsumeQueue,
    from: i64,
    to: i64,
    mut take: impl FnMut(i64, &[i64]) -> bool,
) {
    let (mut at, mut entries, mut ended) = (from, Vec::new(), Vec::new());
    while at < to {
        entries.clear();
        let count = notes.read(at, STEP, &mut entries).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read which transactions have ended");
            0
        });
        // A note that is lost leaves its transaction open: its producer is asked.
        let count = count.max(1) as i64;
        for index in at..to.min(at + count) {
            ended.clear();
            let entry = entries.get((index - at) as usize);
            let note = entry.and_then(|entry| super::read(store, entry.physical_offset));
            if let Some(note) = note
                && properties::get(&note.properties, properties::TAGS) == Some(ENDED_TAG)
            {
                let text = String::from_utf8_lossy(&note.body);
                ended.extend(text.split(',').filter_map(|half| half.trim().parse::<i64>().ok()));
            }
            if !take(index, &ended) {
                return;
            }
        }
        at += count;
    }
}

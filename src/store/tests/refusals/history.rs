//! What was sent to a store and what became of it, and the check of a store against that.

use protocol::record::{NewRecord, Record, SysFlag, decode_all, place};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{MessageStore, Placed, PullSpec, StoreError};

/// Topic, queue id and bytes of the body of a message to send.
pub type Order = (&'static str, i32, usize);
type QueueName = (String, i32);

/// A message that was stored.
#[derive(Clone)]
pub struct Stored {
    pub placed: Placed,
    number: i32,
    /// The whole record, as it must be read.
    bytes: Vec<u8>,
    keys: Vec<String>,
}

/// Every message of one run.
#[derive(Default)]
pub struct History {
    /// How many were sent; the number of each is its flag.
    sent: i32,
    /// By queue, in the order of their offsets.
    stored: BTreeMap<QueueName, Vec<Stored>>,
    /// Properties of what was refused.
    refused: HashMap<i32, String>,
    /// Records of a topic before its deletion: they may be there or not.
    optional: HashMap<i32, Vec<u8>>,
    /// Log files below may be deleted.
    pub deleted_below: i64,
    /// The store was opened a second time: what was refused may be there, once, at an offset that is nobody else's.
    pub opened_again: bool,
}

impl History {
    /// Sends one batch. What the store says was stored counts as acknowledged, also when it refused the rest.
    pub fn send(&mut self, store: &MessageStore, orders: &[Order]) -> Result<Vec<Placed>, StoreError> {
        let (mut batch, mut placed, mut encoded) = (store.batch(), Vec::new(), Vec::new());
        for &(topic, queue_id, len) in orders {
            let n = self.sent;
            self.sent += 1;
            let body = format!("{n} ").repeat(len).into_bytes();
            // One to three keys, so that a full index file parts the keys of a message.
            let keys: Vec<_> =
                ["u", "a", "b"][..1 + n as usize % 3].iter().map(|prefix| format!("{prefix}{n}")).collect();
            let properties =
                format!("UNIQ_KEY\u{1}{}\u{2}KEYS\u{1}{}\u{2}TAGS\u{1}t{}\u{2}", keys[0], keys[1..].join(" "), n % 4);
            let record = NewRecord {
                topic,
                queue_id,
                flag: n,
                sys_flag: SysFlag::default(),
                born_ms: 1_700_000_000_000 + i64::from(n),
                born_host: "127.0.0.1:4000".parse().unwrap(),
                store_host: "127.0.0.1:10911".parse().unwrap(),
                reconsume_times: 0,
                prepared_transaction_offset: 0,
                body: &body[..len],
                properties: &properties,
            };
            batch.push(&record).unwrap();
            let mut bytes = Vec::new();
            record.encode(&mut bytes).unwrap();
            encoded.push(((topic.to_owned(), queue_id), n, bytes, keys, properties));
        }
        let result = store.append(&mut batch, &mut placed);
        assert!(placed.len() == orders.len() || result.is_err(), "a message neither stored nor refused");
        for (at, (queue, number, mut bytes, keys, properties)) in encoded.into_iter().enumerate() {
            let Some(&placed) = placed.get(at) else {
                self.refused.insert(number, properties);
                continue;
            };
            place(&mut bytes, placed.queue_offset, placed.physical_offset, placed.store_ms);
            let of_queue = self.stored.entry(queue).or_default();
            // A queue whose entries could not be written and whose records were deleted by their age is forgotten when
            // the store is opened again, and starts anew.
            if self.opened_again && of_queue.iter().all(|old| old.placed.physical_offset < store.min_physical()) {
                of_queue.clear();
            }
            let expected = of_queue.last().map_or(placed.queue_offset, |last| last.placed.queue_offset + 1);
            // After an open a refused message may have the next offset.
            let left_out = placed.queue_offset > expected && !self.opened_again;
            assert!(placed.queue_offset >= expected && !left_out, "{placed:?}, but {expected} is next");
            of_queue.push(Stored { placed, number, bytes, keys });
        }
        result.map(|()| placed)
    }

    /// The topic's deletion was tried: from now on its messages may be there or not, and its offsets start anew.
    pub fn delete_topic(&mut self, topic: &str) {
        for ((name, _), of_queue) in &mut self.stored {
            if name == topic {
                self.optional.extend(of_queue.drain(..).map(|stored| (stored.number, stored.bytes)));
            }
        }
    }

    /// Whether a record that need not be there may be: its topic was deleted, or it was refused before an open.
    /// No checksum covers its properties, so the last of them may be missing.
    fn may_be(&self, record: &Record, bytes: &[u8]) -> bool {
        let deleted = self.optional.get(&record.flag).is_some_and(|old| *old == bytes);
        let left = record.properties.trim_end_matches('\0');
        let refused = self.refused.get(&record.flag).is_some_and(|sent| sent.starts_with(left));
        deleted || self.opened_again && refused
    }

    fn kept(&self, store: &MessageStore) -> impl Iterator<Item = (&QueueName, Vec<&Stored>)> {
        let min = store.min_physical();
        assert!(min <= self.deleted_below, "the log starts at {min}: a file is gone that nobody deleted");
        self.stored.iter().map(move |(name, of_queue)| {
            (name, of_queue.iter().filter(|stored| stored.placed.physical_offset >= min).collect())
        })
    }

    /// Whatever an open store serves is what was stored there; all of it is served if `complete` still holds then.
    pub fn check_served(&self, store: &MessageStore, complete: impl Fn() -> bool) {
        for ((topic, queue_id), expected) in self.kept(store) {
            let mut expected = expected.into_iter().peekable();
            let from = expected.peek().map_or(0, |first| first.placed.queue_offset);
            let served = pull_all(store, topic, *queue_id, from);
            for (record, bytes) in served {
                let offset = record.queue_offset;
                let Some(stored) = expected.next_if(|stored| stored.placed.queue_offset == offset) else {
                    let skipped = expected.peek().is_some_and(|next| next.placed.queue_offset < offset);
                    assert!(!skipped || !complete(), "{topic} {queue_id} skips to {offset}");
                    let may_be = self.may_be(&record, &bytes);
                    assert!(may_be, "{topic} {queue_id} serves {record:?}, where nothing was stored");
                    continue;
                };
                assert!(bytes == stored.bytes, "{topic} {queue_id} serves another record at {offset}");
                check_found(store, topic, stored, &complete);
            }
            let missing = expected.next().filter(|_| complete());
            assert!(missing.is_none(), "{topic} {queue_id} does not serve {:?}", missing.map(|stored| stored.placed));
        }
    }

    /// A store that was opened on a working disk: all that was acknowledged is there, dense, and nothing else but
    /// messages that were refused, at the end of a queue and once.
    pub fn check_opened(&self, store: &MessageStore) {
        let mut ghosts = BTreeSet::new();
        let mut unknown: BTreeSet<QueueName> = BTreeSet::new();
        for topic in store.topics() {
            let ids = (0..8).filter(|id| store.queue(&topic, *id).is_some());
            unknown.extend(ids.map(|id| (topic.to_string(), id)));
        }
        let nothing: Vec<&Stored> = Vec::new();
        let mut all: BTreeMap<QueueName, Vec<&Stored>> =
            self.kept(store).map(|(name, kept)| (name.clone(), kept)).collect();
        unknown.into_iter().for_each(|name| _ = all.entry(name).or_insert_with(|| nothing.clone()));
        for ((topic, queue_id), expected) in &all {
            let told = format!("{topic} {queue_id}");
            let Some(queue) = store.queue(topic, *queue_id) else {
                assert!(expected.is_empty(), "{told}: the queue is gone with {} messages", expected.len());
                continue;
            };
            let served = pull_all(store, topic, *queue_id, queue.min_offset());
            assert_eq!(served.len() as i64, queue.max_offset() - queue.min_offset(), "{told}: dense from min to max");
            let mut expected = expected.iter().peekable();
            for (record, bytes) in served {
                let (offset, number) = (record.queue_offset, record.flag);
                if let Some(stored) = expected.next_if(|stored| stored.placed.queue_offset == offset) {
                    assert!(bytes == stored.bytes, "{told}: another record at {offset}");
                    continue;
                }
                assert!(self.may_be(&record, &bytes), "{told}: {record:?} was never sent there");
                assert!(ghosts.insert(number), "{told}: {number} is there twice");
            }
            let missing = expected.next().map(|stored| stored.placed);
            assert_eq!(missing, None, "{told}: acknowledged and lost; the queue ends at {}", queue.max_offset());
        }
        for ((topic, queue_id), kept) in self.kept(store) {
            for stored in kept {
                assert!(
                    store.record_at(stored.placed.physical_offset).is_some_and(|bytes| bytes == stored.bytes),
                    "{topic} {queue_id}: {:?} is not at its place in the log",
                    stored.placed
                );
                let entry = store.queue(topic, *queue_id).unwrap().get(stored.placed.queue_offset).unwrap();
                assert_eq!(
                    (entry.physical_offset, entry.size),
                    (stored.placed.physical_offset, stored.placed.size),
                    "{topic} {queue_id} at {}",
                    stored.placed.queue_offset
                );
                check_found(store, topic, stored, || true);
            }
        }
    }
}

fn check_found(store: &MessageStore, topic: &str, stored: &Stored, complete: impl Fn() -> bool) {
    for key in &stored.keys {
        match store.find(topic, key, 10, 0, i64::MAX) {
            Ok(found) => {
                let right = found.records.iter().all(|bytes| *bytes == stored.bytes);
                let all = found.records.len() == 1 || !complete();
                assert!(right && all, "{topic}: {} found by {key}", found.records.len());
            }
            Err(error) => assert!(!complete(), "{topic}: by {key}: {error}"),
        }
    }
}

/// Each record a queue serves from `offset` on, with its bytes.
fn pull_all(store: &MessageStore, topic: &str, queue_id: i32, mut offset: i64) -> Vec<(Record, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        let pulled = store.pull(&PullSpec { topic, queue_id, offset, max_messages: 32 }, |_, _| true);
        if pulled.message_count == 0 {
            return all;
        }
        for run in pulled.records {
            for record in decode_all(run.clone(), true).unwrap() {
                let at = (record.physical_offset - decode_first(&run)) as usize;
                let bytes = run[at..at + record.size as usize].to_vec();
                assert_eq!((&*record.topic, record.queue_id), (topic, queue_id), "a record of another queue");
                all.push((record, bytes));
            }
        }
        offset = pulled.next_offset;
    }
}

/// The physical offset that the first record of a run states.
fn decode_first(run: &[u8]) -> i64 {
    i64::from_be_bytes(run[28..36].try_into().unwrap())
}

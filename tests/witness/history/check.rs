//! The check: a history against a store, under what the test did to it. Each promise is checked in the file of its subject.

use super::{
    BodySum, Event, History, Kind, Violation, acks, consumers,
    held::{self, Held},
    index, log, queues,
};
use crate::reader::{Record, SCHEDULE_TOPIC, Store};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Which acknowledgements the store must have kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// Every one: the system did not fail, whatever became of the process.
    #[default]
    All,
    /// Those that promised to outlive a power loss, and those that [`History::synced`] covers.
    Durable,
}

/// What a test may expect of a store that was stopped, or recovered and then stopped. A store that is open may still have
/// keys in memory that its index files lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Which acknowledgements count.
    pub acks: Acks,
    /// Old files may have been deleted: what was in the log before its first byte does not count.
    pub retention: bool,
    /// The store keeps an index by key.
    pub index: bool,
    /// Every message that a consumer was given must still be where it was. Not so after a power loss with `ASYNC_FLUSH`.
    pub deliveries: bool,
    /// Groups that must have been given every acknowledged message of a topic: group, topic.
    pub delivered_to: Vec<(String, String)>,
    /// Groups that must have been given the messages of each queue in its order, the first time that each was given.
    pub in_order: Vec<String>,
    /// A refused message may be stored nevertheless: the test notes every failure as a refusal.
    pub refused_may_be_stored: bool,
    /// Topics that were deleted at some time: their records may be without queue entries, and their queue offsets may
    /// have started again.
    pub deleted_topics: BTreeSet<String>,
    /// The delays of `messageDelayLevel`, level 1 first, ms.
    pub delay_levels_ms: Vec<i64>,
}

impl Expect {
    /// Everything that was acknowledged or delivered is there, from the log's first byte on.
    pub fn all() -> Self {
        const S: i64 = 1000;
        const M: i64 = 60 * S;
        let short = [S, 5 * S, 10 * S, 30 * S].into_iter();
        let minutes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 60, 120].into_iter().map(|minutes| minutes * M);
        Self {
            acks: Acks::All,
            retention: false,
            index: true,
            deliveries: true,
            delivered_to: Vec::new(),
            in_order: Vec::new(),
            refused_may_be_stored: false,
            deleted_topics: BTreeSet::new(),
            delay_levels_ms: short.chain(minutes).collect(),
        }
    }

    /// As [`Expect::all`], but after a power loss: of the acknowledgements only the durable ones.
    pub fn durable() -> Self {
        Self { acks: Acks::Durable, ..Self::all() }
    }
}

impl Default for Expect {
    fn default() -> Self {
        Self::all()
    }
}

/// Every promise that `store` breaks, by what `history` knows and the test may `expect`; at best none.
pub fn check(history: &History, store: &Store, expect: Expect) -> Vec<Violation> {
    let events = history.events();
    let mut facts = Facts::new(&events, store, &expect);
    if let Some(trouble) = history.trouble() {
        facts.violation(Kind::Unrecorded, None, format!("an event is not in its file: {trouble}"));
    }
    log::check(&mut facts);
    acks::check(&mut facts);
    held::check(&mut facts);
    queues::check(&mut facts);
    if expect.index {
        index::check(&mut facts);
    }
    consumers::check(&mut facts);
    facts.violations
}

/// A message as its producer knows it.
#[derive(Debug)]
pub(super) struct Sent<'a> {
    pub topic: &'a str,
    pub body: BodySum,
    /// Number of the first attempt's event.
    pub begun: usize,
    pub attempts: usize,
    pub refused: usize,
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ack<'a> {
    pub id: &'a str,
    /// Number of the event.
    pub at: usize,
    pub queue_id: i32,
    pub queue_offset: i64,
    pub physical_offset: Option<i64>,
    /// It counts, by [`Expect::acks`].
    pub counts: bool,
}

/// Where a message is in its queue: topic, queue, index.
pub(super) type Slot<'a> = (&'a str, i32, i64);

/// History and store, sorted by what the checks look things up by.
pub(super) struct Facts<'a> {
    pub events: &'a [Event],
    pub store: &'a Store,
    pub expect: &'a Expect,
    pub sent: BTreeMap<&'a str, Sent<'a>>,
    pub acks: Vec<Ack<'a>>,
    /// The messages that are held back, by id.
    pub held: BTreeMap<&'a str, Held>,
    /// The id of each record of the log.
    pub ids: Vec<Option<String>>,
    /// The records by their place in their queue; those without an entry are left out.
    pub slots: HashMap<Slot<'a>, usize>,
    /// The smallest index in a queue that a record of the log has.
    pub first_kept: HashMap<(&'a str, i32), i64>,
    pub violations: Vec<Violation>,
}

impl<'a> Facts<'a> {
    fn new(events: &'a [Event], store: &'a Store, expect: &'a Expect) -> Self {
        let mut facts = Self {
            events,
            store,
            expect,
            sent: BTreeMap::new(),
            acks: Vec::new(),
            held: held::held(events),
            ids: store.log.records.iter().map(Record::id).collect(),
            slots: HashMap::new(),
            first_kept: HashMap::new(),
            violations: Vec::new(),
        };
        let synced = events.iter().filter_map(|event| match event {
            Event::Synced { physical_end } => Some(*physical_end),
            _ => None,
        });
        let synced = synced.max().unwrap_or(0);
        for (at, event) in events.iter().enumerate() {
            match event {
                Event::Attempt { id, topic, body } => {
                    let new = Sent { topic, body: *body, begun: at, attempts: 0, refused: 0 };
                    facts.sent.entry(id).or_insert(new).attempts += 1;
                }
                Event::Refused { id } => {
                    if let Some(sent) = facts.sent.get_mut(&**id) {
                        sent.refused += 1;
                    }
                }
                Event::Acked { id, queue_id, queue_offset, physical_offset, durable } => {
                    let (queue_id, queue_offset, physical_offset) = (*queue_id, *queue_offset, *physical_offset);
                    let covered = *durable || physical_offset.is_some_and(|offset| offset < synced);
                    let counts = covered || expect.acks == Acks::All;
                    facts.acks.push(Ack { id, at, queue_id, queue_offset, physical_offset, counts });
                }
                _ => {}
            }
        }
        for (at, record) in store.log.records.iter().enumerate().filter(|(_, record)| record.is_queued()) {
            facts.slots.entry((&*record.topic, record.queue_id, record.queue_offset)).or_insert(at);
            let first = facts.first_kept.entry((&*record.topic, record.queue_id)).or_insert(i64::MAX);
            *first = record.queue_offset.min(*first);
        }
        facts
    }

    pub fn violation(&mut self, kind: Kind, id: Option<&str>, what: String) {
        self.violations.push(Violation { kind, id: id.map(str::to_owned), what });
    }

    pub fn is_deleted(&self, topic: &str) -> bool {
        self.expect.deleted_topics.contains(topic)
    }

    /// Whether retention may have taken what was at that index of a queue.
    pub fn may_be_expired(&self, topic: &str, queue_id: i32, queue_offset: i64) -> bool {
        let first_kept = self.first_kept.get(&(topic, queue_id)).copied();
        let end = || self.store.queue(topic, queue_id).map_or(i64::MAX, |queue| queue.end);
        self.expect.retention && self.store.log.min > 0 && queue_offset < first_kept.unwrap_or_else(end)
    }
}

/// A record's place, for a sentence.
pub(super) fn place_of(record: &Record) -> String {
    let Record { topic, queue_id, queue_offset, physical_offset, .. } = record;
    format!("{topic}/{queue_id}/{queue_offset} (log {physical_offset})")
}

/// Whether the broker itself writes to a topic: retries, delays, transactions.
pub(super) fn is_system(topic: &str) -> bool {
    let prefixes = ["%RETRY%", "%DLQ%", "RMQ_SYS_", "rmq_sys_"];
    let names = [SCHEDULE_TOPIC, "OFFSET_MOVED_EVENT", "TRANS_CHECK_MAX_TIME_TOPIC"];
    prefixes.iter().any(|prefix| topic.starts_with(prefix)) || names.contains(&topic)
}

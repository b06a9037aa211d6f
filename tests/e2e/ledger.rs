//! What a broker promised its clients: every acknowledged message with its place, every topic, every offset. Held against
//! what it answers after it was killed and started again ([`Ledger::find_all`]), and against its files when it has stopped
//! ([`Ledger::check_files`]).

use crate::wire::{Wire, ask, send};
use protocol::{
    Command,
    code::{request, response},
    pull::{OffsetAnswer, Pull, PullAnswer, QueryOffset, UpdateOffset, pull_flag},
    record::{self, MessageId},
    send::SendAnswer,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};
use witness::{Expect, Geometry, History, Store, body_of, check, report};

/// The group whose offsets are committed.
pub const GROUP: &str = "readers";
/// Queues of every topic.
pub const QUEUES: i32 = 4;

/// A topic and one of its queues.
pub type Queue = (Arc<str>, i32);

/// The promises of one store, over all lives of its broker.
#[derive(Default)]
pub struct Ledger {
    next_id: AtomicU64,
    state: Mutex<State>,
    history: History,
}

#[derive(Default)]
struct State {
    /// queue → queue offset → the message acknowledged there.
    acked: BTreeMap<Queue, BTreeMap<i64, Acked>>,
    /// Acknowledged since they were last all found.
    fresh: BTreeMap<Queue, BTreeSet<i64>>,
    topics: BTreeSet<Arc<str>>,
    /// The highest offset that was ever sent to be committed.
    committed: BTreeMap<Queue, i64>,
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Acked {
    id: u64,
    physical: i64,
}

/// The body of message `id`: its id, then something of a length that depends on the id.
pub fn body(id: u64) -> Vec<u8> {
    let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let rest = vec![b'a' + (mixed >> 59) as u8 % 26; (mixed >> 32) as usize % 500];
    body_of(&id.to_string(), &rest)
}

/// The properties of message `id`.
pub fn properties(id: u64) -> String {
    format!("UNIQ_KEY\u{1}U{id}\u{2}KEYS\u{1}K{id} all\u{2}TAGS\u{1}t{}\u{2}", id % 3)
}

/// Asks for messages of a queue from an offset on.
pub fn pull(queue: &Queue, offset: i64) -> Command {
    let pull = Pull {
        consumer_group: GROUP.into(),
        topic: queue.0.to_string(),
        queue_id: queue.1,
        queue_offset: offset,
        max_msg_nums: 1000,
        sys_flag: pull_flag::SUBSCRIPTION,
        commit_offset: 0,
        suspend_timeout_millis: 0,
        subscription: Some("*".into()),
        sub_version: 0,
        expression_type: None,
    };
    Command::request(request::PULL_MESSAGE).with_header(&pull)
}

/// Asks how far the group has come.
pub fn query_offset(queue: &Queue) -> Command {
    let query = QueryOffset { consumer_group: GROUP.into(), topic: queue.0.to_string(), queue_id: queue.1 };
    Command::request(request::QUERY_CONSUMER_OFFSET).with_header(&query)
}

/// The offset in an answer; `None` if there is none yet.
#[track_caller]
pub fn offset_in(answer: &Command) -> Option<i64> {
    match answer.code {
        response::SUCCESS => Some(answer.header::<OffsetAnswer>().expect("it has an offset").offset),
        response::QUERY_NOT_FOUND => None,
        code => panic!("a query for an offset was answered with {code}: {:?}", answer.remark),
    }
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics holding it")
    }

    /// A message that is about to be sent to a topic: its id.
    pub fn attempt(&self, topic: &str) -> u64 {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.history.attempt(&id.to_string(), topic, &body(id));
        id
    }

    /// A consumer was given a message.
    pub fn delivered(&self, record: &record::Record) {
        let text = record.body.strip_prefix(b"id=").and_then(|rest| rest.split(|byte| *byte == b';').next());
        let id = text.and_then(|id| std::str::from_utf8(id).ok()).expect("every message has an id");
        self.history.delivered(GROUP, &record.topic, record.queue_id, record.queue_offset, id);
    }

    /// The broker was killed.
    pub fn crashed(&self) {
        self.history.crashed();
    }

    /// Holds all that ever happened against the files of a broker that has stopped cleanly.
    #[track_caller]
    pub fn check_files(&self, store: &Path, index: Geometry) {
        self.history.offsets_saved();
        let broken = check(&self.history, &Store::read(store, index), Expect::all());
        assert!(broken.is_empty(), "{}", report(&broken));
    }

    /// Some topic that the broker has said to have made.
    pub fn topic(&self, any: usize) -> Option<Arc<str>> {
        let state = self.state();
        let index = any.checked_rem(state.topics.len())?;
        state.topics.iter().nth(index).cloned()
    }

    /// The broker has made a topic.
    pub fn topic_made(&self, topic: &str) {
        self.state().topics.insert(topic.into());
    }

    /// The answer to a send of these messages: notes what it acknowledges.
    #[track_caller]
    pub fn answered(&self, queue: &Queue, ids: &[u64], answer: &Command) {
        // What was appended and then not synced is refused too, and is there nevertheless.
        let unsynced = answer.remark.as_deref().is_some_and(|remark| remark.contains("sync"));
        if answer.code == response::SERVICE_NOT_AVAILABLE && !unsynced {
            ids.iter().for_each(|id| self.history.refused(&id.to_string()));
        }
        if answer.code != response::SUCCESS {
            return;
        }
        let place: SendAnswer = answer.header().expect("an answer to a send");
        assert_eq!((place.queue_id, place.msg_id.split(',').count()), (queue.1, ids.len()), "{place:?}");
        for ((id, at), message_id) in ids.iter().zip(place.queue_offset..).zip(place.msg_id.split(',')) {
            let physical = MessageId::parse(message_id).expect("an id").physical_offset;
            self.acknowledged(queue, at, *id, physical);
        }
    }

    /// Sends so many messages at once to a queue and returns the answers, in the order of the messages.
    #[track_caller]
    pub fn send(&self, wire: &mut Wire, queue: &Queue, count: usize) -> Vec<Command> {
        let ids: Vec<_> = (0..count).map(|_| self.attempt(&queue.0)).collect();
        let numbers = wire.submit(ids.iter().map(|id| send(&queue.0, queue.1, &properties(*id), body(*id))));
        let mut answers = BTreeMap::new();
        while answers.len() < count {
            let answer = wire.receive().expect("the broker hung up");
            answers.insert(answer.opaque, answer);
        }
        for (id, number) in ids.iter().zip(numbers) {
            self.answered(queue, &[*id], &answers[&number]);
        }
        answers.into_values().collect()
    }

    #[track_caller]
    fn acknowledged(&self, queue: &Queue, offset: i64, id: u64, physical: i64) {
        self.history.acked(&id.to_string(), queue.1, offset, physical, false);
        let mut state = self.state();
        state.count += 1;
        let before = state.acked.entry(queue.clone()).or_default().insert(offset, Acked { id, physical });
        state.fresh.entry(queue.clone()).or_default().insert(offset);
        drop(state);
        assert!(before.is_none(), "{queue:?} {offset}: given to message {before:?} before, and now to {id}");
    }

    /// How many messages were acknowledged.
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// Commits an offset; false once the broker is gone.
    pub fn commit(&self, wire: &mut Wire, queue: &Queue, offset: i64) -> bool {
        let mut state = self.state();
        let highest = state.committed.entry(queue.clone()).or_default();
        *highest = offset.max(*highest);
        drop(state);
        let (topic, queue_id) = (queue.0.to_string(), queue.1);
        let update = UpdateOffset { consumer_group: GROUP.into(), topic, queue_id, commit_offset: offset };
        let answer = wire.try_call(Command::request(request::UPDATE_CONSUMER_OFFSET).with_header(&update));
        let done = answer.is_some_and(|answer| answer.code == response::SUCCESS);
        if done {
            self.history.committed(GROUP, &queue.0, queue.1, offset);
        }
        done
    }

    /// All messages are to be looked for again.
    pub fn forget_what_was_found(&self) {
        let mut state = self.state();
        let State { acked, fresh, .. } = &mut *state;
        *fresh = acked.iter().map(|(queue, there)| (queue.clone(), there.keys().copied().collect())).collect();
    }

    /// Looks for everything that was promised and not yet found since. Whatever is missing fails the test; false if the
    /// broker ended meanwhile.
    #[track_caller]
    pub fn find_all(&self, wire: &mut Wire) -> bool {
        let (fresh, topics) = {
            let state = self.state();
            (state.fresh.clone(), state.topics.clone())
        };
        self.find_topics(wire, &topics).is_some()
            && fresh.into_iter().all(|(queue, offsets)| self.find_messages(wire, &queue, offsets).is_some())
            && self.find_offsets(wire).is_some()
    }

    fn find_topics(&self, wire: &mut Wire, topics: &BTreeSet<Arc<str>>) -> Option<()> {
        let answer = wire.try_call(ask(request::GET_ALL_TOPIC_CONFIG, &[]))?;
        let table: serde_json::Value = answer.json().expect("a table of topics");
        for topic in topics {
            assert!(table["topicConfigTable"].get(&**topic).is_some(), "topic {topic} was made and is gone");
        }
        Some(())
    }

    fn find_messages(&self, wire: &mut Wire, queue: &Queue, mut offsets: BTreeSet<i64>) -> Option<()> {
        while let Some(&first) = offsets.first() {
            let answer = wire.try_call(pull(queue, first))?;
            let (code, remark) = (answer.code, answer.remark.clone());
            assert_eq!(code, response::SUCCESS, "{queue:?} {first} was acknowledged and is gone: {remark:?}");
            let header: PullAnswer = answer.header().expect("an answer to a pull");
            let records = record::decode_all(answer.body.to_bytes(), true).expect("whole records");
            let mut state = self.state();
            for record in records {
                if !offsets.remove(&record.queue_offset) {
                    continue;
                }
                let Acked { id, physical } = state.acked[queue][&record.queue_offset];
                let found = (record.queue_id, record.physical_offset, &*record.topic, &record.body[..]);
                assert_eq!(found, (queue.1, physical, &*queue.0, &body(id)[..]), "message {id} is another now");
            }
            let missing = offsets.first().filter(|offset| **offset < header.next_begin_offset);
            assert!(missing.is_none(), "{queue:?} {missing:?} was acknowledged and is left out");
            if let Some(fresh) = state.fresh.get_mut(queue) {
                fresh.retain(|offset| *offset >= header.next_begin_offset);
            }
        }
        Some(())
    }

    /// Offsets may be older than what was committed last, never newer, and never beyond the queue.
    fn find_offsets(&self, wire: &mut Wire) -> Option<()> {
        let committed = self.state().committed.clone();
        for (queue, highest) in committed {
            let Some(offset) = offset_in(&wire.try_call(query_offset(&queue))?) else { continue };
            let fields = [("topic", &*queue.0), ("queueId", &queue.1.to_string())];
            let end = offset_in(&wire.try_call(ask(request::GET_MAX_OFFSET, &fields))?).expect("it has messages");
            assert!(offset <= highest && offset <= end, "{queue:?}: at {offset}, committed {highest}, end {end}");
        }
        Some(())
    }
}

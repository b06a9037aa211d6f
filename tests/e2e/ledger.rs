//! What a broker promised its clients: every acknowledged message with its place, every topic, every offset. Held against
//! what it answers after it was killed and started again.

use crate::wire::{Wire, ask};
use protocol::{
    Command,
    code::{request, response},
    pull::{OffsetAnswer, Pull, PullAnswer, QueryOffset, UpdateOffset, pull_flag},
    record,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

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
    let mut body = format!("id={id};").into_bytes();
    let len = body.len() + (mixed >> 32) as usize % 500;
    body.resize(len, b'a' + (mixed >> 59) as u8 % 26);
    body
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

    /// An id that no message has.
    pub fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
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

    /// The broker has acknowledged a message.
    #[track_caller]
    pub fn acknowledged(&self, queue: &Queue, offset: i64, id: u64, physical: i64) {
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
        answer.is_some_and(|answer| answer.code == response::SUCCESS)
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

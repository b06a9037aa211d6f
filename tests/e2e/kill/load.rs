//! What the clients of a broker do until it dies: producers with many requests in flight, a consumer that commits.

use crate::{
    ledger::{self, Ledger, QUEUES, Queue, body, properties},
    wire::{Wire, new_topic, send, send_batch},
};
use protocol::{Command, code::response, pull::PullAnswer, record, send::push_batch_item};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::HashMap, sync::Arc, thread};

const PRODUCERS: u64 = 3;
/// Requests without an answer on one connection.
const IN_FLIGHT: usize = 16;
/// Topics of one store.
const TOPICS: usize = 6;

/// Runs all clients until the broker at `addr` hangs up, and meanwhile `until`, which brings that about.
pub fn run(addr: &str, ledger: &Ledger, seed: u64, until: impl FnOnce()) {
    thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let rng = StdRng::seed_from_u64(seed ^ (producer + 1));
            scope.spawn(move || produce(addr, ledger, rng));
        }
        scope.spawn(move || consume(addr, ledger, StdRng::seed_from_u64(seed)));
        until();
    });
}

/// Messages of one request, in their order.
type Sent = (Queue, Vec<u64>);

fn produce(addr: &str, ledger: &Ledger, mut rng: StdRng) {
    let Ok(mut wire) = Wire::try_connect(addr) else { return };
    let mut waiting: HashMap<i32, Sent> = HashMap::new();
    loop {
        let room = IN_FLIGHT - waiting.len();
        // Several with one write now and then, so that some are stored together.
        if room >= IN_FLIGHT / 2 || room > 0 && rng.random_bool(0.3) {
            let requests: Vec<_> = (0..rng.random_range(1..=room)).map(|_| new_request(ledger, &mut rng)).collect();
            let numbers = wire.submit(requests.iter().map(|(request, _)| request.clone()));
            for (number, (request, sent)) in numbers.into_iter().zip(requests) {
                if !request.is_one_way() {
                    waiting.insert(number, sent);
                }
            }
        }
        if waiting.is_empty() {
            continue;
        }
        let Some(answer) = wire.receive() else { return };
        let (queue, ids) = waiting.remove(&answer.opaque).expect("it answers a request");
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
        ledger.answered(&queue, &ids, &answer);
        // A topic that was made by sending to it.
        ledger.topic_made(&queue.0);
    }
}

fn new_request(ledger: &Ledger, rng: &mut StdRng) -> (Command, Sent) {
    let known = (!rng.random_ratio(1, 40)).then(|| ledger.topic(rng.random_range(0..usize::MAX))).flatten();
    let topic = known.unwrap_or_else(|| format!("made-by-sending-{}", rng.random_range(0..TOPICS / 2)).into());
    let queue = (topic, rng.random_range(0..QUEUES));
    if rng.random_ratio(1, 6) {
        let ids: Vec<_> = (0..rng.random_range(1..10)).map(|_| ledger.attempt(&queue.0)).collect();
        let mut batch = Vec::new();
        ids.iter().for_each(|id| push_batch_item(0, &body(*id), &properties(*id), &mut batch));
        let mut request = send_batch(&queue.0, batch);
        request.fields.set("e", &queue.1.to_string());
        return (request, (queue, ids));
    }
    let id = ledger.attempt(&queue.0);
    let mut properties = properties(id);
    if rng.random_ratio(1, 10) {
        properties.push_str("WAIT\u{1}false\u{2}");
    }
    let request = send(&queue.0, queue.1, &properties, body(id));
    let request = if rng.random_ratio(1, 10) { request.one_way() } else { request };
    (request, (queue, vec![id]))
}

/// Reads on where the group is, and commits; makes a topic now and then.
fn consume(addr: &str, ledger: &Ledger, rng: StdRng) {
    if let Ok(wire) = Wire::try_connect(addr) {
        // Ends when the broker does.
        _ = consume_until_the_end(wire, ledger, rng);
    }
}

fn consume_until_the_end(mut wire: Wire, ledger: &Ledger, mut rng: StdRng) -> Option<()> {
    loop {
        let topic = ledger.topic(rng.random_range(0..usize::MAX));
        let Some(topic) = topic.filter(|_| !rng.random_ratio(1, 30)) else {
            let name = format!("made-{}", rng.random_range(0..TOPICS / 2));
            assert_eq!(wire.try_call(new_topic(&name))?.code, response::SUCCESS);
            ledger.topic_made(&name);
            continue;
        };
        let queue: Queue = (Arc::clone(&topic), rng.random_range(0..QUEUES));
        let at = ledger::offset_in(&wire.try_call(ledger::query_offset(&queue))?).unwrap_or(0);
        let answer = wire.try_call(ledger::pull(&queue, at))?;
        let header: PullAnswer = answer.header().expect("an answer to a pull");
        let records = record::decode_all(answer.body.to_bytes(), true).expect("whole records");
        records.iter().for_each(|record| ledger.delivered(record));
        if answer.code == response::SUCCESS && !ledger.commit(&mut wire, &queue, header.next_begin_offset) {
            return None;
        }
    }
}

//! Messages that are to come later, against the built `rmq`: over kill -9 at any moment, and from clients of other projects.
//!
//! `RMQ_TEST_DELAY_KILLS` sets how many kills there are, `RMQ_TEST_SEED` repeats the choices of a run (not its timing).

use crate::{
    clients::{Client, ali_ons, cpp1, cpp2},
    cluster::{Cluster, rmq},
    cpp::{distinct, messages, numbered},
    kill::{memory, points::Point},
    ledger::{Queue, pull},
    lone::{Lone, SMALL_AND_BUSY},
    process::run,
    wire::{Wire, ask, send},
};
use protocol::{
    code::{request, response},
    properties,
    record::{self, Record},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use witness::loops::given;

/// Kills of a test run.
const KILLS: u64 = 30;
/// Kills of one store.
const LIVES: u64 = 10;
/// Requests without an answer on one connection.
const IN_FLIGHT: usize = 8;
/// What comes at once of its own accord shows that all that was sent before has come.
const LEVELS: &str = "messageDelayLevel=0s 1s 2s\nflushDelayOffsetInterval=20\n";
const LEVELS_MS: [i64; 3] = [0, 1_000, 2_000];

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

/// What was sent, and what became of it.
#[derive(Default)]
struct Sent {
    next: AtomicU64,
    /// Acknowledged ids.
    acked: Mutex<BTreeSet<u64>>,
}

#[test]
fn killed_at_any_moment_a_broker_delivers_what_is_delayed_once_and_never_early() {
    let seed = given("RMQ_TEST_SEED").unwrap_or_else(rand::random);
    let kills = given("RMQ_TEST_DELAY_KILLS").unwrap_or(KILLS);
    let mut told = String::new();
    for store in 0..kills.div_ceil(LIVES) {
        let mode = ["ASYNC_FLUSH", "SYNC_FLUSH"][store as usize % 2];
        let seed = seed.wrapping_add(store);
        eprintln!("{mode} with RMQ_TEST_SEED={seed}");
        told = killed_often(mode, seed);
    }
    println!("{kills} kills with RMQ_TEST_SEED={seed}; at last {told}");
}

fn killed_often(mode: &str, seed: u64) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir_in(memory()).expect("the directory is writable");
    let lone = Lone::new(dir.path(), &format!("{SMALL_AND_BUSY}{LEVELS}flushDiskType={mode}\n"));
    let sent = Sent::default();
    for _ in 0..LIVES {
        let point = (cfg!(debug_assertions) && rng.random_bool(0.5)).then(|| Point::any(&mut rng).to_string());
        let mut broker = lone.begin(&[("RMQ_TEST_CRASH", point.as_deref().unwrap_or_default())]);
        if broker.comes_to("boot success") {
            let (seed, life) = (rng.random(), Duration::from_millis(rng.random_range(50..500)));
            thread::scope(|scope| {
                scope.spawn(|| produce(&lone.addr, &sent, seed));
                broker.ends_within(life);
                broker.tell(Signal::KILL);
            });
        }
        broker.signal(Signal::KILL);
        assert!(!broker.log().contains("panicked"), "{}", broker.log());
    }
    let mut broker = lone.start(&[]);
    let mut wire = lone.connect();
    let acked = sent.acked.lock().expect("no one panics holding it").clone();
    let mut found = Vec::new();
    broker.until("delivered everything", || {
        found = everything(&mut wire, &("T".into(), 0));
        let ids: BTreeSet<_> = found.iter().map(|record| Message::of(record).id).collect();
        acked.is_subset(&ids)
    });
    // Whatever else was stored is due as well by now, or was sent without an answer and is due with the next.
    assert_eq!(
        lone.tells("timerCongestNum").as_deref().unwrap_or("0"),
        "0",
        "timed messages that are not acknowledged"
    );
    let mut times = BTreeMap::<u64, u32>::new();
    let mut last = BTreeMap::<u8, i64>::new();
    let mut latest = 0;
    for record in &found {
        let message = Message::of(record);
        *times.entry(message.id).or_default() += 1;
        let late = record.store_ms - message.due_ms;
        assert!(late >= 0, "message {} came {} ms early", message.id, -late);
        latest = latest.max(late);
        let before = last.insert(message.level, record.prepared_transaction_offset).unwrap_or(0);
        let in_order = message.level == TIMED || record.prepared_transaction_offset < before || before == 0;
        assert!(in_order, "message {} of level {} came out of order", message.id, message.level);
    }
    let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(doubled.is_empty(), "delivered more than once: {doubled:?}\n{}", broker.log());
    assert!(broker.terminate().success(), "{}", broker.log());
    let mut verify = rmq(dir.path());
    run(verify.args(["store", "verify"]).arg(&lone.store).arg("-c").arg(&lone.conf), "").ok();
    format!("{} messages, {} acknowledged, {latest} ms late at most, kills included", times.len(), acked.len())
}

/// The level of messages with a time of their own.
const TIMED: u8 = 0;

struct Message {
    id: u64,
    level: u8,
    /// Not before.
    due_ms: i64,
}

impl Message {
    /// The message's body, as it says itself: when it was sent is noted before it is.
    fn body(&self) -> String {
        format!("{} {} {}", self.id, self.level, self.due_ms)
    }

    fn of(record: &Record) -> Self {
        let text = std::str::from_utf8(&record.body).expect("text");
        let numbers: Vec<i64> = text.split(' ').map(|number| number.parse().expect("a number")).collect();
        Self { id: numbers[0] as u64, level: numbers[1] as u8, due_ms: numbers[2] }
    }
}

/// Sends until the broker hangs up.
fn produce(addr: &str, sent: &Sent, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let Ok(mut wire) = Wire::try_connect(addr) else { return };
    let mut waiting = BTreeMap::new();
    loop {
        let requests: Vec<_> = (waiting.len()..IN_FLIGHT).map(|_| new_message(sent, &mut rng)).collect();
        let numbers =
            wire.submit(requests.iter().map(|(message, properties)| send("T", 0, properties, message.body())));
        waiting.extend(numbers.into_iter().zip(requests.into_iter().map(|(message, _)| message.id)));
        let Some(answer) = wire.receive() else { return };
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
        let id = waiting.remove(&answer.opaque).expect("it answers a request");
        sent.acked.lock().expect("no one panics holding it").insert(id);
    }
}

fn new_message(sent: &Sent, rng: &mut StdRng) -> (Message, String) {
    let id = sent.next.fetch_add(1, Ordering::Relaxed);
    let now = now_ms();
    if rng.random_bool(0.5) {
        let level = rng.random_range(1..=3);
        let due_ms = now + LEVELS_MS[usize::from(level) - 1];
        return (Message { id, level, due_ms }, format!("DELAY\u{1}{level}\u{2}UNIQ_KEY\u{1}U{id}\u{2}"));
    }
    let due_ms = now + rng.random_range(-10..1_500);
    (Message { id, level: TIMED, due_ms }, format!("TIMER_DELIVER_MS\u{1}{due_ms}\u{2}"))
}

/// All messages of a queue, in their order.
pub fn everything(wire: &mut Wire, queue: &Queue) -> Vec<Record> {
    let of = [("topic", &*queue.0), ("queueId", &queue.1.to_string())];
    let end = wire.call(ask(request::GET_MAX_OFFSET, &of));
    let end: i64 = end.fields.get("offset").and_then(|end| end.parse().ok()).expect("an end");
    let mut all = Vec::<Record>::new();
    while (all.len() as i64) < end {
        let answer = wire.call(pull(queue, all.len() as i64));
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
        all.extend(record::decode_all(answer.body.to_bytes(), true).expect("whole records"));
    }
    all
}

/// Has a client send 5 messages that are to come 2 s after they were made, and a push consumer get them; how late each was
/// delivered, by the broker's clock, which is that of the client. None is early.
fn two_seconds_late(client: &Client, sending: &[&str]) {
    let cluster = Cluster::with("messageDelayLevel=1s 2s 3s\n");
    cluster.topic("D");
    client.run(&cluster, "send", &[&["--topic", "D", "--group", "p", "--count", "5"], sending].concat());
    let got = messages(&client.run(&cluster, "push", &["--topic", "D", "--group", "c", "--expect", "5"]));
    assert_eq!(distinct(&got, "body"), numbered("m", 5));
    let mut wire = Wire::connect(&cluster.broker_addr);
    let records: Vec<_> = (0..4).flat_map(|queue| everything(&mut wire, &("D".into(), queue))).collect();
    assert_eq!(records.len(), 5);
    let due = |record: &Record| {
        let stated = properties::get(&record.properties, properties::START_DELIVER_TIME);
        stated.map_or(record.born_ms + 2_000, |time| time.parse().expect("a time"))
    };
    let late: Vec<_> = records.iter().map(|record| record.store_ms - due(record)).collect();
    assert!(late.iter().all(|late| *late >= 0), "early: {late:?}");
    println!("late by {late:?} ms");
}

#[test]
fn what_cpp1_sends_with_a_delay_level_comes_that_much_later() {
    let Some(client) = cpp1() else { return };
    two_seconds_late(&client, &["--delay", "2"]);
}

#[test]
fn what_cpp2_sends_with_a_delay_level_comes_that_much_later() {
    let Some(client) = cpp2() else { return };
    two_seconds_late(&client, &["--delay", "2"]);
}

#[test]
fn what_ali_ons_sends_with_a_delay_level_comes_that_much_later() {
    let Some(client) = ali_ons() else { return };
    two_seconds_late(&client, &["--delay", "2"]);
}

#[test]
fn what_ali_ons_sends_with_a_time_to_deliver_comes_then() {
    let Some(client) = ali_ons() else { return };
    two_seconds_late(&client, &["--deliver-in-ms", "2000"]);
}

/// They know nothing of such times: the property that a newer broker understands is all it takes.
#[test]
fn what_cpp1_and_cpp2_send_with_a_time_to_deliver_comes_then() {
    let clients = [cpp1(), cpp2()];
    clients.into_iter().flatten().for_each(|client| two_seconds_late(&client, &["--property", "TIMER_DELAY_SEC=2"]));
}

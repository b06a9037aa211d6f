//! What producers do meanwhile: plain, delayed, timed, ordered and transactional messages over plain sockets, each noted
//! before it is sent and when it is acknowledged. A producer whose broker is gone comes back when the broker does; what it
//! got no answer for it does not send again.

use crate::wire::{Wire, ask, send};
use protocol::{
    Command,
    code::{request, response},
    record::{self, Record},
    send::SendAnswer,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use witness::{
    History, body_of,
    history::{Event, physical_offset_in},
};

/// The topic of every kind of message but those below.
pub const MIXED: &str = "Mixed";
/// The topic of messages whose order counts.
pub const IN_ORDER: &str = "InOrder";
/// Who is asked about half messages.
const PRODUCERS: &str = "ending";
/// Queues of each topic.
const QUEUES: i32 = 4;
/// A pause after each message: consumers shall keep up on a small machine.
const PACE: Duration = Duration::from_millis(6);

/// Producers at work, until there is to be no more.
pub struct Load {
    addr: String,
    history: Arc<History>,
    next_id: AtomicU64,
    sending: AtomicBool,
    /// The broker will not come back.
    ended: AtomicBool,
    /// Threads that still send.
    senders: AtomicUsize,
}

/// Sends a message of one kind; `None` once the broker has hung up.
type Kind = fn(&Load, &mut Wire, &mut StdRng) -> Option<()>;

/// Producers that end with this value.
pub struct Running {
    pub load: Arc<Load>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    pub fn start(addr: &str, history: &Arc<History>, seed: u64) -> Self {
        let kinds: [Kind; 4] = [Load::send_mixed, Load::send_mixed, Load::send_in_order, Load::send_transaction];
        let load = Arc::new(Load {
            addr: addr.to_owned(),
            history: history.clone(),
            next_id: AtomicU64::new(0),
            sending: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            senders: AtomicUsize::new(kinds.len()),
        });
        let mut threads = Vec::new();
        for (number, kind) in kinds.into_iter().enumerate() {
            let (load, mut rng) = (load.clone(), StdRng::seed_from_u64(seed ^ number as u64));
            threads.push(thread::spawn(move || {
                load.connected(|wire| {
                    while load.sending.load(Ordering::Relaxed) {
                        kind(&load, wire, &mut rng)?;
                        thread::park_timeout(PACE);
                    }
                    Some(())
                });
                load.senders.fetch_sub(1, Ordering::Relaxed);
            }));
        }
        let answering = load.clone();
        threads.push(thread::spawn(move || answering.connected(|wire| answering.answer_checks(wire))));
        Self { load, threads }
    }

    /// The broker has stopped for good: waits for all threads.
    pub fn end(mut self) {
        self.load.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("its panic is printed above");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only after a failure are there threads left: they end by themselves.
        self.load.no_more();
        self.load.ended.store(true, Ordering::Relaxed);
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

fn number_of(id: &str) -> u64 {
    id.parse().expect("ids are numbers")
}

/// Whether this half message is to be committed: whoever ends it, and however often.
fn is_committed(id: &str) -> bool {
    !number_of(id).is_multiple_of(3)
}

/// Whether its producer leaves it to be asked about.
fn is_left(id: &str) -> bool {
    number_of(id) % 5 < 2
}

impl Load {
    /// Sends nothing more.
    pub fn no_more(&self) {
        self.sending.store(false, Ordering::Relaxed);
    }

    /// Whether everything is sent and every half message that is known to be stored was ended at least once.
    pub fn is_settled(&self) -> bool {
        let events = self.history.events();
        let ending: BTreeSet<&str> = (events.iter())
            .filter_map(|event| match event {
                Event::Ending { id, .. } => Some(&**id),
                _ => None,
            })
            .collect();
        self.senders.load(Ordering::Relaxed) == 0
            && halves(&events).iter().all(|id| ending.contains(id) || !is_acked(&events, id))
    }

    /// Runs `work` on a connection, and again on a new one when the broker has hung up and come back, until it is done.
    fn connected(&self, mut work: impl FnMut(&mut Wire) -> Option<()>) {
        while !self.ended.load(Ordering::Relaxed) {
            if Wire::try_connect(&self.addr).is_ok_and(|mut wire| work(&mut wire).is_some()) {
                return;
            }
            thread::park_timeout(PACE);
        }
    }

    /// A new message: its id and its body.
    fn message(&self, topic: &str, rng: &mut StdRng) -> (String, Vec<u8>) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed).to_string();
        let body = body_of(&id, &vec![b'a'; rng.random_range(0..300)]);
        self.history.attempt(&id, topic, &body);
        (id, body)
    }

    fn send(&self, wire: &mut Wire, id: &str, mut request: Command) -> Option<SendAnswer> {
        // Born now: transactions of long ago are not asked about.
        request.fields.set("g", &now_ms().to_string());
        let answer = wire.try_call(request)?;
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
        let told: SendAnswer = answer.header().expect("an answer to a send");
        let at = physical_offset_in(&told.msg_id);
        self.history.acked(id, told.queue_id, told.queue_offset, at, false);
        Some(told)
    }

    fn send_mixed(&self, wire: &mut Wire, rng: &mut StdRng) -> Option<()> {
        let (id, body) = self.message(MIXED, rng);
        let mut properties = format!("UNIQ_KEY\u{1}U{id}\u{2}KEYS\u{1}K{id}\u{2}TAGS\u{1}t{}\u{2}", number_of(&id) % 3);
        let delay_ms = match rng.random_range(0..10) {
            0 | 1 => {
                let level = rng.random_range(1..=16);
                properties += &format!("DELAY\u{1}{level}\u{2}");
                Some(if level <= 8 { 1000 } else { 2000 })
            }
            2 => {
                let ms = rng.random_range(200..1500);
                properties += &format!("TIMER_DELAY_MS\u{1}{ms}\u{2}");
                Some(ms)
            }
            3 => {
                let ms = rng.random_range(200..1500);
                properties += &format!("TIMER_DELIVER_MS\u{1}{}\u{2}", now_ms() + ms);
                Some(ms)
            }
            _ => None,
        };
        if let Some(ms) = delay_ms {
            // To the second, as timers are: the time that was asked for may be rounded down to one.
            self.history.due(&id, now_ms() + ms - 1000);
        }
        self.send(wire, &id, send(MIXED, rng.random_range(0..QUEUES), &properties, body)).map(drop)
    }

    fn send_in_order(&self, wire: &mut Wire, rng: &mut StdRng) -> Option<()> {
        let (id, body) = self.message(IN_ORDER, rng);
        let properties = format!("UNIQ_KEY\u{1}U{id}\u{2}");
        self.send(wire, &id, send(IN_ORDER, rng.random_range(0..QUEUES), &properties, body)).map(drop)
    }

    fn send_transaction(&self, wire: &mut Wire, rng: &mut StdRng) -> Option<()> {
        let (id, body) = self.message(MIXED, rng);
        self.history.half(&id);
        let properties = format!("UNIQ_KEY\u{1}U{id}\u{2}TRAN_MSG\u{1}true\u{2}PGROUP\u{1}{PRODUCERS}\u{2}");
        let told = self.send(wire, &id, send(MIXED, rng.random_range(0..QUEUES), &properties, body))?;
        if is_left(&id) {
            return Some(());
        }
        let at = physical_offset_in(&told.msg_id).expect("brokers tell where they put it");
        let answer = wire.try_call(self.end_of(&id, (told.queue_offset, at), &[]))?;
        self.ended(&id, &answer);
        Some(())
    }

    /// Asks to end a transaction as its id says.
    fn end_of(&self, id: &str, (half, at): (i64, i64), more: &[(&str, &str)]) -> Command {
        let commit = is_committed(id);
        self.history.ending(id, commit);
        let (half, at, unique) = (half.to_string(), at.to_string(), format!("U{id}"));
        let fields = [
            ("producerGroup", PRODUCERS),
            ("tranStateTableOffset", &half),
            ("commitLogOffset", &at),
            ("commitOrRollback", if commit { "8" } else { "12" }),
            ("msgId", &unique),
            ("transactionId", &unique),
        ];
        ask(request::END_TRANSACTION, &[&fields, more].concat())
    }

    /// Notes an answer to that; it is refused if it was ended already, before the broker was killed for instance.
    fn ended(&self, id: &str, answer: &Command) {
        if answer.code == response::SUCCESS {
            self.history.ended(id, is_committed(id));
        }
    }

    /// As a member of the group of producers: says what is to become of half messages.
    fn answer_checks(&self, wire: &mut Wire) -> Option<()> {
        let heartbeat = json!({
            "clientID": "127.0.0.1@checked", "producerDataSet": [{"groupName": PRODUCERS}], "consumerDataSet": []
        });
        let heard = wire.try_call(Command::request(request::HEART_BEAT).with_json(&heartbeat))?;
        assert_eq!(heard.code, response::SUCCESS, "{:?}", heard.remark);
        let mut ending: BTreeMap<i32, String> = BTreeMap::new();
        loop {
            let question = wire.receive()?;
            if question.is_answer() {
                if let Some(id) = ending.remove(&question.opaque) {
                    self.ended(&id, &question);
                }
                continue;
            }
            if question.code != request::CHECK_TRANSACTION_STATE {
                continue;
            }
            let field = |name: &str| question.fields.get(name).and_then(|text| text.parse().ok()).expect("a number");
            let place = (field("tranStateTableOffset"), field("commitLogOffset"));
            let asked = record::decode_all(question.body.to_bytes(), true).expect("one whole record");
            let [Record { body, .. }] = &asked[..] else { panic!("{} records", asked.len()) };
            let id = body.strip_prefix(b"id=").and_then(|rest| rest.split(|byte| *byte == b';').next());
            let id = String::from_utf8_lossy(id.expect("every message has an id")).into_owned();
            let numbers = wire.submit([self.end_of(&id, place, &[("fromTransactionCheck", "true")])]);
            ending.extend(numbers.into_iter().map(|number| (number, id.clone())));
        }
    }
}

fn halves(events: &[Event]) -> BTreeSet<&str> {
    let mut halves = BTreeSet::new();
    for event in events {
        if let Event::Half { id } = event {
            halves.insert(&**id);
        }
    }
    halves
}

fn is_acked(events: &[Event], id: &str) -> bool {
    events.iter().any(|event| matches!(event, Event::Acked { id: acked, .. } if acked == id))
}

/// The messages of a topic that every group must be given, as far as is known now.
pub fn to_be_seen(history: &History, topic: &str) -> BTreeSet<String> {
    let events = history.events();
    let halves = halves(&events);
    let mut topics: BTreeMap<&str, &str> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for event in &events {
        match event {
            Event::Attempt { id, topic, .. } => _ = topics.insert(id, topic),
            Event::Acked { id, .. } if !halves.contains(&**id) => _ = all.insert(id.clone()),
            Event::Ended { id, commit: true } => _ = all.insert(id.clone()),
            _ => {}
        }
    }
    all.retain(|id| topics.get(&**id) == Some(&topic));
    all
}

/// The delays of `messageDelayLevel=…`, all in seconds, ms.
pub fn delay_levels_ms(setting: &str) -> Vec<i64> {
    let (_, levels) = setting.split_once('=').expect("a key and its value");
    levels.split(' ').map(|level| level.trim_end_matches('s').parse::<i64>().expect("seconds") * 1000).collect()
}

//! Producers that send to the master as long as the test likes, whatever becomes of it: who gets no answer in time
//! connects anew, and what it got no answer for it does not send again.

use crate::{
    ledger::{Ledger, QUEUES, Queue, body, properties},
    wire::{Wire, send},
};
use protocol::code::response;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// The topics, which are there before.
pub const TOPICS: [&str; 3] = ["one", "two", "three"];
const PRODUCERS: u64 = 3;
/// Requests without an answer on one connection.
const IN_FLIGHT: usize = 16;
/// Who hears nothing for so long connects anew.
const PATIENCE: Duration = Duration::from_millis(1500);
const AGAIN: Duration = Duration::from_millis(10);

/// What the producers share.
#[derive(Default)]
pub struct Load {
    ended: AtomicBool,
    paused: AtomicBool,
    /// Producers that wait for an answer.
    busy: AtomicUsize,
    /// How often each code came.
    pub answers: Mutex<BTreeMap<i32, u64>>,
}

impl Load {
    /// Runs producers against `addr`, and meanwhile `during`; ends them when that does, even by a panic.
    pub fn run<T>(&self, addr: &str, ledger: &Ledger, seed: u64, during: impl FnOnce() -> T) -> T {
        struct Ending<'a>(&'a Load);
        impl Drop for Ending<'_> {
            fn drop(&mut self) {
                self.0.ended.store(true, Ordering::Relaxed);
            }
        }
        thread::scope(|scope| {
            let _ending = Ending(self);
            for producer in 0..PRODUCERS {
                scope.spawn(move || self.produce(addr, ledger, StdRng::seed_from_u64(seed ^ (producer + 1))));
            }
            during()
        })
    }

    /// No more is sent until [`Load::go_on`]; waits until nobody waits for an answer.
    pub fn pause(&self) {
        self.paused.store(true, Ordering::SeqCst);
        // Bounded by the producers' own patience.
        while self.busy.load(Ordering::SeqCst) > 0 {
            thread::park_timeout(AGAIN);
        }
    }

    /// Sending goes on.
    pub fn go_on(&self) {
        self.paused.store(false, Ordering::SeqCst);
    }

    fn produce(&self, addr: &str, ledger: &Ledger, mut rng: StdRng) {
        while !self.ended.load(Ordering::Relaxed) {
            if self.paused.load(Ordering::SeqCst) {
                thread::park_timeout(AGAIN);
                continue;
            }
            let Ok(mut wire) = Wire::try_connect_within(addr, PATIENCE) else {
                thread::park_timeout(AGAIN);
                continue;
            };
            self.busy.fetch_add(1, Ordering::SeqCst);
            self.send_until_it_ends(&mut wire, ledger, &mut rng);
            self.busy.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn send_until_it_ends(&self, wire: &mut Wire, ledger: &Ledger, rng: &mut StdRng) -> Option<()> {
        let mut waiting: HashMap<i32, (Queue, u64)> = HashMap::new();
        loop {
            let stopping = self.ended.load(Ordering::Relaxed) || self.paused.load(Ordering::SeqCst);
            if stopping && waiting.is_empty() {
                return None;
            }
            let room = IN_FLIGHT - waiting.len();
            if !stopping && (room >= IN_FLIGHT / 2 || room > 0 && rng.random_bool(0.3)) {
                let sent: Vec<(Queue, u64)> = (0..rng.random_range(1..=room))
                    .map(|_| {
                        let topic = TOPICS[rng.random_range(0..TOPICS.len())];
                        ((topic.into(), rng.random_range(0..QUEUES)), ledger.attempt(topic))
                    })
                    .collect();
                let requests = sent.iter().map(|((topic, queue), id)| send(topic, *queue, &properties(*id), body(*id)));
                let numbers = wire.submit(requests);
                waiting.extend(numbers.into_iter().zip(sent));
            }
            if waiting.is_empty() {
                continue;
            }
            let answer = wire.receive()?;
            let (queue, id) = waiting.remove(&answer.opaque).expect("it answers a request");
            *self.answers.lock().expect("no one panics holding it").entry(answer.code).or_default() += 1;
            match answer.code {
                response::SUCCESS => ledger.answered(&queue, &[id], &answer),
                // Stored, and not as safe as asked for: that is no promise.
                response::FLUSH_SLAVE_TIMEOUT | response::SLAVE_NOT_AVAILABLE | response::FLUSH_DISK_TIMEOUT => {}
                // It is stopping.
                response::SERVICE_NOT_AVAILABLE => {}
                code => panic!("a send was answered with {code}: {:?}", answer.remark),
            }
        }
    }
}

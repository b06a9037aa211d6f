//! Who may read a queue of an ordered group: one client at a time, as long as it goes on saying so.
//!
//! A lock ends when its holder gives it back, or [`LIFETIME_MS`] after the holder last asked for it; the end of a
//! connection does not end it, since a call of the consumer may still be running. Locks are kept in memory: a broker
//! that was started anew knows none. Source: `RebalanceLockManager` of Apache RocketMQ.

use crate::{broker::Broker, refusal::Refusal};
use base::Clock;
use parking_lot::Mutex;
use protocol::{
    Command,
    code::response,
    lock::{LockQueues, LockedQueues, QueueName},
    topic::{check_group, check_topic},
};
use std::collections::HashMap;

/// How long a lock lasts that is not asked for again. Source: `rocketmq.broker.rebalance.lockMaxLiveTime`.
const LIFETIME_MS: i64 = 60_000;
/// Most locks at a time: more queues than any cluster has, and a bound for what a client can make up.
const MAX_LOCKS: usize = 1 << 20;

/// All locks.
pub struct Locks {
    groups: Mutex<Groups>,
    clock: Clock,
}

#[derive(Default)]
struct Groups {
    held: HashMap<String, HashMap<QueueName, Held>>,
    count: usize,
}

struct Held {
    client_id: String,
    asked_ms: i64,
}

impl Held {
    fn is_expired(&self, now_ms: i64) -> bool {
        now_ms - self.asked_ms > LIFETIME_MS
    }
}

impl Locks {
    /// No lock is held.
    pub fn new(clock: Clock) -> Self {
        Self { groups: Mutex::default(), clock }
    }

    /// Locks for a client what nobody else holds, and renews what it holds. Returns what it holds of `queues` now.
    pub fn lock(&self, group: &str, client_id: &str, queues: Vec<QueueName>) -> Vec<QueueName> {
        let now_ms = self.clock.now_ms();
        let mut groups = self.groups.lock();
        let Groups { held, count } = &mut *groups;
        let of_group = held.entry(group.to_owned()).or_default();
        let mine = |queue: &QueueName| match of_group.get_mut(queue) {
            Some(held) if held.client_id == client_id || held.is_expired(now_ms) => {
                if held.client_id != client_id {
                    tracing::warn!(
                        group,
                        ?queue,
                        from = held.client_id,
                        to = client_id,
                        "a lock expired and was taken"
                    );
                    client_id.clone_into(&mut held.client_id);
                }
                held.asked_ms = now_ms;
                true
            }
            Some(held) => {
                tracing::debug!(group, ?queue, holder = held.client_id, client_id, "a queue is locked by another");
                false
            }
            None if *count >= MAX_LOCKS => {
                tracing::warn!(group, ?queue, client_id, "not locked: {MAX_LOCKS} queues are locked already");
                false
            }
            None => {
                of_group.insert(queue.clone(), Held { client_id: client_id.to_owned(), asked_ms: now_ms });
                *count += 1;
                true
            }
        };
        let locked: Vec<QueueName> = queues.into_iter().filter(mine).collect();
        if of_group.is_empty() {
            held.remove(group);
        }
        locked
    }

    /// Ends the locks that this client holds of `queues`; those of others stay.
    pub fn unlock(&self, group: &str, client_id: &str, queues: &[QueueName]) {
        let mut groups = self.groups.lock();
        let Groups { held, count } = &mut *groups;
        let Some(of_group) = held.get_mut(group) else { return };
        for queue in queues {
            match of_group.get(queue) {
                Some(held) if held.client_id == client_id => {
                    of_group.remove(queue);
                    *count -= 1;
                }
                Some(held) => tracing::warn!(group, ?queue, holder = held.client_id, client_id, "not its lock to end"),
                None => {}
            }
        }
        if of_group.is_empty() {
            held.remove(group);
        }
    }

    /// Forgets the locks that have expired: they hold nobody back.
    pub fn forget_expired(&self) {
        let now_ms = self.clock.now_ms();
        let mut groups = self.groups.lock();
        groups.held.retain(|_, queues| {
            queues.retain(|_, held| !held.is_expired(now_ms));
            !queues.is_empty()
        });
        groups.count = groups.held.values().map(HashMap::len).sum();
    }

    #[cfg(test)]
    fn count(&self) -> (usize, usize) {
        let groups = self.groups.lock();
        (groups.held.len(), groups.count)
    }
}

/// A client asks for queues (41).
pub fn lock(broker: &Broker, request: &Command) -> Result<Command, Refusal> {
    let LockQueues { client_id, consumer_group, mq_set } = checked(request)?;
    let locked = broker.locks().lock(&consumer_group, &client_id, mq_set);
    Ok(Command::success().with_json(&LockedQueues { locked }))
}

/// A client gives queues back (42).
pub fn unlock(broker: &Broker, request: &Command) -> Result<Command, Refusal> {
    let LockQueues { client_id, consumer_group, mq_set } = checked(request)?;
    broker.locks().unlock(&consumer_group, &client_id, &mq_set);
    Ok(Command::success())
}

fn checked(request: &Command) -> Result<LockQueues, Refusal> {
    let asked: LockQueues = request.json()?;
    check_group(&asked.consumer_group)?;
    asked.mq_set.iter().try_for_each(|queue| check_topic(&queue.topic))?;
    match asked.mq_set.iter().find(|queue| queue.queue_id < 0) {
        _ if asked.client_id.trim().is_empty() => {
            Err(Refusal::new(response::SYSTEM_ERROR, "a lock is for a client: the client id is blank"))
        }
        Some(queue) => {
            let why = format!("topic {} has no queue {}: queues count from 0", queue.topic, queue.queue_id);
            Err(Refusal::new(response::SYSTEM_ERROR, why))
        }
        None => Ok(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(ids: impl IntoIterator<Item = i32>) -> Vec<QueueName> {
        let name = |queue_id| QueueName { broker_name: "b".into(), queue_id, topic: "T".into() };
        ids.into_iter().map(name).collect()
    }

    fn locks() -> (Locks, Clock) {
        let clock = Clock::manual(1_000_000);
        (Locks::new(clock.clone()), clock)
    }

    #[test]
    fn a_queue_has_one_holder_in_a_group() {
        let (locks, _) = locks();
        assert_eq!(locks.lock("G", "one", queues(0..2)), queues(0..2));
        assert_eq!(locks.lock("G", "two", queues(1..4)), queues(2..4));
        assert_eq!(locks.lock("G", "one", queues(0..4)), queues(0..2), "what it holds it holds on");
        assert_eq!(locks.lock("other", "two", queues(0..2)), queues(0..2), "another group has locks of its own");
    }

    #[test]
    fn a_lock_lasts_as_long_as_it_is_renewed_and_sixty_seconds_more() {
        let (locks, clock) = locks();
        locks.lock("G", "one", queues(0..1));
        for _ in 0..5 {
            clock.advance_ms(LIFETIME_MS);
            locks.forget_expired();
            assert_eq!(locks.lock("G", "two", queues(0..1)), []);
            assert_eq!(locks.lock("G", "one", queues(0..1)), queues(0..1));
        }
        clock.advance_ms(LIFETIME_MS + 1);
        assert_eq!(locks.lock("G", "two", queues(0..1)), queues(0..1));
        assert_eq!(locks.lock("G", "one", queues(0..1)), [], "who came back late has lost it");
    }

    #[test]
    fn only_its_holder_ends_a_lock() {
        let (locks, _) = locks();
        locks.lock("G", "one", queues(0..2));
        locks.unlock("G", "two", &queues(0..2));
        locks.unlock("other", "one", &queues(0..2));
        assert_eq!(locks.lock("G", "two", queues(0..2)), []);
        locks.unlock("G", "one", &queues(1..9));
        assert_eq!(locks.lock("G", "two", queues(0..2)), queues(1..2));
    }

    #[test]
    fn what_has_expired_or_was_given_back_takes_no_memory() {
        let (locks, clock) = locks();
        for group in 0..100 {
            locks.lock(&format!("G{group}"), "one", queues(0..10));
        }
        assert_eq!(locks.count(), (100, 1000));
        locks.unlock("G7", "one", &queues(0..10));
        locks.lock("G8", "two", queues(0..1));
        locks.lock("empty", "two", Vec::new());
        assert_eq!(locks.count(), (99, 990));
        clock.advance_ms(LIFETIME_MS);
        locks.lock("G9", "one", queues(0..3));
        clock.advance_ms(1);
        locks.forget_expired();
        assert_eq!(locks.count(), (1, 3));
    }

    #[test]
    fn a_request_that_names_no_client_group_or_queue_is_refused() {
        let body = |client: &str, group: &str, topic: &str, id: i32| {
            let queue = QueueName { broker_name: "b".into(), queue_id: id, topic: topic.into() };
            let asked = LockQueues { client_id: client.into(), consumer_group: group.into(), mq_set: vec![queue] };
            checked(&Command::request(41).with_json(&asked)).err().map(|refusal| refusal.remark)
        };
        assert_eq!(body("c", "G", "T", 0), None);
        for (client, group, topic, id, word) in [
            (" ", "G", "T", 0, "client"),
            ("c", "", "T", 0, "group"),
            ("c", "G", "../x", 0, "topic"),
            ("c", "G", "T", -1, "-1"),
        ] {
            let remark = body(client, group, topic, id).expect("it is refused");
            assert!(remark.contains(word), "{remark}");
        }
        assert!(checked(&Command::request(41)).is_err(), "a request without a body");
    }
}

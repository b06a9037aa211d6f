//! The queues of an ordered group that this client has locked at their brokers, and for how long it may rely on that.
//!
//! A broker lets nobody else have a queue for 60 s after this client last asked for it. The client relies on it for
//! half of that, and asks again every 20 s. Source: `RebalanceImpl.lock`, `ProcessQueue` of Apache RocketMQ.

use crate::{
    client::{Client, malformed},
    error::Error,
    route::Queue,
};
use futures_util::future::join_all;
use parking_lot::Mutex;
use protocol::{
    Command,
    code::request,
    lock::{LockQueues, LockedQueues, QueueName},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{OwnedMutexGuard, watch},
    time::Instant,
};

/// How long a lock is relied on that was not renewed. Source: `rocketmq.client.rebalance.lockMaxLiveTime`.
const RELIED_ON: Duration = Duration::from_secs(30);

type Turn = Arc<tokio::sync::Mutex<()>>;

#[derive(Default)]
pub(crate) struct Locks {
    /// Held by a queue's reader from before it locks the queue until after it has given it back: a queue that comes
    /// back to this member at once waits for the call that still runs.
    readers: Mutex<HashMap<Queue, Turn>>,
    /// When each lock was last asked for; `None` once it is lost.
    held: Mutex<BTreeMap<Queue, watch::Sender<Option<Instant>>>>,
    /// By broker: held while it is asked, so that no renewal overtakes the end of a lock.
    asking: Mutex<HashMap<Arc<str>, Turn>>,
}

/// A lock that was granted.
#[derive(Clone)]
pub(crate) struct Held(watch::Receiver<Option<Instant>>);

/// Whether no one else can have a queue that was last asked for at `asked`.
fn holds(asked: Option<Instant>) -> bool {
    asked.is_some_and(|asked| asked.elapsed() < RELIED_ON)
}

impl Held {
    /// Whether no one else can have the queue.
    pub(crate) fn holds(&self) -> bool {
        holds(*self.0.borrow())
    }

    /// Returns once the lock is lost, or too old to be relied on.
    pub(crate) async fn lost(mut self) {
        loop {
            let Some(asked) = *self.0.borrow_and_update() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(asked + RELIED_ON) => return,
                changed = self.0.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl Locks {
    /// Waits until no reader of this queue is left in this member.
    pub(crate) async fn turn(&self, queue: &Queue) -> OwnedMutexGuard<()> {
        let turn = self.readers.lock().entry(queue.clone()).or_default().clone();
        turn.lock_owned().await
    }

    /// Whether no one else can have the queue now.
    pub(crate) fn holds(&self, queue: &Queue) -> bool {
        self.held.lock().get(queue).is_some_and(|renewed| holds(*renewed.borrow()))
    }

    /// Asks for a queue; `None` if another client has it.
    pub(crate) async fn acquire(&self, client: &Client, group: &str, queue: &Queue) -> Result<Option<Held>, Error> {
        let _asking = self.asking(&queue.broker).await;
        let began = Instant::now();
        let locked = client.lock_queues(group, std::slice::from_ref(queue)).await?;
        if !locked.contains(&name(queue)) {
            return Ok(None);
        }
        let (renewed, held) = watch::channel(Some(began));
        self.held.lock().insert(queue.clone(), renewed);
        Ok(Some(Held(held)))
    }

    /// Gives a queue back. If its broker cannot be told, the lock ends by itself.
    pub(crate) async fn release(&self, client: &Client, group: &str, queue: &Queue) {
        let _asking = self.asking(&queue.broker).await;
        self.held.lock().remove(queue);
        if let Err(error) = client.unlock_queues(group, std::slice::from_ref(queue)).await {
            tracing::warn!(group, %queue, %error, "the lock could not be ended; it ends by itself within a minute");
        }
    }

    /// Asks again for all that is held. Returns whether every broker answered.
    pub(crate) async fn renew(&self, client: &Client, group: &str) -> bool {
        let brokers: BTreeSet<Arc<str>> = self.held.lock().keys().map(|queue| queue.broker.clone()).collect();
        let renewals = brokers.iter().map(|broker| self.renew_at(client, group, broker));
        join_all(renewals).await.into_iter().all(|answered| answered)
    }

    async fn renew_at(&self, client: &Client, group: &str, broker: &Arc<str>) -> bool {
        let _asking = self.asking(broker).await;
        let queues: Vec<Queue> = self.held.lock().keys().filter(|queue| queue.broker == *broker).cloned().collect();
        if queues.is_empty() {
            return true;
        }
        let began = Instant::now();
        let locked = match client.lock_queues(group, &queues).await {
            Ok(locked) => locked,
            Err(error) => {
                tracing::warn!(group, %broker, %error, "the locks of queues were not renewed");
                return false;
            }
        };
        let held = self.held.lock();
        for queue in &queues {
            let still = locked.contains(&name(queue));
            if !still {
                tracing::warn!(group, %queue, "the lock of a queue was lost: another client has it");
            }
            if let Some(renewed) = held.get(queue) {
                renewed.send_replace(still.then_some(began));
            }
        }
        true
    }

    async fn asking(&self, broker: &Arc<str>) -> OwnedMutexGuard<()> {
        let turn = self.asking.lock().entry(broker.clone()).or_default().clone();
        turn.lock_owned().await
    }
}

impl Client {
    /// Asks the master of `queues`, all of one broker, to lock them for this client.
    async fn lock_queues(&self, group: &str, queues: &[Queue]) -> Result<Vec<QueueName>, Error> {
        const ASKED: i32 = request::LOCK_BATCH_MQ;
        let Some(first) = queues.first() else { return Ok(Vec::new()) };
        let addr = self.master_addr(&first.broker, &first.topic).await?;
        let answer = self.ask(&addr, Command::request(ASKED).with_json(&self.queues_of(group, queues))).await?;
        let locked: LockedQueues = answer.json().map_err(|error| malformed(&addr, ASKED, error))?;
        Ok(locked.locked)
    }

    async fn unlock_queues(&self, group: &str, queues: &[Queue]) -> Result<(), Error> {
        let Some(first) = queues.first() else { return Ok(()) };
        let addr = self.master_addr(&first.broker, &first.topic).await?;
        let request = Command::request(request::UNLOCK_BATCH_MQ).with_json(&self.queues_of(group, queues));
        self.ask(&addr, request).await.map(drop)
    }

    fn queues_of(&self, group: &str, queues: &[Queue]) -> LockQueues {
        LockQueues {
            client_id: self.id().to_owned(),
            consumer_group: group.to_owned(),
            mq_set: queues.iter().map(name).collect(),
        }
    }
}

/// A queue as bodies name it.
pub(crate) fn name(queue: &Queue) -> QueueName {
    QueueName { broker_name: queue.broker.to_string(), queue_id: queue.id, topic: queue.topic.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lock_is_relied_on_for_half_a_minute_after_it_was_last_asked_for() {
        let (renewed, held) = watch::channel(Some(Instant::now()));
        let held = Held(held);
        let began = Instant::now();
        let renewals = async {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                renewed.send_replace(Some(Instant::now()));
            }
        };
        tokio::join!(held.clone().lost(), renewals);
        assert_eq!(began.elapsed(), Duration::from_secs(90), "thirty seconds after the last renewal");
        assert!(!held.holds());
        renewed.send_replace(Some(Instant::now()));
        assert!(held.holds());
        renewed.send_replace(None);
        held.clone().lost().await;
        assert!(!held.holds(), "the broker said that another has it");
    }
}

//! Ordered consumers against a stand-in cluster: locks, one call at a time, retries in place, and handing queues over.
#![allow(clippy::unwrap_used)]

mod stand_in;

use client::{
    ClientConfig, ConsumeResult, Message, Mode, Producer, PushConsumer, PushOptions, Received, StartFrom, Subscription,
};
use parking_lot::Mutex;
use protocol::topic::retry_topic;
use stand_in::{Cluster, until};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Semaphore;

const SOON: Duration = Duration::from_secs(5);

fn options() -> PushOptions {
    PushOptions {
        mode: Mode::Ordered,
        start_from: StartFrom::First,
        persist_period: Duration::from_millis(20),
        rebalance_period: Duration::from_secs(3600),
        suspend: Duration::from_millis(10),
        ..PushOptions::default()
    }
}

/// What all members of a test saw, in the order of the ends of calls, and what went wrong meanwhile.
#[derive(Default)]
struct Seen {
    /// Queue → indexes whose calls succeeded.
    done: BTreeMap<i32, Vec<i64>>,
    running: BTreeSet<i32>,
    overlaps: usize,
}

type Shared = Arc<Mutex<Seen>>;

/// A member whose handler waits for a permit of `gate` in each call.
async fn member(cluster: &Cluster, options: PushOptions, seen: &Shared, gate: &Arc<Semaphore>) -> PushConsumer {
    let (seen, gate) = (seen.clone(), gate.clone());
    let config = ClientConfig::new(&cluster.names);
    let handler = move |messages: Vec<Received>| {
        let (seen, gate) = (seen.clone(), gate.clone());
        async move {
            let queue = messages[0].queue.id;
            if !seen.lock().running.insert(queue) {
                seen.lock().overlaps += 1;
            }
            gate.acquire().await.unwrap().forget();
            let mut seen = seen.lock();
            seen.running.remove(&queue);
            seen.done.entry(queue).or_default().extend(messages.iter().map(|message| message.queue_offset));
            ConsumeResult::Success
        }
    };
    PushConsumer::start(config, "G", [Subscription::tags("T", "*", 0)], options, handler).await.unwrap()
}

async fn send(cluster: &Cluster, keys: impl IntoIterator<Item = usize>) {
    let producer = Producer::start(ClientConfig::new(&cluster.names), "P").await.unwrap();
    for key in keys {
        producer.send_ordered(Message::new("T", key.to_string()), &key.to_string()).await.unwrap();
    }
    producer.shutdown().await;
}

fn of_t(consumer: &PushConsumer) -> usize {
    consumer.assigned().iter().filter(|queue| &*queue.topic == "T").count()
}

/// Who has locked queues of T.
fn holders(cluster: &Cluster) -> BTreeMap<String, usize> {
    let state = cluster.brokers[0].state.lock();
    let mut holders = BTreeMap::new();
    for ((_, queue), holder) in &state.locks {
        if queue.topic == "T" {
            *holders.entry(holder.clone()).or_default() += 1;
        }
    }
    holders
}

fn done(seen: &Shared) -> usize {
    seen.lock().done.values().map(Vec::len).sum()
}

#[tokio::test]
async fn a_queue_is_consumed_by_one_call_at_a_time_in_its_order_and_then_given_back() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 4);
    send(&cluster, 0..100).await;
    let (seen, gate) = (Shared::default(), Arc::new(Semaphore::new(0)));
    let consumer = member(&cluster, options(), &seen, &gate).await;
    until("every queue has a call", || seen.lock().running.len() == 4).await;
    assert_eq!(holders(&cluster).values().collect::<Vec<_>>(), [&4]);
    gate.add_permits(1000);
    until("all are done", || done(&seen) == 100).await;
    assert!(consumer.shutdown(SOON).await);
    assert_eq!(seen.lock().overlaps, 0);
    for (queue, indexes) in &seen.lock().done {
        let sent: Vec<i64> = (0..indexes.len() as i64).collect();
        assert_eq!(*indexes, sent, "queue {queue}");
        assert_eq!(cluster.brokers[0].committed("G", "T", *queue), Some(sent.len() as i64));
    }
    assert!(holders(&cluster).is_empty(), "nothing stays locked");
}

#[tokio::test]
async fn a_queue_is_handed_over_only_after_its_call_has_ended_and_was_committed() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 2);
    send(&cluster, 0..20).await;
    let (seen, gate) = (Shared::default(), Arc::new(Semaphore::new(0)));
    let rarely = PushOptions { persist_period: Duration::from_secs(3600), ..options() };
    let first = member(&cluster, rarely.clone(), &seen, &gate).await;
    until("both queues have a call", || seen.lock().running.len() == 2).await;
    let second = member(&cluster, rarely, &seen, &gate).await;
    until("they share, by the broker's notice", || of_t(&first) == 1 && of_t(&second) == 1).await;
    let asked = cluster.brokers[0].state.lock().lock_requests;
    until("the second has asked again", || cluster.brokers[0].state.lock().lock_requests > asked + 1).await;
    assert_eq!(holders(&cluster).values().collect::<Vec<_>>(), [&2], "the first still has both: its calls run");
    gate.add_permits(2);
    until("the second has its queue", || holders(&cluster).len() == 2).await;
    gate.add_permits(1000);
    until("all are done", || done(&seen) >= 20).await;
    assert!(first.shutdown(SOON).await && second.shutdown(SOON).await);
    assert_eq!(seen.lock().overlaps, 0);
    for (queue, indexes) in &seen.lock().done {
        assert_eq!(*indexes, (0..indexes.len() as i64).collect::<Vec<_>>(), "queue {queue}: each once, in order");
    }
}

#[tokio::test]
async fn a_queue_that_comes_back_at_once_waits_for_the_call_that_still_runs() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 2);
    send(&cluster, 0..20).await;
    let (seen, gate) = (Shared::default(), Arc::new(Semaphore::new(0)));
    let first = member(&cluster, options(), &seen, &gate).await;
    until("both queues have a call", || seen.lock().running.len() == 2).await;
    let idle = Shared::default();
    let second = member(&cluster, options(), &idle, &Arc::new(Semaphore::new(0))).await;
    until("they share", || of_t(&first) == 1 && of_t(&second) == 1).await;
    assert!(second.shutdown(SOON).await);
    until("the first has both again", || of_t(&first) == 2).await;
    gate.add_permits(1000);
    until("all are done", || done(&seen) >= 20).await;
    assert!(first.shutdown(SOON).await);
    assert_eq!((seen.lock().overlaps, done(&idle)), (0, 0));
}

#[tokio::test]
async fn a_message_that_fails_is_tried_in_its_place_and_goes_to_the_retry_topic_in_the_end() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, 0..3).await;
    let tries = Arc::new(Mutex::new(Vec::new()));
    let few = PushOptions { max_reconsume_times: Some(2), ..options() };
    let config = ClientConfig::new(&cluster.names);
    let consumer = PushConsumer::start(config, "G", [Subscription::tags("T", "*", 0)], few, {
        let tries = tries.clone();
        move |messages: Vec<Received>| {
            let Received { queue_offset, reconsume_times, ref queue, .. } = messages[0];
            let retried = *queue.topic != *"T";
            tries.lock().push((queue_offset, reconsume_times, retried));
            let fails = queue_offset == 1 && !retried;
            async move { if fails { ConsumeResult::Later } else { ConsumeResult::Success } }
        }
    });
    let consumer = consumer.await.unwrap();
    until("all came, one through the retry topic", || tries.lock().len() == 6).await;
    let in_t: Vec<_> =
        tries.lock().iter().filter(|(.., retried)| !retried).map(|(at, times, _)| (*at, *times)).collect();
    assert_eq!(in_t, [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0)]);
    let in_retry = |record: &protocol::record::Record| record.topic == retry_topic("G");
    let retried = cluster.brokers[0].state.lock().records().find(in_retry).unwrap();
    assert_eq!((retried.reconsume_times, &retried.body[..]), (2, &b"1"[..]));
    assert!(consumer.shutdown(SOON).await);
    assert_eq!(cluster.brokers[0].committed("G", "T", 0), Some(3));
}

#[tokio::test]
async fn what_was_consumed_when_the_lock_was_lost_does_not_count() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, 0..4).await;
    let state = || cluster.brokers[0].state.lock();
    let (seen, gate) = (Shared::default(), Arc::new(Semaphore::new(0)));
    let often = PushOptions { lock_period: Duration::from_millis(10), ..options() };
    state().refuse_commits = true;
    let consumer = member(&cluster, often, &seen, &gate).await;
    gate.add_permits(1);
    until("the second call runs", || done(&seen) == 1 && seen.lock().running.len() == 1).await;
    // Another has the queue, and has consumed the first three.
    state().locks.values_mut().for_each(|holder| "another".clone_into(holder));
    let asked = state().lock_requests;
    until("it knows that", || state().lock_requests > asked + 2).await;
    state().offsets.insert(("G".into(), "T".into(), 0), 3);
    state().refuse_commits = false;
    let asked = state().lock_requests;
    until("it could have told where it was", || state().lock_requests > asked + 10).await;
    assert_eq!(cluster.brokers[0].committed("G", "T", 0), Some(3), "the group does not go back");
    gate.add_permits(1000);
    until("the call has ended", || seen.lock().running.is_empty()).await;
    state().locks.clear();
    until("the last came too", || seen.lock().done[&0].last() == Some(&3)).await;
    assert!(consumer.shutdown(SOON).await);
    assert_eq!(seen.lock().done[&0], [0, 1, 3], "it went on where the group was");
    assert_eq!(cluster.brokers[0].committed("G", "T", 0), Some(4));
}

#[tokio::test]
async fn without_a_lock_nothing_is_read() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, 0..3).await;
    cluster.brokers[0].state.lock().refuse_locks = true;
    let (seen, gate) = (Shared::default(), Arc::new(Semaphore::new(1000)));
    let consumer = member(&cluster, options(), &seen, &gate).await;
    until("it has asked often", || cluster.brokers[0].state.lock().lock_requests > 3).await;
    assert_eq!((done(&seen), cluster.brokers[0].committed("G", "T", 0)), (0, None));
    cluster.brokers[0].state.lock().refuse_locks = false;
    until("all are done", || done(&seen) == 3).await;
    assert!(consumer.shutdown(SOON).await);
}

//! Push consumers against a stand-in cluster: sharing queues, positions, retries, and clean ends.
#![allow(clippy::unwrap_used)]

mod stand_in;

use client::{
    ClientConfig, ConsumeResult, Message, Mode, Producer, PushConsumer, PushOptions, Queue, Received, StartFrom,
    Subscription,
};
use parking_lot::Mutex;
use protocol::{lock::QueueName, topic::retry_topic};
use stand_in::{Cluster, nobody, until};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const SOON: Duration = Duration::from_secs(5);

type Seen = Arc<Mutex<Vec<Received>>>;

fn options() -> PushOptions {
    PushOptions {
        start_from: StartFrom::First,
        persist_period: Duration::from_millis(20),
        rebalance_period: Duration::from_millis(200),
        retry_here_after: Duration::from_millis(20),
        ..PushOptions::default()
    }
}

async fn member(cluster: &Cluster, options: PushOptions) -> (PushConsumer, Seen) {
    let seen = Seen::default();
    let config = ClientConfig::new(&cluster.names);
    let all = [Subscription::tags("T", "*", 0)];
    let consumer = PushConsumer::start(config, "G", all, options, {
        let seen = seen.clone();
        move |messages| {
            seen.lock().extend(messages);
            async { ConsumeResult::Success }
        }
    });
    (consumer.await.unwrap(), seen)
}

/// A member whose handler does what `handle` says of each message.
async fn member_that(
    cluster: &Cluster,
    options: PushOptions,
    handle: impl Fn(&Received) -> ConsumeResult + Send + Sync + 'static,
) -> (PushConsumer, Seen) {
    let seen = Seen::default();
    let config = ClientConfig::new(&cluster.names);
    let handle = Arc::new(handle);
    let consumer = PushConsumer::start(config, "G", [Subscription::tags("T", "*", 0)], options, {
        let seen = seen.clone();
        move |messages: Vec<Received>| {
            let (seen, handle) = (seen.clone(), handle.clone());
            async move {
                seen.lock().extend(messages.iter().cloned());
                handle(&messages[0])
            }
        }
    });
    (consumer.await.unwrap(), seen)
}

async fn send(cluster: &Cluster, bodies: impl IntoIterator<Item = i32>) {
    let producer = Producer::start(ClientConfig::new(&cluster.names), "P").await.unwrap();
    for body in bodies {
        producer.send(Message::new("T", body.to_string())).await.unwrap();
    }
    producer.shutdown().await;
}

fn bodies(seen: &Seen) -> Vec<i32> {
    let mut bodies: Vec<i32> =
        seen.lock().iter().map(|message| str::from_utf8(&message.body).unwrap().parse().unwrap()).collect();
    bodies.sort_unstable();
    bodies
}

/// The sum of the group's positions in all queues of T.
fn committed(cluster: &Cluster) -> i64 {
    let positions = cluster.brokers.iter().flat_map(|broker| (0..8).map(|queue| broker.committed("G", "T", queue)));
    positions.flatten().sum()
}

#[tokio::test]
async fn every_message_comes_once_and_the_positions_are_committed() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 2);
    send(&cluster, 0..50).await;
    let (consumer, seen) = member(&cluster, options()).await;
    until("the first half came", || seen.lock().len() == 50).await;
    send(&cluster, 50..100).await;
    until("all came", || seen.lock().len() >= 100).await;
    assert_eq!(bodies(&seen), (0..100).collect::<Vec<_>>());
    until("positions are committed while it runs", || committed(&cluster) == 100).await;
    assert!(consumer.shutdown(SOON).await);
    assert_eq!(cluster.brokers[0].members("G"), 0);
    let (again, seen) = member(&cluster, options()).await;
    send(&cluster, 100..101).await;
    until("the new one came", || !seen.lock().is_empty()).await;
    assert_eq!(bodies(&seen), [100]);
    assert!(again.shutdown(SOON).await);
}

#[tokio::test]
async fn a_position_is_committed_at_shutdown() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, 0..10).await;
    let rarely = PushOptions { persist_period: Duration::from_secs(3600), ..options() };
    let (consumer, seen) = member(&cluster, rarely).await;
    until("all came", || seen.lock().len() == 10).await;
    assert_eq!(committed(&cluster), 0);
    assert!(consumer.shutdown(SOON).await);
    assert_eq!(committed(&cluster), 10);
}

#[tokio::test]
async fn members_share_the_queues_and_take_over_from_one_that_leaves() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 4);
    let slowly = PushOptions { rebalance_period: Duration::from_secs(3600), ..options() };
    let (first, seen_first) = member(&cluster, slowly.clone()).await;
    let of_t = |consumer: &PushConsumer| -> Vec<Queue> {
        consumer.assigned().into_iter().filter(|queue| &*queue.topic == "T").collect()
    };
    until("the first has all", || of_t(&first).len() == 8).await;
    let (second, seen_second) = member(&cluster, slowly).await;
    until("they share, by the broker's notice", || of_t(&first).len() == 4 && of_t(&second).len() == 4).await;
    let shared: BTreeSet<Queue> = of_t(&first).into_iter().chain(of_t(&second)).collect();
    assert_eq!(shared.len(), 8);
    send(&cluster, 0..40).await;
    until("all came", || seen_first.lock().len() + seen_second.lock().len() >= 40).await;
    assert!(!seen_first.lock().is_empty() && !seen_second.lock().is_empty());
    assert!(second.shutdown(SOON).await);
    until("the first has all again", || of_t(&first).len() == 8).await;
    send(&cluster, 40..60).await;
    until("the rest came", || seen_first.lock().len() + seen_second.lock().len() >= 60).await;
    let mut all = bodies(&seen_first);
    all.extend(bodies(&seen_second));
    all.sort_unstable();
    assert_eq!(all, (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_for_later_comes_again_through_the_retry_topic() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, 0..3).await;
    let handle = |message: &Received| match (&message.body[..], message.reconsume_times) {
        (b"1", 0) => ConsumeResult::Later,
        (b"2", 0) => panic!("as a handler may"),
        _ => ConsumeResult::Success,
    };
    let (consumer, seen) = member_that(&cluster, options(), handle).await;
    until("both came again", || seen.lock().len() == 5).await;
    assert_eq!(bodies(&seen), [0, 1, 1, 2, 2]);
    for again in seen.lock().iter().filter(|message| message.reconsume_times > 0) {
        assert_eq!((&*again.topic, &*again.queue.topic), ("T", &*retry_topic("G")));
    }
    assert!(consumer.shutdown(SOON).await);
    assert_eq!(committed(&cluster), 3);
    assert_eq!(cluster.brokers[0].state.lock().sent_back.len(), 2);
}

#[tokio::test]
async fn a_message_that_no_broker_takes_back_is_tried_again_here() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    {
        let mut state = cluster.brokers[0].state.lock();
        (state.refuse_send_back, state.refuse_retries) = (true, true);
    }
    send(&cluster, 0..2).await;
    let tries = AtomicUsize::new(0);
    let handle = move |message: &Received| {
        if &message.body[..] == b"0" && tries.fetch_add(1, Ordering::Relaxed) < 2 {
            return ConsumeResult::Later;
        }
        ConsumeResult::Success
    };
    let (consumer, seen) = member_that(&cluster, options(), handle).await;
    until("it succeeded in the end", || committed(&cluster) == 2).await;
    assert_eq!(bodies(&seen), [0, 0, 0, 1]);
    assert!(consumer.shutdown(SOON).await);
}

#[tokio::test]
async fn a_message_that_its_broker_does_not_take_back_is_sent_to_the_retry_topic_as_a_new_one() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    cluster.brokers[0].state.lock().refuse_send_back = true;
    send(&cluster, 0..2).await;
    let handle = |message: &Received| match (&message.body[..], message.reconsume_times) {
        (b"0", 0) => ConsumeResult::Later,
        _ => ConsumeResult::Success,
    };
    let (consumer, seen) = member_that(&cluster, options(), handle).await;
    until("it came again", || seen.lock().len() == 3).await;
    let again = seen.lock().iter().find(|message| message.reconsume_times == 1).cloned().unwrap();
    assert_eq!((&*again.topic, &*again.queue.topic, &again.body[..]), ("T", &*retry_topic("G"), &b"0"[..]));
    let first = seen.lock().iter().find(|message| message.body == again.body).unwrap().message_id();
    let properties = ["UNIQ_KEY", "ORIGIN_MESSAGE_ID", "RETRY_TOPIC", "DELAY", "RECONSUME_TIME", "MAX_RECONSUME_TIMES"];
    let properties = properties.map(|name| again.properties.get(name));
    assert_eq!(properties, [Some(&*first), Some(&first), Some("T"), Some("3"), None, None]);
    assert!(consumer.shutdown(SOON).await);
    assert_eq!(committed(&cluster), 2);
}

#[tokio::test]
async fn a_call_that_takes_too_long_gives_its_message_back_and_the_position_moves_on() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, 0..3).await;
    let config = ClientConfig::new(&cluster.names);
    let impatient = PushOptions { consume_timeout: Duration::from_millis(50), ..options() };
    let again = Arc::new(AtomicUsize::new(0));
    let consumer = PushConsumer::start(config, "G", [Subscription::tags("T", "*", 0)], impatient, {
        let again = again.clone();
        move |messages: Vec<Received>| {
            let again = again.clone();
            async move {
                match (&messages[0].body[..], messages[0].reconsume_times) {
                    (b"1", 0) => std::future::pending::<()>().await,
                    (b"1", times) => again.store(times as usize, Ordering::Relaxed),
                    _ => {}
                }
                ConsumeResult::Success
            }
        }
    });
    let consumer = consumer.await.unwrap();
    until("it came again", || again.load(Ordering::Relaxed) == 1).await;
    until("the position moved on", || committed(&cluster) == 3).await;
    assert!(!consumer.shutdown(Duration::from_millis(20)).await, "a call still runs");
}

#[tokio::test]
async fn a_new_group_starts_where_it_is_told() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, 0..3).await;
    let last = PushOptions { start_from: StartFrom::Last, ..options() };
    let (consumer, seen) = member(&cluster, last).await;
    until("the position is known", || cluster.brokers[0].committed("G", "T", 0) == Some(3)).await;
    send(&cluster, 3..4).await;
    until("the new one came", || !seen.lock().is_empty()).await;
    assert_eq!(bodies(&seen), [3]);
    assert!(consumer.shutdown(SOON).await);
}

#[tokio::test]
async fn a_position_that_does_not_exist_is_corrected() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, 0..6).await;
    {
        let mut state = cluster.brokers[0].state.lock();
        state.first.insert(("T".into(), 0), 4);
        state.offsets.insert(("G".into(), "T".into(), 0), 1);
    }
    let (consumer, seen) = member(&cluster, options()).await;
    until("what there is came", || committed(&cluster) == 6).await;
    assert_eq!(bodies(&seen), [4, 5]);
    assert!(consumer.shutdown(SOON).await);
}

#[tokio::test]
async fn a_group_goes_on_where_a_broker_says() {
    for mode in [Mode::Concurrent, Mode::Ordered] {
        let cluster = Cluster::start(&["a"]).await;
        cluster.create("T", 1);
        send(&cluster, 0..6).await;
        let slowly = PushOptions { mode, rebalance_period: Duration::from_secs(3600), ..options() };
        let (consumer, seen) = member(&cluster, slowly).await;
        until("all came", || committed(&cluster) == 6).await;
        let queue = QueueName { broker_name: "a".into(), queue_id: 0, topic: "T".into() };
        cluster.brokers[0].reset("G", "T", [(queue.clone(), 4)].into());
        until("the last two came again", || seen.lock().len() == 8).await;
        cluster.brokers[0].reset("G", "other", [(QueueName { topic: "other".into(), ..queue }, 0)].into());
        until("it is committed", || committed(&cluster) == 6).await;
        assert!(consumer.shutdown(SOON).await);
        assert_eq!(bodies(&seen), [0, 1, 2, 3, 4, 4, 5, 5], "{mode:?}");
    }
}

#[tokio::test]
async fn a_topic_that_comes_later_is_found() {
    let cluster = Cluster::start(&["a"]).await;
    let (consumer, seen) = member(&cluster, options()).await;
    cluster.create("T", 1);
    send(&cluster, 0..1).await;
    until("its message came", || seen.lock().len() == 1).await;
    assert!(consumer.shutdown(SOON).await);
}

#[tokio::test]
async fn a_handler_that_hangs_is_not_waited_for_and_its_message_stays_uncommitted() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, 0..5).await;
    let done = Arc::new(AtomicUsize::new(0));
    let config = ClientConfig::new(&cluster.names);
    let consumer = PushConsumer::start(config, "G", [Subscription::tags("T", "*", 0)], options(), {
        let done = done.clone();
        move |messages: Vec<Received>| {
            let done = done.clone();
            async move {
                if messages[0].queue_offset == 2 {
                    std::future::pending::<()>().await;
                }
                done.fetch_add(1, Ordering::Relaxed);
                ConsumeResult::Success
            }
        }
    });
    let consumer = consumer.await.unwrap();
    until("the others are done", || done.load(Ordering::Relaxed) == 4).await;
    assert!(!consumer.shutdown(Duration::from_millis(20)).await);
    assert_eq!(committed(&cluster), 2);
}

#[tokio::test]
async fn without_name_servers_it_does_not_start() {
    let config = ClientConfig::new(nobody());
    let all = [Subscription::tags("T", "*", 0)];
    let started = PushConsumer::start(config, "G", all, options(), |_| async { ConsumeResult::Success }).await;
    assert!(started.err().unwrap().is_unreachable());
}

//! Masters that die and hang, and slaves that stand in for reading, against a stand-in cluster: where messages go and
//! come from, and which broker is believed.
#![allow(clippy::unwrap_used)]

mod stand_in;

use client::{
    ClientConfig, ConsumeResult, Message, Producer, PullConsumer, PullStatus, PushConsumer, PushOptions, Queue,
    StartFrom, Subscription,
};
use parking_lot::Mutex;
use stand_in::{Broker, Cluster, until};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const SOON: Duration = Duration::from_secs(5);

/// One that does not wait for long, and hears soon of who has come back.
fn config(cluster: &Cluster) -> ClientConfig {
    ClientConfig {
        request_timeout: Duration::from_millis(300),
        route_period: Duration::from_millis(100),
        ..ClientConfig::new(&cluster.names)
    }
}

/// The master `a` with a slave, with these messages in the only queue of T.
async fn replicated(messages: usize) -> (Cluster, Arc<Broker>) {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    let slave = cluster.slave_of(0, 1).await;
    send(&cluster, 0..messages).await;
    slave.copy(&cluster.brokers[0]);
    (cluster, slave)
}

async fn send(cluster: &Cluster, bodies: impl IntoIterator<Item = usize>) {
    let producer = Producer::start(ClientConfig::new(&cluster.names), "P").await.unwrap();
    for body in bodies {
        producer.send(Message::new("T", body.to_string())).await.unwrap();
    }
    producer.shutdown().await;
}

fn queue() -> Queue {
    Queue::new("T", "a", 0)
}

fn all() -> Subscription {
    Subscription::tags("T", "*", 0)
}

/// The bodies that a member of G has seen, in the order of their coming.
type Seen = Arc<Mutex<Vec<usize>>>;

async fn member(cluster: &Cluster) -> (PushConsumer, Seen) {
    let options = PushOptions {
        start_from: StartFrom::First,
        persist_period: Duration::from_millis(20),
        rebalance_period: Duration::from_millis(200),
        long_poll: Duration::from_millis(500),
        ..PushOptions::default()
    };
    let seen = Seen::default();
    let consumer = PushConsumer::start(config(cluster), "G", [all()], options, {
        let seen = seen.clone();
        move |messages| {
            let bodies =
                messages.iter().map(|message| str::from_utf8(&message.body).unwrap().parse::<usize>().unwrap());
            seen.lock().extend(bodies);
            async { ConsumeResult::Success }
        }
    });
    (consumer.await.unwrap(), seen)
}

#[tokio::test]
async fn a_send_costs_one_failed_try_when_its_master_dies_and_no_slave_is_ever_sent_to() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 1);
    let slaves = [cluster.slave_of(0, 1).await, cluster.slave_of(1, 1).await];
    let producer = Producer::start(config(&cluster), "P").await.unwrap();
    let mut brokers = BTreeSet::new();
    for n in 0..4 {
        brokers.insert(producer.send(Message::new("T", n.to_string())).await.unwrap().queue.broker);
    }
    assert_eq!(brokers.len(), 2, "both masters take messages");
    // Whether the name servers know already or not.
    for registered in [true, false] {
        cluster.stop_broker(0, registered).await;
        for n in 0..6 {
            let sent = producer.send(Message::new("T", n.to_string())).await.unwrap();
            assert_eq!(&*sent.queue.broker, "b");
        }
    }
    let client = client::Client::start(config(&cluster)).unwrap();
    let once = client::ProducerOptions { retries: 1, ..Default::default() };
    let once = Producer::on(&client, "P", once).unwrap();
    for n in 0..4 {
        once.send(Message::new("T", n.to_string())).await.unwrap();
    }
    // Only slaves are left.
    cluster.stop_broker(1, false).await;
    producer.send(Message::new("T", "x")).await.unwrap_err();
    let error = producer.send(Message::new("T", "x")).await.unwrap_err();
    assert!(error.to_string().ends_with("no broker that allows writing has a master"), "{error}");
    assert_eq!(slaves.map(|slave| slave.state.lock().sends), [0, 0]);
}

#[tokio::test]
async fn a_reader_goes_where_brokers_suggest_and_comes_back() {
    let (cluster, slave) = replicated(3).await;
    let consumer = PullConsumer::start(config(&cluster), "R").await.unwrap();
    let pulls = |broker: &Broker| broker.state.lock().pulls;
    cluster.brokers[0].state.lock().suggested = 1;
    for (next, master, slaves) in [(0, 1, 0), (1, 1, 1), (2, 2, 1)] {
        let pulled = consumer.pull(&queue(), &all(), next, 1, None).await.unwrap();
        assert_eq!(&pulled.messages[0].body[..], next.to_string().as_bytes());
        assert_eq!((pulls(&cluster.brokers[0]), pulls(&slave)), (master, slaves), "at {next}");
    }
}

#[tokio::test]
async fn history_is_read_from_a_slave_while_the_master_is_away_or_hangs() {
    for hangs in [false, true] {
        let (cluster, slave) = replicated(5).await;
        let known = PullConsumer::start(config(&cluster), "R").await.unwrap();
        known.pull(&queue(), &all(), 0, 1, None).await.unwrap();
        match hangs {
            true => cluster.brokers[0].state.lock().hangs = true,
            false => cluster.stop_broker(0, false).await,
        }
        let fresh = PullConsumer::start(config(&cluster), "R").await.unwrap();
        for consumer in [known, fresh] {
            let client = consumer.client();
            assert_eq!(consumer.queues("T").await.unwrap(), [queue()]);
            assert_eq!(
                (client.min_offset(&queue()).await.unwrap(), client.max_offset(&queue()).await.unwrap()),
                (0, 5)
            );
            let pulls = || (cluster.brokers[0].state.lock().pulls, slave.state.lock().pulls);
            let before = pulls();
            let mut next = 0;
            while next < 5 {
                let pulled = consumer.pull(&queue(), &all(), next, 1, None).await.unwrap();
                assert_eq!(pulled.status, PullStatus::Found);
                next = pulled.next_offset;
            }
            let after = pulls();
            assert_eq!(after.1 - before.1, 5);
            assert!(after.0 - before.0 <= 1, "a master that hangs is not waited for again and again");
        }
    }
}

#[tokio::test]
async fn a_slave_that_is_behind_sends_no_reader_back() {
    for corrects in [false, true] {
        let (cluster, slave) = replicated(3).await;
        send(&cluster, 3..6).await;
        slave.state.lock().corrects_offsets = corrects;
        cluster.stop_broker(0, false).await;
        let consumer = PullConsumer::start(config(&cluster), "R").await.unwrap();
        let pulled = consumer.pull(&queue(), &all(), 6, 32, None).await.unwrap();
        assert_ne!(pulled.status, PullStatus::OffsetIllegal, "the slave has three, the master had six");
        assert_eq!((pulled.next_offset, pulled.messages.len()), (6, 0));
        cluster.start_again(0);
        until("the master is known again", || {
            let answer = futures_util::FutureExt::now_or_never(consumer.client().route("T"));
            answer.is_some_and(|route| route.is_ok_and(|route| route.writable().count() == 1))
        })
        .await;
        let moved = consumer.pull(&queue(), &all(), 9, 32, None).await.unwrap();
        assert_eq!((moved.status, moved.next_offset), (PullStatus::OffsetIllegal, 6), "the master is believed");
    }
}

#[tokio::test]
async fn a_group_reads_on_from_the_slave_commits_there_and_goes_back_to_the_master() {
    let (cluster, slave) = replicated(10).await;
    let (consumer, seen) = member(&cluster).await;
    until("all came", || seen.lock().len() == 10).await;
    let master = &cluster.brokers[0];
    until("the master knows", || master.committed("G", "T", 0) == Some(10)).await;
    until("the slave knows the member", || slave.members("G") == 1).await;

    // More came, and reached the slave only just before the end.
    master.state.lock().hangs = true;
    let (more, _guard) = replicated(15).await;
    slave.copy(&more.brokers[0]);
    cluster.stop_broker(0, false).await;
    until("the rest came from the slave", || seen.lock().len() >= 15).await;
    until("the slave knows the position", || slave.committed("G", "T", 0) == Some(15)).await;
    assert_eq!(master.committed("G", "T", 0), Some(10));

    // It comes back with what it had, and has not heard of anything.
    let pulls = master.state.lock().pulls;
    master.state.lock().hangs = false;
    master.copy(&slave);
    cluster.start_again(0);
    until("it is read from again", || master.state.lock().pulls > pulls).await;
    until("it is told the position, though nothing new came", || master.committed("G", "T", 0) == Some(15)).await;
    assert_eq!(*seen.lock(), (0..15).collect::<Vec<_>>(), "nothing twice, nothing missing");
    assert!(consumer.shutdown(SOON).await);
}

#[tokio::test]
async fn a_group_that_is_further_than_a_slave_waits_for_it_and_is_not_reset() {
    let (cluster, slave) = replicated(4).await;
    let master = &cluster.brokers[0];
    send(&cluster, 4..10).await;
    slave.state.lock().corrects_offsets = true;
    let (consumer, seen) = member(&cluster).await;
    until("all came", || seen.lock().len() == 10).await;
    until("the master knows", || master.committed("G", "T", 0) == Some(10)).await;
    cluster.stop_broker(0, false).await;
    until("the slave is asked", || slave.state.lock().pulls > 1).await;
    let told = slave.committed("G", "T", 0);
    assert!(told.is_none_or(|told| told == 10), "{told:?}");
    slave.copy(master);
    send_to_slave(&slave, &cluster).await;
    until("what the slave has beyond that came", || seen.lock().len() == 11).await;
    assert_eq!(*seen.lock(), (0..11).collect::<Vec<_>>());
    assert!(consumer.shutdown(SOON).await);
}

/// The slave has an eleventh message, of a master that nobody sees.
async fn send_to_slave(slave: &Broker, cluster: &Cluster) {
    let (hidden, _guard) = replicated(11).await;
    slave.copy(&hidden.brokers[0]);
    assert_eq!((slave.stored("T"), cluster.brokers[0].stored("T")), (11, 10));
}

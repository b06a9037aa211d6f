//! Pages of messages from a stand-in cluster: nothing is shown twice or left out, no group moves, and what cannot be read
//! is told.
#![allow(clippy::unwrap_used)]

#[path = "../../client/tests/stand_in/mod.rs"]
mod stand_in;

use admin::{Admin, BODY_KEPT, Browsed, Error, Start};
use client::{ClientConfig, Message, Producer};
use stand_in::Cluster;

async fn send(cluster: &Cluster, bodies: impl IntoIterator<Item = Vec<u8>>) {
    let producer = Producer::start(ClientConfig::new(&cluster.names), "P").await.unwrap();
    for body in bodies {
        producer.send(Message::new("T", body)).await.unwrap();
    }
    producer.shutdown().await;
}

fn bodies(page: &Browsed) -> Vec<String> {
    page.messages.iter().map(|message| String::from_utf8_lossy(&message.body).into_owned()).collect()
}

fn numbers(many: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..many).map(|n| format!("{n:04}").into_bytes())
}

#[tokio::test]
async fn pages_from_the_end_to_the_beginning_and_back_show_each_message_once() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 3);
    send(&cluster, numbers(300)).await;
    let admin = Admin::connect(&cluster.names).await.unwrap();
    let (mut start, mut seen) = (Start::End, Vec::new());
    for _ in 0..20 {
        let page = admin.browse("T", None, &start, 40).await.unwrap();
        assert!(page.missing.is_empty() && page.messages.len() <= 40 && page.total() == 300, "{:?}", page.missing);
        assert_eq!(page.has_behind(), !seen.is_empty());
        seen.extend(bodies(&page));
        start = page.before();
        if !page.has_before() {
            break;
        }
    }
    seen.sort();
    let all: Vec<String> = (0..300).map(|n| format!("{n:04}")).collect();
    assert_eq!(seen, all);

    let (mut start, mut seen) = (Start::Offset(0), Vec::new());
    for _ in 0..20 {
        let page = admin.browse("T", None, &start, 40).await.unwrap();
        seen.extend(bodies(&page));
        start = page.behind();
        if !page.has_behind() {
            break;
        }
        let again = admin.browse("T", None, &page.before(), 40).await.unwrap();
        assert_eq!(again.has_before(), seen.len() > 80, "{} seen", seen.len());
    }
    seen.sort();
    assert_eq!(seen, all);
    for broker in &cluster.brokers {
        assert!(broker.state.lock().offsets.is_empty(), "no group has moved");
    }
}

#[tokio::test]
async fn a_queue_is_shown_from_an_index_on_and_what_is_deleted_is_passed_over() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    send(&cluster, numbers(20)).await;
    let admin = Admin::connect(&cluster.names).await.unwrap();
    let page = admin.browse("T", Some(("a", 0)), &Start::Offset(7), 3).await.unwrap();
    assert_eq!(bodies(&page), ["0007", "0008", "0009"]);
    assert_eq!((page.queues[0].first, page.queues[0].next, page.queues[0].max), (7, 10, 20));
    let message = &page.messages[0];
    assert_eq!((&*message.topic, &*message.broker, message.queue, message.offset), ("T", "a", 0, 7));
    assert!(message.property("UNIQ_KEY").is_some_and(|id| id == message.id));
    let page = admin.browse("T", Some(("a", 0)), &Start::End, 3).await.unwrap();
    assert_eq!(bodies(&page), ["0017", "0018", "0019"]);
    cluster.brokers[0].state.lock().first.insert(("T".into(), 0), 18);
    let page = admin.browse("T", Some(("a", 0)), &Start::Offset(7), 3).await.unwrap();
    assert_eq!((bodies(&page), page.has_before()), (vec!["0018".to_owned(), "0019".to_owned()], false));
    let page = admin.browse("T", Some(("a", 0)), &Start::Offset(99), 3).await.unwrap();
    assert_eq!((page.messages.len(), page.queues[0].first), (0, 20));
}

#[tokio::test]
async fn of_a_large_body_its_beginning_and_its_size_are_kept_and_the_page_ends_early() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    // Not compressible, so that it is stored as long as it is.
    let mut state = 1u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let large: Vec<u8> = (0..2_500_000).map(|_| byte()).collect();
    send(&cluster, (0..12).map(|_| large.clone())).await;
    let admin = Admin::connect(&cluster.names).await.unwrap();
    for start in [Start::End, Start::Offset(0)] {
        let page = admin.browse("T", None, &start, 50).await.unwrap();
        assert!(page.is_short && (1..12).contains(&page.messages.len()), "{start:?}: {}", page.messages.len());
        let message = &page.messages[0];
        assert_eq!((message.body.len(), message.body_len), (BODY_KEPT, large.len()));
        assert_eq!(message.body[..], large[..BODY_KEPT]);
    }
}

#[tokio::test]
async fn a_slave_is_read_while_the_master_is_away_and_without_one_that_queue_is_told_to_be_missing() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 1);
    send(&cluster, numbers(10)).await;
    let slave = cluster.slave_of(0, 1).await;
    slave.copy(&cluster.brokers[0]);
    cluster.stop_broker(0, true).await;
    let admin = Admin::connect(&cluster.names).await.unwrap();
    let page = admin.browse("T", None, &Start::End, 50).await.unwrap();
    assert_eq!((page.messages.len(), page.missing.len()), (10, 0), "{:?}", page.missing);
    cluster.stop_broker(1, true).await;
    let page = admin.browse("T", None, &Start::End, 50).await.unwrap();
    assert_eq!((page.messages.len(), page.queues.len()), (5, 1));
    let [(queue, why)] = &page.missing[..] else { panic!("{:?}", page.missing) };
    assert!(queue == "b/0" && why.to_string().contains(&cluster.brokers[1].addr), "{queue}: {why}");
}

#[tokio::test]
async fn names_that_mean_nothing_are_told() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    let admin = Admin::connect(&cluster.names).await.unwrap();
    assert!(admin.browse("missing", None, &Start::End, 1).await.unwrap_err().is_not_found());
    let error = admin.browse("T", Some(("x", 0)), &Start::End, 1).await.unwrap_err();
    assert!(matches!(&error, Error::NoBroker { name, known } if name == "x" && known == &["a"]), "{error}");
    let empty = admin.browse("T", None, &Start::End, 1).await.unwrap();
    assert_eq!((empty.messages.len(), empty.total(), empty.has_before(), empty.has_behind()), (0, 0, false, false));
}

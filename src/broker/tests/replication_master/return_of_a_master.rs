//! A master that comes back asks its slaves how far groups have read there.

use crate::stage::{Asked, BEGIN_MS, Told};
use base::{Clock, Disk};
use broker::{Broker, config::BrokerConfig};
use protocol::code::request;
use remoting::Names;
use std::{path::Path, sync::Arc};

/// Offsets of a group of clients and of one of the broker's own, the first further than its queue.
const OFFSETS: &str = "{\"offsetTable\":{\"T@G\":{0:2},\"T@H\":{\"0\":99},\"T@I\":{\"0\":1},\"T@CID_RMQ_SYS_X\":{\"0\":1},\
                       \"U@G\":{\"0\":5}},\"committedHere\":{\"T@G\":[0],\"T@I\":[1]}}";

/// Starts the broker in `dir` anew, with a slave that says `told`; the broker, and what was asked.
async fn start(dir: &Path, version: &'static str, slave_id: i64) -> (Arc<Broker>, Vec<i32>) {
    let told = Told::new("broker-a", OFFSETS, version);
    let addr = told.listen().await;
    told.knows(slave_id, addr);
    let config = BrokerConfig {
        listen_port: 0,
        broker_name: "broker-a".to_owned(),
        store_path_root_dir: dir.to_owned(),
        store_path_commit_log: dir.join("commitlog"),
        mapped_file_size_commit_log: 1 << 24,
        max_hash_slot_num: 1000,
        max_index_num: 4000,
        ..BrokerConfig::default()
    };
    let names = Names::parse(&addr.to_string()).expect("an address");
    let broker = Broker::start(config, Some(names), Clock::manual(BEGIN_MS), &Disk::default()).await.expect("starts");
    let asked = told.asked.lock().clone();
    (broker, asked)
}

/// A folder with three messages of topic T, of which group I has read two.
async fn folder() -> tempfile::TempDir {
    let asked = Asked::start().await;
    for body in ["a", "b", "c"] {
        asked.send("T", body, "").await;
    }
    let commit = [("consumerGroup", "I"), ("topic", "T"), ("queueId", "0"), ("commitOffset", "2")];
    asked.ask_for(request::UPDATE_CONSUMER_OFFSET, &commit).await;
    asked.stop().await
}

fn offsets(broker: &Broker) -> Vec<(&'static str, Option<i64>)> {
    let of = |group| (group, broker.offsets().get("T", group, 0));
    ["G", "H", "I", "CID_RMQ_SYS_X"].map(of).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_at_a_slave_counts_where_it_is_further() {
    let dir = folder().await;
    let (broker, asked) = start(dir.path(), "rmq 0.1.0", 1).await;
    let expected = [("G", Some(2)), ("H", None), ("I", Some(2)), ("CID_RMQ_SYS_X", None)];
    assert_eq!(offsets(&broker), expected);
    let at = |code| asked.iter().position(|asked| *asked == code);
    assert!(
        at(request::GET_ALL_CONSUMER_OFFSET) < at(request::REGISTER_BROKER),
        "before anyone knows of it: {asked:?}"
    );
    broker.stop().await.expect("closes cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_slave_of_apache_says_counts_up_to_the_end_of_its_queue() {
    let dir = folder().await;
    let (broker, _) = start(dir.path(), "V4_9_8", 1).await;
    let expected = [("G", Some(2)), ("H", Some(3)), ("I", Some(2)), ("CID_RMQ_SYS_X", None)];
    assert_eq!(offsets(&broker), expected);
    assert_eq!(broker.offsets().get("U", "G", 0), None, "there is no such queue here");
    broker.stop().await.expect("closes cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_without_slaves_asks_nobody() {
    let dir = folder().await;
    let (broker, mut asked) = start(dir.path(), "V4_9_8", 0).await;
    asked.dedup();
    assert_eq!(asked, [request::GET_BROKER_CLUSTER_INFO, request::REGISTER_BROKER]);
    assert_eq!(offsets(&broker)[0], ("G", None));
    broker.stop().await.expect("closes cleanly");
}

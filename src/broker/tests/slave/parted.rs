//! Logs that differ: what the master never had is cut off and kept, or the slave refuses to follow, says so, and goes on
//! serving.

use crate::stage::{Asked, Stage, cut, folder, info, plain, same_log, same_queue, send, state};
use broker::config::BrokerConfig;
use protocol::code::{request, response};

/// A master of the folder that nobody else knows stores something the others do not have.
async fn alone(dir: tempfile::TempDir, stage: &Stage, count: usize) -> tempfile::TempDir {
    let alone = Asked::start_in(dir, stage.clock.clone(), plain).await;
    send(&alone, "T", "never seen", count).await;
    alone.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_master_never_had_is_cut_off_and_kept_in_a_file() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 10).await;
    same_log(&master, &slave).await;
    let dir = alone(slave.stop().await, &stage, 5).await;
    send(&master, "T", "two", 3).await;
    let slave = cut(&stage, stage.slave(dir, plain).await).await;
    same_log(&master, &slave).await;
    same_queue(&master, &slave, "T").await;
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_that_is_only_ahead_is_cut_too() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 10).await;
    same_log(&master, &slave).await;
    let dir = alone(slave.stop().await, &stage, 5).await;
    let slave = cut(&stage, stage.slave(dir, plain).await).await;
    send(&master, "T", "two", 3).await;
    same_log(&master, &slave).await;
    same_queue(&master, &slave, "T").await;
    slave.stop().await;
    master.stop().await;
}

/// The slave says why it does not follow, and still serves.
async fn refuses(slave: &Asked, words: &[&str]) {
    let told = state(slave, "REFUSED").await;
    for word in words {
        assert!(told["haRefusal"].contains(word), "{word:?} is not in {:?}", told["haRefusal"]);
    }
    assert!(!slave.bodies("T").is_empty());
    let asked = slave.ask_for(request::GET_MAX_OFFSET, &[("topic", "T"), ("queueId", "0")]).await;
    assert_eq!(asked.code, response::SUCCESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_settings_let_it_cut_is_left_as_it_is() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 10).await;
    same_log(&master, &slave).await;
    let dir = alone(slave.stop().await, &stage, 5).await;
    send(&master, "T", "two", 3).await;
    let never = |config: &mut BrokerConfig| config.ha_slave_cut_max_bytes = 0;
    let slave = stage.slave(dir, never).await;
    refuses(&slave, &["haSlaveCutMax", "part at byte"]).await;
    assert_eq!(slave.bodies("T").len(), 15);
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_another_master_is_refused() {
    let stage = Stage::set().await;
    let dir = alone(folder(), &stage, 8).await;
    let master = stage.master(folder(), plain).await;
    send(&master, "U", "one", 30).await;
    let slave = stage.slave(dir, plain).await;
    refuses(&slave, &["nothing in common", "brokerName", "move"]).await;
    assert_eq!(slave.bodies("T").len(), 8);
    assert!(slave.broker.topics().find("U").is_none(), "nothing of that master is copied");
    // Its own master comes, in place of the other.
    let other = master.stop().await;
    assert_eq!(info(&slave).await["haState"], "REFUSED");
    drop(other);
    slave.stop().await;
}

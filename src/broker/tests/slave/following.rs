//! The log: copied as it is, from its first byte, by slaves that come before their master, late, or again.

use crate::stage::{Stage, folder, info, plain, same_log, same_queue, send, state};
use broker::config::BrokerConfig;

/// Log files of which a few messages fill one.
fn small_files(config: &mut BrokerConfig) {
    config.mapped_file_size_commit_log = 4096;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_that_waits_for_its_master_copies_every_byte() {
    let stage = Stage::set().await;
    let slave = stage.slave(folder(), plain).await;
    assert_eq!(info(&slave).await["haState"], "NO_MASTER");
    let master = stage.master(folder(), plain).await;
    send(&master, "T", "one", 20).await;
    send(&master, "U", "two", 20).await;
    same_log(&master, &slave).await;
    same_queue(&master, &slave, "T").await;
    same_queue(&master, &slave, "U").await;
    let told = state(&slave, "FOLLOWING").await;
    assert_eq!(
        told["haMasterAddress"],
        format!("{}:{}", master.broker.config().broker_ip2, master.broker.config().ha_listen_port)
    );
    // More comes while it is connected.
    send(&master, "T", "three", 5).await;
    same_log(&master, &slave).await;
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_slave_copies_all_files_of_its_master() {
    let stage = Stage::set().await;
    let master = stage.master(folder(), small_files).await;
    send(&master, "T", &"long ".repeat(50), 100).await;
    assert!(master.broker.store().max_physical() > 5 * 4096, "several files");
    let slave = stage.slave(folder(), small_files).await;
    same_log(&master, &slave).await;
    same_queue(&master, &slave, "T").await;
    assert_eq!(slave.broker.store().min_physical(), 0, "from the first byte on");
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_that_was_away_catches_up() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 10).await;
    same_log(&master, &slave).await;
    let dir = slave.stop().await;
    send(&master, "T", "two", 10).await;
    let slave = stage.slave(dir, plain).await;
    same_log(&master, &slave).await;
    let left = slave.kill().await;
    send(&master, "T", "three", 10).await;
    let slave = stage.slave(left, plain).await;
    same_log(&master, &slave).await;
    same_queue(&master, &slave, "T").await;
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_comes_back_elsewhere_is_followed_there() {
    let stage = Stage::set().await;
    let (master, slave) = stage.pair().await;
    send(&master, "T", "one", 10).await;
    same_log(&master, &slave).await;
    let before = master.broker.advertised();
    let dir = master.stop().await;
    let master = stage.master(dir, plain).await;
    assert_ne!(master.broker.advertised(), before, "another port");
    send(&master, "T", "two", 10).await;
    same_log(&master, &slave).await;
    slave.stop().await;
    master.stop().await;
}

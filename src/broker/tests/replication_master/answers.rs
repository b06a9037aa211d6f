//! What is told to those who wait for a slave.

use crate::{
    asked::text,
    stage::{Asked, BEGIN_MS, ByHand, LONG_MS, SHORT_MS, connected, info, master, port_for_slaves, sync_master, until},
};
use base::{
    Clock, Disk,
    disk::{Call, Refused, Tap},
};
use broker::{
    config::BrokerConfig,
    config_values::{BrokerRole, FlushDiskType},
};
use parking_lot::{Condvar, Mutex};
use protocol::code::{request, response};
use std::sync::Arc;

const WELL: u8 = 0;
const SLOW: u8 = 1;
const BROKEN: u8 = 2;

/// A disk whose syncs of the log wait until it is well, or fail.
#[derive(Default)]
struct Trouble {
    state: Mutex<u8>,
    changed: Condvar,
}

impl Trouble {
    fn be(&self, state: u8) {
        *self.state.lock() = state;
        self.changed.notify_all();
    }
}

/// Makes a disk well at the end of a test, however that ends: the broker's threads wait for it.
struct Cured(Arc<Trouble>);

impl Drop for Cured {
    fn drop(&mut self) {
        self.0.be(WELL);
    }
}

impl Tap for Trouble {
    fn before(&self, call: &Call<'_>) -> Result<(), Refused> {
        let flushing = std::thread::current().name() == Some("store-log");
        if !flushing || !matches!(call, Call::Sync { path } if path.to_string_lossy().contains("commitlog")) {
            return Ok(());
        }
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |state| *state == SLOW);
        match *state {
            BROKEN => Err(std::io::Error::other("it broke").into()),
            _ => Ok(()),
        }
    }

    fn after(&self, _: &Call<'_>) {}
}

/// A master that waits for slaves and for this disk.
async fn on(disk: Arc<Trouble>, set: impl FnOnce(&mut BrokerConfig)) -> Asked {
    let dir = tempfile::tempdir().expect("a temporary folder");
    Asked::start_on(Disk::with_tap(disk), None, dir, Clock::manual(BEGIN_MS), |config| {
        config.broker_role = BrokerRole::SyncMaster;
        config.flush_disk_type = FlushDiskType::Sync;
        set(config);
    })
    .await
}

async fn code_of_a_send(asked: &Asked, properties: &str) -> i32 {
    asked.send("T", "x", properties).await.code
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_slave_a_send_is_stored_and_told_so_at_once() {
    let asked = master(|config| {
        config.broker_role = BrokerRole::SyncMaster;
        config.slave_timeout_ms = LONG_MS;
        config.flush_disk_type = FlushDiskType::Sync;
    })
    .await;
    let answer = asked.send("T", "one", "").await;
    assert_eq!((answer.code, answer.fields.get("queueOffset")), (response::SLAVE_NOT_AVAILABLE, Some("0")));
    assert_eq!(asked.broker.store().flushed().get(), asked.broker.store().written().get(), "the disk was waited for");
    assert_eq!(code_of_a_send(&asked, "WAIT\u{1}false").await, response::SUCCESS);
    asked.arrived("T", 2).await;
    asked.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asynchronous_master_waits_for_nobody() {
    let asked = master(|config| config.slave_timeout_ms = LONG_MS).await;
    assert_eq!(code_of_a_send(&asked, "").await, response::SUCCESS);
    let _silent = ByHand::from(&asked, 0).await;
    connected(&asked, 1).await;
    assert_eq!(code_of_a_send(&asked, "").await, response::SUCCESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_succeeds_once_a_slave_has_acknowledged_it() {
    let asked = sync_master(LONG_MS).await;
    let mut slave = ByHand::from(&asked, 0).await;
    connected(&asked, 1).await;
    let send = code_of_a_send(&asked, "");
    tokio::pin!(send);
    let (at, bytes) = tokio::select! {
        code = &mut send => panic!("answered with {code} before a slave had it"),
        piece = slave.piece() => piece.expect("the log"),
    };
    let end = at + bytes.len() as u64;
    assert_eq!((at, end), (0, asked.broker.store().written().get()));
    let stored = asked.broker.store().record_at(0).expect("a record");
    assert_eq!(bytes, stored, "what the slave has is the log");
    // All but the last byte is not all of it.
    slave.report(end - 1).await;
    tokio::select! {
        code = &mut send => panic!("answered with {code} before a slave had all of it"),
        _ = until(&asked, |info| info.get("haReplicatedOffset") == Some(&(end - 1).to_string())) => {}
    }
    // An answer that was ready by then comes before this one, on the same connection.
    info(&asked).await;
    tokio::select! {
        biased;
        code = &mut send => panic!("answered with {code} before a slave had all of it"),
        () = std::future::ready(()) => {}
    }
    slave.report(end).await;
    assert_eq!(send.await, response::SUCCESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sends_at_once_are_all_answered_by_a_slave_that_follows() {
    let asked = sync_master(LONG_MS).await;
    let slave = tokio::spawn(ByHand::from(&asked, 0).await.follow());
    connected(&asked, 1).await;
    let bodies: Vec<_> = (0..200).map(|at| at.to_string()).collect();
    let sends = bodies.iter().map(|body| asked.send("T", body, ""));
    for answer in futures_util::future::join_all(sends).await {
        assert_eq!(answer.code, response::SUCCESS);
    }
    assert_eq!(asked.broker.slaves().master().replicated().get(), asked.broker.store().written().get());
    asked.stop().await;
    slave.await.expect("the end of the connection ends it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_that_does_not_acknowledge_in_time_is_told_and_counts_again_later() {
    let asked = sync_master(SHORT_MS).await;
    let mut slave = ByHand::from(&asked, 0).await;
    connected(&asked, 1).await;
    assert_eq!(code_of_a_send(&asked, "").await, response::FLUSH_SLAVE_TIMEOUT);
    assert_eq!(code_of_a_send(&asked, "WAIT\u{1}false").await, response::SUCCESS);
    assert_eq!(asked.bodies("T").len(), 2, "stored all the same");
    let end = asked.broker.store().written().get();
    slave.take(end).await;
    slave.report(end).await;
    until(&asked, |info| info.get("haReplicatedOffset") == Some(&end.to_string())).await;
    let change = asked.change("slaveTimeout", &LONG_MS.to_string()).await;
    assert_eq!(change.code, response::SUCCESS, "{:?}", change.remark);
    tokio::spawn(slave.follow());
    assert_eq!(code_of_a_send(&asked, "").await, response::SUCCESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_that_is_too_far_behind_is_not_waited_for() {
    let asked = sync_master(LONG_MS).await;
    assert_eq!(code_of_a_send(&asked, "").await, response::SLAVE_NOT_AVAILABLE);
    let change = asked.change("haSlaveFallbehindMax", "10").await;
    assert_eq!(change.code, response::SUCCESS, "{:?}", change.remark);
    let _slave = ByHand::from(&asked, 0).await;
    connected(&asked, 1).await;
    assert_eq!(code_of_a_send(&asked, "").await, response::SLAVE_NOT_AVAILABLE);
}

// On one thread, where the master waits for the slave before the slave can have anything.
#[tokio::test]
async fn a_slave_that_goes_while_it_is_waited_for_leaves_the_time_to_decide() {
    let asked = sync_master(SHORT_MS).await;
    let mut slave = ByHand::from(&asked, 0).await;
    connected(&asked, 1).await;
    let gone = async {
        slave.piece().await;
        drop(slave);
    };
    let (code, ()) = tokio::join!(code_of_a_send(&asked, ""), gone);
    assert_eq!(code, response::FLUSH_SLAVE_TIMEOUT);
    connected(&asked, 0).await;
    assert_eq!(code_of_a_send(&asked, "").await, response::SLAVE_NOT_AVAILABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slaves_trouble_is_told_before_the_disks() {
    let disk = Arc::new(Trouble::default());
    let asked = on(disk.clone(), |config| {
        config.slave_timeout_ms = SHORT_MS;
        config.sync_flush_timeout_ms = SHORT_MS;
    })
    .await;
    disk.be(SLOW);
    let _at_the_end = Cured(disk);
    assert_eq!(code_of_a_send(&asked, "").await, response::SLAVE_NOT_AVAILABLE);
    let mut slave = ByHand::from(&asked, 0).await;
    connected(&asked, 1).await;
    assert_eq!(code_of_a_send(&asked, "").await, response::FLUSH_SLAVE_TIMEOUT);
    let end = asked.broker.store().written().get();
    slave.take(end).await;
    slave.report(end).await;
    until(&asked, |info| info.get("haReplicatedOffset") == Some(&end.to_string())).await;
    asked.change("slaveTimeout", &LONG_MS.to_string()).await;
    tokio::spawn(slave.follow());
    assert_eq!(code_of_a_send(&asked, "").await, response::FLUSH_DISK_TIMEOUT, "a slave has what is not on the disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_is_told_without_waiting_for_a_slave() {
    let disk = Arc::new(Trouble::default());
    let asked = on(disk.clone(), |config| config.slave_timeout_ms = LONG_MS).await;
    let _silent = ByHand::from(&asked, 0).await;
    connected(&asked, 1).await;
    disk.be(BROKEN);
    let answer = asked.send("T", "x", "").await;
    assert_eq!(answer.code, response::SERVICE_NOT_AVAILABLE, "{:?}", answer.remark);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_words_for_a_missing_slave_is_not_told() {
    let asked = sync_master(LONG_MS).await;
    let half = text(&[("TRAN_MSG", "true"), ("PGROUP", "P"), ("UNIQ_KEY", "U1")]);
    let prepared = asked.send("T", "half", &half).await;
    assert_eq!(prepared.code, response::SLAVE_NOT_AVAILABLE);
    let physical = asked.broker.store().queue("RMQ_SYS_TRANS_HALF_TOPIC", 0).and_then(|queue| queue.get(0));
    let physical = physical.expect("a half message").physical_offset.to_string();
    let end = [
        ("producerGroup", "P"),
        ("tranStateTableOffset", "0"),
        ("commitLogOffset", &physical),
        ("commitOrRollback", "8"),
        ("fromTransactionCheck", "false"),
        ("msgId", "U1"),
        ("transactionId", "U1"),
    ];
    assert_eq!(asked.ask_for(request::END_TRANSACTION, &end).await.code, response::SUCCESS);
    assert_eq!(asked.bodies("T"), ["half"]);
    let at = asked.records("T", 0)[0].physical_offset.to_string();
    let back =
        [("offset", at.as_str()), ("group", "G"), ("delayLevel", "0"), ("originMsgId", ""), ("originTopic", "T")];
    assert_eq!(asked.ask_for(request::CONSUMER_SEND_MSG_BACK, &back).await.code, response::SUCCESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_info_tells_of_each_slave_what_is_known() {
    let asked = sync_master(SHORT_MS).await;
    let lone = info(&asked).await;
    assert_eq!(lone["haSlaves"], "0");
    assert!(!lone.keys().any(|key| key.starts_with("haSlave") && key != "haSlaves"), "{lone:?}");
    assert!(!lone.contains_key("haReplicatedOffset"), "nothing was acknowledged yet");
    asked.send("T", "x", "").await;
    let end = asked.broker.store().written().get();
    let mut slave = ByHand::from(&asked, 0).await;
    let (from, log) = slave.take(end).await;
    assert_eq!((from, log.len() as u64), (0, end));
    let silent = until(&asked, |info| info["haSlaves"] == "1").await;
    let addr = slave.addr();
    let key = |name: &str| format!("haSlave{name}_{addr}");
    assert!(silent.contains_key(&key("Since")));
    assert!(!silent.contains_key(&key("AckOffset")) && !silent.contains_key(&key("BehindBytes")), "{silent:?}");
    slave.report(end - 1).await;
    let told = until(&asked, |info| info.contains_key(&key("AckOffset"))).await;
    assert_eq!((&*told[&key("AckOffset")], &*told[&key("BehindBytes")]), (&*(end - 1).to_string(), "1"));
    assert_eq!(told["haReplicatedOffset"], (end - 1).to_string());
    assert_eq!((&*told["commitLogMinOffset"], &*told["commitLogMaxOffset"]), ("0", &*end.to_string()));
    assert_ne!(port_for_slaves(&asked), 10_912, "a test takes a free port");
}

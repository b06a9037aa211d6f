//! The slave, with a master played by hand.

use crate::stage::*;
use replication::{Ends, FollowError, Following, Slave, SlaveRules};
use std::{convert::Infallible, path::Path, sync::Arc};
use store::{FlushDiskType, MessageStore, StoreConfig};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, timeout},
};

type FollowTask = JoinHandle<Result<Infallible, FollowError>>;

/// Bytes of a file of the log.
const FILE: usize = 16 << 10;

/// A log, as a master has it.
fn log_of(bytes: u64) -> (TempDir, Vec<u8>) {
    let dir = witness::scratch::folder();
    let store = open(dir.path());
    fill(&store, bytes);
    (dir, log(&store))
}

/// An empty slave, and one that has `log`.
async fn slave_with(dir: &Path, log: &[u8]) -> (Arc<MessageStore>, Arc<Slave>) {
    let store = open(dir);
    store.append_copied(0, log).unwrap();
    let slave = slave_of(&store);
    (store, slave)
}

fn connect(slave: &Arc<Slave>, ends: Ends) -> (DuplexStream, FollowTask) {
    let (ours, theirs) = duplex(1 << 20);
    let slave = slave.clone();
    (ours, tokio::spawn(async move { slave.follow(theirs, ends).await }))
}

fn ends(log: &[u8]) -> Ends {
    Ends { min: 0, max: log.len() as u64 }
}

async fn error(following: FollowTask) -> FollowError {
    following.await.unwrap().unwrap_err()
}

/// Sends the log from `at` on, in frames of one file.
async fn send(master: &mut DuplexStream, log: &[u8], mut at: usize) {
    while at < log.len() {
        let end = log.len().min(at + 5000).min(at - at % FILE + FILE);
        send_frame(master, at as u64, &log[at..end]).await;
        at = end;
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_slave_takes_all_and_reports_once_for_what_comes_together() {
    let dir = witness::scratch::folder();
    let (_master_dir, log) = log_of(100_000);
    let (store, slave) = slave_with(dir.path(), &[]).await;
    assert_eq!(slave.following(), None);
    let (mut master, _following) = connect(&slave, ends(&log));
    assert_eq!(master.read_u64().await.unwrap(), 0);
    assert_eq!(slave.following(), Some(Following { agreed: false, master_end: log.len() as u64 }));
    send(&mut master, &log, 0).await;
    assert_eq!(master.read_u64().await.unwrap(), log.len() as u64, "one report for many frames");
    assert!(crate::stage::log(&store) == log);
    assert_eq!(slave.following(), Some(Following { agreed: true, master_end: log.len() as u64 }));
    let start = Instant::now();
    for seconds in [5, 10, 15, 20] {
        assert_eq!(master.read_u64().await.unwrap(), log.len() as u64);
        assert_eq!(start.elapsed(), seconds * SECOND, "a sign of life");
        if seconds == 10 {
            send_frame(&mut master, log.len() as u64, &[]).await;
        }
    }
    drop(master);
    tokio::task::yield_now().await;
}

#[tokio::test(start_paused = true)]
async fn a_master_that_is_silent_is_given_up() {
    let dir = witness::scratch::folder();
    let (_store, slave) = slave_with(dir.path(), &[]).await;
    let start = Instant::now();
    let (_master, following) = connect(&slave, Ends { min: 0, max: 0 });
    assert!(
        matches!(error(following).await, FollowError::Io(error) if error.to_string().contains("nothing for 20000"))
    );
    assert_eq!((start.elapsed(), slave.following()), (20 * SECOND, None));
}

#[tokio::test(start_paused = true)]
async fn a_slave_compares_its_end_before_it_appends() {
    let dir = witness::scratch::folder();
    let (_master_dir, log) = log_of(300_000);
    let own = &log[..200_000 - 200_000 % FILE];
    let (store, slave) = slave_with(dir.path(), own).await;
    let (mut master, following) = connect(&slave, ends(&log));
    let asked = master.read_u64().await.unwrap() as usize;
    assert!((own.len() - (64 << 10)..own.len() - (62 << 10)).contains(&asked), "{asked}");
    assert!(store.record_at(asked as i64).is_some(), "it asks from a record on");
    // All but one byte, and nothing is said of it.
    send(&mut master, &log[..own.len() - 1], asked).await;
    assert!(timeout(SECOND, master.read_u64()).await.is_err());
    assert!(!slave.following().unwrap().agreed);
    send(&mut master, &log[..own.len() + 1], own.len() - 1).await;
    assert_eq!(master.read_u64().await.unwrap(), own.len() as u64);
    send(&mut master, &log, own.len() + 1).await;
    while store.written().get() < log.len() as u64 {
        master.read_u64().await.unwrap();
    }
    assert!(crate::stage::log(&store) == log && slave.following().unwrap().agreed);
    drop(master);
    assert!(matches!(error(following).await, FollowError::Io(_)));
}

#[tokio::test(start_paused = true)]
async fn where_two_logs_part_is_found_near_the_end_or_far_from_it() {
    let (_master_dir, log) = log_of(400_000);
    for (more, needs) in [(100, 1), (300, 2)] {
        let dir = witness::scratch::folder();
        let (store, _) = slave_with(dir.path(), &log[..200_000]).await;
        let common = store.written().get();
        for number in 0..more {
            put(&store, "OTHER", 0, format!("{number} {}", "y".repeat(300)).as_bytes(), "");
        }
        let own_end = store.written().get();
        let slave = slave_of(&store);
        let mut connections = 0;
        let end = loop {
            connections += 1;
            let (mut master, following) = connect(&slave, ends(&log));
            let asked = master.read_u64().await.unwrap() as usize;
            send(&mut master, &log, asked).await;
            match error(following).await {
                FollowError::Again { from } => assert_eq!(from, 1),
                end => break end,
            }
        };
        assert!(matches!(end, FollowError::Diverged { common: c, own_end: e } if (c, e) == (common, own_end)), "{end}");
        assert_eq!((connections, store.written().get()), (needs, own_end));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slave_that_is_ahead_says_up_to_where_both_are_the_same() {
    let dir = witness::scratch::folder();
    let (_master_dir, log) = log_of(100_000);
    let (short_dir, short) = log_of(60_000);
    assert!(log.starts_with(&short));
    let (store, slave) = slave_with(dir.path(), &log).await;
    let (mut master, following) = connect(&slave, ends(&short));
    let asked = master.read_u64().await.unwrap() as usize;
    send(&mut master, &short, asked).await;
    let end = error(following).await;
    let own_end = store.written().get();
    assert!(
        matches!(end, FollowError::Diverged { common, own_end: e } if (common, e) == (short.len() as u64, own_end))
    );
    drop(short_dir);
}

#[tokio::test(start_paused = true)]
async fn logs_without_a_common_record_are_strangers_and_a_gap_is_too_far() {
    let dir = witness::scratch::folder();
    let (_master_dir, log) = log_of(50_000);
    let (store, _) = slave_with(dir.path(), &[]).await;
    put(&store, "MINE", 0, b"not the master's", "");
    let own_end = store.written().get();
    let slave = slave_of(&store);
    let (mut master, following) = connect(&slave, ends(&log));
    let asked = master.read_u64().await.unwrap() as usize;
    assert_eq!(asked, 1, "whoever asks for byte 0 gets the last file from a master of Apache");
    send(&mut master, &log[..1000], asked).await;
    assert!(matches!(error(following).await, FollowError::Strangers { own_end: e, .. } if e == own_end));
    let (_master, following) = connect(&slave, Ends { min: 16 << 10, max: 50_000 });
    assert!(matches!(error(following).await, FollowError::TooFarBehind { min: 16384, own_end: e } if e == own_end));
    let (_master, following) = connect(&slave, Ends { min: 0, max: 0 });
    assert!(matches!(error(following).await, FollowError::Strangers { .. }), "the master has nothing");
}

#[tokio::test(start_paused = true)]
async fn an_empty_slave_gets_all_from_a_master_that_starts_at_its_last_file() {
    let dir = witness::scratch::folder();
    let (_master_dir, log) = log_of(50_000);
    let (store, slave) = slave_with(dir.path(), &[]).await;
    let (mut master, following) = connect(&slave, ends(&log));
    assert_eq!(master.read_u64().await.unwrap(), 0);
    let last = log.len() - log.len() % FILE;
    send_frame(&mut master, last as u64, &log[last..]).await;
    assert!(matches!(error(following).await, FollowError::Again { from: 1 }));
    assert_eq!(store.written().get(), 0);
    let (mut master, _following) = connect(&slave, ends(&log));
    assert_eq!(master.read_u64().await.unwrap(), 1);
    send(&mut master, &log, 1).await;
    while store.written().get() < log.len() as u64 {
        master.read_u64().await.unwrap();
    }
    assert!(crate::stage::log(&store) == log);
}

#[tokio::test(start_paused = true)]
async fn an_empty_slave_begins_where_the_masters_log_does() {
    let dir = witness::scratch::folder();
    let (_master_dir, log) = log_of(100_000);
    let (store, slave) = slave_with(dir.path(), &[]).await;
    let min = 3 * FILE;
    let (mut master, _following) = connect(&slave, Ends { min: min as u64, max: log.len() as u64 });
    assert_eq!(master.read_u64().await.unwrap(), min as u64);
    send(&mut master, &log, min).await;
    while store.written().get() < log.len() as u64 {
        master.read_u64().await.unwrap();
    }
    assert_eq!(store.min_physical(), min as i64);
    assert!(crate::stage::log(&store) == log[min..]);
}

/// With real time, for the disk takes some.
#[tokio::test]
async fn with_a_synchronous_flush_only_what_is_on_the_disk_is_acknowledged() {
    let dir = witness::scratch::folder();
    let (_master_dir, log) = log_of(100_000);
    let config = StoreConfig { flush_disk_type: FlushDiskType::Sync, ..StoreConfig::small(dir.path()) };
    let store = MessageStore::open(config, base::Clock::manual(START_MS)).unwrap();
    let rules = SlaveRules { acknowledges_flushed: true, ..slave_rules() };
    let slave = Arc::new(Slave::new(store.clone(), rules));
    let (mut master, _following) = connect(&slave, ends(&log));
    assert_eq!(master.read_u64().await.unwrap(), 0);
    send(&mut master, &log, 0).await;
    let mut reported = 0;
    while reported < log.len() as u64 {
        let next = master.read_u64().await.unwrap();
        assert!(next > reported && next <= store.flushed().get());
        reported = next;
    }
    let mut silent = [0; 8];
    assert!(timeout(SECOND / 100, master.read_exact(&mut silent)).await.is_err());
    master.shutdown().await.unwrap();
}

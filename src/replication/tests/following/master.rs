//! The master, with a slave played by hand.

use crate::stage::*;
use base::Clock;
use replication::{Master, ServeError};
use std::sync::Arc;
use store::MessageStore;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, timeout},
};

type Serving = JoinHandle<Result<std::convert::Infallible, ServeError>>;

fn filled(bytes: u64) -> (TempDir, Arc<MessageStore>, Arc<Master>) {
    let dir = witness::scratch::folder();
    let store = open(dir.path());
    fill(&store, bytes);
    let master = master_of(&store);
    (dir, store, master)
}

/// Connects a slave that holds at most `room` bytes which it did not read yet.
fn connect(master: &Arc<Master>, room: usize) -> (DuplexStream, Serving) {
    let (ours, theirs) = duplex(room);
    let master = master.clone();
    let serving = tokio::spawn(async move { master.serve("10.0.0.7:4711".parse().unwrap(), theirs).await });
    (ours, serving)
}

async fn error(serving: Serving) -> ServeError {
    serving.await.unwrap().unwrap_err()
}

/// Reads frames until the log up to `end` came.
async fn read_to(slave: &mut DuplexStream, mut next: u64, end: u64) -> Vec<u8> {
    let mut log = Vec::new();
    while next < end {
        let (at, bytes) = frame(slave).await;
        assert_eq!(at, next);
        assert!(!bytes.is_empty() && bytes.len() <= 32 << 10);
        assert_eq!(at / (16 << 10), (at + bytes.len() as u64 - 1) / (16 << 10), "bytes of one file");
        next += bytes.len() as u64;
        log.extend(bytes);
    }
    log
}

#[tokio::test(start_paused = true)]
async fn a_slave_gets_the_log_from_where_it_asks_and_what_is_new_at_once() {
    let (_dir, store, master) = filled(100_000);
    for asked in [0, 1, 5000, store.written().get()] {
        let (mut slave, _serving) = connect(&master, 1 << 20);
        let start = Instant::now();
        slave.write_u64(asked).await.unwrap();
        let end = store.written().get();
        assert!(read_to(&mut slave, asked, end).await == log_from(&store, 0)[asked as usize..]);
        let new_end = put(&store, "T", 0, b"new", "");
        let (at, bytes) = frame(&mut slave).await;
        assert_eq!((at, bytes.len() as u64), (end, new_end - end));
        assert_eq!(start.elapsed().as_millis(), 0, "nobody waited for a time");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slave_that_asks_for_byte_0_gets_all_there_is() {
    let (_dir, store, master) = filled(100_000);
    delete_files(&store);
    fill(&store, 150_000);
    let (mut slave, _serving) = connect(&master, 1 << 20);
    slave.write_u64(0).await.unwrap();
    let min = store.min_physical() as u64;
    assert!(min > 0 && read_to(&mut slave, min, store.written().get()).await == log(&store));
}

#[tokio::test(start_paused = true)]
async fn only_what_was_sent_and_then_acknowledged_counts() {
    let (_dir, store, master) = filled(50_000);
    let end = store.written().get();
    let (mut slave, serving) = connect(&master, 1 << 20);
    slave.write_u64(end).await.unwrap();
    slave.write_u64(end).await.unwrap();
    let new_end = put(&store, "T", 0, b"new", "");
    frame(&mut slave).await;
    assert_eq!((master.replicated().get(), master.slaves()[0].acked), (0, None), "a claim");
    let (middle, wait) = (end + 1, master.replicated().reached(end + 1));
    slave.write_u64(middle).await.unwrap();
    wait.await;
    slave.write_u64(new_end).await.unwrap();
    master.replicated().reached(new_end).await;
    let known = &master.slaves()[0];
    assert_eq!((known.asked, known.sent, known.acked), (Some(end), new_end, Some(new_end)));
    slave.write_u64(new_end + 1).await.unwrap();
    let refused = error(serving).await;
    assert!(matches!(refused, ServeError::Unsent { reported, sent } if (reported, sent) == (new_end + 1, new_end)));
    assert_eq!(master.replicated().get(), new_end);
    assert_eq!(master.slaves(), []);
}

#[tokio::test(start_paused = true)]
async fn a_slave_that_says_what_cannot_be_is_sent_away() {
    let (_dir, store, master) = filled(50_000);
    let end = store.written().get();
    delete_files(&store);
    let min = store.min_physical() as u64;
    let said = async |reports: &[u64]| {
        let (mut slave, serving) = connect(&master, 1 << 20);
        slave.write_u64(reports[0]).await.unwrap();
        if reports.len() > 1 {
            frame(&mut slave).await;
        }
        for report in &reports[1..] {
            slave.write_u64(*report).await.unwrap();
        }
        error(serving).await.to_string()
    };
    assert!(said(&[end + 1]).await.contains("has what this master lacks"));
    assert!(said(&[u64::MAX]).await.contains("has what this master lacks"));
    assert!(said(&[min - 1]).await.contains(&format!("begins at {min} here")));
    assert!(said(&[min, min - 1]).await.contains("before that"));
    assert!(said(&[min, u64::MAX]).await.contains("was sent it up to"));
    assert!(
        said(&[0, min - 1, min]).await.contains("said nothing"),
        "not more than it asked for, since it got it from there"
    );
    assert_eq!(master.replicated().get(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_only_is_not_acknowledged() {
    let (_dir, store, master) = filled(50_000);
    let end = store.written().get();
    let (mut slave, serving) = connect(&master, 100);
    slave.write_u64(0).await.unwrap();
    slave.read_u64().await.unwrap();
    slave.write_u64(end).await.unwrap();
    let refused = error(serving).await;
    assert!(matches!(refused, ServeError::Unsent { sent, .. } if sent > 0 && sent < 200), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn reports_are_read_while_a_slow_slave_reads_nothing() {
    let (_dir, _store, master) = filled(50_000);
    let (mut slave, _serving) = connect(&master, 5000);
    slave.write_u64(0).await.unwrap();
    assert_eq!(slave.read_u64().await.unwrap(), 0);
    slave.write_u64(900).await.unwrap();
    master.replicated().reached(900).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_gets_a_heartbeat_and_a_silent_slave_is_given_up() {
    let (_dir, store, master) = filled(1000);
    let end = store.written().get();
    let (mut slave, serving) = connect(&master, 1 << 20);
    let start = Instant::now();
    assert!(timeout(12 * SECOND, slave.read_u8()).await.is_err(), "nothing before it asked");
    slave.write_u64(end).await.unwrap();
    // The first is the answer to what it asked.
    for seconds in [12, 17, 22, 27] {
        assert_eq!(frame(&mut slave).await, (end, vec![]));
        assert_eq!(start.elapsed(), seconds * SECOND);
    }
    let given_up = error(serving).await;
    assert!(matches!(given_up, ServeError::Silent(silent) if silent == 20 * SECOND));
    assert_eq!(start.elapsed(), 32 * SECOND);
    let (_slave, serving) = connect(&master, 1 << 20);
    assert!(matches!(error(serving).await, ServeError::Silent(_)), "also one that never asked");
}

#[tokio::test(start_paused = true)]
async fn a_slave_whose_next_bytes_are_deleted_is_sent_away() {
    let (_dir, store, master) = filled(3_000_000);
    let (mut slave, serving) = connect(&master, 1000);
    slave.write_u64(0).await.unwrap();
    slave.read_u64().await.unwrap();
    delete_files(&store);
    let min = store.min_physical() as u64;
    tokio::spawn(async move { slave.read_to_end(&mut Vec::new()).await });
    assert!(matches!(error(serving).await, ServeError::Deleted { at, min: m } if at < min && m == min));
}

#[tokio::test(start_paused = true)]
async fn a_slave_is_near_while_it_is_connected_and_lacks_little() {
    let dir = witness::scratch::folder();
    let store = open(dir.path());
    fill(&store, 10_000);
    let end = store.written().get();
    let master = Arc::new(Master::new(store.clone(), master_rules(), Clock::manual(77)));
    assert!(!master.has_slave_near(end, u64::MAX));
    let (mut slave, serving) = connect(&master, 1 << 20);
    tokio::task::yield_now().await;
    assert!(!master.has_slave_near(end, u64::MAX), "it did not say anything yet");
    slave.write_u64(1000).await.unwrap();
    frame(&mut slave).await;
    let known = master.slaves();
    assert_eq!((known.len(), known[0].since_ms, known[0].addr.port()), (1, 77, 4711));
    assert!(master.has_slave_near(end, end - 999) && !master.has_slave_near(end, end - 1000));
    slave.write_u64(end).await.unwrap();
    master.replicated().reached(end).await;
    assert!(master.has_slave_near(end, 1) && !master.has_slave_near(end, 0) && master.has_slave_near(0, 1));
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    assert!(!master.has_slave_near(end, u64::MAX) && master.slaves().is_empty());
    let (slave, serving) = connect(&master, 1 << 20);
    drop(slave);
    assert!(matches!(error(serving).await, ServeError::Io(_)));
}

//! `rmq top` while a producer and a consumer run and a broker dies, through to the end of its terminal.

use crate::{
    cluster::Cluster,
    process::Background,
    top::{Top, lag},
};
use rustix::process::Signal;
use std::{
    io::Write,
    process::Stdio,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

#[test]
fn while_a_producer_and_a_consumer_run_a_lag_is_seen_to_grow_and_to_drain_and_a_broker_to_die() {
    let mut cluster = Cluster::single();
    cluster.topic("orders");
    let consumer =
        Background::start("the consumer", &mut cluster.command(&["consume", "orders", "--group", "billing"]));
    let mut producer = cluster.command(&["produce", "orders"]);
    let mut producer =
        producer.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("built");
    let mut lines = producer.stdin.take().expect("it has one");
    let (stop, stopped) = mpsc::channel::<()>();
    let feeding = thread::spawn(move || {
        // A hundred a second, until it is told to stop or the broker is gone.
        while stopped.recv_timeout(Duration::from_millis(10)) == Err(RecvTimeoutError::Timeout) {
            if lines.write_all(b"a message\n").is_err() {
                return;
            }
        }
    });

    let mut top = Top::of(&cluster);
    top.press("3");
    top.until("the group that keeps up", |screen| lag(screen).is_some_and(|lag| lag < 50));
    consumer.tell(Signal::STOP);
    top.until("a lag that grows", |screen| lag(screen).is_some_and(|lag| lag > 100));
    consumer.tell(Signal::CONT);
    top.until("a lag that is gone", |screen| lag(screen).is_some_and(|lag| lag < 50));

    top.press("/billing\r\r");
    top.shows(&["group billing: "]);
    top.shows(&["orders", "broker-a"]);
    top.resize(20, 62);
    top.until("the same on a small screen", |screen| {
        let contents = screen.contents();
        contents.lines().next().is_some_and(|line| line.len() <= 62) && contents.contains("group billing: ")
    });
    top.resize(8, 40);
    top.shows(&["too small"]);
    top.resize(30, 100);
    top.press("1");
    top.shows(&["broker-a:0", " ok "]);

    drop(stop);
    feeding.join().expect("it only writes");
    cluster.broker.signal(Signal::KILL);
    top.shows(&["broker-a:0", "! gone"]);
    assert_eq!(top.signal(Signal::TERM), 143);
    top.until("a terminal as it was", |screen| !screen.hide_cursor() && !screen.application_cursor());
    let _ = producer.kill();
    let _ = producer.wait();
}

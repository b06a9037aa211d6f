//! `rmq consume --pop`: every message once, acknowledged as it is printed, whatever happens to the broker meanwhile.

use crate::{
    cluster::{Cluster, start_broker},
    process::Background,
};
use rustix::process::Signal;
use std::collections::BTreeMap;

const INVISIBLE: [&str; 2] = ["--invisible", "2s"];

fn consume<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ["consume", "T", "--pop", "--group", "g"].into_iter().chain(INVISIBLE).chain(more.iter().copied()).collect()
}

fn numbers(from: u32, to: u32) -> String {
    (from..to).map(|number| format!("m{number}\n")).collect()
}

/// How often each message was printed.
fn printed(text: &str) -> BTreeMap<&str, usize> {
    let mut all = BTreeMap::new();
    text.lines().filter(|line| line.starts_with('m')).for_each(|line| *all.entry(line).or_default() += 1);
    all
}

#[test]
fn two_consumers_print_each_message_once_and_what_one_left_comes_back() {
    let cluster = Cluster::single();
    cluster.topic("T");
    cluster.rmq_with(&["produce", "T"], &numbers(0, 100)).ok();
    let first = cluster.rmq(&consume(&["-n", "40"])).ok();
    let second = cluster.rmq(&consume(&["-n", "60"])).ok();
    let both = first.stdout + &second.stdout;
    let all = printed(&both);
    assert_eq!((all.len(), all.values().sum::<usize>()), (100, 100), "{all:?}");
    // None is left, so that the next one is the only one to come.
    cluster.rmq_with(&["produce", "T"], "last\n").ok();
    assert_eq!(cluster.rmq(&consume(&["-n", "1"])).ok().stdout, "last\n");
}

#[test]
fn a_killed_broker_forgets_neither_what_is_in_flight_nor_what_was_acknowledged() {
    for flush in ["ASYNC_FLUSH", "SYNC_FLUSH"] {
        let mut cluster = Cluster::with(&format!("flushDiskType={flush}\n"));
        cluster.topic("T");
        cluster.rmq_with(&["produce", "T"], &numbers(0, 50)).ok();
        let before = cluster.rmq(&consume(&["-n", "20"])).ok();
        // One takes a batch and is killed: that batch is in flight, and what it printed may be acknowledged.
        let consumer = Background::start("the consumer", &mut cluster.command(&consume(&["-n", "30"])));
        consumer.wait_for("m");
        consumer.tell(Signal::KILL);
        cluster.broker.signal(Signal::KILL);
        cluster.broker = start_broker(&cluster.namesrv_addr, &cluster.conf);
        cluster.rmq_with(&["produce", "T"], &numbers(50, 60)).ok();
        let log = consumer.log();
        let (seen, half) = (printed(&before.stdout), printed(&log));
        let rest = Background::start("the consumer", &mut cluster.command(&consume(&[])));
        // What the killed one had not acknowledged comes back.
        rest.until("all messages are printed", || {
            let text = rest.log();
            let all = printed(&text);
            (0..60).all(|number| {
                let name = format!("m{number}");
                seen.contains_key(&*name) || half.contains_key(&*name) || all.contains_key(&*name)
            })
        });
        let text = rest.log();
        for (name, times) in printed(&text) {
            assert_eq!(times, 1, "{flush}: {name} was printed twice by one that acknowledged it: {text}");
            assert!(!seen.contains_key(name), "{flush}: {name} was acknowledged before the kill: {text}");
        }
    }
}

#[test]
fn a_consumer_goes_on_when_its_broker_is_killed_and_comes_back() {
    let mut cluster = Cluster::single();
    cluster.topic("T");
    cluster.rmq_with(&["produce", "T"], &numbers(0, 20)).ok();
    // As long as they are invisible by default, nothing comes twice.
    let arguments = ["consume", "T", "--pop", "--group", "g", "-n", "40"];
    let mut consumer = Background::start("the consumer", &mut cluster.command(&arguments));
    consumer.until("the first half is printed", || printed(&consumer.log()).len() == 20);
    cluster.broker.signal(Signal::KILL);
    cluster.broker = start_broker(&cluster.namesrv_addr, &cluster.conf);
    cluster.rmq_with(&["produce", "T"], &numbers(20, 40)).ok();
    assert!(consumer.wait().success(), "{}", consumer.log());
    let log = consumer.log();
    assert_eq!(printed(&log).len(), 40, "{log}");
}

#[test]
fn what_makes_no_sense_with_pop_is_refused() {
    let cluster = Cluster::single();
    for (arguments, word) in [
        (vec!["consume", "T", "--pop"], "--group"),
        (vec!["consume", "T", "--invisible", "5s"], "--pop"),
        (vec!["consume", "T", "--pop", "--group", "g", "--end"], "--end"),
        (vec!["consume", "T", "--pop", "--group", "g", "--invisible=-1s"], "length of time"),
    ] {
        cluster.rmq(&arguments).exit(2).says(&[word]);
    }
    cluster.rmq(&["consume", "NoSuchTopic", "--pop", "--group", "g"]).exit(3).says(&["NoSuchTopic"]);
    cluster.topic("T");
    let too_long = ["consume", "T", "--pop", "--group", "g", "--invisible", "100h"];
    cluster.rmq(&too_long).exit(1).says(&["invisibleTime"]);
}

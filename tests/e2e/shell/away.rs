//! A cluster that is away, in every way: each command that asks one ends in time, says what it tried, and ends with 4.

use super::failure;
use crate::{
    cluster::{Cluster, free_port, rmq, scratch},
    process::{Run, run},
};
use rustix::process::Signal;
use std::{
    collections::BTreeSet,
    net::TcpListener,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Every command that asks a cluster.
const COMMANDS: &[&str] = &[
    "broker list",
    "broker describe broker-a",
    "broker config get broker-a",
    "broker config set broker-a fileReservedTime=48",
    "broker drain broker-a",
    "broker undrain broker-a",
    "check namesrv",
    "check broker",
    "check cluster",
    "check replication",
    "client list",
    "client list --group g",
    "consume t -e",
    "consume t -e --group g",
    "consume t --group g",
    "dlq list",
    "dlq list g",
    "dlq peek g",
    "dlq resend g",
    "group create g",
    "group delete g",
    "group describe g",
    "group lag g",
    "group list",
    "group update g --retry-max-times 3",
    "message find --topic t --key k",
    "message get --topic t --id 7F00000100002A9F0000000000000000",
    "message get --id 7F0000010001000000000000000000000000",
    "offset reset --group g --topic t --to first",
    "offset reset --group g --topic t --to first --execute",
    "produce t -m x",
    "top --once",
    "topic create t",
    "topic delete d",
    "topic describe t",
    "topic list",
    "topic route t",
    "topic update t --queues 3",
];

/// Asked of name servers only: they end well as long as those answer.
const ONLY_NAMES: &[&str] =
    &["broker drain broker-a", "broker undrain broker-a", "check namesrv", "topic list", "topic route t"];
/// Tells of brokers that say nothing, or that there are none, in its picture: see `top.rs`.
const TOP: &str = "top --once";
/// Name servers forget the topic even if no broker does.
const DELETED: &str = "topic delete d";
/// `rmq check` looks and judges: a cluster that is away is not healthy.
const VERDICT: &str = "check ";

/// Takes away from the others what they ask for: it is tried alone, when they have ended.
const LAST: &str = "broker drain broker-a";

/// All commands against the same cluster, several at the same time.
fn all(home: &Path, names: &str) -> Vec<(&'static str, Run)> {
    let next = AtomicUsize::new(0);
    let try_it = |line: &'static str| {
        let mut command = rmq(home);
        command.env("NAMESRV_ADDR", names).args(line.split(' ')).args(["-o", "json", "--timeout", "1s"]);
        (line, run(&mut command, ""))
    };
    let work = || {
        let mut done = Vec::new();
        while let Some(line) = COMMANDS.get(next.fetch_add(1, Ordering::Relaxed)) {
            if *line != LAST {
                done.push(try_it(line));
            }
        }
        done
    };
    let mut done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no command hangs")).collect()
    });
    done.push(try_it(LAST));
    done
}

/// What is wrong with how it ended, having tried `tried`.
fn wrong(line: &str, ended: &Run, names: &str, tried: &[&str]) -> Option<String> {
    let is_verdict = line.starts_with(VERDICT);
    let is_partly = line == DELETED && tried.iter().all(|tried| !names.contains(tried));
    let code = if is_verdict {
        1
    } else if is_partly {
        6
    } else {
        4
    };
    if ended.status.code() != Some(code) {
        return Some(format!("{line}: not exit code {code}: {ended}"));
    }
    let told = failure(&ended.stderr);
    let message = told["message"].as_str().unwrap_or_default();
    if !tried.iter().any(|tried| message.contains(tried)) {
        return Some(format!("{line}: says none of {tried:?}: {ended}"));
    }
    if is_partly {
        return None;
    }
    if told["retryable"] != true {
        return Some(format!("{line}: is to be tried again: {ended}"));
    }
    let unreachable = ["UNREACHABLE", "TIMED_OUT"].iter().any(|code| told["code"] == *code);
    (!is_verdict && !unreachable).then(|| format!("{line}: another code: {ended}"))
}

fn all_say(home: &Path, names: &str, tried: &[&str], but: &[&str]) {
    let ended = all(home, names);
    assert_eq!(ended.len(), COMMANDS.len());
    let wrong: Vec<String> = ended
        .iter()
        .filter(|(line, _)| *line != TOP || tried == [names])
        .filter_map(|(line, ended)| match but.contains(line) {
            true => (!ended.status.success()).then(|| format!("{line}: needs no broker: {ended}")),
            false => wrong(line, ended, names, tried),
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), COMMANDS.len(), wrong.join("\n"));
}

#[test]
fn every_command_that_asks_a_cluster_is_tried() {
    let dir = scratch();
    let bash = run(rmq(dir.path()).args(["completions", "bash"]), "").ok();
    let mut label = String::new();
    let mut asking = BTreeSet::new();
    for line in bash.lines().into_iter().map(str::trim) {
        if let Some(path) = line.strip_prefix("rmq__subcmd__").and_then(|line| line.strip_suffix(')')) {
            label = path.replace("__subcmd__", " ");
        } else if line.starts_with("opts=") && line.contains(" --namesrv ") && line.contains(" --timeout ") {
            asking.insert(label.clone());
        }
    }
    assert!(asking.len() > 25, "{asking:?}");
    let untried: Vec<&String> = asking
        .iter()
        .filter(|asking| !COMMANDS.iter().any(|line| line == asking || line.starts_with(&format!("{asking} "))))
        .collect();
    assert!(untried.is_empty(), "not in the table: {untried:?}");
}

#[test]
fn a_port_that_is_closed_and_one_that_says_nothing_are_told_in_time_by_every_command() {
    let dir = scratch();
    let closed = format!("127.0.0.1:{}", free_port());
    let silent = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let silent = (silent.local_addr().expect("it is bound").to_string(), silent);
    thread::scope(|scope| {
        for addr in [&closed, &silent.0] {
            scope.spawn(|| all_say(dir.path(), addr, &[addr], &[]));
        }
    });
}

#[test]
fn a_broker_that_says_nothing_is_told_in_time_by_every_command() {
    let cluster = Cluster::single();
    known(&cluster);
    // Its connections stay, so that the name server keeps it.
    cluster.broker.tell(Signal::STOP);
    all_say(cluster.dir.path(), &cluster.namesrv_addr, &[&cluster.broker_addr], ONLY_NAMES);
    cluster.broker.tell(Signal::CONT);
}

#[test]
fn name_servers_that_know_no_broker_are_told_by_every_command() {
    let mut cluster = Cluster::single();
    known(&cluster);
    cluster.broker.signal(Signal::KILL);
    cluster
        .namesrv
        .until("a broker forgotten", || cluster.rmq(&["topic", "route", "t", "-o", "json"]).status.code() != Some(0));
    all_say(cluster.dir.path(), &cluster.namesrv_addr, &[&cluster.namesrv_addr, "no broker"], &["check namesrv"]);
}

/// The topic, the group and the dead letters that the commands are about.
fn known(cluster: &Cluster) {
    for topic in ["t", "d", "%DLQ%g"] {
        cluster.rmq(&["topic", "create", topic, "--queues", "1"]).ok();
    }
    cluster.rmq(&["group", "create", "g"]).ok();
}

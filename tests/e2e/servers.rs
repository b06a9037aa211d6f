//! `rmq namesrv` and `rmq broker` as processes: starting, refusing to start, stopping, and coming back with everything.

use crate::{
    cluster::{Cluster, at_home, broker_conf, free_port, rmq, scratch, start_broker, start_namesrv},
    process::{Background, RMQ, run},
    wire::{make_topic, route, store},
};
use protocol::code::response;
use rustix::process::Signal;
use std::{fs, os::unix::fs::symlink, process::Command};

#[test]
fn a_broker_that_says_boot_success_takes_messages_at_once() {
    let cluster = Cluster::single();
    assert!(cluster.broker.log().contains("127.0.0.1"), "it says which address it advertises");
    assert_eq!(route(&cluster.namesrv_addr, "TBW102").code, response::SUCCESS, "clients find it");
    store(&cluster.broker_addr, "T", "at once");
}

#[test]
fn sigterm_and_sigint_stop_both_servers_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut cluster = Cluster::single();
        store(&cluster.broker_addr, "T", "kept");
        assert_eq!(cluster.broker.signal(signal).code(), Some(0), "{}", cluster.broker.log());
        // It unregistered: the name server no longer sends clients there.
        assert_eq!(route(&cluster.namesrv_addr, "T").code, response::TOPIC_NOT_EXIST);
        assert!(!cluster.dir.path().join("store/abort").exists(), "a clean stop leaves no abort file");
        assert!(cluster.dir.path().join("store/checkpoint").exists());
        assert_eq!(cluster.namesrv.signal(signal).code(), Some(0), "{}", cluster.namesrv.log());
    }
}

#[test]
fn a_second_broker_on_the_same_store_is_refused_with_the_holders_pid() {
    let cluster = Cluster::single();
    let conf = cluster.dir.path().join("second.conf");
    fs::write(&conf, broker_conf(cluster.dir.path(), free_port())).unwrap();
    let mut second = rmq(cluster.dir.path());
    let refused = run(second.args(["broker", "-n", &cluster.namesrv_addr, "-c"]).arg(&conf), "");
    assert!(!refused.status.success(), "{refused}");
    refused.says(&[&cluster.broker.pid().to_string(), "store"]);
    store(&cluster.broker_addr, "T", "the first one goes on");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let dir = scratch();
    let addr = format!("127.0.0.1:{}", free_port());
    let _first = start_namesrv(&addr, dir.path());
    let second = run(rmq(dir.path()).args(["namesrv", "--listen", &addr]), "");
    assert!(!second.status.success(), "{second}");
    second.says(&[&addr]);
}

#[test]
fn a_bad_broker_conf_stops_the_start_with_file_line_and_key() {
    let dir = scratch();
    let conf = dir.path().join("broker.conf");
    for (text, line, words) in [
        ("brokerName=b\nlistenPort=ninety\n", 2, ["listenPort", "ninety"]),
        ("# ok\n\nflushDiskType=SOMETIMES\n", 3, ["flushDiskType", "ASYNC_FLUSH"]),
        ("brokerRole=KING\n", 1, ["brokerRole", "ASYNC_MASTER"]),
        ("autoCreateTopicEnable=maybe\n", 1, ["autoCreateTopicEnable", "true"]),
    ] {
        fs::write(&conf, text).unwrap();
        let refused = run(rmq(dir.path()).args(["broker", "-n", "127.0.0.1:1", "-c"]).arg(&conf), "").exit(2);
        refused.says(&["broker.conf", &line.to_string(), words[0], words[1]]);
    }
    let missing = run(rmq(dir.path()).args(["broker", "-c", "no-such.conf"]), "").exit(2);
    missing.says(&["no-such.conf"]);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let cluster = Cluster::with("brokerClusterNam=x\ntransientStorePoolEnable=true\n");
    let log = cluster.broker.log();
    assert!(log.contains("brokerClusterNam") && log.contains("brokerClusterName"), "{log}");
    assert!(log.contains("transientStorePoolEnable"), "a key without effect here is named:\n{log}");
}

#[test]
fn p_prints_every_key_with_its_value_and_starts_nothing() {
    let dir = scratch();
    let conf = dir.path().join("broker.conf");
    fs::write(&conf, "brokerName=printed\nlistenPort=12345\n").unwrap();
    let printed = run(rmq(dir.path()).args(["broker", "-p", "-c"]).arg(&conf), "").ok();
    for line in ["brokerName=printed", "listenPort=12345", "fileReservedTime=72", "brokerRole=ASYNC_MASTER"] {
        assert!(printed.lines().contains(&line), "{line} is missing: {printed}");
    }
    assert!(printed.lines().len() > 100, "{printed}");
    assert!(!dir.path().join("store").exists(), "it made no store");
}

#[test]
fn called_mqnamesrv_and_mqbroker_it_is_those_commands() {
    let dir = scratch();
    for name in ["mqnamesrv", "mqbroker"] {
        symlink(RMQ, dir.path().join(name)).unwrap();
    }
    let called = |name: &str| {
        let mut command = Command::new(dir.path().join(name));
        at_home(&mut command, dir.path());
        command
    };
    let (namesrv_port, broker_port) = (free_port(), free_port());
    fs::write(dir.path().join("namesrv.conf"), format!("listenPort={namesrv_port}\n")).unwrap();
    fs::write(dir.path().join("broker.conf"), broker_conf(dir.path(), broker_port)).unwrap();
    let namesrv = Background::start("mqnamesrv", called("mqnamesrv").args(["-c", "namesrv.conf"]));
    namesrv.wait_for("boot success");
    let addr = format!("localhost:{namesrv_port}");
    let broker = Background::start("mqbroker", called("mqbroker").args(["-n", &addr, "-c", "broker.conf"]));
    broker.wait_for("boot success");
    assert_eq!(route(&addr, "TBW102").code, response::SUCCESS);
    store(&format!("127.0.0.1:{broker_port}"), "T", "x");
}

#[test]
fn a_broker_registers_with_every_name_server() {
    let dir = scratch();
    let addrs = [format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port())];
    let mut servers = addrs.each_ref().map(|addr| start_namesrv(addr, dir.path()));
    let (conf, port) = (dir.path().join("broker.conf"), free_port());
    fs::write(&conf, broker_conf(dir.path(), port)).unwrap();
    let _broker = start_broker(&addrs.join(";"), &conf);
    let broker = format!("127.0.0.1:{port}");
    make_topic(&broker, "T");
    for addr in &addrs {
        assert_eq!(route(addr, "T").code, response::SUCCESS, "{addr}");
    }
    // One gone, the other goes on, and hears of new topics.
    servers[0].terminate();
    make_topic(&broker, "U");
    assert_eq!(route(&addrs[1], "U").code, response::SUCCESS);
}

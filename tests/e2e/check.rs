//! `rmq check`: the verdicts on real servers, how they are printed, and the exit codes that probes and monitors read.

use crate::{
    cluster::{Cluster, broker_conf, free_port, rmq, scratch, start_broker, start_namesrv},
    process::{Background, Run, run},
};
use rustix::process::Signal;
use std::{
    fs,
    time::{Duration, Instant},
};

/// The findings of a check printed as JSON that are not as they should be: code, what, found.
fn troubles(run: &Run) -> Vec<(String, String, String)> {
    let json = run.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = json["findings"].as_array().expect("a list").iter();
    let bad = findings.filter(|finding| finding["level"] != "OK");
    bad.map(|finding| (text(&finding["code"]), text(&finding["what"]), text(&finding["found"]))).collect()
}

#[test]
fn servers_that_are_well_end_every_check_with_zero() {
    let cluster = Cluster::single();
    let (names, broker) = (cluster.namesrv_addr.as_str(), cluster.broker_addr.as_str());
    // The disk of the machine that tests may be nearly full.
    for args in [
        &["namesrv"][..],
        &["namesrv", "--addr", names],
        &["broker", "--warn-disk", "100%", "--max-disk", "100%"],
        &["broker", "--addr", broker, "--warn-disk", "100%", "--max-disk", "100%"],
        &["broker", "--addr", broker, "--alive"],
        &["cluster", "--brokers", "1"],
        &["replication"],
    ] {
        let table = cluster.rmq(&[&["check"], args].concat()).ok();
        assert!(table.stdout.contains("OK") && table.stderr.is_empty(), "{table}");
        let line = cluster.rmq(&[&["check"], args, &["-o", "nagios"]].concat()).ok();
        assert!(line.stdout.starts_with("OK - ") && line.lines().len() == 1, "{line}");
        let json = cluster.rmq(&[&["check"], args, &["-o", "json"]].concat()).ok();
        assert_eq!((&json.json()["healthy"], &json.json()["check"]), (&true.into(), &args[0].into()), "{json}");
    }
    let probe = cluster.rmq(&["check", "broker", "--addr", broker, "--max-disk", "100%", "-o", "nagios"]);
    for figure in [" | time=0.", " disk=", "%;85;100", "send_wait=0s;0.2"] {
        assert!(probe.stdout.contains(figure), "{figure}: {probe}");
    }
    // Without name servers: an address is enough for a probe.
    run(rmq(cluster.dir.path()).args(["check", "broker", "--addr", broker, "--max-disk", "100%"]), "").ok();
    run(rmq(cluster.dir.path()).args(["check", "namesrv", "--addr", names]), "").ok();
}

#[test]
fn limits_that_are_passed_are_told_and_end_with_one() {
    let cluster = Cluster::single();
    let full = ["check", "broker", "--warn-disk", "0.0001%", "--max-disk", "0.0001%"];
    let table = cluster.rmq(&full).exit(1).says(&["broker is not healthy", "% full"]);
    assert!(table.stdout.contains("CRITICAL  H09"), "{table}");
    // A probe that would start it anew does not care.
    cluster.rmq(&[&full[..], &["--alive"]].concat()).ok();
    let warned = cluster.rmq(&["check", "broker", "--warn-disk", "0.0001%", "--max-disk", "100%", "-o", "json"]).ok();
    assert_eq!((&warned.json()["level"], &warned.json()["healthy"]), (&"WARNING".into(), &true.into()));
    let missing = cluster.rmq(&["check", "replication", "--min-slaves", "1", "-o", "nagios"]).exit(2);
    assert!(missing.stdout.starts_with("CRITICAL - broker-a has 0 slaves where there should be 1"), "{missing}");
    let few = cluster.rmq(&["check", "cluster", "--brokers", "2", "-o", "json"]).exit(1);
    assert_eq!(troubles(&few).len(), 1, "{few}");
    cluster.rmq(&["check", "replication", "--max-slave-lag", "much"]).exit(2).says(&["10MiB"]);
    cluster.rmq(&["check", "broker", "--addr", "nowhere"]).exit(2).says(&["HOST:PORT"]);
}

#[test]
fn a_server_that_is_away_is_named_and_one_that_hangs_costs_the_time_out_at_most() {
    let mut cluster = Cluster::single();
    let nobody = format!("127.0.0.1:{}", free_port());
    for what in ["namesrv", "broker"] {
        cluster.rmq(&["check", what, "--addr", &nobody]).exit(1).says(&[&nobody]);
        let line = cluster.rmq(&["check", what, "--addr", &nobody, "-o", "nagios"]).exit(2);
        assert!(line.stdout.starts_with("CRITICAL - ") && line.stdout.contains(&nobody), "{line}");
    }
    for what in ["namesrv", "broker", "cluster", "replication"] {
        let away = cluster.rmq(&["check", what, "-n", &nobody, "-o", "json"]).exit(1);
        assert!(troubles(&away).iter().any(|(code, ..)| code == "H02"), "{away}");
        assert!(away.stdout.contains(&nobody), "{away}");
    }
    cluster.broker.tell(Signal::STOP);
    for args in [&["broker", "--addr", &cluster.broker_addr][..], &["broker"], &["cluster"], &["replication"]] {
        let began = Instant::now();
        let hung = cluster.rmq(&[&["check"], args, &["--timeout", "1s", "-o", "json"]].concat()).exit(1);
        let took = began.elapsed();
        assert!(troubles(&hung).iter().any(|(code, ..)| code == "H04"), "{hung}");
        assert!(hung.stdout.contains(&cluster.broker_addr), "{hung}");
        assert!(took < Duration::from_secs(60), "the time-out is a second: {took:?}");
    }
    cluster.broker.tell(Signal::CONT);
    cluster.rmq(&["check", "cluster", "--wait", "60s"]).ok();
    cluster.broker.signal(Signal::KILL);
    let gone = cluster.rmq(&["check", "cluster", "-o", "json"]).exit(1);
    assert_eq!(troubles(&gone).iter().map(|(code, ..)| code.as_str()).collect::<Vec<_>>(), ["H05"], "{gone}");
}

#[test]
fn waiting_ends_when_it_is_healthy() {
    let dir = scratch();
    let addr = format!("127.0.0.1:{}", free_port());
    let mut command = rmq(dir.path());
    let mut waiting =
        Background::start("the check", command.args(["check", "namesrv", "--addr", &addr, "--wait", "120s"]));
    assert!(!waiting.ends_within(Duration::from_millis(300)), "nobody listens:\n{}", waiting.log());
    let _server = start_namesrv(&addr, dir.path());
    assert_eq!(waiting.wait().code(), Some(0), "{}", waiting.log());
    assert!(waiting.log().contains("answers"), "the last verdict is printed:\n{}", waiting.log());
    let nobody = format!("127.0.0.1:{}", free_port());
    run(rmq(dir.path()).args(["check", "broker", "--addr", &nobody, "--wait", "200ms"]), "").exit(1).says(&[&nobody]);
}

#[test]
fn name_servers_that_know_different_brokers_are_told() {
    let cluster = Cluster::single();
    let other = format!("127.0.0.1:{}", free_port());
    let _other = start_namesrv(&other, cluster.dir.path());
    let both = format!("{};{other}", cluster.namesrv_addr);
    let split = cluster.rmq(&["check", "cluster", "-n", &both, "-o", "json"]).exit(1);
    let found = troubles(&split);
    let [(code, what, says)] = &found[..] else { panic!("{split}") };
    assert!(code == "H06" && what.starts_with("broker-a:0") && says.contains(&other), "{split}");
    cluster.rmq(&["check", "broker", "-n", &both, "--alive"]).ok();
}

#[test]
fn a_slave_whose_master_has_died_is_told() {
    let mut cluster = Cluster::single();
    let home = scratch();
    let conf = home.path().join("broker.conf");
    let slave = broker_conf(home.path(), free_port()).replace("brokerId=0", "brokerId=1\nbrokerRole=SLAVE");
    fs::write(&conf, slave).unwrap();
    let _slave = start_broker(&cluster.namesrv_addr, &conf);
    let args = ["check", "replication", "--min-slaves", "1", "--wait", "60s", "-o", "nagios"];
    let line = cluster.rmq(&args).ok();
    assert!(line.stdout.contains("lag_broker-a_1=0B;;1048576"), "{line}");
    cluster.broker.signal(Signal::KILL);
    let orphan = cluster.rmq(&["check", "cluster", "-o", "json"]).exit(1);
    let found = troubles(&orphan);
    assert!(matches!(&found[..], [(code, what, _)] if code == "H07" && what == "broker-a"), "{orphan}");
    cluster.rmq(&["check", "replication"]).exit(1).says(&["broker-a has no master"]);
}

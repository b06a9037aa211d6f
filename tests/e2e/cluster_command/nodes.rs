//! Single nodes of a cluster: stopped, killed and started, and what `status` and `logs` tell of it.

use super::Named;
use crate::process::{Background, PATIENCE};
use serde_json::Value;
use std::{process::Command, time::Instant};

impl Named {
    /// What `status -o json` says, whatever its exit code.
    fn status(&self) -> Value {
        self.cluster(&["status", "-o", "json"]).json_of_stdout()
    }

    /// `rmq cluster` with `args` in the background.
    pub fn background(&self, name: &'static str, args: &[&str]) -> Background {
        Background::start(name, &mut self.command(args))
    }
}

impl crate::process::Run {
    fn json_of_stdout(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

fn node<'a>(status: &'a Value, name: &str) -> &'a Value {
    let nodes = status["nodes"].as_array().expect("it is a list");
    nodes.iter().find(|node| node["name"] == name).unwrap_or_else(|| panic!("{name} is missing: {status}"))
}

#[test]
fn a_killed_node_is_seen_and_comes_back_alone() {
    let cluster = Named::new("nodes");
    cluster.cluster(&["up", "--template", "2m-noslave"]).ok();
    let before = cluster.status();
    cluster.cluster(&["kill", "broker-b"]).ok().says(&["broker-b is killed"]);
    cluster.cluster(&["stop", "broker-a"]).ok().says(&["broker-a has stopped"]);
    let told = cluster.cluster(&["status"]).exit(1).says(&["partly up: 2 of 4 nodes serve"]);
    assert!(told.stdout.contains("died (was process"), "{told}");
    let status = cluster.status();
    assert_eq!(node(&status, "broker-a")["state"], "stopped");
    assert_eq!(node(&status, "namesrv-2")["pid"], node(&before, "namesrv-2")["pid"]);
    cluster.cluster(&["kill", "broker-b"]).ok().says(&["broker-b was down already"]);
    cluster.cluster(&["start", "broker-a"]).ok().says(&["broker-a serves"]);
    cluster.cluster(&["status", "--exit-when-healthy", "--timeout", "10ms"]).exit(4).says(&["3 of 4 nodes serve"]);
    cluster.cluster(&["start"]).ok().says(&["broker-b serves"]);
    cluster.cluster(&["status", "--exit-when-healthy"]).ok();
    cluster.cluster(&["start", "broker-b"]).ok().says(&["was up already"]);
    let pid = |name: &str| node(&cluster.status(), name)["pid"].clone();
    let (a, b) = (pid("broker-a"), pid("broker-b"));
    cluster.cluster(&["restart", "broker-b"]).ok().says(&["broker-b has stopped", "broker-b serves"]);
    assert!(pid("broker-b") != b && pid("broker-a") == a);
    for verb in ["stop", "start", "restart", "kill", "logs"] {
        cluster.cluster(&[verb, "brokr-b"]).exit(3).says(&["did you mean \"broker-b\"?"]);
    }
    cluster.cluster(&["kill"]).ok();
    assert!(cluster.cluster(&["status"]).exit(1).stderr.contains("is down"));
    cluster.cluster(&["up"]).ok();
}

#[test]
fn logs_are_one_text_and_go_on() {
    let cluster = Named::new("logs");
    cluster.cluster(&["up"]).ok();
    let logs = cluster.cluster(&["logs"]).ok();
    assert!(logs.stdout.contains("\nbroker-a  | ") || logs.stdout.starts_with("broker-a  | "), "{logs}");
    assert!(logs.lines().iter().any(|line| line.starts_with("namesrv-1 | ")), "{logs}");
    let one = cluster.cluster(&["logs", "broker-a", "-n", "1"]).ok();
    assert_eq!(one.lines().len(), 1, "{one}");
    let mut follower = cluster.background("logs -f", &["logs", "-f", "-n", "0"]);
    let watcher = cluster.background("status --watch", &["status", "--watch", "-o", "json"]);
    watcher.wait_for("\"ready\":true");
    cluster.cluster(&["restart", "broker-a"]).ok();
    follower.wait_for("broker-a  | ");
    cluster.cluster(&["stop", "broker-a"]).ok();
    watcher.wait_for("\"ready\":false");
    assert!(!follower.terminate().success());
}

#[test]
fn nothing_that_the_caller_has_open_stays_open_with_the_nodes() {
    let cluster = Named::new("open");
    let mut shell = Command::new("bash");
    crate::cluster::at_home(&mut shell, cluster.dir.path());
    let clusters = cluster.dir.path().join("clusters");
    let script = format!(
        "exec 7>caller 33>caller; '{}' cluster up --name open --dir '{}'",
        crate::process::RMQ,
        clusters.display()
    );
    crate::process::run(shell.args(["-c", &script]), "").ok();
    let caller = cluster.dir.path().join("caller");
    for node in cluster.status()["nodes"].as_array().expect("it is a list") {
        let open = std::fs::read_dir(format!("/proc/{}/fd", node["pid"])).expect("it runs");
        let held = open.filter_map(|fd| std::fs::read_link(fd.expect("it can be read").path()).ok());
        assert!(held.into_iter().all(|file| file != caller), "{node}");
    }
}

#[test]
fn a_slave_of_a_killed_master_is_still_up_and_pid_files_do_not_lie() {
    let cluster = Named::new("pair");
    let file = cluster.dir.path().join("pair.yaml");
    std::fs::write(&file, "brokers: [{name: a, slaves: 1}]").expect("the directory is writable");
    cluster.cluster(&["up", "--template", &file.display().to_string()]).ok();
    cluster.cluster(&["kill", "a"]).ok();
    let status = cluster.status();
    assert_eq!(
        (&node(&status, "a-slave-1")["ready"], &node(&status, "a-slave-1")["behind_bytes"]),
        (&true.into(), &Value::Null)
    );
    // As after a crash of the machine: somebody else has that number by now.
    let pid_file = cluster.dir.path().join("clusters/pair/a/process.json");
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&pid_file).expect("it died")).expect("it is JSON");
    kept["pid"] = std::process::id().into();
    std::fs::write(&pid_file, kept.to_string()).expect("the directory is writable");
    assert_eq!(node(&cluster.status(), "a")["ready"], false);
    let began = Instant::now();
    cluster.cluster(&["up"]).ok().says(&["a serves"]);
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(cluster.status()["ready"], true);
}

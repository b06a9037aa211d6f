//! `rmq store` on the directory of a real broker: while it runs, after a clean stop, after a kill, and damaged.

use crate::{
    cluster::{Cluster, rmq, scratch, start_broker},
    process::{Run, run},
};
use rustix::process::Signal;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const MESSAGES: usize = 300;

/// A broker with messages in a topic, each with a key.
fn filled() -> Cluster {
    let cluster = Cluster::single();
    cluster.topic("T");
    let lines: String = (0..MESSAGES).map(|n| format!("message {n}\n")).collect();
    cluster.rmq_with(&["produce", "T", "--quiet", "--key", "all"], &lines).ok();
    cluster
}

fn store(cluster: &Cluster, args: &[&str]) -> Run {
    let mut command = cluster.command(&["store"]);
    // Neither hash slots nor index entries are the usual ones, so the settings are needed.
    run(command.args(args).arg("-c").arg(&cluster.conf), "")
}

/// Every file with its content.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut contents, mut folders) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it was listed") {
            let path = entry.expect("the folder is readable").path();
            match path.is_dir() {
                true => folders.push(path),
                false => _ = contents.insert(path.clone(), fs::read(&path).expect("the file is readable")),
            }
        }
    }
    contents
}

fn edit(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).and_then(|file| file.write_all_at(bytes, at)).expect("the file is there");
}

fn log_file(cluster: &Cluster) -> PathBuf {
    cluster.dir.path().join("store/commitlog/00000000000000000000")
}

#[test]
fn a_store_is_listed_verified_and_dumped_while_its_broker_runs_and_after_a_clean_stop() {
    let mut cluster = filled();
    let pid = cluster.broker.pid().to_string();
    let running = store(&cluster, &["verify"]).ok().says(&["0 errors"]);
    let told = format!("process {pid} has the store open: figures move");
    assert!(running.lines()[1].starts_with("note") && running.lines()[1].contains(&told), "{running}");
    store(&cluster, &["ls"]).ok().says(&["in use by process", &pid]);
    let refused = store(&cluster, &["repair", "--dry-run", "-o", "json"]).exit(1).says(&["STORE_IN_USE", &pid]);
    assert!(refused.stdout.is_empty(), "{refused}");
    store(&cluster, &["repair", "--execute"]).exit(1).says(&["in use by process", &pid]);
    // None of that has disturbed it.
    cluster.rmq_with(&["produce", "T", "--quiet"], "one more\n").ok();
    assert!(cluster.broker.terminate().success());

    let before = contents(cluster.dir.path());
    let verified = store(&cluster, &["verify", "--strict", "-o", "json"]).ok().json();
    assert_eq!(
        (&verified["ok"], &verified["state"], &verified["findings"]),
        (&true.into(), &"clean".into(), &serde_json::json!([]))
    );
    assert_eq!(verified["records"], MESSAGES + 1);
    let sound = store(&cluster, &["verify"]).ok();
    assert!(sound.stdout.is_empty(), "{sound}");
    sound.says(&["301 good records", "0 errors; 0 warnings; 0 notes"]);

    let listed = store(&cluster, &["ls", "-o", "json"]).ok().json();
    let ends: i64 = listed["queues"].as_array().unwrap().iter().filter_map(|queue| queue["end_offset"].as_i64()).sum();
    assert_eq!((ends as usize, listed["log"].as_array().unwrap().len()), (MESSAGES + 1, 1));
    let lines = store(&cluster, &["ls", "-o", "jsonl"]).ok().json_lines();
    assert_eq!((&lines[0]["kind"], &lines[0]["state"]), (&"store".into(), &"clean".into()));
    for kind in ["log", "queue", "index", "checkpoint", "table"] {
        assert!(lines.iter().any(|line| line["kind"] == kind), "{kind}");
    }
    let table = store(&cluster, &["ls"]).ok();
    assert!(table.lines()[0].ends_with("store: clean") && table.stdout.contains("consumequeue/T/"), "{table}");

    let dumped = store(&cluster, &["dump", "--topic", "T", "--key", "all"]).ok().json_lines();
    assert_eq!(dumped.len(), MESSAGES);
    let texts: Vec<_> = dumped.iter().map(|record| record["body"].as_str().unwrap().to_owned()).collect();
    assert!((0..MESSAGES).all(|n| texts.contains(&format!("message {n}"))));
    assert_eq!((&dumped[0]["keys"], &dumped[0]["crc_ok"]), (&vec!["all"].into(), &true.into()));
    let from = dumped[10]["physical_offset"].to_string();
    let some = store(&cluster, &["dump", "--from", &from, "--limit", "3"]).ok().json_lines();
    assert_eq!(some, dumped[10..13]);
    assert!(store(&cluster, &["dump", "--to-time", "2020-01-01"]).ok().stdout.is_empty());
    assert_eq!(store(&cluster, &["repair", "--dry-run", "-o", "json"]).ok().json()["steps"], serde_json::json!([]));
    assert!(contents(cluster.dir.path()) == before, "all of these only read");
}

#[test]
fn what_a_kill_leaves_is_no_damage_and_is_mended_without_a_broker_too() {
    let mut cluster = filled();
    cluster.broker.signal(Signal::KILL);
    // The beginning of a record that was never finished.
    let listed = store(&cluster, &["ls", "-o", "json"]).ok().json();
    let end = listed["log"][0]["to"].as_u64().unwrap();
    edit(&log_file(&cluster), end, &[0, 0, 1, 0, 0xDA, 0xA3, 0x20, 0xA7, 1, 2, 3]);
    let crashed = store(&cluster, &["verify", "-o", "json"]).ok().json();
    assert_eq!((&crashed["state"], &crashed["errors"]), (&"crashed".into(), &0.into()));
    assert!(crashed["notes"].as_u64() > Some(1), "{crashed:#}");
    store(&cluster, &["verify", "--strict"]).exit(1);

    let before = contents(cluster.dir.path());
    let plan = store(&cluster, &["repair", "--dry-run"]).ok();
    assert!(plan.stdout.contains(&end.to_string()) && contents(cluster.dir.path()) == before, "{plan}");
    store(&cluster, &["repair", "--execute"]).ok().says(&["verified", "0 errors"]);
    store(&cluster, &["verify", "--strict"]).ok();
    cluster.broker = start_broker(&cluster.namesrv_addr, &cluster.conf);
    assert_eq!(cluster.rmq(&["consume", "T", "-e"]).ok().lines().len(), MESSAGES);
}

#[test]
fn damage_is_told_with_its_place_and_repaired_around_the_good_messages() {
    let mut cluster = filled();
    assert!(cluster.broker.terminate().success());
    let dumped = store(&cluster, &["dump", "--topic", "T"]).ok().json_lines();
    let place = |n: usize| dumped[n]["physical_offset"].as_u64().unwrap();
    edit(&log_file(&cluster), place(100) + 4, b"damaged");
    let queue = cluster.dir.path().join("store/consumequeue/T");
    let first = fs::read_dir(&queue).unwrap().next().unwrap().unwrap().path();
    fs::remove_dir_all(first).unwrap();

    let found = store(&cluster, &["verify", "-o", "json"]).exit(1);
    found.json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["offset"] == place(100) && finding["file"] == "commitlog/00000000000000000000")
        .expect("the damaged place is told");
    found.says(&["STORE_DAMAGED", "rmq store repair"]);
    let lines = store(&cluster, &["verify", "-o", "jsonl"]).exit(1).json_lines();
    assert_eq!((&lines[lines.len() - 1]["kind"], &lines[lines.len() - 1]["ok"]), (&"sum".into(), &false.into()));
    let table = store(&cluster, &["verify"]).exit(1).says(&["hint: rmq store repair", "--dry-run"]);
    assert!(table.stdout.contains("the queue is missing"), "{table}");
    let left = store(&cluster, &["dump", "--topic", "T"]).ok().says(&[&place(100).to_string(), "no good record"]);
    assert_eq!(left.json_lines().len(), MESSAGES - 1);

    // Without the settings, the index would get files that the broker does not take for its own.
    let dir = cluster.dir.path().join("store");
    let guessed = run(cluster.command(&["store", "repair", "--execute"]).arg(&dir), "");
    guessed.exit(2).says(&["maxIndexNum", "-c broker.conf"]);
    let done = store(&cluster, &["repair", "--execute", "-o", "json"]).ok().json();
    assert_eq!((&done["verified"]["ok"], &done["lost"][0]["from"]), (&true.into(), &place(100).into()));
    cluster.broker = start_broker(&cluster.namesrv_addr, &cluster.conf);
    let mut wire = crate::wire::Wire::connect(&cluster.broker_addr);
    assert_eq!(crate::wire::messages_in(&mut wire, "T", 4), MESSAGES as i64, "offsets stay dense");
    for n in [0, 99, 101, MESSAGES - 1] {
        let id = dumped[n]["id"].as_str().unwrap();
        cluster.rmq(&["message", "get", "--id", id, "--topic", "T"]).ok();
    }
}

#[test]
fn what_is_no_store_and_what_makes_no_sense_have_their_own_exit_codes() {
    let dir = scratch();
    let rmq = |args: &[&str]| run(rmq(dir.path()).arg("store").args(args), "");
    rmq(&["verify", "no-such-directory"]).exit(3).says(&["no-such-directory", "no such directory"]);
    rmq(&["ls", "."]).exit(3).says(&["is no store"]);
    rmq(&["verify"]).exit(2).says(&["which store?", "-c"]);
    rmq(&["repair", "."]).exit(2).says(&["--dry-run", "--execute"]);
    rmq(&["repair", ".", "--dry-run", "--execute"]).exit(2);
    rmq(&["dump", ".", "--from-time", "yesterday"]).exit(2).says(&["2026-01-02"]);
    rmq(&["verify", "-c", "no.conf"]).exit(2).says(&["no.conf"]);
}

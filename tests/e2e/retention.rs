//! Old files of a running broker: deleted when an operator orders it, told in its log, and missed by nobody.

use crate::{
    cluster::{Cluster, start_broker},
    wire::{Wire, ask, make_topic, send},
};
use protocol::{
    Command,
    code::{request, response},
    record,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Small files, and nothing deleted but on order: no period passes within a test, and no disk is too full.
const ON_ORDER: &str = "mappedFileSizeCommitLog=65536\nmappedFileSizeConsumeQueue=800\ncleanResourceInterval=3600000\n\
    cleanFileForciblyEnable=false\ndiskMaxUsedSpaceRatio=95\ndiskSpaceWarningLevelRatio=100\n";

/// Stores `count` messages of 1000 bytes, numbered from `from`.
fn fill(wire: &mut Wire, topic: &str, from: usize, count: usize) {
    for number in from..from + count {
        let answer = wire.call(send(topic, 0, "", format!("{number:01000}")));
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = listed.map(|entry| entry.expect("it is listed").path()).collect();
    paths.sort();
    paths
}

fn set(wire: &mut Wire, changes: &str) {
    let answer = wire.call(Command::request(request::UPDATE_BROKER_CONFIG).with_body(changes.as_bytes().to_vec()));
    assert_eq!(answer.code, response::SUCCESS, "{changes}: {:?}", answer.remark);
}

fn order(wire: &mut Wire, code: i32) {
    let answer = wire.call(ask(code, &[]));
    assert_eq!(answer.code, response::SUCCESS, "{code}: {:?}", answer.remark);
}

fn offset(wire: &mut Wire, code: i32, topic: &str) -> i64 {
    let answer = wire.call(ask(code, &[("topic", topic), ("queueId", "0")]));
    answer.fields.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

fn pull(wire: &mut Wire, topic: &str, offset: i64) -> Command {
    let offset = offset.to_string();
    let fields = [
        ("consumerGroup", "g"),
        ("topic", topic),
        ("queueId", "0"),
        ("queueOffset", &*offset),
        ("maxMsgNums", "32"),
        ("sysFlag", "4"),
        ("commitOffset", "0"),
        ("suspendTimeoutMillis", "0"),
        ("subscription", "*"),
        ("subVersion", "0"),
        ("expressionType", "TAG"),
    ];
    wire.call(ask(request::PULL_MESSAGE, &fields))
}

/// What is left of `T` is its last messages up to `end`, each in its place; a consumer that is behind is led there.
/// Returns the first.
#[track_caller]
fn check(wire: &mut Wire, end: i64) -> i64 {
    let min = offset(wire, request::GET_MIN_OFFSET, "T");
    assert_eq!(offset(wire, request::GET_MAX_OFFSET, "T"), end);
    if min > 0 {
        let behind = pull(wire, "T", 0);
        let next = behind.fields.get("nextBeginOffset").map(str::to_owned);
        assert_eq!((behind.code, next), (response::PULL_OFFSET_MOVED, Some(min.to_string())));
    }
    let mut at = min;
    while at < end {
        let answer = pull(wire, "T", at);
        assert_eq!(answer.code, response::SUCCESS, "{at}: {:?}", answer.remark);
        for message in record::decode_all(answer.body.to_bytes(), true).expect("whole records") {
            assert_eq!(message.queue_offset, at);
            assert_eq!(message.body, format!("{at:01000}").as_bytes());
            at += 1;
        }
    }
    min
}

#[test]
fn an_order_deletes_old_files_names_each_in_the_log_and_leaves_the_rest_readable() {
    let mut cluster = Cluster::with(ON_ORDER);
    make_topic(&cluster.broker_addr, "T");
    let store = cluster.dir.path().join("store");
    let mut end = 0;
    for code in [request::DELETE_EXPIRED_COMMITLOG, request::TRIGGER_DELETE_FILES] {
        let mut wire = Wire::connect(&cluster.broker_addr);
        fill(&mut wire, "T", end, 300);
        end += 300;
        let min = check(&mut wire, end as i64);
        let before = files(&store.join("commitlog"));
        assert!(before.len() > 4, "{before:?}");
        // Nothing is old. The order after it is carried out after it.
        let left = store.join("consumequeue").join(format!("Left{code}"));
        fs::create_dir_all(left.join("0")).unwrap();
        set(&mut wire, "fileReservedTime=72");
        order(&mut wire, code);
        order(&mut wire, request::CLEAN_EXPIRED_CONSUMEQUEUE);
        cluster.broker.wait_for(&left.display().to_string());
        assert!(!left.exists());
        assert_eq!((files(&store.join("commitlog")), check(&mut wire, end as i64)), (before.clone(), min));
        // Everything is.
        set(&mut wire, "fileReservedTime=0");
        order(&mut wire, code);
        let (last, old) = before.split_last().unwrap();
        for file in old {
            cluster.broker.wait_for(&file.display().to_string());
        }
        assert!(cluster.broker.log().contains("older than fileReservedTime, and an operator asked"));
        assert_eq!(files(&store.join("commitlog")), std::slice::from_ref(last));
        assert!(check(&mut wire, end as i64) > min + 100);
        // Queue files are 40 entries.
        let queue = files(&store.join("consumequeue/T/0"));
        assert!(queue.len() <= 3 && !queue[0].ends_with("00000000000000000000"), "{queue:?}");
    }
    let min = check(&mut Wire::connect(&cluster.broker_addr), end as i64);
    cluster.restart_broker();
    assert_eq!(check(&mut Wire::connect(&cluster.broker_addr), end as i64), min);
    // As after a kill.
    cluster.broker.signal(rustix::process::Signal::KILL);
    cluster.broker = start_broker(&cluster.namesrv_addr, &cluster.conf);
    let mut wire = Wire::connect(&cluster.broker_addr);
    assert_eq!(check(&mut wire, end as i64), min);
    fill(&mut wire, "T", end, 1);
    check(&mut wire, end as i64 + 1);
}

#[test]
fn queues_of_topics_that_the_broker_does_not_know_go_on_order() {
    let mut cluster = Cluster::with(ON_ORDER);
    for topic in ["T", "Lost"] {
        make_topic(&cluster.broker_addr, topic);
        fill(&mut Wire::connect(&cluster.broker_addr), topic, 0, 3);
    }
    assert!(cluster.broker.terminate().success());
    let topics = cluster.dir.path().join("store/config/topics.json");
    let mut table: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&fs::read(&topics).unwrap()).unwrap();
    table.get_mut("topicConfigTable").and_then(|all| all.as_object_mut()).unwrap().remove("Lost").unwrap();
    fs::write(&topics, serde_json::to_vec(&table).unwrap()).unwrap();
    cluster.broker = start_broker(&cluster.namesrv_addr, &cluster.conf);
    let queues = cluster.dir.path().join("store/consumequeue");
    assert!(queues.join("Lost").exists());
    let mut wire = Wire::connect(&cluster.broker_addr);
    order(&mut wire, request::CLEAN_UNUSED_TOPIC);
    cluster.broker.wait_for("queues of an unknown topic deleted");
    assert!(!queues.join("Lost").exists());
    assert_eq!(check(&mut wire, 3), 0);
}

#[test]
fn over_the_warning_level_messages_are_refused_with_the_reason_and_taken_again_below() {
    let cluster = Cluster::with(&format!("{ON_ORDER}cleanResourceInterval=100\n"));
    make_topic(&cluster.broker_addr, "T");
    let mut wire = Wire::connect(&cluster.broker_addr);
    fill(&mut wire, "T", 0, 3);
    // No disk that holds this store is less full.
    set(&mut wire, "diskSpaceWarningLevelRatio=0");
    cluster.broker.wait_for("refusing messages until there is enough space");
    let refused = wire.call(send("T", 0, "", "x"));
    let remark = refused.remark.unwrap_or_default();
    assert_eq!(refused.code, response::SERVICE_NOT_AVAILABLE, "{remark}");
    let log = cluster.dir.path().join("store/commitlog").display().to_string();
    assert!(remark.contains(&log) && remark.contains("% full, over diskSpaceWarningLevelRatio = 0 %"), "{remark}");
    assert_eq!(check(&mut wire, 3), 0);
    set(&mut wire, "diskSpaceWarningLevelRatio=100");
    cluster.broker.wait_for("there is enough space again");
    fill(&mut wire, "T", 3, 1);
    check(&mut wire, 4);
}

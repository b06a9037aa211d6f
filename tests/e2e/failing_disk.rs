//! A disk that fails under the real broker: which sends it still acknowledges, what it says, and what is there when it is
//! started again on a disk that works. The faults are planted by `RMQ_TEST_FAIL`, see `commands/crash_points.rs`.

use crate::{
    harmed::{Harmed, did_not_panic, refuses},
    ledger::{GROUP, offset_in, pull, query_offset},
    wire::new_topic,
};
use protocol::{code::response, pull::PullAnswer};
use rustix::process::Signal;
use std::fs;

impl Harmed {
    fn fail(&self) {
        fs::write(&self.from, "").expect("the directory is writable");
    }

    fn heal(&self) {
        fs::write(&self.until, "").expect("the directory is writable");
    }
}

/// After one failed sync of the log nothing is acknowledged any more, whether or not later ones would succeed.
fn nothing_is_acknowledged_after_a_failed_sync(mode: &str, rule: &str) {
    const WHY: [&str; 3] = ["sync", "commitlog", "Input/output error"];
    // One file is enough: a second that cannot be made is another story, told below.
    let case = Harmed::new(&format!("flushDiskType={mode}\nmappedFileSizeCommitLog=16777216\n"));
    case.fail();
    let mut broker = case.start(rule);
    let (mut wire, mut other) = (case.lone.connect(), case.lone.connect());
    // With a synchronous flush this is one of those that waited for that sync.
    refuses(&case.send_until_refused(&mut wire), &WHY);
    for wire in [&mut wire, &mut other] {
        for answer in case.ledger.send(wire, &case.queue, 8) {
            refuses(&answer, &WHY);
        }
    }
    assert!(case.ledger.find_all(&mut other), "{}", broker.log());
    let told = case.lone.tells("refusingWrites").unwrap_or_default();
    assert!(WHY.iter().all(|word| told.contains(word)), "runtime info says {told:?}");
    did_not_panic(&broker);
    let status = broker.terminate();
    let log = broker.log();
    assert!(!status.success() && log.contains("the stop was not clean"), "{mode} {rule}: {status}: {log}");
    assert!(WHY.iter().all(|word| log.contains(word)), "{log}");
    case.has_all_after_a_restart();
}

#[test]
fn after_a_failed_sync_of_the_log_a_synchronous_broker_acknowledges_nothing() {
    // The first sync is that of the file when it is made: see below.
    for rule in ["EIO:sync:commitlog/:2", "EIO:sync:commitlog/:2+", "EIO:sync:commitlog/:3"] {
        nothing_is_acknowledged_after_a_failed_sync("SYNC_FLUSH", rule);
    }
}

#[test]
fn after_a_failed_sync_of_the_log_an_asynchronous_broker_acknowledges_nothing_either() {
    for rule in ["EIO:sync:commitlog/:2", "EIO:sync:commitlog/:2+"] {
        nothing_is_acknowledged_after_a_failed_sync("ASYNC_FLUSH", rule);
    }
}

/// A new file holds no message yet, so it is made again.
#[test]
fn a_log_file_that_could_not_be_made_to_last_takes_no_message_and_the_next_try_does() {
    let case = Harmed::new("flushDiskType=SYNC_FLUSH\n");
    case.fail();
    let broker = case.start("EIO:sync:commitlog/:1");
    let mut wire = case.lone.connect();
    let answers = case.ledger.send(&mut wire, &case.queue, 8);
    refuses(&answers[0], &["sync", "commitlog", "Input/output error"]);
    let answers = case.ledger.send(&mut wire, &case.queue, 8);
    assert!(answers.iter().all(|answer| answer.code == response::SUCCESS), "{answers:?}");
    assert!(case.ledger.find_all(&mut wire), "{}", broker.log());
    did_not_panic(&broker);
}

/// The times that the checkpoint gives for log, queues and index.
fn checkpoint(case: &Harmed) -> [i64; 3] {
    let bytes = fs::read(case.lone.store.join("checkpoint")).expect("a started broker has one");
    [0, 8, 16].map(|at| i64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes")))
}

#[test]
fn the_checkpoint_does_not_vouch_for_queues_that_could_not_be_synced() {
    for rule in ["EIO:sync-all:consumequeue:1", "EIO:sync-all:consumequeue:1+,EIO:sync:consumequeue:1+"] {
        let case = Harmed::new("");
        let mut broker = case.start(rule);
        let mut wire = case.lone.connect();
        case.ledger.send(&mut wire, &case.queue, 8);
        broker.until("notes a checkpoint", || checkpoint(&case)[1] > 0);
        case.fail();
        // New files, so that the whole file system is synced.
        broker.until("fails", || {
            case.ledger.send(&mut wire, &case.queue, 50);
            broker.log().contains("not flushed")
        });
        let before = checkpoint(&case);
        case.ledger.send(&mut wire, &case.queue, 200);
        let status = broker.terminate();
        let after = checkpoint(&case);
        assert_eq!(before[1..], after[1..], "{rule}: {}", broker.log());
        // Or the next start would take the queues for whole.
        assert!(!status.success(), "{rule}: {}", broker.log());
        assert!(case.lone.store.join("abort").exists(), "{rule}: {}", broker.log());
        did_not_panic(&broker);
        case.has_all_after_a_restart();
    }
}

/// While calls fail, sends are refused with a reason that names the file; then they are accepted again.
fn refused_until_healed(rule: &str, words: &[&str]) {
    let case = Harmed::new("");
    let mut broker = case.start(rule);
    let mut wire = case.lone.connect();
    case.ledger.send(&mut wire, &case.queue, 50);
    case.fail();
    refuses(&case.send_until_refused(&mut wire), words);
    assert!(case.ledger.find_all(&mut wire), "{rule}: {}", broker.log());
    case.heal();
    case.accepts_again(&broker, &mut wire);
    assert_eq!(case.lone.tells("refusingWrites"), None, "{rule}");
    case.ledger.send(&mut wire, &case.queue, 50);
    did_not_panic(&broker);
    broker.signal(Signal::KILL);
    case.has_all_after_a_restart();
}

#[test]
fn while_the_disk_takes_no_more_sends_are_refused_with_the_file_and_the_reason() {
    refused_until_healed("ENOSPC:write:commitlog/:3+", &["commitlog", "No space left"]);
    refused_until_healed("EDQUOT:set-len:commitlog/:1+", &["commitlog", "quota"]);
    refused_until_healed("EMFILE:create:commitlog/:2+", &["commitlog", "Too many open files"]);
    refused_until_healed("EROFS:create:commitlog/:1+", &["commitlog", "Read-only"]);
    refused_until_healed("ENOSPC:write:consumequeue/:2+", &["consumequeue", "No space left"]);
    refused_until_healed("EROFS:create:consumequeue/:1+", &["consumequeue", "Read-only"]);
    refused_until_healed("ENOSPC:allocate:/index/:1+", &["index", "No space left"]);
    refused_until_healed("EMFILE:create:/index/:1+", &["index", "Too many open files"]);
    refused_until_healed("EIO:write:/index/:1+", &["index", "Input/output error"]);
}

#[test]
fn a_reader_skips_nothing_while_files_cannot_be_opened() {
    let case = Harmed::new("");
    let mut broker = case.start("");
    case.ledger.send(&mut case.lone.connect(), &case.queue, 200);
    assert!(broker.terminate().success(), "{}", broker.log());
    let broker = case.start("EMFILE:open:consumequeue/:1+");
    case.fail();
    let mut wire = case.lone.connect();
    let answer = wire.call(pull(&case.queue, 7));
    let header: PullAnswer = answer.header().expect("an answer to a pull");
    assert!(answer.code != response::SUCCESS && header.next_begin_offset == 7, "{} {header:?}", answer.code);
    case.heal();
    case.ledger.forget_what_was_found();
    assert!(case.ledger.find_all(&mut wire));
    did_not_panic(&broker);
}

#[test]
fn tables_that_could_not_be_saved_are_saved_once_the_disk_takes_them() {
    let case = Harmed::new("");
    let mut broker = case
        .start("ENOSPC:write:topics.json:1+,EIO:rename:consumerOffset.json:1+,EROFS:create:subscriptionGroup.json:1+");
    let mut wire = case.lone.connect();
    case.ledger.send(&mut wire, &case.queue, 10);
    case.fail();
    assert_eq!(wire.call(new_topic("late")).code, response::SUCCESS);
    case.ledger.topic_made("late");
    assert_eq!(wire.call(pull(&case.queue, 0)).code, response::SUCCESS);
    assert!(case.ledger.commit(&mut wire, &case.queue, 5));
    for table in ["topics", "groups", "offsets"] {
        broker.wait_for(&format!("cannot save the {table}"));
    }
    case.heal();
    let saved = |file: &str, words: &str| {
        fs::read_to_string(case.lone.store.join("config").join(file)).is_ok_and(|text| text.contains(words))
    };
    broker.until("saves the topics", || saved("topics.json", "\"late\""));
    broker.until("saves the groups", || saved("subscriptionGroup.json", GROUP));
    broker.until("saves the offsets", || saved("consumerOffset.json", GROUP));
    did_not_panic(&broker);
    broker.signal(Signal::KILL);
    let mut broker = case.lone.start(&[]);
    let mut wire = case.lone.connect();
    assert!(case.ledger.find_all(&mut wire));
    assert_eq!(offset_in(&wire.call(query_offset(&case.queue))), Some(5));
    assert!(broker.terminate().success());
}

#[test]
fn what_is_no_fault_is_refused_at_the_start() {
    let case = Harmed::new("");
    for (name, value, wrong) in [
        ("RMQ_TEST_FAIL", "EIO:sink:commitlog:1", "sink"),
        ("RMQ_TEST_FAIL", "EIO:sync:commitlog:1,EODD:sync:commitlog:1", "EODD"),
        ("RMQ_TEST_CRASH", "after:sync:commitlog", "after:sync:commitlog"),
    ] {
        let mut broker = case.lone.begin(&[(name, value)]);
        let (status, log) = (broker.wait(), broker.log());
        assert!(!status.success() && log.contains(name) && log.contains(wrong), "{status}: {log}");
    }
}

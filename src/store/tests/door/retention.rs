//! Old files go, a full disk costs more, and nobody else notices.

use crate::support::*;
use base::{Clock, Disk};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};
use store::{MessageStore, PullSpec, PullStatus, Reason, Removed, RetentionRules, StoreConfig, StoreError};

/// Bytes of a log file.
const FILE: i64 = 16 << 10;
const HOUR_MS: i64 = 3_600_000;
/// Nothing is old, no hour has come, nobody asked, every disk is empty enough.
const NOTHING: RetentionRules = RetentionRules { now_ms: 0, hour_has_come: false, ..EVERYTHING };

/// Disks that a test fills, in per cent: the log's and the queues'.
#[derive(Clone, Default)]
struct Disks(Arc<[AtomicU64; 2]>);

/// What a disk says that cannot be measured.
const UNKNOWN: u64 = u64::MAX;

impl Disks {
    fn fill(&self, log: u64, queues: u64) {
        self.0[0].store(log, Ordering::Relaxed);
        self.0[1].store(queues, Ordering::Relaxed);
    }

    fn disk(&self) -> Disk {
        let disks = self.0.clone();
        Disk::default().as_full_as(move |dir| {
            match disks[usize::from(dir.ends_with("consumequeue"))].load(Ordering::Relaxed) {
                UNKNOWN => None,
                percent => Some(percent as f64 / 100.0),
            }
        })
    }

    fn open(&self, dir: &Path) -> Arc<MessageStore> {
        let config = StoreConfig { disk: self.disk(), ..StoreConfig::small(dir) };
        MessageStore::open(config, Clock::manual(START_MS)).unwrap()
    }
}

/// Fills about `files` log files: queue 0 of `T` gets nearly all, `U` the very first message and no other. All in `T`
/// have the key `k`.
fn fill(store: &MessageStore, files: i64) {
    put(store, message("U", b"first"));
    let mut number = 0;
    while store.max_physical() < files * FILE {
        let body = format!("{number:01000}");
        put(store, Message { properties: "KEYS\u{1}k", ..message("T", body.as_bytes()) });
        number += 1;
    }
}

fn log_files(dir: &Path) -> Vec<String> {
    files(&dir.join("commitlog"))
}

fn of_log(removed: &[Removed]) -> Vec<&Reason> {
    removed.iter().map(|gone| &gone.reason).filter(|reason| reason.is_of_log()).collect()
}

/// Makes the first `count` log files as old as the year 2000.
fn age(dir: &Path, count: usize) {
    for name in log_files(dir).into_iter().take(count) {
        let file = fs::File::options().write(true).open(dir.join("commitlog").join(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(946_684_800)).unwrap();
    }
}

/// All that is left can be read, from exactly the offsets that say so.
fn check(store: &MessageStore) {
    for topic in ["T", "U"] {
        let Some(queue) = store.queue(topic, 0) else { continue };
        let (min, max) = (queue.min_offset(), queue.max_offset());
        assert!(queue.get(min - 1).is_none());
        let read = bodies(store, topic, 0, min);
        assert_eq!(read.len() as i64, max - min, "{topic} has {min}..{max}");
        if topic == "T" {
            for (number, body) in (min..).zip(read) {
                assert_eq!(body, format!("{number:01000}").as_bytes());
            }
        }
        if min < max {
            assert!(queue.get(min).unwrap().physical_offset >= store.min_physical());
        }
        if min > 0 {
            let below = store.pull(&PullSpec { topic, queue_id: 0, offset: min - 1, max_messages: 9 }, |_, _| true);
            assert_eq!((below.status, below.next_offset), (PullStatus::OffsetTooSmall, min));
        }
    }
    let newest = store.find("T", "k", 64, 0, i64::MAX).unwrap().records;
    let left = store.queue("T", 0).map_or(0, |queue| queue.max_offset() - queue.min_offset());
    assert_eq!(newest.len() as i64, left.min(64));
}

#[test]
fn old_files_go_in_the_hour_and_only_those_and_never_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store, 5);
    assert_eq!(log_files(dir.path()).len(), 6);
    let now_ms = Clock::System.now_ms();
    age(dir.path(), 2);
    assert!(delete(&store, &RetentionRules { now_ms, ..NOTHING }).is_empty(), "not in this hour");
    let hour = RetentionRules { now_ms, hour_has_come: true, ..NOTHING };
    assert_eq!(of_log(&delete(&store, &hour)), [&Reason::Hour; 2]);
    assert_eq!(store.min_physical(), 2 * FILE);
    check(&store);
    // A file is old 72 hours after its last message.
    let written =
        fs::metadata(dir.path().join("commitlog").join(&log_files(dir.path())[0])).unwrap().modified().unwrap();
    let written = written.duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!(of_log(&delete(&store, &RetentionRules { now_ms: written + 72 * HOUR_MS - 1, ..hour })).is_empty());
    assert!(!of_log(&delete(&store, &RetentionRules { now_ms: written + 72 * HOUR_MS, ..hour })).is_empty());
    delete(&store, &EVERYTHING);
    assert_eq!(log_files(dir.path()).len(), 1);
    check(&store);
}

#[test]
fn one_call_deletes_ten_log_files_at_most_and_names_each() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store, 23);
    let before = log_files(dir.path());
    for expected in [10, 10, 3, 0] {
        let removed = delete(&store, &EVERYTHING);
        assert_eq!(of_log(&removed).len(), expected);
        check(&store);
    }
    let left = log_files(dir.path());
    assert_eq!(left, before[before.len() - 1..], "the last file stays");
}

#[test]
fn whoever_holds_bytes_of_a_deleted_file_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store, 4);
    let spec = PullSpec { topic: "T", queue_id: 0, offset: 0, max_messages: 9 };
    let (record, pulled) = (store.record_at(0).unwrap(), store.pull(&spec, |_, _| true).records);
    let copies = (record.to_vec(), pulled.iter().map(|run| run.to_vec()).collect::<Vec<_>>());
    assert!(!delete(&store, &EVERYTHING).is_empty());
    assert!(store.record_at(0).is_none());
    store.close().unwrap();
    drop(store);
    assert!((record.to_vec(), pulled.iter().map(|run| run.to_vec()).collect::<Vec<_>>()) == copies);
}

#[test]
fn files_of_queues_and_index_follow_and_a_queue_that_is_empty_now_goes_on_with_its_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store, 12);
    // Keys are linked, and queues written, in the background.
    store.close().unwrap();
    drop(store);
    let store = open(dir.path());
    let (queue, index) = (dir.path().join("consumequeue/T/0"), dir.path().join("index"));
    let (queues_before, index_before) = (files(&queue), files(&index));
    let removed = delete(&store, &EVERYTHING);
    let followed = removed.iter().filter(|gone| gone.reason == Reason::Followed).count();
    assert_eq!(of_log(&removed).len() + followed, removed.len());
    // 40 entries a file, and 63 keys.
    let min = store.queue("T", 0).unwrap().min_offset();
    assert!(min > 130, "{min}");
    assert_eq!(files(&queue), queues_before[(min / 40) as usize..]);
    assert_eq!(files(&index), index_before[(min / 63) as usize..]);
    assert_eq!(followed as i64, min / 40 + min / 63);
    check(&store);
    // The only message of `U` is gone; its file is kept for the offset.
    assert_eq!(files(&dir.path().join("consumequeue/U/0")).len(), 1);
    let both = |store: &MessageStore| store.queue("U", 0).map(|queue| (queue.min_offset(), queue.max_offset()));
    assert_eq!(both(&store), Some((1, 1)));
    drop(store);
    for _ in 0..2 {
        let store = open(dir.path());
        assert_eq!(both(&store), Some((1, 1)));
        check(&store);
        store.close().unwrap();
    }
    assert_eq!(put(&open(dir.path()), message("U", b"second")).queue_offset, 1);
}

#[test]
fn files_that_lead_nowhere_go_also_when_the_log_lost_its_files_earlier() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store, 12);
    store.close().unwrap();
    drop(store);
    for name in &log_files(dir.path())[..9] {
        fs::remove_file(dir.path().join("commitlog").join(name)).unwrap();
    }
    let store = open(dir.path());
    check(&store);
    let removed = delete(&store, &NOTHING);
    assert!(removed.len() > 3 && removed.iter().all(|gone| gone.reason == Reason::Followed), "{removed:?}");
    assert!(delete(&store, &NOTHING).is_empty());
    check(&store);
}

#[test]
fn folders_of_topics_go_when_no_file_is_left_in_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store, 1);
    store.close().unwrap();
    drop(store);
    let queues = dir.path().join("consumequeue");
    for folder in ["Empty", "Queues/0", "Queues/1", "Other/0"] {
        fs::create_dir_all(queues.join(folder)).unwrap();
    }
    fs::write(queues.join("Other/note"), "mine").unwrap();
    let store = open(dir.path());
    let mut removed = Vec::new();
    store.delete_what_leads_nowhere(&mut removed).unwrap();
    assert!(removed.iter().all(|gone| gone.reason == Reason::Empty), "{removed:?}");
    assert_eq!((removed.len(), files(&queues)), (2, ["Other", "T", "U"].map(str::to_owned).to_vec()));
    // A queue whose folder was tidied away can be written.
    put(&store, message("Queues", b"x"));
    store.close().unwrap();
    assert!(queues.join("Queues/0/00000000000000000000").exists());
}

#[test]
fn an_entry_that_cannot_be_read_costs_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store, 6);
    store.close().unwrap();
    drop(store);
    let store = open(dir.path());
    let queue = dir.path().join("consumequeue/T/0");
    let first = queue.join(&files(&queue)[0]);
    let content = fs::read(&first).unwrap();
    fs::write(&first, vec![0; content.len()]).unwrap();
    let (before, mut removed) = (files(&queue), Vec::new());
    let error = store.delete_expired(&EVERYTHING, &mut removed).unwrap_err().to_string();
    assert!(error.contains("consumequeue/T/0") && !of_log(&removed).is_empty(), "{error}");
    assert_eq!((files(&queue), store.queue("T", 0).unwrap().min_offset()), (before, 0));
    // Readable again, it is done after all.
    fs::write(&first, content).unwrap();
    assert!(delete(&store, &NOTHING).iter().any(|gone| gone.path == first));
    check(&store);
}

#[test]
fn a_disk_that_is_too_full_costs_old_files_until_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let commit_log = dir.path().join("commitlog");
    // Each file counts for 10 %.
    let log = commit_log.clone();
    let disk =
        Disk::default().as_full_as(move |dir| Some(if dir == log { files(dir).len() as f64 / 10.0 } else { 0.1 }));
    let config = StoreConfig { disk, ..StoreConfig::small(dir.path()) };
    let store = MessageStore::open(config, Clock::manual(START_MS)).unwrap();
    fill(&store, 7);
    assert_eq!(log_files(dir.path()).len(), 8);
    let rules = RetentionRules { max_used: 0.6, hour_has_come: false, ..EVERYTHING };
    let removed = delete(&store, &rules);
    let [Reason::Space(first), Reason::Space(second)] = &of_log(&removed)[..] else { panic!("{removed:?}") };
    assert_eq!((first.share, second.share, &first.dir), (0.8, 0.7, &commit_log));
    assert!(removed[0].reason.to_string().contains("80 % full, over diskMaxUsedSpaceRatio = 60 %"), "{removed:?}");
    assert_eq!(log_files(dir.path()).len(), 6);
    assert!(delete(&store, &rules).is_empty());
    // Young files stay, however full it is, unless that is allowed: then no more go than have to.
    let young = RetentionRules { now_ms: 0, max_used: 0.3, ..rules };
    assert!(delete(&store, &young).is_empty());
    let forced = RetentionRules { clean_forcibly: Some(0.4), ..young };
    let removed = delete(&store, &forced);
    assert!(matches!(&of_log(&removed)[..], [Reason::Forced(_), Reason::Forced(_)]), "{removed:?}");
    assert!(
        removed[0].reason.to_string().contains("60 % full, over diskSpaceCleanForciblyRatio = 40 %"),
        "{removed:?}"
    );
    assert!(delete(&store, &RetentionRules { max_used: 0.95, clean_forcibly: Some(0.1), ..young }).is_empty());
    // Never the last.
    assert_eq!(of_log(&delete(&store, &RetentionRules { max_used: 0.0, clean_forcibly: Some(0.0), ..young })).len(), 3);
    assert_eq!(log_files(dir.path()).len(), 1);
    check(&store);
}

#[test]
fn the_disk_of_the_queues_counts_as_well_and_one_that_cannot_be_measured_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disks = Disks::default();
    let store = disks.open(dir.path());
    fill(&store, 14);
    let rules = RetentionRules { max_used: 0.75, hour_has_come: false, ..EVERYTHING };
    disks.fill(75, UNKNOWN);
    assert!(of_log(&delete(&store, &rules)).is_empty());
    disks.fill(UNKNOWN, 76);
    let removed = delete(&store, &rules);
    let queues = dir.path().join("consumequeue");
    assert_eq!(of_log(&removed).len(), 10);
    assert!(matches!(&removed[0].reason, Reason::Space(disk) if disk.dir == queues && disk.share == 0.76));
    assert_eq!((store.disk_use().log, store.disk_use().queues), (None, Some(0.76)));
    check(&store);
}

#[test]
fn an_operator_who_asks_gets_old_files_deleted_at_any_hour() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store, 4);
    age(dir.path(), 1);
    let now_ms = Clock::System.now_ms();
    let asked = RetentionRules { now_ms, asked: true, ..NOTHING };
    assert_eq!(of_log(&delete(&store, &asked)), [&Reason::Asked]);
    assert!(of_log(&delete(&store, &asked)).is_empty());
}

#[test]
fn a_disk_over_90_per_cent_refuses_messages_until_it_is_below_and_goes_on_reading_and_deleting() {
    let dir = tempfile::tempdir().unwrap();
    let disks = Disks::default();
    let store = disks.open(dir.path());
    fill(&store, 3);
    let refused = |store: &MessageStore| {
        let (mut batch, mut placed) = (store.batch(), Vec::new());
        batch.push(&message("T", b"x").record()).unwrap();
        let Err(StoreError::Refusing { why }) = store.append(&mut batch, &mut placed) else { panic!("it was taken") };
        assert_eq!((store.refusing().as_ref(), store.stats().refusing.as_ref()), (Some(&why), Some(&why)));
        why
    };
    for (log, queues, folder) in [(91, 0, "commitlog"), (10, 97, "consumequeue")] {
        disks.fill(90, 90);
        assert!(!store.check_space(0.9));
        disks.fill(log, queues);
        assert!(store.check_space(0.9));
        let why = refused(&store);
        let share = format!("{} % full", log.max(queues));
        let words = [folder, &*share, "diskSpaceWarningLevelRatio = 90 %"];
        assert!(words.iter().all(|word| why.contains(word)), "{why}");
        check(&store);
        // Not knowing is neither full nor empty.
        disks.fill(UNKNOWN, UNKNOWN);
        assert!(store.check_space(0.9));
        refused(&store);
    }
    disks.fill(99, 99);
    let removed = delete(&store, &RetentionRules { refuse_over: 0.9, ..EVERYTHING });
    assert_eq!(of_log(&removed).len(), 3);
    refused(&store);
    disks.fill(90, 20);
    // A deletion looks at the disks itself.
    delete(&store, &RetentionRules { refuse_over: 0.9, ..EVERYTHING });
    assert_eq!(store.refusing(), None);
    put(&store, message("U", b"second"));
    disks.fill(UNKNOWN, UNKNOWN);
    assert!(!store.check_space(0.9));
}

#[test]
fn a_closed_store_deletes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store, 3);
    store.close().unwrap();
    let mut removed = Vec::new();
    assert!(matches!(store.delete_expired(&EVERYTHING, &mut removed), Err(StoreError::Closed)));
    assert!(matches!(store.clean_unused(|_| false), Err(StoreError::Closed)));
    assert!(removed.is_empty());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            drop(fs::copy(entry.path(), target))
        }
    }
}

#[test]
fn a_crash_right_after_each_deletion_leaves_a_store_that_opens_with_all_that_is_left() {
    let original = tempfile::tempdir().unwrap();
    let store = open(original.path());
    fill(&store, 8);
    // A deletion begins with queues that are on disk.
    store.close().unwrap();
    drop(store);
    let store = open(original.path());
    let before = tempfile::tempdir().unwrap();
    copy(original.path(), before.path());
    let removed = delete(&store, &EVERYTHING);
    let end = store.max_physical();
    drop(store);
    let inside: Vec<PathBuf> =
        removed.iter().map(|gone| gone.path.strip_prefix(original.path()).unwrap().to_owned()).collect();
    assert!(
        inside.len() > 9 && inside[0].starts_with("commitlog") && inside[8].starts_with("consumequeue"),
        "{inside:?}"
    );
    for count in 0..=inside.len() {
        let dir = tempfile::tempdir().unwrap();
        copy(before.path(), dir.path());
        for path in &inside[..count] {
            fs::remove_file(dir.path().join(path)).unwrap();
        }
        for round in 0..2 {
            let store = open(dir.path());
            assert_eq!(
                (store.min_physical(), store.max_physical()),
                (count.min(8) as i64 * FILE, end),
                "{count}, {round}"
            );
            check(&store);
            delete(&store, &NOTHING);
            check(&store);
        }
    }
}

#[test]
fn offsets_go_on_after_a_crash_though_no_message_of_the_queue_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for _ in 0..5 {
        put(&store, message("U", b"u"));
    }
    fill(&store, 3);
    assert!(!delete(&store, &EVERYTHING).is_empty());
    // Nothing is closed: what is not in the files by now is lost.
    let crashed = tempfile::tempdir().unwrap();
    copy(dir.path(), crashed.path());
    let store = open(crashed.path());
    assert_eq!(put(&store, message("U", b"next")).queue_offset, 6);
    check(&store);
}

//! What verifying says of stores that are as they should be, however they were left.

use crate::{support::*, world::*};
use base::Clock;
use std::fs;
use store::{RetentionRules, Severity, State, VerifyRules};

#[test]
fn a_closed_store_is_sound() {
    let world = World::new();
    let before = world.contents();
    let verdict = world.verify_with(VerifyRules { strict: true, ..VerifyRules::default() });
    assert_eq!(verdict.findings, []);
    assert_eq!((verdict.records, verdict.queues, verdict.queue_entries), (300, 3, 300));
    // Two keys and an id for three of four, one key for the fourth.
    assert_eq!((verdict.index_entries, verdict.log_from, verdict.log_to), (225 * 3 + 75, 0, world.end()));
    assert_eq!(world.offline().state(), State::Clean);
    assert!(world.contents() == before, "it only read");
}

#[test]
fn an_empty_store_is_sound_and_no_store_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let config = store::StoreConfig::small(dir.path());
    let none = store::Offline::open(config.clone()).unwrap_err();
    assert!(none.to_string().contains("is no store"), "{none}");
    open(dir.path()).close().unwrap();
    let verdict = store::Offline::open(config).unwrap().verify(VerifyRules::default(), |_| ()).unwrap();
    assert_eq!((verdict.findings, verdict.records), (vec![], 0));
}

#[test]
fn a_store_with_its_first_messages_deleted_is_sound() {
    let world = World::new();
    let store = open(world.path());
    let all = RetentionRules {
        now_ms: i64::MAX / 2,
        file_reserved_hours: 72,
        hour_has_come: true,
        asked: true,
        max_used: 0.75,
        clean_forcibly: None,
        refuse_over: 1.0,
    };
    store.delete_expired(&all, &mut Vec::new()).unwrap();
    assert!(store.min_physical() > 0);
    put(&store, message("T", b"one more"));
    store.close().unwrap();
    drop(store);
    let verdict = world.verify();
    assert_eq!(verdict.findings, []);
    assert!(verdict.log_from > 0 && verdict.records < 300);
}

#[test]
fn deleted_topics_and_those_that_were_made_anew_are_no_damage() {
    let world = World::new();
    let store = open_with(world.path(), &Clock::manual(START_MS + 30_000)).unwrap();
    store.delete_topic("T").unwrap();
    store.delete_topic(DELAYED).unwrap();
    for n in 0..50 {
        put(&store, Message { queue_id: n % 2, ..message("T", b"second life") });
    }
    store.close().unwrap();
    drop(store);
    world.write("config/topics.json", br#"{"topicConfigTable":{"T":{}}}"#);
    world.write("config/consumerOffset.json", b"{}");
    world.write("config/delayOffset.json", b"{}");
    let verdict = world.verify();
    assert_eq!(verdict.findings, []);
    assert_eq!((verdict.of_deleted_topics, verdict.queue_entries), (300, 50));
}

#[test]
fn what_a_crash_leaves_is_noted_and_an_error_only_if_that_is_asked_for() {
    let world = World::crashed();
    // Half a record, as a power cut leaves it.
    world.log(world.end(), &[7; 50]);
    let verdict = world.verify();
    assert_eq!(world.offline().state(), State::Crashed { pid: Some(std::process::id()) });
    assert!(verdict.is_good() && verdict.notes >= 2, "{:#?}", verdict.findings);
    assert!(verdict.findings.iter().all(|finding| finding.severity == Severity::Note));
    assert_eq!(that_say(&verdict, Severity::Note, &["not clean"]).len(), 1);
    assert_eq!(that_say(&verdict, Severity::Note, &["commitlog/", "behind the end of the log"]).len(), 1);
    let strict = world.verify_with(VerifyRules { strict: true, ..VerifyRules::default() });
    assert_eq!((strict.errors, strict.notes), (verdict.notes, 0));
    // The next start mends all of it.
    let store = open(world.path());
    store.close().unwrap();
    drop(store);
    assert_eq!(world.verify().findings, []);
}

#[test]
fn damage_that_no_recovery_mends_is_an_error_after_a_crash_too() {
    let world = World::crashed();
    world.flip(world.at(20) + 88, 1);
    let verdict = world.verify();
    assert_eq!(that_say(&verdict, Severity::Error, &["CRC", "message 10 of T/0"]).len(), 1, "{:#?}", verdict.findings);
}

#[test]
fn more_findings_than_were_asked_for_are_counted() {
    let world = World::new();
    for message in 0..20 {
        world.flip(world.at(message) + 88, 1);
    }
    let verdict = world.verify_with(VerifyRules { listed: 5, ..VerifyRules::default() });
    assert_eq!((verdict.findings.len(), verdict.is_good()), (5, false));
    assert!(verdict.errors >= 20, "{}", verdict.errors);
}

#[test]
fn the_listing_tells_ranges_and_times_of_everything() {
    let world = World::new();
    let listing = world.offline().list().unwrap();
    let names = files(&world.path().join("commitlog"));
    assert_eq!(listing.log.len(), names.len());
    for (index, row) in listing.log.iter().enumerate() {
        assert_eq!((row.from, row.size), (Some(index as u64 * FILE), FILE));
        let inside: Vec<_> =
            world.placed.iter().filter(|(.., at)| at.physical_offset as u64 / FILE == index as u64).collect();
        let (first, last) = (inside[0].2, inside[inside.len() - 1].2);
        assert_eq!((row.first_ms, row.last_ms), (Some(first.store_ms), Some(last.store_ms)));
        let end = if index + 1 == listing.log.len() { world.end() } else { (index as u64 + 1) * FILE };
        assert_eq!((row.to, row.used), (Some(end), end - index as u64 * FILE));
    }
    let queues: Vec<_> = listing.queues.iter().map(|row| (&*row.topic, row.id, row.min, row.end, row.used)).collect();
    assert_eq!(queues, [(DELAYED, 2, 0, 75, 1500), ("T", 0, 0, 150, 3000), ("T", 1, 0, 75, 1500)]);
    assert_eq!(listing.queues[1].first_ms, Some(START_MS));
    assert_eq!(listing.queues[1].last_ms, Some(world.placed[297].2.store_ms));
    assert_eq!(listing.index.len(), world.index().len());
    assert_eq!(listing.index[0].entries, Some(63));
    assert_eq!(listing.checkpoint.unwrap().log_ms, world.placed[299].2.store_ms);
    assert_eq!(listing.tables.len(), 3);
    assert!(listing.tables.iter().all(|row| row.unreadable.is_none()));
    fs::remove_dir_all(world.path().join("index")).unwrap();
    world.write("config/topics.json", b"{");
    let listing = world.offline().list().unwrap();
    assert!(listing.index.is_empty() && listing.tables.iter().any(|row| row.unreadable.is_some()));
}

//! Mending: nothing is touched before it is asked for, every good message survives, and a broker starts on what is left.

use crate::{support::*, world::*};
use base::Clock;
use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::fs;
use store::{MessageStore, Repaired, StoreConfig, StoreError};

fn repair(world: &World) -> Repaired {
    world.offline().repair(true, &Clock::manual(START_MS + 100_000), |_| (), |_| ()).unwrap()
}

/// Repairs the store, and fails the test unless every message whose record is whole is there afterwards.
#[track_caller]
pub fn mended(world: &World) {
    let before = world.contents();
    let plan = world.offline().plan_repair(true, |_| ()).unwrap();
    assert!(world.contents() == before, "a plan changes nothing");
    let whole: Vec<usize> = (0..300).filter(|n| world.is_whole(*n)).collect();
    let repaired = repair(world);
    let what = format!("{:#?}\n{:#?}", repaired.steps, repaired.verdict.findings);
    assert!(repaired.verdict.is_good() && world.verify().is_good(), "{what}");
    // A record that leads nowhere is found while the queues are built, so there may be more than was planned.
    assert!(plan.steps.iter().all(|step| repaired.steps.contains(step)), "{:#?}\n{what}", plan.steps);
    assert!(whole.iter().all(|n| world.is_whole(*n)), "a good record was touched: {what}");
    let again = repair(world);
    assert!(again.steps.is_empty(), "{:#?}\nafter\n{what}", again.steps);
    all_there(world, &whole, &what);
}

/// Opens the store and looks for the messages, in their queues and by their keys; then it takes another one.
#[track_caller]
fn all_there(world: &World, whole: &[usize], what: &str) {
    let clock = Clock::manual(START_MS + 200_000);
    let store = MessageStore::open(StoreConfig::small(world.path()), clock).unwrap();
    for &n in whole {
        let (topic, id, at) = world.placed[n];
        let entry = store.queue(topic, id).and_then(|queue| queue.get(at.queue_offset));
        let place = entry.map(|entry| entry.physical_offset);
        assert_eq!(place, Some(at.physical_offset), "message {n} of {topic}/{id}: {what}");
        assert!(store.record_at(at.physical_offset).is_some());
        let found = store.find(topic, &format!("k{n}"), 10, 0, i64::MAX).unwrap();
        // No CRC covers keys: a flipped bit may have given this one to another record too.
        let at = |record: &Bytes| record[28..36] == at.physical_offset.to_be_bytes();
        assert!(found.records.iter().any(at), "message {n} by its key: {what}");
    }
    let next = put(&store, Message { properties: "KEYS\u{1}new", ..message("T", b"new") });
    let last = whole.iter().rfind(|n| world.placed[**n].0 == "T" && world.placed[**n].1 == 0);
    assert!(last.is_none_or(|n| next.queue_offset > world.placed[*n].2.queue_offset), "{what}");
    store.close().unwrap();
    drop(store);
    let verdict = world.verify();
    assert!(verdict.is_good(), "{:#?}\nafter\n{what}", verdict.findings);
}

#[test]
fn a_sound_store_needs_nothing() {
    let world = World::new();
    let before = world.contents();
    assert_eq!(repair(&world).steps, []);
    assert!(world.contents() == before);
}

#[test]
fn a_store_that_is_open_is_refused() {
    let world = World::new();
    let store = open(world.path());
    let refused = world.offline().repair(true, &Clock::System, |_| (), |_| ()).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    store.close().unwrap();
}

#[test]
fn nothing_is_built_by_settings_that_the_files_speak_against() {
    let world = World::new();
    edit(&world.path().join("checkpoint"), 0, &[0x7F; 24]);
    let sizes = StoreConfig { max_index_num: 65, ..StoreConfig::small(world.path()) };
    let delays = StoreConfig { message_delay_level: "1s 2s 3s".to_owned(), ..StoreConfig::small(world.path()) };
    let before = world.contents();
    for (config, key) in [(sizes, "maxIndexNum"), (delays, "messageDelayLevel")] {
        let offline = store::Offline::open(config).unwrap();
        let refused = [
            offline.plan_repair(false, |_| ()).unwrap_err(),
            offline.repair(false, &Clock::System, |_| (), |_| ()).unwrap_err(),
        ];
        assert!(refused.iter().all(|error| error.to_string().contains(key)), "{refused:?}");
        assert!(world.contents() == before);
    }
    mended(&world);
}

#[test]
fn what_a_crash_left_is_mended_as_a_start_would() {
    let world = World::crashed();
    world.log(world.end(), &[7; 50]);
    mended(&world);
    assert!(!world.path().join("abort").exists());
}

#[test]
fn a_damaged_place_is_stepped_over_and_noted() {
    let world = World::new();
    // Messages 100 to 107, four of them of T/0, with their queue.
    world.log(world.at(100), &vec![0xA5; (world.at(107) - world.at(100) + 20) as usize]);
    fs::remove_dir_all(world.path().join("consumequeue")).unwrap();
    let place = (world.at(100), world.at(108));
    let repaired = repair(&world);
    assert_eq!(repaired.lost.iter().map(|lost| (lost.from, lost.to)).collect::<Vec<_>>(), [place]);
    let store = open(world.path());
    let queue = store.queue("T", 0).unwrap();
    let entries: Vec<_> = (49..55).map(|at| queue.get(at).unwrap()).collect();
    assert!(entries.windows(2).all(|two| two[0].physical_offset + i64::from(two[0].size) <= two[1].physical_offset));
    assert_eq!(entries[1].physical_offset as u64, place.0, "the first begins where the damage does");
    assert_eq!(entries[4].physical_offset as u64 + u64::from(entries[4].size), place.1, "and the last ends there");
    assert!(entries[1..5].iter().all(|entry| entry.tag_hash == 0));
    store.close().unwrap();
    drop(store);
    let verdict = world.verify();
    assert!(verdict.is_good() && verdict.notes == 1, "{:#?}", verdict.findings);
    // Damage that was not there then is an error as before.
    world.flip(world.at(200) + 88, 1);
    assert_eq!(world.verify().errors, 1);
}

#[test]
fn old_entries_tell_which_messages_a_damaged_place_held() {
    let world = World::new();
    // The last messages but one of the log: only the queues know that they were there.
    for n in [295, 296, 297, 298] {
        world.flip(world.at(n) + 88, 1);
    }
    world.queue("T", 0, 10 * 20 + 19, &[0xEE]);
    world.queue("T", 1, 10 * 20 + 19, &[0xEE]);
    mended(&world);
    let store = open(world.path());
    // A message more each, or two with that of the test.
    assert_eq!(store.queue("T", 0).unwrap().max_offset(), 151);
    assert_eq!(store.queue("T", 1).unwrap().max_offset(), 75);
    assert_eq!(store.queue("T", 1).unwrap().get(74).unwrap().physical_offset as u64, world.at(298));
}

#[test]
fn several_things_at_once_are_mended_together() {
    let world = World::new();
    world.flip(world.at(40) + 88, 1);
    world.flip(world.at(100) + 27, 4);
    world.log(world.end() + 3, b"torn");
    world.queue("T", 1, 20 * 20, &[0; 20]);
    fs::remove_file(&world.index()[2]).unwrap();
    edit(&world.path().join("checkpoint"), 0, &[0x7F; 24]);
    world.write("config/topics.json.tmp", b"{");
    fs::copy(world.path().join("config/topics.json"), world.path().join("config/topics.json.bak")).unwrap();
    world.write("config/topics.json", b"");
    mended(&world);
    assert!(!world.path().join("config/topics.json.tmp").exists());
    assert!(!fs::read(world.path().join("config/topics.json")).unwrap().is_empty());
}

#[test]
fn a_queue_without_messages_keeps_its_end() {
    let world = World::new();
    let store = open(world.path());
    let last = put(&store, Message { queue_id: 5, ..message("T", b"early") });
    for n in 0..400 {
        put(&store, Message { properties: "KEYS\u{1}late", ..message("T", &vec![b'x'; n]) });
    }
    store.close().unwrap();
    drop(store);
    // The first files of the log are deleted, with every message of the queue.
    for start in (0..=last.physical_offset as u64 / FILE).map(|index| index * FILE) {
        fs::remove_file(world.log_path(start)).unwrap();
    }
    set_len(&world.path().join("consumequeue/T/5/00000000000000000000"), 500);
    let repaired = repair(&world);
    assert!(repaired.verdict.is_good(), "{:#?}", repaired.verdict.findings);
    let store = open(world.path());
    assert_eq!(put(&store, Message { queue_id: 5, ..message("T", b"next") }).queue_offset, 1);
}

#[test]
fn a_repair_that_was_interrupted_after_any_step_is_done_by_the_next() {
    let world = World::new();
    world.log(world.end() + 3, b"torn");
    world.flip(world.at(40) + 88, 1);
    world.flip(world.at(100) + 27, 4);
    world.queue("T", 1, 20 * 20, &[0; 20]);
    world.queue("T", 0, 20 * 20, &[0; 20]);
    fs::remove_file(&world.index()[2]).unwrap();
    edit(&world.path().join("checkpoint"), 0, &[0x7F; 24]);
    let mut left = Vec::new();
    let begun = world.copy();
    begun.offline().repair(true, &Clock::manual(START_MS), |_| left.push(begun.copy()), |_| ()).unwrap();
    assert!(left.len() > 5);
    let last = left.pop().unwrap();
    assert_eq!(repair(&last).steps, []);
    left.iter().for_each(mended);
}

#[test]
fn a_repair_that_was_interrupted_while_it_built_or_swapped_is_done_by_the_next() {
    let sound = World::new();
    let interrupted = |change: &dyn Fn(&World)| {
        let world = sound.copy();
        fs::create_dir_all(world.path().join("repair/ready/consumequeue/T")).unwrap();
        fs::create_dir_all(world.path().join("repair/old/consumequeue/T")).unwrap();
        change(&world);
        let verdict = world.verify();
        assert!(!that_say(&verdict, store::Severity::Error, &["repair was interrupted"]).is_empty());
        let repaired = repair(&world);
        assert!(repaired.verdict.is_good(), "{:#?}", repaired.verdict.findings);
        assert!(!world.path().join("repair").exists());
        all_there(&world, &(0..300).collect::<Vec<_>>(), "");
    };
    let rename = |world: &World, from: &str, to: &str| {
        fs::rename(world.path().join(from), world.path().join(to)).unwrap();
    };
    interrupted(&|world| world.write("repair/building/consumequeue/T/0/00000000000000000000", &[7; 800]));
    // Moved aside, and not replaced yet.
    interrupted(&|world| rename(world, "consumequeue/T/0", "repair/ready/consumequeue/T/0"));
    interrupted(&|world| rename(world, "index", "repair/ready/index"));
    // What was moved aside is lost: the log has it all.
    interrupted(&|world| rename(world, "consumequeue/T/0", "repair/old/consumequeue/T/0"));
    // A replacement for what is there: what is there is looked at anew.
    interrupted(&|world| world.write("repair/ready/consumequeue/T/0/00000000000000000000", &[7; 800]));
}

#[test]
fn whatever_is_damaged_is_mended() {
    let seed = std::env::var("STORE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    let rounds = std::env::var("STORE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(25);
    let sound = World::new();
    for round in 0..rounds {
        // Each round has a seed of its own, so that one can be run again alone.
        let seed = seed.wrapping_add(round);
        println!("STORE_SEED={seed} STORE_ROUNDS=1");
        let mut random = StdRng::seed_from_u64(seed);
        let world = sound.copy();
        for _ in 0..random.random_range(1..6) {
            damage_something(&world, &mut random);
        }
        mended(&world);
    }
}

fn damage_something(world: &World, random: &mut StdRng) {
    let paths: Vec<_> =
        world.contents().into_iter().filter(|(path, _)| !path.to_string_lossy().contains("config")).collect();
    let (path, content) = &paths[random.random_range(0..paths.len())];
    let at = random.random_range(0..=content.len().max(1) as u64 - 1);
    let what = match random.random_range(0..8) {
        0 if !path.ends_with("lock") => {
            fs::remove_file(path).unwrap();
            "removed".to_owned()
        }
        1 => {
            set_len(path, at);
            format!("cut to {at}")
        }
        2 | 3 if !content.is_empty() => {
            let byte = content[at as usize] ^ (1 << random.random_range(0..8));
            edit(path, at, &[byte]);
            format!("a bit flipped at {at}")
        }
        _ => {
            let fill = [0, 0xFF, b'x', random.random()][random.random_range(0..4)];
            let len = random.random_range(0..300).min(content.len() - at as usize);
            edit(path, at, &vec![fill; len]);
            format!("{len} times {fill} at {at}")
        }
    };
    println!("{}: {what}", path.strip_prefix(world.path()).unwrap().display());
}

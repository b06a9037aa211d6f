//! Every kind of damage, one at a time, on a store that was closed: each is named, in its file, and mended.

use crate::{repair::mended, world::*};
use std::fs;
use store::Severity;

/// Damages a sound store and expects findings with `words`.
#[track_caller]
fn named(damage: impl FnOnce(&World), severity: Severity, words: &[&str]) {
    let world = World::new();
    damage(&world);
    let verdict = world.verify();
    assert!(!that_say(&verdict, severity, words).is_empty(), "{words:?} is not in {:#?}", verdict.findings);
    assert_eq!(verdict.is_good(), severity != Severity::Error);
    // One thing wrong does not make everything wrong.
    assert!(verdict.errors < 12, "{:#?}", verdict.findings);
    let for_people = that_say(&verdict, Severity::Error, &["so is its .bak"]).len() as u64;
    if for_people == 0 {
        mended(&world);
    }
}

#[track_caller]
fn error(damage: impl FnOnce(&World), words: &[&str]) {
    named(damage, Severity::Error, words);
}

#[test]
fn a_flipped_bit_of_a_body() {
    error(|world| world.flip(world.at(100) + 88, 4), &["commitlog/", "message 50 of T/0", "CRC"]);
}

#[test]
fn a_size_that_is_not_the_records() {
    for bits in [1, 0x40] {
        error(|world| world.flip(world.at(100) + 3, bits), &["commitlog/", "no good record"]);
    }
    error(|world| world.flip(world.at(100), 0x40), &["would not end in its file"]);
    error(|world| world.flip(world.at(100), 0x80), &["impossible size"]);
}

#[test]
fn a_magic_number_that_is_none() {
    error(|world| world.flip(world.at(100) + 4, 1), &["the magic number is neither"]);
}

#[test]
fn a_record_that_was_written_for_another_place() {
    error(|world| world.flip(world.at(100) + 35, 1), &["written for another place"]);
}

#[test]
fn a_hole_where_records_were() {
    error(|world| world.log(world.at(100), &[0; 1000]), &["nothing is written here"]);
}

#[test]
fn a_log_file_that_is_missing() {
    error(|world| fs::remove_file(world.log_path(2 * FILE)).unwrap(), &["files from 32768 to 49152 are missing"]);
}

#[test]
fn a_log_file_that_is_short() {
    error(|world| set_len(&world.log_path(2 * FILE), 10_000), &["00000000000000032768", "has 10000 bytes"]);
}

#[test]
fn a_file_among_the_logs_that_does_not_belong_there() {
    error(|world| world.write("commitlog/00000000000000000007", &[1]), &["00000000000000000007", "no multiple"]);
}

#[test]
fn bytes_behind_the_end_of_the_log() {
    error(|world| world.log(world.end() + 200, b"x"), &["commitlog/", "bytes that are no record"]);
}

#[test]
fn a_filler_that_does_not_fill() {
    let damage = |world: &World| {
        let first_of_second = world.placed.iter().position(|(.., at)| at.physical_offset as u64 == FILE).unwrap();
        world.flip(world.placed[first_of_second - 1].2.end() + 3, 1);
    };
    error(damage, &["the filler does not fill"]);
}

#[test]
fn a_filler_whose_size_a_power_cut_tore_is_no_damage() {
    let world = World::new();
    let first_of_second = world.placed.iter().position(|(.., at)| at.physical_offset as u64 == FILE).unwrap();
    let filler = world.placed[first_of_second - 1].2.end();
    (0..4).for_each(|byte| world.log(filler + byte, &[0]));
    assert!(world.verify().is_good());
}

#[test]
fn a_record_whose_place_in_the_queue_changed() {
    // No CRC covers anything but the body.
    error(|world| world.flip(world.at(100) + 27, 4), &["consumequeue/T/0", "entry 50 leads to"]);
    error(|world| world.flip(world.at(100) + 15, 8), &["consumequeue/T/0", "entry 50 leads to"]);
}

#[test]
fn a_queue_entry_that_leads_elsewhere() {
    let damage = |world: &World| world.queue("T", 0, 70 * 20 + 7, &[0xEE]);
    error(damage, &["consumequeue/T/0/00000000000000000800", "entry 70 does not lead to its record"]);
}

#[test]
fn a_queue_entry_of_another_size() {
    error(|world| world.queue("T", 0, 70 * 20 + 11, &[3]), &["T/0", "entry 70 says 259 bytes, its record has 274"]);
}

#[test]
fn a_queue_entry_with_another_tag() {
    error(|world| world.queue("T", 0, 70 * 20 + 19, &[3]), &["T/0", "entry 70 has tag hash"]);
}

#[test]
fn a_delayed_message_that_is_due_at_another_time() {
    error(|world| world.queue(DELAYED, 2, 20 * 20 + 19, &[3]), &["entry 20 is due at"]);
}

#[test]
fn an_entry_that_was_never_written() {
    error(|world| world.queue("T", 0, 70 * 20, &[0; 20]), &["T/0", "entry 70"]);
}

#[test]
fn a_queue_that_ends_before_the_log() {
    error(|world| world.queue("T", 0, 145 * 20, &[0; 5 * 20]), &["T/0 ends before 145", "messages 145 to 149"]);
}

#[test]
fn a_queue_that_goes_on_behind_the_log() {
    let entry = [&1_000_000i64.to_be_bytes()[..], &100u32.to_be_bytes(), &[0; 8]].concat();
    error(|world| world.queue("T", 0, 150 * 20, &entry.repeat(3)), &["T/0", "3 entries from 150 on", "behind the end"]);
}

#[test]
fn queues_that_are_missing() {
    let gone = |name: &'static str| move |world: &World| fs::remove_dir_all(world.path().join(name)).unwrap();
    error(gone("consumequeue/T/1"), &["consumequeue/T/1", "the queue is missing"]);
    error(gone("consumequeue"), &["consumequeue/T/0", "the queue is missing"]);
}

#[test]
fn queue_files_that_are_missing_or_short_or_too_many() {
    let file = |world: &World, at: u64| world.path().join(format!("consumequeue/T/0/{at:020}"));
    error(|world| fs::remove_file(file(world, 800)).unwrap(), &["T/0", "the file for entries 40 to 79 is missing"]);
    error(|world| set_len(&file(world, 800), 400), &["T/0", "has 400 bytes"]);
    error(|world| world.write("consumequeue/T/0/00000000000000000007", &[1]), &["no multiple"]);
}

#[test]
fn an_index_entry_that_is_not_the_keys() {
    error(|world| world.index_entry(1, 10, 0, &[1, 2, 3, 4]), &["index/", "is of no key of the record"]);
    error(|world| world.index_entry(1, 10, 4, &[0, 0, 0, 7]), &["index/", "entry 10 is out of order"]);
    error(|world| world.index_entry(1, 10, 11, &[1]), &["index", "a key of the record at 4011 is not in the index"]);
    error(|world| world.index_entry(1, 10, 12, &[0, 0, 7]), &["index/", "entry 10 says"]);
}

#[test]
fn index_chains_that_are_broken() {
    error(|world| world.index_entry(1, 60, 16, &[0, 0, 0, 1]), &["index/", "break the chain", "entry 60"]);
    error(|world| edit(&world.index()[1], 40 + 5 * 4, &[0; 4]), &["index/", "slot 5 does not lead"]);
}

#[test]
fn an_index_header_that_is_wrong() {
    error(|world| edit(&world.index()[1], 8, &[0; 8]), &["index/", "the header ends at 0 ms"]);
    error(|world| edit(&world.index()[1], 24, &[0; 8]), &["index/", "the header says that the last entry leads to 0"]);
    error(|world| edit(&world.index()[1], 32, &[0; 4]), &["index/", "the header counts 0 slots"]);
    let last = |world: &World| world.index().len() - 1;
    let emptied = |world: &World| edit(&world.index()[last(world)], 36, &[0, 0, 0, 5]);
    error(emptied, &["index", "the index ends before the log"]);
}

#[test]
fn index_files_that_are_missing_or_of_another_size() {
    error(|world| fs::remove_file(&world.index()[1]).unwrap(), &["index", "63 keys are not in the index"]);
    error(|world| fs::remove_dir_all(world.path().join("index")).unwrap(), &["index", "the index ends before the log"]);
    error(|world| set_len(&world.index()[1], 1000), &["index/", "maxHashSlotNum"]);
}

#[test]
fn a_checkpoint_that_is_ahead_of_the_log() {
    for (at, name) in [(0, "the log"), (8, "the queues"), (16, "the index")] {
        // As Apache RocketMQ writes it: with marks of our own beside, the older of two times counts.
        let ahead = |world: &World| {
            edit(&world.path().join("checkpoint"), 448, &[0; 64]);
            edit(&world.path().join("checkpoint"), at, &i64::MAX.to_be_bytes());
        };
        error(ahead, &["checkpoint", name, "ahead"]);
    }
    error(|world| set_len(&world.path().join("checkpoint"), 12), &["checkpoint", "has 12 bytes"]);
    let gone = |world: &World| fs::remove_file(world.path().join("checkpoint")).unwrap();
    named(gone, Severity::Warning, &["checkpoint", "there is no checkpoint"]);
}

#[test]
fn tables_that_cannot_be_read() {
    error(|world| world.write("config/topics.json", b"{\"topicConfigTable\":{"), &["config/topics.json", "is no JSON"]);
    error(|world| world.write("config/topics.json", b""), &["config/topics.json", "is no JSON"]);
    let with_backup = |world: &World| {
        fs::rename(world.path().join("config/topics.json"), world.path().join("config/topics.json.bak")).unwrap();
        world.write("config/topics.json", &[0; 100]);
    };
    named(with_backup, Severity::Warning, &["config/topics.json", "its .bak can be read"]);
    named(|world| world.write("config/topics.json.tmp", b"{"), Severity::Note, &["topics.json.tmp", "never finished"]);
}

#[test]
fn offsets_behind_the_end_of_their_queue() {
    let ahead = |world: &World| world.write("config/consumerOffset.json", br#"{"offsetTable":{"T@G":{0:151,1:75}}}"#);
    named(ahead, Severity::Warning, &["consumerOffset.json", "group G is at 151 of T/0, which ends at 150"]);
    let ahead = |world: &World| world.write("config/delayOffset.json", br#"{"offsetTable":{3:76}}"#);
    named(ahead, Severity::Warning, &["delayOffset.json", "delay level 3 is at 76"]);
}

//! The judge is judged: a store that `rmq` wrote passes, and each fault planted in a copy of it is seen for what it is.
//!
//! [`FAULTS`] is the list. What only looks like a fault is in `planted/allowed.rs`.

#![allow(clippy::unwrap_used)]

#[path = "planted/allowed.rs"]
mod allowed;
#[path = "planted/damage.rs"]
mod damage;
#[path = "planted/faults.rs"]
mod faults;
#[path = "planted/stage.rs"]
mod stage;

use faults as f;
use stage::Stage;
use std::collections::BTreeSet;
use witness::{Kind, Kind::*, report};

/// What is done to a stage, and all kinds of violations that must be found then, no more and no fewer.
type Fault = (&'static str, fn(&mut Stage), &'static [Kind]);

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    // Acknowledgements and the log.
    ("an acknowledged record is cut off",                     f::cut_last_record,           &[LostAck]),
    ("the log is cut one byte too early",                     f::cut_last_byte,             &[DamagedRecord, KeyNotFindable, IndexWrong]),
    ("it is acknowledged before the sync, then power fails",  f::acknowledge_before_sync,   &[LostAck]),
    ("a whole log file is gone from the middle",              f::remove_log_file,           &[LostAck, EntryBehindLog, IndexBehindLog, BytesBehindLog, DeliveryLost]),
    ("the answer names another place in the queue",           f::answer_other_place,        &[WrongPlace]),
    ("the answer names another place in the log",             f::answer_other_byte,         &[WrongPlace]),
    ("a body has another's bytes, with a CRC that fits",      f::change_body_and_crc,       &[BodyChanged]),
    ("a bit of a body is flipped",                            f::flip_body_bit,             &[DamagedRecord]),
    ("a message nobody sent is stored",                       f::store_ghost,               &[Ghost]),
    ("a message is stored in another topic",                  f::store_in_other_topic,      &[Ghost]),
    ("a message is stored twice, and was sent once",          f::store_twice,               &[Duplicate]),
    ("a refused message is stored",                           f::store_refused,             &[StoredThoughRefused]),
    ("two messages change places",                            f::swap_messages,             &[Order]),
    ("two records have one queue offset",                     f::reuse_queue_offset,        &[QueueOffsetTaken, QueueOffsetSkipped, WrongPlace, Order, EntryWrong]),
    ("a queue offset is left out",                            f::skip_queue_offset,         &[QueueOffsetSkipped, WrongPlace, EntryMissing, EntryWrong]),
    ("old bytes are left behind the log's end",               f::leave_old_bytes,           &[BytesBehindLog]),
    ("an old file is left behind the log's end",              f::leave_old_file,            &[BytesBehindLog]),
    ("an acknowledgement was never asked for",                f::acknowledge_unasked,       &[Unrecorded]),
    // Consume queues.
    ("an entry in the middle of a queue is dropped",          f::drop_middle_entry,         &[EntryMissing]),
    ("the last entry of a queue is dropped",                  f::drop_last_entry,           &[EntryMissing]),
    ("a queue's folder is gone",                              f::remove_queue,              &[EntryMissing]),
    ("an entry has the wrong size",                           f::wrong_entry_size,          &[EntryWrong]),
    ("an entry has the wrong offset",                         f::wrong_entry_offset,        &[EntryWrong]),
    ("an entry has the wrong tag hash",                       f::wrong_entry_tag,           &[EntryWrong]),
    ("two entries change places",                             f::swap_entries,              &[EntryWrong]),
    ("a record has a second entry",                           f::second_entry,              &[EntryWrong]),
    ("an entry leads behind the log's end",                   f::entry_behind_log,          &[EntryBehindLog]),
    ("a queue goes on behind a hole",                         f::entry_behind_hole,         &[EntryMissing, EntryBehindLog]),
    // The index.
    ("a slot is zeroed",                                      f::zero_slot,                 &[KeyNotFindable]),
    ("an entry of the index is lost",                         f::zero_key,                  &[KeyNotFindable, IndexWrong]),
    ("an entry of the index leads behind the log",            f::key_behind_log,            &[KeyNotFindable, IndexBehindLog]),
    ("an entry of the index leads to another record",         f::key_to_other_record,       &[KeyNotFindable, IndexWrong]),
    ("an entry of the index has another time",                f::key_at_other_time,         &[IndexWrong]),
    ("a chain of the index is a ring",                        f::ring_of_keys,              &[KeyNotFindable]),
    ("the index forgets its newest entry",                    f::uncount_key,               &[KeyNotFindable]),
    ("an index file states other times than it holds",        f::index_of_other_time,       &[IndexWrong]),
    // Consumers and small files.
    ("a consumer's offset is beyond the queue's end",         f::offset_beyond_end,         &[OffsetOutOfBounds]),
    ("a consumer's offset in the file goes backwards",        f::offset_back_in_file,       &[OffsetBackwards]),
    ("a consumer's offset is gone from the file",             f::offset_gone,               &[OffsetBackwards]),
    ("a consumer's offset is answered lower than before",     f::offset_back_in_answer,     &[OffsetBackwards]),
    ("a delay level's offset is beyond its queue's end",      f::delay_offset_beyond_end,   &[OffsetOutOfBounds]),
    ("a message is delivered that is not kept",               f::deliver_unsynced,          &[DeliveryLost]),
    ("a delivered message makes way for another",             f::deliver_other,             &[DeliveryWrong]),
    ("an acknowledged message is never delivered",            f::deliver_not_at_all,        &[NotDelivered]),
    ("an ordered group is given a message too early",         f::deliver_out_of_order,      &[DeliveryOrder]),
    // Messages that are held back.
    ("a delayed message is seen before its time",             f::deliver_early,             &[Early]),
    ("a delayed message is brought twice",                    f::deliver_delayed_twice,     &[Duplicate]),
    ("a half message is seen that nobody committed",          f::show_half,                 &[Uncommitted]),
    ("a rolled-back message is seen",                         f::show_rolled_back,          &[Uncommitted]),
    ("a committed message is not there",                      f::lose_commit,               &[LostAck]),
    ("a message is committed twice",                          f::commit_twice,              &[Duplicate]),
    ("a committed message is never delivered",                f::commit_and_not_deliver,    &[NotDelivered]),
    ("a file of offsets is empty, and only its backup good",  f::empty_offsets,             &[Unreadable]),
    ("an index file is cut short",                            f::cut_index_file,            &[Unreadable, KeyNotFindable]),
];

#[test]
fn a_store_with_nothing_planted_passes_and_has_several_files_of_everything() {
    let stage = Stage::new();
    let violations = stage.check();
    assert!(violations.is_empty(), "{}", report(&violations));
    let store = stage.read();
    assert!(store.log.files.len() > 2 && store.index.files.len() > 2);
    assert!(store.queue("Orders", 0).unwrap().end > 40 && store.queues.len() == 3);
    assert_eq!((store.offsets.len(), store.abort, store.checkpoint.is_some()), (1, false, true));
}

#[test]
fn every_planted_fault_is_seen_for_what_it_is() {
    let mut wrong = String::new();
    for (name, plant, kinds) in FAULTS {
        let mut stage = Stage::new();
        plant(&mut stage);
        let violations = stage.check();
        let found: BTreeSet<Kind> = violations.iter().map(|violation| violation.kind).collect();
        if found != kinds.iter().copied().collect() {
            wrong += &format!("{name}: expected {kinds:?}, found {found:?}\n{}\n", report(&violations));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_kind_of_violation_is_planted_at_least_once() {
    let planted: BTreeSet<Kind> = FAULTS.iter().flat_map(|(_, _, kinds)| kinds.iter().copied()).collect();
    let forgotten: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !planted.contains(kind)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

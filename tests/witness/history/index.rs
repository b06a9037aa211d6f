//! The index against the log: every key is found, and what is found is there.

use super::{
    Kind,
    check::{Facts, place_of},
};
use crate::reader::{IndexEntry, IndexFile, IndexHeader};

/// What recovery knows of times in a file is whole seconds, ms.
const SECOND_MS: i64 = 1000;

pub(super) fn check(facts: &mut Facts<'_>) {
    let store = facts.store;
    for (at, record) in store.log.records.iter().enumerate() {
        for (key, hash) in record.keys().into_iter().zip(record.key_hashes()) {
            if !store.index.findable.contains(&(hash, record.physical_offset)) {
                let what = format!("it is at {}, and no walk from a slot finds it by key {key}", place_of(record));
                facts.violation(Kind::KeyNotFindable, facts.ids[at].clone().as_deref(), what);
            }
        }
    }
    for file in &store.index.files {
        if !header_matches(facts, file) {
            let what = format!("{} says {:?}, which is not so of its first and last record", file.name, file.header);
            facts.violation(Kind::IndexWrong, None, what);
        }
        for entry in &file.entries {
            if let Err((kind, what)) = matches_record(facts, file, entry) {
                let IndexEntry { number, hash, physical_offset, .. } = entry;
                let what = format!("entry {number} of {} is hash {hash}, log {physical_offset}: {what}", file.name);
                facts.violation(kind, None, what);
            }
        }
    }
}

fn matches_record(facts: &Facts<'_>, file: &IndexFile, entry: &IndexEntry) -> Result<(), (Kind, String)> {
    let log = &facts.store.log;
    let wrong = |what: String| Err((Kind::IndexWrong, what));
    if entry.physical_offset >= log.end {
        return Err((Kind::IndexBehindLog, format!("the log ends at {}", log.end)));
    }
    if entry.physical_offset < log.min && facts.expect.retention {
        return Ok(());
    }
    let Some(record) = log.record_at(entry.physical_offset) else {
        return wrong("no record starts there".into());
    };
    if !record.key_hashes().contains(&entry.hash) {
        return wrong(format!("the record there has the keys {:?} of {}", record.keys(), record.topic));
    }
    let begin_ms = file.header.begin_ms;
    let seconds = (record.store_ms.saturating_sub(begin_ms) / SECOND_MS).clamp(0, i32::MAX.into());
    if i64::from(entry.seconds) != seconds {
        return wrong(format!("it says {} s, and the record was stored {seconds} s after the first", entry.seconds));
    }
    Ok(())
}

/// The file's header says of its first and its last entry what their records do.
fn header_matches(facts: &Facts<'_>, file: &IndexFile) -> bool {
    let IndexHeader { begin_ms, end_ms, begin_physical, end_physical, .. } = file.header;
    let record = |entry: Option<&IndexEntry>| entry.and_then(|entry| facts.store.log.record_at(entry.physical_offset));
    let begins = record(file.entries.first())
        .is_none_or(|first| (first.store_ms, first.physical_offset) == (begin_ms, begin_physical));
    // A clock that went back left no seconds to know the time by.
    let ends = record(file.entries.last()).is_none_or(|last| {
        let in_time = (0..SECOND_MS).contains(&last.store_ms.saturating_sub(end_ms)) || last.store_ms < begin_ms;
        in_time && last.physical_offset == end_physical
    });
    begins && ends
}

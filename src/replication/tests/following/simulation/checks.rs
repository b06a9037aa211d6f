//! What must hold at any time, judged by a copy of all that the master ever wrote.

use replication::{Ends, FollowError};
use std::path::Path;
use store::MessageStore;

/// Calls `use_it` with each piece of the log and its offset.
fn pieces(store: &MessageStore, mut use_it: impl FnMut(usize, &[u8])) {
    let mut at = store.min_physical() as u64;
    while let Some(piece) = store.copy_from(at, usize::MAX) {
        use_it(at as usize, &piece);
        at += piece.len() as u64;
    }
    assert_eq!(at, store.written().get());
}

/// Where the store's log and `history` first differ, or the shorter ends.
pub fn common(store: &MessageStore, history: &[u8]) -> u64 {
    let mut common = None;
    pieces(store, |at, piece| {
        let theirs = &history[at.min(history.len())..(at + piece.len()).min(history.len())];
        if common.is_none() && piece != theirs {
            common = Some(at + piece.iter().zip(theirs).take_while(|(one, other)| one == other).count());
        }
    });
    common.map_or(store.written().get(), |common| common as u64)
}

/// The start of the last record of the log at or below `to`, or its end.
fn boundary(store: &MessageStore, to: u64) -> u64 {
    let size = store.log_file_size() as u64;
    let mut at = store.min_physical() as u64;
    loop {
        let next = match store.copy_from(at, 8).as_deref() {
            Some(&[a, b, c, d, 0xda, 0xa3, 0x20, 0xa7]) => at + u64::from(u32::from_be_bytes([a, b, c, d])),
            _ => at - at % size + size,
        };
        if next > to {
            return at;
        }
        at = next;
    }
}

/// Where the last record ends of those that end at or below `to`. What follows may be a part of a filler, which a crash can
/// take back.
pub fn records_end(history: &[u8], to: u64) -> u64 {
    let (size, mut at, mut last) = (16 << 10, 0, 0);
    while let Some(&[a, b, c, d, ref magic @ ..]) = history.get(at..at + 8) {
        let is_record = *magic == [0xda, 0xa3, 0x20, 0xa7];
        at = if is_record { at + u32::from_be_bytes([a, b, c, d]) as usize } else { at - at % size + size };
        if at as u64 > to {
            break;
        }
        last = if is_record { at } else { last };
    }
    last as u64
}

/// Whether a slave rightly refused to go on, when the master's log was `history` and its ends were told as `ends`.
pub fn judge(store: &MessageStore, history: &[u8], (error, ends): &(FollowError, Ends), far: u64) {
    let (min, own_end) = (store.min_physical() as u64, store.written().get());
    let same = common(store, history);
    match *error {
        FollowError::Diverged { common, own_end: told } => {
            assert_eq!(told, own_end);
            assert!(same < own_end || ends.max < own_end, "{error}: they are the same");
            let (most, least) = (boundary(store, same), boundary(store, same.min(ends.max)));
            assert!((least..=most).contains(&common), "{error}: they part between {least} and {most}");
        }
        FollowError::TooFarBehind { min, own_end: told } => {
            assert_eq!((min, told), (ends.min, own_end));
            assert!(own_end < min);
        }
        FollowError::Strangers { own_end: told, master } => {
            assert_eq!((told, master), (own_end, *ends));
            let (lowest, to) = (min.max(ends.min), own_end.min(ends.max));
            // A record is at most as long as a file, and so much farther than `far` may be looked.
            let seen = to.saturating_sub(far).max(lowest) + store.log_file_size() as u64;
            assert!(lowest >= to || same <= seen, "{error}: they are the same up to {same}");
        }
        _ => panic!("{error}"),
    }
}

/// Each entry of one store's queues leads to the same in the other, if that has the record.
pub fn same_queues(one: &MessageStore, other: &MessageStore) {
    for topic in one.topics() {
        for id in 0..4 {
            let Some(queue) = one.queue(&topic, id) else { continue };
            for offset in queue.min_offset()..queue.max_offset() {
                let entry = queue.get(offset).unwrap();
                if entry.physical_offset >= one.min_physical().max(other.min_physical()) {
                    let theirs = other.queue(&topic, id).and_then(|queue| queue.get(offset));
                    assert_eq!(theirs, Some(entry), "{topic} {id} {offset}");
                }
            }
        }
    }
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => _ = std::fs::copy(entry.path(), to).unwrap(),
        }
    }
}

//! The index by key: files of slots, each the head of a chain of entries.
//!
//! ```text
//! offset             size  field (big endian)
//!      0                8  store time of the first entry, ms
//!      8                8  store time of the last entry, ms
//!     16                8  physical offset of the first entry's record
//!     24                8  physical offset of the last entry's record
//!     32                4  slots in use
//!     36                4  number of the next entry; they count from 1
//!     40            4 × S  slots: number of the newest entry of a chain, 0 for none
//! 40+4×S           20 × N  entries: hash of TOPIC#KEY (4), physical offset (8), seconds after the file's first (4),
//!                          number of the next older entry of the slot (4), 0 for none
//! ```
//! A hash is found in slot hash % S. Source: `IndexFile` and `IndexHeader` of Apache RocketMQ 4.9.8.

use super::{
    Trouble,
    files::{Window, i32_at, i64_at, list},
    record::java_hash,
};
use std::{collections::HashSet, io, path::Path};

const HEADER_LEN: u64 = 40;
const ENTRY_LEN: u64 = 20;

/// How many slots and entries an index file has; its bytes do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Slots: `maxHashSlotNum`.
    pub slots: u32,
    /// Entries: `maxIndexNum`; the first is never used.
    pub entries: u32,
}

impl Geometry {
    /// Of `StoreConfig::small`.
    pub const SMALL: Self = Self { slots: 16, entries: 64 };
    /// Apache's default.
    pub const APACHE: Self = Self { slots: 5_000_000, entries: 20_000_000 };

    /// Bytes of a file.
    pub fn file_len(self) -> u64 {
        self.entries_at() + u64::from(self.entries) * ENTRY_LEN
    }

    /// Where the entries start in a file.
    pub fn entries_at(self) -> u64 {
        HEADER_LEN + u64::from(self.slots) * 4
    }
}

/// All files of the index.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Oldest first.
    pub files: Vec<IndexFile>,
    /// Every (hash, physical offset) that a walk from its slot comes to, in any file.
    pub findable: HashSet<(u32, i64)>,
}

/// One file of the index.
#[derive(Clone, Debug, Default)]
pub struct IndexFile {
    /// Its name: when it was made.
    pub name: String,
    /// Its first 40 bytes.
    pub header: IndexHeader,
    /// The entries that the header counts, number 1 first.
    pub entries: Vec<IndexEntry>,
}

/// What an index file says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexHeader {
    /// Store time of the first entry, ms.
    pub begin_ms: i64,
    /// Store time of the last entry, ms.
    pub end_ms: i64,
    /// Where the first entry's record is.
    pub begin_physical: i64,
    /// Where the last entry's record is.
    pub end_physical: i64,
    /// Slots in use.
    pub slots_used: i32,
    /// Number of the next entry.
    pub next: i32,
}

/// An entry of an index file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its number in the file, from 1.
    pub number: u32,
    /// Hash of `TOPIC#KEY`.
    pub hash: u32,
    /// Where the record is.
    pub physical_offset: i64,
    /// Whole seconds from the file's first record to this.
    pub seconds: i32,
    /// The next older entry of the slot, 0 for none.
    pub older: u32,
    /// A walk from the slot of its hash comes here.
    pub reachable: bool,
}

/// The hash of a topic's key: Java's of `topic#key`, without its sign.
pub fn index_hash(topic: &str, key: &str) -> u32 {
    // Java's `Math.abs` leaves the smallest number negative, and `IndexFile` makes it 0.
    java_hash(&format!("{topic}#{key}")).checked_abs().unwrap_or(0).unsigned_abs()
}

/// Reads the folder `index`.
pub(super) fn read(dir: &Path, geometry: Geometry, troubles: &mut Vec<Trouble>) -> Index {
    let mut index = Index::default();
    for listed in list(dir, troubles) {
        let trouble = |what: String| Trouble { path: listed.path.clone(), what };
        let named = listed.name.len() == 17 && listed.name.bytes().all(|byte| byte.is_ascii_digit());
        if listed.is_dir || !named {
            troubles.push(trouble("its name is not a time of 17 digits".into()));
            continue;
        }
        if listed.len != geometry.file_len() {
            let what = format!("{} bytes instead of {} for {geometry:?}", listed.len, geometry.file_len());
            troubles.push(trouble(what));
            continue;
        }
        match Window::open(&listed.path).and_then(|mut window| read_file(&mut window, geometry)) {
            Ok(mut file) => {
                file.name = listed.name.clone();
                if file.header.next < 1 || file.header.next.unsigned_abs() > geometry.entries {
                    troubles.push(trouble(format!("its next entry would be number {}", file.header.next)));
                }
                let reachable = file.entries.iter().filter(|entry| entry.reachable);
                index.findable.extend(reachable.map(|entry| (entry.hash, entry.physical_offset)));
                index.files.push(file);
            }
            Err(error) => troubles.push(trouble(error.to_string())),
        }
    }
    index
}

fn read_file(window: &mut Window, geometry: Geometry) -> io::Result<IndexFile> {
    let head = window.bytes(0, HEADER_LEN as usize)?;
    let header = IndexHeader {
        begin_ms: i64_at(head, 0),
        end_ms: i64_at(head, 8),
        begin_physical: i64_at(head, 16),
        end_physical: i64_at(head, 24),
        slots_used: i32_at(head, 32),
        next: i32_at(head, 36),
    };
    let slots = window.bytes(HEADER_LEN, geometry.slots as usize * 4)?.to_vec();
    let next = u32::try_from(header.next).unwrap_or(0).min(geometry.entries);
    let mut entries = Vec::new();
    for number in 1..next {
        let bytes = window.bytes(geometry.entries_at() + u64::from(number) * ENTRY_LEN, ENTRY_LEN as usize)?;
        entries.push(IndexEntry {
            number,
            hash: i32_at(bytes, 0) as u32,
            physical_offset: i64_at(bytes, 4),
            seconds: i32_at(bytes, 12),
            older: i32_at(bytes, 16) as u32,
            reachable: false,
        });
    }
    for (slot, number) in (0..).zip(slots.chunks_exact(4)) {
        let mut number = i32_at(number, 0) as u32;
        // Older entries have smaller numbers; a chain that goes up could be a ring.
        let mut below = next;
        while (1..below).contains(&number) {
            let Some(entry) = entries.get_mut(number as usize - 1) else { break };
            entry.reachable = entry.hash.checked_rem(geometry.slots) == Some(slot);
            (below, number) = (number, entry.older);
        }
    }
    Ok(IndexFile { name: String::new(), header, entries })
}

//! One file of the index by key: hash slots, each the head of a chain of entries.
//!
//! ```text
//! offset             size  field (big endian)
//!      0                8  store time of the first entry, ms
//!      8                8  store time of the last entry, ms
//!     16                8  physical offset of the first entry's record
//!     24                8  physical offset of the last entry's record
//!     32                4  slots in use
//!     36                4  number of the next entry; entries count from 1
//!     40            4 × S  slots: number of the newest entry of the chain, 0 for none
//! 40+4×S           20 × N  entries:
//!                       4  hash of TOPIC#KEY
//!                       8  physical offset of the record
//!                       4  store time, seconds after the file's first
//!                       4  number of the next older entry in the slot, 0 for none
//! ```
//! Source: `IndexFile` and `IndexHeader` of Apache RocketMQ 4.9.8. Entries are written before the slots that lead to
//! them, so that a stop at any moment leaves chains that lead only to entries which are there.

use crate::{StoreError, mapped_file::SlotMap};
use base::disk::{Disk, DiskFile};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

const HEADER_LEN: usize = 40;
const ENTRY_LEN: usize = 20;
/// Where the header has the number of the next entry.
const NEXT_AT: usize = 36;
/// Entries that lead so near the end of what is surely whole, in bytes, are held against the log.
const MAY_BE_TORN: i64 = 16 << 20;

/// How many slots and entries a file has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub slots: u32,
    pub entries: u32,
}

impl Geometry {
    fn head_len(self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.slots) * 4
    }

    /// Bytes of a file.
    pub fn file_len(self) -> u64 {
        self.head_len() + u64::from(self.entries) * ENTRY_LEN as u64
    }
}

/// A key that is to be found later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Hash of `topic#key`.
    pub hash: u32,
    pub physical_offset: i64,
    pub store_ms: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub begin_ms: i64,
    pub end_ms: i64,
    pub begin_physical: i64,
    pub end_physical: i64,
    pub slots_used: u32,
    /// Number of the next entry, at least 1.
    pub next: u32,
}

struct Entry {
    hash: u32,
    physical_offset: i64,
    seconds: u32,
    older: u32,
}

impl Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.hash.to_be_bytes());
        out.extend_from_slice(&self.physical_offset.to_be_bytes());
        out.extend_from_slice(&self.seconds.to_be_bytes());
        out.extend_from_slice(&self.older.to_be_bytes());
    }

    fn decode(bytes: &[u8; ENTRY_LEN]) -> Self {
        let u32_at = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte]));
        let physical_offset = (i64::from(u32_at(4)) << 32) | i64::from(u32_at(8));
        Self { hash: u32_at(0), physical_offset, seconds: u32_at(12), older: u32_at(16) }
    }
}

/// An open index file. One thread links keys into it at a time; any number look keys up.
#[derive(Debug)]
pub(crate) struct IndexFile {
    file: DiskFile,
    slots: SlotMap,
    geometry: Geometry,
    header: Mutex<Header>,
}

impl IndexFile {
    /// Makes an empty file, sparse but for the slots.
    pub fn create(disk: &Disk, path: PathBuf, geometry: Geometry) -> Result<Self, StoreError> {
        Self::with(disk.create(path, geometry.file_len())?, geometry)
    }

    /// Opens a file of that geometry.
    pub fn open(disk: &Disk, path: PathBuf, geometry: Geometry) -> Result<Self, StoreError> {
        Self::with(disk.open(path)?, geometry)
    }

    fn with(file: DiskFile, geometry: Geometry) -> Result<Self, StoreError> {
        let slots = SlotMap::new(&file, geometry.head_len())?;
        let header = Header {
            begin_ms: slots.load_i64(0),
            end_ms: slots.load_i64(8),
            begin_physical: slots.load_i64(16),
            end_physical: slots.load_i64(24),
            slots_used: slots.load_u32(32),
            next: slots.load_u32(NEXT_AT).clamp(1, geometry.entries),
        };
        Ok(Self { file, slots, geometry, header: Mutex::new(header) })
    }

    pub fn header(&self) -> Header {
        *self.header.lock()
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// No further key fits.
    pub fn is_full(&self) -> bool {
        self.header().next >= self.geometry.entries
    }

    pub fn sync(&self) -> Result<(), StoreError> {
        Ok(self.file.sync()?)
    }

    fn slot_at(&self, hash: u32) -> usize {
        HEADER_LEN + (hash % self.geometry.slots) as usize * 4
    }

    fn entry_at(&self, number: u32) -> u64 {
        self.geometry.head_len() + u64::from(number) * ENTRY_LEN as u64
    }

    /// Adds keys in order, as many as fit; returns how many. By one thread at a time.
    pub fn link(&self, keys: &[Key]) -> Result<usize, StoreError> {
        let mut header = self.header();
        let first = header.next;
        let keys = &keys[..keys.len().min((self.geometry.entries - first) as usize)];
        let mut heads: HashMap<usize, u32> = HashMap::with_capacity(keys.len());
        let mut bytes = Vec::with_capacity(keys.len() * ENTRY_LEN);
        for key in keys {
            if header.next == 1 {
                (header.begin_ms, header.begin_physical) = (key.store_ms, key.physical_offset);
            }
            let slot = self.slot_at(key.hash);
            let older = heads.insert(slot, header.next).unwrap_or_else(|| self.slots.load_u32(slot));
            let older = if older < header.next { older } else { 0 };
            let seconds = (key.store_ms.saturating_sub(header.begin_ms) / 1000).clamp(0, i32::MAX.into()) as u32;
            Entry { hash: key.hash, physical_offset: key.physical_offset, seconds, older }.encode(&mut bytes);
            header.slots_used += u32::from(older == 0);
            header.next += 1;
            (header.end_ms, header.end_physical) = (key.store_ms, key.physical_offset);
        }
        self.file.write_at(self.entry_at(first), &bytes)?;
        // Readers take no slot for good that points behind the header's count: count first, then slots.
        *self.header.lock() = header;
        self.store_header(header);
        heads.into_iter().for_each(|(slot, number)| self.slots.store_u32(&self.file, slot, number));
        Ok(keys.len())
    }

    fn store_header(&self, header: Header) {
        self.slots.store_i64(&self.file, 0, header.begin_ms);
        self.slots.store_i64(&self.file, 8, header.end_ms);
        self.slots.store_i64(&self.file, 16, header.begin_physical);
        self.slots.store_i64(&self.file, 24, header.end_physical);
        self.slots.store_u32(&self.file, 32, header.slots_used);
        self.slots.store_u32(&self.file, NEXT_AT, header.next);
    }

    /// Whether the file may hold keys of records stored in that span, ms.
    pub fn overlaps(&self, begin_ms: i64, end_ms: i64) -> bool {
        let header = self.header();
        begin_ms <= header.end_ms && end_ms >= header.begin_ms
    }

    /// Passes the physical offset of each entry with that hash, newest first, until `visit` returns false.
    /// Entries stored before `begin_ms` may be left out.
    pub fn visit(&self, hash: u32, begin_ms: i64, mut visit: impl FnMut(i64) -> bool) -> Result<(), StoreError> {
        let header = self.header();
        let mut number = self.slots.load_u32(self.slot_at(hash));
        // Damage could close a chain to a ring; older entries always have smaller numbers.
        let mut limit = self.header().next.max(header.next);
        while number != 0 && number < limit {
            let mut bytes = [0; ENTRY_LEN];
            self.file.read_at(self.entry_at(number), &mut bytes)?;
            let entry = Entry::decode(&bytes);
            if entry.hash == hash && !visit(entry.physical_offset) {
                break;
            }
            // The seconds were cut off, so the record may be up to one second younger.
            if header.begin_ms.saturating_add(i64::from(entry.seconds) * 1000 + 999) < begin_ms {
                break;
            }
            (limit, number) = (number, entry.older);
        }
        Ok(())
    }

    fn is_blank(&self, number: u32) -> Result<bool, StoreError> {
        let mut bytes = [0; ENTRY_LEN];
        self.file.read_at(self.entry_at(number), &mut bytes)?;
        Ok(number >= self.geometry.entries || bytes == [0; ENTRY_LEN])
    }

    /// After a crash: keeps the entries that are whole and lead into `0..log_end`, and links their chains anew.
    /// Returns whether any is left.
    /// `has_key` tells whether the record at an offset of the log has a key with a hash: the last entry kept may be torn.
    pub fn relink(&self, log_end: i64, has_key: &dyn Fn(i64, u32) -> bool) -> Result<bool, StoreError> {
        let mut header = self.header();
        let stated = header.next;
        let mut heads = vec![0u32; self.geometry.slots as usize];
        let mut chunk = vec![0; ENTRY_LEN * 4096];
        let (mut number, mut last_physical, mut last_seconds, mut slots_used) = (1, header.begin_physical, 0, 0);
        'all: while number < stated {
            let want = ENTRY_LEN * 4096.min((stated - number) as usize);
            let count = self.file.read_at(self.entry_at(number), &mut chunk[..want])? / ENTRY_LEN;
            for bytes in chunk[..count * ENTRY_LEN].chunks_exact(ENTRY_LEN) {
                let Ok(bytes) = bytes.try_into() else { break 'all };
                let mut entry = Entry::decode(bytes);
                let blank = entry.hash == 0 && entry.physical_offset == 0;
                let follows = entry.physical_offset >= last_physical && entry.physical_offset < log_end;
                if blank || !follows || entry.hash > i32::MAX as u32 || entry.seconds > i32::MAX as u32 {
                    break 'all;
                }
                let near_the_end = entry.physical_offset >= log_end.saturating_sub(MAY_BE_TORN);
                if near_the_end && !has_key(entry.physical_offset, entry.hash) && self.is_blank(number + 1)? {
                    break 'all;
                }
                let head = &mut heads[(entry.hash % self.geometry.slots) as usize];
                slots_used += u32::from(*head == 0);
                if entry.older != *head {
                    entry.older = *head;
                    let mut bytes = Vec::new();
                    entry.encode(&mut bytes);
                    self.file.write_at(self.entry_at(number), &bytes)?;
                }
                *head = number;
                (last_physical, last_seconds, number) = (entry.physical_offset, entry.seconds, number + 1);
            }
            if count == 0 {
                break;
            }
        }
        // First of all: a crash in the midst of this must not leave a file that looks full and is not relinked again.
        self.slots.store_u32(&self.file, NEXT_AT, number);
        for (index, head) in heads.into_iter().enumerate() {
            let slot = HEADER_LEN + index * 4;
            if self.slots.load_u32(slot) != head {
                self.slots.store_u32(&self.file, slot, head);
            }
        }
        // The header may have come further than its entries did.
        if number != stated || header.end_physical != last_physical {
            header.end_ms = header.begin_ms.saturating_add(i64::from(last_seconds) * 1000);
            header.end_physical = last_physical;
        }
        (header.next, header.slots_used) = (number, slots_used);
        *self.header.lock() = header;
        self.store_header(header);
        Ok(number > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::disk::{Call, Refused, Tap};
    use std::sync::Arc;

    const TINY: Geometry = Geometry { slots: 2, entries: 6 };

    fn key(hash: u32, physical_offset: i64, store_ms: i64) -> Key {
        Key { hash, physical_offset, store_ms }
    }

    fn found(file: &IndexFile, hash: u32) -> Vec<i64> {
        let mut found = Vec::new();
        file.visit(hash, 0, |offset| {
            found.push(offset);
            true
        })
        .unwrap();
        found
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_file_has_the_bytes_of_the_public_layout() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("20240101000000000");
        let file = IndexFile::create(&Disk::default(), path.clone(), TINY).unwrap();
        // 7 and 5 share slot 1; 4 has slot 0.
        file.link(&[key(7, 100, 5000), key(4, 200, 6500)]).unwrap();
        file.link(&[key(5, 300, 7100)]).unwrap();
        let content = std::fs::read(&path).unwrap();
        assert_eq!(content.len(), 40 + 2 * 4 + 6 * 20);
        let golden = concat!(
            "0000000000001388", // 5000
            "0000000000001bbc", // 7100
            "0000000000000064",
            "000000000000012c",
            "00000002",
            "00000004",
            "00000002",
            "00000003",
        );
        assert_eq!(hex(&content[..48]), golden);
        let golden = concat!(
            "0000000000000000000000000000000000000000",
            "00000007",
            "0000000000000064",
            "00000000",
            "00000000",
            "00000004",
            "00000000000000c8",
            "00000001",
            "00000000",
            "00000005",
            "000000000000012c",
            "00000002",
            "00000001",
        );
        assert_eq!(hex(&content[48..128]), golden);
        drop(file);
        let file = IndexFile::open(&Disk::default(), path, TINY).unwrap();
        assert_eq!((found(&file, 7), found(&file, 5), found(&file, 9)), (vec![100], vec![300], vec![]));
    }

    #[test]
    fn a_full_file_takes_no_more_and_chains_are_read_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        let file = IndexFile::create(&Disk::default(), dir.path().join("1"), TINY).unwrap();
        let keys: Vec<_> = (0..8).map(|n| key(3, n * 10, n * 1000)).collect();
        assert_eq!((file.link(&keys).unwrap(), file.is_full(), file.link(&keys).unwrap()), (5, true, 0));
        assert_eq!(found(&file, 3), [40, 30, 20, 10, 0]);
    }

    #[test]
    fn lost_slots_and_entries_behind_the_log_are_put_right() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1");
        let file = IndexFile::create(&Disk::default(), path.clone(), TINY).unwrap();
        file.link(&[key(3, 0, 0), key(5, 10, 1000), key(2, 20, 2000), key(3, 30, 3000)]).unwrap();
        file.slots.store_u32(&file.file, HEADER_LEN + 4, 0);
        assert!(found(&file, 3).is_empty());
        assert!(file.relink(30, &|_, _| true).unwrap());
        assert_eq!((found(&file, 3), found(&file, 5), found(&file, 2)), (vec![0], vec![10], vec![20]));
        assert_eq!(file.header().next, 4);
        let before = std::fs::read(&path).unwrap();
        assert!(file.relink(30, &|_, _| true).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), before, "a second time changes nothing");
        assert!(!file.relink(0, &|_, _| true).unwrap());
    }

    /// Keeps what a file held after each change of it.
    #[derive(Default)]
    struct Copies(Mutex<Vec<Vec<u8>>>);

    impl Tap for Copies {
        fn before(&self, _: &Call<'_>) -> Result<(), Refused> {
            Ok(())
        }

        fn after(&self, call: &Call<'_>) {
            if let Call::Write { path, .. } | Call::Store { path, .. } = call {
                self.0.lock().push(std::fs::read(path).unwrap());
            }
        }
    }

    #[test]
    fn a_crash_while_a_full_file_is_cut_leaves_one_that_is_cut_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1");
        let file = IndexFile::create(&Disk::default(), path.clone(), TINY).unwrap();
        let keys: Vec<_> = (1..6).map(|n| key(3, n * 10, n * 1000)).collect();
        assert!(file.link(&keys).unwrap() == 5 && file.is_full());
        let copies = Arc::new(Copies::default());
        let file = IndexFile::open(&Disk::with_tap(copies.clone()), path.clone(), TINY).unwrap();
        assert!(file.relink(35, &|_, _| true).unwrap());
        let copies = std::mem::take(&mut *copies.0.lock());
        assert!(copies.len() > 3, "{} changes", copies.len());
        for (at, copy) in copies.into_iter().enumerate() {
            std::fs::write(&path, copy).unwrap();
            let file = IndexFile::open(&Disk::default(), path.clone(), TINY).unwrap();
            // What `Index::open` goes by.
            assert!(!file.is_full() || file.header().end_physical >= 35, "after change {at}: {:?}", file.header());
            assert!(file.relink(35, &|_, _| true).unwrap());
            assert_eq!((found(&file, 3), file.header().end_physical), (vec![30, 20, 10], 30), "after change {at}");
        }
    }
}

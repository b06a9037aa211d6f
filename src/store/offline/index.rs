//! The index files as they lie on disk, read entry by entry from the oldest to the newest, with a look at whether each
//! entry can be reached from its slot.

use super::{
    disk,
    finding::{Findings, REPAIR},
};
use crate::{
    StoreConfig, StoreError,
    index_file::{Geometry, Header},
};
use base::disk::DiskFile;
use std::path::PathBuf;

const HEADER_LEN: u64 = 40;
const ENTRY_LEN: usize = 20;
/// Entries, or slots, read at a time.
const PIECE: usize = 16 << 10;

/// An entry of the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexEntry {
    pub hash: u32,
    pub physical_offset: i64,
    /// Seconds after `begin_ms`.
    pub seconds: u32,
    /// The store time at which its file begins, ms.
    pub begin_ms: i64,
    /// Index in `IndexReader::files`, and its number in that file.
    pub file: usize,
    pub number: u32,
}

/// A file of the index.
#[derive(Clone, Debug)]
pub(super) struct IndexPart {
    pub path: PathBuf,
    pub len: u64,
    pub header: Header,
    /// Its size is that of the geometry.
    pub fits: bool,
}

fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes.get(at..at + len).map_or(0, |bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The files of the index, oldest first.
pub(super) fn find(config: &StoreConfig) -> Result<Vec<IndexPart>, StoreError> {
    let geometry = geometry(config);
    let mut parts = Vec::new();
    for listed in disk().list(&config.index_path())? {
        if listed.is_dir || listed.name.len() != 17 || !listed.name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Some(file) = disk().open_to_read(listed.path.clone())? else { continue };
        let mut bytes = [0; HEADER_LEN as usize];
        file.read_at(0, &mut bytes)?;
        let header = Header {
            begin_ms: number(&bytes, 0, 8) as i64,
            end_ms: number(&bytes, 8, 8) as i64,
            begin_physical: number(&bytes, 16, 8) as i64,
            end_physical: number(&bytes, 24, 8) as i64,
            slots_used: number(&bytes, 32, 4) as u32,
            next: number(&bytes, 36, 4) as u32,
        };
        parts.push(IndexPart { path: listed.path, len: listed.len, header, fits: listed.len == geometry.file_len() });
    }
    Ok(parts)
}

pub(super) fn geometry(config: &StoreConfig) -> Geometry {
    Geometry { slots: config.max_hash_slot_num, entries: config.max_index_num }
}

/// Entries in order, across files.
#[derive(Debug)]
pub(super) struct IndexReader {
    pub parts: Vec<IndexPart>,
    geometry: Geometry,
    /// A broker changes the files meanwhile.
    in_use: bool,
    file: usize,
    open: Option<DiskFile>,
    /// The number of the next entry, and behind the last.
    number: u32,
    end: u32,
    bytes: Vec<u8>,
    at: usize,
    /// The newest entry of each slot's chain, so far.
    heads: Vec<u32>,
    /// Broken chains of this file, and the first.
    broken: (u64, u32),
    first: Option<IndexEntry>,
    last: Option<IndexEntry>,
}

impl IndexReader {
    pub fn new(config: &StoreConfig, parts: Vec<IndexPart>, in_use: bool) -> Self {
        Self {
            parts,
            geometry: geometry(config),
            in_use,
            file: 0,
            open: None,
            number: 0,
            end: 0,
            bytes: Vec::new(),
            at: 0,
            heads: Vec::new(),
            broken: (0, 0),
            first: None,
            last: None,
        }
    }

    /// The next entry; `None` at the end of the index. What is wrong with a file on its own is noted on the way.
    pub fn next(&mut self, findings: &mut Findings) -> Result<Option<IndexEntry>, StoreError> {
        loop {
            if self.open.is_none() && !self.open_next()? {
                return Ok(None);
            }
            if self.number < self.end
                && let Some(entry) = self.read()?
            {
                if entry == IndexEntry::default() {
                    self.end_short(findings);
                    continue;
                }
                findings.verdict.index_entries += 1;
                return Ok(Some(entry));
            }
            if self.number < self.end {
                self.end_short(findings);
            }
            self.close(findings)?;
        }
    }

    fn open_next(&mut self) -> Result<bool, StoreError> {
        while let Some(part) = self.parts.get(self.file) {
            if part.fits
                && let Some(file) = disk().open_to_read(part.path.clone())?
            {
                (self.number, self.end) = (1, part.header.next.clamp(1, self.geometry.entries));
                (self.bytes, self.at, self.broken) = (Vec::new(), 0, (0, 0));
                (self.first, self.last) = (None, None);
                self.heads.clear();
                self.heads.resize(self.geometry.slots as usize, 0);
                self.open = Some(file);
                return Ok(true);
            }
            self.file += 1;
        }
        Ok(false)
    }

    fn position(&self, number: u32) -> u64 {
        HEADER_LEN + u64::from(self.geometry.slots) * 4 + u64::from(number) * ENTRY_LEN as u64
    }

    fn read(&mut self) -> Result<Option<IndexEntry>, StoreError> {
        let Some(file) = &self.open else { return Ok(None) };
        if self.at + ENTRY_LEN > self.bytes.len() {
            let count = ((self.end - self.number) as usize).min(PIECE);
            self.bytes.resize(count * ENTRY_LEN, 0);
            let read = file.read_at(self.position(self.number), &mut self.bytes)?;
            self.bytes.truncate(read / ENTRY_LEN * ENTRY_LEN);
            self.at = 0;
            if self.bytes.is_empty() {
                return Ok(None);
            }
        }
        let bytes = &self.bytes[self.at..self.at + ENTRY_LEN];
        let (hash, physical_offset) = (number(bytes, 0, 4) as u32, number(bytes, 4, 8) as i64);
        let (seconds, older) = (number(bytes, 12, 4) as u32, number(bytes, 16, 4) as u32);
        if bytes == [0; ENTRY_LEN] {
            return Ok(Some(IndexEntry::default()));
        }
        let head = &mut self.heads[(hash % self.geometry.slots) as usize];
        if *head != older {
            self.broken = (self.broken.0 + 1, if self.broken.0 == 0 { self.number } else { self.broken.1 });
        }
        *head = self.number;
        let begin_ms = self.parts[self.file].header.begin_ms;
        let entry = IndexEntry { hash, physical_offset, seconds, begin_ms, file: self.file, number: self.number };
        self.at += ENTRY_LEN;
        self.number += 1;
        self.first.get_or_insert(entry);
        self.last = Some(entry);
        Ok(Some(entry))
    }

    fn end_short(&mut self, findings: &mut Findings) {
        let what = format!("entry {} is empty, the file says it has {}", self.number, self.end - 1);
        self.wrong(self.number, what, findings);
        self.end = self.number;
    }

    /// Something is wrong with entry `number` of the open file.
    fn wrong(&self, number: u32, what: String, findings: &mut Findings) {
        let part = &self.parts[self.file];
        let (path, offset) = (part.path.clone(), Some(self.position(number)));
        match self.is_relinked() {
            true => findings.recoverable(path, offset, what, REPAIR),
            false => findings.error(path, offset, what, REPAIR),
        }
    }

    /// Whether a recovery links the entries of the open file anew: unless it is full, and others follow it.
    fn is_relinked(&self) -> bool {
        let header = &self.parts[self.file].header;
        let followed = self.parts[self.file + 1..].iter().any(|later| later.header.next > 1);
        header.next < self.geometry.entries || header.end_physical == 0 || !followed
    }

    /// Where the entry is: its file, and the position there.
    pub fn place(&self, entry: &IndexEntry) -> (PathBuf, Option<u64>) {
        (self.parts[entry.file].path.clone(), Some(self.position(entry.number)))
    }

    fn close(&mut self, findings: &mut Findings) -> Result<(), StoreError> {
        let Some(file) = self.open.take() else { return Ok(()) };
        // The newest file of a running broker changes while it is read.
        let moves = self.in_use && self.file + 1 == self.parts.len();
        if !moves {
            self.check_slots(&file, findings)?;
            self.check_header(findings);
        }
        self.file += 1;
        Ok(())
    }

    fn check_slots(&mut self, file: &DiskFile, findings: &mut Findings) -> Result<(), StoreError> {
        if self.broken.0 > 0 {
            let (count, first) = self.broken;
            let what = format!("{count} entries break the chain of their slot, the first is entry {first}");
            self.wrong(first, what, findings);
        }
        let mut bytes = vec![0; PIECE * 4];
        let (mut lost, mut at) = (None, 0);
        for heads in self.heads.chunks(PIECE) {
            let wanted = &mut bytes[..heads.len() * 4];
            file.read_at(HEADER_LEN + at * 4, wanted)?;
            let differ = |(head, slot): (&u32, &[u8])| head.to_be_bytes() != slot;
            if let Some(index) = heads.iter().zip(wanted.chunks_exact(4)).position(differ) {
                lost = Some(at + index as u64);
                break;
            }
            at += heads.len() as u64;
        }
        if let Some(slot) = lost {
            let what = format!("slot {slot} does not lead to the newest entry of its chain");
            let part = &self.parts[self.file];
            let (path, offset) = (part.path.clone(), Some(HEADER_LEN + slot * 4));
            match self.is_relinked() {
                true => findings.recoverable(path, offset, what, REPAIR),
                false => findings.error(path, offset, what, REPAIR),
            }
        }
        Ok(())
    }

    fn check_header(&self, findings: &mut Findings) {
        let part = &self.parts[self.file];
        let mut wrong = |offset: u64, what: String| findings.recoverable(part.path.clone(), offset, what, REPAIR);
        if part.header.next != self.end {
            wrong(36, format!("the header counts {} entries, there are {}", part.header.next, self.end));
        }
        if let (Some(first), Some(last)) = (self.first, self.last) {
            if part.header.begin_physical != first.physical_offset {
                let (says, is) = (part.header.begin_physical, first.physical_offset);
                wrong(16, format!("the header says that the first entry leads to {says}, it leads to {is}"));
            }
            if part.header.end_physical != last.physical_offset {
                let (says, is) = (part.header.end_physical, last.physical_offset);
                wrong(24, format!("the header says that the last entry leads to {says}, it leads to {is}"));
            }
            let last_ms = part.header.begin_ms + i64::from(last.seconds) * 1000;
            if part.header.end_ms < last_ms {
                wrong(8, format!("the header ends at {} ms, the last entry is of {last_ms}", part.header.end_ms));
            }
        }
        let used = self.heads.iter().filter(|head| **head != 0).count();
        if part.header.slots_used as usize != used {
            wrong(32, format!("the header counts {} slots in use, there are {used}", part.header.slots_used));
        }
    }
}

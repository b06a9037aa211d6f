//! Log ≡ index: each key of a record can be found, and each entry leads to a record with such a key.
//!
//! Entries are in the order of the log, so both are read once, side by side.

use super::{
    damage::Damages,
    finding::{Findings, REPAIR},
    index::{IndexEntry, IndexReader},
};
use crate::StoreError;
use std::path::PathBuf;

/// The index, next to the walk.
#[derive(Debug)]
pub(super) struct IndexCheck {
    dir: PathBuf,
    reader: IndexReader,
    log_min: i64,
    safe_ms: i64,
    /// The next two entries: only the second tells whether it is the first that is out of order.
    ahead: [Option<IndexEntry>; 2],
    any: bool,
    missing: Missing,
}

/// Keys in a row that no entry is there for.
#[derive(Debug, Default)]
struct Missing {
    count: u64,
    first_at: i64,
    last_ms: i64,
}

impl IndexCheck {
    pub fn new(
        dir: PathBuf,
        reader: IndexReader,
        log_min: u64,
        safe_ms: i64,
        findings: &mut Findings,
    ) -> Result<Self, StoreError> {
        for part in reader.parts.iter().filter(|part| !part.fits) {
            let what = format!("has {} bytes, which does not follow from maxHashSlotNum and maxIndexNum", part.len);
            let remedy = "give the broker.conf with these two keys by -c; if they are right, rmq store repair";
            match part.len {
                // One that was being made.
                0 => findings.recoverable(part.path.clone(), None, what, remedy),
                _ => findings.error(part.path.clone(), None, what, remedy),
            }
        }
        let (missing, ahead) = Default::default();
        let mut check = Self { dir, reader, log_min: log_min as i64, safe_ms, ahead, any: false, missing };
        check.advance(findings)?;
        check.advance(findings)?;
        check.any = check.ahead[0].is_some();
        Ok(check)
    }

    /// Moves on by one entry, dropping those that are out of order.
    fn advance(&mut self, findings: &mut Findings) -> Result<Option<IndexEntry>, StoreError> {
        let taken = self.ahead[0];
        self.ahead[0] = self.ahead[1];
        loop {
            self.ahead[1] = self.reader.next(findings)?;
            let (Some(first), Some(second)) = (self.ahead[0], self.ahead[1]) else { return Ok(taken) };
            if first.physical_offset <= second.physical_offset {
                return Ok(taken);
            }
            // One of the two is not what it was: the one that does not fit what is before them.
            let before = taken.map_or(0, |taken| taken.physical_offset);
            let wrong = if second.physical_offset >= before { first } else { second };
            if wrong == first {
                self.ahead[0] = Some(second);
            }
            self.wrong(
                &wrong,
                format!("entry {} is out of order: it leads to {}", wrong.number, wrong.physical_offset),
                findings,
            );
        }
    }

    fn wrong(&self, entry: &IndexEntry, what: String, findings: &mut Findings) {
        let (path, offset) = self.reader.place(entry);
        findings.error(path, offset, what, REPAIR);
    }

    /// A record comes by, with the hashes of its keys.
    pub fn record(
        &mut self,
        at: i64,
        store_ms: i64,
        hashes: &[u32],
        damages: &Damages,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        self.skip_to(at, damages, findings)?;
        let mut found: Vec<u32> = Vec::new();
        while let Some(entry) = self.ahead[0].filter(|entry| entry.physical_offset == at) {
            self.advance(findings)?;
            if !hashes.contains(&entry.hash) {
                let what = format!("entry {} is of no key of the record at {at}, to which it leads", entry.number);
                self.wrong(&entry, what, findings);
                continue;
            }
            found.push(entry.hash);
            let seconds = ((store_ms - entry.begin_ms) / 1000).clamp(0, i32::MAX.into());
            let by_time = entry.begin_ms > 0 && i64::from(entry.seconds) != seconds;
            if by_time {
                let what = format!(
                    "entry {} says {} s, its record was stored {seconds} s after the file's first",
                    entry.number, entry.seconds
                );
                self.wrong(&entry, what, findings);
            }
        }
        let lost = hashes.iter().filter(|hash| !found.contains(hash)).count() as u64;
        if lost == 0 {
            if !hashes.is_empty() {
                self.settle(findings);
            }
            return Ok(());
        }
        if self.missing.count == 0 {
            self.missing.first_at = at;
        }
        self.missing.count += lost;
        self.missing.last_ms = store_ms;
        Ok(())
    }

    /// Accounts for the entries that lead to before `at`.
    fn skip_to(&mut self, at: i64, damages: &Damages, findings: &mut Findings) -> Result<(), StoreError> {
        while let Some(entry) = self.ahead[0].filter(|entry| entry.physical_offset < at) {
            self.advance(findings)?;
            let place = entry.physical_offset as u64;
            if entry.physical_offset >= self.log_min && !damages.touch(place, place + 1) {
                let what = format!("entry {} leads to {place}, where no record starts that has keys", entry.number);
                self.wrong(&entry, what, findings);
            }
        }
        Ok(())
    }

    /// The index goes on: what was missing before will not come.
    fn settle(&mut self, findings: &mut Findings) {
        let Missing { count, first_at, .. } = std::mem::take(&mut self.missing);
        if count > 0 {
            let what = match count {
                1 => format!("a key of the record at {first_at} is not in the index"),
                _ => format!("{count} keys are not in the index, the first is of the record at {first_at}"),
            };
            findings.error(self.dir.clone(), None, what, REPAIR);
        }
    }

    /// The log is at its end.
    pub fn finish(
        &mut self,
        log_end: u64,
        in_use: bool,
        damages: &Damages,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let behind = self.ahead[0].is_none();
        self.skip_to(log_end as i64, damages, findings)?;
        if let Some(first) = self.ahead[0] {
            let mut count = 0u64;
            while self.advance(findings)?.is_some() {
                count += 1;
            }
            if !in_use {
                let what = format!("{count} entries from {} on lead behind the end of the log", first.number);
                let (path, offset) = self.reader.place(&first);
                findings.recoverable(path, offset, what, REPAIR);
            }
        }
        if self.missing.count > 0 && behind {
            let Missing { count, first_at, last_ms } = std::mem::take(&mut self.missing);
            let what =
                format!("the index ends before the log: it lacks {count} keys, from the record at {first_at} on");
            let remedy = match self.any {
                true => REPAIR,
                false => {
                    "rmq store repair; if the broker runs with messageIndexEnable=false, give its broker.conf by -c"
                }
            };
            match last_ms > self.safe_ms || in_use {
                true => findings.recoverable(self.dir.clone(), None, what, remedy),
                false => findings.error(self.dir.clone(), None, what, remedy),
            }
        }
        self.settle(findings);
        Ok(())
    }
}

//! Reading the log from front to back at a start, to find the end of what is good.
//!
//! By `pread`, not through a mapping: a disk that cannot read is an error here, and the mappings that readers use are made
//! only once it is known how far each file is good. What is damaged below the offset that is known to be on the disk is
//! stepped over; anything else that is no record is where the log ends.

use crate::{
    StoreError,
    resync::next_record,
    view::{Found, RecordView, look},
};
use base::Disk;
use std::{ops::Range, path::PathBuf};

const CHUNK: usize = 1 << 20;

/// A log file as found on disk.
#[derive(Clone, Debug)]
pub(crate) struct FoundFile {
    pub start: u64,
    pub path: PathBuf,
}

/// Where a scan ended, and what is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub offset: u64,
    pub reason: &'static str,
    /// What was stepped over.
    pub damaged: Vec<Range<u64>>,
}

/// How to read a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    pub disk: &'a Disk,
    pub files: &'a [FoundFile],
    pub file_size: u64,
    /// Whether the CRCs count.
    pub check_crc: bool,
    /// Below it the log was brought to the disk: what is no record there was one.
    pub synced: u64,
}

/// Why a walk over records stopped.
struct Stop {
    offset: u64,
    reason: &'static str,
    /// There are bytes which are no record, rather than nothing.
    unsound: bool,
}

impl Scan<'_> {
    /// Passes every record from `from` on to `visit`, up to the first place that holds none, or to `until`.
    /// `from` must be where a record starts.
    pub fn run(
        &self,
        (from, until): (u64, u64),
        mut visit: impl FnMut(&RecordView<'_>) -> Result<(), StoreError>,
    ) -> Result<End, StoreError> {
        let mut damaged: Vec<Range<u64>> = Vec::new();
        let mut offset = from;
        loop {
            let stop = self.walk((offset, until), &mut visit)?;
            let known = self.synced.min(until);
            let ended = End { offset: stop.offset, reason: stop.reason, damaged };
            if !stop.unsound || stop.offset >= known {
                return Ok(ended);
            }
            let behind = match next_record(self, (stop.offset + 1, known))? {
                Some(behind) => behind,
                // Nothing but zeros up to there: the files are older than what was said of them.
                None if self.is_blank((stop.offset, known))? => return Ok(ended),
                None => known,
            };
            tracing::error!(
                from = stop.offset,
                to = behind,
                why = stop.reason,
                "damage in the commit log: going on behind it"
            );
            damaged = ended.damaged;
            damaged.push(stop.offset..behind);
            offset = behind;
        }
    }

    fn is_blank(&self, (from, to): (u64, u64)) -> Result<bool, StoreError> {
        let mut buffer = vec![0; 64 << 10];
        let mut at = from;
        while at < to {
            let Some(found) = self.file_at(at) else { return Ok(true) };
            let want = buffer.len().min((to.min(found.start + self.file_size) - at) as usize);
            let count = self.disk.open(found.path.clone())?.read_at(at - found.start, &mut buffer[..want])?;
            if buffer[..count].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += want as u64;
        }
        Ok(true)
    }

    /// The file that holds `offset`.
    pub fn file_at(&self, offset: u64) -> Option<&FoundFile> {
        self.files.iter().find(|file| (file.start..file.start + self.file_size).contains(&offset))
    }

    fn walk(
        &self,
        (from, until): (u64, u64),
        visit: &mut impl FnMut(&RecordView<'_>) -> Result<(), StoreError>,
    ) -> Result<Stop, StoreError> {
        let mut offset = from;
        let mut buffer = vec![0; CHUNK];
        let end = |offset, reason| Ok(Stop { offset, reason, unsound: false });
        let unsound = |offset, reason| Ok(Stop { offset, reason, unsound: true });
        for found in self.files.iter().filter(|file| file.start + self.file_size > from) {
            if found.start > offset {
                return end(offset, "the next file is missing");
            }
            let file = self.disk.open(found.path.clone())?;
            let file_end = found.start + self.file_size;
            // The buffer holds the file's bytes from `buffer_at` on, `held` of them.
            let (mut buffer_at, mut held) = (offset, 0);
            loop {
                if offset >= until {
                    return end(offset, "asked to stop here");
                }
                let at = (offset - buffer_at) as usize;
                let need = match look(&buffer[at.min(held)..held]) {
                    Found::Record(record) => {
                        if record.physical_offset() as u64 != offset {
                            return unsound(offset, "the record was written for another place");
                        }
                        if self.check_crc && (record.whole_crc_holds() == Some(false) || !record.crc_holds()) {
                            return unsound(offset, "the record is not what its CRC says");
                        }
                        if self.check_crc && offset >= self.synced && !record.rest_holds() {
                            return unsound(offset, "topic or properties are not all there");
                        }
                        visit(&record)?;
                        offset += record.size();
                        continue;
                    }
                    Found::Blank => {
                        if self.files.iter().any(|next| next.start == file_end) {
                            offset = file_end;
                            break;
                        }
                        return end(offset, "the last file ends here");
                    }
                    Found::Nothing(reason) => return unsound(offset, reason),
                    Found::Short { need } => need as u64,
                };
                if offset == file_end {
                    break;
                }
                if offset + need > file_end {
                    return unsound(offset, "the record would not end in its file");
                }
                if need as usize > buffer.len() {
                    buffer.resize(need as usize, 0);
                }
                buffer_at = offset;
                let want = buffer.len().min((file_end - offset) as usize);
                held = file.read_at(offset - found.start, &mut buffer[..want])?;
                if (held as u64) < need {
                    return unsound(offset, "the file is shorter than it should be");
                }
            }
        }
        end(offset, "the last file is full")
    }
}

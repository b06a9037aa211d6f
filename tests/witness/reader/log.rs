//! The commit log: files of one size, each named by its first byte's offset, full of records.
//!
//! A record never crosses files: what is left of a file starts with a filler (its size, magic 0xCBD43194). The first file
//! may start above 0, when older ones were deleted.

use super::{
    Trouble,
    files::{Window, i32_at, list_by_offset},
    record::{FILLER_MAGIC, MESSAGE_MAGIC, MIN_LEN, Record},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// The log as its files have it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Its files in order.
    pub files: Vec<LogFile>,
    /// Its first byte; 0 without files.
    pub min: i64,
    /// The first position at which there is no whole record. A record with a damaged body counts as whole, see
    /// [`Log::good_end`].
    pub end: i64,
    /// Why the log ends there.
    pub end_reason: String,
    /// Its records in order, those with damaged bodies too.
    pub records: Vec<Record>,
    /// The first byte behind the end that is not zero. A filler right at the end does not count.
    pub behind: Option<Behind>,
}

/// A file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Offset of its first byte in the log.
    pub start: i64,
    /// Its bytes.
    pub len: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// Something left behind the end of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The file.
    pub path: PathBuf,
    /// Position in the log of the first byte that is not zero.
    pub at: i64,
}

impl Log {
    /// The first position at which there is no whole record with a good body: where a recovery that checks bodies ends
    /// the log.
    pub fn good_end(&self) -> i64 {
        self.records.iter().find(|record| !record.crc_ok).map_or(self.end, |record| record.physical_offset)
    }

    /// The record that starts there.
    pub fn record_at(&self, physical_offset: i64) -> Option<&Record> {
        let found = self.records.binary_search_by_key(&physical_offset, |record| record.physical_offset);
        found.ok().map(|index| &self.records[index])
    }
}

enum Here {
    Record(Box<Record>),
    Filler,
    Nothing(String),
}

/// Reads the folder `commitlog`.
pub(super) fn read(dir: &Path, troubles: &mut Vec<Trouble>) -> Log {
    let listed = list_by_offset(dir, troubles);
    let mut log = Log { min: listed.first().map_or(0, |(start, _)| *start), ..Log::default() };
    log.end = log.min;
    log.end_reason = "there is no file".into();
    log.files = listed.into_iter().map(|(start, file)| LogFile { start, len: file.len, path: file.path }).collect();
    if let Some(odd) = log.files.iter().find(|file| file.len != log.files[0].len) {
        let what = format!("{} bytes, the first file has {}", odd.len, log.files[0].len);
        troubles.push(Trouble { path: odd.path.clone(), what });
    }
    let mut ended = false;
    for (number, file) in log.files.clone().iter().enumerate() {
        if !ended && file.start != log.end {
            (ended, log.end_reason) = (true, "the next file is missing".into());
        }
        let next = log.files.get(number + 1).map(|next| next.start);
        if let Err(error) = take_file(&mut log, file, next, &mut ended) {
            troubles.push(Trouble { path: file.path.clone(), what: error.to_string() });
            if !ended {
                (ended, log.end_reason) = (true, error.to_string());
            }
        }
    }
    log
}

/// Takes up a file's records, if the log has not `ended` before it, and what is behind the end.
fn take_file(log: &mut Log, file: &LogFile, next: Option<i64>, ended: &mut bool) -> io::Result<()> {
    let mut window = Window::open(&file.path)?;
    let mut from = 0;
    if !*ended {
        (*ended, from) = read_records(log, &mut window, file.start, next)?;
    }
    if *ended && log.behind.is_none() {
        let found = window.first_not_zero(from)?;
        log.behind = found.map(|at| Behind { path: file.path.clone(), at: file.start.saturating_add(at as i64) });
    }
    Ok(())
}

/// Reads the records of a file. Returns whether the log ends in it, and the first byte of it that must be zero then.
fn read_records(log: &mut Log, window: &mut Window, start: i64, next: Option<i64>) -> io::Result<(bool, u64)> {
    let mut at = 0;
    loop {
        log.end = start.saturating_add(at as i64);
        if at >= window.len && next.is_none_or(|next| next == log.end) {
            log.end_reason = "the last file is full".into();
            return Ok((false, at));
        }
        match look(window, at, log.end)? {
            Here::Record(record) => {
                at += u64::from(record.size);
                log.records.push(*record);
            }
            Here::Filler if next == Some(start.saturating_add(window.len as i64)) => {
                log.end = start.saturating_add(window.len as i64);
                log.end_reason = "the next file is empty".into();
                return Ok((false, at));
            }
            Here::Filler => {
                log.end_reason = "the last file ends here".into();
                return Ok((true, at + 8));
            }
            Here::Nothing(reason) => {
                log.end_reason = reason;
                return Ok((true, at));
            }
        }
    }
}

fn look(window: &mut Window, at: u64, offset: i64) -> io::Result<Here> {
    let left = window.len - at;
    let head = window.bytes(at, 8)?;
    let (size, magic) = (i32_at(head, 0), i32_at(head, 4) as u32);
    let size = match magic {
        0 if size == 0 => return Ok(Here::Nothing("nothing is written here".into())),
        FILLER_MAGIC => return Ok(Here::Filler),
        MESSAGE_MAGIC => u64::try_from(size).unwrap_or(0),
        _ => return Ok(Here::Nothing(format!("the magic number is {magic:#010x}"))),
    };
    if !(MIN_LEN..=left).contains(&size) {
        return Ok(Here::Nothing(format!("a record of {size} bytes, and {left} are left in the file")));
    }
    Ok(match Record::parse(window.bytes(at, size as usize)?) {
        Err(reason) => Here::Nothing(reason.into()),
        Ok(record) if record.physical_offset != offset => {
            Here::Nothing(format!("the record was written for position {}", record.physical_offset))
        }
        Ok(record) => Here::Record(Box::new(record)),
    })
}

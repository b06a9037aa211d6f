//! The file `checkpoint`: what of log, queues and index is surely on the disk.
//!
//! ```text
//! offset  size  field (big endian), of 4096 bytes
//!      0     8  store time up to which the log is synced, ms
//!      8     8  … up to which every consume queue is
//!     16     8  … up to which the index is
//!     24    16  used by Apache RocketMQ 5; left as it is
//!    448     8  "rmq mark"
//!    456    24  the three times once more
//!    480     8  log offset below which everything is synced: log, queue entries and keys
//!    488     8  where the last record before it starts
//!    496     8  log offset below which the log is synced
//!    504     4  CRC-32 of bytes 448 to 503
//! ```
//! After a crash, recovery reads the log from there. The three times are Apache RocketMQ's (`StoreCheckpoint`); the marks
//! are our own, in the same sector. Where they do not fit the times, an Apache broker has
//! moved these or a write was torn: then the marks count for nothing, and of each time the older one counts. Nothing here
//! is ever ahead of the files.

use crate::StoreError;
use base::disk::{Disk, DiskFile};
use parking_lot::Mutex;
use std::path::PathBuf;

const FILE_LEN: u64 = 4096;
/// Bytes of the file that are in use.
pub(crate) const SECTOR: usize = 512;
const MARKS_AT: usize = 448;
const OFFSETS_AT: usize = 480;
const CRC_AT: usize = 504;
const MAGIC: &[u8; 8] = b"rmq mark";

/// The three times, ms; 0 if nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub log_ms: i64,
    pub queues_ms: i64,
    pub index_ms: i64,
}

impl Times {
    /// A record stored at or before this needs neither log nor queues checked. Apache leaves three seconds of slack.
    pub fn safe_ms(self) -> i64 {
        (self.log_ms.min(self.queues_ms) - 3000).max(0)
    }
}

/// Offsets of the log, each where a record ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Everything below is on the disk: records, queue entries and keys.
    pub settled: u64,
    /// Where the last record below `settled` starts: proof that `settled` still fits the log.
    pub last_record: u64,
    /// The log below is on the disk.
    pub synced: u64,
}

fn number(sector: &[u8; SECTOR], at: usize) -> u64 {
    u64::from_be_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|byte| sector[at + byte]))
}

fn crc(sector: &[u8; SECTOR]) -> u32 {
    crc32fast::hash(&sector[MARKS_AT..CRC_AT])
}

/// What the first sector of the file says; no marks if they are not there or do not belong to the times.
pub(crate) fn decode(sector: &[u8; SECTOR]) -> (Times, Option<Marks>) {
    let times = |at: usize| {
        let time = |index: usize| number(sector, at + 8 * index) as i64;
        Times { log_ms: time(0), queues_ms: time(1), index_ms: time(2) }
    };
    let (told, again) = (times(0), times(MARKS_AT + 8));
    if !sector[MARKS_AT..].starts_with(MAGIC) {
        return (told, None);
    }
    if sector[CRC_AT..CRC_AT + 4] != crc(sector).to_be_bytes() {
        return (Times::default(), None);
    }
    let older = Times {
        log_ms: told.log_ms.min(again.log_ms),
        queues_ms: told.queues_ms.min(again.queues_ms),
        index_ms: told.index_ms.min(again.index_ms),
    };
    let marks = Marks {
        settled: number(sector, OFFSETS_AT),
        last_record: number(sector, OFFSETS_AT + 8),
        synced: number(sector, OFFSETS_AT + 16),
    };
    (older, (told == again).then_some(marks))
}

/// What the file says: times, and marks if there are any.
pub(crate) type Saved = (Times, Option<Marks>);

/// The file, and what it will hold after the next save.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    file: DiskFile,
    state: Mutex<State>,
    /// The sector as it is on the disk. Locked while saving.
    saved: Mutex<[u8; SECTOR]>,
}

#[derive(Debug)]
struct State {
    times: Times,
    /// `None` as long as nothing sure is known.
    marks: Option<Marks>,
    /// What the file holds.
    saved: Saved,
}

impl Checkpoint {
    /// Opens the file, making one that knows nothing if there is none.
    pub fn open(disk: &Disk, path: PathBuf) -> Result<Self, StoreError> {
        let file = disk.create(path, FILE_LEN)?;
        let mut sector = [0; SECTOR];
        file.read_at(0, &mut sector)?;
        let (times, marks) = decode(&sector);
        Ok(Self { file, state: Mutex::new(State { times, marks, saved: (times, marks) }), saved: Mutex::new(sector) })
    }

    /// The times as last changed.
    pub fn times(&self) -> Times {
        self.state.lock().times
    }

    /// The marks as last changed; `None` if nothing sure is known.
    pub fn marks(&self) -> Option<Marks> {
        self.state.lock().marks
    }

    /// What the file holds. Does not wait for one that is being written.
    pub fn saved(&self) -> Saved {
        self.state.lock().saved
    }

    /// Changes the times in memory; a time never moves back.
    pub fn note(&self, times: Times) {
        let now = &mut self.state.lock().times;
        now.log_ms = now.log_ms.max(times.log_ms);
        now.queues_ms = now.queues_ms.max(times.queues_ms);
        now.index_ms = now.index_ms.max(times.index_ms);
    }

    /// Changes the marks in memory to what holds from now on.
    pub fn mark(&self, marks: Marks) {
        self.state.lock().marks = Some(marks);
    }

    /// The log is on the disk up to there. Says nothing as long as no marks are known.
    pub fn mark_synced(&self, synced: u64) {
        if let Some(marks) = &mut self.state.lock().marks {
            marks.synced = marks.synced.max(synced);
        }
    }

    /// Writes times and marks to the disk, if they changed. One sector, so old or new.
    pub fn save(&self) -> Result<(), StoreError> {
        let mut saved = self.saved.lock();
        let mut sector = *saved;
        let saving = {
            let state = self.state.lock();
            let Times { log_ms, queues_ms, index_ms } = state.times;
            let times = [log_ms, queues_ms, index_ms].map(i64::to_be_bytes).concat();
            sector[..24].copy_from_slice(&times);
            if let Some(Marks { settled, last_record, synced }) = state.marks {
                sector[MARKS_AT..MARKS_AT + 8].copy_from_slice(MAGIC);
                sector[MARKS_AT + 8..OFFSETS_AT].copy_from_slice(&times);
                let offsets = [settled, last_record, synced].map(u64::to_be_bytes).concat();
                sector[OFFSETS_AT..CRC_AT].copy_from_slice(&offsets);
                let crc = crc(&sector);
                sector[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
            }
            (state.times, state.marks)
        };
        if sector != *saved {
            self.file.write_at(0, &sector)?;
            self.file.sync()?;
            *saved = sector;
            self.state.lock().saved = saving;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &std::path::Path) -> Checkpoint {
        Checkpoint::open(&Disk::default(), path.to_owned()).unwrap()
    }

    #[test]
    fn the_file_has_the_bytes_of_the_public_layout() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        let checkpoint = open(&path);
        assert_eq!((checkpoint.times(), checkpoint.marks()), (Times::default(), None));
        checkpoint.note(Times { log_ms: 0x0102, queues_ms: 0x0304, index_ms: 5 });
        checkpoint.note(Times { log_ms: 1, queues_ms: 0, index_ms: 6 });
        checkpoint.save().unwrap();
        let content = std::fs::read(&path).unwrap();
        assert_eq!(content.len(), 4096);
        let golden = [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 6];
        assert_eq!(content[..24], golden);
        assert!(content[24..].iter().all(|byte| *byte == 0));
        drop(checkpoint);
        assert_eq!(open(&path).times(), Times { log_ms: 0x0102, queues_ms: 0x0304, index_ms: 6 });
        assert_eq!(Times { log_ms: 9000, queues_ms: 5000, index_ms: 0 }.safe_ms(), 2000);
    }

    #[test]
    fn marks_hold_until_someone_else_moves_the_times() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        std::fs::write(&path, [vec![0; 24], vec![7; 16], vec![0; 4056]].concat()).unwrap();
        let marks = Marks { settled: 500, last_record: 400, synced: 900 };
        let checkpoint = open(&path);
        checkpoint.note(Times { log_ms: 9, queues_ms: 8, index_ms: 7 });
        checkpoint.mark(marks);
        checkpoint.save().unwrap();
        let mut content = std::fs::read(&path).unwrap();
        assert_eq!((content.len(), &content[24..40]), (4096, &[7; 16][..]), "what is Apache's stays");
        assert_eq!(open(&path).marks(), Some(marks));
        content[23] += 1;
        std::fs::write(&path, &content).unwrap();
        assert_eq!((open(&path).marks(), open(&path).times().index_ms), (None, 7), "the older time counts");
        content[490] += 1;
        std::fs::write(&path, &content).unwrap();
        assert_eq!((open(&path).marks(), open(&path).times()), (None, Times::default()), "torn");
    }
}

//! The file `checkpoint`: up to which store time log, queues and index are on the disk.
//!
//! ```text
//! offset  size  field (big endian), of 4096 bytes
//!      0     8  store time up to which the log is synced, ms
//!      8     8  … up to which every consume queue is
//!     16     8  … up to which the index is
//! ```
//! After a crash, recovery reads the log from there. Source: `StoreCheckpoint`. A time here is never ahead of the files.

use crate::{StoreError, disk::DiskFile};
use parking_lot::Mutex;
use std::path::PathBuf;

const FILE_LEN: u64 = 4096;

/// The three times, ms; 0 if nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub log_ms: i64,
    pub queues_ms: i64,
    pub index_ms: i64,
}

impl Times {
    fn encode(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (into, time) in bytes.chunks_exact_mut(8).zip([self.log_ms, self.queues_ms, self.index_ms]) {
            into.copy_from_slice(&time.to_be_bytes());
        }
        bytes
    }

    pub fn decode(bytes: &[u8; 24]) -> Self {
        let time = |at: usize| i64::from_be_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|byte| bytes[at + byte]));
        Self { log_ms: time(0), queues_ms: time(8), index_ms: time(16) }
    }

    /// A record stored at or before this needs neither log nor queues checked. Apache leaves three seconds of slack.
    pub fn safe_ms(self) -> i64 {
        (self.log_ms.min(self.queues_ms) - 3000).max(0)
    }
}

/// The file, and the times it will hold after the next save.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    file: DiskFile,
    times: Mutex<Times>,
}

impl Checkpoint {
    /// Opens the file, making one with three zero times if there is none.
    pub fn open(path: PathBuf) -> Result<Self, StoreError> {
        let file = DiskFile::create(path, FILE_LEN)?;
        let mut bytes = [0; 24];
        file.read_at(0, &mut bytes)?;
        Ok(Self { file, times: Mutex::new(Times::decode(&bytes)) })
    }

    /// The times as last changed.
    pub fn times(&self) -> Times {
        *self.times.lock()
    }

    /// Changes the times in memory; a time never moves back.
    pub fn note(&self, times: Times) {
        let mut now = self.times.lock();
        now.log_ms = now.log_ms.max(times.log_ms);
        now.queues_ms = now.queues_ms.max(times.queues_ms);
        now.index_ms = now.index_ms.max(times.index_ms);
    }

    /// Writes the times to the disk. One sector, so old or new.
    pub fn save(&self) -> Result<(), StoreError> {
        self.file.write_at(0, &self.times().encode())?;
        self.file.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_bytes_of_the_public_layout() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        let checkpoint = Checkpoint::open(path.clone()).unwrap();
        assert_eq!(checkpoint.times(), Times::default());
        checkpoint.note(Times { log_ms: 0x0102, queues_ms: 0x0304, index_ms: 5 });
        checkpoint.note(Times { log_ms: 1, queues_ms: 0, index_ms: 6 });
        checkpoint.save().unwrap();
        let content = std::fs::read(&path).unwrap();
        assert_eq!(content.len(), 4096);
        let golden = [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 6];
        assert_eq!(content[..24], golden);
        drop(checkpoint);
        assert_eq!(Checkpoint::open(path).unwrap().times(), Times { log_ms: 0x0102, queues_ms: 0x0304, index_ms: 6 });
        assert_eq!(Times { log_ms: 9000, queues_ms: 5000, index_ms: 0 }.safe_ms(), 2000);
    }
}

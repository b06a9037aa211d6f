//! A table of JSON in a file of `config/`: written as the table changes, and again later where that failed.

use base::durable::DurableFile;
use protocol::loose_json;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

/// The file of a table.
#[derive(Debug)]
pub struct Saved {
    file: DurableFile,
    /// The last try to write it failed.
    stale: AtomicBool,
}

impl From<DurableFile> for Saved {
    fn from(file: DurableFile) -> Self {
        Self { file, stale: AtomicBool::new(false) }
    }
}

impl Saved {
    /// What the file holds, as fastjson or anyone wrote it; the default if there is none.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn read<T: DeserializeOwned + Default>(&self) -> io::Result<T> {
        let read = self.file.read(|text| loose_json::from_slice(text).map_err(io::Error::other))?;
        Ok(read.unwrap_or_default())
    }

    /// Writes the table.
    ///
    /// # Errors
    /// If the file cannot be written; the old one is then still whole, and [`Saved::write_if_stale`] tries again.
    pub fn write(&self, table: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(table).map_err(io::Error::other);
        let written = text.and_then(|text| self.file.write(&text));
        self.stale.store(written.is_err(), Ordering::Release);
        written
    }

    /// Writes a table that has changed and counts as it is in memory, whatever becomes of its file: an error is logged,
    /// and the file written again soon.
    pub fn changed(&self, table: &impl Serialize) {
        if let Err(error) = self.write(table) {
            tracing::error!(file = %self.file.path().display(), %error, "a table cannot be saved");
        }
    }

    /// Writes the table if the last try to failed.
    ///
    /// # Errors
    /// As [`Saved::write`].
    pub fn write_if_stale<T: Serialize>(&self, table: impl FnOnce() -> T) -> io::Result<()> {
        if !self.stale.load(Ordering::Acquire) {
            return Ok(());
        }
        self.write(&table())?;
        tracing::info!(file = %self.file.path().display(), "saved after all");
        Ok(())
    }
}

//! Which topics were deleted, and up to where in the log their records count for nothing.
//!
//! The records of a deleted topic stay in the log until its files are deleted. Without this, a start that reads them again
//! would bring the topic's queues back.
//!
//! `config/deletedTopics`, one line a topic: the log's end when it was deleted, a blank, its name.

use crate::StoreError;
use base::{Disk, disk::DiskError, durable::DurableFile};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fmt::Write,
    io,
    path::{Path, PathBuf},
};

#[derive(Debug)]
pub(crate) struct Deleted {
    file: DurableFile,
    topics: Mutex<BTreeMap<String, u64>>,
}

impl Deleted {
    /// Where the list lies.
    pub fn path(root_dir: &Path) -> PathBuf {
        root_dir.join("config/deletedTopics")
    }

    /// Reads the list.
    pub fn open(disk: &Disk, root_dir: &Path) -> Result<Self, StoreError> {
        let file = DurableFile::on(disk, Self::path(root_dir));
        let topics = file.read(parse).map_err(failed("read", &file))?.unwrap_or_default();
        Ok(Self { topics: Mutex::new(topics), file })
    }

    /// Reads the list without changing anything; nothing if it cannot be read.
    pub fn look(disk: &Disk, root_dir: &Path) -> Self {
        let file = DurableFile::on(disk, Self::path(root_dir));
        let content = disk.read_small(file.path()).ok().flatten();
        let topics = content.and_then(|content| parse(&content).ok()).unwrap_or_default();
        Self { topics: Mutex::new(topics), file }
    }

    /// Whether a record of the topic at that offset was stored before the topic was deleted.
    pub fn covers(&self, topic: &str, physical_offset: u64) -> bool {
        self.topics.lock().get(topic).is_some_and(|end| physical_offset < *end)
    }

    /// Notes for good that the topic is deleted with all its records before `end`, and forgets what lies before `log_min`.
    pub fn note(&self, topic: &str, end: u64, log_min: u64) -> Result<(), StoreError> {
        let mut topics = self.topics.lock();
        let mut changed = topics.clone();
        changed.retain(|_, end| *end > log_min);
        changed.insert(topic.to_owned(), end);
        self.write(&changed)?;
        *topics = changed;
        Ok(())
    }

    /// The log was found to end at `log_end`: what is stored there from now on is new.
    pub fn cut(&self, log_end: u64) -> Result<(), StoreError> {
        let mut topics = self.topics.lock();
        if topics.values().any(|end| *end > log_end) {
            topics.values_mut().for_each(|end| *end = log_end.min(*end));
            self.write(&topics)?;
        }
        Ok(())
    }

    fn write(&self, topics: &BTreeMap<String, u64>) -> Result<(), StoreError> {
        let mut text = String::new();
        for (topic, end) in topics {
            // Writing to a string cannot fail.
            _ = writeln!(text, "{end} {topic}");
        }
        self.file.write(text.as_bytes()).map_err(failed("write", &self.file))
    }
}

fn parse(content: &[u8]) -> io::Result<BTreeMap<String, u64>> {
    let text = std::str::from_utf8(content).map_err(io::Error::other)?;
    let line = |line: &str| {
        let (end, topic) = line.split_once(' ')?;
        Some((topic.to_owned(), end.parse().ok()?))
    };
    text.lines().map(line).collect::<Option<_>>().ok_or_else(|| io::Error::other("not lines of OFFSET TOPIC"))
}

fn failed(action: &'static str, file: &DurableFile) -> impl FnOnce(io::Error) -> StoreError {
    let path = file.path().to_owned();
    move |source| DiskError { action, path, source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_topic_is_known_until_the_log_has_none_of_its_records() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Deleted::open(&Disk::default(), dir.path()).unwrap();
        assert!(!open().covers("A", 0));
        open().note("A", 100, 0).unwrap();
        open().note("%RETRY%b c", 200, 0).unwrap();
        assert!(open().covers("A", 99) && !open().covers("A", 100) && open().covers("%RETRY%b c", 150));
        open().note("D", 300, 100).unwrap();
        assert!(!open().covers("A", 99) && open().covers("%RETRY%b c", 150));
    }
}

//! The positions of a broadcast consumer, in a file of its own machine: `DIRECTORY/CLIENT-ID/GROUP/offsets.json`.
//!
//! Every member of a broadcast group reads every queue, so no broker can keep one position for all of them.
//! Two processes with one client id share the file, and the last to write a queue's position wins.
//! Source: `LocalFileOffsetStore` of Apache RocketMQ, whose path and JSON these are.

use crate::{error::Error, locks::name, route::Queue};
use base::durable::DurableFile;
use parking_lot::Mutex;
use protocol::offset_table::{self, OffsetTable};
use std::{
    io,
    path::{Path, PathBuf},
};

pub(crate) struct LocalOffsets {
    file: DurableFile,
    known: Mutex<OffsetTable>,
}

/// Where Apache's clients keep such files, if nothing else is said.
pub(crate) fn default_directory() -> Result<PathBuf, Error> {
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let home = home.ok_or_else(|| Error::LocalOffsets {
        path: "~/.rocketmq_offsets".to_owned(),
        source: io::Error::new(io::ErrorKind::NotFound, "there is no home directory; name a directory"),
    })?;
    Ok(home.join(".rocketmq_offsets"))
}

impl LocalOffsets {
    /// Reads the file of a client and group, if there is one.
    pub(crate) fn open(directory: &Path, client_id: &str, group: &str) -> Result<Self, Error> {
        let file = DurableFile::from(directory.join(client_id).join(group).join("offsets.json"));
        let known = read(&file)?;
        Ok(Self { file, known: Mutex::new(known) })
    }

    /// The index to be consumed next.
    pub(crate) fn position(&self, queue: &Queue) -> Option<i64> {
        self.known.lock().get(&name(queue)).copied().filter(|offset| *offset >= 0)
    }

    /// Takes over positions and writes the file. What another process wrote about other queues stays.
    pub(crate) fn save(&self, positions: &[(Queue, i64)]) -> Result<(), Error> {
        let mut known = self.known.lock();
        let mut table = read(&self.file)?;
        for (queue, offset) in positions {
            known.insert(name(queue), *offset);
            table.insert(name(queue), *offset);
        }
        let text = offset_table::write(&table).map_err(|error| failed(&self.file, error.into()))?;
        self.file.write(text.as_bytes()).map_err(|error| failed(&self.file, error))
    }
}

fn read(file: &DurableFile) -> Result<OffsetTable, Error> {
    let accept = |content: &[u8]| offset_table::read(content).map_err(io::Error::from);
    Ok(file.read(accept).map_err(|error| failed(file, error))?.unwrap_or_default())
}

fn failed(file: &DurableFile, source: io::Error) -> Error {
    Error::LocalOffsets { path: file.path().display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_kept_in_apaches_file_beside_those_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let open = || LocalOffsets::open(dir.path(), "1.2.3.4@DEFAULT", "G").unwrap();
        let (one, other) = (open(), open());
        let queue = |id| Queue::new("T", "b", id);
        assert_eq!(one.position(&queue(0)), None);
        one.save(&[(queue(0), 5), (queue(1), 0)]).unwrap();
        other.save(&[(queue(2), 7)]).unwrap();
        one.save(&[(queue(0), 6)]).unwrap();
        let again = open();
        assert_eq!([0, 1, 2, 3].map(|id| again.position(&queue(id))), [Some(6), Some(0), Some(7), None]);
        let path = dir.path().join("1.2.3.4@DEFAULT/G/offsets.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#"{"brokerName":"b","queueId":0,"topic":"T"}:6"#), "{text}");
        std::fs::write(&path, "garbage").unwrap();
        assert_eq!(open().position(&queue(2)), Some(7), "the .bak is read");
        std::fs::remove_file(path.with_extension("json.bak")).unwrap();
        std::fs::write(&path, "garbage").unwrap();
        let error = LocalOffsets::open(dir.path(), "1.2.3.4@DEFAULT", "G").err().unwrap().to_string();
        assert!(error.contains("offsets.json"), "{error}");
    }
}

//! The files of a commit log as they lie there, whatever is wrong with them.

use super::{disk, usual_size};
use crate::{StoreConfig, StoreError};
use base::disk::Listed;
use protocol::record::{MESSAGE_MAGIC, SysFlag};
use std::path::{Path, PathBuf};

/// Files that may be missing in a row; what comes behind more is not of this log.
const FARTHEST: u64 = 1000;

/// A file of the log.
#[derive(Clone, Debug)]
pub(super) struct LogPart {
    pub start: u64,
    pub len: u64,
    pub path: PathBuf,
}

/// The log's files in order.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub dir: PathBuf,
    pub file_size: u64,
    pub parts: Vec<LogPart>,
    /// What lies in the folder and is no file of the log: its name is no multiple of the file size, or far off.
    pub strangers: Vec<PathBuf>,
}

fn named_files(dir: &Path) -> Result<Vec<(u64, Listed)>, StoreError> {
    let listed = disk().list(dir)?.into_iter().filter(|file| !file.is_dir);
    let start = |file: &Listed| {
        let digits = file.name.len() == 20 && file.name.bytes().all(|byte| byte.is_ascii_digit());
        file.name.parse::<u64>().ok().filter(|_| digits)
    };
    Ok(listed.filter_map(|file| Some((start(&file)?, file))).collect())
}

/// The size of the log's files; `None` if there is none.
pub(super) fn file_size(dir: &Path) -> Result<Option<u64>, StoreError> {
    Ok(usual_size(named_files(dir)?.into_iter().map(|(_, file)| file.len)))
}

impl Log {
    pub fn find(config: &StoreConfig) -> Result<Self, StoreError> {
        let (dir, file_size) = (config.commit_log_path(), config.mapped_file_size_commit_log);
        let (mut parts, mut strangers) = (Vec::<LogPart>::new(), Vec::new());
        for (start, file) in named_files(&dir)? {
            let near = parts.last().map_or(i64::MAX as u64 - file_size, |part| part.start + FARTHEST * file_size);
            match start.is_multiple_of(file_size) && start <= near {
                true => parts.push(LogPart { start, len: file.len, path: file.path }),
                false => strangers.push(file.path),
            }
        }
        Ok(Self { dir, file_size, parts, strangers })
    }

    /// Where the first file starts.
    pub fn min(&self) -> u64 {
        self.parts.first().map_or(0, |part| part.start)
    }

    /// Where the last file ends.
    pub fn limit(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.start + self.file_size)
    }

    /// The file that holds `offset`.
    pub fn part_at(&self, offset: u64) -> Option<&LogPart> {
        let index = self.parts.partition_point(|part| part.start <= offset).checked_sub(1)?;
        self.parts.get(index).filter(|part| offset < part.start + self.file_size)
    }

    /// When the record at `offset` was stored, ms, as its head says; `None` if none starts there.
    pub fn store_ms_at(&self, offset: u64) -> Result<Option<i64>, StoreError> {
        let Some(part) = self.part_at(offset) else { return Ok(None) };
        let Some(file) = disk().open_to_read(part.path.clone())? else { return Ok(None) };
        let mut head = [0; 76];
        let count = file.read_at(offset - part.start, &mut head)?;
        let is_record = head[4..8] == MESSAGE_MAGIC.to_be_bytes() && head[28..36] == offset.to_be_bytes();
        if count < head.len() || !is_record {
            return Ok(None);
        }
        let flag = SysFlag(i32::from_be_bytes([head[36], head[37], head[38], head[39]]));
        let at = if flag.has(SysFlag::BORN_HOST_V6) { 68 } else { 56 };
        Ok(head[at..].first_chunk().map(|eight| i64::from_be_bytes(*eight)))
    }

    /// The path to name when something is wrong at `offset`.
    pub fn path_at(&self, offset: u64) -> PathBuf {
        match self.part_at(offset) {
            Some(part) => part.path.clone(),
            None => self.dir.join(crate::mapped_file::file_name(offset - offset % self.file_size)),
        }
    }
}

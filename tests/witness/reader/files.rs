//! Folders and files as they are: names in order, numbers out of bytes, and a window on a long file.
//!
//! Whatever the system refuses becomes a [`Trouble`].

use super::Trouble;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// Bytes of a file that are in memory at a time, unless one piece needs more.
const WINDOW: usize = 1 << 20;

/// A file or folder in a folder.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub name: String,
    pub path: PathBuf,
    pub is_dir: bool,
    pub len: u64,
}

/// What is in a folder, by name; nothing if it is not there.
pub(super) fn list(dir: &Path, troubles: &mut Vec<Trouble>) -> Vec<Listed> {
    let read = || -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            listed.push(Listed { name, path: entry.path(), is_dir: meta.is_dir(), len: meta.len() });
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    };
    match read() {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            troubles.push(Trouble { path: dir.to_owned(), what: error.to_string() });
            Vec::new()
        }
    }
}

/// The files of a folder that are named by the offset of their first byte in 20 digits, in order, with that offset.
/// Anything else in the folder is a trouble.
pub(super) fn list_by_offset(dir: &Path, troubles: &mut Vec<Trouble>) -> Vec<(i64, Listed)> {
    let mut files = Vec::new();
    for listed in list(dir, troubles) {
        let digits = listed.name.len() == 20 && listed.name.bytes().all(|byte| byte.is_ascii_digit());
        match listed.name.parse::<i64>() {
            Ok(start) if digits && !listed.is_dir => files.push((start, listed)),
            _ => troubles.push(Trouble { path: listed.path, what: "its name is not an offset of 20 digits".into() }),
        }
    }
    files
}

/// All of a small file; `None` if it is not there or cannot be read.
pub(super) fn read_if_there(path: &Path, troubles: &mut Vec<Trouble>) -> Option<Vec<u8>> {
    match std::fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            troubles.push(Trouble { path: path.to_owned(), what: error.to_string() });
            None
        }
    }
}

/// The four bytes at `at` as a number; 0 behind the end.
pub(super) fn i32_at(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, i32::from_be_bytes)
}

/// The eight bytes at `at` as a number; 0 behind the end.
pub(super) fn i64_at(bytes: &[u8], at: usize) -> i64 {
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, i64::from_be_bytes)
}

/// A file of any length, read piece by piece.
#[derive(Debug)]
pub(super) struct Window {
    file: File,
    /// Bytes of the file.
    pub len: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self { file, len, at: 0, bytes: Vec::new() })
    }

    /// Up to `want` bytes from `at` on; fewer only at the end of the file.
    pub fn bytes(&mut self, at: u64, want: usize) -> io::Result<&[u8]> {
        let want = (want as u64).min(self.len.saturating_sub(at)) as usize;
        let held = at >= self.at && at + want as u64 <= self.at + self.bytes.len() as u64;
        if !held {
            let load = want.max(WINDOW.min(self.len.saturating_sub(at) as usize));
            self.bytes.clear();
            self.at = at;
            self.file.seek(SeekFrom::Start(at))?;
            (&mut self.file).take(load as u64).read_to_end(&mut self.bytes)?;
        }
        let from = (at - self.at) as usize;
        Ok(&self.bytes[from.min(self.bytes.len())..(from + want).min(self.bytes.len())])
    }

    /// The position of the first byte at or behind `at` that is not zero.
    pub fn first_not_zero(&mut self, mut at: u64) -> io::Result<Option<u64>> {
        // Most of a file is zeros, and slices are compared faster than bytes are looked at one by one.
        const ZEROS: [u8; 4096] = [0; 4096];
        while at < self.len {
            let bytes = self.bytes(at, WINDOW)?;
            if bytes.is_empty() {
                break;
            }
            let pages = bytes.chunks(ZEROS.len()).take_while(|page| ZEROS.starts_with(page)).count();
            let rest = bytes.chunks(ZEROS.len()).nth(pages).unwrap_or_default();
            if let Some(found) = rest.iter().position(|byte| *byte != 0) {
                return Ok(Some(at + (pages * ZEROS.len() + found) as u64));
            }
            at += bytes.len() as u64;
        }
        Ok(None)
    }
}

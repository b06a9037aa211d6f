//! The calls to the file system one by one, for those who look at them or refuse them: tests.

use std::{io, path::Path};

/// A call to the file system.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // The fields are what their names say; offsets and lengths are bytes.
pub enum Call<'a> {
    /// A file is opened for reading and writing, or only for reading.
    Open { path: &'a Path },
    /// A file is made, or opened if it is there.
    Create { path: &'a Path },
    /// A file is made longer or shorter; what is new reads as zeros.
    SetLen { path: &'a Path, len: u64 },
    /// Bytes are written.
    Write { path: &'a Path, at: u64, data: &'a [u8] },
    /// Bytes are stored through a mapping. It cannot be refused: the blocks are there.
    Store { path: &'a Path, at: u64, data: &'a [u8] },
    /// Bytes are read.
    Read { path: &'a Path, at: u64 },
    /// Blocks are allocated for the first bytes of a file.
    Allocate { path: &'a Path, len: u64 },
    /// A file is mapped into memory.
    Map { path: &'a Path },
    /// The bytes and the length of a file are brought to the disk.
    Sync { path: &'a Path },
    /// The names in a folder are brought to the disk.
    SyncFolder { path: &'a Path },
    /// Everything on a folder's file system is brought to the disk.
    SyncAll { path: &'a Path },
    /// A file gets a second name.
    Link { from: &'a Path, to: &'a Path },
    /// A file gets another name, in place of what had it.
    Rename { from: &'a Path, to: &'a Path },
    /// A file is removed.
    Remove { path: &'a Path },
    /// A folder is removed with all it holds.
    RemoveFolder { path: &'a Path },
    /// A folder is made, and those above it.
    CreateFolder { path: &'a Path },
    /// A folder is listed.
    List { path: &'a Path },
    /// Length or time of a file, or the room of a file system, is asked for.
    Examine { path: &'a Path },
}

impl<'a> Call<'a> {
    /// Its name, in one word.
    pub fn name(&self) -> &'static str {
        self.parts().0
    }

    /// The file or folder it is about; of two, the new name.
    pub fn path(&self) -> &'a Path {
        self.parts().1
    }

    fn parts(&self) -> (&'static str, &'a Path) {
        match *self {
            Self::Open { path } => ("open", path),
            Self::Create { path } => ("create", path),
            Self::SetLen { path, .. } => ("set-len", path),
            Self::Write { path, .. } => ("write", path),
            Self::Store { path, .. } => ("store", path),
            Self::Read { path, .. } => ("read", path),
            Self::Allocate { path, .. } => ("allocate", path),
            Self::Map { path } => ("map", path),
            Self::Sync { path } => ("sync", path),
            Self::SyncFolder { path } => ("sync-folder", path),
            Self::SyncAll { path } => ("sync-all", path),
            Self::Link { to, .. } => ("link", to),
            Self::Rename { to, .. } => ("rename", to),
            Self::Remove { path } => ("remove", path),
            Self::RemoveFolder { path } => ("remove-folder", path),
            Self::CreateFolder { path } => ("create-folder", path),
            Self::List { path } => ("list", path),
            Self::Examine { path } => ("examine", path),
        }
    }
}

/// Why a tap does not let a call through.
#[derive(Debug)]
pub struct Refused {
    /// What the caller gets.
    pub error: io::Error,
    /// Of a write: how many of its bytes are written all the same, as a disk does that fills up.
    pub written: usize,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self { error, written: 0 }
    }
}

/// Sees every call.
pub trait Tap: Send + Sync {
    /// Before the call.
    ///
    /// # Errors
    /// What the caller is to get instead of the call.
    fn before(&self, call: &Call<'_>) -> Result<(), Refused>;
    /// After the call succeeded, on the same thread.
    fn after(&self, call: &Call<'_>);
}

//! How full the file systems are on which a store lies.
//!
//! Asking is `base::Disk`'s; what follows from that is in `retention.rs`.

use std::{fmt, path::PathBuf};

/// How full a store's file systems were when they were last measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DiskUse {
    /// Share of the commit log's file system, 0 to 1; `None` if it is not known.
    pub log: Option<f64>,
    /// Share of the consume queues' file system, 0 to 1; `None` if it is not known.
    pub queues: Option<f64>,
    /// Bytes of the file system of the store's root folder, and how many of them may still be used.
    pub capacity: Option<(u64, u64)>,
}

/// A file system that is fuller than it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct FullDisk {
    /// A folder on it.
    pub dir: PathBuf,
    /// Share that is used, 0 to 1.
    pub share: f64,
    /// The share that would be well.
    pub limit: f64,
    /// The limit's key, as operators write it.
    pub key: &'static str,
}

impl fmt::Display for FullDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (share, limit) = (self.share * 100.0, self.limit * 100.0);
        write!(f, "the file system of {} is {share:.0} % full, over {} = {limit:.0} %", self.dir.display(), self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_its_folder_its_share_and_the_key_of_the_limit() {
        let full = FullDisk { dir: "/data".into(), share: 0.91, limit: 0.9, key: "diskSpaceWarningLevelRatio" };
        let told = "the file system of /data is 91 % full, over diskSpaceWarningLevelRatio = 90 %";
        assert_eq!(full.to_string(), told);
    }
}

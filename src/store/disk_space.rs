//! How full the file systems are on which a store lies: as the system says, or as a test has it.
//!
//! What follows from that is in `retention.rs`.

use crate::disk;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

type Measure = dyn Fn(&Path) -> Option<f64> + Send + Sync;

/// Tells which share of a folder's file system is used, 0 to 1; `None` if that cannot be known.
#[derive(Clone)]
pub struct DiskSpace(Arc<Measure>);

impl DiskSpace {
    /// Disks that are as full as `share` says.
    pub fn of(share: impl Fn(&Path) -> Option<f64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(share))
    }

    pub(crate) fn share(&self, dir: &Path) -> Option<f64> {
        (self.0)(dir)
    }
}

/// As the system says: used / (used + available to us), rounded up to whole per cents, as Apache RocketMQ counts.
impl Default for DiskSpace {
    fn default() -> Self {
        Self::of(disk::used_ratio)
    }
}

impl fmt::Debug for DiskSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskSpace")
    }
}

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

/// Bytes of the folder's file system, and how many of them may still be used.
pub(crate) fn capacity(dir: &Path) -> Option<(u64, u64)> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some((stat.f_blocks.checked_mul(stat.f_frsize)?, stat.f_bavail.checked_mul(stat.f_frsize)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_a_share_of_a_folder_and_nothing_of_one_that_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let space = DiskSpace::default();
        let share = space.share(dir.path()).unwrap();
        assert!((0.0..=1.0).contains(&share), "{share}");
        let (total, free) = capacity(dir.path()).unwrap();
        assert!(total > 0 && free <= total, "{free} of {total}");
        assert_eq!((space.share(&dir.path().join("x")), capacity(&dir.path().join("x"))), (None, None));
    }

    #[test]
    fn a_full_disk_is_told_with_its_folder_its_share_and_the_key_of_the_limit() {
        let full = FullDisk { dir: "/data".into(), share: 0.91, limit: 0.9, key: "diskSpaceWarningLevelRatio" };
        let told = "the file system of /data is 91 % full, over diskSpaceWarningLevelRatio = 90 %";
        assert_eq!(full.to_string(), told);
    }
}

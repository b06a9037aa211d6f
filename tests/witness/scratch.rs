//! Folders for tests that write thousands of small stores: in memory where the machine has such a file system.

use std::path::Path;
use tempfile::{Builder, TempDir};

/// A new folder, removed when dropped.
///
/// # Panics
/// If none can be made: no test can go on.
pub fn folder() -> TempDir {
    let new = |dir: &Path| Builder::new().prefix("rmq-test-").tempdir_in(dir);
    new(Path::new("/dev/shm")).or_else(|_| new(&std::env::temp_dir())).expect("a temporary folder can be made")
}

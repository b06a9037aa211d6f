//! The recording that comes along: two masters with slaves under work, one of them killed and started again.
//! `tests/demo/record.sh` makes it anew.

use crate::recording::{Recording, Unreadable};

/// What `tests/demo/record.sh` wrote.
const DEMO: &[u8] = include_bytes!("demo/recording.gz");

/// The demo.
///
/// # Errors
/// If this program was built with one that it cannot read.
pub fn demo() -> Result<Recording, Unreadable> {
    Recording::read(DEMO)
}

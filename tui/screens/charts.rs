//! The totals of the last quarter of an hour.

use crate::{sheet::Sheet, state::State};

/// The same in words.
pub fn list(state: &State) -> Sheet {
    Sheet::new("charts", &[("WHAT", false, 0)], state.nothing_yet().to_string())
}

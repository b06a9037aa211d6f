//! What is wrong, and what mends it.

use crate::{sheet::Sheet, state::State};

/// The alerts, the gravest first.
pub fn all(state: &State) -> Sheet {
    Sheet::new("alerts", &[("CODE", false, 0)], state.nothing_yet().to_string())
}

//! Groups with dead letters.

use crate::{sheet::Sheet, state::State};

/// All of them.
pub fn all(state: &State) -> Sheet {
    Sheet::new("dead letters", &[("GROUP", false, 0)], state.nothing_yet().to_string())
}

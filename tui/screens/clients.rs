//! Who is connected, and how a member of a group runs.

use crate::{sheet::Sheet, state::State};

/// Everybody.
pub fn all(state: &State) -> Sheet {
    Sheet::new("clients", &[("CLIENT", false, 0)], state.nothing_yet().to_string())
}

/// A member of a group.
pub fn one(state: &State, group: &str, id: &str) -> Sheet {
    Sheet::new(format!("{id} of {group}"), &[("WHAT", false, 0)], state.nothing_yet().to_string())
}

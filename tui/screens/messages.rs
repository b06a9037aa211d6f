//! Messages of a topic or queue, and one of them whole.

use crate::{
    feed::{MessageAt, Spot},
    sheet::Sheet,
    state::State,
};

/// A line each.
pub fn all(state: &State, spot: &Spot) -> Sheet {
    Sheet::new(format!("messages of {spot}"), &[("OFFSET", true, 0)], state.nothing_yet().to_string())
}

/// One, line by line.
pub fn one(state: &State, at: &MessageAt) -> Sheet {
    Sheet::new(at.to_string(), &[("WHAT", false, 0)], state.nothing_yet().to_string())
}

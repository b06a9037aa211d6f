//! Pop consumption over a real socket, with a clock that the test moves.

#[path = "../stand/mod.rs"]
mod stand;

mod asked;
mod coming_back;
mod refusals;
mod sharing;

//! Pop consumption over a real socket, with a clock that the test moves.

mod asked;
mod coming_back;
mod refusals;
mod sharing;

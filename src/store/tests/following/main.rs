//! A store that gets another's log, piece by piece, and becomes the same; and what it does with anything else.
//!
//! Chance comes from a seed that is printed; `RMQ_TEST_SEED` gives it.
#![allow(clippy::unwrap_used)]

mod copying;
mod cut;
mod garbage;
mod pair;
mod queues;
mod refused;
#[path = "../door/support.rs"]
#[allow(dead_code, reason = "made for the tests of one store, which need more")]
mod support;

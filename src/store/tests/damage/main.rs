//! Damaged files: every beginning of a log, queue, index file, checkpoint and table with something else behind it, and
//! every single flipped bit of a log. What is served afterwards is what was stored, or nothing.
//!
//! Every n-th case from a drawn one on by default, all of them with `RMQ_TEST_LONG=1`; `RMQ_TEST_SEED` repeats a draw.
#![allow(clippy::unwrap_used)]

mod flips;
mod prefixes;
mod sample;
mod tables;
mod unnoticed;

//! What the tests know of a store and of its history, without a line of the code they judge.
//!
//! [`reader`] reads a store's directory by the public layout of its files, Apache's or ours.
//!
//! Not the tests themselves, and never a dependency of what is shipped. Depends on no room of the engine, so that one
//! mistake cannot be in both; `tests/tidy.rs` keeps it so.

pub mod reader;

pub use reader::{Geometry, Store};

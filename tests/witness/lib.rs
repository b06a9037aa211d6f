//! What the tests know of a store and of its history, without a line of the code they judge.
//!
//! [`faults`] makes a disk say no. Not the tests themselves, and never a dependency of what is shipped.

pub mod faults;
pub mod loops;

pub use faults::{Fault, Faults, Fired, Reason};

//! One store follows another: real stores with tiny files, streams in memory, and time that passes only when nothing else is
//! to be done.
#![allow(clippy::unwrap_used)]

mod apache;
mod hostile;
mod master;
mod rough;
mod simulation;
mod slave;
mod stage;

//! The offline tools on real stores, sound and damaged: what they list, find, take out and mend.
#![allow(clippy::unwrap_used)]

mod damaged;
mod dump;
mod repair;
#[path = "../door/support.rs"]
#[allow(dead_code, reason = "made for the tests of the open store, which need more")]
mod support;
mod verify;
mod world;

//! RocketMQ's wire and record formats: bytes to types and back. No I/O, no clock.

mod binary;
pub mod code;
pub mod command;
pub mod frame;
mod json;
pub mod loose_json;
pub mod properties;
pub mod record;

pub use command::{Body, Command, Encoding, Language};

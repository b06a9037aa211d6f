//! RocketMQ's wire and record formats: bytes to types and back. No I/O, no clock.

pub mod properties;
pub mod record;

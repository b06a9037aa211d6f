//! RocketMQ's wire and record formats: bytes to types and back. No I/O, no clock.

pub mod ask_client;
mod binary;
pub mod by_queue;
pub mod code;
pub mod command;
pub mod connections;
pub mod consume_stats;
pub mod frame;
pub mod heartbeat;
pub mod inspect;
mod json;
pub mod json_cursor;
pub mod lock;
pub mod loose_json;
pub mod offset_table;
pub mod pop;
pub mod properties;
pub mod pull;
pub mod readers;
pub mod record;
pub mod registration;
pub mod reply;
pub mod reset;
pub mod route;
pub mod send;
pub mod sql92;
pub mod topic;
pub mod topic_stats;
pub mod transaction;
pub mod whole_crc;

pub use command::{Body, Command, Encoding, Language};

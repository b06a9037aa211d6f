//! One store follows another, by the HA stream of Apache RocketMQ 4.9.8 (`HAService`, `HAConnection`, `HAClient`).
//!
//! It knows bytes and offsets. Who is master, where it is, who may connect and what else a slave copies is the broker's.
//!
//! The master: `master.rs` (the door), `sending.rs` (one connection). The slave: `slave.rs` (the door), `begin.rs` (where to
//! ask from), `comparing.rs` (is it the same log?), `taking.rs` (one connection). Both: `wire.rs`, `pulse.rs`.

mod begin;
mod comparing;
mod master;
mod pulse;
mod sending;
mod slave;
mod taking;
mod wire;

pub use master::{Connected, Master, MasterRules, ServeError};
pub use slave::{Ends, FollowError, Following, Slave, SlaveRules};

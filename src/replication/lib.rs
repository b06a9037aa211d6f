//! One store follows another, by the HA stream of Apache RocketMQ 4.9.8 (`HAService`, `HAConnection`, `HAClient`).
//!
//! It knows bytes and offsets. Who is master, where it is, who may connect and what else a slave copies is the broker's.

mod master;
mod slave;

pub use master::{Connected, Master, MasterRules, ServeError};
pub use slave::{Ends, FollowError, Following, Slave, SlaveRules};

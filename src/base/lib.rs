//! What every room stands on: time, waiting, background tasks, flat fields, the disk and small durable files on it.
//!
//! Nothing here knows a RocketMQ word.

mod clock;
pub mod disk;
pub mod durable;
pub mod fields;
pub mod flat;
pub mod given;
mod kind;
pub mod properties;
pub mod settings;
mod tasks;
mod watermark;

pub use clock::Clock;
pub use disk::Disk;
pub use fields::Fields;
pub use tasks::Tasks;
pub use watermark::Watermark;

//! What every room stands on: time, waiting, background tasks, flat fields and small durable files.
//!
//! Nothing here knows a RocketMQ word.

mod clock;
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
pub use fields::Fields;
pub use tasks::Tasks;
pub use watermark::Watermark;

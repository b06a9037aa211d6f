//! Questions and orders to a cluster, typed: topics, brokers, messages, positions.
//!
//! Whatever concerns several brokers is answered broker by broker ([`PerBroker`]): one that fails is told with its
//! reason and never left out, nor shown as empty. Does not print.

mod admin;
pub mod alerts;
mod brokers;
mod connected;
mod dead_letters;
mod error;
mod find;
mod groups;
pub mod health;
mod messages;
mod per_broker;
mod positions;
pub mod rates;
mod reset;
pub mod snapshot;
mod topics;

pub use admin::Admin;
pub use brokers::BrokerSettings;
pub use connected::{ClientKind, ConnectedClient};
pub use dead_letters::{DeadLetterQueue, DeadLetters, NotAgain, first_topic, message_to_resend};
pub use error::Error;
pub use find::{Found, KeyQuery};
pub use per_broker::{BrokerRef, Outcome, PerBroker};
pub use positions::{GroupPosition, QueueRange};
pub use reset::{Reset, Target};
pub use snapshot::Snapshot;
pub use topics::{Deleted, Where};

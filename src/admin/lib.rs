//! Questions and orders to a cluster, typed: topics, brokers, messages, positions.
//!
//! Whatever concerns several brokers is answered broker by broker ([`PerBroker`]): one that fails is told with its
//! reason and never left out, nor shown as empty. Does not print.

mod admin;
pub mod alerts;
mod broker_info;
mod brokers;
mod browse;
mod connected;
mod dead_letters;
mod error;
mod find;
mod groups;
pub mod health;
mod messages;
mod owners;
mod per_broker;
mod positions;
pub mod rates;
mod resend;
mod reset;
mod set_group;
pub mod snapshot;
mod topics;
mod trace;
mod writable;

pub use admin::Admin;
pub use brokers::BrokerSettings;
pub use browse::{BODY_KEPT, Browsed, Mark, Start, StoredMessage, Stretch};
pub use connected::{ClientKind, ConnectedClient};
pub use dead_letters::{DeadLetterQueue, DeadLetters, NotAgain, first_topic, message_to_resend};
pub use error::Error;
pub use find::{Found, KeyQuery};
pub use owners::Owners;
pub use per_broker::{BrokerRef, Outcome, PerBroker};
pub use positions::{GroupPosition, QueueRange};
pub use resend::Resent;
pub use reset::{Done, Reset, Target};
pub use set_group::{GROUP_SETTINGS, GroupSet, GroupSettings};
pub use snapshot::Snapshot;
pub use topics::{Deleted, Where};
pub use trace::{Step, Trace, TraceRecord};

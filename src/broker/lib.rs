//! Requests answered from the store: the broker.
//!
//! One file a subject: `send`, `pull`, `pop`, `query`, `membership`, `manage`, `inspect`, `retention` and others answer; `topics`, `groups`,
//! `offsets`, `clients` are the tables they answer from; `dispatch` says who answers what. A master's slaves are in `slaves` and
//! `safety`, what a slave does in `follow` and `mirror`. Uses no client: it talks to name servers through `remoting` directly.

pub mod address;
mod announce;
mod broker;
mod clients;
pub mod config;
mod config_rules;
pub mod config_values;
mod conflicts;
mod connections;
mod counts;
mod delay;
mod deliver;
mod derived;
mod dispatch;
mod filters;
mod follow;
mod groups;
mod inspect;
mod keys_without_effect;
mod latency;
mod locks;
mod manage;
mod membership;
mod memory;
mod mirror;
mod mornings;
mod networks;
mod offsets;
mod parked;
mod pop;
mod pull;
mod query;
mod rates;
mod readers;
mod refusal;
mod reply;
mod reset;
mod retention;
mod safety;
mod saved;
mod send;
mod send_back;
mod settings_file;
mod slaves;
mod start_error;
mod stats;
pub mod surroundings;
mod timer;
mod topics;
mod transaction;
mod while_away;

pub use broker::Broker;
pub use follow::Cut;
pub use start_error::StartError;

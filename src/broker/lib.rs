//! Requests answered from the store: the broker.

pub mod address;
pub mod config;
mod config_rules;
pub mod config_values;
mod keys_without_effect;
pub mod surroundings;

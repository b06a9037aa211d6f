//! End-to-end tests: the built `rmq` as a black box, driven from outside by its command line, by raw bytes and by
//! RocketMQ clients that this project did not write. What a single room does is tested in that room.
//!
//! Everything runs on 127.0.0.1, on free ports, in a directory of its own; nothing here waits but for a condition.

mod ali_ons;
mod binary_header;
mod broadcast;
mod check;
mod cli;
mod clients;
mod cluster;
mod cluster_command;
mod cpp;
mod dlq;
// Other builds have no faults to plant.
mod delayed;
mod deliveries;
#[cfg(debug_assertions)]
mod failing_disk;
mod failover;
mod full_disk;
mod harmed;
mod hostile;
mod kill;
mod ledger;
mod lone;
mod members;
mod mixed;
mod ordered;
mod pop;
mod process;
mod readme;
mod render;
mod replicated;
mod retention;
mod retry;
mod servers;
mod service;
mod shell;
mod snapshot;
mod store_command;
mod sync_pair;
mod templates;
mod top;
mod top_alerts;
mod top_live;
mod top_messages;
mod traces;
mod transactions;
mod ways;
mod wire;

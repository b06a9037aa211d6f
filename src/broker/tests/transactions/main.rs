//! Transactions over real sockets: how they end, how producers are asked about them, and what a restart leaves of them.

#[path = "../stand/mod.rs"]
mod stand;

mod checks;
mod ends;
mod restarts;
mod stage;

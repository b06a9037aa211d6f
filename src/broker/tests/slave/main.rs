//! Slaves beside masters, over real sockets and with a real name server: the log, the tables, what is refused, and what
//! becomes of logs that differ.

#[path = "../asked/mod.rs"]
mod asked;

mod between;
mod following;
mod parted;
mod reading;
mod stage;
mod tables;

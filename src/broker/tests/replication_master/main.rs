//! A master at its door: what sends are told with and without slaves, who may take the log, and what it does at its
//! start.

#[path = "../asked/mod.rs"]
mod asked;

mod answers;
mod door;
mod return_of_a_master;
mod stage;
mod told;

//! Who serves which topic: the name server.

pub mod config;

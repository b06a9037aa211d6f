//! The store from its door: what is appended is read back, whatever happens in between. Real files, tiny ones.
#![allow(clippy::unwrap_used)]

mod append;
mod copying;
mod keys;
mod lifecycle;
mod model;
mod pulls;
mod recovery;
mod retention;
mod support;
mod trust;

//! The store on a disk that says no: each call it makes to the file system is refused in turn, for each reason a system
//! gives, once and from then on. Nothing acknowledged is lost, nothing refused comes back in another's place, nothing
//! panics or hangs, and when the disk works again so does the store.
//!
//! Every n-th call from a drawn one on by default, all of them with `RMQ_TEST_LONG=1`; `RMQ_TEST_SEED` repeats a draw.
#![allow(clippy::unwrap_used)]

mod ghosts;
mod history;
mod life;
mod opening;
mod ride;

//! What the tests know of a store and of its history, without a line of the code they judge.
//!
//! [`reader`] reads a store's directory by the public layout of its files, Apache's or ours. [`history`] notes what was
//! asked of a broker and what it answered, and checks one against the other. [`faults`] makes a disk say no, and [`loops`]
//! bounds what one run does. A test that harms a store runs like this:
//!
//! ```no_run
//! use witness::{Expect, Geometry, History, Store, body_of, check, report};
//!
//! let history = History::new();
//! let body = body_of("17", b"hello");
//! history.attempt("17", "Orders", &body);
//! // … send it; the broker answers: queue 0, offset 5, byte 4711 of the log …
//! history.acked("17", 0, 5, 4711, true);
//! // … harm the broker, start it again, stop it …
//! let store = Store::read("/var/tmp/store".as_ref(), Geometry::SMALL);
//! let violations = check(&history, &store, Expect::all());
//! assert!(violations.is_empty(), "{}", report(&violations));
//! ```
//!
//! [`recorder`] notes every change to the files of a store; [`image`] rebuilds from that what a power cut could leave.
//!
//! Not the tests themselves, and never a dependency of what is shipped. Depends on no room of the engine but the lowest,
//! where the disk is that a recorder listens at, so that one mistake cannot be in both; `tests/tidy.rs` keeps it so.

pub mod faults;
pub mod history;
pub mod image;
pub mod loops;
pub mod plan;
pub mod reader;
pub mod recorder;
pub mod scratch;

pub use faults::{Fault, Faults, Fired, Reason};
pub use history::{Acks, Expect, History, Kind, Violation, body_of, check, report};
pub use reader::{Geometry, Store};

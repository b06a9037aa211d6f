//! The open of a store, with each of its calls refused in turn: an error, and the next open finds everything.

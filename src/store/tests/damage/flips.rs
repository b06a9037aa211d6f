//! Every single bit of a log, flipped.

//! What a power cut takes away of the changes that no sync had covered: drawn by a seed, printable.
//!
//! A page of a file is on the disk as it was at some moment since the last sync, each page (or sector) at its own; the
//! length at a moment of its own too. Names are there or not, each change for itself, but a rename is one change.

use rand::{Rng, SeedableRng, rngs::StdRng};
use std::fmt;

/// Bytes and lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Only what was synced is there.
    Dropped,
    /// Everything is there.
    Kept,
    /// Pages of 4 KiB are there or not.
    Pages,
    /// Sectors of 512 bytes are there or not.
    Sectors,
    /// As `Sectors`, but the power goes in the middle of one: its first bytes are new, and nothing behind it in the file.
    Torn,
    /// Everything up to some moment is there.
    Ordered,
}

/// Names in folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Only what was synced is there.
    Dropped,
    /// Every change is there.
    Kept,
    /// Each change is there or not.
    Some,
    /// Every change up to some moment is there; the same as for the bytes, if those are ordered too.
    Ordered,
}

/// What is taken away.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Of bytes and lengths.
    pub data: Data,
    /// Of names.
    pub names: Names,
    /// What else is left to chance.
    pub seed: u64,
}

impl Plan {
    /// One of all the plans.
    pub fn draw(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let data = [Data::Dropped, Data::Kept, Data::Pages, Data::Sectors, Data::Sectors, Data::Torn, Data::Ordered];
        let data = data[rng.random_range(0..data.len())];
        let names = match data {
            // File systems that keep the order keep it for both.
            Data::Ordered if rng.random_bool(0.7) => Names::Ordered,
            _ => [Names::Dropped, Names::Kept, Names::Some, Names::Some, Names::Ordered][rng.random_range(0..5)],
        };
        Self { data, names, seed: rng.random() }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {:?}, names {:?}", self.data, self.names)
    }
}

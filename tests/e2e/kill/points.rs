//! The points at which a broker is killed: a call to the disk, the kind of file, and whether before, amid or after it.

use rand::{Rng, rngs::StdRng};
use std::fmt;

/// One call on one kind of file, and up to which such call of a life it is worth dying at.
const CALLS: &[(&str, &str, u64)] = &[
    ("create", "commitlog/", 12),
    ("set-len", "commitlog/", 12),
    ("open", "commitlog/", 60),
    ("map", "commitlog/", 40),
    ("read", "commitlog/", 60),
    ("write", "commitlog/", 80),
    ("sync", "commitlog/", 60),
    ("sync-folder", "commitlog", 8),
    ("list", "commitlog", 1),
    ("create-folder", "consumequeue", 4),
    ("create", "consumequeue/", 60),
    ("set-len", "consumequeue/", 60),
    ("open", "consumequeue/", 60),
    ("read", "consumequeue/", 60),
    ("write", "consumequeue/", 60),
    ("sync", "consumequeue/", 1),
    ("sync-all", "consumequeue", 4),
    ("list", "consumequeue", 10),
    ("create", "/index/", 10),
    ("set-len", "/index/", 10),
    ("open", "/index/", 40),
    ("map", "/index/", 60),
    ("allocate", "/index/", 60),
    ("store", "/index/", 600),
    ("write", "/index/", 20),
    ("sync", "/index/", 12),
    ("sync-folder", "/index", 10),
    ("list", "/index", 1),
    ("read", "checkpoint", 1),
    ("write", "checkpoint", 4),
    ("sync", "checkpoint", 4),
    ("create", "checkpoint", 1),
    ("read", "abort", 1),
    ("create", "abort", 1),
    ("write", "abort", 1),
    ("remove", "abort", 1),
    ("create", "consumerOffset.json", 4),
    ("write", "consumerOffset.json", 4),
    ("sync", "consumerOffset.json", 4),
    ("link", "consumerOffset.json", 4),
    ("remove", "consumerOffset.json", 4),
    ("rename", "consumerOffset.json", 8),
    ("create", "topics.json", 2),
    ("write", "topics.json", 2),
    ("sync", "topics.json", 2),
    ("link", "topics.json", 2),
    ("rename", "topics.json", 4),
    ("rename", "subscriptionGroup.json", 1),
    ("sync-folder", "config", 6),
];

/// How many points there are, whichever call of a life it is.
pub fn count() -> usize {
    CALLS.iter().map(|(call, ..)| whens(call).len()).sum()
}

fn whens(call: &str) -> &'static [&'static str] {
    if call == "write" { &["before", "amid", "after"] } else { &["before", "after"] }
}

/// Where to die.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    when: &'static str,
    call: &'static str,
    part: &'static str,
    nth: u64,
}

impl Point {
    /// Any point.
    pub fn any(rng: &mut StdRng) -> Self {
        if rng.random_ratio(1, 6) {
            // More often than others: which part of which record it tears is chance, too.
            return Self { when: "amid", call: "write", part: "commitlog/", nth: rng.random_range(1..=80) };
        }
        let (call, part, most) = CALLS[rng.random_range(0..CALLS.len())];
        let whens = whens(call);
        Self { when: whens[rng.random_range(0..whens.len())], call, part, nth: rng.random_range(1..=most) }
    }

    /// The same without the number of the call.
    pub fn name(&self) -> String {
        format!("{}:{}:{}", self.when, self.call, self.part)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name(), self.nth)
    }
}

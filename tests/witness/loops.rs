//! How much of a long loop one run does: all of it with `RMQ_TEST_LONG=1`, else every n-th step from a drawn one on.
//!
//! The draw is printed, and `RMQ_TEST_SEED` gives it.

use std::env;

/// Whether everything is to be done, however long it takes: `RMQ_TEST_LONG=1`.
pub fn long() -> bool {
    env::var_os("RMQ_TEST_LONG").is_some_and(|long| long == "1")
}

/// A number from the environment; `None` if the variable is not set.
///
/// # Panics
/// If it is no number.
pub fn given(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} = {text:?}: expected a number")))
}

/// The number that all chance of a test comes from: `RMQ_TEST_SEED`, or one drawn anew; printed with `name`.
///
/// # Panics
/// If `RMQ_TEST_SEED` is no number.
pub fn seed(name: &str) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Any number will do, and the hasher has one.
    let seed = given("RMQ_TEST_SEED").unwrap_or_else(|| RandomState::new().hash_one(name) % 1_000_000);
    println!("{name}: RMQ_TEST_SEED={seed}");
    seed
}

/// A scrambled number of two: chance that is the same again for the same seed and step.
pub fn mixed(seed: u64, step: u64) -> u64 {
    let mut mixed = seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for factor in [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB] {
        mixed = (mixed ^ (mixed >> 29)).wrapping_mul(factor);
    }
    mixed ^ (mixed >> 32)
}

/// Every `stride`-th of the steps from a drawn one on; all of them in the long form.
pub fn steps(seed: u64, stride: u64) -> (u64, u64) {
    let stride = if long() { 1 } else { stride.max(1) };
    (mixed(seed, stride) % stride, stride)
}

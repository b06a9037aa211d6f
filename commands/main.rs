//! The `rmq` command.
fn main() {}

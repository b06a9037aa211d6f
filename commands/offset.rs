//! `rmq offset`: where groups go on.

mod reset;

use crate::{failure::Failure, log, reach};

/// Change where a group goes on
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Reset(reset::Arguments),
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        let What::Reset(reset) = &self.what;
        reset.style.is_json()
    }
}

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    let What::Reset(reset) = arguments.what;
    reach::run(log_level, reset::reset(reset))
}

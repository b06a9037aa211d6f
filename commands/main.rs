//! The `rmq` command: reads what was typed, hands it to the file of that subcommand, and ends with its exit code.
//!
//! One file a subcommand; what they do stands in the rooms of `src/`.

mod apache_names;
mod arguments;
mod broker;
mod failure;
mod log;
mod namesrv;
mod output;
mod server;

use arguments::{Arguments, Subcommand};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Arguments = arguments::parse(std::env::args_os());
    let log_level = arguments.log_level;
    let outcome = match arguments.subcommand {
        Subcommand::Namesrv(arguments) => namesrv::run(arguments, log_level),
        Subcommand::Broker(arguments) => broker::run(arguments, log_level),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

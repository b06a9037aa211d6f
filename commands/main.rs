//! The `rmq` command: reads what was typed, hands it to the file of that subcommand, and ends with its exit code.
//!
//! One file a subcommand; what they do stands in the rooms of `src/`.

mod answer;
mod apache_names;
mod arguments;
mod broker;
mod check;
mod cluster;
mod completions;
mod connected;
mod consume;
#[cfg(debug_assertions)]
mod crash_points;
mod dlq;
mod failure;
mod group;
mod log;
mod message;
mod message_text;
mod namesrv;
mod offset;
mod output;
mod places;
mod produce;
mod reach;
mod server;
mod store;
mod table;
mod top;
mod topic;
mod watch;
mod when;

use arguments::{Arguments, Subcommand};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Arguments = arguments::parse(std::env::args_os());
    let log_level = arguments.log_level;
    let json = arguments.subcommand.prints_json();
    let outcome = match arguments.subcommand {
        Subcommand::Namesrv(arguments) => namesrv::run(arguments, log_level),
        Subcommand::Broker(arguments) => broker::run(arguments, log_level),
        Subcommand::Cluster(arguments) => cluster::run(arguments, log_level),
        Subcommand::Check(arguments) => check::run(arguments, log_level),
        Subcommand::Top(arguments) => top::run(arguments, log_level),
        Subcommand::Produce(arguments) => produce::run(arguments, log_level),
        Subcommand::Consume(arguments) => consume::run(arguments, log_level),
        Subcommand::Topic(arguments) => topic::run(arguments, log_level),
        Subcommand::Group(arguments) => group::run(arguments, log_level),
        Subcommand::Client(arguments) => connected::run(arguments, log_level),
        Subcommand::Offset(arguments) => offset::run(arguments, log_level),
        Subcommand::Message(arguments) => message::run(arguments, log_level),
        Subcommand::Dlq(arguments) => dlq::run(arguments, log_level),
        Subcommand::Store(arguments) => store::run(arguments, log_level),
        Subcommand::Completions(arguments) => completions::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

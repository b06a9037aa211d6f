//! What can be typed: the subcommands and the options that all of them have. The options of one subcommand stand in
//! its file.

use crate::{
    apache_names, broker, check, cluster, completions, connected, consume, dlq,
    failure::{Failure, Kind},
    group, log, message, namesrv, offset, produce, store, top, topic,
};
use clap::{Parser, error::ErrorKind};
use std::ffi::OsString;

/// The first page: `rmq`, `rmq -h`. A test holds it against the subcommands that there are.
const FIRST_PAGE: &str = "\
{name} {version}: {about}

{usage-heading} {usage}

Servers:
  namesrv   Run a name server, where clients and brokers find each other
  broker    Run a broker, which keeps the messages; list, show and set those that run
  cluster   Run clusters on this machine, for development and tests
  check     Check whether servers are well: for probes, monitors and CI
  top       Watch a whole cluster on one screen: rates, lags, flush, replication, disks

Messages:
  produce   Send messages: one a line of standard input, or as told
  consume   Print the messages of a topic
  message   Find messages by their id or by a key
  topic     List, create and delete topics, and show where they live
  group     Show what groups consume and what they have still to, create and delete them
  offset    Let a group go on elsewhere: at a time, an offset, the first or last message
  client    List the producers and consumers that are connected
  dlq       List, print and send again what groups failed on too often

Files:
  store     Look into a store directory: list, verify, dump, repair

Shell:
  completions  Print what bash, zsh or fish must know to complete command lines

Options:
{options}

First steps:
  rmq cluster up
  printf 'hello\\n' | rmq produce greetings
  rmq consume greetings -e

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 unreachable or timed out, 5 not permitted, 6 partly done
";

/// A complete RocketMQ in one native binary
#[derive(Debug, Parser)]
#[command(name = "rmq", version, help_template = FIRST_PAGE, disable_help_subcommand = false)]
#[command(subcommand_required = true, arg_required_else_help = true, subcommand_value_name = "COMMAND")]
pub struct Arguments {
    /// What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`
    #[arg(
        long,
        global = true,
        env = "RMQ_LOG",
        value_name = "LEVEL",
        hide_env_values = true,
        help_heading = "Everywhere"
    )]
    pub log_level: Option<log::Level>,

    /// What to do.
    #[command(subcommand)]
    pub subcommand: Subcommand,
}

/// What `rmq` can do, in the order of the first page.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    Namesrv(namesrv::Arguments),
    Broker(broker::Arguments),
    Cluster(cluster::Arguments),
    Check(check::Arguments),
    Top(top::Arguments),
    Produce(produce::Arguments),
    Consume(consume::Arguments),
    Topic(topic::Arguments),
    Group(group::Arguments),
    Client(connected::Arguments),
    Offset(offset::Arguments),
    Message(message::Arguments),
    Dlq(dlq::Arguments),
    Store(store::Arguments),
    Completions(completions::Arguments),
}

impl Subcommand {
    /// Whether it was asked to print JSON: then a failure is told as JSON too.
    pub fn prints_json(&self) -> bool {
        match self {
            Self::Namesrv(_) | Self::Completions(_) => false,
            Self::Broker(arguments) => arguments.prints_json(),
            Self::Cluster(arguments) => arguments.prints_json(),
            Self::Check(arguments) => arguments.prints_json(),
            Self::Top(arguments) => arguments.prints_json(),
            Self::Produce(arguments) => arguments.output == produce::Output::Json,
            Self::Consume(arguments) => matches!(arguments.output, consume::Output::Json | consume::Output::Jsonl),
            Self::Topic(arguments) => arguments.prints_json(),
            Self::Group(arguments) => arguments.prints_json(),
            Self::Client(arguments) => arguments.prints_json(),
            Self::Offset(arguments) => arguments.prints_json(),
            Self::Message(arguments) => arguments.prints_json(),
            Self::Dlq(arguments) => arguments.prints_json(),
            Self::Store(arguments) => arguments.prints_json(),
        }
    }
}

/// Reads the command line, or says what is wrong with it, as JSON if that was asked for, and ends the process with 2. Asked
/// for help or the version, prints that and ends it with 0.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Arguments {
    let words = apache_names::spelled_out(words);
    let error = match Arguments::try_parse_from(&words) {
        Ok(arguments) => return arguments,
        Err(error) => error,
    };
    // What is too short is answered with help.
    if !error.use_stderr() || !wants_json(&words) || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        error.exit();
    }
    let text = error.to_string();
    let said = text.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    Failure::new(Kind::Usage, said).report(true);
    std::process::exit(Kind::Usage as i32)
}

/// Whether the words ask for JSON, as far as that can be told of words that mean nothing.
fn wants_json(words: &[OsString]) -> bool {
    let words: Vec<_> = words.iter().filter_map(|word| word.to_str()).collect();
    let joined = ["-ojson", "-o=json", "--output=json"];
    words.iter().any(|word| joined.contains(word))
        || words.windows(2).any(|pair| matches!(pair, ["-o" | "--output", "json"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_first_page_has_every_subcommand() {
        let command = Arguments::command();
        for subcommand in command.get_subcommands() {
            let line = format!("\n  {:<9} ", subcommand.get_name());
            assert!(FIRST_PAGE.contains(&line), "{line:?}");
        }
    }

    #[test]
    fn every_command_that_an_alert_names_can_be_typed() {
        let commands = admin::alerts::commands();
        assert!(!commands.is_empty());
        for command in commands {
            // None of the names filled in needs quotes.
            if let Err(error) = Arguments::try_parse_from(command.split(' ')) {
                panic!("{command}: {error}");
            }
        }
    }
}

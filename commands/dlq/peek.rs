//! `rmq dlq peek`: prints dead letters as `rmq consume` prints messages, and leaves them where they are.

use super::reader;
use crate::{
    consume::{
        Output,
        history::History,
        printing::{Printer, Style},
        start::{self, Start},
    },
    failure::Failure,
    message_text::{FORMAT_HELP, Format},
    reach,
};
use client::Subscription;
use protocol::topic::dlq_topic;

/// Print the dead letters of a group, the oldest first
#[derive(Debug, clap::Args)]
#[command(mut_arg("namesrv", |argument| argument.short(None)))]
#[command(after_help = format!("\
Examples:
  rmq dlq peek billing -n 10
  rmq dlq peek billing --from -1h -o jsonl
  rmq dlq peek billing -f '%i %D %h\\n'       with where they came from: RETRY_TOPIC

{FORMAT_HELP}"))]
pub struct Arguments {
    /// The group that failed on them
    group: String,
    /// Where to begin: first, last, an OFFSET, -N for the last N of each queue, or a TIME (2026-01-02T03:04:05Z,
    /// "2026-01-02 03:04:05", ms since 1970, -10m): when they became dead letters
    #[arg(long, value_name = "WHERE", default_value = "first", allow_hyphen_values = true, value_parser = start::argument)]
    from: Start,
    /// End after so many messages
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<u64>,
    /// Print each message in this format; see below
    #[arg(short, long, conflicts_with = "output")]
    format: Option<Format>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "raw")]
    output: Output,
    #[command(flatten)]
    reach: reach::Reach,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        matches!(self.output, Output::Json | Output::Jsonl)
    }
}

/// Prints what is there.
///
/// # Errors
/// If the group has no dead letters, or they cannot be read or printed.
pub async fn peek(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { group, from, count, format, output, reach } = arguments;
    let reach = reach.settled().await;
    let client = reach.client()?;
    let topic = dlq_topic(&group);
    let (consumer, spans) = reach
        .within(async {
            let consumer = reader(&client, &group).await?;
            let spans = start::spans(&consumer, &topic, false, &from).await?;
            Ok((consumer, spans))
        })
        .await?;
    let subscription = Subscription::tags(&topic, "*", 0);
    let mut history = History::new(&consumer, &subscription, spans);
    let mut printer = Printer::begin(Style::of(format, output), count);
    while !printer.is_done() {
        if !history.is_ready() {
            printer.flush()?;
        }
        let Some(message) = reach.within(history.next()).await? else { break };
        printer.message(&message)?;
    }
    printer.end()
}

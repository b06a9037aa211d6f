//! `rmq produce`: sends messages from standard input, a file or the command line.

mod delay;
mod input;
mod producing;
mod report;
mod ways;

use crate::{
    failure::{Failure, Kind},
    log, reach,
};
use client::{Message, ProducerOptions};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use input::Input;
use producing::Producing;
use report::Report;
use std::{path::PathBuf, time::Duration};
use ways::{Sender, Ways};

/// The producer group that the command sends as.
const GROUP: &str = "rmq-produce";
/// How long leaving the group may take after a failure.
const LEAVE_WITHIN: Duration = Duration::from_millis(100);

/// Send messages: one a line of standard input, or as told
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  printf 'a\\nb\\n' | rmq produce T              two messages
  rmq produce T -m hello -k order-7 --tag red  one message with a key and a tag
  rmq produce T --file picture.png             one message, the whole file
  rmq produce T --count 100000 --mode async    generated messages, 64 in flight
  rmq produce T -m later --delay 90s           seen in a minute and a half
  rmq produce T --order-by : < events          'KEY:…' lines, those of a key in order
  rmq produce T -m ping --reply-timeout 5s     a request; prints the reply

Prints one line a message on standard output: status, message id, broker:queue, offset.")]
pub struct Arguments {
    /// Where to send
    topic: String,
    /// A message; may be repeated
    #[arg(short, long, value_name = "BODY", help_heading = "What to send")]
    message: Vec<String>,
    /// A file that is one message; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "What to send")]
    file: Vec<PathBuf>,
    /// How often to send what is given, or how many messages to make up
    #[arg(long, value_name = "N", help_heading = "What to send")]
    count: Option<u64>,
    /// How large messages that are made up are
    #[arg(long, value_name = "BYTES", requires = "count", conflicts_with_all = ["message", "file"],
          help_heading = "What to send")]
    size: Option<usize>,
    /// A key by which each message can be found; may be repeated
    #[arg(short, long, value_name = "KEY", help_heading = "What to send")]
    key: Vec<String>,
    /// The tag by which consumers choose
    #[arg(long, help_heading = "What to send")]
    tag: Option<String>,
    /// A property; may be repeated
    #[arg(short = 'H', long, value_name = "NAME=VALUE", value_parser = property, help_heading = "What to send")]
    header: Vec<(String, String)>,
    /// Send so many messages a second
    #[arg(long, value_name = "N[/s]", value_parser = rate, help_heading = "How to send")]
    rate: Option<f64>,
    #[command(flatten)]
    ways: Ways,
    /// How to print what became of each message
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Output,
    /// Print only what went wrong, and the sum
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    reach: reach::Reach,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Columns.
    Table,
    /// One JSON object a line.
    #[value(alias = "jsonl")]
    Json,
}

/// Sends everything.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, produce(arguments))
}

async fn produce(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { topic, message, file, count, size, key, tag, header, rate, ways, output, quiet, reach } = arguments;
    protocol::topic::check_topic(&topic).map_err(|error| Failure::new(Kind::Usage, error))?;
    ways.check()?;
    let mut like = Message::new(topic.as_str(), Vec::new());
    if !key.is_empty() {
        like = like.with_keys(key.iter().map(String::as_str)).map_err(client::Error::from)?;
    }
    if let Some(tag) = tag {
        like = like.with_tag(&tag).map_err(client::Error::from)?;
    }
    for (name, value) in header {
        like = like.with_property(&name, &value).map_err(client::Error::from)?;
    }
    let like = ways.prepare(like)?;
    let mut input = Input::new(message, file, count, size, rate)?;
    let mut report = Report::begin(output == Output::Json, quiet, input.total());

    let reach = reach.settled().await;
    let client = reach.client()?;
    let options = ProducerOptions { send_timeout: reach.timeout, trace: ways.trace, ..ProducerOptions::default() };
    let producing = Producing::start(&client, &topic, options, &ways).await?;
    let sender = Sender { producing: &producing, client: &client, like: &like, ways: &ways, reach: &reach };
    let outcome = send_all(&mut input, &sender, &mut report).await;
    // Brokers that do not answer are not told at length that this producer leaves.
    let leave_within = if outcome.is_ok() && !report.must_stop() { reach.timeout } else { LEAVE_WITHIN };
    let _ = tokio::time::timeout(leave_within, producing.shutdown()).await;
    client.shutdown().await;
    report.end(outcome, input.skipped())
}

/// Sends what `input` gives; what is still under way after a failure that ends it is awaited.
async fn send_all(input: &mut Input, sender: &Sender<'_>, report: &mut Report) -> Result<(), Failure> {
    let (at_once, together) = (sender.ways.at_once(), sender.ways.together());
    let mut under_way = FuturesUnordered::new();
    let mut waiting = Vec::new();
    let (mut more, mut read) = (true, Ok(()));
    loop {
        while let Some(Some(outcome)) = under_way.next().now_or_never() {
            report.add(outcome)?;
        }
        if report.must_stop() {
            more = false;
            waiting.clear();
        }
        if waiting.len() == together || !more && !waiting.is_empty() {
            under_way.push(sender.send(std::mem::take(&mut waiting)));
            continue;
        }
        if under_way.is_empty() && !more {
            return read;
        }
        report.flush()?;
        tokio::select! {
            Some(outcome) = under_way.next() => report.add(outcome)?,
            item = input.next(), if more && under_way.len() < at_once => match item {
                Ok(Some(item)) => waiting.push(item),
                Ok(None) => more = false,
                // What was read before is sent all the same.
                Err(error) => (more, read) = (false, Err(error)),
            },
        }
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).parse::<f64>().ok();
    number
        .filter(|rate| (0.001..=1e9).contains(rate))
        .ok_or_else(|| "expected messages a second, such as 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_of_messages_a_second() {
        assert_eq!((rate("100"), rate("2.5/s")), (Ok(100.0), Ok(2.5)));
        for wrong in ["0", "-1", "fast", "", "/s", "NaN", "10/m"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_property_has_a_name_and_any_value() {
        assert_eq!(property("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(property("a="), Ok(("a".to_owned(), String::new())));
        assert!(property("=b").is_err() && property("a").is_err());
    }
}

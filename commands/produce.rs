//! `rmq produce`: sends messages from standard input, a file or the command line.

mod input;
mod report;
mod sender;

use crate::{
    failure::{Failure, Kind},
    log, reach, when,
};
use client::{Client, Message, ProducerOptions};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use input::{Input, Item};
use report::{Outcome, Report};
use sender::{Sender, Transaction};
use std::{path::PathBuf, time::Duration};

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
    /// sync: one after another; async: many in flight; oneway: without waiting for answers, so some may be lost
    #[arg(long, value_enum, default_value = "sync", help_heading = "How to send")]
    mode: Mode,
    /// How many messages may wait for their answers in mode async
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..),
          help_heading = "How to send")]
    in_flight: u16,
    /// Send each message in a transaction that ends so, and end earlier ones so that a broker asks about
    #[arg(long, value_enum, value_name = "END", conflicts_with = "reply_timeout", help_heading = "How to send")]
    transaction: Option<Transaction>,
    /// Wait so long for a reply to each message, and print it
    #[arg(long, value_name = "TIME", value_parser = when::duration, help_heading = "How to send")]
    reply_timeout: Option<Duration>,
    /// Send so many messages a second
    #[arg(long, value_name = "N[/s]", value_parser = rate, help_heading = "How to send")]
    rate: Option<f64>,
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

/// How messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    Sync,
    Async,
    Oneway,
}

/// Sends everything.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, produce(arguments))
}

async fn produce(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { topic, message, file, count, size, key, tag, header, mode, in_flight, .. } = arguments;
    let Arguments { transaction, reply_timeout, rate, output, quiet, reach, .. } = arguments;
    protocol::topic::check_topic(&topic).map_err(|error| Failure::new(Kind::Usage, error))?;
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
    let mut input = Input::new(message, file, count, size, rate)?;
    let mut report = Report::begin(output == Output::Json, quiet, input.total());

    let reach = reach.settled().await;
    let client = reach.client()?;
    let options = ProducerOptions { send_timeout: reach.timeout, ..ProducerOptions::default() };
    let sender = Sender::start(&client, &topic, options, mode, transaction, reply_timeout).await?;
    let most = if mode == Mode::Async { usize::from(in_flight) } else { 1 };
    let send = |item: Item| {
        let message = Message { body: item.body, ..like.clone() };
        let (sender, reach, client, like) = (&sender, &reach, &client, &like);
        async move {
            let sent = sender.send(message, reach).await;
            let result = sent.map_err(|failure| explained(failure, client, &like.topic));
            Outcome { of: item.name, result }
        }
    };
    let outcome = send_all(&mut input, most, send, &mut report).await;
    // Brokers that do not answer are not told at length that this producer leaves.
    let leave_within = if outcome.is_ok() && !report.must_stop() { reach.timeout } else { LEAVE_WITHIN };
    let _ = tokio::time::timeout(leave_within, sender.shutdown()).await;
    client.shutdown().await;
    report.end(outcome, input.skipped())
}

/// Sends what `input` gives, at most `most` at a time; what is still under way after a failure that ends it is
/// awaited.
async fn send_all<S: Future<Output = Outcome>>(
    input: &mut Input,
    most: usize,
    send: impl Fn(Item) -> S,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut under_way = FuturesUnordered::new();
    let mut more = true;
    loop {
        while let Some(Some(outcome)) = under_way.next().now_or_never() {
            report.add(outcome)?;
        }
        more &= !report.must_stop();
        if under_way.is_empty() && !more {
            return Ok(());
        }
        report.flush()?;
        tokio::select! {
            Some(outcome) = under_way.next() => report.add(outcome)?,
            item = input.next(), if more && under_way.len() < most => match item? {
                Some(item) => under_way.push(send(item)),
                None => more = false,
            },
        }
    }
}

/// Names the brokers of the topic, if it was they who did not answer in time.
fn explained(failure: Failure, client: &Client, topic: &str) -> Failure {
    // A route that is not known yet would have to be asked for: then it was the name servers.
    match client.route(topic).now_or_never() {
        Some(Ok(route)) if failure.kind() == Some(Kind::Unreachable) => {
            let brokers = route.data().broker_datas.iter().flat_map(|broker| broker.broker_addrs.values());
            failure.also(&format!("brokers of {topic}: {}", brokers.cloned().collect::<Vec<_>>().join(", ")))
        }
        _ => failure,
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

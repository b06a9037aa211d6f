//! The ways in which messages are sent: one after another or many at a time, in order, in batches.

use super::{
    delay::{self, Delay},
    input::Item,
    producing::Producing,
    report::{Became, Outcome},
};
use crate::{
    failure::{Failure, Kind},
    reach::Reach,
    when,
};
use client::{Client, Message, Producer, SendResult};
use futures_util::FutureExt;
use std::{future::ready, time::Duration};

/// The options that say how.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "How to send")]
pub struct Ways {
    /// sync: one after another; async: many in flight; oneway: without waiting for answers, so some may be lost
    #[arg(long, value_enum, default_value = "sync")]
    mode: Mode,
    /// How many messages may wait for their answers in mode async
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: u16,
    /// So many messages in one request, stored together or not at all; the last request has the rest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..),
          conflicts_with_all = ["delay", "order_by"])]
    batch: Option<u16>,
    /// To one queue, chosen by this key: consumers with --ordered get the messages as they were sent
    #[arg(long, value_name = "KEY")]
    order_key: Option<String>,
    /// The same with a key of each message: what stands before the first SEPARATOR in it, such as : or a blank
    #[arg(long, value_name = "SEPARATOR", conflicts_with = "order_key", value_parser = separator)]
    order_by: Option<String>,
    /// Not to be seen before: a LEVEL (1 is 1 s, 3 is 10 s, 18 is 2 h, if the broker is not set up otherwise), or after
    /// a length of time (90s, 1h30m) or at a TIME (2026-01-02T03:04:05Z, ms since 1970): these two only with brokers
    /// that know them, such as this one and RocketMQ 5: RocketMQ 4 delivers such messages at once
    #[arg(long, value_name = "LEVEL|LENGTH|TIME", value_parser = delay::argument)]
    delay: Option<Delay>,
    /// Each in a transaction that ends so, and so do earlier ones that a broker asks about meanwhile
    #[arg(long, value_enum, value_name = "END", conflicts_with_all = ["batch", "order_key", "order_by", "delay"])]
    transaction: Option<Transaction>,
    /// Wait so long for a reply to each, and print it
    #[arg(long, value_name = "TIME", value_parser = when::duration,
          conflicts_with_all = ["batch", "order_key", "order_by", "delay", "transaction"])]
    reply_timeout: Option<Duration>,
    /// Tell the topic of traces what was sent, for brokers with traceTopicEnable
    #[arg(long)]
    pub trace: bool,
}

/// How transactions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transaction {
    /// The messages are to be seen.
    Commit,
    /// Nobody is to see them.
    Rollback,
    /// The broker is to ask later.
    Unknown,
}

/// How messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    Sync,
    Async,
    Oneway,
}

impl Ways {
    /// Checks what goes together.
    ///
    /// # Errors
    /// What does not, and why.
    pub fn check(&self) -> Result<(), Failure> {
        let in_order = self.order_key.is_some() || self.order_by.is_some();
        let why = match self.mode {
            Mode::Async if in_order => {
                "--order-key and --order-by keep no order with --mode async: messages in flight overtake each other"
            }
            Mode::Oneway if self.batch.is_some() => "--batch cannot go with --mode oneway: a batch is answered",
            Mode::Oneway if self.transaction.is_some() || self.reply_timeout.is_some() => {
                "--mode oneway waits for no answer: it goes with neither --transaction nor --reply-timeout"
            }
            Mode::Oneway if self.trace => "--trace cannot go with --mode oneway: nobody knows what became of a message",
            _ => return Ok(()),
        };
        Err(Failure::new(Kind::Usage, why))
    }

    /// How the transactions of the messages end, if they are sent in any.
    pub fn transaction(&self) -> Option<Transaction> {
        self.transaction
    }

    /// How long a reply to each message is waited for, if one is.
    pub fn reply_timeout(&self) -> Option<Duration> {
        self.reply_timeout
    }

    /// How many requests may be under way at the same time.
    pub fn at_once(&self) -> usize {
        if self.mode == Mode::Async { usize::from(self.in_flight) } else { 1 }
    }

    /// How many messages go in one request.
    pub fn together(&self) -> usize {
        self.batch.map_or(1, usize::from)
    }

    /// The message that all others are like, as it is to be sent.
    ///
    /// # Errors
    /// If a property cannot be written.
    pub fn prepare(&self, like: Message) -> Result<Message, Failure> {
        match self.delay {
            Some(delay) => Ok(delay.of(like).map_err(client::Error::from)?),
            None => Ok(like),
        }
    }
}

/// Sends messages that are all alike but for their bodies.
pub struct Sender<'a> {
    /// What sends.
    pub producing: &'a Producing,
    /// What it stands on.
    pub client: &'a Client,
    /// What the messages are like.
    pub like: &'a Message,
    /// How they are sent.
    pub ways: &'a Ways,
    /// How long that may take.
    pub reach: &'a Reach,
}

impl Sender<'_> {
    /// Sends messages with one request.
    pub async fn send(&self, items: Vec<Item>) -> Outcome {
        let of = match &items[..] {
            [first, .., last] => format!("{} to {}", first.name, last.name),
            _ => items.first().map(|item| item.name.clone()).unwrap_or_default(),
        };
        let messages = items.len() as u64;
        let result = match self.producing {
            // It has a time-out of its own.
            Producing::Request(..) => self.results(items).await,
            _ => self.reach.within(self.results(items)).await,
        };
        Outcome { of, messages, result: result.map_err(|failure| explained(failure, self.client, &self.like.topic)) }
    }

    /// The result of each; none of those that were sent one way.
    async fn results(&self, items: Vec<Item>) -> Result<Vec<Became>, Failure> {
        let mut messages = Vec::with_capacity(items.len());
        for item in items {
            messages.push((self.order_key(&item)?, Message { body: item.body, ..self.like.clone() }));
        }
        match self.producing {
            Producing::Plain(producer) => {
                Ok(self.stored(producer, messages).await?.into_iter().map(Became::Stored).collect())
            }
            Producing::Transaction(producer, outcome) => {
                let mut results = Vec::with_capacity(messages.len());
                for (_, message) in messages {
                    let ended = producer.send(message, |_| ready(*outcome)).await?;
                    ended.told?;
                    results.push(Became::Stored(ended.sent));
                }
                Ok(results)
            }
            Producing::Request(producer, timeout) => {
                let mut results = Vec::with_capacity(messages.len());
                for (_, message) in messages {
                    results.push(Became::Replied(Box::new(producer.request(message, *timeout).await?)));
                }
                Ok(results)
            }
        }
    }

    async fn stored(
        &self,
        producer: &Producer,
        messages: Vec<(Option<String>, Message)>,
    ) -> Result<Vec<SendResult>, Failure> {
        let (topic, ways) = (&*self.like.topic, self.ways);
        if ways.batch.is_some() {
            let messages = messages.into_iter().map(|(_, message)| message);
            return Ok(match &ways.order_key {
                Some(key) => producer.send_batch_to(&producer.queue_of(topic, key).await?, messages).await?,
                None => producer.send_batch(messages).await?,
            });
        }
        let mut results = Vec::with_capacity(messages.len());
        for (key, message) in messages {
            match (ways.mode, key) {
                (Mode::Oneway, None) => producer.send_one_way(message).await?,
                (Mode::Oneway, Some(key)) => {
                    producer.send_one_way_to(&producer.queue_of(topic, &key).await?, message).await?;
                }
                (_, None) => results.push(producer.send(message).await?),
                (_, Some(key)) => results.push(producer.send_ordered(message, &key).await?),
            }
        }
        Ok(results)
    }

    fn order_key(&self, item: &Item) -> Result<Option<String>, Failure> {
        let Ways { order_key, order_by, .. } = self.ways;
        let Some(separator) = order_by else { return Ok(order_key.clone()) };
        match before(&item.body, separator.as_bytes()) {
            Some(key) => Ok(Some(String::from_utf8_lossy(key).into_owned())),
            None => Err(Failure::new(
                Kind::Failed,
                format!("no {separator:?} stands in it, before which its order key would be"),
            )),
        }
    }
}

/// What stands before the first `separator`.
fn before<'a>(body: &'a [u8], separator: &[u8]) -> Option<&'a [u8]> {
    let at = body.windows(separator.len().max(1)).position(|window| window == separator)?;
    Some(&body[..at])
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

fn separator(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("expected at least one character".to_owned()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_at_the_first_separator() {
        assert_eq!(before(b"order-7:paid:late", b":"), Some(&b"order-7"[..]));
        assert_eq!(before(b"a => b", b" => "), Some(&b"a"[..]));
        assert_eq!(before(b":x", b":"), Some(&b""[..]));
        assert_eq!((before(b"order-7", b":"), before(b"", b":")), (None, None));
        assert!(separator("").is_err());
    }

    #[test]
    fn what_would_break_a_promise_is_refused() {
        let ways = |mode, batch, key: Option<&str>| Ways {
            mode,
            in_flight: 64,
            batch,
            order_key: key.map(str::to_owned),
            order_by: None,
            delay: None,
            transaction: None,
            reply_timeout: None,
            trace: false,
        };
        let why = |ways: Ways| ways.check().err().map(|failure| failure.message().to_owned()).unwrap_or_default();
        assert!(why(ways(Mode::Async, None, Some("k"))).contains("overtake"));
        assert!(why(ways(Mode::Oneway, Some(2), None)).contains("answered"));
        assert!(why(Ways { trace: true, ..ways(Mode::Oneway, None, None) }).contains("--trace"));
        for fine in [
            ways(Mode::Sync, Some(2), Some("k")),
            ways(Mode::Oneway, None, Some("k")),
            ways(Mode::Async, Some(2), None),
        ] {
            assert_eq!(why(fine), "");
        }
    }
}

//! `rmq dlq resend`: sends dead letters again, each to the topic it was first sent to.

use super::{
    reader,
    report::{Outcome, Report, Resent, Rest},
};
use crate::{
    consume::{
        history::History,
        interrupted,
        start::{self, Start},
    },
    failure::{Failure, Kind},
    produce, reach,
};
use admin::{Admin, KeyQuery, message_to_resend};
use client::{Producer, ProducerOptions, Received, Subscription};
use futures_util::{StreamExt, stream::FuturesOrdered};
use protocol::topic::{check_topic, dlq_topic};
use std::collections::VecDeque;

/// The producer group that the command sends as.
const GROUP: &str = "rmq-dlq-resend";
/// How many dead letters are under way at the same time.
const AT_ONCE: usize = 16;
/// How many dead letters with one key each broker is asked for.
const WITH_KEY: i32 = 10_000;

/// Send the dead letters of a group again, each to the topic it was first sent to
///
/// Every group that subscribes to that topic gets the message again, not only the one that failed on it. What was sent
/// stays a dead letter too: brokers delete single messages never. Another run would send it once more, so begin that one
/// behind it: the last line tells where.
#[derive(Debug, clap::Args)]
#[command(mut_arg("namesrv", |argument| argument.short(None)))]
#[command(after_help = "\
Examples:
  rmq dlq resend billing --dry-run           what would be sent, and where to
  rmq dlq resend billing                     all of them
  rmq dlq resend billing --key order-7       those with a key
  rmq dlq resend billing --from -1h -n 100   a hundred of the last hour
  rmq dlq resend billing --to billing-fixed  to a topic that only this group reads

Prints one line a message on standard output: status, message id, topic, broker:queue, offset. Exit code 1 if any could
not be sent.")]
pub struct Arguments {
    /// The group that failed on them
    group: String,
    /// Send them to this topic instead
    #[arg(long, value_name = "TOPIC")]
    to: Option<String>,
    /// Only those with this key
    #[arg(short, long, help_heading = "Which")]
    key: Option<String>,
    /// Only the one with this id
    #[arg(long, conflicts_with = "key", help_heading = "Which")]
    id: Option<String>,
    /// Where to begin: first, last, an OFFSET, -N for the last N of each queue, or a TIME (2026-01-02T03:04:05Z,
    /// "2026-01-02 03:04:05", ms since 1970, -10m): when they became dead letters
    #[arg(long, value_name = "WHERE", default_value = "first", allow_hyphen_values = true, value_parser = start::argument,
          conflicts_with_all = ["key", "id"], help_heading = "Which")]
    from: Start,
    /// At most so many
    #[arg(short = 'n', long, value_name = "COUNT", conflicts_with = "id", help_heading = "Which")]
    count: Option<u64>,
    /// Send nothing, but print what would be sent
    #[arg(long)]
    dry_run: bool,
    /// How to print what became of each message
    #[arg(short, long, value_enum, default_value = "table")]
    output: produce::Output,
    #[command(flatten)]
    reach: reach::Reach,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        self.output == produce::Output::Json
    }
}

/// Sends them, those under way to their end also after a signal or a failure.
///
/// # Errors
/// If any could not be sent, there are none, or the cluster cannot be asked.
pub async fn resend(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { group, to, key, id, from, count, dry_run, output, reach } = arguments;
    if let Some(to) = &to {
        check_topic(to).map_err(|error| Failure::new(Kind::Usage, error))?;
    }
    let reach = reach.settled().await;
    let client = reach.client()?;
    let consumer = reach.within(reader(&client, &group)).await?;
    let topic = dlq_topic(&group);
    let subscription = Subscription::tags(&topic, "*", 0);
    let most = count.unwrap_or(u64::MAX);
    let mut letters = match (key, id) {
        (Some(key), _) => Letters::Found(reach.within(with_key(&Admin::on(&client), &topic, &key)).await?),
        (None, Some(id)) => Letters::Found(reach.within(with_id(&Admin::on(&client), &topic, &id)).await?),
        (None, None) => {
            let spans = reach.within(start::spans(&consumer, &topic, false, &from)).await?;
            // What becomes a dead letter meanwhile, perhaps once more, is left for the next run.
            let all = spans.iter().map(|span| (span.end - span.begin).max(0) as u64).sum();
            Letters::Walk { walk: History::new(&consumer, &subscription, spans), most: all }
        }
    };
    let mut report = Report::begin(&topic, output == produce::Output::Json, dry_run, letters.most().min(most));
    let options = ProducerOptions { send_timeout: reach.timeout, ..ProducerOptions::default() };
    let producer = Producer::on(&client, GROUP, options)?;

    let send = |letter: Received| {
        let (producer, reach, to) = (&producer, &reach, to.as_deref());
        async move {
            let result = match message_to_resend(&letter, to) {
                Err(error) => Err(Failure::new(Kind::Failed, error)),
                Ok(message) if dry_run => Ok(Resent::WouldBe(message.topic)),
                Ok(message) => reach.within(async { Ok(producer.send(message).await?) }).await.map(Resent::To),
            };
            Outcome { letter, result }
        }
    };
    let mut interrupted = Box::pin(interrupted()?);
    let mut under_way = FuturesOrdered::new();
    let (mut taken, mut more, mut outcome) = (0, true, Ok(()));
    loop {
        more &= taken < most && !report.must_stop();
        tokio::select! {
            biased;
            () = &mut interrupted, if more => more = false,
            Some(done) = under_way.next() => report.add(done)?,
            letter = reach.within(letters.next()), if more && under_way.len() < AT_ONCE => match letter {
                Ok(Some(letter)) => {
                    taken += 1;
                    under_way.push_back(send(letter));
                }
                Ok(None) => more = false,
                Err(error) => (more, outcome) = (false, Err(error)),
            },
            else => break,
        }
    }
    drop(under_way);
    let rest = match &letters {
        Letters::Walk { .. } if outcome.is_ok() => match reach.within(letters.next()).await {
            Ok(next) => Rest::Behind(next.map(|letter| letter.store_ms)),
            // That the next one cannot be read is no failure of those before.
            Err(_) => Rest::Unknown,
        },
        _ => Rest::Unknown,
    };
    let _ = tokio::time::timeout(reach.timeout, producer.shutdown()).await;
    client.shutdown().await;
    report.end(outcome, rest)
}

/// The dead letters to send.
enum Letters<'a> {
    Found(VecDeque<Received>),
    /// At most `most` of them.
    Walk {
        walk: History<'a>,
        most: u64,
    },
}

impl Letters<'_> {
    fn most(&self) -> u64 {
        match self {
            Self::Found(found) => found.len() as u64,
            Self::Walk { most, .. } => *most,
        }
    }

    /// The next one. Nothing is lost if the caller stops waiting.
    async fn next(&mut self) -> Result<Option<Received>, Failure> {
        match self {
            Self::Found(found) => Ok(found.pop_front()),
            Self::Walk { walk, .. } => walk.next().await,
        }
    }
}

/// Those with a key, the oldest first; fails unless all brokers have answered.
async fn with_key(admin: &Admin, topic: &str, key: &str) -> Result<VecDeque<Received>, Failure> {
    let found = admin.find(&KeyQuery { max: WITH_KEY, ..KeyQuery::new(topic, key) }).await?;
    if let Some((broker, error)) = found.failures().next() {
        return Err(Failure::like(error, format!("{broker} cannot be asked for the key {key}: {error}")));
    }
    let letters: VecDeque<_> = found.messages().into_iter().cloned().collect();
    if letters.is_empty() {
        return Err(Failure::not_found(format!("no message of {topic} has the key {key}")).target(key));
    }
    Ok(letters)
}

async fn with_id(admin: &Admin, topic: &str, id: &str) -> Result<VecDeque<Received>, Failure> {
    let letter = admin.message(id, Some(topic)).await?;
    // A broker's id says where a message lies, whichever topic it is of.
    if *letter.topic != *topic {
        let message = format!("the message {id} is no dead letter of this group: it is one of topic {}", letter.topic);
        return Err(Failure::not_found(message).target(id));
    }
    Ok([letter].into())
}

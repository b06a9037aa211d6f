//! `rmq consume`: prints the messages of a topic.

pub mod history;
mod live;
mod member;
mod popped;
pub mod printing;
pub mod start;
mod ways;

use crate::{
    failure::{Failure, Kind},
    log,
    message_text::{FORMAT_HELP, Format},
    reach, when,
};
use client::{Client, PullConsumer, Queue, Subscription};
use futures_util::FutureExt;
use history::History;
use live::Live;
use member::Member;
use printing::{Printer, Style};
use protocol::sql92;
use start::Start;
use std::collections::BTreeMap;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Duration, Instant},
};
use ways::Ways;

/// Who brokers think reads when no group is given: the group of Apache's own tools, which every broker knows.
const NO_GROUP: &str = "TOOLS_CONSUMER";
/// The name of a broadcast member that was not given one, as Apache's clients have it.
const BROADCAST_INSTANCE: &str = "DEFAULT";
/// How often the offsets of a group are told to the brokers.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// Print the messages of a topic
///
/// Without --group it only looks: every run begins where --from says, and nothing is remembered. With --group it goes
/// on where that group stopped, brokers remember how far it came, and members of the group share the queues.
#[derive(Debug, clap::Args)]
#[command(mut_arg("namesrv", |argument| argument.short(None)))]
#[command(after_help = format!("\
Examples:
  rmq consume T -e                          everything there is, then end
  rmq consume T --from last                 what comes from now on
  rmq consume T --from -10m -e -o jsonl     the last ten minutes as JSON
  rmq consume T --group g -n 100            the next hundred messages of group g
  rmq consume T --sql 'size >= 3'           by a property
  rmq consume T -e -f '%p %o %k %s\\n'       by a format
  rmq consume T --group g --ordered         each queue's messages one after the other
  rmq consume T --group g --fail-every 3    every third comes again later

{FORMAT_HELP}"))]
pub struct Arguments {
    /// Where to read
    topic: String,
    /// Go on where this group stopped, and remember how far it came
    #[arg(short, long)]
    group: Option<String>,
    /// Where to begin: first, last, an OFFSET, -N for the last N of each queue, or a TIME (2026-01-02T03:04:05Z,
    /// "2026-01-02 03:04:05", ms since 1970, -10m); for a group, where it has no offset yet
    #[arg(long, value_name = "WHERE", default_value = "first", allow_hyphen_values = true, value_parser = start::argument)]
    from: Start,
    /// End after so many messages
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = count)]
    count: Option<u64>,
    /// End where the queues end at the start
    #[arg(short, long)]
    end: bool,
    /// Only messages with this tag, or one of several: 'a || b'
    #[arg(long, value_name = "TAGS", default_value = "*", hide_default_value = true)]
    tag: String,
    /// Only messages of whose properties this is true: "size > 3 AND (TAGS = 'red' OR shop IS NULL)"
    #[arg(long, value_name = "SQL92", conflicts_with = "tag", value_parser = sql)]
    sql: Option<String>,
    /// Have the brokers hand the messages out for a time, and acknowledge each once it is printed
    #[arg(long, requires = "group", conflicts_with_all = ["from", "end", "ordered", "broadcast", "fail_every", "max_retries"])]
    pop: bool,
    /// For how long: what is not acknowledged then comes again
    #[arg(long, value_name = "DURATION", default_value = "60s", requires = "pop", value_parser = when::duration)]
    invisible: Duration,
    /// Print each message in this format; see below
    #[arg(short, long, conflicts_with = "output")]
    format: Option<Format>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "raw")]
    pub output: Output,
    #[command(flatten)]
    ways: Ways,
    #[command(flatten)]
    reach: reach::Reach,
}

/// How messages are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Bodies, one a line.
    Raw,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// An index of each queue: that after the last message.
type Positions = BTreeMap<Queue, i64>;

/// How far each queue was printed.
#[derive(Default)]
struct Progress {
    /// With what may still be on its way to the reader.
    now: Positions,
    /// What the reader has for certain.
    read: Positions,
}

/// Prints until the end that was asked for, or a signal.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, consume(arguments))
}

async fn consume(mut arguments: Arguments) -> Result<(), Failure> {
    arguments.reach = arguments.reach.settled().await;
    let style = Style::of(arguments.format.clone(), arguments.output);
    let mut printer = Printer::begin(style, arguments.count);
    let client = match arguments.ways.broadcast {
        // Whose positions are found again by its name.
        true => arguments.reach.client_named(arguments.ways.instance.as_deref().unwrap_or(BROADCAST_INSTANCE))?,
        false => arguments.reach.client()?,
    };
    let interrupted = interrupted()?;
    let outcome = match &arguments.group {
        Some(group) if arguments.pop => popped::run(&arguments, &client, group, &mut printer, interrupted).await,
        Some(group) if !arguments.end => share(&arguments, &client, group, &mut printer, interrupted).await,
        _ => look(&arguments, &client, &mut printer, interrupted).await,
    };
    let ended = if outcome.is_ok() { printer.end() } else { printer.flush() };
    client.shutdown().await;
    outcome.and(ended)
}

/// As a member of a group, with what others leave.
async fn share(
    arguments: &Arguments,
    client: &Client,
    group: &str,
    printer: &mut Printer,
    interrupted: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let consumer = PullConsumer::on(client, group)?;
    let Arguments { topic, reach, from, ways, .. } = arguments;
    let options = ways.options(arguments.count.is_some(), *from)?;
    let mut member = reach
        .within(async {
            let spans = match ways.broadcast {
                // Such a member knows itself where it was.
                true => start::queues(&consumer, topic).await.map(|_| Vec::new())?,
                false => start::spans(&consumer, topic, true, from).await?,
            };
            Member::join(client, group, wanted(arguments), &spans, options).await
        })
        .await?;
    let outcome = tokio::select! {
        outcome = member.print(printer, ways) => outcome,
        () = interrupted => Ok(()),
    };
    // Also after a failure: what was printed was printed.
    outcome.and(member.leave().await)
}

/// From all queues, alone.
async fn look(
    arguments: &Arguments,
    client: &Client,
    printer: &mut Printer,
    interrupted: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let consumer = PullConsumer::on(client, arguments.group.as_deref().unwrap_or(NO_GROUP))?;
    let mut progress = Progress::default();
    let outcome = tokio::select! {
        outcome = read(arguments, &consumer, printer, &mut progress) => outcome,
        () = interrupted => Ok(()),
    };
    let committed = match (&arguments.group, printer.flush()) {
        (None, _) => Ok(()),
        (Some(_), Ok(())) => commit(&consumer, &progress.now).await,
        // A reader that has gone shall find the rest next time.
        (Some(_), Err(_)) => commit(&consumer, &progress.read).await,
    };
    outcome.and(committed)
}

async fn read(
    arguments: &Arguments,
    consumer: &PullConsumer,
    printer: &mut Printer,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let Arguments { topic, reach, group, from, .. } = arguments;
    let subscription = wanted(arguments);
    let spans = reach.within(async {
        let spans = start::spans(consumer, topic, group.is_some(), from).await?;
        if let Some(group) = group {
            member::alone(consumer.client(), group, topic).await?;
        }
        Ok(spans)
    });
    let spans = spans.await?;
    progress.now.extend(spans.iter().map(|span| (span.queue.clone(), span.begin)));
    let mut commit_at = Instant::now() + COMMIT_EVERY;

    let mut history = History::new(consumer, &subscription, spans);
    while !printer.is_done() {
        if !history.is_ready() {
            printer.flush()?;
            progress.read.clone_from(&progress.now);
        }
        let Some(message) = reach.within(history.next()).await? else { break };
        printer.message(&message)?;
        progress.now.insert(message.queue.clone(), message.queue_offset + 1);
        if group.is_some() && Instant::now() >= commit_at {
            printer.flush()?;
            commit(consumer, &progress.now).await?;
            commit_at = Instant::now() + COMMIT_EVERY;
        }
    }
    printer.flush()?;
    if printer.is_done() {
        return Ok(());
    }
    progress.now.extend(history.ends());
    if arguments.end {
        return Ok(());
    }

    let mut live = Live::begin(consumer, &subscription, &progress.now);
    while !printer.is_done() {
        let batch = match live.next().now_or_never() {
            Some(batch) => batch,
            None => {
                printer.flush()?;
                live.next().await
            }
        };
        for message in &batch {
            if printer.is_done() {
                break;
            }
            printer.message(message)?;
        }
    }
    Ok(())
}

/// What of the topic is to be printed.
fn wanted(arguments: &Arguments) -> Subscription {
    let Arguments { topic, tag, sql, .. } = arguments;
    match sql {
        Some(expression) => Subscription::sql(topic, expression),
        None => Subscription::tags(topic, tag, 0),
    }
}

/// Tells the brokers how far the group came.
async fn commit(consumer: &PullConsumer, positions: &Positions) -> Result<(), Failure> {
    Ok(consumer.commit_all(positions.iter().map(|(queue, next)| (queue, *next))).await?)
}

/// Ends when somebody asks the command to end.
///
/// # Errors
/// If signals cannot be listened for.
pub fn interrupted() -> Result<impl Future<Output = ()>, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::new(Kind::Failed, format!("cannot listen for signals: {error}")));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// An expression that a broker will take.
fn sql(text: &str) -> Result<String, String> {
    sql92::Filter::compile(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn count(text: &str) -> Result<u64, String> {
    if text.contains(':') {
        return Err("expected a number of messages; name servers are given by --namesrv or NAMESRV_ADDR".to_owned());
    }
    text.parse().map_err(|_| "expected a number of messages".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_an_address_is_told_how_to_give_one() {
        assert_eq!(count("10"), Ok(10));
        assert!(count("127.0.0.1:9876").is_err_and(|error| error.contains("--namesrv")));
        assert!(count("-1").is_err() && count("all").is_err());
    }
}

//! `rmq message`: finds messages by their id or by a key.

use crate::{
    failure::{Failure, say},
    log,
    message_text::{FORMAT_HELP, Format, to_json},
    output, reach,
    table::{beginning, render},
    when,
};
use admin::{Error, KeyQuery};
use client::Received;

/// How much of a body a table shows, in characters.
const BODY_SHOWN: usize = 40;

/// Find messages by their id or by a key
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Get(Get),
    Find(Find),
}

/// Show the message with an id
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{FORMAT_HELP}"))]
struct Get {
    /// The id its producer gave it, or the one its broker gave it
    #[arg(long)]
    id: String,
    /// Its topic; without it every topic is searched for a producer's id
    #[arg(short, long)]
    topic: Option<String>,
    #[command(flatten)]
    style: Style,
    #[command(flatten)]
    reach: reach::Reach,
}

/// List the messages of a topic that have a key
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  rmq message find --topic orders --key order-7
  rmq message find --topic orders --key order-7 --from -1h -o json

{FORMAT_HELP}"))]
struct Find {
    /// Where to look
    #[arg(short, long)]
    topic: String,
    /// The key, as it was given to the message
    #[arg(short, long)]
    key: String,
    /// Stored at or after this time: 2026-01-02T03:04:05Z, "2026-01-02 03:04:05" (local), ms since 1970, -10m
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::argument)]
    from: Option<i64>,
    /// Stored at or before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::argument)]
    to: Option<i64>,
    /// At most so many from each broker
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(i32).range(1..))]
    max: i32,
    #[command(flatten)]
    style: Style,
    #[command(flatten)]
    reach: reach::Reach,
}

#[derive(Debug, clap::Args)]
struct Style {
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    /// Print each message in this format; see below
    #[arg(short, long, conflicts_with = "output")]
    format: Option<Format>,
}

/// How messages are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// JSON: an object for one, an array for many.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Bodies, one a line.
    Raw,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        let (What::Get(Get { style, .. }) | What::Find(Find { style, .. })) = &self.what;
        matches!(style.output, Output::Json | Output::Jsonl)
    }
}

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, async {
        match arguments.what {
            What::Get(arguments) => get(arguments).await,
            What::Find(arguments) => find(arguments).await,
        }
    })
}

async fn get(arguments: Get) -> Result<(), Failure> {
    let Get { id, topic, style, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let message = reach.within(async { Ok(admin.message(&id, topic.as_deref()).await?) }).await?;
    match (&style.format, style.output) {
        (None, Output::Table) => output::print(all_of(&message)),
        (None, Output::Json) => output::json(&to_json(&message)),
        _ => style.print(&[&message]),
    }
}

async fn find(arguments: Find) -> Result<(), Failure> {
    let Find { topic, key, from, to, max, style, reach } = arguments;
    let mut query = KeyQuery::new(&topic, &key);
    query.from_ms = from.unwrap_or(query.from_ms);
    query.to_ms = to.unwrap_or(query.to_ms);
    query.max = max;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let found = reach.within(async {
        admin.find(&query).await.map_err(|error| match error {
            Error::Client(client::Error::TopicNotFound { .. }) => Failure::no_topic(&topic),
            other => other.into(),
        })
    });
    let found = found.await?;
    let messages = found.messages();
    // An empty answer is only sure if all have answered.
    if !messages.is_empty() || found.is_complete() && style.is_json() {
        style.print(&messages)?;
    }
    let failures: Vec<_> = found.failures().collect();
    for (broker, error) in &failures {
        say(&format!("rmq: {broker}: {error}"));
    }
    match failures.first() {
        None if messages.is_empty() => {
            Err(Failure::not_found(format!("no message of {topic} has the key {key}")).target(key))
        }
        None => Ok(()),
        Some(_) if failures.len() < found.0.len() => {
            let (answered, all) = (found.0.len() - failures.len(), found.0.len());
            Err(Failure::partly(format!("{answered} of {all} brokers have answered")))
        }
        Some((_, error)) => Err(Failure::like(error, "no broker has answered".to_owned())),
    }
}

impl Style {
    fn is_json(&self) -> bool {
        self.format.is_none() && matches!(self.output, Output::Json | Output::Jsonl)
    }

    fn print(&self, messages: &[&Received]) -> Result<(), Failure> {
        let format = match (&self.format, self.output) {
            (Some(format), _) => format,
            (None, Output::Raw) => &Format::body_lines(),
            (None, Output::Table) => return output::print(table(messages)),
            (None, Output::Json) => return output::json(&messages.iter().map(|message| to_json(message)).collect()),
            (None, Output::Jsonl) => return output::lines(messages.iter().map(|message| to_json(message))),
        };
        let mut text = Vec::new();
        messages.iter().for_each(|message| format.write(message, &mut text));
        output::bytes(&text)
    }
}

fn table(messages: &[&Received]) -> String {
    let rows = messages.iter().map(|message| {
        [
            when::show(message.store_ms),
            format!("{}:{}", message.queue.broker, message.queue.id),
            message.queue_offset.to_string(),
            message.message_id(),
            message.tag().unwrap_or_default().to_owned(),
            message.keys().collect::<Vec<_>>().join(" "),
            message.body.len().to_string(),
            beginning(&String::from_utf8_lossy(&message.body), BODY_SHOWN),
        ]
    });
    render(&["STORED", "QUEUE", "OFFSET", "ID", "TAG", "KEYS", "BYTES", "BODY"], rows)
}

/// Everything about one message, a line each, and its body.
fn all_of(message: &Received) -> String {
    let head = [
        ("topic", message.topic.to_string()),
        ("queue", format!("{}:{}", message.queue.broker, message.queue.id)),
        ("offset", message.queue_offset.to_string()),
        ("id", message.message_id()),
        ("id by place", message.offset_message_id()),
        ("made", format!("{} by {}", when::show(message.born_ms), message.born_host)),
        ("stored", format!("{} at {}", when::show(message.store_ms), message.store_host)),
        ("redeliveries", message.reconsume_times.to_string()),
        ("bytes", message.body.len().to_string()),
    ];
    let properties = message.properties.iter().map(|(name, value)| (name, value.to_owned()));
    let rows: Vec<_> = head.into_iter().chain(properties).map(|(name, value)| [name.to_owned(), value]).collect();
    let body = String::from_utf8_lossy(&message.body);
    let body: String =
        body.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect();
    format!("{}\n\n{body}", render(&["WHAT", "VALUE"], rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message_text::tests::received;

    #[test]
    fn a_table_has_a_line_a_message_and_marks_what_it_cuts() {
        let long = received("x".repeat(100).as_bytes(), 1);
        let text = table(&[&received(b"a\nb", 0), &long]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].contains("broker-a:3") && lines[1].ends_with(r"a\nb"), "{text}");
        assert!(lines[2].ends_with("xxx…") && lines[2].contains("  100  "), "{text}");
    }

    #[test]
    fn one_message_is_shown_with_everything() {
        let text = all_of(&received("line\n\u{1b}[2J".as_bytes(), 0));
        assert!(text.contains("size") && text.contains("XL") && text.contains("10.0.0.9:5555"), "{text}");
        assert!(text.ends_with("\n\nline\n\u{fffd}[2J"), "{text}");
    }
}

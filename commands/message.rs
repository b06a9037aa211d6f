//! `rmq message`: finds messages by their id or by a key.

use crate::{
    answer::{Answer, Column, Form, Style as AnswerStyle, column, wide},
    failure::Failure,
    log,
    message_text::{FORMAT_HELP, Format, to_json},
    output,
    places::lacks,
    reach,
    table::{beginning, one_line, render},
    when,
};
use admin::{Error, KeyQuery};
use client::Received;
use serde_json::Value;

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
    /// The same with more columns.
    Wide,
    /// JSON: an object for one, an array for many.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// YAML.
    Yaml,
    /// CSV with a heading.
    Csv,
    /// Ids, one a line.
    Name,
    /// Bodies, one a line.
    Raw,
}

impl Output {
    /// The form that answers of all kinds have.
    fn form(self) -> Option<Form> {
        Some(match self {
            Self::Table => Form::Table,
            Self::Wide => Form::Wide,
            Self::Json => Form::Json,
            Self::Yaml => Form::Yaml,
            Self::Csv => Form::Csv,
            Self::Name => Form::Name,
            Self::Jsonl | Self::Raw => return None,
        })
    }
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
        (None, Output::Table | Output::Wide) => output::print(all_of(&message)),
        (None, Output::Json) => output::json(&to_json(&message)),
        (None, Output::Yaml) => Answer::within(to_json(&message)).print(AnswerStyle { output: Form::Yaml }),
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
    let (asked, lacking) = lacks(&found);
    let is_complete = lacking.is_empty();
    // An empty answer is only sure if all have answered.
    if !messages.is_empty() || is_complete && style.is_json() {
        style.print(&messages)?;
    }
    Answer::list(COLUMNS, Vec::new()).lacking(asked, lacking).verdict()?;
    match messages.is_empty() {
        true => Err(Failure::not_found(format!("no message of {topic} has the key {key}")).target(key)),
        false => Ok(()),
    }
}

impl Style {
    fn is_json(&self) -> bool {
        self.format.is_none() && matches!(self.output, Output::Json | Output::Jsonl)
    }

    fn print(&self, messages: &[&Received]) -> Result<(), Failure> {
        let format = match (&self.format, self.output) {
            (Some(format), _) => format,
            (None, Output::Json) => return output::json(&messages.iter().map(|message| to_json(message)).collect()),
            (None, Output::Jsonl) => return output::lines(messages.iter().map(|message| to_json(message))),
            (None, other) => match other.form() {
                Some(output) => return list(messages, output).print(AnswerStyle { output }),
                None => &Format::body_lines(),
            },
        };
        let mut text = Vec::new();
        messages.iter().for_each(|message| format.write(message, &mut text));
        output::bytes(&text)
    }
}

const COLUMNS: &[Column] = &[
    // First what a list of names consists of.
    column("ID", "id"),
    column("STORED", "stored"),
    column("QUEUE", "at"),
    column("OFFSET", "offset"),
    column("TAG", "tag"),
    column("KEYS", "keys"),
    column("BYTES", "bytes"),
    column("BODY", "body_shown"),
    wide("MADE BY", "born_host"),
    wide("REDELIVERIES", "reconsume_times"),
    wide("ID BY PLACE", "offset_id"),
];

/// For programs: all of the body.
const FIELDS: &[Column] = &[
    column("ID", "id"),
    column("STORED", "stored"),
    column("BROKER", "broker"),
    column("QUEUE", "queue"),
    column("OFFSET", "offset"),
    column("TAG", "tag"),
    column("KEYS", "keys"),
    column("BODY", "body"),
    column("BODY", "body_base64"),
];

fn list(messages: &[&Received], form: Form) -> Answer {
    let (columns, row): (_, fn(&Received) -> Value) = match form {
        Form::Csv | Form::Yaml => (FIELDS, to_json),
        _ => (COLUMNS, row),
    };
    Answer::list(columns, messages.iter().map(|message| row(message)).collect())
}

fn row(message: &Received) -> Value {
    let mut row = to_json(message);
    row["at"] = format!("{}:{}", message.queue.broker, message.queue.id).into();
    row["bytes"] = message.body.len().into();
    // A message without a tag lacks none.
    row["tag"] = message.tag().unwrap_or_default().into();
    let body = one_line(&String::from_utf8_lossy(&message.body));
    row["body_shown"] = beginning(if message.body.is_empty() { "" } else { &body }, BODY_SHOWN).into();
    row
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
        let text = list(&[&received(b"a\nb", 0), &long], Form::Table).text(Form::Table).unwrap();
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

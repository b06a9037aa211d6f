//! `rmq dlq list`: which groups have dead letters, how many, and since when.

use super::nothing_yet;
use crate::{
    failure::{Failure, say},
    output, reach,
    table::render,
    when,
};
use admin::{DeadLetters, Error};
use protocol::topic::{dlq_topic, perm};
use serde_json::{Value, json};

/// What is not known, in a table.
const UNKNOWN: &str = "?";

/// List the groups that have dead letters, or the queues that hold those of one group
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq dlq list             every group that has some
  rmq dlq list billing     where those of group billing are")]
pub struct Arguments {
    /// Only this group, queue by queue
    group: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    reach: reach::Reach,
}

/// How lists are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// Columns.
    Table,
    /// One JSON array of groups, each with its queues.
    Json,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        self.output == Output::Json
    }
}

/// Prints what there is, and fails if it could not be told of every queue.
///
/// # Errors
/// So, or if there is no such group, or the cluster cannot be asked.
pub async fn list(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { group, output, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let found = reach.within(async {
        let Some(group) = &group else { return Ok(admin.all_dead_letters().await?) };
        let letters = admin.dead_letters(group).await.map_err(|error| match error {
            Error::Client(client::Error::TopicNotFound { .. }) => nothing_yet(group),
            other => other.into(),
        });
        Ok(vec![letters?])
    });
    let found = found.await?;
    match output {
        Output::Json => output::json(&found.iter().map(object).collect())?,
        Output::Table if group.is_none() => output::print(groups(&found))?,
        Output::Table => output::print(queues(&found))?,
    }
    let failures: Vec<_> = found.iter().flat_map(DeadLetters::failures).collect();
    for (queue, error) in &failures {
        say(&format!("rmq: {queue}: {error}"));
    }
    match (failures.first(), found.iter().map(|letters| letters.queues.len()).sum::<usize>()) {
        (None, _) => Ok(()),
        (Some((_, error)), all) if failures.len() == all => {
            Err(Failure::like(error, "no queue could be asked".to_owned()))
        }
        (Some(_), all) => {
            Err(Failure::partly(format!("{} of {all} queues could be asked", all.saturating_sub(failures.len()))))
        }
    }
}

fn groups(found: &[DeadLetters]) -> String {
    let rows = found.iter().map(|letters| {
        let known = letters.failures().next().is_none();
        [letters.group.clone(), number(letters.count()), time(letters.last_ms(), known), dlq_topic(&letters.group)]
    });
    render(&["GROUP", "MESSAGES", "LAST", "TOPIC"], rows)
}

fn queues(found: &[DeadLetters]) -> String {
    let rows = found.iter().flat_map(|letters| &letters.queues).map(|queue| {
        [
            format!("{}:{}", queue.queue.broker, queue.queue.id),
            perm::title(queue.perm),
            number(queue.range.map(|range| range.min)),
            number(queue.range.map(|range| range.max)),
            number(queue.count()),
            time(queue.last_ms, queue.error.is_none()),
        ]
    });
    render(&["QUEUE", "PERM", "FIRST", "END", "MESSAGES", "LAST"], rows)
}

fn number(number: Option<i64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), |number| number.to_string())
}

fn time(ms: Option<i64>, known: bool) -> String {
    match ms {
        Some(ms) if known => when::show(ms),
        // The last that is known of, if there is one: there may be a later one.
        Some(ms) => format!("{}{UNKNOWN}", when::show(ms)),
        None if known => String::new(),
        None => UNKNOWN.to_owned(),
    }
}

fn object(letters: &DeadLetters) -> Value {
    let queues = letters.queues.iter().map(|queue| {
        json!({
            "broker": &*queue.queue.broker,
            "queue": queue.queue.id,
            "perm": perm::title(queue.perm),
            "first": queue.range.map(|range| range.min),
            "end": queue.range.map(|range| range.max),
            "messages": queue.count(),
            "last_ms": queue.last_ms,
            "error": queue.error.as_ref().map(ToString::to_string),
        })
    });
    json!({
        "group": letters.group,
        "topic": dlq_topic(&letters.group),
        "messages": letters.count(),
        "last_ms": letters.last_ms(),
        "last": letters.last_ms().map(when::show),
        "queues": queues.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use admin::{DeadLetterQueue, QueueRange};
    use client::Queue;

    fn queue(id: i32, range: Option<(i64, i64)>, last_ms: Option<i64>) -> DeadLetterQueue {
        DeadLetterQueue {
            queue: Queue::new("%DLQ%g", "broker-a", id),
            perm: perm::WRITE,
            range: range.map(|(min, max)| QueueRange { min, max }),
            last_ms,
            error: range.is_none().then(|| Error::from(client::Error::ShutDown)),
        }
    }

    fn lines(text: &str) -> Vec<Vec<&str>> {
        text.lines().map(|line| line.split_whitespace().collect()).collect()
    }

    #[test]
    fn what_is_not_known_is_a_question_mark_and_never_a_zero() {
        let known = DeadLetters { group: "a".into(), queues: vec![queue(0, Some((2, 5)), Some(7))] };
        let empty = DeadLetters { group: "b".into(), queues: vec![queue(0, Some((5, 5)), None)] };
        let partly =
            DeadLetters { group: "c".into(), queues: vec![queue(0, Some((0, 1)), Some(7)), queue(1, None, None)] };
        let seven = when::show(7);
        let found = [known, empty, partly];
        let expected = [
            &["GROUP", "MESSAGES", "LAST", "TOPIC"][..],
            &["a", "3", &seven, "%DLQ%a"],
            &["b", "0", "-", "%DLQ%b"],
            &["c", "?", &format!("{seven}?"), "%DLQ%c"],
        ];
        assert_eq!(lines(&groups(&found)), expected);
        let text = queues(&found[2..]);
        assert_eq!(lines(&text)[2], ["broker-a:1", "-W-", "?", "?", "?", "?"], "{text}");
        assert_eq!((&object(&found[2])["messages"], &object(&found[0])["messages"]), (&Value::Null, &3.into()));
    }
}

//! `rmq dlq list`: which groups have dead letters, how many, and since when.

use super::nothing_yet;
use crate::{
    answer::{Answer, Column, column, wide},
    failure::Failure,
    reach::Reach,
    watch::Shown,
    when,
};
use admin::{Admin, DeadLetterQueue, DeadLetters, Error};
use protocol::topic::{dlq_topic, perm};
use serde_json::{Value, json};

/// List the groups that have dead letters, or the queues that hold those of one group
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq dlq list             every group that has some
  rmq dlq list billing     where those of group billing are
  rmq dlq list --watch     again whenever a group fails on one more")]
pub struct Arguments {
    /// Only this group, queue by queue
    group: Option<String>,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

const GROUPS: &[Column] = &[
    column("GROUP", "group"),
    column("MESSAGES", "messages"),
    column("LAST", "last"),
    column("TOPIC", "topic"),
    wide("LACKS", "lacks"),
];

const QUEUES: &[Column] = &[
    column("QUEUE", "at"),
    column("PERM", "perm"),
    column("FIRST", "first"),
    column("END", "end"),
    column("MESSAGES", "messages"),
    column("LAST", "last"),
    wide("TOPIC", "topic"),
    wide("ERROR", "error"),
];

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        self.shown.style.is_json()
    }
}

/// Prints what there is, and fails if it could not be told of every queue.
///
/// # Errors
/// So, or if there is no such group, or the cluster cannot be asked.
pub async fn list(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { group, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    shown.show(&reach, || ask(&admin, &reach, group.as_deref())).await
}

async fn ask(admin: &Admin, reach: &Reach, group: Option<&str>) -> Result<Answer, Failure> {
    let Some(group) = group else {
        let found = admin.all_dead_letters().await?;
        if found.is_empty() && admin.brokers().await?.is_empty() {
            return Err(reach.no_broker());
        }
        return Ok(lacking(Answer::list(GROUPS, found.iter().map(of_group).collect()), &found));
    };
    let letters = admin.dead_letters(group).await.map_err(|error| match error {
        Error::Client(client::Error::TopicNotFound { .. }) => nothing_yet(group),
        other => other.into(),
    })?;
    Ok(lacking(of_queues(&letters), std::slice::from_ref(&letters)))
}

/// What could not be asked: the queues are part of the answer all the same.
fn lacking(answer: Answer, found: &[DeadLetters]) -> Answer {
    let failures = found.iter().flat_map(DeadLetters::failures);
    let lacks: Vec<_> =
        failures.map(|(queue, error)| (queue.to_string(), Failure::like(error, error.to_string()))).collect();
    answer.lacking(found.iter().map(|letters| letters.queues.len()).sum(), lacks).even_so()
}

fn of_queues(letters: &DeadLetters) -> Answer {
    let mut about = of_group(letters);
    if let Some(about) = about.as_object_mut() {
        about.remove("queues");
    }
    Answer::within(about).with("queues", QUEUES, letters.queues.iter().map(|queue| row(queue, letters)).collect())
}

fn row(queue: &DeadLetterQueue, letters: &DeadLetters) -> Value {
    let mut row = json!({
        "broker": &*queue.queue.broker,
        "queue": queue.queue.id,
        "at": format!("{}:{}", queue.queue.broker, queue.queue.id),
        "perm": perm::title(queue.perm),
        "first": queue.range.map(|range| range.min),
        "end": queue.range.map(|range| range.max),
        "messages": queue.count(),
        "last_ms": queue.last_ms,
        "topic": dlq_topic(&letters.group),
    });
    tell_last(&mut row, queue.last_ms, queue.error.is_none());
    if let Some(error) = &queue.error {
        row["error"] = error.to_string().into();
    }
    row
}

fn of_group(letters: &DeadLetters) -> Value {
    let lacks: Vec<_> = letters.failures().map(|(queue, _)| queue.to_string()).collect();
    let mut row = json!({
        "group": letters.group,
        "topic": dlq_topic(&letters.group),
        "messages": letters.count(),
        "last_ms": letters.last_ms(),
        "queues": letters.queues.iter().map(|queue| row(queue, letters)).collect::<Vec<_>>(),
    });
    tell_last(&mut row, letters.last_ms(), lacks.is_empty());
    if !lacks.is_empty() {
        row["lacks"] = lacks.into();
    }
    row
}

/// When the last one came, which is not known as long as there may be a later one; where none ever came, nothing.
fn tell_last(row: &mut Value, ms: Option<i64>, known: bool) {
    match (ms, known) {
        (Some(ms), true) => row["last"] = when::show(ms).into(),
        (None, true) => {}
        (_, false) => row["last"] = Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{answer::Form, failure::Kind};
    use admin::QueueRange;
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
            &["c", "?", "?", "%DLQ%c"],
        ];
        let groups = Answer::list(GROUPS, found.iter().map(of_group).collect());
        assert_eq!(lines(&groups.text(Form::Table).unwrap()), expected);
        let text = of_queues(&found[2]).text(Form::Table).unwrap();
        assert_eq!(lines(&text)[2], ["broker-a:1", "-W-", "?", "?", "?", "?"], "{text}");
        let json = groups.document();
        assert_eq!(
            (&json[2]["messages"], &json[2]["last"], &json[0]["messages"]),
            (&Value::Null, &Value::Null, &3.into())
        );
        assert_eq!(
            (&json[2]["last_ms"], &json[2]["lacks"][0]),
            (&7.into(), &found[2].queues[1].queue.to_string().into())
        );
        let partly = lacking(groups, &found).verdict().unwrap_err();
        assert_eq!(partly.kind(), Some(Kind::Partly));
    }
}

//! `rmq offset reset`: shows where a group would go on, and has the brokers do it with `--execute`.

use crate::{
    answer::{Answer, Column, Style, column},
    failure::{Failure, Kind},
    reach::Reach,
    when,
};
use admin::{Admin, Done, Error, Reset, Target, Where};
use client::Queue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Show where a group would go on, and let it go on there with --execute
///
/// It works whether members of the group are connected or not: brokers of rmq and of Apache RocketMQ 5 tell them with their
/// next pulls. Those of Apache RocketMQ 4 then only take a whole topic to `first`, `last` or a time, and have the members do it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq offset reset --group billing --topic orders --to first              what that would change
  rmq offset reset --group billing --topic orders --to first --execute
  rmq offset reset --group billing --topic orders --to -2h --execute      what came in the last two hours, again
  rmq offset reset --group billing --topic orders --shift-by -10
  rmq offset reset --group billing --topic orders --to-offset 700 --queue broker-a:3")]
#[command(group = clap::ArgGroup::new("target").required(true))]
pub struct Arguments {
    /// The group
    #[arg(short, long)]
    group: String,
    /// The topic
    #[arg(short, long)]
    topic: String,
    /// `first`, `last`, or the first message stored at a time or after: 2026-01-02T03:04:05Z, -10m, ms since 1970
    #[arg(long, value_name = "WHERE", group = "target", allow_hyphen_values = true, value_parser = place)]
    to: Option<Target>,
    /// This index of each queue, or the nearest that there is
    #[arg(long, value_name = "N", group = "target", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// So many messages further on in each queue; back, if it is negative
    #[arg(long, value_name = "N", group = "target", allow_hyphen_values = true)]
    shift_by: Option<i64>,
    /// Only this queue; may be repeated
    #[arg(long, value_name = "BROKER:QUEUE", value_parser = queue)]
    queue: Vec<(String, i32)>,
    /// Do it: without this, nothing is changed
    #[arg(long)]
    execute: bool,
    #[command(flatten)]
    pub(super) style: Style,
    #[command(flatten)]
    reach: Reach,
}

impl Arguments {
    fn target(&self) -> Result<Target, Failure> {
        let offset = self.to_offset.map(Target::Offset);
        let target = self.to.or(offset).or(self.shift_by.map(Target::Shift));
        target.ok_or_else(|| Failure::new(Kind::Usage, "say where to go on: --to, --to-offset or --shift-by"))
    }
}

const COLUMNS: &[Column] = &[
    column("BROKER", "broker"),
    column("QUEUE", "queue"),
    column("FIRST", "first"),
    column("END", "end"),
    column("BEFORE", "before"),
    column("AFTER", "after"),
    column("TO CONSUME", "lag_after"),
    column("RESULT", "result"),
];

type Planned = Vec<(Queue, Result<Reset, Error>)>;

/// Prints what it would change, or has changed.
///
/// # Errors
/// If there is no such group, topic or queue, or some queue cannot be reset.
pub async fn reset(arguments: Arguments) -> Result<(), Failure> {
    let target = arguments.target()?;
    let Arguments { group, topic, queue, execute, style, reach, .. } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let answer = reach.within(async {
        let planned = plan(&admin, &group, &topic, target, &queue).await?;
        let mut done: BTreeMap<Queue, Result<Done, Error>> = BTreeMap::new();
        if execute {
            let wanted = planned.iter().filter_map(|(queue, plan)| Some((queue.clone(), plan.as_ref().ok()?.after)));
            let whole = queue.is_empty().then_some(target);
            done.extend(admin.reset(&group, wanted.collect(), whole).await?);
        }
        Ok(told(&group, &topic, execute, &planned, &done))
    });
    answer.await?.print(style)
}

async fn plan(
    admin: &Admin,
    group: &str,
    topic: &str,
    target: Target,
    only: &[(String, i32)],
) -> Result<Planned, Failure> {
    // At the same time: a broker that does not answer takes its time only once.
    let (settings, planned) =
        tokio::join!(admin.group_settings(&Where::Everywhere), admin.plan_reset(group, topic, target));
    let settings = settings?;
    let known = settings.answers().any(|(_, table)| table.subscription_group_table.contains_key(group));
    if !known && settings.is_complete() {
        return Err(Failure::no_group(group));
    }
    let mut planned = planned?;
    let is = |queue: &Queue, (broker, id): &(String, i32)| *queue.broker == **broker && queue.id == *id;
    for wanted in only {
        if !planned.iter().any(|(queue, _)| is(queue, wanted)) {
            let failure = Failure::not_found(format!("topic {topic} has no queue {}:{} to read", wanted.0, wanted.1));
            return Err(failure
                .target(format!("{}:{}", wanted.0, wanted.1))
                .hint(format!("rmq topic describe {topic}")));
        }
    }
    planned.retain(|(queue, _)| only.is_empty() || only.iter().any(|wanted| is(queue, wanted)));
    Ok(planned)
}

fn told(
    group: &str,
    topic: &str,
    execute: bool,
    planned: &Planned,
    done: &BTreeMap<Queue, Result<Done, Error>>,
) -> Answer {
    let mut lacks = Vec::new();
    let mut rows = Vec::new();
    for (queue, plan) in planned {
        let failed = plan.as_ref().err().or_else(|| done.get(queue).and_then(|done| done.as_ref().err()));
        if let Some(error) = failed {
            lacks.push((format!("{}:{}", queue.broker, queue.id), Failure::like(error, error.to_string())));
        }
        let done = done.get(queue).and_then(|done| done.as_ref().ok());
        rows.push(row(queue, plan.as_ref().ok(), failed, done));
    }
    let nearest = planned.iter().filter(|(_, plan)| plan.as_ref().is_ok_and(|plan| plan.nearest)).count();
    let mut notes = Vec::new();
    if nearest > 0 {
        notes.push(format!("{nearest} queues do not have what was asked for: the nearest that they have was taken"));
    }
    if done.values().any(|done| matches!(done, Ok(Done::Told(_)))) {
        notes.push(format!("members were told to go on there: `rmq group lag {group}` shows when they have"));
    }
    if !execute {
        notes.push("nothing was changed: --execute does it".to_owned());
    }
    let about = json!({ "group": group, "topic": topic, "executed": execute });
    let note = (!notes.is_empty()).then(|| notes.join("\n"));
    Answer::within(about).with("queues", COLUMNS, rows).note(note).lacking(planned.len(), lacks).even_so()
}

fn row(queue: &Queue, plan: Option<&Reset>, failed: Option<&Error>, done: Option<&Done>) -> Value {
    // What was not done leaves the group where it was.
    let after = plan.and_then(|plan| match done {
        _ if failed.is_some() => plan.before,
        Some(Done::Told(offset)) => Some(*offset),
        Some(Done::Set) | None => Some(plan.after),
    });
    let result = match (failed, done) {
        (Some(error), _) => format!("failed: {error}"),
        (None, Some(Done::Set)) => "reset".to_owned(),
        (None, Some(Done::Told(_))) => "members told".to_owned(),
        (None, None) => "would be reset".to_owned(),
    };
    json!({
        "broker": &*queue.broker,
        "queue": queue.id,
        "first": plan.map(|plan| plan.range.min),
        "end": plan.map(|plan| plan.range.max),
        "before": plan.and_then(|plan| plan.before),
        "after": after,
        "lag_after": plan.zip(after).map(|(plan, after)| (plan.range.max - after).max(0)),
        "done": done.is_some(),
        "result": result,
    })
}

fn place(text: &str) -> Result<Target, String> {
    match text {
        "first" => Ok(Target::First),
        "last" => Ok(Target::Last),
        _ => when::argument(text).map(Target::Time).map_err(|expected| format!("{expected}; or first, or last")),
    }
}

fn queue(text: &str) -> Result<(String, i32), String> {
    let parts = text.rsplit_once(':').and_then(|(broker, id)| Some((broker, id.parse::<i32>().ok()?)));
    match parts {
        Some((broker, id)) if !broker.is_empty() && id >= 0 => Ok((broker.to_owned(), id)),
        _ => Err("expected BROKER:QUEUE, such as broker-a:3".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_words_or_times_and_queues_have_a_broker() {
        assert_eq!(
            (place("first"), place("last"), place("7")),
            (Ok(Target::First), Ok(Target::Last), Ok(Target::Time(7)))
        );
        assert!(place("middle").unwrap_err().contains("first"));
        assert_eq!(queue("broker-a:3"), Ok(("broker-a".to_owned(), 3)));
        for text in ["broker-a", "3", ":3", "a:-1", "a:x"] {
            assert!(queue(text).is_err(), "{text}");
        }
    }
}

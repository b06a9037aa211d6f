//! `rmq group lag`: how far a group has come, queue by queue.

use crate::{
    answer::{Answer, Column, column, wide},
    failure::Failure,
    places::{At, lacks},
    reach::Reach,
    watch::Shown,
    when,
};
use admin::{Admin, Where};
use client::Queue;
use serde_json::{Value, json};

/// Show what a group has still to consume, queue by queue
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq group lag billing
  rmq group lag billing --topic orders --watch
  rmq group lag billing -o json | jq .lag")]
pub struct Arguments {
    /// Its name
    group: String,
    /// Only in this topic
    #[arg(short, long)]
    topic: Option<String>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    pub(super) shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

const COLUMNS: &[Column] = &[
    column("TOPIC", "topic"),
    column("BROKER", "broker"),
    column("QUEUE", "queue"),
    column("NEXT", "next"),
    column("END", "end"),
    column("LAG", "lag"),
    column("CONSUMED UP TO", "consumed_up_to"),
    wide("GROUP", "group"),
];

/// Prints it.
///
/// # Errors
/// If there is no such group, or the cluster, or some broker, cannot be asked.
pub async fn lag(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { group, topic, at, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let place = at.place();
    shown.show(&reach, || ask(&admin, &group, topic.as_deref(), &place)).await
}

async fn ask(admin: &Admin, group: &str, topic: Option<&str>, place: &Where) -> Result<Answer, Failure> {
    let stats = admin.consume_stats(group, topic, place).await?;
    let mut rows = Vec::new();
    let mut sum = Some(0_i64).filter(|_| stats.is_complete());
    for (_, stats) in stats.answers() {
        for (queue, at) in &stats.offset_table {
            let named = Queue::new(&*queue.topic, &*queue.broker_name, queue.queue_id);
            // Brokers say 0 also if they know no position.
            let next = match at.consumer_offset {
                0 => admin.client().committed(group, &named).await?,
                next => Some(next),
            };
            let lag = next.map(|next| (at.broker_offset - next).max(0));
            sum = sum.zip(lag).map(|(sum, lag)| sum + lag);
            let mut row = json!({
                "topic": queue.topic, "broker": queue.broker_name, "queue": queue.queue_id,
                "next": next, "end": at.broker_offset, "lag": lag, "group": group,
            });
            if at.last_timestamp > 0 {
                row["consumed_up_to"] = when::show(at.last_timestamp).into();
            }
            rows.push(row);
        }
    }
    if !rows.iter().any(|row| row["next"] != Value::Null) && stats.is_complete() {
        let known = admin.group_settings(place).await?;
        if known.is_complete() && !known.answers().any(|(_, table)| table.subscription_group_table.contains_key(group))
        {
            return Err(Failure::no_group(group));
        }
        if let Some(topic) = topic {
            // Tells whether there is such a topic.
            admin.route(topic).await?;
        }
    }
    rows.sort_by_key(|row| (row["topic"].to_string(), row["broker"].to_string(), row["queue"].as_i64()));
    let (asked, lacks) = lacks(&stats);
    let note = match (rows.is_empty(), sum) {
        (true, _) => format!("group {group} has no position in any queue yet"),
        (_, Some(sum)) => format!("{sum} to consume"),
        (_, None) => "how many there are to consume is not known of every queue".to_owned(),
    };
    Ok(Answer::within(json!({ "group": group, "lag": sum }))
        .with("queues", COLUMNS, rows)
        .note(Some(note))
        .lacking(asked, lacks))
}

//! Queue by queue: how far a group has come, and who of it reads the queue.

use crate::{
    answer::{Column, column, wide},
    failure::Failure,
};
use admin::{Admin, Owners, PerBroker};
use client::Queue;
use protocol::{consume_stats::ConsumeStats, lock::QueueName};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What there is of each.
pub const COLUMNS: &[Column] = &[
    column("TOPIC", "topic"),
    column("BROKER", "broker"),
    column("QUEUE", "queue"),
    column("NEXT", "next"),
    column("END", "end"),
    column("LAG", "lag"),
    column("OWNER", "owner"),
    wide("GROUP", "group"),
];

/// The queues that brokers or members tell of.
///
/// # Errors
/// If a position cannot be asked.
pub async fn rows(
    admin: &Admin,
    group: &str,
    stats: &PerBroker<ConsumeStats>,
    owners: &Owners,
) -> Result<Vec<Value>, Failure> {
    let told = || stats.answers().flat_map(|(_, stats)| &stats.offset_table);
    let queues: BTreeSet<&QueueName> = told().map(|(queue, _)| queue).chain(owners.of.keys()).collect();
    let mut rows = Vec::new();
    for queue in queues {
        let at = told().find(|(told, _)| *told == queue).map(|(_, at)| at);
        let next = match at.map(|at| at.consumer_offset) {
            // Brokers say 0 also if they know no position.
            Some(0) => {
                let named = Queue::new(&*queue.topic, &*queue.broker_name, queue.queue_id);
                admin.client().committed(group, &named).await?
            }
            next => next,
        };
        let end = at.map(|at| at.broker_offset);
        let mut row = json!({
            "topic": queue.topic, "broker": queue.broker_name, "queue": queue.queue_id,
            "next": next, "end": end, "lag": end.zip(next).map(|(end, next)| (end - next).max(0)), "group": group,
        });
        match owners.of(queue) {
            // Nobody.
            Some([]) => {}
            holders => row["owner"] = holders.into(),
        }
        rows.push(row);
    }
    Ok(rows)
}

//! `rmq group describe`: how brokers treat a group, who is in it, what it reads and how far it has come.

use super::queues;
use crate::{
    answer::{Answer, Column, column, wide},
    failure::Failure,
    places::{lacks, same_or_each},
    reach::Reach,
    watch::Shown,
    when,
};
use admin::{Admin, Where};
use protocol::{
    connections::ConsumerConnections,
    topic::{GroupConfig, is_system_group},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Show a group: its settings, its members, what it reads, and how far it has come
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its name
    group: String,
    #[command(flatten)]
    pub(super) shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

const TOPICS: &[Column] = &[
    column("TOPIC", "topic"),
    column("FILTER", "filter"),
    column("QUEUES", "queues"),
    column("LAG", "lag"),
    column("CONSUMED UP TO", "consumed_up_to"),
    wide("CONSUMED", "consumed"),
    wide("END", "end"),
];

const MEMBERS: &[Column] = &[
    column("MEMBER", "client"),
    column("ADDRESS", "address"),
    column("LANGUAGE", "language"),
    wide("VERSION", "version"),
    wide("BROKERS", "brokers"),
];

/// Prints it.
///
/// # Errors
/// If there is no such group, or the cluster, or some broker, cannot be asked.
pub async fn describe(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { group, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    shown.show(&reach, || ask(&admin, &group)).await
}

async fn ask(admin: &Admin, group: &str) -> Result<Answer, Failure> {
    let everywhere = &Where::Everywhere;
    let (settings, stats, members) = tokio::try_join!(
        admin.group_settings(everywhere),
        admin.consume_stats(group, None, everywhere),
        admin.consumers(group, everywhere)
    )?;
    let configs: Vec<(&str, &GroupConfig)> = settings
        .answers()
        .filter_map(|(broker, table)| Some((broker.name.as_str(), table.subscription_group_table.get(group)?)))
        .collect();
    let connected: Vec<(&str, &ConsumerConnections)> =
        members.answers().filter_map(|(broker, members)| Some((broker.name.as_str(), members.as_ref()?))).collect();
    let topics = topics(&stats, &connected);
    if configs.is_empty() && connected.is_empty() && topics.is_empty() && settings.is_complete() {
        return Err(Failure::no_group(group));
    }
    let each = |of: fn(&GroupConfig) -> Value| {
        same_or_each(configs.iter().map(|(broker, config)| ((*broker).to_owned(), of(config))))
    };
    let mut about = json!({
        "group": group,
        "kind": if is_system_group(group) { "system" } else { "normal" },
        "brokers": configs.iter().map(|(broker, _)| *broker).collect::<Vec<_>>(),
        "retry_max_times": each(|config| config.retry_max_times.into()),
        "retry_queues": each(|config| config.retry_queue_nums.into()),
        "consume_enable": each(|config| config.consume_enable.into()),
        "broadcast_enable": each(|config| config.consume_broadcast_enable.into()),
        "lag": stats.is_complete().then(|| topics.values().map(|topic| topic.lag).sum::<i64>()),
    });
    if let Some((_, first)) = connected.first() {
        about["consume_type"] = json!(first.consume_type);
        about["message_model"] = json!(first.message_model);
        about["consume_from_where"] = json!(first.consume_from_where);
    }
    let owners = admin.owners(group, &members).await;
    let queues = queues::rows(admin, group, &stats, &owners).await?;
    let silent = owners.silent.iter().map(|(client, why)| format!("{client} does not tell what it reads: {why}"));
    let silent: Vec<String> = silent.collect();
    let topics = topics.iter().map(|(name, topic)| topic.row(name)).collect();
    let (asked, lacks) = lacks(&settings);
    Ok(Answer::about(about)
        .with("topics", TOPICS, topics)
        .with("queues", queues::COLUMNS, queues)
        .with("members", MEMBERS, member_rows(&connected))
        .note((!silent.is_empty()).then(|| silent.join("\n")))
        .lacking(asked, lacks))
}

/// What a group reads of a topic, and how far it has come.
#[derive(Default)]
struct Topic {
    filter: Option<String>,
    queues: usize,
    end: i64,
    consumed: i64,
    lag: i64,
    oldest_ms: Option<i64>,
}

impl Topic {
    fn row(&self, name: &str) -> Value {
        let mut row = json!({ "topic": name, "queues": self.queues });
        if let Some(filter) = &self.filter {
            row["filter"] = filter.as_str().into();
        }
        // A topic that is subscribed to, of which nothing was read yet.
        let known = self.queues > 0;
        row["lag"] = known.then_some(self.lag).into();
        row["consumed"] = known.then_some(self.consumed).into();
        row["end"] = known.then_some(self.end).into();
        if let Some(ms) = self.oldest_ms {
            row["consumed_up_to"] = when::show(ms).into();
        }
        row
    }
}

fn topics(
    stats: &admin::PerBroker<protocol::consume_stats::ConsumeStats>,
    connected: &[(&str, &ConsumerConnections)],
) -> BTreeMap<String, Topic> {
    let mut topics: BTreeMap<String, Topic> = BTreeMap::new();
    for (_, stats) in stats.answers() {
        for (queue, at) in &stats.offset_table {
            let topic = topics.entry(queue.topic.clone()).or_default();
            topic.queues += 1;
            topic.end += at.broker_offset;
            topic.consumed += at.consumer_offset;
            topic.lag += at.lag().max(0);
            let at = Some(at.last_timestamp).filter(|ms| *ms > 0);
            topic.oldest_ms = topic.oldest_ms.into_iter().chain(at).min();
        }
    }
    for (_, members) in connected {
        for (name, subscription) in &members.subscription_table {
            topics.entry(name.clone()).or_default().filter = Some(subscription.sub_string.clone());
        }
    }
    topics
}

/// Each member once, with the brokers that it is connected to.
fn member_rows(connected: &[(&str, &ConsumerConnections)]) -> Vec<Value> {
    let mut members: BTreeMap<&str, (Value, Vec<&str>)> = BTreeMap::new();
    for (broker, connections) in connected {
        for member in &connections.connection_set {
            let row = || {
                json!({
                    "client": member.client_id,
                    "address": member.client_addr,
                    "language": member.language,
                    "version": member.version,
                })
            };
            members.entry(&member.client_id).or_insert_with(|| (row(), Vec::new())).1.push(broker);
        }
    }
    let with_brokers = |(mut row, brokers): (Value, Vec<&str>)| {
        row["brokers"] = brokers.into();
        row
    };
    members.into_values().map(with_brokers).collect()
}

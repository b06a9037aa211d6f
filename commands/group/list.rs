//! `rmq group list`: every group, and how much it has still to consume. One question or two to each broker, however many groups.

use crate::{
    answer::{Answer, Column, column, wide},
    failure::Failure,
    places::same_or_each,
    reach::Reach,
    watch::Shown,
    when,
};
use admin::{Admin, Where, snapshot::GroupView};
use base::Clock;
use protocol::topic::{GroupConfig, is_system_group};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// List the groups, with what they have still to consume
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Also those that every broker has for clients and tools
    #[arg(short = 'a', long, visible_alias = "all")]
    system: bool,
    #[command(flatten)]
    pub(super) shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

const COLUMNS: &[Column] = &[
    column("GROUP", "group"),
    column("TOPICS", "topics"),
    column("QUEUES", "queues"),
    column("LAG", "lag"),
    column("CONSUMED UP TO", "consumed_up_to"),
    wide("CONSUMED", "consumed"),
    wide("END", "end"),
    wide("RETRIES", "retry_max_times"),
    wide("MAY CONSUME", "consume_enable"),
    wide("BROADCAST", "broadcast_enable"),
    wide("BROKERS", "brokers"),
    wide("LACKS", "lacks"),
];

/// Prints them.
///
/// # Errors
/// If the cluster, or some broker, cannot be asked.
pub async fn list(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { system, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    shown.show(&reach, || ask(&admin, system)).await
}

async fn ask(admin: &Admin, system: bool) -> Result<Answer, Failure> {
    let (snapshot, settings) =
        tokio::try_join!(admin.snapshot(&Clock::System, true), admin.group_settings(&Where::Everywhere))?;
    let progress = snapshot.groups();
    let mut groups: BTreeMap<&str, Vec<(&str, &GroupConfig)>> = BTreeMap::new();
    for (broker, table) in settings.answers() {
        for (name, config) in &table.subscription_group_table {
            groups.entry(name).or_default().push((&broker.name, config));
        }
    }
    for name in progress.known.keys() {
        groups.entry(name).or_default();
    }
    let shown: Vec<_> = groups.iter().filter(|(name, _)| system || !is_system_group(name)).collect();
    let mut rows: Vec<Value> =
        shown.iter().map(|(name, configs)| row(name, configs, progress.known.get(**name))).collect();
    // Sums that lack what these brokers know.
    let missing: Vec<&str> = progress.missing.iter().map(|(broker, _)| broker.as_str()).collect();
    if !missing.is_empty() {
        rows.iter_mut().for_each(|row| row["lacks"] = missing.clone().into());
    }
    // A broker that is asked twice may fail twice.
    let mut lacks: BTreeMap<String, Failure> = BTreeMap::new();
    for (broker, error) in settings.failures() {
        lacks.insert(broker.name.clone(), Failure::like(error, error.to_string()));
    }
    for (broker, why) in &progress.missing {
        let failure = Failure::new(crate::failure::Kind::Unreachable, why).retryable();
        lacks.entry(broker.clone()).or_insert(failure);
    }
    let masters: BTreeSet<_> =
        settings.0.iter().map(|outcome| &outcome.broker.name).chain(&snapshot.headless).collect();
    let hidden = groups.len() - shown.len();
    let note = (hidden > 0).then(|| format!("{hidden} more with --system"));
    Ok(Answer::list(COLUMNS, rows).note(note).lacking(masters.len(), lacks))
}

fn row(name: &str, configs: &[(&str, &GroupConfig)], progress: Option<&GroupView>) -> Value {
    let each = |of: fn(&GroupConfig) -> Value| {
        same_or_each(configs.iter().map(|(broker, config)| ((*broker).to_owned(), of(config))))
    };
    let total = progress.map(GroupView::total);
    let mut row = json!({
        "group": name,
        "kind": if is_system_group(name) { "system" } else { "normal" },
        "topics": progress.map(|progress| progress.topics.len()),
        "queues": total.map(|total| total.queues),
        "lag": total.map(|total| total.lag),
        "consumed": total.map(|total| total.consumed),
        "end": total.map(|total| total.end),
        "retry_max_times": each(|config| config.retry_max_times.into()),
        "consume_enable": each(|config| config.consume_enable.into()),
        "broadcast_enable": each(|config| config.consume_broadcast_enable.into()),
        "brokers": configs.iter().map(|(broker, _)| *broker).collect::<Vec<_>>(),
    });
    if let Some(ms) = total.and_then(|total| total.oldest_consumed_ms) {
        row["consumed_up_to"] = when::show(ms).into();
    }
    row
}

//! `rmq topic list`: which topics there are.

use super::kind;
use crate::{
    answer::{Answer, Column, column},
    failure::Failure,
    reach::Reach,
    watch::Shown,
};
use admin::Admin;
use serde_json::json;
use std::collections::BTreeSet;

/// List topics
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Also those of the system, of retries and of dead letters
    #[arg(short, long, visible_alias = "system")]
    all: bool,
    #[command(flatten)]
    pub(super) shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

const COLUMNS: &[Column] = &[column("TOPIC", "topic"), column("KIND", "kind")];

/// Prints them.
///
/// # Errors
/// If the cluster cannot be asked.
pub async fn list(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { all, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    shown.show(&reach, || ask(&admin, &reach, all)).await
}

async fn ask(admin: &Admin, reach: &Reach, all: bool) -> Result<Answer, Failure> {
    let (topics, brokers) = tokio::try_join!(admin.topics(), admin.brokers())?;
    if brokers.is_empty() {
        return Err(reach.no_broker());
    }
    // Every cluster and every broker has a topic of its name, for probes.
    let own: BTreeSet<&str> = brokers.iter().flat_map(|broker| [&*broker.cluster, &*broker.name]).collect();
    let kind = |topic: &String| if own.contains(topic.as_str()) { super::SYSTEM } else { kind(topic) };
    let kinds = topics.iter().map(|topic| (topic, kind(topic)));
    let shown: Vec<_> = kinds.filter(|(_, kind)| all || *kind == super::NORMAL).collect();
    let rows: Vec<_> = shown.iter().map(|(topic, kind)| json!({ "topic": topic, "kind": kind })).collect();
    let hidden = topics.len() - rows.len();
    Ok(Answer::list(COLUMNS, rows).note((hidden > 0).then(|| format!("{hidden} more with --all"))))
}

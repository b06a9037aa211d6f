//! `rmq topic describe`: how brokers hold a topic, where its queues begin and end, and who reads it.

use super::{kind, not_made_by_asking};
use crate::{
    answer::{Answer, Column, column, wide},
    failure::Failure,
    group::queues,
    reach::Reach,
    watch::Shown,
    when,
};
use admin::{Admin, BrokerRef, Error, PerBroker, Where};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use protocol::{code::response, topic::perm};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Show a topic: its settings, where its queues begin and end, and who reads it, how far
///
/// Each group that reads it is asked about by itself, and each of its members: that many questions more.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its name
    topic: String,
    #[command(flatten)]
    pub(super) shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

const QUEUES: &[Column] = &[
    column("BROKER", "broker"),
    column("QUEUE", "queue"),
    column("FIRST", "first"),
    column("END", "end"),
    column("MESSAGES", "messages"),
    column("LAST STORED", "last_stored"),
];

const BROKERS: &[Column] = &[
    column("BROKER", "broker"),
    column("READ", "read_queues"),
    column("WRITE", "write_queues"),
    column("PERM", "perm"),
    column("ORDER", "order"),
    wide("FILTER", "filter_type"),
    wide("FLAG", "system_flag"),
];

const GROUPS: &[Column] = &[column("GROUP", "group"), column("LAG", "lag"), wide("BROKERS", "brokers")];

const POSITIONS: &[Column] = &[
    column("GROUP", "group"),
    column("BROKER", "broker"),
    column("QUEUE", "queue"),
    column("NEXT", "next"),
    column("LAG", "lag"),
    column("OWNER", "owner"),
];

/// Groups asked about at the same time.
const AT_ONCE: usize = 16;

/// Prints it.
///
/// # Errors
/// If there is no such topic, or the cluster, or some broker, cannot be asked.
pub async fn describe(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { topic, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    shown.show(&reach, || ask(&admin, &topic)).await
}

async fn ask(admin: &Admin, topic: &str) -> Result<Answer, Failure> {
    let route = admin.route(topic).await.map_err(|error| not_made_by_asking(error, topic))?;
    let holders: BTreeSet<&str> = route.queue_datas.iter().map(|data| &*data.broker_name).collect();
    let everywhere = &Where::Everywhere;
    let (settings, stats, readers) = tokio::try_join!(
        admin.topic_settings(everywhere),
        admin.topic_stats(topic, everywhere),
        admin.readers(topic, everywhere)
    )?;
    // Masters without the topic refuse, and those that are away may be without it.
    let mut lacks: BTreeMap<String, Failure> = BTreeMap::new();
    let mut lacking = |broker: &BrokerRef, error: &Error| {
        let may_lack_it =
            matches!(error, Error::NoMaster { .. }) || error.refusal_code() == Some(response::TOPIC_NOT_EXIST);
        if holders.contains(&*broker.name) || !may_lack_it {
            lacks.insert(broker.to_string(), Failure::like(error, error.to_string()));
        }
    };
    settings.failures().chain(stats.failures()).chain(readers.failures()).for_each(|(at, why)| lacking(at, why));

    let configs = settings.answers().filter_map(|(broker, table)| {
        let config = table.topic_config_table.get(topic)?;
        Some(json!({
            "broker": broker.name,
            "address": broker.addr,
            "read_queues": config.read_queue_nums,
            "write_queues": config.write_queue_nums,
            "perm": perm::title(config.perm),
            "order": config.order,
            "filter_type": config.topic_filter_type,
            "system_flag": config.topic_sys_flag,
        }))
    });
    let queues: Vec<Value> = stats
        .answers()
        .flat_map(|(_, stats)| &stats.offset_table)
        .map(|(queue, extent)| {
            let mut row = json!({
                "broker": queue.broker_name,
                "queue": queue.queue_id,
                "first": extent.min_offset,
                "end": extent.max_offset,
                "messages": extent.max_offset - extent.min_offset,
            });
            match extent.last_update_timestamp {
                0 => {}
                ms if ms < 0 => row["last_stored"] = Value::Null,
                ms => row["last_stored"] = when::show(ms).into(),
            }
            row
        })
        .collect();
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (broker, readers) in readers.answers() {
        for group in &readers.group_list {
            groups.entry(group).or_default().push(&broker.name);
        }
    }
    let answering: Vec<&BrokerRef> = readers.answers().map(|(broker, _)| broker).collect();
    let asked = stream::iter(groups.keys()).map(|group| positions(admin, group, topic, &answering));
    let positions: Vec<Vec<Value>> = asked.buffered(AT_ONCE).try_collect().await?;
    let groups = groups.iter().zip(&positions).map(|((group, brokers), positions)| {
        let lags = positions.iter().map(|position| position["lag"].as_i64());
        let lag = lags.sum::<Option<i64>>().filter(|_| lacks.is_empty() && !positions.is_empty());
        json!({ "group": group, "lag": lag, "brokers": brokers })
    });
    let groups = groups.collect();
    let messages: i64 = queues.iter().filter_map(|queue| queue["messages"].as_i64()).sum();
    let about = json!({
        "topic": topic,
        "kind": kind(topic),
        // A sum that lacks a broker's is not known.
        "messages": lacks.is_empty().then_some(messages),
    });
    let answer = Answer::about(about)
        .with("queues", QUEUES, queues)
        .with("brokers", BROKERS, configs.collect())
        .with("groups", GROUPS, groups)
        .with("positions", POSITIONS, positions.into_iter().flatten().collect());
    Ok(answer.lacking(settings.0.len().max(lacks.len()), lacks))
}

/// How far a group has come in the topic, queue by queue, at the brokers that have answered: others are not asked again.
async fn positions(admin: &Admin, group: &str, topic: &str, at: &[&BrokerRef]) -> Result<Vec<Value>, Failure> {
    let asked = at.iter().map(async |broker| {
        let place = &Where::Broker(broker.addr.clone());
        tokio::try_join!(admin.consume_stats(group, Some(topic), place), admin.consumers(group, place))
    });
    let (mut stats, mut members) = (PerBroker(Vec::new()), PerBroker(Vec::new()));
    for (told, connected) in try_join_all(asked).await? {
        stats.0.extend(told.0);
        members.0.extend(connected.0);
    }
    let mut owners = admin.owners(group, &members).await;
    owners.of.retain(|queue, _| queue.topic == topic);
    queues::rows(admin, group, &stats, &owners).await
}

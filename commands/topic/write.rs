//! `rmq topic create`, `update` and `delete`: what changes topics.

use super::not_made_by_asking;
use crate::{
    answer::Style,
    failure::{Failure, Kind},
    places::{self, At},
    reach::Reach,
};
use admin::{PerBroker, Where};
use futures_util::future::join_all;
use protocol::topic::{TopicConfig, TopicTable, perm};
use serde_json::Value;

/// Create a topic, or set it anew where it exists
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq topic create orders                        8 queues on every master
  rmq topic create orders --queues 16 --broker broker-a
  rmq topic create orders --perm r               nobody may send to it any more")]
pub struct Create {
    /// Its name
    topic: String,
    /// How many queues on each broker
    #[arg(short, long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(i32).range(1..=65535))]
    queues: i32,
    /// How many of them consumers read, if not all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=65535))]
    read_queues: Option<i32>,
    /// How many of them producers write, if not all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=65535))]
    write_queues: Option<i32>,
    /// What is allowed: rw, r, w
    #[arg(long, value_name = "RW", default_value = "rw", value_parser = permission)]
    perm: i32,
    /// Its messages are to be read in order
    #[arg(long)]
    order: bool,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    pub(super) style: Style,
    #[command(flatten)]
    reach: Reach,
}

/// Change a topic where it exists; what is not said stays as it is at each broker
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq topic update orders --queues 16            more queues on every master
  rmq topic update orders --write-queues 8       so that the others run empty
  rmq topic update orders --perm r --broker broker-a")]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub struct Update {
    /// Its name
    topic: String,
    /// How many queues on each broker
    #[arg(short, long, value_name = "N", group = "change", value_parser = clap::value_parser!(i32).range(1..=65535))]
    queues: Option<i32>,
    /// How many queues consumers read
    #[arg(long, value_name = "N", group = "change", value_parser = clap::value_parser!(i32).range(0..=65535))]
    read_queues: Option<i32>,
    /// How many queues producers write
    #[arg(long, value_name = "N", group = "change", value_parser = clap::value_parser!(i32).range(0..=65535))]
    write_queues: Option<i32>,
    /// What is allowed: rw, r, w
    #[arg(long, value_name = "RW", group = "change", value_parser = permission)]
    perm: Option<i32>,
    /// Whether its messages are to be read in order
    #[arg(long, value_name = "BOOL", group = "change")]
    order: Option<bool>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    pub(super) style: Style,
    #[command(flatten)]
    reach: Reach,
}

/// Delete a topic with its messages
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Its name
    topic: String,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    pub(super) style: Style,
    #[command(flatten)]
    reach: Reach,
}

/// Creates a topic.
///
/// # Errors
/// If some broker does not do it.
pub async fn create(arguments: Create) -> Result<(), Failure> {
    let Create { topic, queues, read_queues, write_queues, perm, order, at, style, reach } = arguments;
    let config = TopicConfig {
        order,
        read_queue_nums: read_queues.unwrap_or(queues),
        write_queue_nums: write_queues.unwrap_or(queues),
        ..TopicConfig::new(&topic, queues, perm)
    };
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let created = reach.within(async { Ok(admin.create_topic(&config, &at.place()).await?) }).await?;
    places::answer("topic", &topic, "created", &places::at_brokers(&created)).print(style)
}

/// Changes a topic.
///
/// # Errors
/// If it does not exist, or some broker does not do it.
pub async fn update(arguments: Update) -> Result<(), Failure> {
    let Update { topic, queues, read_queues, write_queues, perm, order, at, style, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let changed = reach.within(async {
        let tables = admin.topic_settings(&at.place()).await?;
        let answered = tables.answers();
        let holders: Vec<_> =
            answered.filter_map(|(broker, table)| Some((broker, table.topic_config_table.get(&topic)?))).collect();
        if let (true, Some((broker, error))) = (holders.is_empty(), tables.failures().next()) {
            return Err(Failure::like(error, format!("{broker}: {error}")));
        }
        if holders.is_empty() {
            return Err(Failure::no_topic(&topic));
        }
        let mut config_of = holders.into_iter().map(|(broker, config)| {
            let mut config = config.clone();
            config.read_queue_nums = read_queues.or(queues).unwrap_or(config.read_queue_nums);
            config.write_queue_nums = write_queues.or(queues).unwrap_or(config.write_queue_nums);
            config.perm = perm.map_or(config.perm, |perm| perm | config.perm & perm::INHERIT);
            config.order = order.unwrap_or(config.order);
            (broker.clone(), config)
        });
        let changed = admin.put_topics(config_of.by_ref()).await;
        let asked = changed.answers().map(async |(broker, ())| {
            let place = Where::Broker(broker.addr.clone());
            admin.topic_settings(&place).await.map_or_else(|_| Vec::new(), |tables| tables.0)
        });
        let after = PerBroker(join_all(asked).await.into_iter().flatten().collect());
        let changes = changes(&topic, &tables, &changed, &after);
        let unasked: Vec<String> = tables.failures().map(|(broker, error)| format!("{broker}: {error}")).collect();
        Ok((changed, changes, unasked))
    });
    let (changed, changes, unasked) = changed.await?;
    let answer = places::answer("topic", &topic, "changed", &places::at_brokers(&changed));
    answer.with("changes", places::CHANGES, changes).print(style)?;
    match unasked.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(Kind::Partly, format!("not every broker could be asked: {}", unasked.join("; ")))),
    }
}

/// What is otherwise now than it was, as the brokers say.
fn changes(
    topic: &str,
    before: &PerBroker<TopicTable>,
    changed: &PerBroker<()>,
    after: &PerBroker<TopicTable>,
) -> Vec<Value> {
    let values = |topic: &TopicConfig| -> [(&str, Value); 4] {
        [
            ("read_queues", topic.read_queue_nums.into()),
            ("write_queues", topic.write_queue_nums.into()),
            ("perm", perm::title(topic.perm).into()),
            ("order", topic.order.into()),
        ]
    };
    let mut changes = Vec::new();
    for (broker, ()) in changed.answers() {
        let before = before.answers().find(|(other, _)| *other == broker).map(|(_, table)| table);
        let Some(before) = before.and_then(|table| table.topic_config_table.get(topic)) else { continue };
        let after = after.answers().find(|(other, _)| *other == broker);
        let after = after.and_then(|(_, table)| table.topic_config_table.get(topic));
        let Some(after) = after else { continue };
        for ((key, before), (_, after)) in values(before).into_iter().zip(values(after)) {
            if before != after {
                changes.push(places::change(broker, key, Some(before), Some(after)));
            }
        }
    }
    changes
}

/// Deletes a topic.
///
/// # Errors
/// If it does not exist, or some broker or name server does not do it.
pub async fn delete(arguments: Delete) -> Result<(), Failure> {
    let Delete { topic, at, style, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let deleted = reach.within(async {
        admin.delete_topic(&topic, &at.place()).await.map_err(|error| not_made_by_asking(error, &topic))
    });
    let deleted = deleted.await?;
    let mut places = places::at_brokers(&deleted.brokers);
    places.extend(places::at_name_servers(&deleted.name_servers));
    places::answer("topic", &topic, "deleted", &places).print(style)
}

fn permission(text: &str) -> Result<i32, String> {
    let letters = text.to_ascii_lowercase();
    match letters.as_str() {
        "rw" | "wr" | "6" => Ok(perm::READ | perm::WRITE),
        "r" | "4" => Ok(perm::READ),
        "w" | "2" => Ok(perm::WRITE),
        _ => Err("expected rw, r or w".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_letters_or_apaches_numbers() {
        assert_eq!((permission("rw"), permission("R"), permission("2")), (Ok(6), Ok(4), Ok(2)));
        assert!(permission("x").is_err() && permission("").is_err());
    }
}

//! `rmq topic`: lists, creates, deletes topics and shows where they live.

use crate::{
    failure::{Failure, say},
    log, output, reach,
    table::render,
};
use admin::{Error, Outcome, PerBroker, Where};
use protocol::topic::{DLQ_PREFIX, REPLY_SUFFIX, RETRY_PREFIX, TopicConfig, is_system_topic, perm};
use serde_json::json;
use std::collections::BTreeSet;

/// List, create and delete topics, and show where they live
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    List(List),
    Create(Create),
    Delete(Delete),
    Route(Route),
}

/// List topics
#[derive(Debug, clap::Args)]
struct List {
    /// Also those of the system, of retries and of dead letters
    #[arg(short, long)]
    all: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: ListOutput,
    #[command(flatten)]
    reach: reach::Reach,
}

/// How lists are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ListOutput {
    /// Columns.
    Table,
    /// One JSON array.
    Json,
    /// Names, one a line.
    Name,
}

/// How everything else is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// Columns.
    Table,
    /// JSON.
    Json,
}

/// Create a topic, or change it where it exists
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq topic create orders                        8 queues on every master
  rmq topic create orders --queues 16 --broker broker-a
  rmq topic create orders --perm r               nobody may send to it any more")]
struct Create {
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
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    reach: reach::Reach,
}

/// Delete a topic with its messages
#[derive(Debug, clap::Args)]
struct Delete {
    /// Its name
    topic: String,
    #[command(flatten)]
    at: At,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    reach: reach::Reach,
}

/// Which brokers are meant.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct At {
    /// Only at the brokers of this cluster
    #[arg(long)]
    cluster: Option<String>,
    /// Only at this broker: its name or its address
    #[arg(long)]
    broker: Option<String>,
}

/// Show which brokers hold a topic
#[derive(Debug, clap::Args)]
struct Route {
    /// Its name
    topic: String,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    reach: reach::Reach,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            What::List(list) => list.output == ListOutput::Json,
            What::Create(Create { output, .. })
            | What::Delete(Delete { output, .. })
            | What::Route(Route { output, .. }) => *output == Output::Json,
        }
    }
}

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, async {
        match arguments.what {
            What::List(arguments) => list(arguments).await,
            What::Create(arguments) => create(arguments).await,
            What::Delete(arguments) => delete(arguments).await,
            What::Route(arguments) => route(arguments).await,
        }
    })
}

async fn list(arguments: List) -> Result<(), Failure> {
    let List { all, output, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let (topics, brokers) = reach.within(async { Ok((admin.topics().await?, admin.brokers().await?)) }).await?;
    // Every cluster and every broker has a topic of its name, for probes.
    let own: BTreeSet<&str> = brokers.iter().flat_map(|broker| [&*broker.cluster, &*broker.name]).collect();
    let kind = |topic: &String| if own.contains(topic.as_str()) { SYSTEM } else { kind(topic) };
    let shown: Vec<_> =
        topics.iter().map(|topic| (topic, kind(topic))).filter(|(_, kind)| all || *kind == NORMAL).collect();
    match output {
        ListOutput::Table => {
            output::print(render(&["TOPIC", "KIND"], shown.iter().map(|(topic, kind)| [topic.as_str(), kind])))?;
            if shown.len() < topics.len() {
                say(&format!("{} more with --all", topics.len() - shown.len()));
            }
            Ok(())
        }
        ListOutput::Json => {
            let topics: Vec<_> = shown.iter().map(|(topic, kind)| json!({ "topic": topic, "kind": kind })).collect();
            output::json(&topics.into())
        }
        ListOutput::Name => output::lines(shown.iter().map(|(topic, _)| topic)),
    }
}

const NORMAL: &str = "normal";
const SYSTEM: &str = "system";

fn kind(topic: &str) -> &'static str {
    match topic {
        _ if topic.starts_with(RETRY_PREFIX) => "retry",
        _ if topic.starts_with(DLQ_PREFIX) => "dead letters",
        _ if is_system_topic(topic) || topic.ends_with(REPLY_SUFFIX) => SYSTEM,
        _ => NORMAL,
    }
}

async fn create(arguments: Create) -> Result<(), Failure> {
    let Create { topic, queues, read_queues, write_queues, perm, order, at, output, reach } = arguments;
    let config = TopicConfig {
        order,
        read_queue_nums: read_queues.unwrap_or(queues),
        write_queue_nums: write_queues.unwrap_or(queues),
        ..TopicConfig::new(&topic, queues, perm)
    };
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let created = reach.within(async { Ok(admin.create_topic(&config, &at.place()).await?) }).await?;
    let places = places(&created);
    print_places("created", &topic, &places, output)?;
    judge(&places, &format!("topic {topic} was not created"))
}

async fn delete(arguments: Delete) -> Result<(), Failure> {
    let Delete { topic, at, output, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let deleted = reach.within(async {
        admin.delete_topic(&topic, &at.place()).await.map_err(|error| not_made_by_asking(error, &topic))
    });
    let deleted = deleted.await?;
    let mut places = places(&deleted.brokers);
    places.extend(deleted.name_servers.iter().map(|(addr, result)| Place {
        name: "name server".to_owned(),
        addr,
        result: result.as_ref().copied(),
    }));
    print_places("deleted", &topic, &places, output)?;
    judge(&places, &format!("topic {topic} was not deleted"))
}

async fn route(arguments: Route) -> Result<(), Failure> {
    let Route { topic, output, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let route =
        reach.within(async { admin.route(&topic).await.map_err(|error| not_made_by_asking(error, &topic)) }).await?;
    let brokers = || {
        route.queue_datas.iter().map(|queues| {
            let broker = route.broker_datas.iter().find(|broker| broker.broker_name == queues.broker_name);
            (queues, broker.cloned().unwrap_or_default())
        })
    };
    match output {
        Output::Table => {
            let rows = brokers().flat_map(|(queues, broker)| {
                let counts = [queues.read_queue_nums.to_string(), queues.write_queue_nums.to_string()];
                let [read, write] = counts;
                let rows = broker.broker_addrs.into_iter().map(move |(id, addr)| {
                    let role = if id == 0 { "master".to_owned() } else { format!("slave {id}") };
                    let (read, write) = (read.clone(), write.clone());
                    [
                        queues.broker_name.clone(),
                        broker.cluster.clone(),
                        role,
                        addr,
                        read,
                        write,
                        perm::title(queues.perm),
                    ]
                });
                rows.collect::<Vec<_>>()
            });
            output::print(render(&["BROKER", "CLUSTER", "ROLE", "ADDRESS", "READ", "WRITE", "PERM"], rows))
        }
        Output::Json => {
            let brokers: Vec<_> = brokers()
                .map(|(queues, broker)| {
                    json!({
                        "broker": queues.broker_name,
                        "cluster": broker.cluster,
                        "addrs": broker.broker_addrs,
                        "read_queues": queues.read_queue_nums,
                        "write_queues": queues.write_queue_nums,
                        "perm": perm::title(queues.perm),
                    })
                })
                .collect();
            output::json(&json!({ "topic": topic, "brokers": brokers }))
        }
    }
}

/// What an order came to at one place.
struct Place<'a> {
    name: String,
    addr: &'a str,
    result: Result<(), &'a Error>,
}

fn places(brokers: &PerBroker<()>) -> Vec<Place<'_>> {
    let outcomes = brokers.0.iter();
    outcomes
        .map(|Outcome { broker, result }| Place {
            name: broker.name.clone(),
            addr: &broker.addr,
            result: result.as_ref().copied(),
        })
        .collect()
}

/// Prints what was done where; that nothing was done is left to the failure.
fn print_places(done: &str, topic: &str, places: &[Place<'_>], output: Output) -> Result<(), Failure> {
    if places.iter().all(|place| place.result.is_err()) {
        return Ok(());
    }
    let said = |place: &Place<'_>| place.result.map_or_else(|error| format!("failed: {error}"), |()| done.to_owned());
    match output {
        Output::Table => {
            let rows =
                places.iter().map(|place| [topic.to_owned(), place.name.clone(), place.addr.to_owned(), said(place)]);
            output::print(render(&["TOPIC", "AT", "ADDRESS", "RESULT"], rows))
        }
        Output::Json => {
            let places: Vec<_> = places
                .iter()
                .map(|place| {
                    let error = place.result.err().map(ToString::to_string);
                    json!({ "at": place.name, "address": place.addr, "done": error.is_none(), "error": error })
                })
                .collect();
            output::json(&json!({ "topic": topic, "places": places }))
        }
    }
}

/// Done everywhere, nowhere, or partly.
fn judge(places: &[Place<'_>], nowhere: &str) -> Result<(), Failure> {
    let mut failures = places.iter().filter_map(|place| place.result.err());
    let Some(first) = failures.next() else { return Ok(()) };
    let failed = 1 + failures.count();
    if failed < places.len() {
        return Err(Failure::partly(format!("done at {} of {} places", places.len() - failed, places.len())));
    }
    Err(Failure::like(first, format!("{nowhere}: {first}")))
}

/// Unlike a producer, these commands never make a topic.
fn not_made_by_asking(error: Error, topic: &str) -> Failure {
    match error {
        Error::Client(client::Error::TopicNotFound { .. }) => Failure::no_topic(topic),
        other => other.into(),
    }
}

impl At {
    fn place(&self) -> Where {
        match (&self.cluster, &self.broker) {
            (Some(cluster), _) => Where::Cluster(cluster.clone()),
            (None, Some(broker)) => Where::Broker(broker.clone()),
            (None, None) => Where::Everywhere,
        }
    }
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
    use crate::failure::Kind;

    fn place(result: Result<(), &Error>) -> Place<'_> {
        Place { name: "broker-a".to_owned(), addr: "a:1", result }
    }

    #[test]
    fn topics_that_people_did_not_make_are_told_apart() {
        assert_eq!(kind("orders"), NORMAL);
        assert_eq!((kind("TBW102"), kind("C_REPLY_TOPIC")), (SYSTEM, SYSTEM));
        assert_eq!((kind("%RETRY%g"), kind("%DLQ%g")), ("retry", "dead letters"));
    }

    #[test]
    fn what_was_done_at_some_places_only_is_done_partly() {
        let failed = Error::from(client::Error::ShutDown);
        let code = |places: &[Place<'_>]| judge(places, "not done").err().and_then(|failure| failure.kind());
        assert_eq!(code(&[place(Ok(())), place(Ok(()))]), None);
        assert_eq!(code(&[place(Ok(())), place(Err(&failed))]), Some(Kind::Partly));
        assert_eq!(code(&[place(Err(&failed))]), Some(Kind::Failed));
    }

    #[test]
    fn permissions_are_letters_or_apaches_numbers() {
        assert_eq!((permission("rw"), permission("R"), permission("2")), (Ok(6), Ok(4), Ok(2)));
        assert!(permission("x").is_err() && permission("").is_err());
    }
}

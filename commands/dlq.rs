//! `rmq dlq`: the messages that groups failed on too often.

mod list;
mod peek;
mod report;
mod resend;

use crate::{failure::Failure, log, reach};
use client::{Client, PullConsumer};
use protocol::topic::{dlq_topic, perm};

/// Who brokers think reads dead letters: the group of Apache's own tools, which every broker knows.
const READER: &str = "TOOLS_CONSUMER";

/// Look at the messages that a group failed on too often, and send them again
///
/// A message that a group does not handle comes again, later each time. After 16 times (or as many as the group is set
/// to) it is a dead letter: it stays in the topic %DLQ%GROUP, where nobody reads it until somebody decides what to do.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    List(list::Arguments),
    Peek(peek::Arguments),
    Resend(resend::Arguments),
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            What::List(arguments) => arguments.prints_json(),
            What::Peek(arguments) => arguments.prints_json(),
            What::Resend(arguments) => arguments.prints_json(),
        }
    }
}

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, async {
        match arguments.what {
            What::List(arguments) => list::list(arguments).await,
            What::Peek(arguments) => peek::peek(arguments).await,
            What::Resend(arguments) => resend::resend(arguments).await,
        }
    })
}

/// A reader of a group's dead letters, once it is sure that all of them may be read.
async fn reader(client: &Client, group: &str) -> Result<PullConsumer, Failure> {
    let topic = dlq_topic(group);
    let route = client.fresh_route(&topic).await.map_err(|error| match error {
        client::Error::TopicNotFound { .. } => nothing_yet(group),
        other => other.into(),
    })?;
    let closed: Vec<_> = route.data().queue_datas.iter().filter(|data| data.perm & perm::READ == 0).collect();
    if let Some(first) = closed.first() {
        // Apache RocketMQ made them so before 4.9.
        let brokers: Vec<_> = closed.iter().map(|data| data.broker_name.as_str()).collect();
        let message = format!("{} does not let topic {topic} be read, only written", brokers.join(", "));
        let queues = first.write_queue_nums.max(1);
        let open = brokers
            .iter()
            .map(|broker| format!("rmq topic create '{topic}' --broker {broker} --queues {queues} --perm rw"));
        let hint = open.collect::<Vec<_>>().join(" && ");
        return Err(Failure::new(crate::failure::Kind::NotPermitted, message).target(topic).hint(hint));
    }
    Ok(PullConsumer::on(client, READER)?)
}

/// A group that nothing is known of, or that has never failed for good.
fn nothing_yet(group: &str) -> Failure {
    let topic = dlq_topic(group);
    let message = format!("group {group} has no dead letters: topic {topic} does not exist");
    Failure::not_found(message).code("TOPIC_NOT_EXIST").target(topic).hint("rmq dlq list")
}

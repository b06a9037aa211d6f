//! `rmq topic`: lists topics, shows what they are like and where they live, creates, changes and deletes them.

mod describe;
mod list;
mod route;
mod write;

use crate::{failure::Failure, log, reach};
use admin::Error;
use protocol::topic::{DLQ_PREFIX, REPLY_SUFFIX, RETRY_PREFIX, is_system_topic};

/// List topics, show what they are like, create, change and delete them
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    List(list::Arguments),
    Describe(describe::Arguments),
    Create(write::Create),
    Update(write::Update),
    Delete(write::Delete),
    Route(route::Arguments),
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            What::List(arguments) => arguments.shown.style,
            What::Describe(arguments) => arguments.shown.style,
            What::Create(arguments) => arguments.style,
            What::Update(arguments) => arguments.style,
            What::Delete(arguments) => arguments.style,
            What::Route(arguments) => arguments.shown.style,
        }
        .is_json()
    }
}

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, async {
        match arguments.what {
            What::List(arguments) => list::list(arguments).await,
            What::Describe(arguments) => describe::describe(arguments).await,
            What::Create(arguments) => write::create(arguments).await,
            What::Update(arguments) => write::update(arguments).await,
            What::Delete(arguments) => write::delete(arguments).await,
            What::Route(arguments) => route::route(arguments).await,
        }
    })
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

/// Unlike a producer, these commands never make a topic.
fn not_made_by_asking(error: Error, topic: &str) -> Failure {
    match error {
        Error::Client(client::Error::TopicNotFound { .. }) => Failure::no_topic(topic),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_people_did_not_make_are_told_apart() {
        assert_eq!(kind("orders"), NORMAL);
        assert_eq!((kind("TBW102"), kind("C_REPLY_TOPIC")), (SYSTEM, SYSTEM));
        assert_eq!((kind("%RETRY%g"), kind("%DLQ%g")), ("retry", "dead letters"));
    }
}

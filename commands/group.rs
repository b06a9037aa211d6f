//! `rmq group`: which consumer groups there are, how far they have come, and deleting them.

mod delete;
mod describe;
mod lag;
mod list;

use crate::{failure::Failure, log, reach};
use protocol::topic::is_system_group;

/// List groups, show what they are and how far they have come, and delete them
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
    Lag(lag::Arguments),
    Delete(delete::Arguments),
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            What::List(arguments) => arguments.shown.style,
            What::Describe(arguments) => arguments.shown.style,
            What::Lag(arguments) => arguments.shown.style,
            What::Delete(arguments) => arguments.style,
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
            What::Lag(arguments) => lag::lag(arguments).await,
            What::Delete(arguments) => delete::delete(arguments).await,
        }
    })
}

/// Groups that every broker has for clients and tools, whether anybody uses them or not.
/// Source: `SubscriptionGroupManager` of Apache RocketMQ.
const OF_TOOLS: [&str; 7] = [
    "TOOLS_CONSUMER",
    "FILTERSRV_CONSUMER",
    "SELF_TEST_C_GROUP",
    "CID_ONSAPI_OWNER",
    "CID_ONSAPI_PERMISSION",
    "CID_ONSAPI_PULL",
    "CID_ONS-HTTP-PROXY",
];

/// Whether people did not make the group.
pub fn is_of_system(group: &str) -> bool {
    is_system_group(group) || OF_TOOLS.contains(&group)
}

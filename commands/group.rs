//! `rmq group`: which consumer groups there are, how far they have come, creating, changing and deleting them.

mod delete;
mod describe;
mod lag;
mod list;
pub mod queues;
mod write;

use crate::{failure::Failure, log, reach};

/// List groups, show what they are and how far they have come, create, change and delete them
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
    Create(write::Create),
    Update(write::Update),
    Delete(delete::Arguments),
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            What::List(arguments) => arguments.shown.style,
            What::Describe(arguments) => arguments.shown.style,
            What::Lag(arguments) => arguments.shown.style,
            What::Create(arguments) => arguments.style,
            What::Update(arguments) => arguments.style,
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
            What::Create(arguments) => write::create(arguments).await,
            What::Update(arguments) => write::update(arguments).await,
            What::Delete(arguments) => delete::delete(arguments).await,
        }
    })
}

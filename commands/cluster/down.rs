//! `rmq cluster down`, `stop` and `kill`: nodes end.

use super::{Named, progress::Progress};
use crate::failure::{Failure, say};
use ::cluster::Down;

/// Stop a cluster
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    named: Named,
    /// Remove it then, with all its data
    #[arg(long)]
    purge: bool,
}

/// Stop nodes, as a service manager does
#[derive(Debug, clap::Args)]
pub struct Stop {
    #[command(flatten)]
    named: Named,
    /// Only this one
    node: Option<String>,
}

/// Kill nodes with kill -9, to see what happens then
#[derive(Debug, clap::Args)]
pub struct Kill {
    #[command(flatten)]
    named: Named,
    /// Only this one
    node: Option<String>,
}

/// Stops all of it.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { named, purge } = arguments;
    let cluster = named.cluster()?;
    let progress = Progress::begin();
    let down = cluster.down(purge, |event| progress.tell(event)).await?;
    drop(progress);
    let was = if down.stopped.is_empty() { "was down already" } else { "is down" };
    let data = match purge {
        true => " and removed".to_owned(),
        false => format!("; its data stays in {}", cluster.dir().display()),
    };
    say(&format!("cluster {} {was}{data}", cluster.name()));
    Ok(())
}

/// Stops one node or all.
pub async fn stop(arguments: Stop) -> Result<(), Failure> {
    let Stop { named, node } = arguments;
    let progress = Progress::begin();
    let down = named.cluster()?.stop(node.as_deref(), |event| progress.tell(event)).await?;
    drop(progress);
    nothing_to_do(&named, node.as_deref(), &down);
    Ok(())
}

/// Kills one node or all.
pub async fn kill(arguments: Kill) -> Result<(), Failure> {
    let Kill { named, node } = arguments;
    let progress = Progress::begin();
    let down = named.cluster()?.kill(node.as_deref(), |event| progress.tell(event)).await?;
    drop(progress);
    nothing_to_do(&named, node.as_deref(), &down);
    Ok(())
}

fn nothing_to_do(named: &Named, node: Option<&str>, down: &Down) {
    if down.stopped.is_empty() {
        let what = node.map_or_else(|| format!("cluster {}", named.name), str::to_owned);
        say(&format!("{what} was down already"));
    }
}

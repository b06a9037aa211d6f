//! `rmq cluster status` and `list`: how clusters are.

use super::{Named, Output, Place, home};
use crate::{
    failure::{Failure, Kind, say},
    output, table, when,
};
use ::cluster::{Error, NodeState, NodeStatus, Role, Status};
use serde_json::{Value, json};
use std::{
    io::{IsTerminal, stdout},
    time::{Duration, Instant},
};

/// How often a person wants to see it.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked at when its health is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// To the upper left corner, and nothing below.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Show how a cluster is; fails unless all of it serves
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    named: Named,
    /// Show it again whenever it changes, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// End when there is such a cluster, every node serves, and every slave has what its master has
    #[arg(long)]
    exit_when_healthy: bool,
    /// How long that may take; then it ends with exit code 4
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = when::duration, requires = "exit_when_healthy")]
    timeout: Duration,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    pub(super) output: Output,
}

/// List the clusters of this machine
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    place: Place,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    pub(super) output: Output,
}

/// Does what is asked.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { named, watch, exit_when_healthy, timeout, output } = arguments;
    let cluster = named.cluster()?;
    let until = Instant::now() + timeout;
    let mut shown = String::new();
    loop {
        let status = match cluster.status().await {
            // Somebody may be about to bring it up, `up --foreground` beside this for instance.
            Err(Error::Unknown { .. }) if exit_when_healthy && Instant::now() < until => {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            status => status?,
        };
        let is_last = match exit_when_healthy {
            true => status.is_healthy() || Instant::now() >= until,
            false => !watch,
        };
        let text = match output {
            Output::Table => nodes_table(&status),
            Output::Json if watch => to_json(&status).to_string(),
            Output::Json => format!("{:#}", to_json(&status)),
        };
        if (watch || is_last) && (text != shown || is_last && shown.is_empty()) {
            let clear = if watch && output == Output::Table && stdout().is_terminal() { CLEAR } else { "" };
            output::print(format_args!("{clear}{text}"))?;
            shown = text;
        }
        if is_last {
            return verdict(&status, &named, exit_when_healthy);
        }
        tokio::time::sleep(if exit_when_healthy { LOOK_EVERY } else { WATCH_EVERY }).await;
    }
}

/// What the exit code says.
fn verdict(status: &Status, named: &Named, waited: bool) -> Result<(), Failure> {
    if status.is_ready() && (!waited || status.is_healthy()) {
        return Ok(());
    }
    let message = format!("cluster {} is {}", status.name, condition(status));
    let failure = match waited {
        true => Failure::new(Kind::Unreachable, message).code("TIMED_OUT").retryable(),
        false => Failure::new(Kind::Failed, message),
    };
    Err(failure.target(&status.name).hint(format!("rmq cluster up{}", named.again())))
}

/// Lists clusters.
pub async fn list(arguments: List) -> Result<(), Failure> {
    let List { place, output } = arguments;
    let home = home(&place)?;
    let clusters = home.list().await?;
    match output {
        Output::Table if clusters.is_empty() => {
            say(&format!("there is no cluster in {}; rmq cluster up brings one up", home.dir().display()));
            Ok(())
        }
        Output::Table => {
            let rows = clusters.iter().map(|(name, status)| match status {
                Ok(status) => {
                    let dir = status.dir.display().to_string();
                    [name.clone(), status.template.clone(), condition(status), status.namesrv_addr(), dir]
                }
                Err(error) => {
                    let unknown = || "?".to_owned();
                    [name.clone(), unknown(), format!("cannot be read: {error}"), unknown(), unknown()]
                }
            });
            output::print(table::render(&["NAME", "TEMPLATE", "STATE", "NAME SERVERS", "FOLDER"], rows))
        }
        Output::Json => {
            let clusters: Vec<_> = clusters
                .iter()
                .map(|(name, status)| match status {
                    Ok(status) => to_json(status),
                    Err(error) => json!({ "name": name, "error": error.to_string() }),
                })
                .collect();
            output::json(&clusters.into())
        }
    }
}

fn condition(status: &Status) -> String {
    let ready = status.nodes.iter().filter(|node| matches!(node.state, NodeState::Ready { .. })).count();
    if status.is_ready() {
        if status.is_healthy() { "up" } else { "up, but not all of it does what it should" }.to_owned()
    } else if status.is_down() {
        "down".to_owned()
    } else {
        format!("partly up: {ready} of {} nodes serve", status.nodes.len())
    }
}

fn state(node: &NodeStatus) -> String {
    match &node.state {
        NodeState::Ready { .. } => match &node.hindered {
            None => "ready".to_owned(),
            Some(why) => format!("ready, but {why}"),
        },
        NodeState::Unready { why, .. } => format!("not ready: {why}"),
        NodeState::Stopped => "stopped".to_owned(),
        NodeState::Died { pid } => format!("died (was process {pid})"),
    }
}

/// Its nodes, one a line.
pub fn nodes_table(status: &Status) -> String {
    let rows = status.nodes.iter().map(|node| {
        let pid = node.state.pid().map(|pid| pid.to_string()).unwrap_or_default();
        let log = node.node.log_file().display().to_string();
        let address = node.node.listen.to_string();
        [node.node.name.clone(), role(&node.node.role), address, state(node), behind(node), pid, log]
    });
    table::render(&["NODE", "ROLE", "ADDRESS", "STATE", "BEHIND", "PID", "LOG"], rows)
}

/// Bytes that a slave lacks.
fn behind(node: &NodeStatus) -> String {
    match (&node.node.role, node.behind) {
        (Role::Slave { .. }, Some(bytes)) => bytes.to_string(),
        (Role::Slave { .. }, None) => "?".to_owned(),
        (Role::NameServer | Role::Master { .. }, _) => String::new(),
    }
}

fn role(role: &Role) -> String {
    match role {
        Role::Slave { id, .. } => format!("{} {id}", role.title()),
        _ => role.title().to_owned(),
    }
}

/// The same for programs.
pub fn to_json(status: &Status) -> Value {
    let nodes = status.nodes.iter().map(|node| {
        json!({
            "name": node.node.name,
            "role": node.node.role.title(),
            "broker": node.node.role.broker().map(|(name, _)| name),
            "broker_id": node.node.role.broker().map(|(_, id)| id),
            "address": node.node.listen.to_string(),
            "ready": matches!(node.state, NodeState::Ready { .. }),
            "state": state(node),
            "behind_bytes": node.behind,
            "pid": node.state.pid(),
            "dir": node.node.dir,
            "log": node.node.log_file(),
        })
    });
    json!({
        "name": status.name,
        "template": status.template,
        "ready": status.is_ready(),
        "healthy": status.is_healthy(),
        "namesrv_addr": status.namesrv_addr(),
        "dir": status.dir,
        "nodes": nodes.collect::<Vec<_>>(),
    })
}

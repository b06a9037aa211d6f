//! `rmq cluster status` and `list`: how clusters are.

use super::{Named, Place, home};
use crate::{
    answer::{Answer, Column, column, wide},
    failure::{Failure, Kind},
    watch::{Screen, Shown},
    when,
};
use ::cluster::{Error, NodeState, NodeStatus, Role, Status};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How often it is looked at when its health is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Show how a cluster is; fails unless all of it serves
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    pub(super) shown: Shown,
    /// End when there is such a cluster, every node serves, and every slave has what its master has
    #[arg(long)]
    exit_when_healthy: bool,
    /// How long that may take; then it ends with exit code 4
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = when::duration, requires = "exit_when_healthy")]
    timeout: Duration,
}

/// List the clusters of this machine
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    pub(super) shown: Shown,
}

const NODES: &[Column] = &[
    column("NODE", "name"),
    column("ROLE", "role"),
    column("ID", "broker_id"),
    column("ADDRESS", "address"),
    column("STATE", "state"),
    column("BEHIND", "behind_bytes"),
    column("PID", "pid"),
    column("LOG", "log"),
    wide("BROKER", "broker"),
    wide("FOLDER", "dir"),
];

const CLUSTERS: &[Column] = &[
    column("NAME", "name"),
    column("TEMPLATE", "template"),
    column("STATE", "state"),
    column("NAME SERVERS", "namesrv_addr"),
    column("FOLDER", "dir"),
];

/// Does what is asked.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { named, shown, exit_when_healthy, timeout } = arguments;
    let cluster = named.cluster()?;
    let until = Instant::now() + timeout;
    let mut screen = Screen::new(Some(shown.style.output));
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
            false => !shown.again.watch,
        };
        match shown.again.watch {
            true => screen.show(answer(&status).watched(shown.style.output)?)?,
            false if is_last => answer(&status).print(shown.style)?,
            false => {}
        }
        if is_last {
            return verdict(&status, &named, exit_when_healthy);
        }
        tokio::time::sleep(if exit_when_healthy { LOOK_EVERY } else { shown.again.every }).await;
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
    let List { place, shown } = arguments;
    let home = home(&place)?;
    let ask = async || {
        let clusters = home.list().await?;
        let nothing = format!("there is no cluster in {}; rmq cluster up brings one up", home.dir().display());
        let note = clusters.is_empty().then_some(nothing);
        let rows = clusters.iter().map(|(name, status)| match status {
            Ok(status) => to_json(status),
            Err(error) => json!({
                "name": name, "template": null, "state": format!("cannot be read: {error}"), "namesrv_addr": null,
                "dir": null, "error": error.to_string(),
            }),
        });
        Ok(Answer::list(CLUSTERS, rows.collect()).note(note))
    };
    shown.show_here(ask).await
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
pub fn answer(status: &Status) -> Answer {
    let mut about = to_json(status);
    let nodes = about.as_object_mut().and_then(|about| about.remove("nodes"));
    let nodes = nodes.and_then(|nodes| nodes.as_array().cloned()).unwrap_or_default();
    Answer::within(about).with("nodes", NODES, nodes)
}

fn to_json(status: &Status) -> Value {
    json!({
        "name": status.name,
        "template": status.template,
        "ready": status.is_ready(),
        "healthy": status.is_healthy(),
        "state": condition(status),
        "namesrv_addr": status.namesrv_addr(),
        "dir": status.dir,
        "nodes": status.nodes.iter().map(node_row).collect::<Vec<_>>(),
    })
}

fn node_row(node: &NodeStatus) -> Value {
    let mut row = json!({
        "name": node.node.name,
        "role": node.node.role.title(),
        "address": node.node.listen.to_string(),
        "ready": matches!(node.state, NodeState::Ready { .. }),
        "state": state(node),
        "dir": node.node.dir,
        "log": node.node.log_file(),
    });
    if let Some((name, id)) = node.node.role.broker() {
        row["broker"] = name.into();
        row["broker_id"] = id.into();
    }
    if let Role::Slave { .. } = node.node.role {
        row["behind_bytes"] = node.behind.into();
    }
    if let Some(pid) = node.state.pid() {
        row["pid"] = pid.into();
    }
    row
}

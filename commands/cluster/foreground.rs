//! `rmq cluster up --foreground`: the cluster lives as long as this command, which prints what its nodes log.

use super::{logs::Printer, progress::Progress, up::interrupted};
use crate::failure::{Failure, Kind, say};
use ::cluster::{Cluster, Error, Logs};
use std::{collections::BTreeSet, time::Duration};

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Refuses a cluster that runs: this command would end what it did not begin.
///
/// # Errors
/// If any node runs.
pub fn refuse_running(cluster: &Cluster) -> Result<(), Failure> {
    let runs = match cluster.processes() {
        Err(Error::Unknown { .. }) => false,
        processes => processes?.iter().any(|process| process.runs),
    };
    if !runs {
        return Ok(());
    }
    let message = format!("cluster {} runs already, in the background", cluster.name());
    Err(Failure::new(Kind::Failed, message).target(cluster.name()).hint("rmq cluster logs -f shows what it logs"))
}

/// Its logs from where they end now; none if there is no such cluster yet.
///
/// # Errors
/// If they cannot be read.
pub fn logs_so_far(cluster: &Cluster) -> Result<Option<Logs>, Failure> {
    match cluster.nodes() {
        Err(Error::Unknown { .. }) => Ok(None),
        nodes => Ok(Some(Logs::from_now(&nodes?)?)),
    }
}

/// Prints what is logged until a signal comes or nothing runs any more, and stops all of it.
///
/// # Errors
/// If a node died.
pub async fn run(cluster: &Cluster, logs: Option<Logs>) -> Result<(), Failure> {
    let nodes = cluster.nodes()?;
    let mut logs = logs.unwrap_or_else(|| Logs::of(&nodes));
    let mut printer = Printer::begin(&nodes, true);
    let mut died = BTreeSet::new();
    let watched = watch(cluster, &mut logs, &mut printer, &mut died).await;
    let progress = Progress::begin();
    match cluster.stop(None, |event| progress.tell(event)).await {
        // Somebody has removed it meanwhile.
        Err(Error::Unknown { .. }) => {}
        stopped => drop(stopped?),
    }
    drop(progress);
    watched?;
    printer.print(&logs.more()?)?;
    if died.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = died.into_iter().map(|(name, _)| name).collect();
    Err(Failure::new(Kind::Failed, format!("{} died", names.join(", "))).target(cluster.name()))
}

async fn watch(
    cluster: &Cluster,
    logs: &mut Logs,
    printer: &mut Printer,
    died: &mut BTreeSet<(String, i32)>,
) -> Result<(), Failure> {
    let mut interrupted = std::pin::pin!(interrupted()?);
    loop {
        let processes = match cluster.processes() {
            Err(Error::Unknown { .. }) => return Ok(()),
            processes => processes?,
        };
        printer.print(&logs.more()?)?;
        for process in &processes {
            // What was stopped on purpose has no process to its name.
            if let (Some(pid), false) = (process.pid, process.runs)
                && died.insert((process.node.name.clone(), pid))
            {
                say(&format!("{} died (was process {pid})", process.node.name));
            }
        }
        if !processes.iter().any(|process| process.runs) {
            return Ok(());
        }
        tokio::select! {
            () = &mut interrupted => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

//! `rmq store repair`: mends a store.

use super::{Output, Place, failed, ls, progress::Reading, shown, verify};
use crate::{
    failure::{Failure, say},
    output,
    table::render,
};
use ::store::{Damage, Offline, RepairStep, Repaired};
use serde_json::{Value, json};

/// Mend a store that no process has open: cut a torn end, build queues and index anew where they are wrong
///
/// A good message is never touched. Damaged places in the middle of the log stay as they are; the queues step over them,
/// and config/knownDamage.json notes them. It can be interrupted and run again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq store repair ~/store --dry-run     what it would do
  rmq store repair ~/store --execute     do it, then verify

What a torn end held is lost, and so are messages in damaged places: rmq store dump shows what is left
of them. Copy the directory before, if there is room.")]
#[command(group(clap::ArgGroup::new("mode").required(true)))]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Tell what would be done; change nothing
    #[arg(long, group = "mode")]
    dry_run: bool,
    /// Do it
    #[arg(long, group = "mode")]
    execute: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    pub(super) output: Output,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let offline = arguments.place.open()?;
    let reading = Reading::begin(&offline, true).map_err(failed)?;
    // Without the settings, what cannot be read from the files is taken to be as usual.
    let known = arguments.place.config.is_some();
    let at = |offset| reading.at(offset);
    let repaired = match arguments.execute {
        true => offline.repair(
            known,
            &base::Clock::System,
            |step| tracing::info!(path = %step.path.display(), "{}", step.what),
            at,
        ),
        false => offline.plan_repair(known, at),
    };
    let repaired = repaired.map_err(failed)?;
    drop(reading);
    match arguments.output {
        Output::Table => {
            if !repaired.steps.is_empty() {
                output::print(table(&offline, &repaired.steps))?;
            }
            say(&sum(&repaired, arguments.execute));
        }
        Output::Json => output::json(&all(&offline, &repaired, arguments.execute))?,
        Output::Jsonl => output::lines(repaired.steps.iter().map(|one| step(&offline, one)))?,
    }
    if !arguments.execute {
        return Ok(());
    }
    if !repaired.verdict.is_good() && arguments.output == Output::Table {
        output::print(verify::table(&offline, &repaired.verdict))?;
    }
    verify::judge(&offline, &repaired.verdict)
}

fn table(offline: &Offline, steps: &[RepairStep]) -> String {
    let rows = steps.iter().map(|step| {
        let offset = step.offset.map(|offset| offset.to_string()).unwrap_or_default();
        [shown(&step.path, offline.dir()), offset, step.what.clone()]
    });
    render(&["FILE", "OFFSET", "WHAT IS DONE"], rows)
}

fn sum(repaired: &Repaired, execute: bool) -> String {
    let count = repaired.steps.len();
    let mut sum = match (count, execute) {
        (0, _) => "nothing is to be done".to_owned(),
        (1, true) => "1 thing done".to_owned(),
        (1, false) => "1 thing would be done".to_owned(),
        (_, true) => format!("{count} things done"),
        (_, false) => format!("{count} things would be done"),
    };
    if !repaired.lost.is_empty() {
        let bytes: u64 = repaired.lost.iter().map(|damage| damage.to - damage.from).sum();
        sum += &format!("; {bytes} bytes in {} places of the log are lost", repaired.lost.len());
    }
    if execute {
        sum += &format!("; verified: {}", verify::sum(&repaired.verdict));
    }
    sum
}

fn step(offline: &Offline, step: &RepairStep) -> Value {
    json!({ "file": shown(&step.path, offline.dir()), "offset": step.offset, "what": step.what })
}

fn all(offline: &Offline, repaired: &Repaired, execute: bool) -> Value {
    let mut object = ls::state(offline);
    object["executed"] = execute.into();
    object["steps"] = repaired.steps.iter().map(|one| step(offline, one)).collect();
    let lost = |damage: &Damage| json!({ "from": damage.from, "to": damage.to, "what": damage.what });
    object["lost"] = repaired.lost.iter().map(lost).collect();
    let key = if execute { "verified" } else { "found" };
    let mut verdict = verify::totals(offline, &repaired.verdict);
    verdict["findings"] = repaired.verdict.findings.iter().map(|found| verify::finding(offline, found)).collect();
    object[key] = verdict;
    object
}

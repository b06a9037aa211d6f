//! `rmq store verify`: whether a store is sound.

use super::{Output, Place, failed, ls, progress::Reading, shown, typed};
use crate::{
    failure::{Failure, Kind, say},
    output,
    table::render,
};
use ::store::{Finding, Offline, Verdict, VerifyRules};
use serde_json::{Value, json};

/// Check every record, and that log, queues and index agree; exit code 1 if anything is wrong
///
/// Only reads, so it may be pointed at the store of a running broker; what that one has in memory only is not seen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq store verify ~/store
  rmq store verify ~/store --strict -o json

An error is something wrong. A warning harms nobody yet. A note is to be expected: on a store that a
crash left, or that is in use, what the next start mends on its own is a note.
OFFSET is one in the log for a file of the log, and in the file for any other.

The format has a checksum of bodies only: a flipped bit in a record's hosts, times or properties shows
where queues or index repeat what it changed (place, size, tag, keys, due time), and nowhere else.")]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Take warnings and notes for errors
    #[arg(long)]
    strict: bool,
    /// List at most so many of each: errors, warnings, notes; the others are counted
    #[arg(long, value_name = "N", default_value = "100")]
    max: usize,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    pub(super) output: Output,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let offline = arguments.place.open()?;
    let rules = VerifyRules { strict: arguments.strict, listed: arguments.max };
    let reading = Reading::begin(&offline, true).map_err(failed)?;
    let verdict = offline.verify(rules, |offset| reading.at(offset)).map_err(failed)?;
    drop(reading);
    match arguments.output {
        Output::Table => {
            if !verdict.findings.is_empty() {
                output::print(table(&offline, &verdict))?;
            }
            say(&sum(&verdict));
        }
        Output::Json => {
            let mut object = totals(&offline, &verdict);
            object["findings"] = verdict.findings.iter().map(|found| finding(&offline, found)).collect();
            output::json(&object)?;
        }
        Output::Jsonl => {
            let mut last = totals(&offline, &verdict);
            last["kind"] = "sum".into();
            output::lines(verdict.findings.iter().map(|found| finding(&offline, found)).chain([last]))?;
        }
    }
    judge(&offline, &verdict)
}

/// What a verdict comes to.
pub fn judge(offline: &Offline, verdict: &Verdict) -> Result<(), Failure> {
    if verdict.is_good() {
        return Ok(());
    }
    let failure = Failure::new(Kind::Failed, format!("{} wrong with the store", things(verdict.errors)));
    let dir = offline.dir();
    let hint = format!("rmq store repair {} --dry-run tells what can be mended", typed(dir));
    Err(failure.code("STORE_DAMAGED").target(dir.display().to_string()).hint(hint))
}

fn things(count: u64) -> String {
    format!("{count} thing{} {}", if count == 1 { "" } else { "s" }, if count == 1 { "is" } else { "are" })
}

/// Findings, a line each.
pub fn table(offline: &Offline, verdict: &Verdict) -> String {
    let rows = verdict.findings.iter().map(|found| {
        [
            found.severity.name().to_owned(),
            shown(&found.path, offline.dir()),
            found.offset.map(|offset| offset.to_string()).unwrap_or_default(),
            found.what.clone(),
            found.remedy.to_owned(),
        ]
    });
    render(&["KIND", "FILE", "OFFSET", "WHAT IS WRONG", "WHAT TO DO"], rows)
}

/// The sum in words.
pub fn sum(verdict: &Verdict) -> String {
    let mut sum = format!(
        "{} good records from {} to {}, {} queues with {} entries, {} index entries",
        verdict.records, verdict.log_from, verdict.log_to, verdict.queues, verdict.queue_entries, verdict.index_entries
    );
    if verdict.of_deleted_topics > 0 {
        sum += &format!("; {} records are of topics that were deleted since", verdict.of_deleted_topics);
    }
    let counts = [("error", verdict.errors), ("warning", verdict.warnings), ("note", verdict.notes)];
    for (name, count) in counts {
        sum += &format!("; {count} {name}{}", if count == 1 { "" } else { "s" });
    }
    let listed = verdict.findings.len() as u64;
    let hidden = verdict.errors + verdict.warnings + verdict.notes - listed;
    if hidden > 0 {
        sum += &format!("; {hidden} of them not listed, see --max");
    }
    sum
}

/// A finding for programs.
pub fn finding(offline: &Offline, found: &Finding) -> Value {
    json!({
        "kind": found.severity.name(),
        "file": shown(&found.path, offline.dir()),
        "offset": found.offset,
        "what": found.what,
        "remedy": found.remedy,
    })
}

/// The sum for programs.
pub fn totals(offline: &Offline, verdict: &Verdict) -> Value {
    let mut object = ls::state(offline);
    object["ok"] = verdict.is_good().into();
    for (name, count) in [
        ("errors", verdict.errors),
        ("warnings", verdict.warnings),
        ("notes", verdict.notes),
        ("records", verdict.records),
        ("log_from", verdict.log_from),
        ("log_to", verdict.log_to),
        ("queues", verdict.queues),
        ("queue_entries", verdict.queue_entries),
        ("index_entries", verdict.index_entries),
        ("records_of_deleted_topics", verdict.of_deleted_topics),
    ] {
        object[name] = count.into();
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_says_how_many_findings_are_not_listed() {
        let verdict = Verdict { errors: 3, notes: 1, records: 7, ..Verdict::default() };
        let text = sum(&verdict);
        assert!(text.starts_with("7 good records") && text.contains("3 errors; 0 warnings; 1 note;"), "{text}");
        assert!(text.contains("4 of them not listed"), "{text}");
    }
}

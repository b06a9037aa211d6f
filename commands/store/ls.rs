//! `rmq store ls`: what files a store has.

use super::{Output, Place, failed, shown};
use crate::{
    failure::{Failure, say},
    output,
    table::render,
    when,
};
use ::store::{FileRow, Listing, Offline, QueueRow, State, TableRow};
use serde_json::{Value, json};

/// List the files of a store: what each covers, how full it is, when it was written
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq store ls ~/store
  rmq store ls -c broker.conf -o json

FROM and TO are offsets in the log; of a queue they are offsets of messages.
SIZE, USED and DISK are bytes: what the file has, what is written in it, what it takes on the disk.
The first line tells how the store was left: clean, crashed (a file `abort` and nobody there), or in-use.")]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    pub(super) output: Output,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let offline = arguments.place.open()?;
    let listing = offline.list().map_err(failed)?;
    match arguments.output {
        Output::Table => {
            output::print(table(&offline, &listing))?;
            say_state(&offline);
            Ok(())
        }
        Output::Json => output::json(&json(&offline, &listing)),
        Output::Jsonl => output::lines(lines(&offline, &listing)),
    }
}

/// Says how the store was left, where that matters.
pub fn say_state(offline: &Offline) {
    let process = |pid: Option<u32>| pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
    match offline.state() {
        State::Clean => {}
        State::Crashed { pid } => {
            say(&format!("left by a crash of {}: the next start of a broker recovers it", process(pid)));
        }
        State::InUse { pid } => say(&format!("in use by {}: figures move while they are read", process(pid))),
    }
}

/// The state for programs.
pub fn state(offline: &Offline) -> Value {
    let pid = match offline.state() {
        State::Clean => None,
        State::Crashed { pid } | State::InUse { pid } => pid,
    };
    json!({ "dir": offline.dir(), "state": offline.state().name(), "pid": pid })
}

fn table(offline: &Offline, listing: &Listing) -> String {
    let dir = offline.dir();
    let time = |ms: Option<i64>| ms.map(when::show).unwrap_or_default();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let file = |kind: &str, row: &FileRow| {
        [
            kind.to_owned(),
            shown(&row.path, dir),
            number(row.from),
            number(row.to),
            row.size.to_string(),
            row.used.to_string(),
            row.allocated.to_string(),
            time(row.first_ms),
            time(row.last_ms),
        ]
    };
    let queue = |row: &QueueRow| {
        [
            "queue".to_owned(),
            shown(&row.path, dir),
            row.min.to_string(),
            row.end.to_string(),
            row.size.to_string(),
            row.used.to_string(),
            row.allocated.to_string(),
            time(row.first_ms),
            time(row.last_ms),
        ]
    };
    let small = |kind: &str, path: String, size: String, note: String| {
        let nothing = String::new;
        [kind.to_owned(), path, nothing(), nothing(), size.clone(), size, nothing(), nothing(), note]
    };
    let checkpoint = listing.checkpoint.iter().map(|times| {
        let newest = times.log_ms.min(times.queues_ms);
        let note = if newest > 0 { when::show(newest) } else { String::new() };
        small("checkpoint", shown(&times.path, dir), String::new(), note)
    });
    let tables = listing.tables.iter().map(|row| {
        let note = if row.unreadable.is_some() { "unreadable".to_owned() } else { String::new() };
        small("table", shown(&row.path, dir), row.size.to_string(), note)
    });
    let rows: Vec<_> = listing
        .log
        .iter()
        .map(|row| file("log", row))
        .chain(listing.queues.iter().map(queue))
        .chain(listing.index.iter().map(|row| file("index", row)))
        .chain(checkpoint)
        .chain(tables)
        .collect();
    let table = render(&["KIND", "FILE", "FROM", "TO", "SIZE", "USED", "DISK", "FIRST", "LAST"], rows);
    format!("{}: {}\n\n{table}", dir.display(), offline.state().name())
}

fn file(offline: &Offline, kind: &str, row: &FileRow) -> Value {
    json!({
        "kind": kind,
        "file": shown(&row.path, offline.dir()),
        "from": row.from,
        "to": row.to,
        "entries": row.entries,
        "size": row.size,
        "used": row.used,
        "disk": row.allocated,
        "first_stored_ms": row.first_ms,
        "last_stored_ms": row.last_ms,
    })
}

fn queue(offline: &Offline, row: &QueueRow) -> Value {
    json!({
        "kind": "queue",
        "file": shown(&row.path, offline.dir()),
        "topic": row.topic,
        "queue": row.id,
        "min_offset": row.min,
        "end_offset": row.end,
        "files": row.files,
        "size": row.size,
        "used": row.used,
        "disk": row.allocated,
        "first_stored_ms": row.first_ms,
        "last_stored_ms": row.last_ms,
    })
}

fn table_row(offline: &Offline, row: &TableRow) -> Value {
    json!({
        "kind": "table",
        "file": shown(&row.path, offline.dir()),
        "size": row.size,
        "unreadable": row.unreadable,
    })
}

fn checkpoint(offline: &Offline, listing: &Listing) -> Option<Value> {
    listing.checkpoint.as_ref().map(|times| {
        json!({
            "kind": "checkpoint",
            "file": shown(&times.path, offline.dir()),
            "log_ms": times.log_ms,
            "queues_ms": times.queues_ms,
            "index_ms": times.index_ms,
        })
    })
}

fn json(offline: &Offline, listing: &Listing) -> Value {
    let mut object = state(offline);
    object["log"] = listing.log.iter().map(|row| file(offline, "log", row)).collect();
    object["queues"] = listing.queues.iter().map(|row| queue(offline, row)).collect();
    object["index"] = listing.index.iter().map(|row| file(offline, "index", row)).collect();
    object["checkpoint"] = checkpoint(offline, listing).unwrap_or_default();
    object["tables"] = listing.tables.iter().map(|row| table_row(offline, row)).collect();
    object
}

fn lines(offline: &Offline, listing: &Listing) -> Vec<Value> {
    let mut store = state(offline);
    store["kind"] = "store".into();
    let files = listing.log.iter().map(|row| file(offline, "log", row));
    let queues = listing.queues.iter().map(|row| queue(offline, row));
    let index = listing.index.iter().map(|row| file(offline, "index", row));
    let tables = listing.tables.iter().map(|row| table_row(offline, row));
    std::iter::once(store)
        .chain(files)
        .chain(queues)
        .chain(index)
        .chain(checkpoint(offline, listing))
        .chain(tables)
        .collect()
}

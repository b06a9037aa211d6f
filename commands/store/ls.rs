//! `rmq store ls`: what files a store has.

use super::{Place, failed, shown};
use crate::{
    answer::{Answer, Column, Form, column, wide},
    failure::{Failure, say},
    output, reach,
    watch::{Again, Screen},
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
    output: Output,
    #[command(flatten)]
    again: Again,
}

/// How lists are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// Columns, for people.
    Table,
    /// More columns.
    Wide,
    /// One JSON object.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// The same object as YAML.
    Yaml,
    /// CSV with a heading.
    Csv,
    /// Paths of files, one a line.
    Name,
}

impl Output {
    /// The form that answers of all kinds have.
    fn form(self) -> Option<Form> {
        Some(match self {
            Self::Table => Form::Table,
            Self::Wide => Form::Wide,
            Self::Json => Form::Json,
            Self::Yaml => Form::Yaml,
            Self::Csv => Form::Csv,
            Self::Name => Form::Name,
            Self::Jsonl => return None,
        })
    }
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        matches!(self.output, Output::Json | Output::Jsonl)
    }
}

const FILES: &[Column] = &[
    column("KIND", "kind"),
    column("FILE", "file"),
    column("FROM", "from"),
    column("TO", "to"),
    column("SIZE", "size"),
    column("USED", "used"),
    column("DISK", "disk"),
    column("FIRST", "first"),
    column("LAST", "last"),
    wide("ENTRIES", "entries"),
    wide("FILES", "files"),
    wide("UNREADABLE", "unreadable"),
];

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { place, output, again } = arguments;
    if !again.watch {
        let offline = place.open()?;
        output::print(text(&offline, output, false)?)?;
        if let Output::Table | Output::Wide = output {
            say_state(&offline);
        }
        return Ok(());
    }
    reach::run(None, async {
        let mut screen = Screen::new(output.form());
        // Opened anew each time: whether its broker runs may have changed.
        let ask = async || text(&place.open()?, output, true);
        again.watch(&mut screen, ask, |screen, text| screen.show(text)).await
    })
}

fn text(offline: &Offline, output: Output, is_watched: bool) -> Result<String, Failure> {
    let listing = offline.list().map_err(failed)?;
    let Some(form) = output.form() else {
        let lines = lines(offline, &listing).into_iter().map(|line| line.to_string());
        return Ok(lines.collect::<Vec<_>>().join("\n"));
    };
    let answer = match form {
        Form::Json | Form::Yaml => Answer::within(json(offline, &listing)),
        _ => Answer::list(FILES, rows(offline, &listing)).named_by("file"),
    };
    let text = if is_watched { answer.watched(form)? } else { answer.text(form)? };
    Ok(match form {
        Form::Table | Form::Wide => format!("{}: {}\n\n{text}", offline.dir().display(), offline.state().name()),
        _ => text,
    })
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

/// Each file as a row of one table, with times as people read them.
fn rows(offline: &Offline, listing: &Listing) -> Vec<Value> {
    let log = listing.log.iter().map(|row| file(offline, "log", row));
    let queues = listing.queues.iter().map(|row| {
        let mut value = queue(offline, row);
        value["from"] = row.min.into();
        value["to"] = row.end.into();
        value
    });
    let index = listing.index.iter().map(|row| file(offline, "index", row));
    let checkpoint = checkpoint(offline, listing).map(|mut row| {
        let newest = listing.checkpoint.as_ref().map_or(0, |times| times.log_ms.min(times.queues_ms));
        if newest > 0 {
            row["last"] = when::show(newest).into();
        }
        row
    });
    let tables = listing.tables.iter().map(|row| {
        let mut value = table_row(offline, row);
        value["used"] = row.size.into();
        if row.unreadable.is_some() {
            value["last"] = "unreadable".into();
        }
        value
    });
    let rows = log.chain(queues).chain(index).chain(checkpoint).chain(tables);
    let told = |mut row: Value| {
        for (shown, key) in [("first", "first_stored_ms"), ("last", "last_stored_ms")] {
            if let Some(ms) = row[key].as_i64() {
                row[shown] = when::show(ms).into();
            }
        }
        // What is null here does not apply.
        if let Some(row) = row.as_object_mut() {
            row.retain(|_, value| !value.is_null());
        }
        row
    };
    rows.map(told).collect()
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

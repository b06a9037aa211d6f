//! The same as on the screen for where there is none: tables with nothing left out, and JSON.

use crate::{
    screens::{alerts_of, behind, brokers, mark, totals, worst_groups},
    sheet::Sheet,
    state::State,
};
use admin::{
    rates::{BrokerRates, GroupRates},
    snapshot::{Known, Total, Unknown},
};
use serde_json::{Map, Value, json};

/// A table to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it is of.
    pub title: String,
    /// The headings.
    pub headings: Vec<&'static str>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
    /// What is not known, and why.
    pub notes: Vec<String>,
}

impl From<Sheet> for Table {
    fn from(sheet: Sheet) -> Self {
        let mut notes = Vec::new();
        for row in &sheet.rows {
            notes.extend(sheet.said_of(row).iter().map(|said| format!("{}: {said}", row.key)));
        }
        let title = if sheet.rows.is_empty() { sheet.empty } else { sheet.title };
        let headings = sheet.columns.iter().map(|column| column.title).collect();
        let rows = sheet.rows.into_iter().map(|row| row.cells.into_iter().map(|cell| cell.text).collect()).collect();
        Self { title, headings, rows, notes }
    }
}

/// Totals, brokers, the worst groups, and the alerts that pictures alone give.
pub fn text(state: &State) -> Vec<Table> {
    let mut all = Table { title: "totals".to_owned(), headings: Vec::new(), rows: vec![Vec::new()], notes: Vec::new() };
    for (total, heading) in totals(state).into_iter().zip(["IN", "OUT", "IN BYTES", "LAG"]) {
        all.headings.push(heading);
        all.notes.extend(total.cell.why.map(|why| format!("{heading}: {why}")));
        all.rows[0].push(total.cell.text);
    }
    let mut alerts = Table::from(alerts_of(state));
    // They say all that is to be said.
    alerts.notes.clear();
    vec![all, mark(state, brokers(state)).into(), mark(state, worst_groups(state)).into(), alerts]
}

/// An object whose unknown fields are null, with the reasons in its field `unknown`.
#[derive(Default)]
struct Object {
    fields: Map<String, Value>,
    unknown: Map<String, Value>,
}

impl Object {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    fn known<T: Into<Value>>(mut self, name: &str, value: Known<T>) -> Self {
        let value = value.map(Into::into).unwrap_or_else(|why| {
            self.unknown.insert(name.to_owned(), why.to_string().into());
            Value::Null
        });
        self.with(name, value)
    }

    /// A sum; what it lacks is told.
    fn total(mut self, name: &str, total: Known<Total<f64>>) -> Self {
        if let Ok(total) = &total
            && !total.is_whole()
        {
            let missing: Map<_, _> =
                total.missing.iter().map(|(of, why)| (of.clone(), why.to_string().into())).collect();
            self.unknown.insert(name.to_owned(), json!({ "without": missing }));
        }
        self.known(name, total.map(|total| total.known))
    }

    fn done(self) -> Value {
        let mut fields = self.fields;
        fields.insert("unknown".to_owned(), Value::Object(self.unknown));
        Value::Object(fields)
    }
}

/// All of it as one object. Numbers are per second, bytes, ms or messages, as their names say.
pub fn json(state: &State) -> Value {
    let total = Object::default()
        .total("in_per_second", state.total(|rates| &rates.put))
        .total("out_per_second", state.total(|rates| &rates.got))
        .total("in_bytes_per_second", state.total(|rates| &rates.put_bytes))
        .total("lag", state.total_lag())
        .done();
    let mut brokers = Vec::new();
    let second = || Unknown::because("rates need a second picture");
    if let Some((snapshot, rates)) = &state.picture {
        for (at, view) in snapshot.brokers.iter().enumerate() {
            let rates = rates.as_ref().and_then(|rates| rates.brokers.get(at));
            let rate =
                |of: fn(&BrokerRates) -> &Known<f64>| rates.map_or_else(|| Err(second()), |rates| of(rates).clone());
            let object = Object::default()
                .with("cluster", view.broker.cluster.clone())
                .with("name", view.broker.name.clone())
                .with("id", view.broker.id)
                .with("master", view.broker.is_master())
                .with("address", view.broker.addr.clone())
                .with("answered", view.info.is_ok())
                .known("in_per_second", rate(|rates| &rates.put))
                .known("out_per_second", rate(|rates| &rates.got))
                .known("in_bytes_per_second", rate(|rates| &rates.put_bytes));
            brokers.push(match &view.info {
                Err(why) => object.known("version", Err::<String, _>(why.clone())).done(),
                Ok(info) => object
                    .known("version", info.version.clone())
                    .known("started_ms", info.started_ms.clone())
                    .known("log_min_offset", info.log_min.clone())
                    .known("log_max_offset", info.log_max.clone())
                    .known("to_flush_bytes", info.to_flush.clone())
                    .known("flushed_offset", info.flushed.clone())
                    .known("unflushed_ms", info.unflushed_ms.clone())
                    .known("flush_mode", info.flush_mode.clone())
                    .known("last_sync_ms", info.last_sync.clone().map(|last| last.at_ms))
                    .known("to_dispatch_bytes", info.to_dispatch.clone())
                    .known("replication_behind_bytes", behind(snapshot, view))
                    .known("put_p99_ms", info.put_p99_ms.clone())
                    .known("send_queue", info.send_queue.clone())
                    .known("send_wait_ms", info.send_wait_ms.clone())
                    .known("transactions_pending", info.transactions.clone())
                    .known("disk_ratio", info.disk.clone())
                    .known("stored_today", info.put_today.clone())
                    .known("given_out_today", info.got_today.clone())
                    .with("refuses", info.refusing.clone())
                    .done(),
            });
        }
    }
    let mut groups = Vec::new();
    if let Some((all, rates)) = &state.groups {
        for (name, group) in &all.groups().known {
            let progress = group.total();
            let rates = rates.as_ref().and_then(|rates| rates.get(name));
            let rate =
                |of: fn(&GroupRates) -> &Known<f64>| rates.map_or_else(|| Err(second()), |rates| of(rates).clone());
            let drained = rates.map_or_else(|| Err(second()), |rates| rates.drained_in(progress.lag));
            let drained = drained.and_then(|seconds| seconds.ok_or_else(|| Unknown::because("never, as it goes now")));
            groups.push(
                Object::default()
                    .with("name", name.as_str())
                    .with("lag", progress.lag)
                    .with("topics", group.topics.len())
                    .with("queues", progress.queues)
                    .known("in_per_second", rate(|rates| &rates.put))
                    .known("out_per_second", rate(|rates| &rates.consumed))
                    .known("drained_in_seconds", drained)
                    .done(),
            );
        }
    }
    json!({
        "asked_ms": state.picture.as_ref().map(|(snapshot, _)| snapshot.asked_ms),
        "name_servers": state.names,
        "total": total,
        "brokers": brokers,
        "without_master": state.picture.as_ref().map(|(snapshot, _)| &snapshot.headless),
        "gone": state.gone.iter().map(|(broker, seen)| json!({
            "name": broker.name, "id": broker.id, "address": broker.addr, "last_registered_ms": seen,
        })).collect::<Vec<_>>(),
        "groups": groups,
        "alerts": state.watch.alerts().iter().map(|alert| json!({
            "code": alert.code,
            "level": alert.level.name().to_lowercase(),
            "about": alert.about.to_string(),
            "evidence": alert.evidence,
            "command": alert.command,
            "since_ms": alert.since_ms,
        })).collect::<Vec<_>>(),
    })
}

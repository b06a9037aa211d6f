//! The cluster: totals, brokers, the groups that are furthest behind.

use super::groups;
use crate::{
    figures::{bytes, count, millis, percent, span},
    history::Sample,
    look::Tone,
    sheet::{Cell, Row, Sheet},
    state::{State, View},
};
use admin::{
    BrokerRef, Snapshot,
    rates::BrokerRates,
    snapshot::{BrokerInfo, BrokerView, Known, Total, Unknown},
};

/// From this share of the disk on it is worth a look; brokers refuse messages from 0.9 on.
const DISK_FULL: f64 = 0.75;
/// As the above, and it is wrong.
const DISK_REFUSED: f64 = 0.9;
/// As many groups are shown as the worst.
const WORST: usize = 10;

/// One number of the whole cluster.
pub struct TotalShown {
    /// What it is.
    pub title: &'static str,
    /// The number.
    pub cell: Cell,
    /// Where it is in the history.
    pub of: fn(&Sample) -> Option<f64>,
}

/// What stands at the top.
pub fn totals(state: &State) -> [TotalShown; 4] {
    let per_second = |number: f64| format!("{}/s", count(number));
    let total = |known: Known<Total<f64>>, shown: &dyn Fn(f64) -> String| match known {
        Err(why) => Cell::unknown(why),
        Ok(total) if total.is_whole() => Cell::number(total.known, shown),
        // What lacks is told, and the sum is at least that.
        Ok(total) => {
            let missing: Vec<_> = total.missing.iter().map(|(broker, why)| format!("{broker}: {why}")).collect();
            let mut cell = Cell::number(total.known, |known| format!(">={}", shown(known))).tone_if(true, Tone::Warn);
            cell.why = Some(Unknown::because(missing.join("; ")));
            cell
        }
    };
    [
        TotalShown { title: "in", cell: total(state.total(|r| &r.put), &per_second), of: |sample| sample.put },
        TotalShown { title: "out", cell: total(state.total(|r| &r.got), &per_second), of: |sample| sample.got },
        TotalShown {
            title: "in",
            cell: total(state.total(|r| &r.put_bytes), &|number| format!("{}/s", bytes(number))),
            of: |sample| sample.bytes,
        },
        TotalShown { title: "lag", cell: total(state.total_lag(), &count), of: |sample| sample.lag },
    ]
}

/// The brokers, and those that are gone.
pub fn brokers(state: &State) -> Sheet {
    let columns = [
        ("BROKER", false, 0),
        ("ROLE", false, 7),
        ("STATE", false, 0),
        ("IN/S", true, 0),
        ("OUT/S", true, 0),
        ("PUT P99", true, 3),
        ("LAG BYTES", true, 2),
        ("TO FLUSH", true, 5),
        ("DISPATCH", true, 6),
        ("DISK", true, 1),
        ("SENDQ", true, 4),
        ("UP", true, 8),
        ("VERSION", false, 9),
        ("ADDRESS", false, 10),
    ];
    let Some((snapshot, rates)) = &state.picture else {
        return Sheet::new("brokers", &columns, state.nothing_yet().to_string());
    };
    let masters = snapshot.masters().count();
    let slaves = snapshot.brokers.len() - masters;
    let clusters: std::collections::BTreeSet<_> = snapshot.brokers.iter().map(|view| &*view.broker.cluster).collect();
    let clusters = clusters.into_iter().collect::<Vec<_>>().join(", ");
    let lang = state.look.lang;
    let masters = if masters == 1 { lang.word("1 master").to_owned() } else { lang.fill("{} masters", &[&masters]) };
    let slaves = if slaves == 1 { lang.word("1 slave").to_owned() } else { lang.fill("{} slaves", &[&slaves]) };
    let title = lang.fill("brokers of {}: {}, {}", &[&clusters, &masters, &slaves]);
    let mut sheet = Sheet::new(title, &columns, "no broker is registered at the name servers");
    for (at, view) in snapshot.brokers.iter().enumerate() {
        let rates = rates.as_ref().and_then(|rates| rates.brokers.get(at));
        sheet.rows.push(broker_row(state, snapshot, view, rates));
    }
    sheet.rows.extend(state.gone.iter().map(|(broker, seen)| gone_row(state, broker, *seen)));
    sheet
}

/// The words for a broker's place in its group.
pub fn role(broker: &BrokerRef) -> &'static str {
    if broker.is_master() { "master" } else { "slave" }
}

fn broker_row(state: &State, snapshot: &Snapshot, view: &BrokerView, rates: Option<&BrokerRates>) -> Row {
    let broker = &view.broker;
    let no_rates = Unknown::because("rates need a second picture");
    let rate =
        |of: fn(&BrokerRates) -> &Known<f64>| rates.map_or_else(|| Err(no_rates.clone()), |rates| of(rates).clone());
    let info = |of: fn(&BrokerInfo) -> Known<f64>| view.info.as_ref().map_err(Clone::clone).and_then(of);
    let (status, note) = condition(state, view);
    let disk = info(|info| info.disk.clone());
    let share = disk.clone().unwrap_or(0.0);
    let started = info(|info| info.started_ms.clone().map(|ms| ms as f64));
    let up = started.map(|ms| (view.at_ms as f64 - ms).max(0.0));
    let whole = |of: fn(&BrokerInfo) -> &Known<u64>| {
        view.info.as_ref().map_err(Clone::clone).and_then(|info| of(info).clone().map(|number| number as f64))
    };
    let version = match &view.info {
        Ok(BrokerInfo { version: Ok(version), .. }) => Cell::text(version.clone()),
        Ok(BrokerInfo { version: Err(why), .. }) | Err(why) => Cell::unknown(why.clone()),
    };
    Row {
        key: key(broker),
        cells: vec![
            Cell::text(format!("{}:{}", broker.name, broker.id)),
            Cell::word(role(broker)),
            status,
            Cell::known(rate(|rates| &rates.put), count),
            Cell::known(rate(|rates| &rates.got), count),
            Cell::known(info(|info| info.put_p99_ms.clone()), millis),
            match behind(snapshot, view) {
                Ok(Some(behind)) => Cell::number(behind, bytes),
                Ok(None) => Cell::none(),
                Err(why) => Cell::unknown(why),
            },
            Cell::known(whole(|info| &info.to_flush), bytes),
            Cell::known(whole(|info| &info.to_dispatch), bytes),
            Cell::known(disk, percent)
                .tone_if(share >= DISK_FULL, Tone::Warn)
                .tone_if(share >= DISK_REFUSED, Tone::Bad),
            Cell::known(whole(|info| &info.send_queue), count),
            Cell::known(up, |ms| span(ms as i64)),
            version,
            Cell::text(broker.addr.clone()),
        ],
        opens: Some(View::Broker(broker.cluster.clone(), broker.name.clone(), broker.id)),
        note,
        ..Row::default()
    }
}

fn key(broker: &BrokerRef) -> String {
    format!("{}/{}/{}", broker.cluster, broker.name, broker.id)
}

/// A word, and what there is to say.
fn condition(state: &State, view: &BrokerView) -> (Cell, Option<String>) {
    let lang = state.look.lang;
    match &view.info {
        Err(why) => {
            let seen = match state.answered.get(&view.broker) {
                Some(at) => lang.fill("last answered {} ago", &[&span(state.now_ms - at)]),
                None => lang.word("has not answered yet").to_owned(),
            };
            (Cell::word("! silent").tone_if(true, Tone::Bad), Some(format!("{seen}: {why}")))
        }
        Ok(info) => match (&info.refusing, info.all.get("haRefusal")) {
            (Some(why), _) => {
                (Cell::word("! refuses").tone_if(true, Tone::Bad), Some(lang.fill("refuses messages: {}", &[why])))
            }
            (None, Some(why)) => (
                Cell::word("! stopped").tone_if(true, Tone::Bad),
                Some(lang.fill("does not follow its master: {}", &[why])),
            ),
            (None, None) => match info.all.get("haState").filter(|state| *state != "FOLLOWING") {
                Some(state) => {
                    (Cell::word("! apart").tone_if(true, Tone::Warn), Some(lang.fill("haState is {}", &[state])))
                }
                None => (Cell::word("ok"), None),
            },
        },
    }
}

/// How many bytes of its master's log a slave lacks; for a master, how many the slowest of its slaves has not acknowledged:
/// `None` if it tells of no slave.
pub fn behind(snapshot: &Snapshot, view: &BrokerView) -> Known<Option<f64>> {
    let info = view.info.as_ref().map_err(Clone::clone)?;
    if view.broker.is_master() {
        let behind = info.all.iter().filter(|(name, _)| name.starts_with("haSlaveBehindBytes_"));
        return Ok(behind.filter_map(|(_, bytes)| bytes.parse().ok()).reduce(f64::max));
    }
    let end = match info.all.get("haMasterMaxOffset").and_then(|end| end.parse::<i64>().ok()) {
        Some(told) => told,
        None => {
            let name = &view.broker.name;
            let of = |broker: &BrokerRef| (broker.cluster.clone(), broker.name.clone());
            let master = snapshot.masters().find(|other| of(&other.broker) == of(&view.broker));
            let master = master.ok_or_else(|| Unknown::because(format!("no master of {name} is registered")))?;
            let info = master.info.as_ref().map_err(|why| Unknown::because(format!("its master: {why}")))?;
            info.log_max.clone()?
        }
    };
    Ok(Some(end.saturating_sub(info.log_max.clone()?).max(0) as f64))
}

fn gone_row(state: &State, broker: &BrokerRef, seen_ms: i64) -> Row {
    let ago = span(state.now_ms - seen_ms);
    let why = Unknown::because(state.look.lang.fill("the name servers have not known it for {}", &[&ago]));
    let mut cells = vec![
        Cell::text(format!("{}:{}", broker.name, broker.id)),
        Cell::word(role(broker)),
        Cell::word("! gone").tone_if(true, Tone::Bad),
    ];
    cells.extend((0..10).map(|_| Cell::unknown(why.clone())));
    cells.push(Cell::text(broker.addr.clone()));
    let note = Some(why.to_string());
    Row { key: key(broker), cells, note, ..Row::default() }
}

/// The groups that have most to consume.
pub fn worst_groups(state: &State) -> Sheet {
    groups::worst(state, WORST)
}

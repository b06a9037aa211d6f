//! One broker: what is written, what is on the disk, who follows whom; and below that all it says of itself.

use super::cluster::role;
use crate::{
    figures::{bytes, count, percent, span},
    look::Tone,
    sheet::{Cell, Row, Sheet},
    state::State,
};
use admin::snapshot::{BrokerInfo, Known};

/// What a broker says of itself.
pub fn one(state: &State, cluster: &str, name: &str, id: i64) -> Sheet {
    let columns = [("WHAT", false, 0), ("VALUE", false, 0)];
    let is_it = |broker: &admin::BrokerRef| (&*broker.cluster, &*broker.name, broker.id) == (cluster, name, id);
    let title = format!("broker {name}:{id} of {cluster}");
    let found = state.picture.as_ref().and_then(|(snapshot, rates)| {
        let at = snapshot.brokers.iter().position(|view| is_it(&view.broker))?;
        Some((&snapshot.brokers[at], rates.as_ref().and_then(|rates| rates.brokers.get(at))))
    });
    let Some((view, rates)) = found else {
        let why = match state.gone.iter().find(|(broker, _)| is_it(broker)) {
            Some((_, seen)) => format!("! gone: it was last registered {} ago", span(state.now_ms - seen)),
            None => "the name servers do not know it".to_owned(),
        };
        return Sheet::new(title, &columns, why);
    };
    let info = match &view.info {
        Ok(info) => info,
        Err(why) => {
            let seen = state.answered.get(&view.broker).map(|at| format!(" (last {} ago)", span(state.now_ms - at)));
            return Sheet::new(title, &columns, format!("! no answer{}: {why}", seen.unwrap_or_default()));
        }
    };
    let mut sheet = Sheet::new(title, &columns, "");
    let mut say = |key: &str, cell: Cell| {
        sheet.rows.push(Row { key: key.to_owned(), cells: vec![Cell::text(key), cell], ..Row::default() });
    };
    say("role", Cell::text(role(&view.broker)));
    say("address", Cell::text(view.broker.addr.clone()));
    match &info.version {
        Ok(version) => say("version", Cell::text(version.clone())),
        Err(why) => say("version", Cell::unknown(why.clone())),
    }
    say("up", Cell::known(info.started_ms.clone().map(|ms| (view.at_ms - ms) as f64), |ms| span(ms as i64)));
    if let Some(why) = &info.refusing {
        say("! refuses messages", Cell::text(why.clone()).tone_if(true, Tone::Bad));
    }
    if let Some(rates) = rates {
        say("in, messages/s", Cell::known(rates.put.clone(), count));
        say("in, bytes/s", Cell::known(rates.put_bytes.clone(), bytes));
        say("out, messages/s", Cell::known(rates.got.clone(), count));
    }
    flush_state(info, &mut say);
    replication(info, &mut say);
    for (key, value) in &info.all {
        say(key, Cell::text(value.trim()));
    }
    sheet
}

/// What is written and what of it is on the disk.
fn flush_state(info: &BrokerInfo, say: &mut impl FnMut(&str, Cell)) {
    let exact = |at: f64| format!("{at}");
    let number = |known: &Known<u64>| known.clone().map(|number| number as f64);
    let end = info.log_max.clone().map(|at| at as f64);
    say("log begins at", Cell::known(info.log_min.clone().map(|at| at as f64), exact));
    say("log written to", Cell::known(end.clone(), exact));
    say("not yet on disk", Cell::known(number(&info.to_flush), bytes));
    // Brokers tell what is not flushed to three digits: exactly only if it is nothing.
    let flushed = end.and_then(|end| info.to_flush.clone().map(|behind| end - behind as f64));
    let whole = matches!(info.to_flush, Ok(0..1000));
    say("log flushed to", Cell::known(flushed, |at| if whole { exact(at) } else { format!("about {at}") }));
    say("not yet in queues", Cell::known(number(&info.to_dispatch), bytes));
    say("disk in use", Cell::known(info.disk.clone(), percent));
    say("requests waiting", Cell::known(number(&info.send_queue), count));
    say("stored today", Cell::known(number(&info.put_today), count));
    say("given out today", Cell::known(number(&info.got_today), count));
}

/// Who follows whom, as brokers of rmq tell it.
fn replication(info: &BrokerInfo, say: &mut impl FnMut(&str, Cell)) {
    for (name, value) in &info.all {
        if let Some(addr) = name.strip_prefix("haSlaveBehindBytes_")
            && let Ok(behind) = value.parse::<f64>()
        {
            say(&format!("slave {addr} lacks"), Cell::number(behind, bytes));
        }
    }
    if let Some(state) = info.all.get("haState") {
        let follows = state == "FOLLOWING";
        say("follows its master", Cell::text(state.clone()).tone_if(!follows, Tone::Warn));
    }
    if let Some(why) = info.all.get("haRefusal") {
        say("! does not follow", Cell::text(why.clone()).tone_if(true, Tone::Bad));
    }
}

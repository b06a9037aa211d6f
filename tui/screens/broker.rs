//! One broker, in parts: who it is and how it does, what is on the disk, who follows whom, what waits; and below that all
//! that it says of itself.

use super::cluster::role;
use crate::{
    figures::{bytes, count, millis, percent, span},
    look::Tone,
    sheet::{Cell, Row, Sheet},
    state::State,
    words::Lang,
};
use admin::{
    rates::BrokerRates,
    snapshot::{BrokerInfo, BrokerView, Known},
};

/// What a broker says of itself.
pub fn one(state: &State, cluster: &str, name: &str, id: i64) -> Sheet {
    let columns = [("PART", false, 0), ("WHAT", false, 0), ("VALUE", false, 0)];
    let lang = state.look.lang;
    let is_it = |broker: &admin::BrokerRef| (&*broker.cluster, &*broker.name, broker.id) == (cluster, name, id);
    let title = lang.fill("broker {}:{} of {}", &[&name, &id, &cluster]);
    let found = state.picture.as_ref().and_then(|(snapshot, rates)| {
        let at = snapshot.brokers.iter().position(|view| is_it(&view.broker))?;
        Some((&snapshot.brokers[at], rates.as_ref().and_then(|rates| rates.brokers.get(at))))
    });
    let Some((view, rates)) = found else {
        let why = match state.gone.iter().find(|(broker, _)| is_it(broker)) {
            Some((_, seen)) => lang.fill("! gone: it was last registered {} ago", &[&span(state.now_ms - seen)]),
            None => lang.word("the name servers do not know it").to_owned(),
        };
        return Sheet::new(title, &columns, why);
    };
    let info = match &view.info {
        Ok(info) => info,
        Err(why) => {
            let seen =
                state.answered.get(&view.broker).map(|at| lang.fill(" (last {} ago)", &[&span(state.now_ms - at)]));
            return Sheet::new(title, &columns, lang.fill("! no answer{}: {}", &[&seen.unwrap_or_default(), why]));
        }
    };
    let mut page = Page { sheet: Sheet::new(title, &columns, ""), part: "", lang };
    page.begin("broker");
    who(&mut page, view, info);
    page.begin("on disk");
    on_disk(&mut page, view, info);
    page.begin("load");
    load(&mut page, info, rates);
    page.begin("copies");
    copies(&mut page, view, info);
    page.begin("waiting");
    waiting(&mut page, view, info);
    page.begin("memory");
    page.known("resident", whole(&info.resident), bytes);
    page.known("of it private", whole(&info.anonymous), bytes);
    page.begin("told");
    for (key, value) in &info.all {
        page.row(key, Cell::text(key.clone()), Cell::text(value.trim()));
    }
    page.sheet
}

/// The rows, part by part.
struct Page {
    sheet: Sheet,
    part: &'static str,
    lang: Lang,
}

impl Page {
    fn begin(&mut self, part: &'static str) {
        self.part = part;
    }

    fn row(&mut self, key: &str, what: Cell, value: Cell) {
        let part = self.part;
        let begins = self.sheet.rows.last().is_none_or(|row| row.cells.first().is_none_or(|cell| cell.text != part));
        let cells = vec![Cell::word(part).tone_if(begins, Tone::Strong).tone_if(!begins, Tone::Faint), what, value];
        self.sheet.rows.push(Row { key: format!("{part}/{key}"), cells, ..Row::default() });
    }

    fn say(&mut self, what: &'static str, value: Cell) {
        self.row(what, Cell::word(what), value);
    }

    fn known(&mut self, what: &'static str, number: Known<f64>, shown: impl Fn(f64) -> String) {
        self.say(what, Cell::known(number, shown));
    }
}

/// A count or an offset, as cells have them: none is so large that it would lose its last digits.
fn whole<T: Copy + TryInto<i64>>(known: &Known<T>) -> Known<f64> {
    known.clone().map(|number| number.try_into().unwrap_or(i64::MAX) as f64)
}

/// An offset, to the byte.
fn exact(at: f64) -> String {
    format!("{at}")
}

/// Who it is.
fn who(page: &mut Page, view: &BrokerView, info: &BrokerInfo) {
    page.say("role", Cell::word(role(&view.broker)));
    page.say("address", Cell::text(view.broker.addr.clone()));
    page.say("version", text(&info.version));
    page.known("up", whole(&info.started_ms).map(|ms| view.at_ms as f64 - ms), |ms| span(ms as i64));
    if let Some(why) = &info.refusing {
        page.say("! refuses messages", Cell::text(why.clone()).tone_if(true, Tone::Bad));
    }
}

/// What comes and goes, and how fast.
fn load(page: &mut Page, info: &BrokerInfo, rates: Option<&BrokerRates>) {
    if let Some(rates) = rates {
        page.known("in, messages/s", rates.put.clone(), count);
        page.known("in, bytes/s", rates.put_bytes.clone(), bytes);
        page.known("out, messages/s", rates.got.clone(), count);
    }
    page.known("99 of 100 puts within", info.put_p99_ms.clone(), millis);
    page.known("requests waiting", whole(&info.send_queue), count);
    page.known("longest request wait", whole(&info.send_wait_ms), millis);
    page.known("append at work for", whole(&info.append_ms), millis);
    page.known("stored today", whole(&info.put_today), count);
    page.known("given out today", whole(&info.got_today), count);
}

fn text(known: &Known<String>) -> Cell {
    match known {
        Ok(text) => Cell::text(text.clone()),
        Err(why) => Cell::unknown(why.clone()),
    }
}

/// What is written, what of it is on the disk, and where a start after a crash would begin.
fn on_disk(page: &mut Page, view: &BrokerView, info: &BrokerInfo) {
    let (end, lang) = (whole(&info.log_max), page.lang);
    page.known("log begins at", whole(&info.log_min), exact);
    page.known("log written to", end.clone(), exact);
    match &info.flushed {
        Ok(flushed) => {
            page.known("log flushed to", Ok(*flushed as f64), exact);
            page.known("not yet flushed", end.clone().map(|end| (end - *flushed as f64).max(0.0)), bytes);
        }
        // Then what is not flushed is told to three digits: exactly only if it is nothing.
        Err(_) => {
            let flushed = end.clone().and_then(|end| info.to_flush.clone().map(|behind| end - behind as f64));
            let is_exact = matches!(info.to_flush, Ok(0..1000));
            page.known(
                "log flushed to",
                flushed,
                |at| if is_exact { exact(at) } else { lang.fill("about {}", &[&at]) },
            );
            page.known("not yet flushed", whole(&info.to_flush), bytes);
        }
    }
    page.known("oldest byte unflushed", whole(&info.unflushed_ms), millis);
    page.say("flush mode", text(&info.flush_mode));
    let ago = |ms: i64| lang.fill("{} ago", &[&span(view.at_ms - ms)]);
    page.say(
        "last sync",
        match &info.last_sync {
            Ok(last) => {
                Cell::text(lang.fill("{}, took {}", &[&ago(last.at_ms), &millis(last.took_us as f64 / 1000.0)]))
            }
            Err(why) => Cell::unknown(why.clone()),
        },
    );
    match &info.checkpoint {
        Err(why) => page.say("checkpoint", Cell::unknown(why.clone())),
        Ok(checkpoint) => {
            let ago = |ms: f64| ago(ms as i64);
            page.known("checkpoint: the log", whole(&checkpoint.log_ms), ago);
            page.known("checkpoint: queues", whole(&checkpoint.queues_ms), ago);
            page.known("checkpoint: the index", whole(&checkpoint.index_ms), ago);
            let again = |settled: f64| end.clone().map(|end| (end - settled).max(0.0));
            page.known("read after a crash", whole(&checkpoint.settled).and_then(again), bytes);
        }
    }
    page.known("not yet in queues", whole(&info.to_dispatch), bytes);
    page.known("disk in use", info.disk.clone(), percent);
}

/// Who follows whom, as brokers of rmq tell it.
fn copies(page: &mut Page, view: &BrokerView, info: &BrokerInfo) {
    if view.broker.is_master() {
        match &info.slaves {
            Err(why) => page.say("slaves", Cell::unknown(why.clone())),
            Ok(slaves) => {
                page.known("slaves", Ok(slaves.len() as f64), count);
                for slave in slaves {
                    let told = |acked| slave.behind.clone().map(|behind| (acked, behind as f64));
                    let value = match slave.acked.clone().and_then(told) {
                        Ok((acked, behind)) => Cell::number(behind, |behind| {
                            page.lang.fill("lacks {}, has up to {}", &[&bytes(behind), &acked])
                        }),
                        Err(why) => Cell::unknown(why),
                    };
                    page.row(&slave.addr, Cell::text(slave.addr.clone()), value);
                }
            }
        }
    }
    if let Some(state) = info.all.get("haState") {
        page.say("follows its master", Cell::text(state.clone()).tone_if(state != "FOLLOWING", Tone::Warn));
    }
    if let Some(end) = info.all.get("haMasterMaxOffset") {
        page.say("its master's log ends at", Cell::text(end.clone()));
    }
    if let Some(why) = info.all.get("haRefusal") {
        page.say("! does not follow", Cell::text(why.clone()).tone_if(true, Tone::Bad));
    }
}

/// Messages that are stored and not to be seen yet.
fn waiting(page: &mut Page, view: &BrokerView, info: &BrokerInfo) {
    if view.broker.is_master() {
        page.known("open transactions", whole(&info.transactions), count);
    }
    page.known("for a time of their own", whole(&info.timed), count);
    match &info.delay_levels {
        Err(why) => page.say("in delay levels", Cell::unknown(why.clone())),
        Ok(levels) => {
            let all: u64 = levels.iter().map(|level| level.waiting()).sum();
            page.known("in delay levels", Ok(all as f64), count);
            for level in levels.iter().filter(|level| level.waiting() > 0) {
                let waiting = Cell::number(level.waiting() as f64, |waiting| {
                    page.lang.fill("{}, from {} of {}", &[&count(waiting), &level.next, &level.end])
                });
                page.row(
                    &format!("level {}", level.level),
                    Cell::text(page.lang.fill("level {}", &[&level.level])),
                    waiting,
                );
            }
        }
    }
}

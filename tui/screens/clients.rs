//! Who is connected, and how a member of a group runs.

use super::groups::stale;
use crate::{
    feed::{ClientRun, Spot, Start},
    figures::{bytes, count, span},
    look::Tone,
    sheet::{Cell, Row, Sheet},
    state::{State, View},
    words::Lang,
};
use admin::snapshot::Unknown;

/// Everybody.
pub fn all(state: &State) -> Sheet {
    let columns = [
        ("ID", false, 0),
        ("GROUP", false, 0),
        ("KIND", false, 1),
        ("ADDRESS", false, 2),
        ("LANGUAGE", false, 3),
        ("VERSION", true, 4),
    ];
    let heard = &state.clients;
    let Some((detail, at_ms)) = &heard.last else {
        let why = heard.trouble.as_ref().map_or_else(|| "no answer yet".to_owned(), ToString::to_string);
        return Sheet::new("clients", &columns, why);
    };
    // It is asked every ten seconds.
    let age = state.now_ms - at_ms;
    let stale = stale(state.look.lang, if age > 12_000 { age } else { 0 }, heard.trouble.as_ref(), &detail.missing);
    let consumers = detail.clients.iter().filter(|client| client.consumes).count();
    let producers = detail.clients.len() - consumers;
    let lang = state.look.lang;
    let title = lang.fill("clients: {} in consumer groups, {} in producer groups{}", &[&consumers, &producers, &stale]);
    let mut sheet = Sheet::new(title, &columns, lang.fill("nobody is connected{}", &[&stale]));
    for client in &detail.clients {
        let mut addrs = client.addrs.iter().cloned();
        let first = addrs.next().unwrap_or_default();
        let more = if client.addrs.len() > 1 { format!(" +{}", client.addrs.len() - 1) } else { String::new() };
        let others: Vec<_> = client.addrs.iter().map(String::as_str).collect();
        sheet.rows.push(Row {
            key: format!("{} {} {}", client.id, client.group, client.consumes),
            cells: vec![
                Cell::text(client.id.clone()),
                Cell::text(client.group.clone()),
                Cell::word(if client.consumes { "consumer" } else { "producer" }),
                Cell::text(first + &more),
                Cell::text(client.language.clone()),
                Cell::number(f64::from(client.version), |version| version.to_string()),
            ],
            opens: Some(View::Client(client.group.clone(), client.id.clone())),
            note: Some(lang.fill(
                "{} of {} from {}, {} {}",
                &[&client.id, &client.group, &others.join(", "), &client.language, &client.version],
            )),
            ..Row::default()
        });
    }
    sheet
}

/// A member of a group.
pub fn one(state: &State, group: &str, id: &str) -> Sheet {
    let columns = [("WHAT", false, 0), ("VALUE", false, 0)];
    let (heard, lang) = (&state.client, state.look.lang);
    let name = lang.fill("{} of {}", &[&id, &group]);
    let Some((detail, at_ms)) = heard.last.as_ref().filter(|_| heard.is_of(&format!("{group} {id}"))) else {
        let why = heard.trouble.as_ref().map_or_else(|| "no answer yet".to_owned(), ToString::to_string);
        return Sheet::new(name, &columns, why);
    };
    let age = state.now_ms - at_ms;
    let stale = stale(state.look.lang, if age > 4000 { age } else { 0 }, heard.trouble.as_ref(), &detail.missing);
    let mut sheet = Sheet::new(format!("{name}{stale}"), &columns, "it is not connected to any broker");
    if detail.connected.is_empty() {
        return sheet;
    }
    let mut say = |key: String, cell: Cell| {
        sheet.rows.push(Row { key: key.clone(), cells: vec![Cell::text(lang.told(&key)), cell], ..Row::default() });
    };
    say("kind".into(), Cell::word(if detail.consumes { "consumer" } else { "producer" }));
    say("written in".into(), Cell::text(format!("{} {}", detail.language, detail.version)));
    for (broker, addr) in &detail.connected {
        say(lang.fill("connected to {}", &[broker]), Cell::text(lang.fill("from {}", &[addr])));
    }
    match &detail.run {
        None => say("runs".into(), Cell::unknown(Unknown::because("producers do not tell how they run"))),
        Some(Err(why)) => {
            let why = lang.fill("{} {} does not tell how it runs (307): {}", &[&detail.language, &detail.version, why]);
            say("runs".into(), Cell::unknown(Unknown::because(why)));
        }
        Some(Ok(run)) => running(lang, run, *at_ms, &mut sheet),
    }
    sheet
}

fn running(lang: Lang, run: &ClientRun, at_ms: i64, sheet: &mut Sheet) {
    let mut row = |key: String, cell: Cell, opens: Option<View>, messages: Option<Spot>| {
        sheet.rows.push(Row {
            key: key.clone(),
            cells: vec![Cell::text(key), cell],
            opens,
            messages,
            ..Row::default()
        });
    };
    for (topic, wants) in &run.wants {
        row(lang.fill("wants of {}", &[topic]), Cell::text(wants.clone()), Some(View::Topic(topic.clone())), None);
    }
    for (topic, speed) in &run.speeds {
        let says = lang.fill(
            "{}/s done in {} ms each, {}/s failed ({} in the last hour), {}/s pulled in {} ms",
            &[
                &count(speed.consume_ok_tps),
                &format!("{:.1}", speed.consume_ms),
                &count(speed.consume_failed_tps),
                &speed.consume_failed_msgs,
                &count(speed.pull_tps),
                &format!("{:.1}", speed.pull_ms),
            ],
        );
        let fails = speed.consume_failed_tps > 0.0;
        let sign = if fails { "! " } else { "" };
        row(
            lang.fill("consumes {}", &[topic]),
            Cell::text(format!("{sign}{says}")).tone_if(fails, Tone::Warn),
            None,
            None,
        );
    }
    if run.speeds.is_empty() {
        let why = Unknown::because("it does not tell how fast it consumes (307)");
        row(lang.word("consumes").to_owned(), Cell::unknown(why), None, None);
    }
    for (queue, held) in &run.queues {
        let mut says = lang.fill("at {}, {} cached", &[&held.commit_offset, &held.cached_msg_count]);
        if held.cached_msg_size_in_mib > 0 {
            says.push_str(&format!(" ({})", bytes((held.cached_msg_size_in_mib << 20) as f64)));
        }
        // Clients that do not measure it, such as that of rmq, say 0; others say when they began.
        let ago = |ms: i64| match ms {
            1.. => lang.fill("{} ago", &[&span(at_ms - ms)]),
            _ => "?".to_owned(),
        };
        says.push_str(
            &lang
                .fill(", pulled {}, consumed {}", &[&ago(held.last_pull_timestamp), &ago(held.last_consume_timestamp)]),
        );
        if held.locked {
            says.push_str(lang.word(", locked"));
        }
        if held.droped {
            says.push_str(lang.word(", given up"));
        }
        let spot = Spot {
            topic: queue.topic.clone(),
            queue: Some((queue.broker_name.clone(), queue.queue_id)),
            start: Start::Offset(held.commit_offset),
        };
        let key = format!("{} {}/{}", queue.topic, queue.broker_name, queue.queue_id);
        row(key, Cell::text(says), Some(View::Topic(queue.topic.clone())), Some(spot));
    }
    for (name, value) in &run.properties {
        row(name.clone(), Cell::text(value.clone()), None, None);
    }
}

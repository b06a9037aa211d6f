//! Consumer groups: all of them, and one with its queues and members.

use crate::{
    feed::{Spot, Start, Team},
    figures::{count, span},
    look::Tone,
    sheet::{Cell, Row, Sheet},
    state::{State, View},
    words::Lang,
};
use admin::{
    rates::GroupRates,
    snapshot::{GroupView, Known, Unknown},
};
use protocol::lock::QueueName;
use std::collections::BTreeMap;

/// The column of the lag.
pub const LAG: usize = 1;
/// A member that reads nothing of what it is given so long is worth a look, ms.
const SLOW_MS: i64 = 60_000;

/// How old the picture of the groups is, where that is not the last picture; and of which brokers it is not known.
pub fn age(state: &State) -> String {
    let Some((groups, _)) = &state.groups else { return String::new() };
    let ms = state.now_ms - groups.asked_ms;
    let missing = &groups.groups().missing;
    let age = if ms >= 1000 { state.look.lang.fill(", {} ago", &[&span(ms)]) } else { String::new() };
    match missing.first() {
        None => age,
        Some((broker, why)) if missing.len() == 1 => {
            state.look.lang.fill("{}, ! without those of {}: {}", &[&age, broker, why])
        }
        Some((broker, why)) => {
            state.look.lang.fill("{}, ! without those of {} brokers; {}: {}", &[&age, &missing.len(), broker, why])
        }
    }
}

/// All groups, the most behind first.
pub fn all(state: &State) -> Sheet {
    let Some((groups, rates)) = &state.groups else { return not_yet(state) };
    let known = &groups.groups().known;
    let mut sheet = sheet(
        state.look.lang.fill("groups: {}{}", &[&known.len(), &age(state)]),
        "no group has a position at any broker",
    );
    let rows = Rows::of(groups.asked_ms, rates.as_ref());
    sheet.rows.extend(known.iter().map(|(name, group)| rows.row(name, group)));
    sheet.sort(LAG, true);
    sheet
}

/// Those that are most behind, `most` of them.
pub fn worst(state: &State, most: usize) -> Sheet {
    let Some((groups, rates)) = &state.groups else { return not_yet(state) };
    let lags = groups.groups().known.iter().map(|(name, group)| (group.total().lag, name, group));
    let mut behind: Vec<_> = lags.filter(|(lag, ..)| *lag > 0).collect();
    let title = state.look.lang.fill("groups behind: {}{}", &[&behind.len(), &age(state)]);
    behind.sort_by_key(|(lag, ..)| std::cmp::Reverse(*lag));
    let mut sheet = sheet(title, state.look.lang.fill("no group is behind{}", &[&age(state)]));
    let rows = Rows::of(groups.asked_ms, rates.as_ref());
    sheet.rows.extend(behind.into_iter().take(most).map(|(_, name, group)| rows.row(name, group)));
    sheet.sort(LAG, true);
    sheet
}

fn not_yet(state: &State) -> Sheet {
    let why = match &state.picture {
        None => state.nothing_yet().to_string(),
        Some(_) => "groups were not asked for yet".to_owned(),
    };
    sheet("groups", why)
}

fn sheet(title: impl Into<String>, empty: impl Into<String>) -> Sheet {
    let columns = [
        ("GROUP", false, 0),
        ("LAG", true, 0),
        ("IN/S", true, 2),
        ("OUT/S", true, 1),
        ("DRAINED IN", true, 0),
        ("OLDEST", true, 3),
        ("TOPICS", true, 4),
        ("QUEUES", true, 5),
    ];
    Sheet::new(title, &columns, empty)
}

/// What the rows of groups are made of.
struct Rows<'a> {
    asked_ms: i64,
    rates: Option<&'a BTreeMap<String, GroupRates>>,
    no_rates: Unknown,
    no_times: Unknown,
}

impl<'a> Rows<'a> {
    fn of(asked_ms: i64, rates: Option<&'a BTreeMap<String, GroupRates>>) -> Self {
        let no_rates = Unknown::because("rates need a second picture of the groups");
        let no_times = Unknown::because("no broker tells when the messages were stored");
        Self { asked_ms, rates, no_rates, no_times }
    }

    fn row(&self, name: &str, group: &GroupView) -> Row {
        let total = group.total();
        let rates = self.rates.and_then(|rates| rates.get(name)).ok_or_else(|| self.no_rates.clone());
        let rate = |of: fn(&GroupRates) -> &Known<f64>| rates.clone().and_then(|rates| of(rates).clone());
        // It has no position anywhere, or its members do not agree on what it reads: then there is nothing to count.
        let counts = total.queues > 0;
        let drained = match rates.clone().and_then(|rates| rates.drained_in(total.lag)) {
            _ if !counts => Cell::none(),
            Err(why) => Cell::unknown(why),
            Ok(None) => Cell::number(f64::INFINITY, count).called("! never").tone_if(true, Tone::Warn),
            Ok(Some(seconds)) => Cell::number(seconds, |seconds| span((seconds * 1000.0) as i64)),
        };
        let oldest = match total.oldest_consumed_ms {
            _ if total.lag == 0 => Cell::none(),
            None => Cell::unknown(self.no_times.clone()),
            Some(ms) => Cell::number((self.asked_ms - ms) as f64, |ms| span(ms as i64)),
        };
        Row {
            key: name.to_owned(),
            cells: vec![
                Cell::text(name),
                if counts { Cell::number(total.lag as f64, count) } else { Cell::none() },
                Cell::known(rate(|rates| &rates.put), count),
                Cell::known(rate(|rates| &rates.consumed), count),
                drained,
                oldest,
                Cell::number(group.topics.len() as f64, count),
                Cell::number(total.queues as f64, count),
            ],
            opens: Some(View::Group(name.to_owned())),
            ..Row::default()
        }
    }
}

/// The queues of a group, and its members below them.
pub fn one(state: &State, name: &str) -> Sheet {
    let columns = [
        ("TOPIC / MEMBER", false, 0),
        ("BROKER", false, 0),
        ("QUEUE", true, 0),
        ("LAG", true, 0),
        ("OWNER / WANTS", false, 2),
        ("CONSUMED", true, 3),
        ("END", true, 4),
        ("CONSUMED TO", true, 1),
    ];
    let heard = &state.group;
    let Some((detail, at_ms)) = heard.last.as_ref().filter(|_| heard.name == name) else {
        let why = heard.trouble.as_ref().map_or_else(|| "no answer yet".to_owned(), ToString::to_string);
        return Sheet::new(state.look.lang.fill("group {}", &[&name]), &columns, why);
    };
    let lag: i64 = detail.queues.values().map(|queue| queue.lag().max(0)).sum();
    let lang = state.look.lang;
    let mut title = lang.fill(
        "group {}: {} behind in {} queues, {} members",
        &[&name, &count(lag as f64), &detail.queues.len(), &detail.members.len()],
    );
    if detail.team.broadcasts {
        title.push_str(lang.word(", broadcasting: no queue has an owner"));
    } else if detail.team.not_asked > 0 {
        title.push_str(&lang.fill(", {} of them not asked", &[&detail.team.not_asked]));
    }
    title.push_str(&stale(lang, state.now_ms - at_ms, heard.trouble.as_ref(), &detail.missing));
    let mut sheet = Sheet::new(title, &columns, "it has no position in any queue, and no member");
    for (queue, at) in &detail.queues {
        let lag = at.lag().max(0);
        let consumed_to = match at.last_timestamp {
            1.. => {
                let ago = (at_ms - at.last_timestamp).max(0);
                Cell::number(ago as f64, |ms| lang.fill("{} ago", &[&span(ms as i64)]))
                    .tone_if(lag > 0 && ago > SLOW_MS, Tone::Warn)
            }
            _ => Cell::unknown(Unknown::because("the broker does not tell when that message was stored")),
        };
        sheet.rows.push(Row {
            key: format!("{}/{}/{}", queue.topic, queue.broker_name, queue.queue_id),
            cells: vec![
                Cell::text(queue.topic.clone()),
                Cell::text(queue.broker_name.clone()),
                Cell::number(f64::from(queue.queue_id), |id| id.to_string()),
                Cell::number(lag as f64, count),
                owner(&detail.team, queue, detail.members.len()),
                Cell::number(at.consumer_offset as f64, |at| at.to_string()),
                Cell::number(at.broker_offset as f64, |at| at.to_string()),
                consumed_to,
            ],
            opens: Some(View::Topic(queue.topic.clone())),
            messages: Some(Spot {
                topic: queue.topic.clone(),
                queue: Some((queue.broker_name.clone(), queue.queue_id)),
                start: Start::Offset(at.consumer_offset),
            }),
            ..Row::default()
        });
    }
    for (id, (from, what)) in &detail.members {
        let mut cells = vec![Cell::text(id.clone()), Cell::word("member"), Cell::none(), Cell::none()];
        let mut note = lang.fill("{} at {}, {}", &[id, from, what]);
        cells.push(match detail.team.wants.get(id) {
            Some(Ok(wants)) => {
                let wants = wants.iter().map(|(topic, what)| format!("{topic}: {what}")).collect::<Vec<_>>().join(", ");
                note.push_str(&lang.fill("; wants {}", &[&wants]));
                Cell::text(wants)
            }
            Some(Err(why)) => Cell::unknown(Unknown::because(lang.fill("it does not tell (307): {}", &[why]))),
            None => Cell::none(),
        });
        cells.extend((0..3).map(|_| Cell::none()));
        sheet.rows.push(Row {
            key: id.clone(),
            cells,
            opens: Some(View::Client(name.to_owned(), id.clone())),
            note: Some(note),
            ..Row::default()
        });
    }
    sheet
}

/// Whose queue it is.
pub fn owner(team: &Team, queue: &QueueName, members: usize) -> Cell {
    match team.owner(queue) {
        Ok(Some(owner)) => Cell::text(owner),
        // Without members it is nobody's, and nothing is wrong with that queue alone.
        Ok(None) if members == 0 => Cell::none(),
        Ok(None) => Cell::word("! nobody").tone_if(true, Tone::Warn),
        Err(_) if team.broadcasts => Cell::word("everybody"),
        Err(why) => Cell::unknown(why),
    }
}

/// What is to be said of an answer's age and of what it lacks.
pub fn stale(lang: Lang, age_ms: i64, trouble: Option<&Unknown>, missing: &[(String, Unknown)]) -> String {
    let mut said = String::new();
    if age_ms >= 2000 {
        said.push_str(&lang.fill(", {} ago", &[&span(age_ms)]));
    }
    if let Some(why) = trouble {
        said.push_str(&lang.fill(", ! no newer answer: {}", &[why]));
    }
    if let Some((broker, why)) = missing.first() {
        said.push_str(&lang.fill(", ! without {}: {}", &[broker, why]));
    }
    said
}

//! What is wrong, and what mends it.

use super::groups::stale;
use crate::{
    figures::span,
    look::Tone,
    sheet::{Cell, Column, Row, Sheet},
    state::{State, View},
};
use admin::{
    alerts::{About, Alert},
    health::Level,
};
use std::collections::{BTreeMap, BTreeSet};

/// From so many columns on there is room for the command.
const ROOM: u16 = 100;

/// The word for a level, and its sign.
fn level(level: Level) -> (&'static str, Tone) {
    match level {
        Level::Critical => ("! critical", Tone::Bad),
        Level::Unknown => ("? unknown", Tone::Warn),
        Level::Warning => ("~ warning", Tone::Warn),
        Level::Ok => ("ok", Tone::Plain),
    }
}

/// How many alerts there are of each level, the gravest first.
pub fn counts(state: &State) -> Vec<(&'static str, usize)> {
    let of = |level: Level| state.watch.alerts().iter().filter(|alert| alert.level == level).count();
    let all = [("critical", of(Level::Critical)), ("unknown", of(Level::Unknown)), ("warning", of(Level::Warning))];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// As it stands at the top of every screen: nothing if nothing is wrong.
pub fn head(state: &State) -> String {
    let counts = counts(state);
    match state.watch.alerts().len() {
        0 => String::new(),
        _ if state.size.0 >= ROOM => {
            let each: Vec<_> =
                counts.iter().map(|(level, count)| format!("{count} {}", state.look.lang.word(level))).collect();
            format!("! {}, ", each.join(" "))
        }
        1 => state.look.lang.word("! 1 alert, ").to_owned(),
        all => state.look.lang.fill("! {} alerts, ", &[&all]),
    }
}

/// The alerts, the gravest first.
pub fn all(state: &State) -> Sheet {
    let with_command = state.size.0 == 0 || state.size.0 >= ROOM;
    let columns =
        [("LEVEL", false, 0), ("CODE", false, 0), ("ABOUT", false, 0), ("EVIDENCE", false, 0), ("MENDS", false, 0)];
    let columns = if with_command { &columns[..] } else { &columns[..4] };
    if state.picture.is_none() {
        return Sheet::new("alerts", columns, state.nothing_yet().to_string());
    }
    let each: Vec<_> =
        counts(state).iter().map(|(level, count)| format!("{count} {}", state.look.lang.word(level))).collect();
    let each = if each.is_empty() { state.look.lang.word("nothing is wrong").to_owned() } else { each.join(", ") };
    let lang = state.look.lang;
    let deeper = match &state.health.last {
        Some((detail, at_ms)) => {
            let (looked, left) = (detail.evidence.groups.len(), detail.evidence.left_out);
            let of = if left > 0 {
                lang.fill("{} of {} groups", &[&looked, &(looked + left)])
            } else {
                lang.fill("{} groups", &[&looked])
            };
            let stale = stale(lang, state.now_ms - at_ms, state.health.trouble.as_ref(), &[]);
            lang.fill("; members of {} asked{}", &[&of, &stale])
        }
        None => match &state.health.trouble {
            Some(why) => lang.fill("; ! what only they can tell was not asked of members and settings: {}", &[why]),
            None => lang.word("; by pictures alone").to_owned(),
        },
    };
    let mut sheet =
        Sheet::new(lang.fill("alerts: {}{}", &[&each, &deeper]), columns, lang.fill("nothing is wrong{}", &[&deeper]));
    sheet.rows =
        state.watch.alerts().iter().enumerate().map(|(at, alert)| row(state, at, alert, with_command)).collect();
    sheet
}

fn row(state: &State, at: usize, alert: &Alert, with_command: bool) -> Row {
    let (word, tone) = level(alert.level);
    let mut cells = vec![
        Cell::word(word).tone_if(true, tone),
        Cell::text(alert.code),
        Cell::text(alert.about.to_string()),
        Cell::text(alert.evidence.clone()),
    ];
    if with_command {
        cells.push(Cell::text(alert.command.clone()));
    }
    let since = span(state.now_ms - alert.since_ms);
    let seen = match state.now_ms - alert.seen_ms {
        ms @ 15_000.. => state.look.lang.fill(", last seen {} ago", &[&span(ms)]),
        _ => String::new(),
    };
    // Several of a kind may be about the same.
    let same =
        state.watch.alerts()[..at].iter().filter(|one| (one.code, &one.about) == (alert.code, &alert.about)).count();
    Row {
        key: format!("{} {:?} {same}", alert.code, alert.about),
        cells,
        opens: Some(opens(state, &alert.about)),
        note: Some(state.look.lang.fill(
            "{} {}: {}; for {}{}; $ {}",
            &[
                &alert.code,
                &Cell::text(alert.about.to_string()).text,
                &Cell::text(alert.evidence.clone()).text,
                &since,
                &seen,
                &alert.command,
            ],
        )),
        ..Row::default()
    }
}

fn opens(state: &State, about: &About) -> View {
    let brokers = || state.picture.iter().flat_map(|(picture, _)| &picture.brokers);
    match about {
        About::Cluster | About::NameServer(_) => View::Cluster,
        About::Broker(broker) => View::Broker(broker.cluster.clone(), broker.name.clone(), broker.id),
        About::Brokers(name) => match brokers().find(|view| view.broker.name == *name || view.broker.addr == *name) {
            Some(view) => View::Broker(view.broker.cluster.clone(), view.broker.name.clone(), view.broker.id),
            None => View::Cluster,
        },
        About::Topic(topic) => View::Topic(topic.clone()),
        About::Group(group) | About::Reading { group, .. } => View::Group(group.clone()),
    }
}

/// What the alerts about a row are found by, in the sheet of alerts.
pub fn subject(view: &View) -> Option<String> {
    match view {
        View::Broker(_, name, id) => Some(format!("{name}:{id}")),
        View::Group(name) | View::Topic(name) | View::Client(name, _) => Some(name.clone()),
        _ => None,
    }
}

/// Notes at each row which alerts are about it, and shows them in a column where there are some.
pub fn mark(state: &State, mut sheet: Sheet) -> Sheet {
    let alerts = state.watch.alerts();
    if alerts.is_empty() {
        return sheet;
    }
    let mut groups: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
    let mut topics: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
    for alert in alerts {
        if let About::Group(group) | About::Reading { group, .. } = &alert.about {
            groups.entry(group).or_default().insert(alert.code);
        }
        if let About::Topic(topic) | About::Reading { topic, .. } = &alert.about {
            topics.entry(topic).or_default().insert(alert.code);
        }
    }
    for row in &mut sheet.rows {
        let of_broker = |name: &str, id: i64| {
            alerts.iter().filter(|alert| alert.about.is_of_broker(name, id)).map(|alert| alert.code).collect()
        };
        let codes: BTreeSet<&'static str> = match &row.opens {
            Some(View::Broker(_, name, id)) => of_broker(name, *id),
            Some(View::Group(name)) => groups.get(&**name).cloned().unwrap_or_default(),
            Some(View::Topic(name)) => topics.get(&**name).cloned().unwrap_or_default(),
            _ => BTreeSet::new(),
        };
        row.alerts = codes.into_iter().collect();
    }
    if sheet.rows.iter().any(|row| !row.alerts.is_empty()) {
        sheet.columns.push(Column { title: "ALERTS", right: false, rank: u8::MAX, hidden: false });
        for row in &mut sheet.rows {
            let codes = if row.alerts.is_empty() { String::new() } else { format!("! {}", row.alerts.join(" ")) };
            row.cells.push(Cell::text(codes).tone_if(true, Tone::Warn));
        }
    }
    sheet
}

/// A text in lines of that width, broken at blanks where that is possible; at most so many, the last with a mark if it is cut.
pub fn wrapped(text: &str, width: usize, most: usize, mark: char) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word.to_owned();
        while let Some(line) = lines.last_mut() {
            let gap = usize::from(!line.is_empty());
            if crate::sheet::wide(line) + gap + crate::sheet::wide(&word) <= width {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(&word);
                break;
            }
            if !line.is_empty() {
                lines.push(String::new());
                continue;
            }
            // A word that is wider than a line.
            let mut at = 0;
            let end = word.char_indices().find(|(_, c)| {
                at += crate::sheet::wide(c.encode_utf8(&mut [0; 4]));
                at > width
            });
            let Some(end) = end.map(|(end, _)| end).filter(|end| *end > 0) else { break };
            line.push_str(&word[..end]);
            word.drain(..end);
            lines.push(String::new());
        }
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = crate::sheet::padded(&format!("{last}{}", " ".repeat(width)), width, false, mark);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_broken_at_blanks_and_a_cut_is_marked() {
        assert_eq!(wrapped("one two three", 8, 9, '~'), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 4, 9, '~'), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("one two three", 5, 2, '~')[1], "two ~");
        assert_eq!(wrapped("中文名字", 4, 9, '~'), ["中文", "名字"]);
        assert_eq!(wrapped("x", 0, 9, '~').len(), 1, "no width is no endless loop");
    }
}

//! Groups with dead letters. Their messages are shown as those of any topic are: `messages.rs`.

use super::groups::stale;
use crate::{
    feed::{Spot, Start},
    figures::{count, span},
    look::Tone,
    sheet::{Cell, Row, Sheet},
    state::{State, View},
};
use protocol::topic::dlq_topic;

/// All of them, those with the most first.
pub fn all(state: &State) -> Sheet {
    let columns =
        [("GROUP", false, 0), ("COUNT", true, 0), ("LAST", true, 0), ("QUEUES", true, 2), ("READABLE", false, 1)];
    let heard = &state.dead_letters;
    let lang = state.look.lang;
    let Some((known, at_ms)) = &heard.last else {
        let why = heard.trouble.as_ref().map_or_else(|| lang.word("no answer yet").to_owned(), ToString::to_string);
        return Sheet::new(lang.word("dead letters"), &columns, why);
    };
    // They are asked for every 10 s.
    let age_ms = state.now_ms - at_ms;
    let stale = stale(lang, if age_ms < 12_000 { 0 } else { age_ms }, heard.trouble.as_ref(), &[]);
    let title = lang.fill("groups with dead letters: {}{}", &[&known.groups.len(), &stale]);
    let mut sheet = Sheet::new(title, &columns, lang.word("no group has a topic of dead letters"));
    for group in &known.groups {
        let topic = dlq_topic(&group.group);
        let spot = Spot { topic: topic.clone(), queue: None, start: Start::End };
        let last = match &group.last_ms {
            Err(why) => Cell::unknown(why.clone()),
            Ok(None) => Cell::none(),
            Ok(Some(ms)) => {
                let ago = |ms: f64| lang.fill("{} ago", &[&span(ms as i64)]);
                Cell::number((state.now_ms - ms).max(0) as f64, ago)
            }
        };
        let note = group.closed.first().map(|broker| {
            let brokers = group.closed.join(", ");
            lang.fill(
                "! {} does not let it be read: rmq topic create '{}' --broker {} --queues 1 --perm rw",
                &[&brokers, &topic, broker],
            )
        });
        sheet.rows.push(Row {
            key: group.group.clone(),
            cells: vec![
                Cell::text(group.group.clone()),
                Cell::known(group.count.clone().map(|count| count as f64), count),
                last,
                Cell::number(group.queues as f64, count),
                if note.is_some() { Cell::word("! no").tone_if(true, Tone::Warn) } else { Cell::word("yes") },
            ],
            opens: Some(View::Messages(spot.clone())),
            messages: Some(spot),
            note,
            ..Row::default()
        });
    }
    sheet.sort(1, true);
    sheet
}

//! Messages of a topic or queue, a line each. One of them whole: `message.rs`.

use super::groups::stale;
use crate::{
    body,
    feed::{MessageAt, Page, Spot, Start},
    figures::{bytes, span},
    look::Tone,
    moment,
    sheet::{Cell, Row, Sheet, padded, wide},
    state::{State, View},
    words::Lang,
};
use admin::{StoredMessage, snapshot::Unknown};
use protocol::{
    properties::{KEYS, TAGS},
    topic::{DLQ_PREFIX, RETRY_PREFIX},
};

/// Fewest columns of the terminal for the body.
const LEAST_BODY: usize = 20;

/// The columns, the body last: heading, whether it stands at the right, rank.
fn columns(spot: &Spot) -> Vec<(&'static str, bool, u8)> {
    // Of one queue the title tells which.
    let queue = if spot.queue.is_some() { 9 } else { 3 };
    let mut columns = vec![("QUEUE", false, queue), ("OFFSET", true, 4), ("STORED UTC", false, 0), ("AGO", true, 8)];
    if comes_again(&spot.topic) {
        columns.extend([("FIRST TOPIC", false, 1), ("TIMES", true, 2), ("KEYS", false, 6), ("SIZE", true, 7)]);
    } else {
        columns.extend([("TAGS", false, 7), ("KEYS", false, 6), ("SIZE", true, 5)]);
    }
    columns.push(("BODY", false, 0));
    columns
}

/// Whether its messages were in another topic first.
fn comes_again(topic: &str) -> bool {
    topic.starts_with(DLQ_PREFIX) || topic.starts_with(RETRY_PREFIX)
}

/// A line each, the oldest first.
pub fn all(state: &State, spot: &Spot) -> Sheet {
    let (lang, heard, columns) = (state.look.lang, &state.messages, columns(spot));
    let Some((page, at_ms)) = heard.last.as_ref().filter(|_| heard.is_of(&spot.key())) else {
        let trouble = heard.trouble.as_ref().filter(|_| heard.is_of(&spot.key()));
        let why = trouble.map_or_else(|| lang.word("no answer yet").to_owned(), ToString::to_string);
        return Sheet::new(lang.fill("messages of {}", &[spot]), &columns, why);
    };
    // What was stored does not change; only the end does.
    let age_ms = if spot.start == Start::End { state.now_ms - at_ms } else { 0 };
    let title = title(state, spot, page) + &stale(lang, age_ms, heard.trouble.as_ref(), &page.missing);
    let mut sheet = Sheet::new(title, &columns, lang.word("there are no messages here"));
    // The title has not always room for it.
    let note = page.missing.first().map(|(from, why)| lang.fill("! without {}: {}", &[from, why]));
    for message in &page.messages {
        let at = MessageAt::of(message);
        let property = |name| message.property(name).map_or_else(Cell::none, text);
        let mut cells = vec![
            text(&format!("{}/{}", message.broker, message.queue)),
            Cell::number(message.offset as f64, |_| message.offset.to_string()),
            Cell::number(message.store_ms as f64, |_| moment::short(message.store_ms, state.now_ms)),
            Cell::number((state.now_ms - message.store_ms).max(0) as f64, |ms| span(ms as i64)),
        ];
        if comes_again(&spot.topic) {
            let unsaid = || Cell::unknown(Unknown::because("it does not say which topic it was first sent to"));
            cells.push(message.first_topic.as_deref().map_or_else(unsaid, text));
            cells.push(Cell::number(f64::from(message.reconsume_times), |times| times.to_string()));
        } else {
            cells.push(property(TAGS));
        }
        cells.push(property(KEYS));
        cells.push(Cell::number(message.body_len as f64, bytes));
        sheet.rows.push(Row {
            key: at.to_string(),
            cells,
            opens: Some(View::Message(at)),
            note: note.clone(),
            ..Row::default()
        });
    }
    let room = body_room(&sheet, lang, usize::from(state.size.0).saturating_sub(3));
    for (row, message) in sheet.rows.iter_mut().zip(&page.messages) {
        row.cells.push(body_cell(message, room, state.look.cut()));
    }
    sheet
}

/// A text that others chose.
pub fn text(text: &str) -> Cell {
    Cell::text(body::harmless(text))
}

/// How many columns of the terminal are left to the body, if columns go by their ranks until it has enough.
fn body_room(sheet: &Sheet, lang: Lang, width: usize) -> usize {
    let others = sheet.columns.len() - 1;
    let wide_of = |at: usize| {
        let cells = sheet.rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| wide(&cell.text));
        cells.max().unwrap_or(0).max(wide(lang.word(sheet.columns[at].title))) + 2
    };
    let mut kept: Vec<(u8, usize)> = (0..others).map(|at| (sheet.columns[at].rank, wide_of(at))).collect();
    kept.sort_unstable_by_key(|(rank, _)| *rank);
    loop {
        let room = width.saturating_sub(kept.iter().map(|(_, wide)| wide).sum());
        match kept.last() {
            Some((rank, _)) if room < LEAST_BODY && *rank > 0 => drop(kept.pop()),
            _ => return room.max(4),
        }
    }
}

fn body_cell(message: &StoredMessage, room: usize, mark: char) -> Cell {
    if message.body_len == 0 {
        return Cell::word("(empty)").tone_if(true, Tone::Faint);
    }
    let whole = message.body.len() == message.body_len;
    let line = body::line(&message.body, whole, room);
    Cell::text(if wide(&line) > room { padded(&line, room, false, mark).trim_end().to_owned() } else { line })
}

fn title(state: &State, spot: &Spot, page: &Page) -> String {
    let lang = state.look.lang;
    let (total, many) = (page.total(), page.messages.len());
    let mut title = match (&page.queues[..], &page.messages[..]) {
        ([queue], [first, .., last]) if spot.queue.is_some() => lang.fill(
            "messages of {}: {} to {} of {} to {}",
            &[spot, &first.offset, &last.offset, &queue.min, &(queue.max - 1)],
        ),
        (_, [first, .., last]) => {
            let time = |message: &StoredMessage| moment::short(message.store_ms, state.now_ms);
            lang.fill("messages of {}: {} of {}, {} to {}", &[spot, &many, &total, &time(first), &time(last)])
        }
        ([], []) => lang.fill("messages of {}", &[spot]),
        _ => lang.fill("messages of {}: {} of {}", &[spot, &many, &total]),
    };
    if !page.has_behind() && !page.queues.is_empty() {
        title += lang.word(if spot.start == Start::End { ", the newest, live" } else { ", the newest" });
    }
    if page.is_short {
        title += lang.word(", few: they are large");
    }
    if page.left_out > 0 {
        title += &lang.fill(", ! without {} queues: too many", &[&page.left_out]);
    }
    title
}

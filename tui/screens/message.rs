//! One message whole: where it lies, when and by whom it was made, its properties, what was told of it, its body.

use super::messages::text;
use crate::{
    body::{self, Form, harmless, wrap},
    feed::MessageAt,
    figures::{bytes, span},
    look::Tone,
    moment,
    sheet::{Cell, Row, Sheet, wide},
    state::State,
    words::Lang,
};
use admin::{Step, StoredMessage, TraceRecord};
use protocol::{
    properties::{KEYS, TAGS},
    record::SysFlag,
};

/// Widest name in the first column; a longer one stands in the second, before its value.
const WIDEST_NAME: usize = 20;

/// Rows that are being written.
struct Lines<'a> {
    state: &'a State,
    rows: Vec<Row>,
    /// Columns of the terminal for values.
    room: usize,
}

impl Lines<'_> {
    fn push(&mut self, what: Cell, value: Cell) {
        let key = format!("{:05}", self.rows.len());
        self.rows.push(Row { key, cells: vec![what, value], ..Row::default() });
    }

    /// A name of the screen's own, and what it is.
    fn say(&mut self, what: &'static str, value: &str) {
        self.wrapped(Cell::word(what), &harmless(value));
    }

    /// A heading.
    fn head(&mut self, what: &'static str, value: &str) {
        self.wrapped(Cell::word(what).tone_if(true, Tone::Strong), value);
    }

    fn wrapped(&mut self, what: Cell, value: &str) {
        let mut lines = Vec::new();
        wrap(value, self.room, &mut lines);
        let mut what = Some(what);
        for line in lines {
            self.push(what.take().unwrap_or_else(|| Cell::text("")), Cell::text(line));
        }
    }

    /// A name that others chose.
    fn property(&mut self, name: &str, value: &str) {
        let (name, value) = (harmless(name), harmless(value));
        if wide(&name) > WIDEST_NAME {
            self.wrapped(Cell::text(""), &format!("{name} = {value}"));
        } else {
            self.wrapped(Cell::text(name), &value);
        }
    }
}

/// One, line by line.
pub fn one(state: &State, at: &MessageAt) -> Sheet {
    let columns = [("WHAT", false, 0), ("VALUE", false, 0)];
    let lang = state.look.lang;
    let title = lang.fill("message {}", &[at]);
    let heard = &state.message;
    let Some((message, _)) = heard.last.as_ref().filter(|_| heard.is_of(&at.to_string())) else {
        let asked = Some(&state.messages).filter(|messages| messages.is_of(&at.spot().key()));
        let why = match asked {
            Some(page) if page.trouble.is_some() => page.trouble.as_ref().map(ToString::to_string).unwrap_or_default(),
            Some(page) if page.last.is_some() => lang.word("it is not there any more").to_owned(),
            _ => lang.word("no answer yet").to_owned(),
        };
        return Sheet::new(title, &columns, why);
    };
    let names = message.properties.iter().map(|(name, _)| wide(&harmless(name))).filter(|wide| *wide <= WIDEST_NAME);
    let first = names.max().unwrap_or(0).max(16);
    let room = usize::from(state.size.0).saturating_sub(5 + first).max(16);
    let mut lines = Lines { state, rows: Vec::new(), room };
    place(&mut lines, message);
    lines.head("PROPERTIES", &message.properties.len().to_string());
    for (name, value) in &message.properties {
        lines.property(name, value);
    }
    trace(&mut lines, message);
    shown_body(&mut lines, message);
    let rows = lines.rows;
    Sheet { rows, ..Sheet::new(title, &columns, "") }
}

fn place(lines: &mut Lines<'_>, message: &StoredMessage) {
    let (lang, now_ms) = (lines.state.look.lang, lines.state.now_ms);
    let ago = |ms: i64| span((now_ms - ms).max(0));
    lines.say("id", &message.id);
    lines.say("id by place", &message.offset_id);
    lines.say("topic", &message.topic);
    lines.say("queue", &format!("{}/{}", message.broker, message.queue));
    lines.say("offset", &message.offset.to_string());
    lines.say("place in the log", &message.physical_offset.to_string());
    let born = [&moment::whole(message.born_ms) as &dyn std::fmt::Display, &ago(message.born_ms), &message.born_host];
    lines.say("made", &lang.fill("{} UTC, {} ago, by {}", &born));
    let stored =
        [&moment::whole(message.store_ms) as &dyn std::fmt::Display, &ago(message.store_ms), &message.store_host];
    lines.say("stored", &lang.fill("{} UTC, {} ago, at {}", &stored));
    lines.say("tag", message.property(TAGS).unwrap_or("-"));
    // As the property is called in any language.
    lines.wrapped(Cell::text("keys"), &harmless(message.property(KEYS).unwrap_or("-")));
    lines.say("delivered again", &message.reconsume_times.to_string());
    if let Some(topic) = &message.first_topic {
        lines.say("first topic", topic);
    }
    lines.say("system flags", &flags(lang, message.sys_flag));
    lines.say("flag", &message.flag.to_string());
    let exact = |size: u64| if size < 1024 { bytes(size as f64) } else { format!("{} ({size})", bytes(size as f64)) };
    lines.say(
        "size",
        &lang.fill("{}, in the log {}", &[&exact(message.body_len as u64), &exact(message.stored_len.into())]),
    );
}

/// What the bits say.
fn flags(lang: Lang, bits: i32) -> String {
    const TRANSACTION: i32 = SysFlag::TRANSACTION_ROLLBACK;
    let mut names = Vec::new();
    let known = [
        (SysFlag::COMPRESSED, lang.word("compressed")),
        (SysFlag::MULTI_TAGS, lang.word("several tags")),
        (SysFlag::BORN_HOST_V6, lang.word("made at an IPv6 address")),
        (SysFlag::STORE_HOST_V6, lang.word("stored at an IPv6 address")),
    ];
    names.extend(known.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name));
    match bits & TRANSACTION {
        SysFlag::TRANSACTION_PREPARED => names.push(lang.word("half message")),
        SysFlag::TRANSACTION_COMMIT => names.push(lang.word("committed")),
        TRANSACTION => names.push(lang.word("rolled back")),
        _ => {}
    }
    if names.is_empty() { bits.to_string() } else { format!("{bits}: {}", names.join(", ")) }
}

fn trace(lines: &mut Lines<'_>, message: &StoredMessage) {
    let state = lines.state;
    let lang = state.look.lang;
    let heard = &state.trace;
    if !heard.is_of(&message.id) {
        return lines.head("TRACE", lang.word("not asked: t asks who sent and who consumed it"));
    }
    match (&heard.last, &heard.trouble) {
        (_, Some(why)) => lines.head("TRACE", &format!("? {why}")),
        (None, None) => lines.head("TRACE", lang.word("no answer yet")),
        (Some((trace, _)), None) => {
            let missing: String =
                trace.missing.iter().map(|(broker, why)| lang.fill(", ! without {}: {}", &[broker, why])).collect();
            let more = if trace.may_lack { lang.word(", there may be more") } else { "" };
            let none = lang.word("nobody told anything of it: only clients that trace do");
            let told = match trace.records.len() {
                0 => none.to_owned(),
                many => lang.fill("records: {}", &[&many]),
            };
            lines.head("TRACE", &format!("{told}{more}{missing}"));
            for record in &trace.records {
                let word = match record.step {
                    Step::Sent => "sent",
                    Step::Given => "given out",
                    Step::Consumed => "consumed",
                    Step::Ended => "transaction",
                };
                lines.say(word, &told_of(lang, record, state.now_ms));
            }
        }
    }
}

fn told_of(lang: Lang, record: &TraceRecord, now_ms: i64) -> String {
    let mut said = vec![record.at_ms.map_or_else(|| "?".to_owned(), |ms| moment::short(ms, now_ms))];
    let group = record.group.as_deref().unwrap_or("?");
    said.push(lang.fill("{} at {}", &[&group, &record.told_by]));
    said.extend(record.ok.map(|ok| lang.word(if ok { "ok" } else { "! failed" }).to_owned()));
    said.extend(record.state.clone());
    said.extend(record.cost_ms.map(|ms| lang.fill("took {} ms", &[&ms])));
    said.extend(record.times.map(|times| lang.fill("delivered {} times before", &[&times])));
    said.extend(record.stored_at.as_ref().map(|broker| lang.fill("stored at {}", &[broker])));
    said.join(", ")
}

fn shown_body(lines: &mut Lines<'_>, message: &StoredMessage) {
    let state = lines.state;
    let lang = state.look.lang;
    let whole = message.body.len() == message.body_len;
    let suits = Form::of(&message.body, whole);
    let wanted = state.body_form.unwrap_or(suits);
    let (form, shown) = match body::lines(&message.body, whole, wanted, lines.room) {
        Ok(shown) => (lang.fill("as {}; b: in another form", &[&lang.word(wanted.name())]), shown),
        Err(why) => {
            let instead = if suits == Form::Json { Form::Text } else { suits };
            // What suits can be shown.
            let shown = body::lines(&message.body, whole, instead, lines.room).unwrap_or_default();
            (
                lang.fill(
                    "not as {}: {}; as {}; b: in another form",
                    &[&lang.word(wanted.name()), &lang.word(why), &lang.word(instead.name())],
                ),
                shown,
            )
        }
    };
    let cut = if whole {
        String::new()
    } else {
        let (kept, all) = (bytes(message.body.len() as f64), bytes(message.body_len as f64));
        lang.fill(", the first {} of {}", &[&kept, &all])
    };
    lines.head("BODY", &format!("{form}{cut}"));
    if message.body_len == 0 {
        lines.say("", lang.word("it is empty"));
    }
    for line in shown.into_iter().filter(|_| message.body_len > 0) {
        lines.push(Cell::text(""), text(&line));
    }
}

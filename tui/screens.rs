//! Draws what [`State`] knows: a head, the sheet of the screen, and two lines at the bottom. Changes nothing.

use crate::{
    figures,
    keys::BINDINGS,
    look::Tone,
    replaying::Playing,
    sheet::{self, Sheet, padded},
    state::{PromptKind, State, View},
};
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
};

mod alerts;
mod broker;
mod charts;
mod clients;
mod cluster;
mod dead_letters;
mod groups;
mod help;
mod message;
mod messages;
pub mod placing;
mod table;
mod topics;

pub use alerts::{all as alerts_of, mark, subject};
pub use cluster::{behind, brokers, totals, worst_groups};

/// Fewest columns and rows that everything fits in.
pub const LEAST: (u16, u16) = (60, 15);

/// The rows of a screen, in their usual order.
pub fn sheet(state: &State, view: &View) -> Sheet {
    match view {
        View::Cluster => mark(state, brokers(state)),
        View::Topics => mark(state, topics::all(state)),
        View::Topic(name) => topics::one(state, name),
        View::Groups => mark(state, groups::all(state)),
        View::Group(name) => groups::one(state, name),
        View::Broker(cluster, name, id) => broker::one(state, cluster, name, *id),
        View::Clients => clients::all(state),
        View::Client(group, id) => clients::one(state, group, id),
        View::Messages(spot) => messages::all(state, spot),
        View::Message(at) => message::one(state, at),
        View::DeadLetters => dead_letters::all(state),
        View::Alerts => alerts::all(state),
        View::Charts => charts::list(state),
        View::Columns(of) => state.columns(of),
        View::Help => help::keys(),
    }
}

/// Draws the screen.
pub fn draw(live: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    let state = live.shown();
    let mut canvas = Canvas { buffer: frame.buffer_mut(), state };
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return canvas.too_small(area);
    }
    let sheet = state.sheet();
    canvas.head(row(area, 0), live);
    let parts = placing::parts(state, sheet.rows.len(), area);
    if let Some(totals) = parts.totals {
        canvas.totals(totals);
    }
    if let Some(area) = parts.worst {
        let (worst, placed) = placing::worst(state, area);
        canvas.table(&worst, &placed, None);
    }
    let chosen = state.chosen_in(&sheet);
    if state.place().view == View::Charts {
        canvas.charts(parts.list);
    } else {
        canvas.table(&sheet, &placing::list_in(state, &sheet, parts.list), chosen);
    }
    for (at, (line, tone)) in (0..).zip(canvas.to_be_said(&sheet, chosen, parts.said)) {
        canvas.write(row(parts.said, at), area.x + 1, &line, canvas.style(tone));
    }
    let cursor = canvas.foot(row(area, area.height - 1));
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Where a recording is.
fn played(playing: Playing, state: &State) -> String {
    let (at, all) = (state.now_ms - playing.from_ms, playing.to_ms - playing.from_ms);
    let lang = state.look.lang;
    let place = lang.fill("{} of {}", &[&figures::span(at), &figures::span(all)]);
    let speed = if playing.speed == 1.0 { String::new() } else { format!(" x{}", playing.speed) };
    match (state.paused, at >= all) {
        (_, true) => lang.fill("END of the recording, {}", &[&figures::span(all)]),
        (true, false) => lang.fill("recording PAUSED at {}{}", &[&place, &speed]),
        (false, false) => lang.fill("recording, {}{}", &[&place, &speed]),
    }
}

fn row(area: Rect, at: u16) -> Rect {
    Rect { y: area.y + at, height: 1, ..area }
}

struct Canvas<'a> {
    buffer: &'a mut Buffer,
    state: &'a State,
}

impl Canvas<'_> {
    fn style(&self, tone: Tone) -> Style {
        self.state.look.style(tone)
    }

    /// Writes at `x`, not beyond the area, and gives where it ended.
    fn write(&mut self, area: Rect, x: u16, text: &str, style: Style) -> u16 {
        if x >= area.right() || area.height == 0 {
            return x;
        }
        let room = usize::from(area.right() - x);
        let shown =
            if sheet::wide(text) > room { padded(text, room, false, self.state.look.cut()) } else { text.to_owned() };
        self.buffer.set_stringn(x, area.y, shown, room, style).0
    }

    fn too_small(&mut self, area: Rect) {
        let (columns, rows) = LEAST;
        let lang = self.state.look.lang;
        let lines = [
            lang.word("too small").to_owned(),
            lang.fill("needs {}x{}", &[&columns, &rows]),
            lang.fill("is {}x{}", &[&area.width, &area.height]),
        ];
        for (at, line) in (0..area.height).zip(lines) {
            self.write(row(area, at), area.x, &line, Style::new());
        }
    }

    /// Who is asked, what is there, how old it is.
    fn head(&mut self, area: Rect, live: &State) {
        let (state, lang) = (self.state, self.state.look.lang);
        let style = Style::new().add_modifier(Modifier::REVERSED);
        self.buffer.set_style(area, style);
        let mut right = String::new();
        let mut tone = Tone::Plain;
        right.push_str(&alerts::head(state));
        match &state.picture {
            None => right.push_str(lang.word(if state.trouble.is_some() { "! no answer" } else { "asking" })),
            Some((snapshot, _)) => {
                let age = state.now_ms - snapshot.asked_ms;
                let is_stale = age > 3 * state.every.as_millis() as i64 + 2000;
                if state.trouble.is_some() || (is_stale && !state.paused) {
                    right.push_str(lang.word("! stale, "));
                    tone = Tone::Warn;
                }
                right.push_str(&lang.fill("{} old", &[&figures::span(age)]));
            }
        }
        let every = state.every.as_millis();
        let every = if every < 1000 { format!("{every}ms") } else { figures::span(every as i64) };
        right.push_str(&match (live.is_frozen(), state.playing) {
            (true, _) => lang.fill(", FROZEN {} ago ", &[&figures::span(live.now_ms - state.now_ms)]),
            (false, Some(playing)) => format!(", {} ", played(playing, state)),
            (false, None) if state.paused => lang.word(", PAUSED ").to_owned(),
            (false, None) => lang.fill(", every {} ", &[&every]),
        });
        let at = area.right().saturating_sub(sheet::wide(&right) as u16);
        let way: Vec<String> = state.places().iter().map(|place| place.view.name(lang)).collect();
        let left = Rect { width: at.saturating_sub(area.x + 1), ..area };
        let end = self.write(
            left,
            left.x,
            &format!(" rmq top{}  {}", if state.write { " WRITE" } else { "" }, way.join(" > ")),
            style.patch(self.style(Tone::Strong)),
        );
        self.write(left, end, &format!("  {}", state.names), style);
        self.write(area, at, &right, style.patch(self.style(tone)));
    }

    /// The totals with their charts.
    fn totals(&mut self, area: Rect) {
        let across = if area.width >= 120 { 4 } else { 2 };
        let totals = totals(self.state);
        let width = area.width / across;
        for (at, total) in totals.iter().enumerate() {
            let (line, column) = (at as u16 / across, at as u16 % across);
            let place = Rect { x: area.x + column * width, y: area.y + line, width, height: 1 };
            let end = self.write(place, place.x + 1, self.state.look.lang.word(total.title), self.style(Tone::Faint));
            let shown = padded(&total.cell.text, 11, true, self.state.look.cut());
            let end = self.write(place, end, &shown, self.style(Tone::Strong).patch(self.style(total.cell.tone)));
            let room = usize::from(place.right().saturating_sub(end + 2));
            let chart = self.state.history.line(room, self.state.look.steps(), total.of);
            self.write(place, end + 1, &chart, self.style(Tone::Plain));
        }
    }

    /// Why things are not known: of the picture, else of the row that is chosen. An alert is told in as many lines as
    /// there are.
    fn to_be_said(&self, sheet: &Sheet, chosen: Option<usize>, area: Rect) -> Vec<(String, Tone)> {
        let (state, lang) = (self.state, self.state.look.lang);
        if let Some((order, plan)) = &state.confirming {
            return vec![(format!("! {}: {plan}", order.says(lang)), Tone::Bad)];
        }
        let (text, tone) = match (&state.told, &state.trouble) {
            (Some(told), _) => (lang.told(told), Tone::Warn),
            (None, Some(why)) => (lang.fill("! no answer: {}", &[why]), Tone::Bad),
            (None, None) => {
                let mut said =
                    chosen.and_then(|at| sheet.rows.get(at)).map(|row| sheet.said_of(row)).unwrap_or_default();
                if said.is_empty() {
                    // Then what is to be said of another.
                    let noted = sheet
                        .rows
                        .iter()
                        .find_map(|row| Some(format!("! {}: {}", row.cells.first()?.text, row.note.as_ref()?)));
                    said.extend(noted.filter(|_| state.place().view == View::Cluster));
                }
                (said.join("; "), Tone::Faint)
            }
        };
        if state.place().view != View::Alerts || tone != Tone::Faint {
            return vec![(text, tone)];
        }
        let lines = alerts::wrapped(
            &text,
            usize::from(area.width.saturating_sub(2)),
            usize::from(area.height),
            state.look.cut(),
        );
        lines.into_iter().map(|line| (line, tone)).collect()
    }

    /// What is being typed, else the keys; gives where the cursor stands.
    fn foot(&mut self, area: Rect) -> Option<Position> {
        let lang = self.state.look.lang;
        if let Some(prompt) = &self.state.prompt {
            let sign = match prompt.kind {
                PromptKind::Filter => "/".to_owned(),
                PromptKind::Jump => ":".to_owned(),
                PromptKind::Confirm => {
                    let subject = self.state.confirming.as_ref().map_or("", |(order, _)| order.subject());
                    lang.fill("type {} to do it, Esc to leave it > ", &[&subject])
                }
            };
            let end = self.write(area, area.x, &format!("{sign}{}", prompt.text), Style::new());
            return Some(Position { x: end.min(area.right() - 1), y: area.y });
        }
        let mut x = area.x + 1;
        for (shown, short) in
            BINDINGS.iter().filter_map(|binding| Some((lang.word(binding.shown), lang.word(binding.short?))))
        {
            let wide = sheet::wide(shown) + sheet::wide(short) + 3;
            if usize::from(area.right().saturating_sub(x)) < wide {
                break;
            }
            x = self.write(area, x, shown, self.style(Tone::Strong));
            x = self.write(area, x, &format!(" {short}  "), self.style(Tone::Faint));
        }
        None
    }
}

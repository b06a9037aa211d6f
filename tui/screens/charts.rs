//! The last quarter of an hour: of the row one came from, if that is kept (brokers, and groups that were behind), and of the
//! totals. What was not known is a gap.

use super::{Canvas, cluster::totals, row};
use crate::{
    figures::{bytes, count},
    history::{Point, Sample},
    look::Tone,
    sheet::{Cell, Row, Sheet, padded, wide},
    state::{State, View},
};
use ratatui::layout::Rect;

mod plot;

/// From so many minutes on everything is shown; before that less.
const SPANS_MIN: [i64; 3] = [1, 5, 15];
/// Values further apart than so many refreshes are not joined.
const JOINED: i64 = 3;
/// Nor than this, where it is asked more often, ms.
const JOINED_MS: i64 = 20_000;
/// Columns for the numbers at the left.
const AXIS: u16 = 10;

/// What a sample tells of one thing, if it does.
type Measured = fn(&Sample) -> Option<f64>;
/// How that is written.
type Shown = fn(f64) -> String;

/// One chart.
struct Chart {
    title: String,
    points: Vec<Point>,
    shown: Shown,
}

fn number(value: f64) -> String {
    count(value)
}

fn charts(state: &State) -> Vec<Chart> {
    let mut all: Vec<_> = of_row(state).into_iter().collect();
    let totals: [(&str, Measured, Shown); 4] = [
        ("in/s", |sample| sample.put, number),
        ("out/s", |sample| sample.got, number),
        ("bytes in/s", |sample| sample.bytes, bytes),
        ("lag", |sample| sample.lag, number),
    ];
    all.extend(totals.into_iter().map(|(title, of, shown)| Chart {
        title: state.look.lang.word(title).to_owned(),
        points: state.history.points(of),
        shown,
    }));
    all
}

/// That of the row, or of the screen, one came from.
fn of_row(state: &State) -> Option<Chart> {
    let (places, lang) = (state.places(), state.look.lang);
    let from = places.len().checked_sub(2).and_then(|at| places.get(at))?;
    let broker = |key: &str| Some((lang.fill("{}: in/s", &[&key]), state.trails.brokers.get(key)?));
    let group = |key: &str| Some((lang.fill("{}: lag", &[&key]), state.trails.groups.get(key)?));
    let (title, trail) = match (&from.view, &from.chosen) {
        (View::Cluster, Some(key)) => broker(key),
        (View::Groups, Some(key)) => group(key),
        (View::Broker(cluster, name, id), _) => broker(&format!("{cluster}/{name}/{id}")),
        (View::Group(name), _) => group(name),
        _ => None,
    }?;
    Some(Chart { title, points: trail.points(), shown: number })
}

/// The same in words.
pub fn list(state: &State) -> Sheet {
    let columns = [("WHAT", false, 0), ("NOW", true, 0), ("LEAST", true, 1), ("MOST", true, 0), ("MEAN", true, 2)];
    let mut sheet = Sheet::new("the last 15 minutes", &columns, "");
    let now = totals(state);
    for (at, chart) in charts(state).iter().rev().enumerate() {
        let known: Vec<f64> = chart.points.iter().filter_map(|(_, value)| *value).collect();
        let of = |number: Option<f64>| number.map_or_else(Cell::none, |number| Cell::number(number, chart.shown));
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        sheet.rows.push(Row {
            key: chart.title.clone(),
            cells: vec![
                Cell::text(chart.title.clone()),
                match 3_usize.checked_sub(at).and_then(|at| now.get(at)) {
                    Some(total) => total.cell.clone(),
                    None => of(chart.points.last().and_then(|(_, value)| *value)),
                },
                of(known.iter().copied().reduce(f64::min)),
                of(known.iter().copied().reduce(f64::max)),
                of((!known.is_empty()).then_some(mean)),
            ],
            ..Row::default()
        });
    }
    sheet.rows.reverse();
    sheet
}

impl Canvas<'_> {
    /// The row's above, the totals below, two side by side.
    pub(super) fn charts(&mut self, area: Rect) {
        let state = self.state;
        let all = charts(state);
        let oldest = all.iter().filter_map(|chart| Some(chart.points.first()?.0)).min();
        let seen_ms = oldest.map_or(0, |oldest| state.now_ms - oldest);
        let minutes = SPANS_MIN.into_iter().find(|minutes| seen_ms <= minutes * 60_000).unwrap_or(15);
        let (of_row, totals) = all.split_at(all.len() - 4);
        let lines = 2 + of_row.len() as u16;
        let height = area.height / lines;
        for chart in of_row {
            self.chart(Rect { height, ..area }, chart, minutes);
        }
        let below = Rect { y: area.y + of_row.len() as u16 * height, ..area };
        let width = area.width / 2;
        for (at, chart) in totals.iter().enumerate() {
            let (line, column) = (at as u16 / 2, at as u16 % 2);
            let place = Rect { x: below.x + column * width, y: below.y + line * height, width, height };
            self.chart(place, chart, minutes);
        }
    }

    fn chart(&mut self, area: Rect, chart: &Chart, minutes: i64) {
        let state = self.state;
        if area.height < 3 || area.width < AXIS + 8 {
            return;
        }
        let joined_ms = (JOINED * state.every.as_millis() as i64).max(JOINED_MS);
        let (columns, lines) = (area.width - AXIS - 2, area.height - 2);
        let window = plot::Window { from_ms: state.now_ms - minutes * 60_000, to_ms: state.now_ms, joined_ms };
        let drawn = plot::lines(&chart.points, &window, columns, lines, state.look.ascii);
        let now = match chart.points.last() {
            Some((_, Some(now))) => (chart.shown)(*now),
            _ => "?".to_owned(),
        };
        let most = drawn.most.map_or_else(|| "?".to_owned(), chart.shown);
        let lang = state.look.lang;
        let numbers = lang.fill("now {}, most {}", &[&now, &most]);
        let title =
            padded(&chart.title, usize::from(area.width).saturating_sub(wide(&numbers) + 4), false, state.look.cut());
        let end = self.write(row(area, 0), area.x + 1, title.trim_end(), self.style(Tone::Strong));
        self.write(row(area, 0), end + 2, &numbers, self.style(Tone::Plain));
        let (bar, corner, rule) = if state.look.ascii { ("|", "+", "-") } else { ("│", "└", "─") };
        for (at, line) in drawn.lines.iter().enumerate() {
            let place = row(area, at as u16 + 1);
            let label = match at {
                0 => (chart.shown)(drawn.top),
                _ if at + 1 == drawn.lines.len() => "0".to_owned(),
                _ => String::new(),
            };
            let label = padded(&label, usize::from(AXIS - 1), true, state.look.cut());
            self.write(place, area.x, &label, self.style(Tone::Faint));
            self.write(place, area.x + AXIS - 1, bar, self.style(Tone::Faint));
            self.write(place, area.x + AXIS, line, self.style(Tone::Plain));
        }
        let (begin, end) = (format!("-{minutes}m "), format!(" {}", lang.word("now")));
        let rules = usize::from(columns).saturating_sub(wide(&begin) + wide(&end));
        let axis = format!("{corner}{begin}{}{end}", rule.repeat(rules));
        self.write(row(area, area.height - 1), area.x + AXIS - 1, &axis, self.style(Tone::Faint));
    }
}

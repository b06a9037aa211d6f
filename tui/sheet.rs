//! A table before it is drawn or printed: columns, rows, what is not known and why, sorting, filtering, and which columns
//! fit into a width. Does not draw.

use crate::{feed::Spot, filter::Filter, look::Tone, state::View, words::Lang};
use admin::snapshot::{Known, Unknown};
use ratatui::text::Span;
use std::cmp::Ordering;

/// What stands for a value that is not known.
const UNKNOWN: &str = "?";
/// Blanks between two columns.
const GAP: usize = 2;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Whether it stands at the right: numbers.
    pub right: bool,
    /// How soon it is left out where there is no room: the highest first, 0 never.
    pub rank: u8,
    /// Whether somebody chose not to see it.
    pub hidden: bool,
}

/// What cells are sorted by.
#[derive(Clone, Debug, PartialEq)]
enum Order {
    Number(f64),
    /// As it stands there, or the English word.
    Text,
    Unknown,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What is shown.
    pub text: String,
    /// What it means.
    pub tone: Tone,
    /// Why it is not known, if so.
    pub why: Option<Unknown>,
    order: Order,
    /// The English word it is, if it is one of the fixed ones.
    word: Option<&'static str>,
}

impl Cell {
    /// A text. Control characters in it are shown, not obeyed.
    pub fn text(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.chars().any(char::is_control) {
            text = text
                .chars()
                .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
                .collect();
        }
        Self { order: Order::Text, text, tone: Tone::Plain, why: None, word: None }
    }

    /// One of the fixed words.
    pub fn word(word: &'static str) -> Self {
        Self { word: Some(word), ..Self::text(word) }
    }

    /// A number in words.
    pub fn number(number: f64, shown: impl Fn(f64) -> String) -> Self {
        Self { text: shown(number), tone: Tone::Plain, why: None, order: Order::Number(number), word: None }
    }

    /// A number, or `?` with the reason.
    pub fn known(number: Known<f64>, shown: impl Fn(f64) -> String) -> Self {
        match number {
            Ok(number) => Self::number(number, shown),
            Err(why) => Self::unknown(why),
        }
    }

    /// `?`
    pub fn unknown(why: Unknown) -> Self {
        Self { text: UNKNOWN.to_owned(), tone: Tone::Faint, why: Some(why), order: Order::Unknown, word: None }
    }

    /// There is no such thing: `-`.
    pub fn none() -> Self {
        Self { text: "-".to_owned(), tone: Tone::Faint, why: None, order: Order::Unknown, word: None }
    }

    /// The same, shown as one of the fixed words.
    pub fn called(mut self, word: &'static str) -> Self {
        (self.text, self.word) = (word.to_owned(), Some(word));
        self
    }

    /// The same with another tone, where that is so.
    pub fn tone_if(mut self, is_so: bool, tone: Tone) -> Self {
        if is_so {
            self.tone = tone;
        }
        self
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self.order {
            Order::Number(number) => Some(number),
            _ => None,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (&self.order, &other.order) {
            (Order::Number(one), Order::Number(other)) => one.total_cmp(other),
            (Order::Text, Order::Text) => self.word.unwrap_or(&self.text).cmp(other.word.unwrap_or(&other.text)),
            (Order::Text, _) => Ordering::Less,
            (_, Order::Text) => Ordering::Greater,
            (Order::Number(_), Order::Unknown) => Ordering::Less,
            (Order::Unknown, Order::Number(_)) => Ordering::Greater,
            (Order::Unknown, Order::Unknown) => Ordering::Equal,
        }
    }
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What it is about: stays the same from one picture to the next.
    pub key: String,
    /// As many as there are columns.
    pub cells: Vec<Cell>,
    /// What is shown when it is chosen.
    pub opens: Option<View>,
    /// What is to be said of it.
    pub note: Option<String>,
    /// Its messages, if it has some.
    pub messages: Option<Spot>,
    /// Codes of the alerts about it: `H15`.
    pub alerts: Vec<&'static str>,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// What stands above it.
    pub title: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, as many cells each as there are columns.
    pub rows: Vec<Row>,
    /// What is said where there are none.
    pub empty: String,
    /// The column it is sorted by, and whether the largest comes first.
    pub sorted: Option<(usize, bool)>,
}

impl Sheet {
    /// An empty one. The columns: heading, whether its cells stand at the right, rank.
    pub fn new(title: impl Into<String>, columns: &[(&'static str, bool, u8)], empty: impl Into<String>) -> Self {
        let columns =
            columns.iter().map(|&(title, right, rank)| Column { title, right, rank, hidden: false }).collect();
        Self { title: title.into(), columns, rows: Vec::new(), empty: empty.into(), sorted: None }
    }

    /// Leaves out the rows that [`Filter`] does not take; none if that is not understood. Says so in `lang`.
    pub fn filter(&mut self, filter: &str, lang: Lang) {
        let Ok(Some(taken)) = Filter::of(filter) else { return };
        let all = self.rows.len();
        self.rows.retain(|row| taken.takes(row.cells.iter().map(|cell| &*cell.text)));
        let (title, filter) = (lang.told(&self.title), format!("{filter:?}"));
        self.title = lang.fill("{}: {} of {} match {}", &[&title, &self.rows.len(), &all, &filter]);
        self.empty = lang.fill("nothing matches {}", &[&filter]);
    }

    /// One more column, from what `cell` makes of each row's key.
    pub fn add(&mut self, title: &'static str, rank: u8, cell: impl Fn(&str) -> Cell) {
        self.columns.push(Column { title, right: false, rank, hidden: false });
        for row in &mut self.rows {
            let cell = cell(&row.key);
            row.cells.push(cell);
        }
    }

    /// The whole as a text for a file: nothing is cut.
    pub fn as_text(&self) -> String {
        let columns = self.fit(usize::MAX);
        let line = |cell: &dyn Fn(usize) -> String| {
            let cells: Vec<_> =
                columns.iter().map(|(at, wide)| padded(&cell(*at), *wide, self.columns[*at].right, ' ')).collect();
            cells.join("  ").trim_end().to_owned() + "\n"
        };
        let mut text = format!("{}\n", self.title);
        if self.rows.is_empty() {
            return format!("{text}{}\n", self.empty);
        }
        text.push_str(&line(&|at| self.columns[at].title.to_owned()));
        for row in &self.rows {
            text.push_str(&line(&|at| row.cells.get(at).map(|cell| cell.text.clone()).unwrap_or_default()));
        }
        text
    }

    /// Sorts by a column. What is not known comes last, either way.
    pub fn sort(&mut self, column: usize, largest_first: bool) {
        if column >= self.columns.len() {
            return;
        }
        self.sorted = Some((column, largest_first));
        let none = Cell::none();
        // What moves is small: rows are not.
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by(|one, other| {
            let cell = |at: usize| self.rows[at].cells.get(column).unwrap_or(&none);
            let (one, other) = (cell(*one), cell(*other));
            match (&one.order, &other.order) {
                (Order::Unknown, _) | (_, Order::Unknown) => one.compare(other),
                _ if largest_first => other.compare(one),
                _ => one.compare(other),
            }
        });
        self.rows = order.into_iter().map(|at| std::mem::take(&mut self.rows[at])).collect();
    }

    /// Its headings, fixed words and fixed sentences in another language. What it is sorted and filtered by stays English.
    pub fn translate(&mut self, lang: Lang) {
        if lang == Lang::English {
            return;
        }
        (self.title, self.empty) = (lang.told(&self.title), lang.told(&self.empty));
        for column in &mut self.columns {
            column.title = lang.word(column.title);
        }
        for note in self.rows.iter_mut().filter_map(|row| row.note.as_mut()) {
            *note = lang.told(note);
        }
        for cell in self.rows.iter_mut().flat_map(|row| &mut row.cells) {
            if let Some(word) = cell.word {
                cell.text = lang.word(word).to_owned();
            }
            if let Some(why) = &mut cell.why {
                *why = Unknown::because(lang.told(&why.to_string()));
            }
        }
    }

    /// Which columns are shown in `width`, and how wide each is.
    pub fn fit(&self, width: usize) -> Vec<(usize, usize)> {
        let wide = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| wide(&cell.text));
            // Room for the mark of the column it is sorted by.
            cells.max().unwrap_or(0).max(wide(self.columns[at].title) + usize::from(self.is_sorted_by(at)))
        };
        let shown = (0..self.columns.len()).filter(|at| !self.columns[*at].hidden);
        let mut kept: Vec<_> = shown.map(|at| (at, wide(at))).collect();
        let total =
            |kept: &[(usize, usize)]| kept.iter().map(|(_, wide)| wide + GAP).sum::<usize>().saturating_sub(GAP);
        while total(&kept) > width {
            let last = kept.iter().enumerate().max_by_key(|(_, (at, _))| self.columns[*at].rank);
            match last {
                Some((place, (at, _))) if self.columns[*at].rank > 0 => drop(kept.remove(place)),
                _ => break,
            }
        }
        // What must be shown and has no room is cut, the widest first.
        while total(&kept) > width {
            match kept.iter_mut().max_by_key(|(_, wide)| *wide) {
                Some((_, wide)) if *wide > 1 => *wide -= 1,
                _ => break,
            }
        }
        kept
    }

    fn is_sorted_by(&self, column: usize) -> bool {
        self.sorted.is_some_and(|(sorted, _)| sorted == column)
    }

    /// Why cells of a row are not known, and what is said of it: each once.
    pub fn said_of(&self, row: &Row) -> Vec<String> {
        let mut said: Vec<String> = row.note.iter().cloned().collect();
        for (column, cell) in self.columns.iter().zip(&row.cells).filter(|(column, _)| !column.hidden) {
            if let Some(why) = &cell.why {
                let why = why.to_string();
                match said.iter_mut().find(|said| said.ends_with(&format!("? {why}"))) {
                    Some(told) => *told = format!("{} {told}", column.title),
                    None if row.note.as_ref().is_some_and(|note| note.contains(&why)) => {}
                    None => said.push(format!("{}? {why}", column.title)),
                }
            }
        }
        said
    }
}

/// How many columns of a terminal a text takes.
pub fn wide(text: &str) -> usize {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.len();
    }
    Span::raw(text).width()
}

/// A text in exactly `width` columns of a terminal: cut with a mark, or filled with blanks.
pub fn padded(text: &str, width: usize, right: bool, mark: char) -> String {
    let had = wide(text);
    if had <= width {
        let blanks = " ".repeat(width - had);
        return if right { blanks + text } else { text.to_owned() + &blanks };
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let next = wide(c.encode_utf8(&mut [0; 4]));
        if used + next + 1 > width {
            break;
        }
        kept.push(c);
        used += next;
    }
    if used < width {
        kept.push(mark);
        used += 1;
    }
    kept + &" ".repeat(width.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(names: &[(&str, Option<f64>)]) -> Sheet {
        let mut sheet = Sheet::new("things", &[("name", false, 0), ("n", true, 1)], "nothing");
        sheet.rows = names
            .iter()
            .map(|(name, number)| Row {
                key: (*name).to_owned(),
                cells: vec![
                    Cell::text(*name),
                    Cell::known(number.ok_or_else(|| Unknown::because("away")), |n| n.to_string()),
                ],
                ..Row::default()
            })
            .collect();
        sheet
    }

    fn names(sheet: &Sheet) -> Vec<&str> {
        sheet.rows.iter().map(|row| row.key.as_str()).collect()
    }

    #[test]
    fn what_is_not_known_comes_last_in_both_directions_and_is_no_number() {
        let mut sheet = sheet(&[("a", None), ("b", Some(2.0)), ("c", Some(10.0))]);
        sheet.sort(1, true);
        assert_eq!(names(&sheet), ["c", "b", "a"]);
        sheet.sort(1, false);
        assert_eq!(names(&sheet), ["b", "c", "a"]);
        assert_eq!(
            (sheet.rows[2].cells[1].text.as_str(), sheet.said_of(&sheet.rows[2])),
            ("?", vec!["n? away".to_owned()])
        );
    }

    #[test]
    fn a_filter_takes_or_leaves_and_says_so() {
        let mut taken = sheet(&[("Orders", None), ("bills", None)]);
        taken.filter("order", Lang::English);
        assert_eq!((names(&taken), taken.title.as_str()), (vec!["Orders"], "things: 1 of 2 match \"order\""));
        let mut left = sheet(&[("Orders", None), ("bills", None)]);
        left.filter("!order", Lang::English);
        assert_eq!(names(&left), ["bills"]);
    }

    #[test]
    fn columns_go_by_rank_and_what_is_cut_is_marked() {
        let sheet = sheet(&[("a-long-name", Some(1.0))]);
        assert_eq!(sheet.fit(20), [(0, 11), (1, 1)]);
        assert_eq!(sheet.fit(12), [(0, 11)]);
        assert_eq!(sheet.fit(5), [(0, 5)]);
        assert_eq!(padded("a-long-name", 5, false, '…'), "a-lo…");
        assert_eq!(padded("中文名", 4, false, '…'), "中… ");
        assert_eq!(padded("7", 3, true, '…'), "  7");
        assert_eq!((padded("x", 0, false, '…'), padded("中", 1, false, '…')), (String::new(), "…".to_owned()));
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        assert_eq!(Cell::text("a\x1b[2J").text, r"a\u{1b}[2J");
    }
}

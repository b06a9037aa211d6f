//! Where things are on the screen: for who draws them, and for the mouse.

use super::{mark, worst_groups};
use crate::{
    sheet::Sheet,
    state::{State, View},
};
use ratatui::layout::Rect;

/// Blanks, or the mark of the row that is chosen, at the left of a table; with one at the right, what its cells lack.
pub const MARGIN: u16 = 2;
/// The title and the headings above the rows.
pub const HEAD: u16 = 2;

/// Most lines that are said of an alert.
const SAID: u16 = 7;

/// The parts of a screen between head and foot.
pub struct Parts {
    /// The totals, on the screen of the cluster.
    pub totals: Option<Rect>,
    /// The rows one walks in.
    pub list: Rect,
    /// The groups that are furthest behind, there.
    pub worst: Option<Rect>,
    /// What is said of the chosen row.
    pub said: Rect,
}

/// Where they are on a screen that is large enough, for so many rows.
pub fn parts(state: &State, rows: usize, screen: Rect) -> Parts {
    let width = screen.width;
    // An alert has more to say.
    let lines = if state.place().view == View::Alerts { (screen.height / 4).clamp(1, SAID) } else { 1 };
    let mut list = Rect { y: screen.y + 1, height: screen.height.saturating_sub(2 + lines), ..screen };
    let said = Rect { y: list.bottom(), height: lines, ..screen };
    if state.place().view != View::Cluster {
        return Parts { totals: None, list, worst: None, said };
    }
    let totals = Rect { height: (if width >= 120 { 2 } else { 3 }).min(list.height), ..list };
    list = Rect { y: totals.bottom(), height: list.height - totals.height, ..list };
    // Brokers first: groups get what is left, or at least their title and three of them.
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(3);
    let for_groups = list.height.saturating_sub(rows).clamp(5, 12).min(list.height / 2);
    let worst = Rect { y: list.bottom() - for_groups, height: for_groups, ..list };
    list.height -= for_groups;
    Parts { totals: Some(totals), list, worst: Some(worst), said }
}

/// A table in its place.
pub struct Placed {
    /// All of it.
    pub area: Rect,
    /// Which columns are shown: which, where it begins, how wide it is.
    pub columns: Vec<(usize, u16, u16)>,
    /// The first row that is shown.
    pub top: usize,
    /// How many rows have room.
    pub room: usize,
}

impl Placed {
    /// Places it so that the chosen row is in sight, and what was at the top stays there if it can.
    pub fn of(sheet: &Sheet, area: Rect, chosen: Option<usize>, top: usize) -> Self {
        let room = usize::from(area.height.saturating_sub(HEAD));
        let chosen = chosen.unwrap_or(0);
        let top = top.min(sheet.rows.len().saturating_sub(room)).max((chosen + 1).saturating_sub(room)).min(chosen);
        let mut x = area.x + MARGIN;
        let mut columns = Vec::new();
        for (at, wide) in sheet.fit(usize::from(area.width.saturating_sub(MARGIN + 1))) {
            columns.push((at, x, wide as u16));
            x += wide as u16 + 2;
        }
        Self { area, columns, top, room }
    }

    /// The column whose heading is there.
    pub fn heading_at(&self, x: u16, y: u16) -> Option<usize> {
        let is_there = |from: u16, wide: u16| (from..from + wide + 2).contains(&x);
        let found = self.columns.iter().find(|(_, from, wide)| is_there(*from, *wide)).map(|(at, ..)| *at);
        found.filter(|_| y == self.area.y + 1)
    }

    /// The row that is there, or would be.
    pub fn row_at(&self, x: u16, y: u16) -> Option<usize> {
        let is_there = (self.area.x..self.area.right()).contains(&x) && y < self.area.bottom();
        let line = y.checked_sub(self.area.y + HEAD)?;
        is_there.then(|| self.top + usize::from(line))
    }
}

/// The rows one walks in, on the screen there is.
pub fn list(state: &State, sheet: &Sheet) -> Placed {
    let (width, height) = state.size;
    let area = parts(state, sheet.rows.len(), Rect { x: 0, y: 0, width, height }).list;
    list_in(state, sheet, area)
}

/// The rows one walks in.
pub fn list_in(state: &State, sheet: &Sheet, area: Rect) -> Placed {
    Placed::of(sheet, area, state.chosen_in(sheet), state.place().top)
}

/// The groups that are furthest behind.
pub fn worst(state: &State, area: Rect) -> (Sheet, Placed) {
    let mut sheet = mark(state, worst_groups(state));
    sheet.translate(state.look.lang);
    let placed = Placed::of(&sheet, area, None, 0);
    (sheet, placed)
}

//! Which columns a screen shows: a screen of its own, whose rows are the columns.

use super::{Effect, State, View};
use crate::{
    screens,
    sheet::{Cell, Row, Sheet},
};

impl State {
    /// Goes to the columns of what is shown; back, if one is there.
    pub(super) fn choose_columns(&mut self) -> Vec<Effect> {
        let view = self.place().view.clone();
        match view {
            View::Columns(of) => self.go(*of),
            View::Charts | View::Help => {
                self.told = Some("this screen has no columns to choose".to_owned());
                Vec::new()
            }
            of => self.go(View::Columns(Box::new(of))),
        }
    }

    /// Hides the column that is chosen, or shows it again.
    pub(super) fn toggle_column(&mut self) {
        let View::Columns(of) = self.place().view.clone() else { return };
        let sheet = self.sheet();
        let chosen = self.chosen_in(&sheet).and_then(|at| sheet.rows.get(at));
        match chosen {
            Some(row) if row.opens.is_none() => self.told = Some("this column says what the row is".to_owned()),
            Some(row) => {
                let title = row.key.clone();
                self.remembered.toggle(of.kind(), &title);
            }
            None => {}
        }
    }

    /// The columns of a screen.
    pub(crate) fn columns(&self, of: &View) -> Sheet {
        let mut sheet = Sheet::new(
            self.look
                .lang
                .fill("columns of {}: space shows and hides, Esc goes back", &[&self.look.lang.word(of.kind())]),
            &[("COLUMN", false, 0), ("", false, 0)],
            "",
        );
        let hidden = self.remembered.hidden.get(of.kind());
        for (at, column) in screens::sheet(self, of).columns.iter().enumerate() {
            let is_hidden = at > 0 && hidden.is_some_and(|hidden| hidden.contains(column.title));
            sheet.rows.push(Row {
                key: column.title.to_owned(),
                cells: vec![Cell::word(column.title), Cell::word(if is_hidden { "hidden" } else { "shown" })],
                // The first cannot be hidden.
                opens: (at > 0).then(|| of.clone()),
                ..Row::default()
            });
        }
        sheet
    }
}

//! What is carried out of the screen: the name of a row, or all rows as a text.

use super::{Effect, State};

impl State {
    /// The first cell of the row that is chosen.
    pub(super) fn copy(&mut self) -> Vec<Effect> {
        let sheet = self.sheet();
        let cell = self.chosen_in(&sheet).and_then(|at| sheet.rows.get(at)?.cells.first());
        let Some(cell) = cell else {
            self.told = Some("there is no row to copy".to_owned());
            return Vec::new();
        };
        self.told = Some(self.look.lang.fill("copied, if the terminal lets programs do so: {}", &[&cell.text]));
        vec![Effect::Copy(cell.text.clone())]
    }

    /// All rows, with nothing cut.
    pub(super) fn save(&self) -> Vec<Effect> {
        vec![Effect::Save(format!("rmq-top-{}", self.place().view.kind()), self.sheet().as_text())]
    }
}

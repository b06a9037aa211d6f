//! What the mouse does: a click on a row chooses it, and one more opens it; a click on a heading sorts; the wheel walks.

use super::{Effect, State};
use crate::screens::{LEAST, placing};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

/// Rows a step of the wheel goes.
const STEP: usize = 3;

impl State {
    pub(super) fn point(&mut self, event: MouseEvent) -> Vec<Effect> {
        if let Some(frozen) = &mut self.frozen {
            // What opens is to be asked for, and a screen that stands still has no answers.
            let effects = frozen.point(event);
            if !effects.is_empty() {
                frozen.told = Some("the screen stands still: f lets it go on".to_owned());
            }
            return Vec::new();
        }
        if self.prompt.is_some() || self.size.0 < LEAST.0 || self.size.1 < LEAST.1 {
            return Vec::new();
        }
        let sheet = self.sheet();
        let Some(chosen) = self.chosen_in(&sheet) else { return Vec::new() };
        match event.kind {
            MouseEventKind::ScrollUp => self.choose(&sheet, chosen.saturating_sub(STEP)),
            MouseEventKind::ScrollDown => self.choose(&sheet, (chosen + STEP).min(sheet.rows.len() - 1)),
            MouseEventKind::Down(MouseButton::Left) => {
                self.told = None;
                let placed = placing::list(self, &sheet);
                if let Some(column) = placed.heading_at(event.column, event.row) {
                    let largest_first = match sheet.sorted {
                        Some((sorted, largest_first)) if sorted == column => !largest_first,
                        _ => sheet.columns[column].right,
                    };
                    self.sort_at(column, largest_first);
                    return Vec::new();
                }
                let at = placed.row_at(event.column, event.row).filter(|at| *at < sheet.rows.len());
                let Some(at) = at else { return Vec::new() };
                let key = &sheet.rows[at].key;
                let again = chosen == at && self.clicked.as_ref() == Some(key);
                self.choose(&sheet, at);
                if again && !self.is_frozen() {
                    self.clicked = None;
                    return self.press(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
                }
                self.clicked = Some(key.clone());
            }
            _ => {}
        }
        Vec::new()
    }
}

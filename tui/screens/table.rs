//! Draws a table: its title, headings, and the rows that have room.

use super::{
    Canvas,
    placing::{HEAD, Placed},
    row,
};
use crate::{
    look::Tone,
    sheet::{Sheet, padded, wide},
};
use ratatui::style::{Modifier, Style};

impl Canvas<'_> {
    pub(super) fn table(&mut self, sheet: &Sheet, placed: &Placed, chosen: Option<usize>) {
        let (area, look) = (placed.area, self.state.look);
        if area.height < HEAD {
            return;
        }
        let title = self.write(row(area, 0), area.x + 1, &sheet.title, self.style(Tone::Strong));
        if sheet.rows.is_empty() {
            self.write(row(area, 1), area.x + 2, &sheet.empty, self.style(Tone::Faint));
            return;
        }
        for &(at, x, width) in &placed.columns {
            let column = &sheet.columns[at];
            let sorted = match (sheet.sorted.filter(|(by, _)| *by == at), look.ascii) {
                (None, _) => "",
                (Some((_, true)), true) => "v",
                (Some((_, true)), false) => "▼",
                (Some((_, false)), true) => "^",
                (Some((_, false)), false) => "▲",
            };
            let title = padded(&format!("{}{sorted}", column.title), usize::from(width), column.right, look.cut());
            self.write(row(area, 1), x, &title, self.style(Tone::Faint).add_modifier(Modifier::UNDERLINED));
        }
        for (line, (at, shown)) in sheet.rows.iter().enumerate().skip(placed.top).take(placed.room).enumerate() {
            let place = row(area, line as u16 + HEAD);
            let is_chosen = chosen == Some(at);
            let base = if is_chosen { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
            self.buffer.set_style(place, base);
            if is_chosen {
                self.write(place, area.x, ">", base);
            }
            for &(at, x, width) in &placed.columns {
                let Some(cell) = shown.cells.get(at) else { continue };
                let text = padded(&cell.text, usize::from(width), sheet.columns[at].right, look.cut());
                self.write(place, x, &text, base.patch(self.style(cell.tone)));
            }
        }
        let (first, last, all) = (placed.top + 1, placed.top + placed.room, sheet.rows.len());
        if placed.room < all {
            let page = look.lang.fill(" {}-{} of {} ", &[&first, &last.min(all), &all]);
            let at = area.right().saturating_sub(wide(&page) as u16 + 1);
            self.write(row(area, 0), at, &page, self.style(if title > at { Tone::Plain } else { Tone::Faint }));
        }
    }
}

//! The help: the table of keys.

use crate::{
    keys::BINDINGS,
    sheet::{Cell, Row, Sheet},
};

/// Each key and what it does.
pub fn keys() -> Sheet {
    let mut sheet = Sheet::new("keys", &[("KEY", false, 0), ("DOES", false, 0)], "");
    sheet.rows = BINDINGS
        .iter()
        .map(|binding| Row {
            key: binding.shown.to_owned(),
            cells: vec![Cell::word(binding.shown), Cell::word(binding.says)],
            note: Some("what is not known is ? and never 0; the reason for the chosen row stands here".to_owned()),
            ..Row::default()
        })
        .collect();
    sheet
}

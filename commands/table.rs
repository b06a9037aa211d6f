//! Tables on standard output: columns by blanks, headings in capitals, nothing cut.

use comfy_table::{ContentArrangement, Table, presets};

/// Rows below headings, each line without blanks at its end.
pub fn render<R, C>(headings: &[&str], rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = C>,
    C: ToString,
{
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(headings);
    for row in rows {
        table.add_row(row.into_iter().map(|cell| one_line(&cell.to_string())).collect::<Vec<_>>());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// What is empty is a dash, so that columns can be counted; control characters are shown, not obeyed.
pub fn one_line(cell: &str) -> String {
    if cell.is_empty() {
        return "-".to_owned();
    }
    cell.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// At most `most` characters of a text, marked with … if that is not all.
pub fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let long = "x".repeat(300);
        let text = render(&["NAME", "N"], [["a", "1"], [&long, ""], ["中文", "2"]]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("NAME  ") && lines[0].ends_with("  N"), "{:?}", lines[0]);
        assert_eq!(lines[2], format!("{long}  -"));
        assert!(lines.iter().all(|line| !line.ends_with(' ')));
    }

    #[test]
    fn what_a_message_holds_cannot_move_the_cursor() {
        assert_eq!(render(&["B"], [["a\x1b[2J\nb"]]).lines().nth(1), Some(r"a\u{1b}[2J\nb"));
    }

    #[test]
    fn what_is_cut_is_marked() {
        assert_eq!(beginning("abc", 3), "abc");
        assert_eq!(beginning("äbcd", 3), "äb…");
    }
}

//! Which rows a filter takes: a regular expression, or with `!` before it those that it does not fit.

use regex_lite::Regex;

/// What was typed, understood.
#[derive(Clone, Debug)]
pub struct Filter {
    pattern: Regex,
    /// Whether it takes what the pattern fits.
    takes: bool,
    /// Whether large letters are other letters than small ones: if there is one in it.
    exact: bool,
}

impl Filter {
    /// Understands it; `None` if it says nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(text: &str) -> Result<Option<Self>, String> {
        let (takes, pattern) = text.strip_prefix('!').map_or((true, text), |pattern| (false, pattern));
        if pattern.is_empty() {
            return Ok(None);
        }
        let wrong = |error: regex_lite::Error| format!("{pattern:?} is no regular expression: {error}");
        Ok(Some(Self { pattern: Regex::new(pattern).map_err(wrong)?, takes, exact: has_large(pattern) }))
    }

    /// Whether it takes a row of these cells.
    pub fn takes<'a>(&self, mut cells: impl Iterator<Item = &'a str>) -> bool {
        cells.any(|cell| match self.exact {
            true => self.pattern.is_match(cell),
            false => self.pattern.is_match(&cell.to_lowercase()),
        }) == self.takes
    }
}

/// Whether a letter is large; what follows a backslash (`\S`) is none.
fn has_large(pattern: &str) -> bool {
    let mut escaped = false;
    pattern.chars().any(|c| {
        let is_large = !escaped && c.is_uppercase();
        escaped = !escaped && c == '\\';
        is_large
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(filter: &str, row: &[&str]) -> bool {
        Filter::of(filter).unwrap().unwrap().takes(row.iter().copied())
    }

    #[test]
    fn small_letters_find_large_ones_and_a_large_one_finds_itself() {
        assert!(takes("order", &["Orders", "1"]) && takes("заказ", &["ЗАКАЗЫ"]));
        assert!(takes("Ord", &["Orders"]) && !takes("ORD", &["Orders"]));
        assert!(takes(r"^\S+s$", &["ORDERS"]), "a class is no large letter");
        assert!(takes("^(a|b)$", &["x", "B"]) && !takes("^(a|b)$", &["ab"]));
    }

    #[test]
    fn the_other_rows_are_taken_after_an_exclamation_mark() {
        assert!(takes("!order", &["bills"]) && !takes("!order", &["Orders", "bills"]));
    }

    #[test]
    fn nothing_takes_all_and_nonsense_is_told() {
        assert!(Filter::of("").unwrap().is_none() && Filter::of("!").unwrap().is_none());
        assert!(Filter::of("a(").unwrap_err().starts_with("\"a(\" is no regular expression: "));
    }
}

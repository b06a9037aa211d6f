//! How things look: with or without colour, with or without characters beyond ASCII. No state is told by colour alone.

use crate::words::Lang;
use ratatui::style::{Color, Modifier, Style};

/// What a terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether there are colours.
    pub colour: bool,
    /// Whether only ASCII is shown.
    pub ascii: bool,
    /// Which language the fixed words are in.
    pub lang: Lang,
}

/// What a text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As everything.
    #[default]
    Plain,
    /// Less than that: units, what is unknown.
    Faint,
    /// A heading.
    Strong,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
}

impl Look {
    /// What the environment says: `NO_COLOR` (<https://no-color.org>), `TERM=dumb`, and whether the locale is UTF-8.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_ascii_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let lang = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let lang = Lang::of_locale(&lang);
        Self {
            lang,
            colour: set("NO_COLOR").is_none() && term != "dumb",
            ascii: !utf8 || term == "linux" || term == "dumb",
        }
    }

    /// The style of a tone.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        match (tone, self.colour) {
            (Tone::Plain, _) => style,
            (Tone::Faint, _) => style.add_modifier(Modifier::DIM),
            (Tone::Strong, _) => style.add_modifier(Modifier::BOLD),
            (Tone::Warn, true) => style.fg(Color::Yellow),
            (Tone::Bad, true) => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            (Tone::Warn | Tone::Bad, false) => style.add_modifier(Modifier::BOLD),
        }
    }

    /// What marks a text that is cut.
    pub(crate) fn cut(self) -> char {
        if self.ascii { '~' } else { '…' }
    }

    /// The steps of a sparkline, lowest first.
    pub(crate) fn steps(self) -> &'static [char] {
        if self.ascii {
            &['_', '.', '-', '=', '+', '*', '#']
        } else {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_what_a_terminal_can_show() {
        let look = |set: &[(&str, &str)]| {
            Look::of_environment(|name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        let (all, nothing) = (Look { colour: true, ..Look::default() }, Look { ascii: true, ..Look::default() });
        assert_eq!(look(&[("LANG", "de_DE.UTF-8"), ("TERM", "xterm")]), all);
        assert_eq!(look(&[("LANG", "C.utf8"), ("NO_COLOR", "")]), all, "an empty NO_COLOR says nothing");
        assert_eq!(look(&[("LANG", "C.UTF-8"), ("LC_ALL", "C"), ("NO_COLOR", "1")]), nothing, "LC_ALL is the first");
        assert_eq!(look(&[("LANG", "C.UTF-8"), ("TERM", "dumb")]), nothing);
    }
}

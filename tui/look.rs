//! How things look: with or without colour, with or without characters beyond ASCII. No state is told by colour alone.

use crate::words::Lang;
use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Serialize};

/// Which colours. The background is the terminal's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// The 16 colours that any terminal has, as it has them.
    #[serde(rename = "16")]
    Sixteen,
    /// None.
    #[default]
    Mono,
}

impl Theme {
    /// All, in the order they are gone through.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::Sixteen, Self::Mono];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Sixteen => "16",
            Self::Mono => "mono",
        }
    }

    /// The one after it.
    pub(crate) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|theme| *theme == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// What a terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The colours.
    pub theme: Theme,
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
    /// What the environment says: `NO_COLOR` (<https://no-color.org>), `TERM=dumb`, whether there are 256 colours (`TERM`,
    /// `COLORTERM`), a light background if `COLORFGBG` tells it, and whether the locale is UTF-8.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_ascii_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let lang = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let lang = Lang::of_locale(&lang);
        let many = set("COLORTERM").is_some() || term.contains("256") || term.contains("direct");
        let background = set("COLORFGBG").and_then(|colours| colours.rsplit(';').next()?.parse::<u8>().ok());
        let theme = match background {
            _ if set("NO_COLOR").is_some() || term == "dumb" => Theme::Mono,
            _ if !many => Theme::Sixteen,
            Some(7 | 15) => Theme::Light,
            _ => Theme::Dark,
        };
        Self { lang, theme, ascii: !utf8 || term == "linux" || term == "dumb" }
    }

    /// The style of a tone.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let (style, bold) = (Style::new(), Modifier::BOLD);
        let [strong, faint, warn, bad] = match self.theme {
            Theme::Dark => [117, 246, 220, 203].map(Color::Indexed),
            Theme::Light => [24, 242, 130, 160].map(Color::Indexed),
            Theme::Sixteen => [Color::Reset, Color::Reset, Color::Yellow, Color::Red],
            Theme::Mono => [Color::Reset; 4],
        };
        let (of_many, mono) = (matches!(self.theme, Theme::Dark | Theme::Light), self.theme == Theme::Mono);
        match tone {
            Tone::Plain => style,
            Tone::Faint if of_many => style.fg(faint),
            Tone::Faint => style.add_modifier(Modifier::DIM),
            Tone::Strong if of_many => style.fg(strong).add_modifier(bold),
            Tone::Strong => style.add_modifier(bold),
            Tone::Warn | Tone::Bad if mono => style.add_modifier(bold),
            Tone::Warn => style.fg(warn),
            Tone::Bad => style.fg(bad).add_modifier(bold),
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
        let (all, nothing) =
            (Look { theme: Theme::Sixteen, ..Look::default() }, Look { ascii: true, ..Look::default() });
        assert_eq!(look(&[("LANG", "de_DE.UTF-8"), ("TERM", "xterm")]), all);
        assert_eq!(look(&[("LANG", "C.utf8"), ("NO_COLOR", "")]), all, "an empty NO_COLOR says nothing");
        assert_eq!(look(&[("LANG", "C.UTF-8"), ("LC_ALL", "C"), ("NO_COLOR", "1")]), nothing, "LC_ALL is the first");
        assert_eq!(look(&[("LANG", "C.UTF-8"), ("TERM", "dumb")]), nothing);
        let theme = |set: &[(&str, &str)]| look(set).theme;
        assert_eq!(theme(&[("TERM", "xterm-256color")]), Theme::Dark);
        assert_eq!(theme(&[("TERM", "xterm-256color"), ("COLORFGBG", "0;15")]), Theme::Light);
        assert_eq!(theme(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]), Theme::Mono);
    }

    #[test]
    fn no_theme_sets_a_background_and_mono_has_no_colour() {
        for theme in Theme::ALL {
            for tone in [Tone::Plain, Tone::Faint, Tone::Strong, Tone::Warn, Tone::Bad] {
                let style = Look { theme, ..Look::default() }.style(tone);
                assert_eq!(style.bg, None);
                assert!(theme != Theme::Mono || style.fg.is_none(), "{tone:?}");
            }
        }
    }
}

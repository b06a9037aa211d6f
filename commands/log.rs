//! What is logged, and how: one line an event on standard error.

use std::{io::IsTerminal, str::FromStr};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// What is worth a line: a level, or a level a room.
#[derive(Clone, Debug)]
pub struct Level(Targets);

impl Level {
    /// Servers tell what they do.
    pub const SERVER: &str = "info";
    /// Whoever types a command wants its answer; only what goes wrong besides is said.
    pub const COMMAND: &str = "error";
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| "expected error, warn, info, debug, trace or off, or room=level,…".to_owned())
    }
}

/// Begins to log. Without a level, the one that `otherwise` names.
pub fn begin(level: Option<Level>, otherwise: &str) {
    let level = level.or_else(|| otherwise.parse().ok()).map(|level| level.0).unwrap_or_default();
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().compact().with_ansi(colours).with_writer(std::io::stderr);
    // A second subscriber is refused; there is none.
    let _ = tracing_subscriber::registry().with(level).with(lines).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_word_or_one_for_each_room() {
        for good in ["info", "warn,broker=debug", Level::SERVER, Level::COMMAND, "off"] {
            assert!(good.parse::<Level>().is_ok(), "{good}");
        }
        assert!("info,broker=loud".parse::<Level>().is_err());
    }
}

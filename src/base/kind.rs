//! What a setting's value must look like as text, and the types it can have.
//!
//! It knows no key; that is [`settings`](mod@crate::settings).

use std::fmt;
use std::path::PathBuf;

/// What a value must look like. [`Display`](fmt::Display) says it to the one who must correct it.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`, in any case.
    Bool,
    /// A whole number between two bounds, both included; made by [`Kind::number`].
    Number {
        /// What it counts, with its unit: "a port", "milliseconds".
        what: &'static str,
        /// The least allowed.
        min: i64,
        /// The most allowed.
        max: i64,
    },
    /// One of these words, exactly.
    OneOf(&'static [&'static str]),
    /// A text with a form of its own.
    Form {
        /// The form in words, to be read after "expected".
        expected: &'static str,
        /// Whether a text has it.
        fits: fn(&str) -> bool,
    },
}

/// A type that a setting can have.
pub trait Value: Sized {
    /// The value that a text stands for.
    fn read(text: &str) -> Option<Self>;
    /// The text that reads back as this value.
    fn show(&self) -> String;
}

impl Kind {
    /// A whole number from `min` to `max`; `what` names it with its unit.
    pub const fn number(what: &'static str, min: i64, max: i64) -> Self {
        Self::Number { what, min, max }
    }

    /// Whether a text (without blanks around it) is of this kind.
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Bool => bool::read(text).is_some(),
            Self::Number { min, max, .. } => i64::read(text).is_some_and(|number| (*min..=*max).contains(&number)),
            Self::OneOf(words) => words.contains(&text),
            Self::Form { fits, .. } => fits(text),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text"),
            Self::Bool => f.write_str("true or false"),
            Self::Number { what, min, max } => write!(f, "{what}, {min} to {max}"),
            Self::OneOf(words) => f.write_str(&words.join(" or ")),
            Self::Form { expected, .. } => f.write_str(expected),
        }
    }
}

impl Value for bool {
    fn read(text: &str) -> Option<Self> {
        match text {
            _ if text.eq_ignore_ascii_case("true") => Some(true),
            _ if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

/// Not set is the empty text.
impl Value for Option<String> {
    fn read(text: &str) -> Option<Self> {
        Some((!text.is_empty()).then(|| text.to_owned()))
    }

    fn show(&self) -> String {
        self.clone().unwrap_or_default()
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Option<Self> {
        Some(text.into())
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

macro_rules! numbers_are_values {
    ($($number:ty)*) => {$(
        impl Value for $number {
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
numbers_are_values!(u8 u16 u32 u64 usize i32 i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_say_what_they_expect() {
        assert!(Kind::Bool.fits("TRUE") && !Kind::Bool.fits("yes"));
        let port = Kind::number("a port", 1, 65535);
        assert!(port.fits("65535") && !port.fits("0") && !port.fits("1e3") && !port.fits(""));
        assert_eq!(port.to_string(), "a port, 1 to 65535");
        let word = Kind::OneOf(&["UP", "DOWN"]);
        assert!(word.fits("UP") && !word.fits("up"));
        assert_eq!(word.to_string(), "UP or DOWN");
    }
}

//! The fixed words of the screens in the languages they are told in. English is the key: what has no other word stays as it
//! is, and so do names, and what servers say.

mod chinese;

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Lang {
    /// That of a locale: `zh_CN.UTF-8`.
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("zh") { Self::Chinese } else { Self::English }
    }

    /// A word or a sentence that nothing is put into.
    pub fn word(self, english: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese(english).unwrap_or(english),
        }
    }

    /// A text that may be one of the fixed ones: why something is not known, what is told until the next key.
    pub fn told(self, text: &str) -> String {
        let other = if self == Self::Chinese { chinese(text) } else { None };
        other.unwrap_or(text).to_owned()
    }

    /// A sentence with what is put into it, in order, at each `{}`: `fill("groups: {}{}", &[&count, &age])`. A translation
    /// has as many `{}` as the English, in the same order.
    pub fn fill(self, english: &'static str, parts: &[&dyn std::fmt::Display]) -> String {
        let mut parts = parts.iter();
        let mut filled = String::new();
        for (at, piece) in self.word(english).split("{}").enumerate() {
            if at > 0
                && let Some(part) = parts.next()
            {
                filled.push_str(&part.to_string());
            }
            filled.push_str(piece);
        }
        filled
    }
}

fn chinese(english: &str) -> Option<&'static str> {
    chinese::CHINESE.iter().find(|(word, _)| *word == english).map(|(_, chinese)| *chinese)
}

#[cfg(test)]
mod tests {
    use super::{chinese::CHINESE, *};

    #[test]
    fn a_sentence_is_filled_in_order_and_what_has_no_translation_stays() {
        assert_eq!(Lang::English.fill("groups: {}{}", &[&3, &", 1s ago"]), "groups: 3, 1s ago");
        assert_eq!((Lang::Chinese.word("master"), Lang::Chinese.word("no such word")), ("主", "no such word"));
        assert_eq!((Lang::of_locale("zh_TW.UTF-8"), Lang::of_locale("C.UTF-8")), (Lang::Chinese, Lang::English));
    }

    #[test]
    fn a_translation_has_as_many_blanks_as_the_english_and_no_word_has_two() {
        for (at, (english, chinese)) in CHINESE.iter().enumerate() {
            assert_eq!(english.matches("{}").count(), chinese.matches("{}").count(), "{english}");
            assert!(CHINESE[..at].iter().all(|(word, _)| word != english), "{english} is there twice");
        }
    }
}

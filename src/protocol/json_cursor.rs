//! Reads JSON, strict or fastjson's, from front to back and makes nothing of it: for bodies of megabytes of which only sums
//! are wanted. What reads smaller ones is [`crate::loose_json`].
//!
//! Names may be unquoted, and whoever expects an object where a name belongs can read one there. Nothing recurses.

use std::{borrow::Cow, fmt};

/// Where the text is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} expected at byte {at}")]
pub struct NotThere {
    /// What.
    pub what: &'static str,
    /// Where, from 0.
    pub at: usize,
}

/// A place in a text.
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} of {}", self.at, self.text.len())
    }
}

impl<'a> Cursor<'a> {
    /// At the front.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn of(json: &'a [u8]) -> Result<Self, NotThere> {
        let text = std::str::from_utf8(json).map_err(|error| NotThere { what: "UTF-8", at: error.valid_up_to() })?;
        Ok(Self { text, at: 0 })
    }

    /// The error that something else is here than `what`.
    pub fn expected(&self, what: &'static str) -> NotThere {
        NotThere { what, at: self.at }
    }

    /// The next byte that is no blank.
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Whether `byte` comes next; if so, goes past it.
    pub fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    /// Whether null comes next; if so, goes past it.
    pub fn take_null(&mut self) -> bool {
        let here = self.peek() == Some(b'n') && self.text[self.at..].starts_with("null");
        self.at += if here { 4 } else { 0 };
        here
    }

    /// Reads an object; null is an empty one. `name` reads what stands where a name belongs, `value` what it is the name of.
    ///
    /// # Errors
    /// Those of `name` and `value`, and if it is no object.
    pub fn object<N>(
        &mut self,
        mut name: impl FnMut(&mut Self) -> Result<N, NotThere>,
        mut value: impl FnMut(&mut Self, N) -> Result<(), NotThere>,
    ) -> Result<(), NotThere> {
        self.listed([b'{', b'}'], "an object", |cursor| {
            let name = name(cursor)?;
            if !cursor.take(b':') {
                return Err(cursor.expected("a colon"));
            }
            value(cursor, name)
        })
    }

    /// Reads a list; null is an empty one.
    ///
    /// # Errors
    /// Those of `item`, and if it is no list.
    pub fn list(&mut self, item: impl FnMut(&mut Self) -> Result<(), NotThere>) -> Result<(), NotThere> {
        self.listed([b'[', b']'], "a list", item)
    }

    fn listed(
        &mut self,
        [open, close]: [u8; 2],
        what: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<(), NotThere>,
    ) -> Result<(), NotThere> {
        if self.take_null() {
            return Ok(());
        }
        if !self.take(open) {
            return Err(self.expected(what));
        }
        if self.take(close) {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.take(close) {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.expected("a comma, or the end of what is listed,"));
            }
        }
    }

    /// Reads a name, quoted or not.
    ///
    /// # Errors
    /// If none is here.
    pub fn name(&mut self) -> Result<Cow<'a, str>, NotThere> {
        if self.peek() == Some(b'"') {
            return self.string();
        }
        let start = self.at;
        self.skip_plain();
        if self.at == start { Err(self.expected("a name")) } else { Ok(Cow::Borrowed(&self.text[start..self.at])) }
    }

    /// Reads a quoted text.
    ///
    /// # Errors
    /// If none is here, or its escapes are none.
    pub fn string(&mut self) -> Result<Cow<'a, str>, NotThere> {
        let start = self.at;
        if self.skip_string()? {
            return serde_json::from_str(&self.text[start..self.at])
                .map(Cow::Owned)
                .map_err(|_| NotThere { what: "a text", at: start });
        }
        Ok(Cow::Borrowed(&self.text[start + 1..self.at - 1]))
    }

    /// Reads a whole number.
    ///
    /// # Errors
    /// If none is here that an `i64` can hold.
    pub fn integer(&mut self) -> Result<i64, NotThere> {
        self.peek();
        let start = self.at;
        self.skip_plain();
        self.text[start..self.at].parse().map_err(|_| NotThere { what: "a whole number", at: start })
    }

    /// Goes past a value, whatever it is.
    ///
    /// # Errors
    /// If none is here.
    pub fn skip(&mut self) -> Result<(), NotThere> {
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => drop(self.skip_string()?),
                Some(b'{' | b'[') => {
                    open += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') if open > 0 => {
                    open -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if open > 0 => self.at += 1,
                Some(_) => {
                    let start = self.at;
                    self.skip_plain();
                    if self.at == start {
                        return Err(self.expected("a value"));
                    }
                }
                None => return Err(self.expected("a value")),
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    /// Sees that nothing follows.
    ///
    /// # Errors
    /// If something does.
    pub fn end(&mut self) -> Result<(), NotThere> {
        self.peek().map_or(Ok(()), |_| Err(self.expected("the end")))
    }

    /// Goes past a quoted text, and says whether it has escapes.
    fn skip_string(&mut self) -> Result<bool, NotThere> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return Err(self.expected("a text"));
        }
        let (mut at, mut has_escapes) = (self.at + 1, false);
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => (at, has_escapes) = (at + 2, true),
                Some(_) => at += 1,
                None => return Err(self.expected("a text that ends")),
            }
        }
        self.at = at + 1;
        Ok(has_escapes)
    }

    /// Goes past a number, a word, an unquoted name.
    fn skip_plain(&mut self) {
        let bytes = self.text.as_bytes();
        let ends =
            |byte: &u8| matches!(byte, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"' | b' ' | b'\n' | b'\r' | b'\t');
        while bytes.get(self.at).is_some_and(|byte| !ends(byte)) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(text: &str) -> Cursor<'_> {
        Cursor::of(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_texts_and_numbers_are_read_as_they_stand() {
        let mut seen = Vec::new();
        let mut reads = cursor(" { 0 : \"a\" , \"k\\n\":\"\\u4e2d\\\"\",x:\"é\" } ");
        reads
            .object(Cursor::name, |cursor, name| {
                cursor.peek();
                seen.push((name.into_owned(), cursor.string()?.into_owned()));
                Ok(())
            })
            .unwrap();
        reads.end().unwrap();
        let pairs = [("0", "a"), ("k\n", "中\""), ("x", "é")];
        assert_eq!(seen, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(cursor(" -9223372036854775808,").integer(), Ok(i64::MIN));
        for text in ["9223372036854775808", "1.5", "\"1\"", "", "-", "{}"] {
            assert_eq!(cursor(text).integer().unwrap_err().what, "a whole number", "{text}");
        }
    }

    #[test]
    fn what_is_not_wanted_is_skipped_whatever_it_is() {
        for text in ["1", "\"a]\\\"\"", "null", "[]", "{}", "[1,{2:[\"}\"]},[]]", r#"{{"a":1}:{"b":[{}]},x:1}"#, "é"] {
            let whole = format!("{text} , 7");
            let mut cursor = cursor(&whole);
            cursor.skip().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(cursor.take(b','), "{text}: {cursor:?}");
            assert_eq!((cursor.integer(), cursor.end()), (Ok(7), Ok(())), "{text}");
        }
        for text in ["", ",", "]", "[", "{\"a", "[1", "\"\\"] {
            assert!(cursor(text).skip().is_err(), "{text}");
        }
        let deep = "[".repeat(1 << 20);
        assert!(cursor(&deep).skip().is_err());
    }

    #[test]
    fn null_is_an_empty_list_and_an_empty_object() {
        let none = |_: &mut Cursor<'_>| -> Result<(), NotThere> { panic!("there is nothing") };
        assert_eq!(cursor("null").list(none), Ok(()));
        assert_eq!(cursor("[ ]").list(none), Ok(()));
        assert_eq!(cursor("null").object(none, |_, ()| Ok(())), Ok(()));
        assert_eq!(cursor("nul").list(none).unwrap_err().to_string(), "a list expected at byte 0");
        assert_eq!(Cursor::of(b"ab\xFF").unwrap_err().to_string(), "UTF-8 expected at byte 2");
    }
}

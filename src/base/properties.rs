//! Java `.properties` text: what operators write in configuration files, read and written as
//! `java.util.Properties` does, with the line of each key kept for messages.
//!
//! It knows no key and checks no value; that is [`settings`](mod@crate::settings).

use std::borrow::Cow;
use std::collections::HashMap;

/// One `key=value` of a file, escapes resolved. Blanks after the value belong to it, as in Java.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key; empty when a line begins with `=` or `:`.
    pub key: String,
    /// The value; empty when there is none.
    pub value: String,
    /// The line on which the key begins, from 1.
    pub line: usize,
}

/// A properties text: its entries in order, repeated keys included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    entries: Vec<Entry>,
}

/// A `\u` that is not followed by four hexadecimal digits, or half of a surrogate pair alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: \\u must be followed by four hexadecimal digits that make a character")]
pub struct MalformedEscape {
    /// The line on which the entry begins, from 1.
    pub line: usize,
}

impl Properties {
    /// Reads a text by the grammar of `java.util.Properties.load`: comments `#` and `!`; `=`, `:` or blanks between
    /// key and value; `\` escapes a character, a line end, or with `uXXXX` a UTF-16 unit.
    ///
    /// # Errors
    /// Only for a malformed `\u`; everything else means something in Java, and means the same here.
    pub fn parse(text: &str) -> Result<Self, MalformedEscape> {
        let mut entries = Vec::new();
        for (line, text) in logical_lines(text) {
            let key_end = unescaped_end_of_key(&text);
            let rest = text[key_end..].trim_start_matches(is_blank);
            let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(is_blank);
            let malformed = || MalformedEscape { line };
            entries.push(Entry {
                key: unescape(&text[..key_end]).ok_or_else(malformed)?,
                value: unescape(rest).ok_or_else(malformed)?,
                line,
            });
        }
        Ok(Self { entries })
    }

    /// The value of `key`; of a repeated key the last, as in Java.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().rfind(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// Every entry in order, repeated keys included.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// The entries that count, in order: of a repeated key only the last.
    pub fn effective(&self) -> impl Iterator<Item = &Entry> {
        let last = self.last_lines();
        self.entries.iter().filter(move |entry| last[entry.key.as_str()] == entry.line)
    }

    /// The entries that a later one with the same key overrules, each with that later one's line.
    pub fn overruled(&self) -> impl Iterator<Item = (&Entry, usize)> {
        let last = self.last_lines();
        self.entries
            .iter()
            .map(move |entry| (entry, last[entry.key.as_str()]))
            .filter(|(entry, last)| entry.line != *last)
    }

    /// The same text with other values of some keys, every other line as it is: comments, order, blanks. The line that
    /// counts is replaced; a key that is not there is added at the end.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn edit<K: AsRef<str>, V: AsRef<str>>(
        text: &str,
        changes: impl IntoIterator<Item = (K, V)>,
    ) -> Result<String, MalformedEscape> {
        let mut text = text.to_owned();
        for (key, value) in changes {
            let (key, value) = (key.as_ref(), value.as_ref());
            let entries = Self::parse(&text)?.entries;
            let rendered = render([(key, value)]);
            text = match entries.iter().rfind(|entry| entry.key == key) {
                Some(entry) if entry.value.trim() == value => text,
                Some(entry) => with_entry_replaced(&text, entry.line, rendered.trim_end_matches('\n')),
                None => with_entry_added(text, &rendered),
            };
        }
        Ok(text)
    }

    fn last_lines(&self) -> HashMap<&str, usize> {
        self.entries.iter().map(|entry| (entry.key.as_str(), entry.line)).collect()
    }
}

/// A file's bytes as text: UTF-8 where they are (a byte order mark is dropped), else ISO 8859-1, which Java assumes.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// A text as bytes in the encoding that [`decode`] found `bytes` in, for one that was made of theirs.
pub fn encode_like(bytes: &[u8], text: &str) -> Vec<u8> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if std::str::from_utf8(bytes).is_ok() {
        let mark = if bytes.starts_with(MARK) { MARK } else { b"" };
        return [mark, text.as_bytes()].concat();
    }
    // Nothing else is in a text that came of one byte a character.
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

/// Writes one `key=value` line a pair, escaped so that [`Properties::parse`] and Java read the same pairs back.
pub fn render<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        escape(key.as_ref(), true, &mut text);
        text.push('=');
        escape(value.as_ref(), false, &mut text);
        text.push('\n');
    }
    text
}

/// Puts `rendered` in the place of the entry that begins on that line.
fn with_entry_replaced(text: &str, line: usize, rendered: &str) -> String {
    let mut edited = String::with_capacity(text.len() + rendered.len());
    let mut lines = natural_lines(text);
    let mut at = 0;
    while let Some((number, part)) = lines.next() {
        let mut end = at + part.len();
        if number != line {
            edited.push_str(&text[at..end]);
        } else {
            edited.push_str(rendered);
            let mut part = part;
            while ends_in_continuation(part) {
                let Some((_, next)) = lines.next() else { break };
                end += line_end(&text[end..]).len() + next.len();
                part = next;
            }
        }
        let ending = line_end(&text[end..]);
        edited.push_str(ending);
        at = end + ending.len();
    }
    edited
}

/// Adds `rendered` as a line of its own.
fn with_entry_added(mut text: String, rendered: &str) -> String {
    if !text.is_empty() && !text.ends_with(['\n', '\r']) {
        text.push('\n');
    }
    // An entry that would go on is ended by an empty line.
    let entries = logical_lines(&text).count();
    if logical_lines(&(text.clone() + rendered)).count() == entries {
        text.push('\n');
    }
    text + rendered
}

/// The line end that `text` begins with; nothing if it begins with none.
fn line_end(text: &str) -> &str {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => &text[..2],
        [b'\r' | b'\n', ..] => &text[..1],
        _ => "",
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Every line of a text with its number, ended by `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(text);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let ending = if text[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&text[end + ending..]);
        Some(&text[..end])
    });
    lines.enumerate().map(|(index, line)| (index + 1, line))
}

/// The lines that hold an entry: comments and blank lines left out, continuations joined, leading blanks cut.
fn logical_lines(text: &str) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let mut lines = natural_lines(text);
    std::iter::from_fn(move || {
        loop {
            let (number, line) = lines.next()?;
            let line = line.trim_start_matches(is_blank);
            // A continuation of nothing begins nothing: what follows may still be a comment.
            if line.starts_with(['#', '!']) || line == "\\" {
                continue;
            }
            let mut logical = Cow::Borrowed(line);
            // An empty line after a continuation ends the entry, as in Java.
            let mut part = line;
            while ends_in_continuation(part) {
                part = lines.next().map_or("", |(_, next)| next.trim_start_matches(is_blank));
                let joined = logical.to_mut();
                joined.pop();
                joined.push_str(part);
            }
            if !logical.is_empty() {
                return Some((number, logical));
            }
        }
    })
}

/// Whether an odd number of backslashes ends the line, the last of which escapes the line's end.
fn ends_in_continuation(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

fn unescaped_end_of_key(line: &str) -> usize {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if !escaped && (is_blank(c) || c == '=' || c == ':') {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    line.len()
}

/// Resolves backslashes; `None` for a malformed `\u`.
fn unescape(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\x0c'),
            Some('u') => plain.push(unicode(&mut rest)?),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Some(plain)
}

/// The character after `\u`: one UTF-16 unit, or two with a second `\u` between them.
fn unicode(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let first = utf16_unit(rest)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first.into());
    }
    *rest = rest.as_str().strip_prefix("\\u")?.chars();
    char::decode_utf16([first, utf16_unit(rest)?]).next()?.ok()
}

fn utf16_unit(rest: &mut std::str::Chars<'_>) -> Option<u16> {
    let digits = rest.as_str().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    *rest = rest.as_str()[4..].chars();
    u16::from_str_radix(digits, 16).ok()
}

fn escape(text: &str, is_key: bool, out: &mut String) {
    for (at, c) in text.char_indices() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\x0c' => out.push_str("\\f"),
            '\\' => out.push_str("\\\\"),
            ' ' if is_key || at == 0 => out.push_str("\\ "),
            '=' | ':' | '#' | '!' if is_key => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04X}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        Properties::parse(text).unwrap().iter().map(|e| (e.key.clone(), e.value.clone(), e.line)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{text:?} gives {all:?}");
        let (key, value, _) = all.remove(0);
        (key, value)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn each_separator_parts_key_and_value() {
        for text in ["k=v", "k:v", "k v", "k\tv", "k = v", "  k  :  v", "k =v", "\x0ck=v"] {
            assert_eq!(one(text), pair("k", "v"), "{text:?}");
        }
        assert_eq!(one("k==v"), pair("k", "=v"));
        assert_eq!(one("k = : v"), pair("k", ": v"));
        assert_eq!(one("k"), pair("k", ""));
        assert_eq!(one("=v"), pair("", "v"));
        assert_eq!(one("a=1;b=2"), pair("a", "1;b=2"));
    }

    #[test]
    fn blanks_after_a_value_stay_as_in_java() {
        assert_eq!(one("k=v \t"), pair("k", "v \t"));
    }

    #[test]
    fn comments_and_blank_lines_hold_no_entry_but_count_as_lines() {
        let text = "# c\r\n\r\n  ! c = 1 \\\nk = # no comment\n\t\nlast=2";
        assert_eq!(pairs(text), [("k".into(), "# no comment".into(), 4), ("last".into(), "2".into(), 6)]);
    }

    #[test]
    fn every_kind_of_line_end_ends_a_line() {
        assert_eq!(
            pairs("a=1\rb=2\r\nc=3\nd=4"),
            [("a", "1", 1), ("b", "2", 2), ("c", "3", 3), ("d", "4", 4)].map(|(k, v, l)| (k.into(), v.into(), l))
        );
    }

    #[test]
    fn an_odd_number_of_backslashes_continues_a_line() {
        assert_eq!(one("k = a,\\\n    b,\\\r\n\tc"), pair("k", "a,b,c"));
        assert_eq!(one("k=a\\\\"), pair("k", "a\\"));
        assert_eq!(pairs("k=a\\\\\nl=b").len(), 2);
        assert_eq!(pairs("k=a\\\n\nl=b"), [("k".into(), "a".into(), 1), ("l".into(), "b".into(), 3)]);
        assert_eq!(one("k=a\\\n#b"), pair("k", "a#b"));
        assert_eq!(one("k=a\\"), pair("k", "a"));
        assert_eq!(one("\\\n\\\nk=a"), pair("k", "a"));
        assert_eq!(pairs("\\\n\nl=b").len(), 1);
        assert_eq!(pairs("\\\n# c\nl=b").len(), 1);
    }

    #[test]
    fn escapes_are_resolved_in_keys_and_values() {
        assert_eq!(one(r"a\ b\=c\:d = \t\n\r\f\q\\"), pair("a b=c:d", "\t\n\r\x0cq\\"));
        assert_eq!(one(r"\#k=\u0041\u00e9\uD83D\uDE00."), pair("#k", "Aé😀."));
    }

    #[test]
    fn a_malformed_unicode_escape_is_refused_with_its_line() {
        for bad in [r"k=\u12", r"k=\u12g4", r"k=\u+123", r"k=\uD83D", r"k=\uD83D\u0041", r"k=\uDE00", "k=\\u12é4"] {
            let refused = Properties::parse(&format!("# c\na=1\n{bad}\n")).unwrap_err();
            assert_eq!(refused, MalformedEscape { line: 3 }, "{bad}");
        }
    }

    #[test]
    fn of_a_repeated_key_the_last_value_counts_and_the_first_is_told() {
        let all = Properties::parse("a=1\nb=2\na=3\n").unwrap();
        assert_eq!(all.get("a"), Some("3"));
        assert_eq!(all.get("c"), None);
        let effective: Vec<_> = all.effective().map(|e| (e.key.as_str(), e.line)).collect();
        assert_eq!(effective, [("b", 2), ("a", 3)]);
        let overruled: Vec<_> = all.overruled().map(|(e, by)| (e.key.as_str(), e.line, by)).collect();
        assert_eq!(overruled, [("a", 1, 3)]);
    }

    #[test]
    fn what_is_rendered_reads_back() {
        let pairs = [
            ("namesrvAddr", "10.0.0.1:9876;10.0.0.2:9876"),
            ("a b=c:d#e!", "  two leading blanks, one behind "),
            ("path", "C:\\store\\"),
            ("text", "line\nline\ttab\r\x0c"),
            ("", "no key"),
            ("中文", "é😀\u{7f}"),
            ("empty", ""),
        ];
        let text = render(pairs);
        assert!(text.starts_with("namesrvAddr=10.0.0.1:9876;10.0.0.2:9876\n"), "{text}");
        assert!(text.is_ascii());
        let back = Properties::parse(&text).unwrap();
        assert_eq!(back.iter().map(|e| (e.key.as_str(), e.value.as_str())).collect::<Vec<_>>(), pairs);
    }

    #[test]
    fn an_edit_changes_the_line_that_counts_and_nothing_else() {
        let edit = |text: &str, key: &str, value: &str| Properties::edit(text, [(key, value)]).unwrap();
        let text = "# mine\r\na = 1\r\n\r\n  b:2\n! a=7\na=3";
        assert_eq!(edit(text, "a", "4"), "# mine\r\na = 1\r\n\r\n  b:2\n! a=7\na=4", "the last counts");
        assert_eq!(edit(text, "b", "x y"), "# mine\r\na = 1\r\n\r\nb=x y\n! a=7\na=3");
        assert_eq!(edit(text, "b", "2"), text, "as it is already");
        assert_eq!(edit(text, "c", "é"), format!("{text}\nc=\\u00E9\n"));
        assert_eq!((edit("", "c", "1"), edit("a=1\n", "c", "1")), ("c=1\n".to_owned(), "a=1\nc=1\n".to_owned()));
        let long = "a=1,\\\r\n  2,\\\n  3\nb=2\n";
        assert_eq!((edit(long, "a", "9"), edit(long, "b", "9")), ("a=9\nb=2\n".to_owned(), long.replace("b=2", "b=9")));
        for open in ["a=1\\", "a=1\\\n", "a=1", "# c \\"] {
            let edited = edit(open, "b", "2");
            let all = Properties::parse(&edited).unwrap();
            assert_eq!(all.get("b"), Some("2"), "{edited:?}");
            assert_eq!(all.get("a"), Properties::parse(open).unwrap().get("a"), "{edited:?}");
            assert_eq!(Properties::parse(&edit(open, "a", "7")).unwrap().get("a"), Some("7"));
        }
        let both = Properties::edit("a=1\nb=1\n", [("a", "2"), ("c", "3")]).unwrap();
        assert_eq!(both, "a=2\nb=1\nc=3\n");
        assert!(Properties::edit("a=\\u12\n", [("b", "1")]).is_err());
    }

    #[test]
    fn bytes_are_utf8_or_else_latin_1() {
        assert_eq!(decode("\u{feff}a=é".as_bytes()), "a=é");
        assert_eq!(decode(b"a=\xe9"), "a=é");
        for bytes in ["\u{feff}a=é".as_bytes(), b"a=\xe9", "中".as_bytes(), b""] {
            assert_eq!(encode_like(bytes, &decode(bytes)), bytes);
        }
    }
}

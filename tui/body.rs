//! Bodies of messages as lines of a screen: as text, as JSON with indents, or as bytes. Whatever a body holds, nothing of it
//! reaches the terminal as a command. Numbers and order of JSON stay as they were written.

use crate::sheet::wide;
use serde::de::IgnoredAny;

/// Most lines that are made of a body.
const MOST_LINES: usize = 4000;
/// Blanks a level of JSON.
const INDENT: usize = 2;

/// How a body is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As text.
    Text,
    /// As JSON, a value a line.
    Json,
    /// Its bytes.
    Hex,
}

impl Form {
    /// What suits a body. `whole`: nothing of it was cut off.
    pub fn of(body: &[u8], whole: bool) -> Self {
        match text(body, whole) {
            None => Self::Hex,
            Some(text) if whole && indented(text).is_some() => Self::Json,
            Some(_) => Self::Text,
        }
    }

    /// The next one.
    pub fn next(self) -> Self {
        match self {
            Self::Text => Self::Json,
            Self::Json => Self::Hex,
            Self::Hex => Self::Text,
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "JSON",
            Self::Hex => "bytes",
        }
    }
}

/// The body as text, if it is some.
fn text(body: &[u8], whole: bool) -> Option<&str> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        // A character that was cut in two is no fault of the body.
        Err(error) if !whole && error.error_len().is_none() => {
            std::str::from_utf8(&body[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

/// A line of a table for it, in at most `width` columns or a little more: its first line, or bytes behind `0x`.
pub fn line(body: &[u8], whole: bool, width: usize) -> String {
    match text(body, whole) {
        Some(text) => {
            let mut lines = text.trim_start().lines();
            let first: String = lines.next().unwrap_or_default().chars().take(width + 1).collect();
            let more = if lines.any(|line| !line.trim().is_empty()) { " \\n" } else { "" };
            harmless(&first) + more
        }
        None => {
            let bytes = body.iter().take(width / 3 + 1).map(|byte| format!(" {byte:02x}"));
            "0x".to_owned() + &bytes.collect::<String>()
        }
    }
}

/// All of it, in lines of at most `width` columns.
///
/// # Errors
/// Why it cannot be shown so.
pub fn lines(body: &[u8], whole: bool, form: Form, width: usize) -> Result<Vec<String>, &'static str> {
    let width = width.max(8);
    let mut lines = Vec::new();
    match form {
        Form::Hex => {
            let each = [16, 8, 4].into_iter().find(|each| 8 + each * 4 <= width).unwrap_or(2);
            for (at, bytes) in body.chunks(each).take(MOST_LINES).enumerate() {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
                let seen = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
                let seen: String = bytes.iter().map(seen).collect();
                lines.push(format!("{:05x}  {hex:<room$} {seen}", at * each, room = each * 3));
            }
            Ok(cut(lines, body.len().div_ceil(each)))
        }
        Form::Text | Form::Json => {
            let text = text(body, whole).ok_or("it is no text")?;
            let indented = match form {
                Form::Json if !whole => return Err("only its beginning is here"),
                Form::Json => Some(indented(text).ok_or("it is no JSON object or array")?),
                _ => None,
            };
            let all = indented.as_deref().unwrap_or(text).lines();
            for line in all {
                wrap(&harmless(line), width, &mut lines);
                if lines.len() > MOST_LINES {
                    break;
                }
            }
            let known = lines.len();
            Ok(cut(lines, known))
        }
    }
}

fn cut(mut lines: Vec<String>, all: usize) -> Vec<String> {
    if lines.len() > MOST_LINES || all > lines.len() {
        lines.truncate(MOST_LINES);
        lines.push(format!("... there is more; it is not shown behind {MOST_LINES} lines"));
    }
    lines
}

/// A text in lines of at most `width` columns.
pub fn wrap(text: &str, width: usize, lines: &mut Vec<String>) {
    let (mut line, mut used) = (String::new(), 0);
    for c in text.chars() {
        let next = if c.is_ascii() { 1 } else { wide(c.encode_utf8(&mut [0; 4])) };
        if used + next > width && used > 0 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        line.push(c);
        used += next;
    }
    lines.push(line);
}

/// The same with what a terminal could obey, or what turns the order of letters round, as an escape; tabs as blanks.
pub fn harmless(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("    "),
            c if c.is_control() || turns(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// JSON with a value a line; `None` if it is no object or array.
fn indented(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return None;
    }
    let mut shown = String::with_capacity(text.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut rest = text.chars().peekable();
    let line = |shown: &mut String, depth: usize| {
        shown.push('\n');
        shown.extend(std::iter::repeat_n(' ', depth * INDENT));
    };
    while let Some(c) = rest.next() {
        if quoted {
            shown.push(c);
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            c if c.is_whitespace() => {}
            '{' | '[' => {
                shown.push(c);
                while rest.next_if(|c| c.is_whitespace()).is_some() {}
                if let Some(end) = rest.next_if(|c| matches!(c, '}' | ']')) {
                    shown.push(end);
                } else {
                    depth += 1;
                    line(&mut shown, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut shown, depth);
                shown.push(c);
            }
            ',' => {
                shown.push(c);
                line(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            c => {
                quoted = c == '"';
                shown.push(c);
            }
        }
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_suits_is_found() {
        let of = |body: &[u8]| Form::of(body, true);
        assert_eq!(
            [of(b"{\"a\":1}"), of(b"[1]"), of(b"{oops"), of(b"7"), of("订单".as_bytes())].map(Form::name),
            ["JSON", "JSON", "text", "text", "text"]
        );
        assert_eq!([of(b"\xff\xfe"), of(b"a\0b"), of(b"")].map(Form::name), ["bytes", "bytes", "text"]);
        let half = &"订单".as_bytes()[..4];
        assert_eq!((Form::of(half, false), Form::of(half, true)), (Form::Text, Form::Hex));
    }

    #[test]
    fn json_keeps_its_numbers_its_order_and_what_it_says_twice() {
        let body = br#"{"b": 12345678901234567890123, "a":[],"a":{"x":"y, \"z\" {"}, "c":[1.10,{}]}"#;
        let lines = lines(body, true, Form::Json, 80).unwrap();
        assert_eq!(
            lines,
            [
                "{",
                "  \"b\": 12345678901234567890123,",
                "  \"a\": [],",
                "  \"a\": {",
                r#"    "x": "y, \"z\" {""#,
                "  },",
                "  \"c\": [",
                "    1.10,",
                "    {}",
                "  ]",
                "}"
            ]
        );
    }

    #[test]
    fn nothing_in_a_body_is_obeyed_and_no_line_is_too_wide() {
        let body = "\u{1b}[2J\u{9b}red\u{202e}abc\ttab\r\n订单订单订单".as_bytes();
        for form in [Form::Text, Form::Hex] {
            for width in [8, 11, 20, 80] {
                let lines = lines(body, true, form, width.max(16)).unwrap();
                assert!(lines.iter().all(|line| wide(line) <= width.max(16)), "{width}: {lines:?}");
                assert!(lines.iter().all(|line| !line.chars().any(|c| c.is_control() || c == '\u{202e}')));
            }
        }
        let shown = line(body, true, 100);
        assert_eq!(shown, r"\u{1b}[2J\u{9b}red\u{202e}abc    tab \n");
        assert_eq!((line(b"\x00\xff", true, 9), line(b"", true, 9)), ("0x 00 ff".to_owned(), String::new()));
    }

    #[test]
    fn a_body_of_many_lines_ends_with_a_mark() {
        let shown = lines(&[b'\n'; 10_000], true, Form::Text, 20).unwrap();
        assert!(shown.len() == MOST_LINES + 1 && shown[MOST_LINES].contains("more"), "{}", shown.len());
        let shown = lines(&[7; 65_536], true, Form::Hex, 30).unwrap();
        assert!(shown.len() == MOST_LINES + 1 && shown[MOST_LINES].contains("more"), "{}", shown.len());
    }
}

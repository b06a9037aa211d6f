//! The JSON header of a command, and its reader that is as tolerant as the field's clients are sloppy.
//!
//! Members in any order, field values of any scalar type, unknown members skipped. One pass, no tree.
//! Source: `RemotingSerializable` of Apache RocketMQ; member order as fastjson writes it.

use crate::{
    command::{Command, Encoding, Language},
    frame::FrameError,
};
use base::Fields;
use bytes::{BufMut, BytesMut};

const BAD: fn(&'static str) -> FrameError = FrameError::Header;

/// Reads a JSON header.
///
/// # Errors
/// [`FrameError::Header`] saying what is malformed.
pub fn decode(header: &[u8]) -> Result<Command, FrameError> {
    let text = std::str::from_utf8(header).map_err(|_| BAD("not UTF-8"))?;
    let mut scanner = Scanner { text, at: 0 };
    let mut command = Command { encoding: Encoding::Json, language: Language::OTHER, ..Command::request(0) };
    let mut has_code = false;
    let (mut name, mut value) = (String::new(), String::new());
    scanner.object(|scanner| {
        name.clear();
        value.clear();
        scanner.string(&mut name)?;
        scanner.colon()?;
        match name.as_str() {
            "code" => {
                command.code = scanner.int(&mut value)?;
                has_code = true;
            }
            "flag" => command.flag = scanner.int(&mut value)?,
            "opaque" => command.opaque = scanner.int(&mut value)?,
            "version" => command.version = scanner.int(&mut value)?,
            "language" => {
                scanner.scalar(&mut value)?;
                command.language = match value.parse() {
                    Ok(number) => Language(number),
                    Err(_) => Language::from_name(&value),
                };
            }
            "remark" => {
                let mut remark = String::new();
                command.remark = scanner.scalar(&mut remark)?.then_some(remark);
            }
            "extFields" => command.fields = scanner.fields()?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    scanner.blanks();
    if scanner.at != text.len() {
        return Err(BAD("text after the JSON object"));
    }
    if has_code { Ok(command) } else { Err(BAD("no code")) }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.blanks();
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn colon(&mut self) -> Result<(), FrameError> {
        if self.accept(b':') { Ok(()) } else { Err(BAD("no colon after a member's name")) }
    }

    /// Reads `{`, members by `member` with commas between, `}`.
    fn object(&mut self, mut member: impl FnMut(&mut Self) -> Result<(), FrameError>) -> Result<(), FrameError> {
        if !self.accept(b'{') {
            return Err(BAD("no JSON object"));
        }
        if self.accept(b'}') {
            return Ok(());
        }
        loop {
            member(self)?;
            if self.accept(b'}') {
                return Ok(());
            }
            if !self.accept(b',') {
                return Err(BAD("no comma between members"));
            }
        }
    }

    /// Appends a quoted string to `out`.
    fn string(&mut self, out: &mut String) -> Result<(), FrameError> {
        if !self.accept(b'"') {
            return Err(BAD("no string where one belongs"));
        }
        loop {
            let rest = &self.text[self.at..];
            let Some(plain) = quote_or_escape(rest.as_bytes()) else {
                return Err(BAD("a string without end"));
            };
            out.push_str(&rest[..plain]);
            self.at += plain + 1;
            if rest.as_bytes()[plain] == b'"' {
                return Ok(());
            }
            let escape = self.peek().ok_or(BAD("a string without end"))?;
            self.at += 1;
            out.push(match escape {
                b'"' | b'\\' | b'/' => char::from(escape),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => self.unicode()?,
                _ => return Err(BAD("an unknown escape")),
            });
        }
    }

    fn hex4(&mut self) -> Result<u32, FrameError> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(BAD("a \\u escape without four digits"))?;
        let mut value = 0;
        for digit in digits {
            value = value << 4 | char::from(*digit).to_digit(16).ok_or(BAD("a \\u escape without four digits"))?;
        }
        self.at += 4;
        Ok(value)
    }

    fn unicode(&mut self) -> Result<char, FrameError> {
        let unit = self.hex4()?;
        if (0xD800..0xDC00).contains(&unit) && self.text[self.at..].starts_with("\\u") {
            let back = self.at;
            self.at += 2;
            let low = self.hex4()?;
            if (0xDC00..0xE000).contains(&low) {
                return Ok(char::from_u32(0x10000 + ((unit - 0xD800) << 10 | (low - 0xDC00))).unwrap_or('\u{FFFD}'));
            }
            self.at = back;
        }
        // A lone surrogate has no character: it is replaced, as any UTF-8 encoder does.
        Ok(char::from_u32(unit).unwrap_or('\u{FFFD}'))
    }

    /// Appends the text of a string, number or boolean to `out`; false for null.
    fn scalar(&mut self, out: &mut String) -> Result<bool, FrameError> {
        self.blanks();
        match self.peek() {
            Some(b'"') => self.string(out).map(|()| true),
            Some(b'{' | b'[') => Err(BAD("a list or object where a value belongs")),
            _ => {
                let rest = &self.text[self.at..];
                let word = rest.split([',', '}', ']', ' ', '\n', '\r', '\t']).next().unwrap_or_default();
                if word.is_empty() {
                    return Err(BAD("no value after a member's name"));
                }
                self.at += word.len();
                if word != "null" {
                    out.push_str(word);
                }
                Ok(word != "null")
            }
        }
    }

    /// A number; `text` is where it may put its digits.
    fn int(&mut self, text: &mut String) -> Result<i32, FrameError> {
        if self.scalar(text)? { text.parse().map_err(|_| BAD("a number that is none")) } else { Ok(0) }
    }

    fn fields(&mut self) -> Result<Fields, FrameError> {
        self.blanks();
        if self.text[self.at..].starts_with("null") {
            self.at += 4;
            return Ok(Fields::default());
        }
        let mut fields = Fields::with_capacity(18, self.text.len() - self.at);
        self.object(|scanner| {
            let mut read = Ok(true);
            fields.push_with(|text| {
                read = scanner.string(text).and_then(|()| scanner.colon()).map(|()| true);
                let name_end = text.len();
                if read.is_ok() {
                    read = scanner.scalar(text);
                }
                name_end
            });
            if !read? {
                fields.pop();
            }
            Ok(())
        })?;
        Ok(fields)
    }

    /// Skips any value, however nested, without recursion.
    fn skip(&mut self) -> Result<(), FrameError> {
        let mut depth = 0usize;
        let mut scratch = String::new();
        loop {
            self.blanks();
            match self.peek() {
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if depth > 0 => self.at += 1,
                Some(b'"') => {
                    scratch.clear();
                    self.string(&mut scratch)?;
                }
                Some(_) => {
                    self.scalar(&mut scratch)?;
                }
                None => return Err(BAD("a value without end")),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// Where the plain part of a string ends. Most names and values are a few bytes long, for which a search by vector
/// instructions costs more than it saves.
fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 16;
    let (head, tail) = bytes.split_at(bytes.len().min(SHORT));
    let near = head.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    near.or_else(|| memchr::memchr2(b'"', b'\\', tail).map(|at| head.len() + at))
}

/// Appends the JSON header of `command`, without its length.
pub fn encode(command: &Command, out: &mut BytesMut) {
    let mut number = itoa::Buffer::new();
    out.put_slice(b"{\"code\":");
    out.put_slice(number.format(command.code).as_bytes());
    // Always there: some clients take it for granted.
    out.put_slice(b",\"extFields\":{");
    for (at, (name, value)) in command.fields.iter().enumerate() {
        out.put_slice(if at == 0 { b"\"" } else { b",\"" });
        escape(name, out);
        out.put_slice(b"\":\"");
        escape(value, out);
        out.put_u8(b'"');
    }
    out.put_slice(b"},\"flag\":");
    out.put_slice(number.format(command.flag).as_bytes());
    out.put_slice(b",\"language\":\"");
    out.put_slice(command.language.name().as_bytes());
    out.put_slice(b"\",\"opaque\":");
    out.put_slice(number.format(command.opaque).as_bytes());
    if let Some(remark) = &command.remark {
        out.put_slice(b",\"remark\":\"");
        escape(remark, out);
        out.put_u8(b'"');
    }
    out.put_slice(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
    out.put_slice(number.format(command.version).as_bytes());
    out.put_u8(b'}');
}

fn escape(text: &str, out: &mut BytesMut) {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !matches!(byte, b'"' | b'\\' | 0..=0x1F) {
            continue;
        }
        out.put_slice(&bytes[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.put_slice(b"\\\""),
            b'\\' => out.put_slice(b"\\\\"),
            b'\n' => out.put_slice(b"\\n"),
            b'\r' => out.put_slice(b"\\r"),
            b'\t' => out.put_slice(b"\\t"),
            control => {
                out.put_slice(b"\\u00");
                out.put_u8(b'0' + (control >> 4));
                out.put_u8(b"0123456789abcdef"[usize::from(control & 15)]);
            }
        }
    }
    out.put_slice(&bytes[written..]);
}

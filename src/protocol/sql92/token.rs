//! The words, numbers, texts and signs of an expression. What they mean together is the grammar's business.

use super::SyntaxError;

/// A piece of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or the name of a property.
    Word(&'a str),
    /// A number without a fraction, its `l` left out.
    Whole(&'a str),
    /// A number with a fraction or an exponent.
    Fraction(&'a str),
    /// What is between the quotes, with its quotes still doubled.
    Text(&'a str),
    /// One of `= <> > >= < <= ( ) , + -`.
    Sign(&'static str),
    /// There is no more.
    End,
}

impl Token<'_> {
    /// Whether it is this keyword, given in upper case.
    pub fn is(self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// As messages name it.
    pub fn title(self) -> String {
        match self {
            Self::Word(text) | Self::Whole(text) | Self::Fraction(text) => text.to_owned(),
            Self::Text(text) => format!("'{text}'"),
            Self::Sign(sign) => format!("\"{sign}\""),
            Self::End => "the end".to_owned(),
        }
    }
}

const LINE_ENDS: [char; 2] = ['\n', '\r'];
/// Longer signs before those that they begin with.
const SIGNS: [&str; 11] = ["<>", ">=", "<=", "=", ">", "<", "(", ")", ",", "+", "-"];
/// What people write who know other languages, and what it is here.
const FOREIGN: [(&str, &str); 6] = [
    ("!=", "not equal is <>"),
    ("!", "not is NOT"),
    ("&&", "and is AND"),
    ("||", "or is OR"),
    ("\"", "texts are in single quotes"),
    ("`", "names of properties are not quoted"),
];

/// Takes an expression apart, from the left.
pub(super) struct Tokens<'a> {
    text: &'a str,
    /// The byte after the last token.
    at: usize,
    /// Where the last line but one ends: comments that begin before it end.
    last_line_end: usize,
}

impl<'a> Tokens<'a> {
    pub fn of(text: &'a str) -> Self {
        Self { text, at: 0, last_line_end: text.rfind(LINE_ENDS).unwrap_or(0) }
    }

    /// The error of something wrong at byte `at`.
    pub fn error(&self, at: usize, reason: impl Into<String>) -> SyntaxError {
        let before = self.text.get(..at).unwrap_or(self.text);
        SyntaxError { column: before.chars().count() + 1, reason: reason.into() }
    }

    /// The next token and the byte where it begins.
    pub fn next(&mut self) -> Result<(Token<'a>, usize), SyntaxError> {
        self.skip_blanks()?;
        let (text, at) = (self.text, self.at);
        let rest = &text[at..];
        let (token, len) = match rest.bytes().next() {
            None => (Token::End, 0),
            Some(b'\'') => self.quoted(rest)?,
            Some(byte) if byte.is_ascii_digit() || byte == b'.' => {
                number(rest).ok_or_else(|| self.error(at, "expected digits after the point"))?
            }
            Some(byte) if is_name(byte) => {
                let len = rest.bytes().position(|byte| !is_name(byte)).unwrap_or(rest.len());
                (Token::Word(&rest[..len]), len)
            }
            Some(_) => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(self.error(at, foreign(rest))),
            },
        };
        self.at += len;
        Ok((token, at))
    }

    fn quoted(&self, rest: &'a str) -> Result<(Token<'a>, usize), SyntaxError> {
        let mut quotes =
            rest.bytes().enumerate().skip(1).filter(|(_, byte)| *byte == b'\'').map(|(at, _)| at).peekable();
        while let Some(at) = quotes.next() {
            // Two quotes in a row are one of the text.
            if quotes.next_if_eq(&(at + 1)).is_none() {
                return Ok((Token::Text(&rest[1..at]), at + 1));
            }
        }
        Err(self.error(self.at, "this text has no quote at its end"))
    }

    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = &self.text[self.at..];
            let blanks = rest.bytes().take_while(|byte| b" \t\n\r\x0c".contains(byte)).count();
            let rest = &rest[blanks..];
            self.at += blanks;
            if let Some(comment) = rest.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else {
                    return Err(self.error(self.at, "this comment has no */ at its end"));
                };
                self.at += end + 4;
            } else if rest.starts_with("--") && self.at < self.last_line_end {
                self.at += rest.find(LINE_ENDS).map_or(rest.len(), |end| end + 1);
            } else if blanks == 0 {
                return Ok(());
            }
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

fn foreign(rest: &str) -> String {
    match FOREIGN.iter().find(|(sign, _)| rest.starts_with(sign)) {
        Some((sign, instead)) => format!("{sign} means nothing here: {instead}"),
        None => format!("{:?} means nothing here", rest.chars().next().unwrap_or_default()),
    }
}

/// The number at the start of `rest` and its length. `None` for a lone point.
fn number(rest: &str) -> Option<(Token<'_>, usize)> {
    let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    let byte = |at: usize| rest.as_bytes().get(at).copied().unwrap_or_default();
    let whole = digits(0);
    let mut len = whole;
    if byte(len) == b'.' {
        let fraction = digits(len + 1);
        if whole + fraction == 0 {
            return None;
        }
        len += 1 + fraction;
    }
    if byte(len).eq_ignore_ascii_case(&b'e') {
        let sign = usize::from(b"+-".contains(&byte(len + 1)));
        let exponent = digits(len + 1 + sign);
        if exponent > 0 {
            len += 1 + sign + exponent;
        }
    }
    if len > whole {
        return Some((Token::Fraction(&rest[..len]), len));
    }
    // A whole number begins with 0 only if it is 0.
    let whole = if byte(0) == b'0' { 1 } else { whole };
    let suffix = usize::from(byte(0) != b'0' && byte(whole).eq_ignore_ascii_case(&b'l'));
    Some((Token::Whole(&rest[..whole]), whole + suffix))
}

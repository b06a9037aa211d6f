//! Messages on standard output, in one of several styles, at most so many.

use crate::{
    failure::Failure,
    message_text::{Format, to_json},
    output::Output,
};
use client::Received;

/// How messages are written.
pub enum Style {
    /// By a format string.
    Format(Format),
    /// One JSON object a line.
    JsonLines,
    /// One JSON array, an object a line.
    JsonArray,
}

impl Style {
    /// What was asked for: a format, if one was given.
    pub fn of(format: Option<Format>, output: super::Output) -> Self {
        match (format, output) {
            (Some(format), _) => Self::Format(format),
            (None, super::Output::Raw) => Self::Format(Format::body_lines()),
            (None, super::Output::Json) => Self::JsonArray,
            (None, super::Output::Jsonl) => Self::JsonLines,
        }
    }
}

/// Writes messages.
pub struct Printer {
    output: Output,
    style: Style,
    most: Option<u64>,
    printed: u64,
    line: Vec<u8>,
}

impl Printer {
    /// Writes at most `most` messages.
    pub fn begin(style: Style, most: Option<u64>) -> Self {
        Self { output: Output::begin(), style, most, printed: 0, line: Vec::new() }
    }

    /// Whether as many are written as were asked for.
    pub fn is_done(&self) -> bool {
        self.most.is_some_and(|most| self.printed >= most)
    }

    /// How many more may be written.
    pub fn wants(&self) -> u64 {
        self.most.map_or(u64::MAX, |most| most.saturating_sub(self.printed))
    }

    /// Writes a message.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn message(&mut self, message: &Received) -> Result<(), Failure> {
        self.line.clear();
        render(&self.style, self.printed == 0, message, &mut self.line);
        self.printed += 1;
        self.output.bytes(&self.line)
    }

    /// Hands what was written to whoever reads.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.output.flush()
    }

    /// Writes what is to stand after the last message.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(mut self) -> Result<(), Failure> {
        if let Style::JsonArray = self.style {
            self.output.bytes(if self.printed == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        self.output.flush()
    }
}

fn render(style: &Style, first: bool, message: &Received, line: &mut Vec<u8>) {
    match style {
        Style::Format(format) => format.write(message, line),
        Style::JsonLines => line.extend_from_slice(format!("{}\n", to_json(message)).as_bytes()),
        Style::JsonArray => {
            let before = if first { "[\n" } else { ",\n" };
            line.extend_from_slice(format!("{before}{}", to_json(message)).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message_text::tests::received;

    #[test]
    fn an_array_of_any_length_is_json() {
        let mut text = Vec::new();
        render(&Style::JsonArray, true, &received(b"a", 0), &mut text);
        render(&Style::JsonArray, false, &received(b"b", 1), &mut text);
        text.extend_from_slice(b"\n]\n");
        let array: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        assert_eq!((&array[0]["body"], &array[1]["offset"]), (&"a".into(), &1.into()));
    }

    #[test]
    fn lines_are_json_each() {
        let mut text = Vec::new();
        render(&Style::JsonLines, true, &received(b"a\nb", 0), &mut text);
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
    }
}

//! Standard output: data only, and a reader that goes away early is no failure.

use crate::failure::Failure;
use std::io::{self, BufWriter, StdoutLock, Write};

/// Standard output, kept until [`Output::flush`].
pub struct Output {
    to: BufWriter<StdoutLock<'static>>,
}

impl Output {
    /// Takes standard output for this command.
    pub fn begin() -> Self {
        Self { to: BufWriter::with_capacity(64 << 10, io::stdout().lock()) }
    }

    /// Writes `text` and ends the line.
    ///
    /// # Errors
    /// [`Failure::reader_gone`] if nobody reads any more, another if it cannot be written.
    pub fn line(&mut self, text: impl std::fmt::Display) -> Result<(), Failure> {
        writeln!(self.to, "{text}").map_err(Failure::from_output)
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.to.write_all(bytes).map_err(Failure::from_output)
    }

    /// Hands everything written to whoever reads.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.to.flush().map_err(Failure::from_output)
    }
}

/// Writes lines.
///
/// # Errors
/// As [`Output::line`].
pub fn lines(lines: impl IntoIterator<Item = impl std::fmt::Display>) -> Result<(), Failure> {
    let mut output = Output::begin();
    for line in lines {
        output.line(line)?;
    }
    output.flush()
}

/// Writes bytes as they are.
///
/// # Errors
/// As [`Output::line`].
pub fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = Output::begin();
    output.bytes(bytes)?;
    output.flush()
}

/// Writes JSON for people and programs.
///
/// # Errors
/// As [`Output::line`].
pub fn json(value: &serde_json::Value) -> Result<(), Failure> {
    print(format!("{value:#}"))
}

/// Writes one whole answer.
///
/// # Errors
/// As [`Output::line`].
pub fn print(text: impl std::fmt::Display) -> Result<(), Failure> {
    let mut output = Output::begin();
    output.line(text)?;
    output.flush()
}

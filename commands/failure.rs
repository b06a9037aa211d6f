//! Why a command did not do what it was asked, and with which exit code it ends.

use std::{io, process::ExitCode};

/// What kind of failure it is: the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something went wrong.
    Failed = 1,
    /// The command line or a file says something impossible.
    Usage = 2,
}

/// A failure, for the person or the program that reads it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code; none if it is no failure at all, but the reader of standard output has seen enough.
    kind: Option<Kind>,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// What happened, and to what.
    pub fn new(kind: Kind, message: impl ToString) -> Self {
        Self { kind: Some(kind), message: message.to_string(), hint: None }
    }

    /// The same with what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whoever read standard output has gone, as `head` does.
    pub fn reader_gone() -> Self {
        Self { kind: None, message: String::new(), hint: None }
    }

    /// Why something could not be written to standard output.
    pub fn from_output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::reader_gone();
        }
        Self::new(Kind::Failed, format!("cannot write to standard output: {error}"))
    }

    /// Says it on standard error and gives the exit code to end with.
    pub fn report(self) -> ExitCode {
        let Some(kind) = self.kind else { return ExitCode::SUCCESS };
        say(&format!("rmq: {}", self.message));
        if let Some(hint) = self.hint {
            say(&format!("hint: {hint}"));
        }
        ExitCode::from(kind as u8)
    }
}

/// Writes a line on standard error; if nobody reads that either, there is nobody to tell.
pub fn say(line: &str) {
    use io::Write;
    let _ = writeln!(io::stderr(), "{line}");
}

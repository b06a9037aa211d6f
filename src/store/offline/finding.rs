//! What a verification found: each thing with its file, its place, and what to do about it; and the sum.

use std::path::PathBuf;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// To be expected, or mended by the next start on its own.
    Note,
    /// Harms nobody now, but is not as it should be.
    Warning,
    /// Wrong.
    Error,
}

impl Severity {
    /// One word: `note`, `warning` or `error`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file or folder.
    pub path: PathBuf,
    /// Where: the offset in the log for a file of the log, in the file for any other.
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What a verification came to.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The findings in the order they were made; of each severity at most as many as were asked for.
    pub findings: Vec<Finding>,
    /// How many errors there are, listed or not.
    pub errors: u64,
    /// How many warnings.
    pub warnings: u64,
    /// How many notes.
    pub notes: u64,
    /// Good records in the log.
    pub records: u64,
    /// Where the log starts.
    pub log_from: u64,
    /// Where the log ends.
    pub log_to: u64,
    /// Consume queues.
    pub queues: u64,
    /// Their entries, those of deleted messages included.
    pub queue_entries: u64,
    /// Entries of the index.
    pub index_entries: u64,
    /// Records that lead nowhere because their topic was deleted since.
    pub of_deleted_topics: u64,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.errors == 0
    }
}

/// Where findings are gathered.
#[derive(Debug)]
pub(super) struct Findings {
    pub verdict: Verdict,
    /// Findings of each severity that are listed.
    pub listed: usize,
    /// Everything is an error.
    pub strict: bool,
    /// What mends the end of the log, of the queues and of the index without being asked; `None` if nothing does.
    pub mends: Option<&'static str>,
}

impl Findings {
    pub fn add(
        &mut self,
        severity: Severity,
        path: PathBuf,
        offset: impl Into<Option<u64>>,
        what: impl Into<String>,
        remedy: &'static str,
    ) {
        let severity = if self.strict { Severity::Error } else { severity };
        let count = match severity {
            Severity::Error => &mut self.verdict.errors,
            Severity::Warning => &mut self.verdict.warnings,
            Severity::Note => &mut self.verdict.notes,
        };
        *count += 1;
        if *count <= self.listed as u64 {
            let (offset, what) = (offset.into(), what.into());
            self.verdict.findings.push(Finding { severity, path, offset, what, remedy });
        }
    }

    pub fn error(
        &mut self,
        path: PathBuf,
        offset: impl Into<Option<u64>>,
        what: impl Into<String>,
        remedy: &'static str,
    ) {
        self.add(Severity::Error, path, offset, what, remedy);
    }

    /// What a recovery mends, or the running broker writes later: an error only if there is neither.
    pub fn recoverable(
        &mut self,
        path: PathBuf,
        offset: impl Into<Option<u64>>,
        what: impl Into<String>,
        remedy: &'static str,
    ) {
        match self.mends {
            Some(mends) => self.add(Severity::Note, path, offset, what, mends),
            None => self.error(path, offset, what, remedy),
        }
    }
}

/// The remedy for most.
pub(super) const REPAIR: &str = "rmq store repair";

//! A session of `rmq top` in a file: every answer with its time, a JSON line each, compressed (gzip: `zcat` shows it).
//!
//! The first line says what it is: `{"rmq top recording":1,"name_servers":"…","every_ms":1000}`; each other line is
//! `{"at_ms":…,"answer":…}`. Each answer is handed to the system when it is there: a recorder that is killed loses none that it
//! wrote, and such a file is read up to where it breaks off. What is damaged is refused, with the line. Time is not here.

use crate::feed::{Answer, Question};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    io::{self, Read, Write},
    time::Duration,
};

/// The form that is written, and the newest that is read.
const FORM: u32 = 1;
/// How a file begins that is compressed (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Most that is read, uncompressed: it is held as a whole.
const MOST: u64 = 512 << 20;
/// What a picture tells of its time lies no further than this from when it came, ms: a day.
const FAR_MS: i64 = 24 * 3600 * 1000;
/// The year 9999, ms.
const LAST_MS: i64 = 253_402_300_799_999;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    #[serde(rename = "rmq top recording")]
    form: u32,
    name_servers: String,
    every_ms: u64,
}

/// Every other line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry<A = Answer> {
    pub(crate) at_ms: i64,
    pub(crate) answer: A,
}

/// Writes a recording.
pub struct Recorder {
    to: GzEncoder<Box<dyn Write + Send>>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    /// Begins one.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn begin(to: impl Write + Send + 'static, name_servers: &str, every: Duration) -> io::Result<Self> {
        let mut recorder = Self { to: GzEncoder::new(Box::new(to), Compression::best()) };
        let every_ms = every.as_millis() as u64;
        recorder.line(&Head { form: FORM, name_servers: name_servers.to_owned(), every_ms })?;
        Ok(recorder)
    }

    /// Writes an answer that came at `at_ms`.
    ///
    /// # Errors
    /// If it cannot be written to. What it has then is readable up to there.
    pub fn write(&mut self, answer: &Answer, at_ms: i64) -> io::Result<()> {
        self.line(&Entry { at_ms, answer })
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.to.write_all(&text)?;
        self.to.flush()
    }
}

/// Why a file is not a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    line: usize,
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Unreadable {}

/// What was recorded.
#[derive(Debug)]
pub struct Recording {
    head: Head,
    /// In the order of their times; at least one.
    pub(crate) entries: Vec<Entry>,
    /// What each of them is the answer to.
    pub(crate) questions: Vec<Question>,
    broken_off: Option<usize>,
}

impl Recording {
    /// Reads one, compressed or not.
    ///
    /// # Errors
    /// If it is none, damaged, made by a newer program, or holds no answer.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (text, whole) = unpacked(bytes);
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        // After the last line's end there is nothing; else it is the beginning of a line.
        let torn = lines.pop().is_some_and(|rest| !rest.is_empty());
        let mut at = 0;
        let refuse = |line: usize, why: String| Err(Unreadable { line, why });
        let head = match lines.first().map(|line| serde_json::from_slice::<serde_json::Value>(line)) {
            Some(Ok(value)) => value,
            _ => return refuse(1, "this is no recording of rmq top".to_owned()),
        };
        match head.get("rmq top recording").map(serde_json::Value::as_u64) {
            Some(Some(form)) if form == u64::from(FORM) => {}
            Some(Some(form)) if form > u64::from(FORM) => {
                return refuse(1, format!("of form {form}, made by a newer rmq; this one reads form {FORM}"));
            }
            _ => return refuse(1, "this is no recording of rmq top".to_owned()),
        }
        let head: Head = match serde_json::from_value(head) {
            Ok(head) => head,
            Err(error) => return refuse(1, error.to_string()),
        };
        let mut recording = Self { head, entries: Vec::new(), questions: Vec::new(), broken_off: None };
        for line in &lines[1..] {
            at += 1;
            let entry = match serde_json::from_slice::<Entry>(line) {
                Ok(entry) => entry,
                // JSON, but no answer that this program knows.
                Err(error) if error.is_data() => {
                    return refuse(at + 1, format!("it was made by another version of rmq, or is damaged: {error}"));
                }
                Err(error) => return refuse(at + 1, format!("it is damaged: {error}")),
            };
            match sound(entry) {
                Ok(entry) => recording.push(entry),
                Err(why) => return refuse(at + 1, format!("it is damaged: {why}")),
            }
        }
        match whole {
            Err(Ends::Damaged(why)) => return refuse(at + 2, format!("it is damaged: {why}")),
            Err(Ends::TooLong) => return refuse(at + 2, format!("longer than {} MiB, uncompressed", MOST >> 20)),
            Err(Ends::BreaksOff) => recording.broken_off = Some(at + 1),
            Ok(()) if torn => recording.broken_off = Some(at + 1),
            Ok(()) => {}
        }
        if recording.entries.is_empty() {
            return refuse(2, "it holds no answer".to_owned());
        }
        Ok(recording)
    }

    fn push(&mut self, mut entry: Entry) {
        // A clock that was set back while it was recorded: time does not run back on the screen.
        if let Some(last) = self.entries.last() {
            entry.at_ms = entry.at_ms.max(last.at_ms);
        }
        self.questions.push(entry.answer.question());
        self.entries.push(entry);
    }

    /// The name servers, as they were shown.
    pub fn names(&self) -> &str {
        &self.head.name_servers
    }

    /// How often it was asked when it began.
    pub fn every(&self) -> Duration {
        Duration::from_millis(self.head.every_ms.clamp(1, 3_600_000))
    }

    /// How many pictures it has.
    pub(crate) fn pictures(&self) -> usize {
        let is_picture = |entry: &&Entry| matches!(entry.answer, Answer::Picture { got: Ok(_), .. });
        self.entries.iter().filter(is_picture).count()
    }

    /// When its first and its last answer came, ms.
    pub fn span_ms(&self) -> (i64, i64) {
        let at = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.at_ms);
        (at(self.entries.first()), at(self.entries.last()))
    }

    /// The last line that is whole, if it breaks off after it: its writer was killed, or its disk was full.
    pub fn broken_off(&self) -> Option<usize> {
        self.broken_off
    }
}

/// Refuses times that nobody could have recorded, so that ages can be computed.
fn sound(entry: Entry) -> Result<Entry, String> {
    if !(0..=LAST_MS).contains(&entry.at_ms) {
        return Err(format!("at_ms {} is no time", entry.at_ms));
    }
    if let Answer::Picture { got: Ok(snapshot), .. } = &entry.answer {
        let times = std::iter::once(snapshot.asked_ms).chain(snapshot.brokers.iter().map(|view| view.at_ms));
        for ms in times {
            if ms.checked_sub(entry.at_ms).is_none_or(|far| far.saturating_abs() > FAR_MS) {
                return Err(format!("a picture of {ms} cannot come at {}", entry.at_ms));
            }
        }
    }
    Ok(entry)
}

/// How something ends that is not whole.
enum Ends {
    BreaksOff,
    TooLong,
    Damaged(String),
}

/// What is in it, as far as it can be read.
fn unpacked(bytes: &[u8]) -> (Vec<u8>, Result<(), Ends>) {
    let mut text = Vec::new();
    if !bytes.starts_with(&GZIP) {
        text.extend_from_slice(bytes);
        return (text, Ok(()));
    }
    let mut from = GzDecoder::new(bytes).take(MOST + 1);
    let mut some = [0; 16 << 10];
    loop {
        match from.read(&mut some) {
            Ok(0) if from.limit() == 0 => return (text, Err(Ends::TooLong)),
            Ok(0) => return (text, Ok(())),
            Ok(read) => text.extend_from_slice(&some[..read]),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return (text, Err(Ends::BreaksOff)),
            Err(error) => return (text, Err(Ends::Damaged(error.to_string()))),
        }
    }
}

#[cfg(test)]
mod tests;

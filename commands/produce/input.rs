//! What `rmq produce` sends: lines as they come, files, words of the command line, or messages made up.

use crate::failure::{Failure, Kind, say};
use bytes::Bytes;
use std::{
    io::{self, BufRead, IsTerminal, Read},
    path::PathBuf,
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval},
};

/// How many lines may be read ahead of what is sent.
const READ_AHEAD: usize = 64;
/// Longest line, in bytes: more than any broker takes.
const LONGEST_LINE: u64 = 16 << 20;

/// One message to send.
pub struct Item {
    /// What to call it in a message to the user.
    pub name: String,
    /// Its body.
    pub body: Bytes,
}

/// Where messages come from, at their pace.
pub struct Input {
    source: Source,
    pace: Option<Interval>,
    /// The pace lets one more pass. Kept here because a caller may give up waiting for a line.
    may_pass: bool,
    skipped: u64,
}

enum Source {
    /// Lines of standard input with their numbers.
    Lines { lines: mpsc::Receiver<io::Result<Vec<u8>>>, number: u64 },
    /// Bodies, each `times` times.
    Given { items: Vec<(String, Bytes)>, times: u64, at: u64 },
    /// Bodies made up.
    MadeUp { count: u64, size: Option<usize>, at: u64 },
}

impl Input {
    /// What the command line asks for; without any word about it, standard input.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn new(
        words: Vec<String>,
        files: Vec<PathBuf>,
        count: Option<u64>,
        size: Option<usize>,
        rate: Option<f64>,
    ) -> Result<Self, Failure> {
        let mut items: Vec<_> = words.into_iter().map(|word| (format!("message {word:.40?}"), word.into())).collect();
        for file in files {
            let name = file.display().to_string();
            match std::fs::read(&file) {
                Ok(body) => items.push((name, body.into())),
                Err(error) => {
                    return Err(Failure::new(Kind::Usage, format!("cannot read {name}: {error}")).target(name));
                }
            }
        }
        let source = match (items.is_empty(), count) {
            (false, _) => Source::Given { items, times: count.unwrap_or(1), at: 0 },
            (true, Some(count)) => Source::MadeUp { count, size, at: 0 },
            (true, None) => Source::Lines { lines: read_lines(), number: 0 },
        };
        Ok(Self { source, pace: rate.map(pace), may_pass: false, skipped: 0 })
    }

    /// How many messages there will be, if that is known.
    pub fn total(&self) -> Option<u64> {
        match &self.source {
            Source::Lines { .. } => None,
            Source::Given { items, times, .. } => Some(items.len() as u64 * times),
            Source::MadeUp { count, .. } => Some(*count),
        }
    }

    /// How many empty lines were left out.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The next message when it is time for it. Nothing is lost if the caller stops waiting.
    ///
    /// # Errors
    /// If standard input cannot be read.
    pub async fn next(&mut self) -> Result<Option<Item>, Failure> {
        if let Some(pace) = &mut self.pace
            && !self.may_pass
        {
            pace.tick().await;
            self.may_pass = true;
        }
        let item = match &mut self.source {
            Source::Given { items, times, at } => {
                let (round, position) = (*at / items.len() as u64, (*at % items.len() as u64) as usize);
                *at += 1;
                (round < *times).then(|| items[position].clone()).map(|(name, body)| Item { name, body })
            }
            Source::MadeUp { count, size, at } => (*at < *count).then(|| {
                *at += 1;
                Item { name: format!("message {at}"), body: made_up(*at, *size) }
            }),
            Source::Lines { lines, number } => loop {
                let Some(line) = lines.recv().await else { break None };
                let line =
                    line.map_err(|error| Failure::new(Kind::Failed, format!("cannot read standard input: {error}")))?;
                *number += 1;
                if !line.is_empty() {
                    break Some(Item { name: format!("line {number}"), body: line.into() });
                }
                // No client can read a message without a body.
                self.skipped += 1;
            },
        };
        self.may_pass = false;
        Ok(item)
    }
}

fn pace(rate: f64) -> Interval {
    let mut pace = interval(Duration::from_secs_f64(1.0 / rate));
    // A slow moment is made up for, so that the rate holds on the whole.
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    pace
}

/// `message 7`, filled up with dots or cut to the size.
fn made_up(number: u64, size: Option<usize>) -> Bytes {
    let mut body = format!("message {number}").into_bytes();
    if let Some(size) = size {
        body.resize(size, b'.');
    }
    body.into()
}

/// Lines of standard input from a thread of their own: reading them may take as long as somebody types.
fn read_lines() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    if io::stdin().is_terminal() {
        say("one message a line; Ctrl-D ends");
    }
    let (lines, receiver) = mpsc::channel(READ_AHEAD);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = match stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(len) if len as u64 == LONGEST_LINE && !line.ends_with(b"\n") => {
                    Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 16 MiB"))
                }
                Ok(_) => Ok(without_end(line)),
                Err(error) => Err(error),
            };
            let ended = read.is_err();
            if lines.blocking_send(read).is_err() || ended {
                return;
            }
        }
    });
    receiver
}

fn without_end(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    async fn all(mut input: Input) -> Vec<String> {
        let mut bodies = Vec::new();
        while let Some(item) = input.next().await.unwrap() {
            bodies.push(String::from_utf8_lossy(&item.body).into_owned());
        }
        bodies
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    async fn words_and_files_are_sent_as_often_as_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "one\ntwo\n").unwrap();
        let input = Input::new(words(&["a"]), vec![file], Some(2), None, None).unwrap();
        assert_eq!(input.total(), Some(4));
        assert_eq!(all(input).await, ["a", "one\ntwo\n", "a", "one\ntwo\n"]);
        let missing = Input::new(Vec::new(), vec![folder.path().join("no")], None, None, None).err().unwrap();
        assert!(missing.message().contains("no: No such file"), "{}", missing.message());
    }

    #[tokio::test]
    async fn messages_are_made_up_in_any_size() {
        let input = |count, size| Input::new(Vec::new(), Vec::new(), Some(count), size, None).unwrap();
        assert_eq!(all(input(2, None)).await, ["message 1", "message 2"]);
        assert_eq!(all(input(1, Some(11))).await, ["message 1.."]);
        assert_eq!(all(input(1, Some(3))).await, ["mes"]);
        assert!(all(input(0, None)).await.is_empty());
    }

    #[tokio::test]
    async fn lines_are_numbered_and_empty_ones_left_out() {
        let (lines, receiver) = mpsc::channel(4);
        for line in ["a\n", "\n", "b\r\n", "c"] {
            lines.send(Ok(without_end(line.into()))).await.unwrap();
        }
        drop(lines);
        let source = Source::Lines { lines: receiver, number: 0 };
        let mut input = Input { source, pace: None, may_pass: false, skipped: 0 };
        let mut got = Vec::new();
        while let Some(item) = input.next().await.unwrap() {
            got.push((item.name, item.body));
        }
        let expected = [("line 1", "a"), ("line 3", "b\r"), ("line 4", "c")];
        assert_eq!(got, expected.map(|(name, body)| (name.to_owned(), Bytes::from(body))));
        assert_eq!(input.skipped(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept() {
        let start = Instant::now();
        let input = Input::new(words(&["a"]), Vec::new(), Some(101), None, Some(50.0)).unwrap();
        assert_eq!(all(input).await.len(), 101);
        assert_eq!(start.elapsed().as_millis() / 10, 202, "the end is found one step later");
    }
}

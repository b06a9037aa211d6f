//! An image that failed, kept in a folder with all that is known about it, to be looked at and examined again.
//!
//! `image/` is what the power cut left; `history` has a line for each thing that is known: see [`Failure::keep`].

use crate::{
    crash::{Also, examine},
    driver::TOPICS,
    history::{History, Message},
};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};
use witness::image::Image;

/// An image that is not as it must be.
#[derive(Debug)]
pub struct Failure {
    pub image: Image,
    pub history: History,
    pub position: usize,
    /// Draws what is done to examine it.
    pub seed: u64,
    /// What is wrong, and how it came about.
    pub error: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn topic(name: &str) -> &'static str {
    TOPICS.iter().find(|(topic, _)| *topic == name).unwrap().0
}

impl Failure {
    /// Writes it to `dir`.
    pub fn keep(&self, dir: &Path) {
        self.image.write_to(&dir.join("image")).unwrap();
        let mut text = format!("crash {} {}\n", self.position, self.seed);
        for m in &self.history.messages {
            let key = m.key.as_deref().unwrap_or("-");
            let (topic, id, offset, at, life) = (m.topic, m.queue_id, m.queue_offset, m.at, m.life);
            writeln!(text, "message {topic} {id} {offset} {at} {life} {key} {}", hex(&m.record)).unwrap();
        }
        for (since, to) in &self.history.acknowledged {
            writeln!(text, "acknowledged {since} {to}").unwrap();
        }
        for (since, from) in &self.history.may_start_at {
            writeln!(text, "may-start-at {since} {from}").unwrap();
        }
        for (since, (topic, id, end)) in &self.history.seen {
            writeln!(text, "seen {since} {topic} {id} {end}").unwrap();
        }
        for (since, topic) in &self.history.deleted {
            writeln!(text, "deleted {since} {topic}").unwrap();
        }
        for (since, topic) in &self.history.deletions {
            writeln!(text, "deletion {since} {topic}").unwrap();
        }
        fs::write(dir.join("history"), text).unwrap();
    }
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
}

/// Examines an image that was kept, in a copy; it can be done again.
pub fn examine_again(dir: &Path) -> Result<(), String> {
    let (mut history, mut position, mut seed) = (History::default(), 0, 0);
    for line in fs::read_to_string(dir.join("history")).unwrap().lines() {
        match *line.split(' ').collect::<Vec<_>>() {
            ["crash", at, with] => (position, seed) = (number(at), number(with)),
            ["message", name, id, offset, at, life, key, record] => history.messages.push(Message {
                topic: topic(name),
                queue_id: number(id),
                queue_offset: number(offset),
                at: number(at),
                record: bytes(record),
                key: (key != "-").then(|| key.to_owned()),
                life: number(life),
            }),
            ["acknowledged", since, to] => history.acknowledged.push((number(since), number(to))),
            ["may-start-at", since, from] => history.may_start_at.push((number(since), number(from))),
            ["seen", since, name, id, end] => {
                history.seen.push((number(since), (topic(name), number(id), number(end))));
            }
            ["deleted", since, name] => history.deleted.push((number(since), topic(name))),
            ["deletion", since, name] => history.deletions.push((number(since), topic(name))),
            _ => panic!("not understood: {line}"),
        }
    }
    let copy = witness::scratch::folder();
    copy_to(&dir.join("image"), copy.path());
    examine(copy.path(), &history, position, Also { seen: true }, seed)
}

fn copy_to(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&copy).unwrap();
            copy_to(&path, &copy);
        } else {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

//! What was asked of a broker and what it answered: every send's fate, every delivery, every commit of an offset.
//!
//! [`check`] holds it against what a [`Store`](crate::Store) has on disk. A message is known by an id, carried at the
//! start of its body ([`body_of`]), so that any client in any language can send and report it; a message whose body has
//! none is known by its property `UNIQ_KEY`.
//!
//! Order is all that time is here: an event's number is its place in the list. Note an attempt *before* it is sent, and an
//! answer *after* it has come; then "A was acknowledged before B was attempted" holds whenever the list says so. In a file
//! ([`History::in_file`]) events are lines that are there as soon as the call returns: they outlive a killed process, and
//! several processes may write to one file. Keep that file off the disk that is being harmed.

mod acks;
mod check;
mod consumers;
mod event;
mod held;
mod index;
mod log;
mod queues;
mod violation;

pub use check::{Acks, Expect, check};
pub use event::{BodySum, Event};
pub use violation::{Kind, Violation, report};

use parking_lot::Mutex;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// Events in the order in which they were noted. Any number of threads may note at once.
#[derive(Debug, Default)]
pub struct History {
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    events: Vec<Event>,
    file: Option<File>,
    /// Why an event is missing from the file.
    trouble: Option<String>,
    skipped_lines: usize,
}

/// The body to send a message with: `id=ID;` and then `rest`. The id must not contain a `;`.
pub fn body_of(id: &str, rest: &[u8]) -> Vec<u8> {
    [b"id=", id.as_bytes(), b";", rest].concat()
}

impl History {
    /// An empty history in memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// The history in a file, made if it is not there, to which every further event is added at once. What other
    /// processes add to the file from now on is not seen; [`History::load`] it again to see it.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let mut file = File::options().create(true).append(true).read(true).open(path)?;
        let mut noted = Noted::default();
        noted.read(&file)?;
        // A line that a killed process left unfinished must not swallow the next one.
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        noted.file = Some(file);
        Ok(Self { noted: Mutex::new(noted) })
    }

    /// The history that a file holds now, in memory.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn load(path: &Path) -> io::Result<Self> {
        let history = Self::new();
        history.append_from(path)?;
        Ok(history)
    }

    /// Adds the events of a file behind those that are there.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn append_from(&self, path: &Path) -> io::Result<()> {
        let mut noted = self.noted.lock();
        let before = noted.events.len();
        noted.read(&File::open(path)?)?;
        let added = noted.events[before..].to_vec();
        added.iter().for_each(|event| noted.write(event));
        Ok(())
    }

    /// Writes all events to a file, one JSON object a line, in place of what was in it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut text = Vec::new();
        for event in &self.noted.lock().events {
            serde_json::to_writer(&mut text, event)?;
            text.push(b'\n');
        }
        std::fs::write(path, text)
    }

    /// A message is about to be sent. The second time for one id it is a retry, and may be stored once more.
    pub fn attempt(&self, id: &str, topic: &str, body: &[u8]) {
        self.note(Event::Attempt { id: id.into(), topic: topic.into(), body: BodySum::of(body) });
    }

    /// The broker has acknowledged a message. `physical_offset` is where in the log it says to have put it, `None` if the
    /// client was not told ([`physical_offset_in`] finds it in an offset message id). `durable`: the answer promises
    /// that it outlives a power loss, so not with `FLUSH_DISK_TIMEOUT`, nor with `ASYNC_FLUSH` before
    /// [`History::synced`].
    pub fn acked(
        &self,
        id: &str,
        queue_id: i32,
        queue_offset: i64,
        physical_offset: impl Into<Option<i64>>,
        durable: bool,
    ) {
        let physical_offset = physical_offset.into();
        self.note(Event::Acked { id: id.into(), queue_id, queue_offset, physical_offset, durable });
    }

    /// The broker has refused an attempt, and so must not have stored it. For an answer that leaves it open (no answer,
    /// or a failure after the write) note nothing.
    pub fn refused(&self, id: &str) {
        self.note(Event::Refused { id: id.into() });
    }

    /// The log is on the disk up to the byte offset `physical_end`: what was acknowledged before it is durable.
    pub fn synced(&self, physical_end: i64) {
        self.note(Event::Synced { physical_end });
    }

    /// A message is not to be seen before `ms`, since 1970 by the broker's clock.
    pub fn due(&self, id: &str, ms: i64) {
        self.note(Event::Due { id: id.into(), ms });
    }

    /// A message is half of a transaction: its acknowledgement is no promise that anyone will see it.
    pub fn half(&self, id: &str) {
        self.note(Event::Half { id: id.into() });
    }

    /// Someone is about to commit a half message, or to roll it back. Of a message that was never to be committed nothing
    /// may be seen.
    pub fn ending(&self, id: &str, commit: bool) {
        self.note(Event::Ending { id: id.into(), commit });
    }

    /// The broker has taken the end of its transaction. One that is committed is to be seen once, by every group.
    pub fn ended(&self, id: &str, commit: bool) {
        self.note(Event::Ended { id: id.into(), commit });
    }

    /// A consumer of `group` was given a message.
    pub fn delivered(&self, group: &str, topic: &str, queue_id: i32, queue_offset: i64, id: &str) {
        let (group, topic, id) = (group.into(), topic.into(), id.into());
        self.note(Event::Delivered { group, topic, queue_id, queue_offset, id });
    }

    /// The broker holds this as the next offset that `group` wants, by a commit or an answer to a query.
    pub fn committed(&self, group: &str, topic: &str, queue_id: i32, offset: i64) {
        self.note(Event::Committed { group: group.into(), topic: topic.into(), queue_id, offset });
    }

    /// Someone ordered the group's offset to be this from now on, lower or not.
    pub fn reset(&self, group: &str, topic: &str, queue_id: i32, offset: i64) {
        self.note(Event::Reset { group: group.into(), topic: topic.into(), queue_id, offset });
    }

    /// All offsets committed so far are in the broker's file, for instance because it was stopped cleanly.
    pub fn offsets_saved(&self) {
        self.note(Event::OffsetsSaved);
    }

    /// The broker was killed, or lost its power: it may have forgotten the offsets that were not saved.
    pub fn crashed(&self) {
        self.note(Event::Crashed);
    }

    /// All events, in order.
    pub fn events(&self) -> Vec<Event> {
        self.noted.lock().events.clone()
    }

    /// How many lines of the files that were read are no event: what killed processes left unfinished.
    pub fn skipped_lines(&self) -> usize {
        self.noted.lock().skipped_lines
    }

    /// Why some event is missing from the file of [`History::in_file`].
    pub fn trouble(&self) -> Option<String> {
        self.noted.lock().trouble.clone()
    }

    fn note(&self, event: Event) {
        let mut noted = self.noted.lock();
        noted.write(&event);
        noted.events.push(event);
    }
}

impl Clone for History {
    /// The same events, in memory only.
    fn clone(&self) -> Self {
        let noted = self.noted.lock();
        let (events, trouble) = (noted.events.clone(), noted.trouble.clone());
        Self { noted: Mutex::new(Noted { events, trouble, file: None, skipped_lines: noted.skipped_lines }) }
    }
}

impl Noted {
    fn read(&mut self, file: &File) -> io::Result<()> {
        for line in BufReader::new(file).split(b'\n') {
            let line = line?;
            match serde_json::from_slice(&line) {
                Ok(event) => self.events.push(event),
                Err(_) if line.is_empty() => {}
                Err(_) => self.skipped_lines += 1,
            }
        }
        Ok(())
    }

    /// One write a line, at the file's end: whole, and in the order in which the kernel takes them.
    fn write(&mut self, event: &Event) {
        let Some(file) = &mut self.file else { return };
        let written = serde_json::to_vec(event).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            file.write_all(&line)
        });
        if let Err(error) = written {
            self.trouble.get_or_insert(error.to_string());
        }
    }
}

/// The byte offset in the log that the broker's message id (`offsetMsgId`, 32 or 56 hexadecimal digits) ends with.
pub fn physical_offset_in(offset_message_id: &str) -> Option<i64> {
    let digits =
        matches!(offset_message_id.len(), 32 | 56).then(|| offset_message_id.get(offset_message_id.len() - 16..));
    digits.flatten().and_then(|digits| i64::from_str_radix(digits, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_in_a_file_outlives_its_writer_and_an_unfinished_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history");
        let history = History::in_file(&path).unwrap();
        history.attempt("a", "T", b"id=a;");
        history.acked("a", 1, 2, None, true);
        // What a process leaves that is killed while it writes.
        File::options().append(true).open(&path).unwrap().write_all(b"{\"event\":\"refu").unwrap();
        let again = History::in_file(&path).unwrap();
        again.refused("b");
        again.committed("G", "T", 0, 5);
        let loaded = History::load(&path).unwrap();
        assert_eq!((loaded.events().len(), loaded.skipped_lines()), (4, 1));
        assert_eq!(loaded.events(), again.events());
        let copy = dir.path().join("copy");
        loaded.save(&copy).unwrap();
        again.append_from(&copy).unwrap();
        assert_eq!(History::load(&path).unwrap().events().len(), 8);
        assert_eq!(again.trouble(), None);
    }

    #[test]
    fn many_write_to_one_file_and_every_event_is_there_in_an_order_that_each_writer_agrees_with() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history");
        let histories = [History::in_file(&path).unwrap(), History::in_file(&path).unwrap()];
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let history = &histories[writer % 2];
                scope.spawn(move || (0..200).for_each(|number| history.committed(&writer.to_string(), "T", 0, number)));
            }
        });
        let loaded = History::load(&path).unwrap();
        let mut next = [0; 4];
        for event in loaded.events() {
            let Event::Committed { group, offset, .. } = event else { panic!("{event:?}") };
            let next = &mut next[group.parse::<usize>().unwrap()];
            assert_eq!(offset, *next);
            *next += 1;
        }
        assert_eq!((next, loaded.skipped_lines()), ([200; 4], 0));
    }

    #[test]
    fn the_physical_offset_is_the_end_of_the_brokers_message_id() {
        assert_eq!(physical_offset_in("7F00000100002A9F00000000000003E8"), Some(1000));
        assert_eq!(physical_offset_in("7F00000100002A9F00000000000003"), None);
        assert_eq!(physical_offset_in("7F00000100002A9F00000000000003Ü"), None);
    }
}

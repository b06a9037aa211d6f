//! Whether a store that was opened after a crash has what it must have, and nothing else.

use crate::history::{History, LOG_FILE, Message};
use protocol::record::BLANK_MAGIC;
use std::path::Path;
use store::{MessageStore, PullSpec, QueueEntry, tag_hash};

/// What was found, or what is wrong with it.
pub type Checked<T> = Result<T, String>;

macro_rules! ensure {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}

/// What the store says of itself; the same after each further start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub from: u64,
    pub to: u64,
    queues: Vec<(String, i32, i64, i64)>,
}

impl Summary {
    /// The same without some topics.
    pub fn without(&self, left_out: impl Fn(&str) -> bool) -> Self {
        let mut rest = self.clone();
        rest.queues.retain(|(topic, ..)| !left_out(topic));
        rest
    }
}

pub fn summary(store: &MessageStore) -> Summary {
    let mut queues = Vec::new();
    for topic in store.topics() {
        for queue in (0..8).filter_map(|id| store.queue(&topic, id)) {
            queues.push((topic.to_string(), queue.id(), queue.min_offset(), queue.max_offset()));
        }
    }
    Summary { from: store.min_physical() as u64, to: store.max_physical() as u64, queues }
}

/// Checks everything: the log, the queues, the keys.
pub fn check(store: &MessageStore, dir: &Path, history: &History, position: usize) -> Checked<Summary> {
    let summary = summary(store);
    log(store, history, position, &summary)?;
    tail(dir, summary.to)?;
    queues(store, history, position, &summary)?;
    keys(store, history, &summary)?;
    Ok(summary)
}

/// The log is what was appended, up to somewhere behind what was acknowledged.
fn log(store: &MessageStore, history: &History, position: usize, summary: &Summary) -> Checked<()> {
    let (from, to) = (summary.from, summary.to);
    let acknowledged = history.acknowledged_at(position);
    ensure!(to >= acknowledged, "the log ends at {to}, but everything up to {acknowledged} was acknowledged");
    let latest = history.may_start_at(position);
    ensure!(from <= latest, "the log starts at {from}, but only what is before {latest} was deleted");
    let flushed = store.flushed().get();
    ensure!(flushed == to, "after the start, {flushed} of {to} is flushed");
    let mut at = from;
    let mut messages = history.messages.iter().skip_while(|message| message.at < from).peekable();
    while at < to {
        let file_end = (at / LOG_FILE + 1) * LOG_FILE;
        let Some(message) = messages.next_if(|message| message.at == at) else {
            let next = messages.peek().map(|message| message.at);
            let filler = store.read(at as i64, 8).is_some_and(|bytes| bytes[4..] == BLANK_MAGIC.to_be_bytes());
            let none = filler && next.is_none_or(|next| next >= file_end);
            ensure!(none, "a ghost or a hole at {at}: next message at {next:?}");
            at = file_end;
            continue;
        };
        let found = store.record_at(at as i64);
        ensure!(found.as_deref() == Some(&message.record[..]), "the record at {at} is {found:?} now, was {message:?}");
        at = message.end();
    }
    ensure!(at == to, "the log ends at {to}, in the middle of what ends at {at}");
    Ok(())
}

/// Behind the end there is nothing, and never will be anything by chance.
fn tail(dir: &Path, end: u64) -> Checked<()> {
    let mut files: Vec<_> = std::fs::read_dir(dir.join("commitlog")).unwrap().map(|entry| entry.unwrap()).collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let Some(last) = files.last() else { return Ok(()) };
    let start: u64 = last.file_name().to_str().unwrap().parse().unwrap();
    ensure!(start <= end, "file {start} lies behind the end of the log, {end}");
    let content = std::fs::read(last.path()).unwrap();
    ensure!(content.len() as u64 == LOG_FILE, "file {start} has {} bytes", content.len());
    let left = content[((end - start).min(LOG_FILE)) as usize..].iter().position(|byte| *byte != 0);
    ensure!(left.is_none(), "{left:?} bytes behind the end of the log, {end}, there is something");
    Ok(())
}

fn entry(message: &Message) -> QueueEntry {
    let tagged = String::from_utf8_lossy(&message.record).contains("TAGS\u{1}t");
    let tag_hash = if tagged { tag_hash("t") } else { 0 };
    QueueEntry { physical_offset: message.at as i64, size: message.record.len() as u32, tag_hash }
}

/// The queues are dense, and lead to every message in the log and to nothing else.
fn queues(store: &MessageStore, history: &History, position: usize, summary: &Summary) -> Checked<()> {
    let expected = history.queues(summary.from, summary.to);
    for (topic, id, min, max) in &summary.queues {
        let stored = expected.iter().find(|((of, number), _)| of == topic && number == id);
        ensure!(stored.is_some() || min == max, "queue {topic}/{id} has {min}..{max}, but no message");
    }
    for (&(topic, id), all) in &expected {
        let life = history.messages.iter().filter(|m| m.topic == topic && m.at < summary.to).map(|m| m.life).max();
        let life = life.unwrap_or(0);
        let messages: Vec<_> = all.iter().filter(|message| message.life == life).collect();
        let queue = store.queue(topic, id);
        let (min, max) = queue.as_ref().map_or((0, 0), |queue| (queue.min_offset(), queue.max_offset()));
        let gone = history.deleted_at(topic, position);
        let left: Vec<_> = all.iter().copied().filter(|message| message.life >= gone).collect();
        let mut entries = Vec::new();
        if let Some(queue) = &queue {
            while queue.read(min + entries.len() as i64, 64, &mut entries).unwrap() > 0 {}
        }
        ensure!(entries.len() as i64 == max - min, "queue {topic}/{id}: {} entries in {min}..{max}", entries.len());
        if messages.is_empty() || history.deletions_at(topic, position) > life {
            // Deleted, or about to be: some may still be there, but only what was.
            all_known(topic, id, min, &entries, &left)?;
            continue;
        }
        // If a deletion was under way, the older ones may be back, and the newer ones follow them.
        let first = messages[0].queue_offset;
        let ends =
            (if history.deletions_at(topic, position) > 0 { min.min(first) } else { first }, last_end(&messages));
        ensure!((min, max) == ends, "queue {topic}/{id} has {min}..{max} instead of {ends:?}");
        let (older, entries) = entries.split_at((first - min) as usize);
        all_known(topic, id, min, older, &left)?;
        for (found, message) in entries.iter().zip(&messages) {
            let expected = entry(message);
            ensure!(*found == expected, "queue {topic}/{id} has {found:?} instead of {expected:?}");
        }
        let wanted: Vec<u8> = messages.iter().flat_map(|message| &message.record).copied().collect();
        let pulled = pull_all(store, topic, id, first)?;
        ensure!(pulled == wanted, "pulling {topic}/{id} brings {} bytes, not {}", pulled.len(), wanted.len());
    }
    offsets_go_on(store, history, position)
}

fn last_end(messages: &[&&Message]) -> i64 {
    messages.last().map_or(0, |message| message.queue_offset + 1)
}

/// Entries from `min` on lead to messages that were in the queue at some time.
fn all_known(topic: &str, id: i32, min: i64, entries: &[QueueEntry], all: &[&Message]) -> Checked<()> {
    for (offset, found) in (min..).zip(entries) {
        let known = all.iter().any(|message| message.queue_offset == offset && entry(message) == *found);
        ensure!(known, "queue {topic}/{id}, once deleted, has {found:?} at {offset}");
    }
    Ok(())
}

fn pull_all(store: &MessageStore, topic: &str, queue_id: i32, mut offset: i64) -> Checked<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let pulled = store.pull(&PullSpec { topic, queue_id, offset, max_messages: 32 }, |_, _| true);
        if pulled.message_count == 0 {
            return Ok(bytes);
        }
        ensure!(pulled.next_offset > offset, "a pull of {topic}/{queue_id} at {offset} does not move on");
        pulled.records.iter().for_each(|run| bytes.extend_from_slice(run));
        offset = pulled.next_offset;
    }
}

/// No queue offset of an acknowledged message is given out again, even if the message itself is deleted.
fn offsets_go_on(store: &MessageStore, history: &History, position: usize) -> Checked<()> {
    for (&(topic, id), messages) in &history.queues(0, history.acknowledged_at(position)) {
        if history.deletions_at(topic, position) == 0
            && let Some(last) = messages.last()
        {
            let max = store.queue(topic, id).map_or(0, |queue| queue.max_offset());
            let before = last.queue_offset + 1;
            ensure!(max >= before, "queue {topic}/{id} ends at {max}, but {before} was acknowledged");
        }
    }
    Ok(())
}

/// What a consumer saw before the crash is there after it.
pub fn seen(store: &MessageStore, history: &History, position: usize) -> Checked<()> {
    for (_, (topic, id, end)) in history.seen.iter().filter(|(from, _)| *from <= position) {
        let max = store.queue(topic, *id).map_or(0, |queue| queue.max_offset());
        ensure!(max >= *end, "a consumer saw {topic}/{id} up to {end}, now it ends at {max}");
    }
    Ok(())
}

/// Messages are found by their keys; of many, some are tried, and the newest.
fn keys(store: &MessageStore, history: &History, summary: &Summary) -> Checked<()> {
    let stored = |message: &&Message| (summary.from..summary.to).contains(&message.at);
    let keyed: Vec<_> = history.messages.iter().filter(|m| m.key.is_some()).filter(stored).collect();
    let step = (keyed.len() / 12).max(1);
    for message in keyed.iter().rev().step_by(step).chain(keyed.iter().rev().take(3)) {
        let key = message.key.as_deref().unwrap_or_default();
        let found = store.find(message.topic, key, 32, 0, i64::MAX).map_err(|error| error.to_string())?;
        let there = found.records.iter().any(|record| record[..] == message.record[..]);
        ensure!(there, "{} at {} of {} is not found by its key", key, message.at, message.topic);
    }
    Ok(())
}

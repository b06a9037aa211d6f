//! Messages that are not to be seen at once: delayed ones not early, half ones not before they are committed, and
//! committed ones for certain. That each is seen once is counted where all messages are.

use super::{
    Event, Kind,
    check::{Acks, Facts, place_of},
};
use std::collections::BTreeMap;

/// What is known of a message that is held back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// Not to be seen before, ms since 1970.
    pub due_ms: Option<i64>,
    /// Half of a transaction.
    pub half: bool,
    /// Someone tried to commit it.
    pub commit_asked: bool,
    /// The broker has taken a commit.
    pub committed: bool,
}

impl Held {
    /// Whether consumers must be given it.
    pub fn is_to_be_seen(&self) -> bool {
        !self.half || self.committed
    }
}

/// By message id.
pub(super) fn held(events: &[Event]) -> BTreeMap<&str, Held> {
    let mut all: BTreeMap<&str, Held> = BTreeMap::new();
    for event in events {
        match event {
            Event::Due { id, ms } => all.entry(id).or_default().due_ms = Some(*ms),
            Event::Half { id } => all.entry(id).or_default().half = true,
            Event::Ending { id, commit: true } => all.entry(id).or_default().commit_asked = true,
            Event::Ended { id, commit: true } => all.entry(id).or_default().committed = true,
            _ => {}
        }
    }
    all
}

pub(super) fn check(facts: &mut Facts<'_>) {
    let mut found = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (record, id) in facts.store.log.records.iter().zip(&facts.ids) {
        let Some((id, held)) = id.as_deref().and_then(|id| facts.held.get_key_value(id)) else { continue };
        if facts.sent.get(id).is_none_or(|sent| sent.topic != record.topic) || !record.is_queued() {
            continue;
        }
        *seen.entry(id).or_default() += 1;
        if let Some(due) = held.due_ms.filter(|due| record.store_ms < *due) {
            let what = format!("it is at {}, {} ms before it was due", place_of(record), due - record.store_ms);
            found.push((Kind::Early, *id, what));
        }
        if held.half && !held.commit_asked {
            let what = format!("it is at {}, and nobody asked to commit it", place_of(record));
            found.push((Kind::Uncommitted, *id, what));
        }
    }
    if facts.expect.acks == Acks::All && !facts.expect.retention {
        for (id, held) in &facts.held {
            let topic = facts.sent.get(id).map_or("", |sent| sent.topic);
            if held.committed && !seen.contains_key(id) && !facts.is_deleted(topic) {
                let what = format!("it was committed, and the log has no copy of it in {topic}");
                found.push((Kind::LostAck, *id, what));
            }
        }
    }
    found.into_iter().for_each(|(kind, id, what)| facts.violation(kind, Some(id), what));
}

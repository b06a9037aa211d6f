//! What is popped and not acknowledged: made by the events of the journal, one after another, and by nothing else.
//!
//! So what a start makes of the journal is what the broker had in memory when it ended.

use super::journal::{Checkpoint, Event, Key, Ordered, Reading};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The table. Places are offsets in the journal's queue.
#[derive(Debug, Default)]
pub struct Table {
    /// Behind the last event.
    end: i64,
    /// By the place of their event.
    checkpoints: BTreeMap<i64, Checkpoint>,
    places: HashMap<Key, i64>,
    /// When a checkpoint is due, or an ordered queue no longer blocked: time, and place.
    due: BTreeSet<(i64, i64)>,
    in_flight: HashMap<Reading, usize>,
    ordered: HashMap<Reading, (i64, Ordered)>,
    ordered_places: BTreeMap<i64, Reading>,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Messages are to come back.
    Revive(Checkpoint),
    /// A queue that is read in order may be read again.
    Free(Reading),
}

impl Table {
    /// A table without anything in it, of a journal that is read from `end` on.
    pub fn new(end: i64) -> Self {
        Self { end, ..Self::default() }
    }

    /// Behind the last event.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// The first event that is still needed; the end if none is.
    pub fn first(&self) -> i64 {
        let checkpoint = self.checkpoints.keys().next().copied();
        let ordered = self.ordered_places.keys().next().copied();
        checkpoint.into_iter().chain(ordered).min().unwrap_or(self.end)
    }

    /// Takes over the event at `place`.
    pub fn apply(&mut self, place: i64, event: Event) {
        self.end = place + 1;
        match event {
            Event::Popped { checkpoint, .. } => self.insert(place, checkpoint),
            Event::Done { key, offsets } => self.done(&key, &offsets),
            Event::Changed { key, into } => {
                let offsets: Vec<i64> = into.messages.iter().map(|message| message.0).collect();
                self.done(&key, &offsets);
                self.insert(place, into);
            }
            Event::Ordered { ordered, .. } => self.set_ordered(place, ordered),
            Event::Began { .. } => {}
        }
    }

    /// A place with no event of ours.
    pub fn skip(&mut self, place: i64) {
        self.end = place + 1;
    }

    /// The checkpoint of a pop.
    pub fn checkpoint(&self, key: &Key) -> Option<&Checkpoint> {
        self.checkpoints.get(self.places.get(key)?)
    }

    /// How many messages of a queue a group has in flight.
    pub fn in_flight(&self, reading: &Reading) -> usize {
        self.in_flight.get(reading).copied().unwrap_or(0)
    }

    /// What is popped of a queue in order.
    pub fn ordered(&self, reading: &Reading) -> Option<&Ordered> {
        self.ordered.get(reading).map(|(_, ordered)| ordered)
    }

    /// The first thing due at `now_ms`. A queue's end of blocking is told once.
    pub fn due(&mut self, now_ms: i64) -> Option<Due> {
        while let Some(&(at, place)) = self.due.first().filter(|(at, _)| *at <= now_ms) {
            if let Some(checkpoint) = self.checkpoints.get(&place) {
                return Some(Due::Revive(checkpoint.clone()));
            }
            self.due.remove(&(at, place));
            if let Some(reading) = self.ordered_places.get(&place) {
                return Some(Due::Free(reading.clone()));
            }
        }
        None
    }

    /// Has a checkpoint that is due wait until `at_ms`. Only in memory: what the journal says stays.
    pub fn postpone(&mut self, key: &Key, at_ms: i64) {
        if let Some(place) = self.places.get(key)
            && let Some(checkpoint) = self.checkpoints.get_mut(place)
        {
            self.due.remove(&(checkpoint.revive_at, *place));
            checkpoint.revive_at = at_ms;
            self.due.insert((at_ms, *place));
        }
    }

    /// The event that holds the journal's first place, as it would be noted now.
    pub fn oldest(&self) -> Option<Event> {
        let place = self.first();
        if let Some(checkpoint) = self.checkpoints.get(&place) {
            return Some(Event::Popped { checkpoint: checkpoint.clone(), next: None });
        }
        let ordered = self.ordered(self.ordered_places.get(&place)?)?;
        Some(Event::Ordered { ordered: ordered.clone(), next: None })
    }

    fn insert(&mut self, place: i64, checkpoint: Checkpoint) {
        if let Some(old) = self.places.get(&checkpoint.key).copied() {
            self.remove(old);
        }
        if checkpoint.messages.is_empty() {
            return;
        }
        *self.in_flight.entry(checkpoint.key.reading.clone()).or_default() += checkpoint.messages.len();
        self.due.insert((checkpoint.revive_at, place));
        self.places.insert(checkpoint.key.clone(), place);
        self.checkpoints.insert(place, checkpoint);
    }

    fn remove(&mut self, place: i64) {
        if let Some(checkpoint) = self.checkpoints.remove(&place) {
            self.due.remove(&(checkpoint.revive_at, place));
            self.places.remove(&checkpoint.key);
            self.landed(&checkpoint.key.reading, checkpoint.messages.len());
        }
    }

    fn done(&mut self, key: &Key, offsets: &[i64]) {
        let Some(place) = self.places.get(key).copied() else { return };
        let Some(checkpoint) = self.checkpoints.get_mut(&place) else { return };
        let before = checkpoint.messages.len();
        checkpoint.messages.retain(|message| !offsets.contains(&message.0));
        let left = checkpoint.messages.len();
        self.landed(&key.reading, before - left);
        if left == 0 {
            self.remove(place);
        }
    }

    fn landed(&mut self, reading: &Reading, messages: usize) {
        if let Some(count) = self.in_flight.get_mut(reading) {
            *count -= messages.min(*count);
            if *count == 0 {
                self.in_flight.remove(reading);
            }
        }
    }

    fn set_ordered(&mut self, place: i64, ordered: Ordered) {
        if let Some((old, before)) = self.ordered.remove(&ordered.reading) {
            self.ordered_places.remove(&old);
            if let Some(at) = before.free_at() {
                self.due.remove(&(at, old));
            }
        }
        if let Some(at) = ordered.free_at() {
            self.due.insert((at, place));
        }
        if ordered.is_needed() {
            self.ordered_places.insert(place, ordered.reading.clone());
            self.ordered.insert(ordered.reading.clone(), (place, ordered));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::journal::Place, *};

    fn reading() -> Reading {
        Reading { group: "G".into(), topic: "T".into(), queue_id: 0 }
    }

    fn popped(pop_time: i64, offsets: &[i64], revive_at: i64) -> Checkpoint {
        let key = Key { reading: reading(), start_offset: offsets[0], pop_time };
        Checkpoint { key, revive_at, messages: offsets.iter().map(|offset| Place(*offset, offset * 100)).collect() }
    }

    fn offsets(due: Option<Due>) -> Vec<i64> {
        match due {
            Some(Due::Revive(checkpoint)) => checkpoint.messages.iter().map(|message| message.0).collect(),
            other => panic!("no checkpoint: {other:?}"),
        }
    }

    #[test]
    fn a_checkpoint_is_needed_until_all_its_messages_are_done_with() {
        let mut table = Table::new(10);
        let (one, two) = (popped(1, &[0, 1], 100), popped(2, &[2], 50));
        table.apply(10, Event::Popped { checkpoint: one.clone(), next: Some(2) });
        table.apply(11, Event::Popped { checkpoint: two.clone(), next: Some(3) });
        assert_eq!((table.first(), table.end(), table.in_flight(&reading())), (10, 12, 3));
        assert_eq!(table.due(49), None);
        assert_eq!(offsets(table.due(50)), [2]);
        table.apply(12, Event::Done { key: one.key.clone(), offsets: vec![0] });
        table.apply(13, Event::Done { key: two.key.clone(), offsets: vec![2] });
        assert_eq!((table.first(), table.in_flight(&reading())), (10, 1));
        assert_eq!(offsets(table.due(100)), [1]);
        // Written anew, it no longer holds the journal's first places.
        let again = table.oldest().unwrap();
        table.apply(14, again);
        assert_eq!((table.first(), table.in_flight(&reading())), (14, 1));
        table.apply(15, Event::Done { key: one.key, offsets: vec![0, 1] });
        assert_eq!((table.first(), table.in_flight(&reading()), table.due(i64::MAX)), (16, 0, None));
        assert!(table.oldest().is_none() && table.places.is_empty() && table.due.is_empty());
    }

    #[test]
    fn a_changed_message_is_due_under_its_new_name_only() {
        let mut table = Table::new(0);
        let (one, other) = (popped(1, &[0, 1], 100), popped(5, &[1], 500));
        table.apply(0, Event::Popped { checkpoint: one.clone(), next: None });
        table.apply(1, Event::Changed { key: one.key.clone(), into: other.clone() });
        assert_eq!(offsets(table.due(100)), [0]);
        table.postpone(&one.key, 200);
        assert_eq!(table.due(199), None);
        table.apply(2, Event::Done { key: one.key, offsets: vec![0] });
        assert_eq!(offsets(table.due(500)), [1]);
        assert_eq!((table.first(), table.checkpoint(&other.key)), (1, Some(&other)));
    }

    #[test]
    fn a_queue_in_order_is_remembered_until_all_is_acknowledged() {
        use super::super::journal::OrderedMessage;
        let message = |offset, done| OrderedMessage { offset, count: 0, visible_at: 100, done };
        let ordered = |messages| Ordered { reading: reading(), pop_time: 1, attempt: None, messages, end: 5 };
        let mut table = Table::new(0);
        table.apply(0, Event::Ordered { ordered: ordered(vec![message(3, false), message(4, false)]), next: None });
        table.apply(1, Event::Ordered { ordered: ordered(vec![message(3, false), message(4, true)]), next: None });
        let now = table.ordered(&reading()).unwrap();
        assert_eq!((now.offset(), now.blocks(99), now.blocks(100), table.first()), (3, true, false, 1));
        assert_eq!((table.due(100), table.due(100)), (Some(Due::Free(reading())), None));
        let all = ordered(vec![message(3, true), message(4, true)]);
        assert_eq!(all.offset(), 5);
        table.apply(2, Event::Ordered { ordered: all, next: Some(5) });
        assert_eq!((table.ordered(&reading()), table.first()), (None, 3));
    }
}

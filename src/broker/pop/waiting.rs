//! Who waits for messages to pop, to be told of what no queue's end tells: a queue that is free again, messages that
//! come back.

use base::Watermark;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

/// Group and topic.
type Whose = (String, String);

/// All who wait.
#[derive(Debug, Default)]
pub struct Waiting {
    all: Mutex<HashMap<Whose, (Arc<Watermark>, usize)>>,
}

/// One who waits, until dropped.
pub struct Waiter<'a> {
    waiting: &'a Waiting,
    whose: Whose,
    told: Arc<Watermark>,
}

impl Waiting {
    /// Someone waits for a group's messages of a topic.
    pub fn wait(&self, group: &str, topic: &str) -> Waiter<'_> {
        let whose = (group.to_owned(), topic.to_owned());
        let mut all = self.all.lock();
        let (told, count) = all.entry(whose.clone()).or_insert_with(|| (Arc::new(Watermark::new(0)), 0));
        *count += 1;
        Waiter { waiting: self, told: told.clone(), whose }
    }

    /// Has all who wait for a group's messages of a topic look again.
    pub fn tell(&self, group: &str, topic: &str) {
        let all = self.all.lock();
        if all.is_empty() {
            return;
        }
        if let Some((told, _)) = all.get(&(group.to_owned(), topic.to_owned())) {
            told.advance(told.get() + 1);
        }
    }

    /// How many wait for a group's messages of a topic.
    pub fn count(&self, group: &str, topic: &str) -> usize {
        self.all.lock().get(&(group.to_owned(), topic.to_owned())).map_or(0, |(_, count)| *count)
    }
}

impl Waiter<'_> {
    /// Grows with each time all are told to look again.
    pub fn told(&self) -> &Watermark {
        &self.told
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.waiting.all.lock().entry(std::mem::take(&mut self.whose)) {
            entry.get_mut().1 -= 1;
            if entry.get().1 == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_and_forgotten_afterwards() {
        let waiting = Waiting::default();
        let (one, two) = (waiting.wait("G", "T"), waiting.wait("G", "T"));
        waiting.tell("G", "T");
        waiting.tell("G", "U");
        assert_eq!((one.told().get(), two.told().get(), waiting.count("G", "T")), (1, 1, 2));
        drop((one, two));
        assert_eq!(waiting.count("G", "T"), 0);
        assert!(waiting.all.lock().is_empty());
    }
}

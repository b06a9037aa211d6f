//! Whether the records of each queue count up: what contradicts its neighbours has a damaged head.
//!
//! A record's CRC covers its body only, so that a flipped bit in its queue id or queue offset shows in nothing but the
//! order of its queue. A record that does not follow is held back until the next one of its queue tells which of the two
//! is right: a queue that goes on from the new number has a gap, or its topic was deleted and made anew.

use crate::view::RecordView;
use std::collections::{BTreeMap, HashMap};

/// The queues' numbers, as a walk comes by them.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    queues: HashMap<String, BTreeMap<i32, Numbers>>,
}

/// A record that contradicts its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contradiction {
    pub at: u64,
    pub size: u64,
    /// Of all its bytes.
    pub crc: u32,
    pub says: i64,
    /// What its queue went on with.
    pub expected: i64,
}

#[derive(Debug)]
struct Numbers {
    next: i64,
    held: Option<Held>,
}

/// The record that does not follow: where, how large, its CRC, and what it says.
type Held = (u64, u64, u32, i64);

impl Sequence {
    /// A record comes by; returns the one before it in its queue if that is the one that is wrong.
    pub fn record(&mut self, queue: (&str, i32), record: &RecordView<'_>, says: i64) -> Option<Contradiction> {
        self.number(queue, says, || (record.at(), record.size(), record.crc_of_all(), says))
    }

    fn number(&mut self, (topic, id): (&str, i32), says: i64, hold: impl Fn() -> Held) -> Option<Contradiction> {
        if !self.queues.contains_key(topic) {
            self.queues.insert(topic.to_owned(), BTreeMap::new());
        }
        let numbers = self.queues.get_mut(topic)?.entry(id).or_insert(Numbers { next: says, held: None });
        let expected = numbers.next;
        let Some((at, size, crc, held_says)) = numbers.held.take() else {
            match says == expected {
                true => numbers.next += 1,
                false => numbers.held = Some(hold()),
            }
            return None;
        };
        let wrong = Contradiction { at, size, crc, says: held_says, expected };
        if says == held_says + 1 {
            numbers.next = says + 1;
            None
        } else if says == expected || says == expected + 1 {
            numbers.next = says + 1;
            Some(wrong)
        } else {
            numbers.next = held_says + 1;
            numbers.held = Some(hold());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that are wrong when one queue's records say `numbers`, in that order.
    fn wrong(numbers: &[i64]) -> Vec<i64> {
        let mut sequence = Sequence::default();
        let each = numbers.iter().enumerate();
        each.filter_map(|(at, says)| sequence.number(("T", 0), *says, || (at as u64, 1, 0, *says)))
            .map(|wrong| wrong.says)
            .collect()
    }

    #[test]
    fn one_number_out_of_order_is_wrong_and_a_new_order_is_not() {
        assert!(wrong(&[5, 6, 7, 8]).is_empty());
        // A damaged number, and one that came from another queue.
        assert_eq!(wrong(&[5, 6, 1000, 8, 9]), [1000]);
        assert_eq!(wrong(&[5, 6, 0, 8, 9]), [0]);
        assert_eq!(wrong(&[5, 6, 1000, 7, 8]), [1000]);
        // A gap, and a topic that was made anew: once, or again and again with a single message.
        assert!(wrong(&[5, 6, 10, 11, 12]).is_empty());
        assert!(wrong(&[5, 6, 0, 1, 2]).is_empty());
        assert!(wrong(&[5, 6, 0, 0, 0, 1]).is_empty());
    }
}

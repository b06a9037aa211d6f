//! What a record leads to besides its place in the log: an entry in its consume queue, and keys in the index.
//!
//! The same for a record that is appended and for one that recovery reads back. Source: `CommitLog`'s
//! `checkMessageAndReturnSize`, `MessageExtBrokerInner.tagsString2tagsCode` and `IndexService.buildIndex`.

use protocol::{properties, record::SysFlag};

/// The topic whose messages wait for their delivery time.
pub const SCHEDULE_TOPIC: &str = "SCHEDULE_TOPIC_XXXX";

/// What the last eight bytes of a record's queue entry are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagRule {
    /// The hash of its tag; 0 if it has none.
    Hash(i64),
    /// The time it is due, by its delay level.
    Delay { level: i32 },
}

/// What a record leads to, as far as its own bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// It gets a queue offset and an entry. Half messages and rollbacks do not.
    pub queued: bool,
    pub tag: TagRule,
}

impl Plan {
    /// Works out the plan, and appends the hashes of the record's index keys to `key_hashes`.
    pub fn new(topic: &str, sys_flag: SysFlag, property_text: &str, key_hashes: &mut Vec<u32>) -> Self {
        let (mut tag, mut keys, mut unique_key, mut delay) = (None, None, None, None);
        for (name, value) in properties::pairs(property_text) {
            match name {
                properties::TAGS => tag = Some(value),
                properties::KEYS => keys = Some(value),
                properties::UNIQUE_KEY => unique_key = Some(value),
                properties::DELAY_LEVEL => delay = Some(value),
                _ => {}
            }
        }
        let transaction = sys_flag.transaction();
        if transaction != SysFlag::TRANSACTION_ROLLBACK {
            let prefix = java_hash_on(java_hash_on(0, topic), "#");
            let keys = keys.into_iter().flat_map(|keys| keys.split(properties::KEY_SEPARATOR));
            let keys = unique_key.into_iter().chain(keys.filter(|key| !key.is_empty()));
            key_hashes.extend(keys.map(|key| slot_hash(java_hash_on(prefix, key))));
        }
        let level = delay.filter(|_| topic == SCHEDULE_TOPIC).and_then(|level| level.parse().ok()).unwrap_or(0);
        Self {
            queued: matches!(transaction, 0 | SysFlag::TRANSACTION_COMMIT),
            tag: match level {
                1.. => TagRule::Delay { level },
                _ => TagRule::Hash(tag.map_or(0, tag_hash)),
            },
        }
    }
}

impl TagRule {
    /// The value of the queue entry, once the store time is known.
    pub fn value(self, delay_levels_ms: &[i64], store_ms: i64) -> i64 {
        match self {
            Self::Hash(hash) => hash,
            Self::Delay { level } => {
                let index = (level as usize).min(delay_levels_ms.len()).checked_sub(1);
                store_ms.saturating_add(index.map_or(1000, |index| delay_levels_ms[index]))
            }
        }
    }
}

/// The hash of a tag in a queue entry: Java's `String.hashCode`, widened.
pub fn tag_hash(tag: &str) -> i64 {
    i64::from(java_hash_on(0, tag) as i32)
}

/// The hash of `topic#key` that picks a slot and is stored in an index entry: never negative.
pub(crate) fn index_hash(topic: &str, key: &str) -> u32 {
    slot_hash(java_hash_on(java_hash_on(java_hash_on(0, topic), "#"), key))
}

/// Java's `String.hashCode` over the UTF-16 units of `text`, going on from `hash`.
fn java_hash_on(hash: u32, text: &str) -> u32 {
    let step = |hash: u32, unit: u32| hash.wrapping_mul(31).wrapping_add(unit);
    if text.is_ascii() {
        text.bytes().fold(hash, |hash, byte| step(hash, byte.into()))
    } else {
        text.encode_utf16().fold(hash, |hash, unit| step(hash, unit.into()))
    }
}

/// Java's `Math.abs`, with the one number that has no positive counterpart as 0.
fn slot_hash(hash: u32) -> u32 {
    match (hash as i32).unsigned_abs() {
        0x8000_0000 => 0,
        positive => positive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(topic: &str, flag: i32, text: &str) -> (Plan, Vec<u32>) {
        let mut hashes = Vec::new();
        (Plan::new(topic, SysFlag(flag), text, &mut hashes), hashes)
    }

    #[test]
    fn hashes_are_those_of_java() {
        assert_eq!(tag_hash("TagA"), 2_598_919);
        assert_eq!(tag_hash(""), 0);
        // Known to give the two extremes: the smallest number, and a collision.
        assert_eq!(tag_hash("polygenelubricants"), i64::from(i32::MIN));
        assert_eq!(tag_hash("Aa"), tag_hash("BB"));
        // Two UTF-16 units: 0xD83D * 31 + 0xDE00.
        assert_eq!(tag_hash("\u{1F600}"), 0xD83D * 31 + 0xDE00);
        assert_eq!(slot_hash(i32::MIN as u32), 0);
        assert_eq!(slot_hash(-5i32 as u32), 5);
        assert_eq!(index_hash("T", "k"), ((84 * 31) + 35) * 31 + 107);
    }

    #[test]
    fn a_record_is_indexed_by_its_unique_key_and_each_of_its_keys() {
        let (plan, hashes) = plan("T", 0, "KEYS\u{1}a  b\u{2}UNIQ_KEY\u{1}u\u{2}TAGS\u{1}TagA\u{2}");
        assert_eq!(plan, Plan { queued: true, tag: TagRule::Hash(2_598_919) });
        assert_eq!(hashes, ["u", "a", "b"].map(|key| index_hash("T", key)));
    }

    #[test]
    fn half_messages_are_indexed_but_not_queued_and_rollbacks_neither() {
        for (flag, queued, keys) in [(0, true, 1), (4, false, 1), (8, true, 1), (12, false, 0)] {
            let (plan, hashes) = plan("T", flag, "KEYS\u{1}a");
            assert_eq!((plan.queued, hashes.len()), (queued, keys), "flag {flag}");
        }
    }

    #[test]
    fn a_delayed_message_carries_its_delivery_time_in_place_of_the_tag() {
        let levels = [1000, 5000];
        let value = |topic, text| plan(topic, 0, text).0.tag.value(&levels, 100);
        assert_eq!(value(SCHEDULE_TOPIC, "DELAY\u{1}2\u{2}TAGS\u{1}TagA"), 5100);
        assert_eq!(value(SCHEDULE_TOPIC, "DELAY\u{1}9"), 5100, "the highest level there is");
        assert_eq!(value(SCHEDULE_TOPIC, "DELAY\u{1}0\u{2}TAGS\u{1}TagA"), 2_598_919);
        assert_eq!(value("T", "DELAY\u{1}2\u{2}TAGS\u{1}TagA"), 2_598_919);
    }
}

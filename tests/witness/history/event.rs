//! One thing that happened, as it is noted and as a line of JSON.

use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are the arguments of the functions of `History` with the same names")]
pub enum Event {
    /// A message is about to be sent.
    Attempt { id: String, topic: String, body: BodySum },
    /// The broker has acknowledged it.
    Acked { id: String, queue_id: i32, queue_offset: i64, physical_offset: Option<i64>, durable: bool },
    /// The broker has refused it.
    Refused { id: String },
    /// The log is on the disk up to there.
    Synced { physical_end: i64 },
    /// It is not to be seen before.
    Due { id: String, ms: i64 },
    /// It is half of a transaction.
    Half { id: String },
    /// Its transaction is about to be ended.
    Ending { id: String, commit: bool },
    /// The broker has taken the end of its transaction.
    Ended { id: String, commit: bool },
    /// A consumer was given a message.
    Delivered { group: String, topic: String, queue_id: i32, queue_offset: i64, id: String },
    /// The broker holds this as a group's offset.
    Committed { group: String, topic: String, queue_id: i32, offset: i64 },
    /// Someone ordered a group's offset to be this.
    Reset { group: String, topic: String, queue_id: i32, offset: i64 },
    /// The broker's file has all offsets committed so far.
    OffsetsSaved,
    /// The broker stopped without saving offsets.
    Crashed,
}

/// What is kept of a body: enough to tell any other one from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodySum {
    /// Its bytes.
    pub len: u64,
    /// Its FNV-1a hash of 64 bits; not the CRC, which the store keeps itself.
    pub hash: u64,
}

impl BodySum {
    /// The sum of a body.
    pub fn of(body: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self { len: body.len() as u64, hash: body.iter().fold(0xcbf2_9ce4_8422_2325, step) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(BodySum::of(b"").hash, 0xcbf2_9ce4_8422_2325);
        assert_eq!(BodySum::of(b"foobar"), BodySum { len: 6, hash: 0x8594_4171_f739_67e8 });
    }
}

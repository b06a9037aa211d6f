//! What a check finds: a kind, to be told apart by a program, and a sentence for a person.

use std::fmt;

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An acknowledged message is not in the store.
    LostAck,
    /// An acknowledged message is in the store, but not where its answer said.
    WrongPlace,
    /// A stored body is not the one that was sent.
    BodyChanged,
    /// A stored body does not have the CRC that its record states.
    DamagedRecord,
    /// A stored message was never sent, or to another topic.
    Ghost,
    /// A message is stored more often than it was sent.
    Duplicate,
    /// A message is stored though every attempt was refused.
    StoredThoughRefused,
    /// A message lies before one that was acknowledged before it was sent.
    Order,
    /// Two records of a queue have one queue offset, or a smaller one comes later.
    QueueOffsetTaken,
    /// The records of a queue leave out a queue offset.
    QueueOffsetSkipped,
    /// A record has no entry in its queue.
    EntryMissing,
    /// A queue entry does not say what its record does, or leads to none.
    EntryWrong,
    /// A queue entry leads behind the end of the log.
    EntryBehindLog,
    /// A record cannot be found by one of its keys.
    KeyNotFindable,
    /// An index entry does not say what its record does, or leads to none.
    IndexWrong,
    /// An index entry leads behind the end of the log.
    IndexBehindLog,
    /// Something other than zeros is behind the end of the log.
    BytesBehindLog,
    /// A consumer's offset is beyond the end of its queue, or negative.
    OffsetOutOfBounds,
    /// A consumer's offset went backwards without an order.
    OffsetBackwards,
    /// A message that a consumer was given is no longer where it was.
    DeliveryLost,
    /// A consumer was given another message than the queue has there.
    DeliveryWrong,
    /// A group was never given an acknowledged message.
    NotDelivered,
    /// A group that is promised order was given a message before one that is ahead of it in its queue.
    DeliveryOrder,
    /// A delayed message is where consumers see it before its time.
    Early,
    /// A half message is where consumers see it, and was never to be committed.
    Uncommitted,
    /// A file is not as the layout has it.
    Unreadable,
    /// The history itself is not complete, so nothing can be said.
    Unrecorded,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 27] = [
        Self::LostAck,
        Self::WrongPlace,
        Self::BodyChanged,
        Self::DamagedRecord,
        Self::Ghost,
        Self::Duplicate,
        Self::StoredThoughRefused,
        Self::Order,
        Self::QueueOffsetTaken,
        Self::QueueOffsetSkipped,
        Self::EntryMissing,
        Self::EntryWrong,
        Self::EntryBehindLog,
        Self::KeyNotFindable,
        Self::IndexWrong,
        Self::IndexBehindLog,
        Self::BytesBehindLog,
        Self::OffsetOutOfBounds,
        Self::OffsetBackwards,
        Self::DeliveryLost,
        Self::DeliveryWrong,
        Self::NotDelivered,
        Self::DeliveryOrder,
        Self::Early,
        Self::Uncommitted,
        Self::Unreadable,
        Self::Unrecorded,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::LostAck => "lost acknowledgement",
            Self::WrongPlace => "acknowledged at another place",
            Self::BodyChanged => "body changed",
            Self::DamagedRecord => "damaged record",
            Self::Ghost => "ghost",
            Self::Duplicate => "duplicate",
            Self::StoredThoughRefused => "stored though refused",
            Self::Order => "order",
            Self::QueueOffsetTaken => "queue offset taken twice",
            Self::QueueOffsetSkipped => "queue offset skipped",
            Self::EntryMissing => "queue entry missing",
            Self::EntryWrong => "queue entry wrong",
            Self::EntryBehindLog => "queue entry behind the log",
            Self::KeyNotFindable => "key not findable",
            Self::IndexWrong => "index entry wrong",
            Self::IndexBehindLog => "index entry behind the log",
            Self::BytesBehindLog => "bytes behind the log",
            Self::OffsetOutOfBounds => "offset out of bounds",
            Self::OffsetBackwards => "offset went backwards",
            Self::DeliveryLost => "delivered message lost",
            Self::DeliveryWrong => "wrong message delivered",
            Self::NotDelivered => "not delivered",
            Self::DeliveryOrder => "delivered out of order",
            Self::Early => "seen before its time",
            Self::Uncommitted => "seen though not committed",
            Self::Unreadable => "not as the layout has it",
            Self::Unrecorded => "history incomplete",
        }
    }
}

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub kind: Kind,
    /// The message's id, if one message is concerned and its id is known.
    pub id: Option<String>,
    /// Where, and what is there instead.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind.text())?;
        if let Some(id) = &self.id {
            write!(f, "message {id}: ")?;
        }
        f.write_str(&self.what)
    }
}

/// Violations to be read by a person: how many of each kind, and the first twenty.
pub fn report(violations: &[Violation]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    violations.iter().for_each(|violation| *counts.entry(violation.kind).or_insert(0) += 1);
    let counts = counts.iter().map(|(kind, count)| format!("{} × {count}", kind.text()));
    let shown = violations.iter().take(20).map(|violation| format!("  {violation}\n"));
    let more = violations.len().saturating_sub(20);
    let more = if more > 0 { format!("  … and {more} more\n") } else { String::new() };
    format!("{}\n{}{more}", counts.collect::<Vec<_>>().join(", "), shown.collect::<String>())
}

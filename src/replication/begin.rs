//! Where a slave asks its master to begin, so that what comes first can be compared with what the slave has.
//!
//! It begins where one of its own records does: a little before its end, or a lot if that was not enough to see where the
//! two logs part.

use crate::{Ends, FollowError};
use bytes::Bytes;
use protocol::record::{BLANK_MAGIC, BLANK_MIN_LEN, MESSAGE_MAGIC, MIN_LEN};
use store::MessageStore;

/// How many bytes are compared, if the logs have them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begins {
    /// At least.
    pub near: u64,
    /// To find where two logs part.
    pub far: u64,
}

impl Default for Begins {
    fn default() -> Self {
        Self { near: 64 << 10, far: 64 << 20 }
    }
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Begin {
    /// A little before the end.
    #[default]
    Near,
    /// A lot before it: the last connection found that the logs have parted.
    Far,
    /// At byte 1, with nothing here: asked for byte 0, the last master began at its last file, as one of Apache does.
    SecondByte,
}

/// Where to ask from, and what of that is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// Where one of the slave's own records starts; with an empty store, where its log is to begin.
    pub from: u64,
    /// What is asked for: `from`, or byte 1 for byte 0. The first byte of a log is always 0, and who asks for byte 0 gets
    /// the last file from a master of Apache.
    pub asked: u64,
    /// Up to here both have the log, as far as the master told; `from` if nothing is to be compared.
    pub to: u64,
}

impl Start {
    /// Where this store begins to follow that master.
    pub fn find(store: &MessageStore, master: Ends, begin: Begin, begins: Begins) -> Result<Self, FollowError> {
        let (min, own_end) = (store.min_physical() as u64, store.written().get());
        if min == own_end {
            let from = master.min;
            let asked = if from == 0 && begin == Begin::SecondByte { 1 } else { from };
            return Ok(Self { from, asked, to: from });
        }
        if own_end < master.min {
            return Err(FollowError::TooFarBehind { min: master.min, own_end });
        }
        let (lowest, to) = (min.max(master.min), own_end.min(master.max));
        if lowest >= to {
            return Err(FollowError::Strangers { own_end, master });
        }
        let from = record_before(store, lowest, to, begin == Begin::Far, begins);
        Ok(Self { from, asked: from.max(1), to })
    }

    /// Where a connection that begins [`Begin::Far`] would, if it would see more than this one.
    pub fn farther_back(&self, store: &MessageStore, master: Ends, begins: Begins) -> Option<u64> {
        let far = Self::find(store, master, Begin::Far, begins).ok()?;
        (far.from < self.from).then_some(far.asked)
    }
}

/// The first record in the last bytes of `lowest..to`: so many that one starts there.
fn record_before(store: &MessageStore, lowest: u64, to: u64, far: bool, begins: Begins) -> u64 {
    let size = store.log_file_size() as u64;
    let end = store.written().get();
    let mut window = if far { begins.far } else { begins.near };
    loop {
        let from = to.saturating_sub(window).max(lowest);
        // A file begins with a record.
        if from == lowest {
            return lowest;
        }
        if let Some(record) = Stretch::of(store, from, end).and_then(|log| log.first_record(to)) {
            return record;
        }
        if window >= begins.far {
            return ((to - 1) - (to - 1) % size).max(lowest);
        }
        window = window.saturating_mul(2);
    }
}

/// A part of a log, in memory.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// Offset and bytes, one for each file.
    pieces: Vec<(u64, Bytes)>,
    file_size: u64,
    end: u64,
}

impl Stretch {
    /// The log from `from` to `end`; `None` if not all of that can be read.
    pub fn of(store: &MessageStore, from: u64, end: u64) -> Option<Self> {
        let (mut pieces, mut at) = (Vec::new(), from);
        while at < end {
            let piece = store.copy_from(at, usize::try_from(end - at).ok()?)?;
            at += piece.len() as u64;
            pieces.push((at - piece.len() as u64, piece));
        }
        Some(Self { pieces, file_size: store.log_file_size() as u64, end })
    }

    /// The bytes from `at` on, to the end of the file at most.
    fn rest(&self, at: u64) -> Option<&[u8]> {
        let index = self.pieces.partition_point(|(start, _)| *start <= at).checked_sub(1)?;
        let (start, bytes) = self.pieces.get(index)?;
        bytes.get(usize::try_from(at - start).ok()?..).filter(|rest| !rest.is_empty())
    }

    /// Where the record or filler that starts at `at` ends; `None` if none does, or it is not all here.
    pub fn end_of(&self, at: u64) -> Option<u64> {
        let rest = self.rest(at)?;
        let file_end = at - at % self.file_size + self.file_size;
        if file_end - at < BLANK_MIN_LEN as u64 {
            return Some(file_end);
        }
        let size = u64::from(number_at(rest, 0)?);
        let fits = match number_at(rest, 4)? {
            MESSAGE_MAGIC => size >= MIN_LEN as u64 && size <= rest.len() as u64 && places_itself(rest, at),
            BLANK_MAGIC => at + size == file_end,
            _ => false,
        };
        fits.then_some(at + size)
    }

    /// The first place below `to` from which records follow on each other up to the end.
    fn first_record(&self, to: u64) -> Option<u64> {
        let (from, _) = self.pieces.first()?;
        let starts = |at: u64| {
            let rest = self.rest(at)?;
            let may_be = at.is_multiple_of(self.file_size) || number_at(rest, 4)? == MESSAGE_MAGIC;
            may_be.then_some(at)
        };
        (*from..to).filter_map(starts).find(|at| {
            let mut at = *at;
            while at < self.end
                && let Some(next) = self.end_of(at)
            {
                at = next;
            }
            // The filler at the end may be there in part.
            at >= self.end
        })
    }
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Whether the record in front of `bytes` says that it stands at `at`.
fn places_itself(bytes: &[u8], at: u64) -> bool {
    bytes.get(28..36) == Some(&at.to_be_bytes())
}

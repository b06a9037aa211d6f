//! Whether what a master sends is what the slave has: byte by byte, over at least its last record. A record holds its own
//! place, time and host, so two logs with the same last record are the same up to there.

use crate::{
    Ends, FollowError,
    begin::{Begins, Start, Stretch},
};
use store::MessageStore;

/// The part of the log that both have, while it comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparing {
    pub start: Start,
    /// The end of the slave's log.
    pub own_end: u64,
    pub master: Ends,
    pub begins: Begins,
}

impl Comparing {
    /// Compares what came, which starts at `at` and goes to [`Start::to`] at most; fails where it is not the same.
    pub fn compare(&self, store: &MessageStore, mut at: u64, mut came: &[u8]) -> Result<(), FollowError> {
        while !came.is_empty() {
            let own = store.copy_from(at, came.len()).ok_or(FollowError::Unreadable { at })?;
            let (now, later) = came.split_at(own.len().min(came.len()));
            if own != now {
                let same = own.iter().zip(now).take_while(|(own, came)| own == came).count();
                return Err(self.parted(store, at + same as u64));
            }
            at += now.len() as u64;
            came = later;
        }
        Ok(())
    }

    /// All that both have is the same: so is the slave's last record, unless it is ahead.
    pub fn done(&self, store: &MessageStore) -> Result<(), FollowError> {
        if self.start.to < self.own_end { Err(self.parted(store, self.start.to)) } else { Ok(()) }
    }

    /// What to say of logs that are the same up to `same` and not behind it.
    fn parted(&self, store: &MessageStore, same: u64) -> FollowError {
        let Self { start, own_end, master, .. } = *self;
        let Some(log) = Stretch::of(store, start.from, own_end) else {
            return FollowError::Unreadable { at: start.from };
        };
        let mut common = start.from;
        while let Some(next) = log.end_of(common).filter(|next| *next <= same) {
            common = next;
        }
        if common > start.from {
            return FollowError::Diverged { common, own_end };
        }
        // Not one record is known to be the same.
        match start.farther_back(store, master, self.begins) {
            Some(from) => FollowError::Again { from },
            None => FollowError::Strangers { own_end, master },
        }
    }
}

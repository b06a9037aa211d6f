//! What of one queue was pulled and is not consumed yet, and so how far the group has come in it.
//!
//! The position that may be committed is the smallest that is not consumed: a crash repeats messages and loses none.
//! Source: `ProcessQueue` of Apache RocketMQ.

use crate::message::Received;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tokio::sync::Notify;

/// How much may be pulled and not consumed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    /// Most indexes between the first and the last.
    pub(crate) span: i64,
}

/// What was pulled and is not consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// First and last index; 0 if there is none.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

#[derive(Default)]
pub(crate) struct ProcessQueue {
    state: Mutex<State>,
    /// Something was consumed.
    consumed: Notify,
    /// Held while a position is told to the broker, so that an older one never overtakes a newer.
    persisting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Index → size of each message pulled and not consumed.
    waiting: BTreeMap<i64, usize>,
    bytes: usize,
    /// Where the next pull starts; `None` until it is known.
    next: Option<i64>,
    /// The position the broker knows from this member.
    persisted: Option<i64>,
    /// Grows when the queue starts anew elsewhere: what was pulled before no longer counts.
    epoch: u64,
    /// The queue is another member's now.
    dropped: bool,
}

impl ProcessQueue {
    /// Begins at `offset`. `committed`: this position is kept already.
    pub(crate) fn begin(&self, offset: i64, committed: bool) {
        self.start_anew(Some(offset), committed.then_some(offset));
    }

    /// Takes messages that were pulled; the next pull starts at `next`. Returns the epoch they belong to.
    pub(crate) fn put(&self, messages: &[Received], next: i64) -> u64 {
        let mut state = self.state.lock();
        for message in messages {
            let size = message.stored_len as usize;
            if state.waiting.insert(message.queue_offset, size).is_none() {
                state.bytes += size;
            }
        }
        state.next = Some(next);
        state.epoch
    }

    /// There is nothing to consume before `next`.
    pub(crate) fn advance(&self, next: i64) {
        self.state.lock().next = Some(next);
    }

    /// These were consumed.
    pub(crate) fn consumed(&self, epoch: u64, offsets: impl IntoIterator<Item = i64>) {
        let mut state = self.state.lock();
        if state.epoch == epoch {
            for offset in offsets {
                state.bytes -= state.waiting.remove(&offset).unwrap_or_default();
            }
            drop(state);
            self.consumed.notify_one();
        }
    }

    /// The queue's old position does not exist: starts anew at `offset`, and forgets what was pulled.
    pub(crate) fn restart(&self, offset: i64) {
        self.start_anew(Some(offset), None);
    }

    /// What was pulled counts no longer, nor does how far it was consumed: no position is known.
    pub(crate) fn forget(&self) {
        self.start_anew(None, None);
    }

    /// Nothing of this queue counts any more, once a position that is being told has been told.
    pub(crate) async fn give_up(&self) {
        let _persisting = self.persisting.lock().await;
        self.forget();
        self.drop_queue();
    }

    fn start_anew(&self, next: Option<i64>, persisted: Option<i64>) {
        let mut state = self.state.lock();
        let epoch = state.epoch + 1;
        *state = State { next, persisted, epoch, dropped: state.dropped, ..State::default() };
        drop(state);
        self.consumed.notify_one();
    }

    /// Whether messages of this epoch are still to be consumed here.
    pub(crate) fn is_current(&self, epoch: u64) -> bool {
        let state = self.state.lock();
        !state.dropped && state.epoch == epoch
    }

    /// The queue is another member's now: what is still being consumed no longer counts here.
    pub(crate) fn drop_queue(&self) {
        self.state.lock().dropped = true;
    }

    /// Returns when there is room for another pull.
    pub(crate) async fn room(&self, room: Room) {
        loop {
            // One task waits, and a notice that comes before it waits is kept for it.
            if self.has(room) {
                return;
            }
            self.consumed.notified().await;
        }
    }

    fn has(&self, room: Room) -> bool {
        let State { waiting, bytes, .. } = &*self.state.lock();
        let span = match (waiting.first_key_value(), waiting.last_key_value()) {
            (Some((first, _)), Some((last, _))) => last - first,
            _ => 0,
        };
        waiting.len() < room.messages && *bytes < room.bytes && span < room.span
    }

    /// What was pulled and is not consumed.
    pub(crate) fn waiting(&self) -> Waiting {
        let state = self.state.lock();
        let index = |end: Option<(&i64, &usize)>| end.map_or(0, |(index, _)| *index);
        Waiting {
            first: index(state.waiting.first_key_value()),
            last: index(state.waiting.last_key_value()),
            messages: state.waiting.len(),
            bytes: state.bytes,
        }
    }

    /// The position up to which all is consumed; `None` if none is known yet.
    pub(crate) fn position(&self) -> Option<i64> {
        let state = self.state.lock();
        state.waiting.first_key_value().map(|(first, _)| *first).or(state.next)
    }

    /// The position, if it is not kept yet.
    pub(crate) fn unpersisted(&self) -> Option<i64> {
        let position = self.position();
        position.filter(|position| self.state.lock().persisted != Some(*position))
    }

    /// This position is kept now.
    pub(crate) fn persisted(&self, position: i64) {
        self.state.lock().persisted = Some(position);
    }

    /// Has `keep` keep the position if that was not done yet. If it says `false`, the position is kept for now only, and
    /// is to be kept again.
    pub(crate) async fn persist<E, F: Future<Output = Result<bool, E>>>(
        &self,
        keep: impl FnOnce(i64) -> F,
    ) -> Result<(), E> {
        let _persisting = self.persisting.lock().await;
        let Some(position) = self.unpersisted() else { return Ok(()) };
        if keep(position).await? {
            self.persisted(position);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{message::Message, route::Queue};
    use protocol::record::SysFlag;

    fn messages(offsets: impl IntoIterator<Item = i64>) -> Vec<Received> {
        let host = "127.0.0.1:1".parse().unwrap();
        let received = |queue_offset| Received {
            message: Message::new("T", "b"),
            queue: Queue::new("T", "b", 0),
            queue_offset,
            physical_offset: 0,
            born_ms: 0,
            born_host: host,
            store_ms: 0,
            store_host: host,
            reconsume_times: 0,
            sys_flag: SysFlag(0),
            stored_len: 100,
        };
        offsets.into_iter().map(received).collect()
    }

    #[test]
    fn the_position_is_the_smallest_that_is_not_consumed() {
        let queue = ProcessQueue::default();
        assert_eq!(queue.position(), None);
        queue.begin(10, true);
        assert_eq!(queue.position(), Some(10));
        let epoch = queue.put(&messages(10..13), 15);
        queue.consumed(epoch, [11]);
        assert_eq!(queue.position(), Some(10));
        queue.consumed(epoch, [12]);
        queue.consumed(epoch, [10]);
        assert_eq!(queue.position(), Some(15), "what the filter left out counts as consumed");
        queue.advance(20);
        assert_eq!(queue.position(), Some(20));
    }

    #[test]
    fn after_a_new_start_the_old_messages_do_not_count() {
        let queue = ProcessQueue::default();
        queue.begin(100, true);
        let old = queue.put(&messages(100..102), 102);
        queue.restart(5);
        assert!(!queue.is_current(old));
        queue.consumed(old, [100, 101]);
        assert_eq!(queue.position(), Some(5));
        let new = queue.put(&messages(5..6), 6);
        queue.drop_queue();
        assert!(!queue.is_current(new));
    }

    #[tokio::test]
    async fn pulling_waits_for_room() {
        let queue = ProcessQueue::default();
        queue.begin(0, true);
        let epoch = queue.put(&messages(0..3), 3);
        let room = Room { messages: 4, bytes: 1000, span: 10 };
        for tight in [Room { messages: 3, ..room }, Room { bytes: 300, ..room }, Room { span: 2, ..room }] {
            assert!(!queue.has(tight), "{tight:?}");
        }
        queue.room(room).await;
        let tight = Room { messages: 3, ..room };
        tokio::join!(queue.room(tight), async { queue.consumed(epoch, [1]) });
    }
}

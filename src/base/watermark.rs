//! A number that only grows, and that tasks can wait on.
//!
//! Appended, flushed to disk, copied to a slave, end of a queue: each is a watermark, and
//! `reached` is the only way anything waits for one.

use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// A number that only grows. Reading and advancing cost an atomic; only waiting costs more.
#[derive(Debug)]
pub struct Watermark {
    at: AtomicU64,
    moved: Notify,
}

impl Watermark {
    /// A mark that stands at `at`.
    pub fn new(at: u64) -> Self {
        Self { at: AtomicU64::new(at), moved: Notify::new() }
    }

    /// Where the mark stands.
    pub fn get(&self) -> u64 {
        self.at.load(Ordering::Acquire)
    }

    /// Moves up to `to` and wakes those who wait; a smaller value is ignored.
    pub fn advance(&self, to: u64) {
        if self.at.fetch_max(to, Ordering::AcqRel) < to {
            self.moved.notify_waiters();
        }
    }

    /// Returns once the mark is at or past `at`.
    pub async fn reached(&self, at: u64) {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // Registered before the check, so a move between check and wait is not missed.
            moved.as_mut().enable();
            if self.get() >= at {
                return;
            }
            moved.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Arc, time::Duration};

    #[tokio::test]
    async fn a_waiter_wakes_when_the_mark_arrives() {
        let mark = Arc::new(Watermark::new(3));
        mark.reached(3).await;
        let waiting = tokio::spawn({
            let mark = mark.clone();
            async move { mark.reached(10).await }
        });
        tokio::task::yield_now().await;
        mark.advance(9);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        mark.advance(12);
        waiting.await.expect("the waiter does not panic");
        mark.advance(5);
        assert_eq!(mark.get(), 12);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mark_that_does_not_move_keeps_its_waiter() {
        let mark = Watermark::new(0);
        assert!(tokio::time::timeout(Duration::from_secs(15), mark.reached(1)).await.is_err());
    }
}

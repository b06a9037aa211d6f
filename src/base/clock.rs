//! The wall clock in milliseconds: the system's, or one that a test sets by hand.
//!
//! For times that are stored or sent, and for what is due at one of them. Time-outs and intervals use tokio's clock, which
//! a test can pause.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Notify;

/// Somebody may set the system's clock while others sleep: they look at it this often.
const LOOK: Duration = Duration::from_millis(500);

/// Where "now" comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The operating system's wall clock.
    #[default]
    System,
    /// A clock that stands still until a test moves it.
    Manual(Arc<Hands>),
}

/// What a manual clock shows.
#[derive(Debug, Default)]
pub struct Hands {
    now_ms: AtomicI64,
    moved: Notify,
}

impl Clock {
    /// A manual clock that shows `now_ms`.
    pub fn manual(now_ms: i64) -> Self {
        Self::Manual(Arc::new(Hands { now_ms: AtomicI64::new(now_ms), moved: Notify::new() }))
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub fn now_ms(&self) -> i64 {
        match self {
            // A clock before 1970 reads as 0: every later comparison still holds.
            Self::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64),
            Self::Manual(hands) => hands.now_ms.load(Ordering::Acquire),
        }
    }

    /// Moves a manual clock by `by_ms` and wakes those who wait for a time; the system's clock is left alone.
    pub fn advance_ms(&self, by_ms: i64) {
        if let Self::Manual(hands) = self {
            hands.now_ms.fetch_add(by_ms, Ordering::AcqRel);
            hands.moved.notify_waiters();
        }
    }

    /// Returns once the clock shows `at_ms` or later, never before.
    pub async fn reached(&self, at_ms: i64) {
        match self {
            Self::System => loop {
                let now = self.now_ms();
                if now >= at_ms {
                    return;
                }
                tokio::time::sleep(Duration::from_millis((at_ms - now) as u64).min(LOOK)).await;
            },
            Self::Manual(hands) => loop {
                let moved = hands.moved.notified();
                tokio::pin!(moved);
                // Registered before the look, so a move between look and wait is not missed.
                moved.as_mut().enable();
                if self.now_ms() >= at_ms {
                    return;
                }
                moved.await;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_time_wakes_then_and_not_before() {
        let clock = Clock::manual(1000);
        clock.reached(-5).await;
        clock.reached(1000).await;
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.reached(1500).await }
        });
        clock.advance_ms(499);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance_ms(1);
        waiting.await.expect("it wakes");
        let soon = Clock::System.now_ms() + 5;
        Clock::System.reached(soon).await;
        assert!(Clock::System.now_ms() >= soon);
    }
}

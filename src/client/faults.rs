//! Which brokers to keep away from for a while: those that failed or answered slowly.
//!
//! The times are those of `MQFaultStrategy` of Apache RocketMQ, except that a broker that failed is tried again after
//! 30 s and not after ten minutes: by then its route is a new one or it is back.

use parking_lot::RwLock;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// How slow, in ms, and how long to keep away, in s; the slowest first.
const SLOW_MS_AWAY_S: [(u64, u64); 5] = [(15_000, 600), (3_000, 180), (2_000, 120), (1_000, 60), (550, 30)];
const FAILED_AWAY: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct Faults {
    away_until: RwLock<HashMap<Arc<str>, Instant>>,
    /// How many entries there are, so that the usual case takes no lock.
    count: AtomicUsize,
}

impl Faults {
    /// The broker answered after `latency`.
    pub(crate) fn answered(&self, broker: &Arc<str>, latency: Duration) {
        let slow = SLOW_MS_AWAY_S.iter().find(|(slow_ms, _)| latency >= Duration::from_millis(*slow_ms));
        match slow {
            Some((_, away_s)) => self.keep_away(broker, Duration::from_secs(*away_s)),
            None if self.count.load(Ordering::Relaxed) > 0 => self.forgive(broker),
            None => {}
        }
    }

    /// The broker could not be reached, or did not answer.
    pub(crate) fn failed(&self, broker: &Arc<str>) {
        self.keep_away(broker, FAILED_AWAY);
    }

    /// Whether to keep away from the broker if there is another.
    pub(crate) fn is_away(&self, broker: &str) -> bool {
        self.count.load(Ordering::Relaxed) > 0
            && self.away_until.read().get(broker).is_some_and(|until| Instant::now() < *until)
    }

    fn keep_away(&self, broker: &Arc<str>, how_long: Duration) {
        let mut away = self.away_until.write();
        away.insert(broker.clone(), Instant::now() + how_long);
        self.count.store(away.len(), Ordering::Relaxed);
    }

    fn forgive(&self, broker: &str) {
        if self.away_until.read().contains_key(broker) {
            let mut away = self.away_until.write();
            away.remove(broker);
            self.count.store(away.len(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn slow_and_failing_brokers_are_left_alone_for_a_while() {
        let faults = Faults::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        faults.answered(&a, Duration::from_millis(549));
        assert!(!faults.is_away("a"));
        faults.answered(&a, Duration::from_millis(1_200));
        faults.failed(&b);
        assert!(faults.is_away("a") && faults.is_away("b"));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert!(faults.is_away("a") && !faults.is_away("b"));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(!faults.is_away("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_quick_answer_forgives() {
        let faults = Faults::default();
        let a: Arc<str> = "a".into();
        faults.failed(&a);
        faults.answered(&a, Duration::from_millis(1));
        assert!(!faults.is_away("a"));
        assert_eq!(faults.count.load(Ordering::Relaxed), 0);
    }
}

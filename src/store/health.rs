//! Whether the store may take messages, and if not, why.
//!
//! A failed sync of the log is for good: what the system could not write may be gone from its cache, so that a second
//! sync would succeed and mean nothing. Trouble with queues or index passes when they can be written again, and a full
//! disk when there is space.

use crate::StoreError;
use base::Watermark;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// The reasons to refuse messages.
#[derive(Debug)]
pub(crate) struct Health {
    refusing: AtomicBool,
    /// At 1 once the log could not be synced.
    pub sync_failed: Watermark,
    reasons: Mutex<Reasons>,
}

impl Default for Health {
    fn default() -> Self {
        Self { refusing: AtomicBool::default(), sync_failed: Watermark::new(0), reasons: Mutex::default() }
    }
}

#[derive(Debug, Default)]
struct Reasons {
    log: Option<String>,
    disk: Option<String>,
    queues: Option<String>,
    index: Option<String>,
}

impl Health {
    /// Costs one load while all is well.
    ///
    /// # Errors
    /// [`StoreError::Refusing`] with the reason.
    pub fn check(&self) -> Result<(), StoreError> {
        match self.refusing.load(Ordering::Acquire).then(|| self.reason()).flatten() {
            Some(why) => Err(StoreError::Refusing { why }),
            None => Ok(()),
        }
    }

    /// Why messages are refused.
    pub fn reason(&self) -> Option<String> {
        let reasons = self.reasons.lock();
        let first = reasons.log.as_ref().or(reasons.disk.as_ref());
        first.or(reasons.queues.as_ref()).or(reasons.index.as_ref()).cloned()
    }

    /// The log could not be synced: no message is taken until the broker is started again.
    pub fn log_unsynced(&self, error: &StoreError) {
        self.change(|reasons| {
            let why = format!("{error}; nothing stored since can be trusted to be on disk: check it, then restart");
            tracing::error!("{why}");
            reasons.log.get_or_insert(why);
        });
        self.sync_failed.advance(1);
    }

    /// Whether the log is beyond syncing.
    pub fn log_failed(&self) -> bool {
        self.sync_failed.get() > 0
    }

    /// A disk is fuller than it should be, or no longer.
    pub fn disk_full(&self, why: Option<String>) {
        self.change(|reasons| note(&mut reasons.disk, why, "disk", "there is enough space"));
    }

    /// Whether messages are refused because a disk is full.
    pub fn is_disk_full(&self) -> bool {
        self.reasons.lock().disk.is_some()
    }

    /// Consume queues cannot be written, or can be again.
    pub fn queue_trouble(&self, why: Option<String>) {
        self.change(|reasons| note(&mut reasons.queues, why, "consume queues", "they can be written"));
    }

    /// Whether consume queues could not be written.
    pub fn has_queue_trouble(&self) -> bool {
        self.reasons.lock().queues.is_some()
    }

    /// The index cannot be written, or can be again.
    pub fn index_trouble(&self, why: Option<String>) {
        self.change(|reasons| note(&mut reasons.index, why, "index", "it can be written"));
    }

    fn change(&self, change: impl FnOnce(&mut Reasons)) {
        let mut reasons = self.reasons.lock();
        // Whoever asks meanwhile waits for the lock: what the log says is so by then.
        self.refusing.store(true, Ordering::Release);
        change(&mut reasons);
        let Reasons { log, disk, queues, index } = &*reasons;
        let any = [log, disk, queues, index].into_iter().any(Option::is_some);
        self.refusing.store(any, Ordering::Release);
    }
}

fn note(reason: &mut Option<String>, why: Option<String>, what: &str, well: &str) {
    match (&*reason, &why) {
        (None, Some(why)) => tracing::error!("{what}: {why}; refusing messages until {well}"),
        (Some(_), None) => tracing::info!("{what}: {well} again"),
        _ => {}
    }
    *reason = why;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_passes_but_a_failed_sync_of_the_log_stays() {
        let health = Health::default();
        assert!(health.check().is_ok());
        health.queue_trouble(Some("disk full".to_owned()));
        assert_eq!(
            health.check().map_err(|error| error.to_string()),
            Err("the store refuses writes: disk full".into())
        );
        health.queue_trouble(None);
        assert!(health.check().is_ok());
        health.disk_full(Some("91 %".to_owned()));
        health.queue_trouble(None);
        assert!(health.is_disk_full() && health.reason().as_deref() == Some("91 %"));
        health.disk_full(Some("92 %".to_owned()));
        assert_eq!(health.reason().as_deref(), Some("92 %"), "as it is now");
        health.disk_full(None);
        assert!(health.check().is_ok() && !health.is_disk_full());
        health.log_unsynced(&StoreError::Closed);
        health.queue_trouble(None);
        assert!(health.check().is_err() && health.log_failed());
    }
}

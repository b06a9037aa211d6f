//! Bringing things to the disk: one thread for the log, one for queues, index and checkpoint.
//!
//! A flush covers everything appended before it began, so any number of waiters cost one sync.

use crate::{
    FlushDiskType, LastFlush, StoreError,
    checkpoint::{Marks, Times},
    parts::Parts,
};
use base::disk::DiskError;
use parking_lot::{Condvar, Mutex};
use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

/// Above this number of files one sync of the whole file system is cheaper.
const MANY_FILES: usize = 64;
/// Bytes of what the configuration calls a page.
const PAGE: u64 = 4096;

/// Wakes a thread, or tells it to stop.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    wake: bool,
    stop: bool,
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    ToEnd,
    ByCall,
    ByTime,
}

impl Signal {
    /// Wakes the thread, now or when it waits next.
    pub fn wake(&self) {
        self.state.lock().wake = true;
        self.changed.notify_one();
    }

    /// Tells the thread to end.
    pub fn stop(&self) {
        self.state.lock().stop = true;
        self.changed.notify_one();
    }

    fn wait(&self, timeout: Duration) -> Woken {
        let mut state = self.state.lock();
        self.changed.wait_while_for(&mut state, |state| !state.wake && !state.stop, timeout);
        match (state.stop, std::mem::take(&mut state.wake)) {
            (true, _) => Woken::ToEnd,
            (false, true) => Woken::ByCall,
            (false, false) => Woken::ByTime,
        }
    }
}

impl Parts {
    /// Syncs everything appended so far.
    ///
    /// # Errors
    /// What the system says; from then on the store takes no messages, and no later sync is tried.
    pub fn flush_log(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.flushing.0.lock();
        if self.health.log_failed() {
            return self.health.check();
        }
        let (begun_ms, begun) = (self.clock.now_ms(), Instant::now());
        // In this order, so that the time belongs to a record that is written.
        let log_ms = self.last_store_ms.load(Ordering::Acquire);
        let (from, to) = (self.log.flushed.get(), self.log.written.get());
        if from < to {
            let files = self.log.files_between(from, to);
            if let Err(error) = files.iter().try_for_each(|file| file.sync()) {
                self.health.log_unsynced(&error);
                return Err(error);
            }
            let took_us = begun.elapsed().as_micros() as u64;
            *self.last_flush.lock() = Some(LastFlush { at_ms: self.clock.now_ms(), took_us });
            // Who waits for the disk is told last: what it tells others can then be read.
            self.unshown.lock().synced(to);
            self.log.flushed.advance(to);
            self.checkpoint.mark_synced(to);
        }
        self.flush_begun_ms.store(begun_ms, Ordering::Release);
        self.checkpoint.note(Times { log_ms, ..Times::default() });
        Ok(())
    }

    /// Links keys, and writes the queues with enough to write; a thorough one writes and syncs all of them, and then
    /// moves the checkpoint.
    pub fn flush_queues(&self, thorough: bool) -> Result<(), StoreError> {
        let _one_at_a_time = self.flushing.1.lock();
        // Taken together: every entry and key of the records before `settled` is noted.
        let (settled, last_record, store_ms) = {
            let appender = self.appender.lock();
            (appender.whole_end(), appender.last_record(), self.last_store_ms.load(Ordering::Acquire))
        };
        if let Some(index) = &self.index {
            index.link().inspect_err(|error| self.health.index_trouble(Some(error.to_string())))?;
        }
        let queues = &self.queues.queues;
        // That queues can be written again is known only once what could not be written is.
        let all = thorough || queues.health.has_queue_trouble();
        let least = if all { 0 } else { self.config.flush_consume_queue_least_pages.max(1) * PAGE };
        let busy = std::mem::take(&mut *queues.busy.lock());
        let mut dirty = Vec::new();
        let mut still_busy = Vec::with_capacity(busy.len());
        let mut failed = None;
        for queue in busy {
            match queue.settle(least) {
                Ok(busy) if thorough => {
                    dirty.extend(queue.take_dirty());
                    if busy {
                        still_busy.push(queue);
                    }
                }
                Ok(true) => still_busy.push(queue),
                Ok(false) => {}
                Err(error) => {
                    failed = Some(error);
                    still_busy.push(queue);
                }
            }
        }
        queues.busy.lock().append(&mut still_busy);
        queues.health.queue_trouble(failed.as_ref().map(ToString::to_string));
        if thorough {
            // What was taken for syncing is synced even if another queue failed, or it would be forgotten.
            let synced =
                self.sync_queues(&dirty).and_then(|()| self.index.as_ref().map_or(Ok(()), |index| index.sync()));
            if synced.is_err() {
                self.queues_unsynced.store(true, Ordering::Relaxed);
            }
            synced?;
        }
        if let Some(error) = failed {
            return Err(error);
        }
        // After a failed sync the files cannot vouch for any later time: the checkpoint stays where it is, and the next
        // start after a crash reads the log from there.
        if thorough && !self.queues_unsynced.load(Ordering::Relaxed) {
            // The marks speak of the log, too.
            self.flush_log()?;
            let synced = self.log.flushed.get();
            self.checkpoint.note(Times { log_ms: 0, queues_ms: store_ms, index_ms: store_ms });
            self.checkpoint.mark(Marks { settled, last_record, synced });
        }
        self.checkpoint.save()
    }

    fn sync_queues(&self, dirty: &[PathBuf]) -> Result<(), StoreError> {
        let space = &self.queues.queues.space;
        if space.changed.swap(false, Ordering::Relaxed) || dirty.len() > MANY_FILES {
            return Ok(space.disk.sync_file_system(&space.dir)?);
        }
        // A file that is gone meanwhile belonged to a deleted topic.
        let mut files = dirty.iter().map(|path| space.disk.open_if_there(path.clone()));
        files.try_for_each(|file| Ok(file?.map_or(Ok(()), |file| file.sync())?))
    }
}

/// Starts both threads.
pub(crate) fn start(parts: &Arc<Parts>) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let start = |name: &str, run: fn(&Parts)| {
        let parts = parts.clone();
        let thread = Builder::new().name(name.to_owned()).spawn(move || run(&parts));
        thread.map_err(|source| StoreError::from(DiskError { action: "start the thread", path: name.into(), source }))
    };
    Ok(vec![start("store-log", flush_log_forever)?, start("store-queues", flush_queues_forever)?])
}

fn flush_log_forever(parts: &Parts) {
    let config = &parts.config;
    let thorough = Duration::from_millis(config.flush_commit_log_thorough_interval_ms);
    let interval = Duration::from_millis(config.flush_interval_commit_log_ms.max(1));
    let mut last = Instant::now();
    loop {
        let asked = match parts.log_flush.wait(interval) {
            Woken::ToEnd => return,
            Woken::ByCall => true,
            Woken::ByTime => config.flush_disk_type == FlushDiskType::Sync || last.elapsed() >= thorough,
        };
        let dirty = parts.log.written.get() - parts.log.flushed.get();
        // An error is kept by `health`, which also logs it.
        if (asked || dirty >= config.flush_commit_log_least_pages * PAGE) && parts.flush_log().is_ok() {
            last = Instant::now();
        }
    }
}

fn flush_queues_forever(parts: &Parts) {
    let config = &parts.config;
    let thorough = Duration::from_millis(config.flush_consume_queue_thorough_interval_ms);
    let interval = Duration::from_millis(config.flush_interval_consume_queue_ms.max(1));
    let mut last = Instant::now();
    while parts.queue_flush.wait(interval) != Woken::ToEnd {
        // A crash must not leave more than a file of the log to be checked.
        let settled = parts.checkpoint.marks().map_or(0, |marks| marks.settled);
        let much = parts.log.written.get().saturating_sub(settled) >= parts.log.file_size / 2;
        let soon = parts.settle_soon.swap(false, Ordering::Relaxed);
        let now = soon || much || last.elapsed() >= thorough;
        if let Err(error) = parts.flush_queues(now) {
            tracing::warn!(%error, "consume queues or index not flushed");
        }
        if now {
            last = Instant::now();
        }
    }
}

//! Taking messages of a queue out of the store, as a consumer's pull asks for them.
//!
//! Source: `DefaultMessageStore.getMessage` of Apache RocketMQ 4.9.8.

use crate::{ConsumeQueue, MessageStore, QueueEntry, commit_log::CommitLog, mapped_file::LogFile, parts::Parts};
use bytes::Bytes;
use std::{
    sync::{Arc, LazyLock, atomic::Ordering},
    time::Instant,
};

/// Queue entries one pull looks at, at least.
const LOOKED_AT: usize = 800;
/// Bytes of the log brought into memory at a time.
const WINDOW: u64 = 64 << 10;
/// Entries read from the queue at a time.
const STEP: usize = 64;

/// What to pull.
#[derive(Clone, Copy, Debug)]
pub struct PullSpec<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Queue id.
    pub queue_id: i32,
    /// Offset of the first message wanted.
    pub offset: i64,
    /// Most messages wanted.
    pub max_messages: usize,
}

/// How a pull went. Source: `GetMessageStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullStatus {
    /// There are messages.
    Found,
    /// Messages were looked at, but the filter took none.
    NoMatch,
    /// The messages at the offset are being deleted.
    Removing,
    /// The entry at the offset is not there.
    OffsetFoundNull,
    /// The entry at the offset cannot be read now.
    Unreadable,
    /// The offset is more than one behind the last message.
    OffsetOverflowBadly,
    /// The offset is the end of the queue: nothing new yet.
    OffsetOverflowOne,
    /// The message at the offset is deleted already.
    OffsetTooSmall,
    /// There is no such queue.
    NoSuchQueue,
    /// The queue never had a message.
    NoMessageInQueue,
}

/// What a pull brought.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// How it went.
    pub status: PullStatus,
    /// The records, slices of the log; neighbours in the log come as one slice.
    pub records: Vec<Bytes>,
    /// How many records that is.
    pub message_count: usize,
    /// How many bytes that is.
    pub byte_count: usize,
    /// Where to pull next.
    pub next_offset: i64,
    /// First offset of the queue.
    pub min_offset: i64,
    /// End of the queue.
    pub max_offset: i64,
    /// The consumer is so far behind that a slave had better serve it.
    pub suggest_slave: bool,
}

impl Pulled {
    fn none(status: PullStatus, next_offset: i64, min_offset: i64, max_offset: i64) -> Self {
        let (records, message_count, byte_count) = Default::default();
        Self { status, records, message_count, byte_count, next_offset, min_offset, max_offset, suggest_slave: false }
    }
}

/// Bytes of memory in this machine.
static PHYSICAL_MEMORY: LazyLock<u64> = LazyLock::new(|| {
    let info = rustix::system::sysinfo();
    (info.totalram as u64).saturating_mul(u64::from(info.mem_unit))
});

impl MessageStore {
    /// Whether what lies at this offset of the log is likely no longer in memory.
    pub fn is_cold(&self, physical_offset: i64) -> bool {
        self.max_physical() - physical_offset > in_memory(self.parts())
    }

    /// Messages of a queue from an offset on, as many as `spec` and the configured limits allow. `filter` sees each
    /// candidate's queue entry and record, and says whether it is wanted; it need not touch the record.
    pub fn pull(&self, spec: &PullSpec<'_>, filter: impl FnMut(&QueueEntry, &Bytes) -> bool) -> Pulled {
        let (parts, begun) = (self.parts(), Instant::now());
        let pulled = match parts.queues.get(spec.topic, spec.queue_id) {
            Some(queue) => from_queue(parts, &queue, spec, filter),
            None => Pulled::none(PullStatus::NoSuchQueue, 0, 0, 0),
        };
        let found = pulled.status == PullStatus::Found;
        let counter = if found { &parts.counters.pulls_found } else { &parts.counters.pulls_missed };
        counter.fetch_add(1, Ordering::Relaxed);
        parts.counters.pulled_messages.fetch_add(pulled.message_count as u64, Ordering::Relaxed);
        let (slowest, took) = (&parts.counters.slowest_pull_us, begun.elapsed().as_micros() as u64);
        if took > slowest.load(Ordering::Relaxed) {
            slowest.fetch_max(took, Ordering::Relaxed);
        }
        pulled
    }
}

/// How many of the newest bytes of the log are taken to be in memory.
fn in_memory(parts: &Parts) -> i64 {
    (*PHYSICAL_MEMORY / 100).saturating_mul(parts.config.access_message_in_memory_max_ratio) as i64
}

fn from_queue(
    parts: &Parts,
    queue: &ConsumeQueue,
    spec: &PullSpec<'_>,
    mut filter: impl FnMut(&QueueEntry, &Bytes) -> bool,
) -> Pulled {
    let (offset, min, max) = (spec.offset, queue.min_offset(), queue.max_offset());
    let none = |status, next| Pulled::none(status, next, min, max);
    match offset {
        _ if max == 0 => return none(PullStatus::NoMessageInQueue, 0),
        _ if offset < min => return none(PullStatus::OffsetTooSmall, min),
        _ if offset == max => return none(PullStatus::OffsetOverflowOne, offset),
        _ if offset > max => return none(PullStatus::OffsetOverflowBadly, max),
        _ => {}
    }
    let log_end = parts.log.written.get() as i64;
    let in_memory = in_memory(parts);
    let limit = LOOKED_AT.max(spec.max_messages);
    let mut pulled = none(PullStatus::NoMatch, offset);
    let (mut runs, mut touched) = (Runs::default(), Touched::default());
    let mut entries = Vec::with_capacity(STEP.min(spec.max_messages.max(1)));
    let (mut looked_at, mut newest, mut skip_below) = (0, 0, i64::MIN);
    'all: while looked_at < limit {
        entries.clear();
        let step = STEP.min(limit - looked_at).min(spec.max_messages.max(1));
        match queue.read(offset + looked_at as i64, step, &mut entries) {
            // Nothing is skipped that may be readable later.
            Err(_) if looked_at == 0 => return none(PullStatus::Unreadable, offset),
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        for entry in &entries {
            newest = entry.physical_offset;
            if entry.physical_offset >= skip_below {
                let on_disk = log_end - entry.physical_offset > in_memory;
                if is_full(parts, spec.max_messages, &pulled, entry.size as usize, on_disk) {
                    break 'all;
                }
                match touched.candidate(&parts.log, entry) {
                    Candidate::Gone => {
                        // The whole file is gone, so are the other messages in it.
                        let size = parts.log.file_size as i64;
                        skip_below = (entry.physical_offset / size + 1) * size;
                        if pulled.message_count == 0 {
                            pulled.status = PullStatus::Removing;
                        }
                    }
                    Candidate::Record(file, record)
                        if filter(entry, &record)
                            && parts.log.is_sound(
                                &record,
                                entry,
                                (spec.topic, spec.queue_id, offset + looked_at as i64),
                            ) =>
                    {
                        runs.add(file, entry, &mut pulled.records);
                        pulled.message_count += 1;
                        pulled.byte_count += entry.size as usize;
                        pulled.status = PullStatus::Found;
                        skip_below = i64::MIN;
                    }
                    _ if pulled.message_count == 0 => pulled.status = PullStatus::NoMatch,
                    _ => {}
                }
            }
            looked_at += 1;
        }
    }
    runs.finish(&mut pulled.records);
    if looked_at == 0 {
        let per_file = parts.queues.queues.space.per_file;
        return none(PullStatus::OffsetFoundNull, (offset / per_file + 1) * per_file);
    }
    pulled.next_offset = offset + looked_at as i64;
    pulled.suggest_slave = log_end - newest > in_memory;
    pulled
}

enum Candidate {
    /// Its log file was deleted.
    Gone,
    /// It cannot be read, or the entry leads nowhere.
    Unreadable,
    Record(Arc<LogFile>, Bytes),
}

/// The part of a file that this pull knows to be in memory: asking costs a system call.
#[derive(Default)]
struct Touched {
    /// A file's start in the log, and from where to where in the file.
    window: (u64, u64, u64),
}

impl Touched {
    fn candidate(&mut self, log: &CommitLog, entry: &QueueEntry) -> Candidate {
        let Ok(offset) = u64::try_from(entry.physical_offset) else { return Candidate::Unreadable };
        let Some(file) = log.file_at(offset) else {
            if offset >= log.min_offset() {
                log.damage.found(offset, "a queue leads behind the end of the log");
                return Candidate::Unreadable;
            }
            return Candidate::Gone;
        };
        let at = offset - file.start();
        let record = file.slice(at, entry.size.into()).filter(|_| self.touch(&file, at, at + u64::from(entry.size)));
        match record {
            Some(record) => Candidate::Record(file, record),
            None => {
                log.damage.found(offset, "it cannot be read, or its queue's entry states a wrong size");
                Candidate::Unreadable
            }
        }
    }

    fn touch(&mut self, file: &LogFile, from: u64, to: u64) -> bool {
        let (start, known_from, known_to) = self.window;
        if start == file.start() && known_from <= from && to <= known_to {
            return true;
        }
        let (wide_from, wide_to) = (from - from % WINDOW, to.next_multiple_of(WINDOW).min(file.written()));
        if file.readable(wide_from, wide_to - wide_from) {
            self.window = (file.start(), wide_from, wide_to);
            return true;
        }
        // Perhaps what cannot be read is a neighbour.
        file.readable(from, to - from)
    }
}

/// Whether a further message of `size` bytes would be too much.
fn is_full(parts: &Parts, max_messages: usize, pulled: &Pulled, size: usize, on_disk: bool) -> bool {
    let config = &parts.config;
    let (max_bytes, max_count) = match on_disk {
        true => (config.max_transfer_bytes_on_message_in_disk, config.max_transfer_count_on_message_in_disk),
        false => (config.max_transfer_bytes_on_message_in_memory, config.max_transfer_count_on_message_in_memory),
    };
    let count = pulled.message_count;
    count > 0 && (count >= max_messages || pulled.byte_count + size > max_bytes || count >= max_count)
}

/// Neighbouring records gathered to one slice.
#[derive(Default)]
struct Runs {
    /// A file, and from where to where in the log.
    run: Option<(Arc<LogFile>, u64, u64)>,
}

impl Runs {
    fn add(&mut self, file: Arc<LogFile>, entry: &QueueEntry, into: &mut Vec<Bytes>) {
        let begin = entry.physical_offset as u64;
        let end = begin + u64::from(entry.size);
        match &mut self.run {
            Some((run_file, _, run_end)) if *run_end == begin && Arc::ptr_eq(run_file, &file) => *run_end = end,
            _ => {
                self.finish(into);
                self.run = Some((file, begin, end));
            }
        }
    }

    fn finish(&mut self, into: &mut Vec<Bytes>) {
        if let Some((file, begin, end)) = self.run.take() {
            into.extend(file.slice(begin - file.start(), end - begin));
        }
    }
}

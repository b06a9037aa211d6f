//! Opening a store: what is on disk is checked, brought to one state, and put to use.
//!
//! The log decides. It is read from a place that is known to be good, up to the first byte that is no whole record; what
//! follows is cut off. Then the queues are cut to the log's end, and both they and the index get what they miss, by
//! reading the log once more. Doing it again, or stopping in between and doing it again, ends in the same state.

use crate::{
    StoreConfig, StoreError,
    append::Appender,
    catch_up::{Missing, catch_up},
    checkpoint::{Checkpoint, Marks},
    commit_log::CommitLog,
    consume_queue::Queues,
    deleted::Deleted,
    flush::Signal,
    health::Health,
    index::Index,
    mapped_file::LogFile,
    parts::{Counters, Parts},
    queue_files::QueueSpace,
    queue_load::{self, FoundQueue},
    queue_table::QueueTable,
    scan::{FoundFile, Scan},
    store_lock::StoreLock,
    view::{Found, look},
};
use base::{Clock, Disk};
use parking_lot::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Files at the end of the log that are read when nothing tells where to begin, as Apache does.
const CHECKED_FILES: usize = 3;
/// The longest head of a record up to its store time.
const HEAD_LEN: usize = 91 + 24;

/// Opens the store under a lock that is already held.
pub(crate) fn open(config: StoreConfig, clock: Clock, lock: &StoreLock) -> Result<Parts, StoreError> {
    let disk = &config.disk.clone();
    // Someone who removes the folder of queues or index wants them built anew.
    let without_queues = !config.queue_path().exists();
    let without_index = config.message_index_enable && !config.index_path().exists();
    let delay_levels_ms = config.delay_levels_ms()?;
    let space = QueueSpace::new(disk.clone(), config.queue_path(), config.mapped_file_size_consume_queue);
    disk.create_dirs_for_good(&config.commit_log_path())?;
    let checkpoint = Checkpoint::open(disk, config.checkpoint_path())?;
    let health = Arc::new(Health::default());

    let mut files = log_files(&config, lock.after_abort)?;
    let found_queues = queue_load::find(&space, lock.after_abort)?;
    // Up to here nothing was changed, so a store that is refused stays as clean as it was.
    lock.mark_in_use()?;
    let size = config.mapped_file_size_commit_log;
    let first = files.first().map_or(0, |file| file.start);
    let start = Start::find(&config, &files, &found_queues, &checkpoint, lock.after_abort)?;
    let (from, synced) = (start.from, start.synced);
    let scan = Scan { disk, files: &files, file_size: size, check_crc: config.check_crc_on_recover, synced };
    let mut last_record =
        checkpoint.marks().filter(|marks| marks.settled == from).map_or(from, |marks| marks.last_record);
    let end = scan.run((from, u64::MAX), |record| {
        last_record = record.physical_offset() as u64;
        Ok(())
    })?;
    if lock.after_abort {
        tracing::info!(from, end = end.offset, reason = end.reason, "log checked after an unclean stop");
    }
    let end = end.offset;
    let rebuild_queues = without_queues || found_queues.iter().any(FoundQueue::is_broken);
    if rebuild_queues && !files.is_empty() {
        tracing::info!(end, "consume queues are gone or useless: building them anew from the log");
    }
    let queues_from = if rebuild_queues { first } else { from };
    let index_from = match lock.after_abort {
        _ if !config.message_index_enable => u64::MAX,
        _ if without_index => first,
        true if checkpoint.marks().is_none() => {
            from.min(file_before(disk, &files, checkpoint.times().index_ms - 3000)?)
        }
        true => start.trusted,
        false => u64::MAX,
    };
    let missing = Missing { queues_from, index_from, end };

    if lock.after_abort {
        // What was read may be in the system's cache only, and the checkpoint is about to say that it is on the disk.
        for file in files.iter().filter(|file| file.start + size > from) {
            disk.open(file.path.clone())?.sync()?;
        }
    }
    // What the checkpoint said may be more than there is from now on; noted before anything is taken away.
    let rebuilds = without_index || rebuild_queues;
    if let Some(marks) = checkpoint.marks().or_else(|| rebuilds.then(Marks::default)) {
        let (settled, last_record) =
            if rebuilds { (first, first) } else { (marks.settled.min(end), marks.last_record) };
        checkpoint.mark(Marks { settled, last_record, synced: end });
        checkpoint.save()?;
    }
    disk.create_dirs(&space.dir)?;
    if config.message_index_enable {
        disk.create_dirs(&config.index_path())?;
    }
    disk.sync_dir(&config.root_dir)?;
    cut_log(&config, &mut files, end, lock.after_abort)?;
    let deleted = Deleted::open(disk, &config.root_dir)?;
    deleted.cut(end)?;
    let mut removed = Vec::new();
    let mut queues = Vec::with_capacity(found_queues.len());
    for mut queue in found_queues {
        if let Some(broken) = queue.remove_broken(&space)? {
            removed.push(broken);
            continue;
        }
        queue.cut(&space, start.trusted.min(end) as i64, lock.after_abort)?;
        // Only now: the entries that were cut off may have been torn, and have led anywhere.
        if queue.is_deleted(&deleted) {
            queue.remove(&space)?;
        } else {
            queues.push(queue);
        }
    }
    let found_queues = queues;

    let open_file = |file: &FoundFile| {
        LogFile::open(disk, file.path.clone(), file.start, size, end.saturating_sub(file.start)).map(Arc::new)
    };
    let log = Arc::new(CommitLog::new(&config, files.iter().map(open_file).collect::<Result<_, _>>()?, end));
    let queues = Queues { space, log: log.clone(), health: health.clone(), busy: Mutex::default() };
    let queues = QueueTable::new(Arc::new(queues));
    let min = log.min_offset() as i64;
    found_queues.into_iter().for_each(|queue| queue.put_in(&queues, min));
    let index = match config.message_index_enable {
        true => {
            let has_key = |offset, hash| log.has_key(offset, hash);
            let keep = lock.after_abort.then_some(missing.index_from.min(end) as i64);
            Some(Index::open(&config, clock.clone(), health.clone(), keep, &has_key)?)
        }
        false => None,
    };
    let parts = Parts {
        appender: Mutex::new(Appender::new(end, last_record, log.file_at(end))),
        last_store_ms: AtomicI64::new(0),
        appending_since_ms: AtomicI64::new(0),
        flush_begun_ms: AtomicI64::new(clock.now_ms()),
        last_flush: Mutex::default(),
        log_flush: Signal::default(),
        queue_flush: Signal::default(),
        unshown: Mutex::default(),
        flushing: Default::default(),
        queues_unsynced: false.into(),
        settle_soon: false.into(),
        counters: Counters::default(),
        config,
        clock,
        delay_levels_ms,
        log,
        queues,
        index,
        checkpoint,
        deleted,
        health,
    };
    if missing.queues_from.min(missing.index_from) < end {
        catch_up(&parts, &files, synced, missing)?;
    }
    for (topic, id, next) in removed {
        if parts.queues.get(&topic, id).is_none() {
            parts.queues.put(&topic, id, next, next, 0);
        }
    }
    // What was just made anew need not be made again after a crash that comes soon.
    parts.settle_soon.store(lock.after_abort || rebuilds, Ordering::Relaxed);
    Ok(parts)
}

/// The log's files in order, checked for size and gaps.
pub(crate) fn log_files(config: &StoreConfig, after_abort: bool) -> Result<Vec<FoundFile>, StoreError> {
    let size = config.mapped_file_size_commit_log;
    let mut files: Vec<FoundFile> = Vec::new();
    let mut listed = config.disk.list(&config.commit_log_path())?;
    listed.retain(|file| !file.is_dir && file.name.len() == 20 && file.name.bytes().all(|byte| byte.is_ascii_digit()));
    let last = listed.len().saturating_sub(1);
    for (index, file) in listed.into_iter().enumerate() {
        let damaged = |what: String| Err(StoreError::Damaged { path: file.path.clone(), what });
        let Ok(start) = file.name.parse::<u64>() else { return damaged("its name is no offset".to_owned()) };
        let being_made = after_abort && index == last && file.len < size;
        if file.len != size && !being_made {
            return damaged(format!(
                "has {} bytes instead of {size}: set mappedFileSizeCommitLog to what it was when the store was \
                 written; if the file was cut short, bring it back from a copy",
                file.len
            ));
        }
        let expected = files.last().map_or(start, |before| before.start + size);
        if start % size != 0 || start != expected {
            return damaged(format!("a log file that starts at {expected} is missing before it"));
        }
        files.push(FoundFile { start, path: file.path });
    }
    Ok(files)
}

/// What is known of a store before its log is read.
struct Start {
    /// Where to read from: the start of a record before which everything is good.
    from: u64,
    /// The queue entries and keys of the records below are whole.
    trusted: u64,
    /// The log below was brought to the disk.
    synced: u64,
}

impl Start {
    fn find(
        config: &StoreConfig,
        files: &[FoundFile],
        queues: &[FoundQueue],
        checkpoint: &Checkpoint,
        after_abort: bool,
    ) -> Result<Self, StoreError> {
        let Some(first) = files.first() else { return Ok(Self { from: 0, trusted: 0, synced: 0 }) };
        let marks = checkpoint.marks();
        let synced = marks.map_or(0, |marks| marks.synced);
        if !after_abort {
            return Ok(Self { from: after_clean_stop(config, files, queues)?, trusted: u64::MAX, synced });
        }
        let Some(marks) = marks else {
            let from = file_before(&config.disk, files, checkpoint.times().safe_ms())?;
            return Ok(Self { from, trusted: from, synced });
        };
        // The whole file, so that a queue which lost a file of its own is found out.
        let from = files.iter().rev().map(|file| file.start).find(|start| *start <= marks.last_record);
        let from = from.unwrap_or(first.start);
        let fits = fit(config, files, marks)?;
        if !fits {
            tracing::warn!(?marks, "the checkpoint does not fit the log: its queues are checked from the file's start");
        }
        Ok(Self { from, trusted: if fits { marks.settled.max(from) } else { from }, synced })
    }
}

/// After a clean stop: the record of the newest queue entry. Few records without an entry can follow.
fn after_clean_stop(config: &StoreConfig, files: &[FoundFile], queues: &[FoundQueue]) -> Result<u64, StoreError> {
    let newest = queues.iter().filter_map(FoundQueue::last_physical).max().unwrap_or(0) as u64;
    let size = config.mapped_file_size_commit_log;
    if let Some(file) = files.iter().find(|file| (file.start..file.start + size).contains(&newest)) {
        let head = read_head(&config.disk, file, newest)?;
        let is_record = match look(&head) {
            Found::Record(record) => record.physical_offset() as u64 == newest,
            Found::Short { need } => need > HEAD_LEN && head.get(28..36) == Some(&newest.to_be_bytes()),
            _ => false,
        };
        if is_record {
            return Ok(newest);
        }
    }
    Ok(files.get(files.len().saturating_sub(CHECKED_FILES)).or(files.first()).map_or(0, |file| file.start))
}

/// Whether the last record that the marks speak of is there and ends where they say: the log may have been damaged, or cut
/// and continued by another program.
fn fit(config: &StoreConfig, files: &[FoundFile], marks: Marks) -> Result<bool, StoreError> {
    let (disk, file_size) = (&config.disk, config.mapped_file_size_commit_log);
    let scan = Scan { disk, files, file_size, check_crc: false, synced: 0 };
    if files.first().is_none_or(|first| marks.settled <= first.start) {
        return Ok(true);
    }
    if scan.file_at(marks.last_record).is_none() || marks.last_record >= marks.settled {
        return Ok(false);
    }
    let end = scan.run((marks.last_record, marks.settled), |_| Ok(()))?.offset;
    // A filler leads to a file that may not have been made.
    Ok(end == marks.settled || end.next_multiple_of(file_size) == marks.settled)
}

fn read_head(disk: &Disk, file: &FoundFile, offset: u64) -> Result<Vec<u8>, StoreError> {
    let mut head = vec![0; HEAD_LEN];
    let count = disk.open(file.path.clone())?.read_at(offset - file.start, &mut head)?;
    head.truncate(count);
    Ok(head)
}

/// The start of the last file whose first record was stored at or before `safe_ms`; of the first one, if none was.
fn file_before(disk: &Disk, files: &[FoundFile], safe_ms: i64) -> Result<u64, StoreError> {
    for file in files.iter().rev() {
        if first_store_ms(&read_head(disk, file, file.start)?).is_some_and(|stored| stored <= safe_ms) {
            return Ok(file.start);
        }
    }
    Ok(files.first().map_or(0, |file| file.start))
}

/// The store time in the first bytes of a record; `None` if there is no record.
fn first_store_ms(head: &[u8]) -> Option<i64> {
    use protocol::record::{MESSAGE_MAGIC, SysFlag};
    if head.get(4..8)? != MESSAGE_MAGIC.to_be_bytes() {
        return None;
    }
    let flag = SysFlag(i32::from_be_bytes(head.get(36..40)?.try_into().ok()?));
    let at = if flag.has(SysFlag::BORN_HOST_V6) { 68 } else { 56 };
    let stored = i64::from_be_bytes(head.get(at..at + 8)?.try_into().ok()?);
    (stored > 0).then_some(stored)
}

/// Makes everything behind `end` zeros, for good.
pub(crate) fn cut_log(
    config: &StoreConfig,
    files: &mut Vec<FoundFile>,
    end: u64,
    after_abort: bool,
) -> Result<(), StoreError> {
    let size = config.mapped_file_size_commit_log;
    while let Some(file) = files.last().filter(|file| file.start > end) {
        tracing::warn!(file = %file.path.display(), end, "removing a log file behind the end of the log");
        config.disk.remove_file(&file.path)?;
        // Each for good before the next: of a log with a hole nobody knows where it ends.
        config.disk.sync_dir(&config.commit_log_path())?;
        files.pop();
    }
    let Some(file) = files.last().filter(|file| end < file.start + size) else { return Ok(()) };
    let opened = config.disk.open(file.path.clone())?;
    let mut next = [0; 8];
    opened.read_at(end - file.start, &mut next)?;
    if next != [0; 8] {
        tracing::warn!(file = %file.path.display(), end, "cutting the log: what follows is no whole record");
    }
    if after_abort || next != [0; 8] {
        // Shorter and longer again: what was behind reads as zeros, and can never be taken for a record later.
        opened.set_len(end - file.start)?;
        opened.set_len(size)?;
        opened.sync()?;
        config.disk.sync_dir(&config.commit_log_path())?;
    }
    Ok(())
}

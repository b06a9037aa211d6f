//! Opening a store: what is on disk is checked, brought to one state, and put to use.
//!
//! The log decides. It is read from a place that is known to be good, up to the first byte that is no whole record; what
//! follows is cut off. Then the queues are cut to the log's end, and both they and the index get what they miss, by
//! reading the log once more. Doing it again, or stopping in between and doing it again, ends in the same state.

use crate::{
    StoreConfig, StoreError,
    append::{Appender, names_a_folder},
    checkpoint::Checkpoint,
    commit_log::CommitLog,
    consume_queue::{Offered, Queues},
    fanout::Plan,
    flush::Signal,
    health::Health,
    index::Index,
    index_file::Key,
    mapped_file::LogFile,
    parts::{Counters, Parts},
    queue_files::{QueueEntry, QueueSpace},
    queue_load::{self, FoundQueue},
    queue_table::QueueTable,
    scan::{FoundFile, scan},
    store_lock::StoreLock,
    view::{Found, RecordView, look},
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
    // Someone who removes the folder of the queues wants them built anew.
    let without_queues = !config.queue_path().exists();
    let after_abort = lock.after_abort || without_queues;
    let delay_levels_ms = config.delay_levels_ms()?;
    let disk = &config.disk.clone();
    let space = QueueSpace::new(disk.clone(), config.queue_path(), config.mapped_file_size_consume_queue);
    disk.create_dirs_for_good(&config.commit_log_path())?;
    disk.create_dirs(&space.dir)?;
    let checkpoint = Checkpoint::open(disk, config.checkpoint_path())?;
    disk.sync_dir(&config.root_dir)?;
    let health = Arc::new(Health::default());

    let mut files = log_files(&config, after_abort)?;
    let mut found_queues = queue_load::find(&space, after_abort)?;
    // Up to here nothing was changed, so a store that is refused stays as clean as it was.
    lock.mark_in_use()?;
    let from = scan_start(&config, &files, &found_queues, &checkpoint, after_abort)?;
    let end =
        scan(disk, &files, config.mapped_file_size_commit_log, (from, u64::MAX), config.check_crc_on_recover, |_| {
            Ok(())
        })?;
    if lock.after_abort {
        tracing::info!(from, end = end.offset, reason = end.reason, "log checked after an unclean stop");
    } else if without_queues && !files.is_empty() {
        tracing::info!(end = end.offset, "the folder of the consume queues is gone: building them anew from the log");
    }
    let end = end.offset;
    if after_abort {
        // What was read may be in the system's cache only, and the log is about to say that it is on the disk.
        for file in files.iter().filter(|file| file.start + config.mapped_file_size_commit_log > from) {
            disk.open(file.path.clone())?.sync()?;
        }
    }
    cut_log(&config, &mut files, end, after_abort)?;
    for queue in &mut found_queues {
        // After a crash, entries that the checkpoint does not vouch for may be half written: they are made anew.
        queue.cut(&space, if after_abort { from.min(end) } else { end } as i64, after_abort)?;
    }

    let size = config.mapped_file_size_commit_log;
    let open_file = |file: &FoundFile| {
        LogFile::open(disk, file.path.clone(), file.start, size, end.saturating_sub(file.start)).map(Arc::new)
    };
    let log = Arc::new(CommitLog::new(&config, files.iter().map(open_file).collect::<Result<_, _>>()?, end));
    let queues = Queues { space, log: log.clone(), health: health.clone(), busy: Mutex::default() };
    let queues = QueueTable::new(Arc::new(queues));
    let min = log.min_offset() as i64;
    found_queues.into_iter().for_each(|queue| queue.put_in(&queues, min));
    // So are keys.
    let index_from = file_before(disk, &files, checkpoint.times().index_ms - 3000)?.min(end);
    let index = match config.message_index_enable {
        true => Some(Index::open(&config, clock.clone(), health.clone(), after_abort.then_some(index_from as i64))?),
        false => None,
    };
    let parts = Parts {
        appender: Mutex::new(Appender::new(end, log.file_at(end))),
        last_store_ms: AtomicI64::new(0),
        log_flush: Signal::default(),
        queue_flush: Signal::default(),
        flushing: Default::default(),
        queues_unsynced: false.into(),
        counters: Counters::default(),
        config,
        clock,
        delay_levels_ms,
        log,
        queues,
        index,
        checkpoint,
        health,
    };
    // After a clean stop nothing is missing; and reading on from the newest entry would bring back deleted topics.
    if after_abort {
        let index_from = match &parts.index {
            None => end,
            // If it was removed together with the queues, it misses everything, whatever the checkpoint says.
            Some(index) if without_queues && index.is_empty() => 0,
            Some(_) => index_from,
        };
        catch_up(&parts, &files, from.min(index_from), (from, end))?;
    }
    Ok(parts)
}

/// The log's files in order, checked for size and gaps.
fn log_files(config: &StoreConfig, after_abort: bool) -> Result<Vec<FoundFile>, StoreError> {
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

/// Where the log is to be read from: the start of a record, everything before which is good.
fn scan_start(
    config: &StoreConfig,
    files: &[FoundFile],
    queues: &[FoundQueue],
    checkpoint: &Checkpoint,
    after_abort: bool,
) -> Result<u64, StoreError> {
    let Some(first) = files.first() else { return Ok(0) };
    if after_abort {
        return file_before(&config.disk, files, checkpoint.times().safe_ms());
    }
    // After a clean stop, the record of the newest queue entry: few records without an entry can follow.
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
    Ok(files.get(files.len().saturating_sub(CHECKED_FILES)).unwrap_or(first).start)
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
        if first_store_ms(disk, file)?.is_some_and(|stored| stored <= safe_ms) {
            return Ok(file.start);
        }
    }
    Ok(files.first().map_or(0, |file| file.start))
}

/// The store time of a file's first record; `None` if no whole record is there, whose time could be anything.
fn first_store_ms(disk: &Disk, file: &FoundFile) -> Result<Option<i64>, StoreError> {
    let head = read_head(disk, file, file.start)?;
    let Found::Short { need } = look(&head) else { return Ok(whole_store_ms(&head, file.start)) };
    // A file's length bounds what is read, whatever the record states.
    let opened = disk.open(file.path.clone())?;
    let mut bytes = vec![0; need.min(opened.size()? as usize)];
    opened.read_at(0, &mut bytes)?;
    Ok(whole_store_ms(&bytes, file.start))
}

fn whole_store_ms(bytes: &[u8], start: u64) -> Option<i64> {
    let Found::Record(record) = look(bytes) else { return None };
    let whole = record.physical_offset() as u64 == start && record.crc_holds() && record.rest_holds();
    whole.then(|| record.store_ms()).filter(|stored| *stored > 0)
}

/// Makes everything behind `end` zeros, for good.
fn cut_log(config: &StoreConfig, files: &mut Vec<FoundFile>, end: u64, after_abort: bool) -> Result<(), StoreError> {
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
    if after_abort || next != [0; 8] {
        // Shorter and longer again: what was behind reads as zeros, and can never be taken for a record later.
        opened.set_len(end - file.start)?;
        opened.set_len(size)?;
        opened.sync()?;
        config.disk.sync_dir(&config.commit_log_path())?;
    }
    Ok(())
}

/// Gives queues and index what they miss of the records in `from..end`, of which `checked..end` was just checked.
fn catch_up(parts: &Parts, files: &[FoundFile], from: u64, (checked, end): (u64, u64)) -> Result<(), StoreError> {
    let (disk, size) = (&parts.config.disk, parts.config.mapped_file_size_commit_log);
    let first = files.first().map_or(0, |file| file.start);
    // What the index names need not be the start of a record any more, once the log was cut or files were deleted.
    let is_start = from == end || parts.log.record_at(from as i64).is_some();
    let from = if is_start { from } else { from - from % size }.max(first);
    let mut indexed = parts.index.as_ref().filter(|index| !index.is_empty()).map(|index| index.last_update().1);
    let mut gap = false;
    let mut pass = |from: u64, indexed: Option<i64>, fill_gaps: bool| {
        let mut visit = |record: &RecordView<'_>| {
            gap |= !offer(parts, record, indexed, fill_gaps)?;
            Ok(())
        };
        let stopped = scan(disk, files, size, (from, end), false, &mut visit)?;
        if stopped.offset < checked {
            tracing::error!(offset = stopped.offset, reason = stopped.reason, "the log is damaged; going on behind it");
            scan(disk, files, size, (checked, end), false, &mut visit)?;
        }
        Ok::<_, StoreError>(std::mem::take(&mut gap))
    };
    if pass(from, indexed, from <= first)? {
        tracing::warn!("consume queues miss entries from before the checked part of the log: reading all of it");
        indexed = Some(i64::MAX);
        pass(first, indexed, true)?;
    }
    Ok(())
}

/// Offers one record to queue and index; returns false if its queue misses entries before it.
fn offer(parts: &Parts, record: &RecordView<'_>, indexed: Option<i64>, fill_gaps: bool) -> Result<bool, StoreError> {
    let topic = record.topic();
    let physical_offset = record.physical_offset();
    let mut hashes = Vec::new();
    let plan = Plan::new(&topic, record.sys_flag(), &record.properties(), &mut hashes);
    parts.last_store_ms.store(record.store_ms(), Ordering::Release);
    if let Some(index) = parts.index.as_ref().filter(|_| indexed.is_none_or(|last| physical_offset > last)) {
        let keys = hashes.into_iter().map(|hash| Key { hash, physical_offset, store_ms: record.store_ms() });
        index.note(keys);
    }
    if !plan.queued || !names_a_folder(&topic) || record.queue_id() < 0 || record.queue_offset() < 0 {
        return Ok(true);
    }
    let entry = QueueEntry {
        physical_offset,
        size: record.size() as u32,
        tag_hash: plan.tag.value(&parts.delay_levels_ms, record.store_ms()),
    };
    let queue = parts.queues.get_or_make(&topic, record.queue_id());
    let offset = record.queue_offset();
    match queue.offer(offset, entry) {
        Offered::Taken | Offered::Known => return Ok(true),
        Offered::Gap if !fill_gaps => return Ok(false),
        Offered::Gap | Offered::Restarted => {}
    }
    tracing::warn!(topic = &*topic, queue = queue.id(), offset, "consume queue starts anew");
    queue.delete()?;
    parts.queues.put(&topic, record.queue_id(), offset, offset, 0).offer(offset, entry);
    Ok(true)
}

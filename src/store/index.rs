//! The index by key: the index files in order of age, and the newest keys, which wait in memory to be linked.
//!
//! An append only notes its keys; the flush thread links them into the files in runs. A file is made when its first key
//! is linked.

use crate::{
    StoreConfig, StoreError,
    health::Health,
    index_file::{Geometry, IndexFile, Key},
};
use base::{Clock, Disk};
use jiff::{Timestamp, tz::TimeZone};
use parking_lot::{Mutex, RwLock};
use std::{collections::VecDeque, path::PathBuf, sync::Arc};

/// Keys linked in one run.
const RUN: usize = 4096;
/// Keys waiting at which the flush thread is woken, and at which the appender links them itself.
const MANY: usize = 8 * RUN;
const TOO_MANY: usize = 64 * RUN;

/// The index of a store.
#[derive(Debug)]
pub(crate) struct Index {
    disk: Disk,
    dir: PathBuf,
    geometry: Geometry,
    clock: Clock,
    health: Arc<Health>,
    /// Oldest first.
    files: RwLock<Vec<Arc<IndexFile>>>,
    /// Noted but not linked yet, oldest first. A key leaves only after it can be found in a file.
    pending: Mutex<VecDeque<Key>>,
    linking: Mutex<()>,
}

impl Index {
    /// Opens the files that are there. `relink_below`: the last stop was not clean, and only the keys of records before
    /// that offset are surely whole.
    pub fn open(
        config: &StoreConfig,
        clock: Clock,
        health: Arc<Health>,
        relink_below: Option<i64>,
        has_key: &dyn Fn(i64, u32) -> bool,
    ) -> Result<Self, StoreError> {
        let (disk, dir) = (config.disk.clone(), config.index_path());
        let geometry = Geometry { slots: config.max_hash_slot_num, entries: config.max_index_num };
        let mut files: Vec<Arc<IndexFile>> = Vec::new();
        let all = disk.list(&dir)?;
        let newest = all.iter().rfind(|file| file.len > 0).map(|file| file.name.clone());
        let mut removed = false;
        for listed in all {
            if listed.is_dir || listed.name.len() != 17 || !listed.name.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            if listed.len == 0 {
                // A process was ended between making it and giving it its length.
                disk.remove_file(&listed.path)?;
                removed = true;
                continue;
            }
            if listed.len != geometry.file_len() {
                tracing::warn!(
                    file = %listed.path.display(), bytes = listed.len, expected = geometry.file_len(),
                    "index file left alone: its size does not follow from maxHashSlotNum and maxIndexNum"
                );
                continue;
            }
            let file = IndexFile::open(&disk, listed.path.clone(), geometry)?;
            // Each was synced before the next was made; of the newest not even the count of its entries can be believed.
            let is_newest = newest.as_ref() == Some(&listed.name);
            let may_be_torn = |log_end: &i64| is_newest || !file.is_full() || file.header().end_physical >= *log_end;
            if let Some(log_end) = relink_below.filter(may_be_torn) {
                if !file.relink(log_end, has_key)? {
                    disk.remove_file(&listed.path)?;
                    removed = true;
                    continue;
                }
                // It may be full, and then nothing else would bring its slots to the disk.
                file.sync()?;
            }
            files.push(Arc::new(file));
        }
        if removed {
            // One that came back would be taken for the newest.
            disk.sync_dir(&dir)?;
        }
        let (files, pending, linking) = (RwLock::new(files), Mutex::default(), Mutex::default());
        Ok(Self { disk, dir, geometry, clock, health, files, pending, linking })
    }

    /// Notes keys in log order; returns whether the flush thread has enough to do.
    pub fn note(&self, keys: impl Iterator<Item = Key>) -> bool {
        let (before, after) = {
            let mut pending = self.pending.lock();
            let before = pending.len();
            pending.extend(keys);
            (before, pending.len())
        };
        if after > TOO_MANY
            && let Err(error) = self.link()
        {
            self.health.index_trouble(Some(error.to_string()));
        }
        before < MANY && after >= MANY
    }

    /// Links every key that waits.
    pub fn link(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.linking.lock();
        loop {
            let run: Vec<Key> = self.pending.lock().iter().take(RUN).copied().collect();
            if run.is_empty() {
                self.health.index_trouble(None);
                return Ok(());
            }
            let linked = self.file_with_room()?.link(&run)?;
            self.pending.lock().drain(..linked);
        }
    }

    fn file_with_room(&self) -> Result<Arc<IndexFile>, StoreError> {
        let last = self.files.read().last().cloned();
        let last_name = match last {
            Some(file) if !file.is_full() => return Ok(file),
            Some(full) => {
                full.sync()?;
                full.path().file_name().and_then(|name| name.to_str()?.parse::<u64>().ok()).unwrap_or(0)
            }
            None => {
                self.disk.create_dirs(&self.dir)?;
                0
            }
        };
        let name = file_name(self.clock.now_ms()).max(last_name + 1);
        let path = self.dir.join(format!("{name:017}"));
        let file = IndexFile::create(&self.disk, path.clone(), self.geometry);
        // A half-made file would be taken for one of another geometry.
        let file = Arc::new(file.inspect_err(|_| _ = self.disk.remove_file(&path))?);
        self.disk.sync_dir(&self.dir)?;
        self.files.write().push(file.clone());
        Ok(file)
    }

    /// Brings linked keys to the disk.
    pub fn sync(&self) -> Result<(), StoreError> {
        let last = self.files.read().last().cloned();
        last.map_or(Ok(()), |file| file.sync())
    }

    /// Store time, ms, and physical offset of the record indexed last; zeros if there is none.
    pub fn last_update(&self) -> (i64, i64) {
        if let Some(key) = self.pending.lock().back() {
            return (key.store_ms, key.physical_offset);
        }
        let last = self.files.read().last().map(|file| file.header());
        last.map_or((0, 0), |header| (header.end_ms, header.end_physical))
    }

    /// Passes the physical offsets of records that may have a key with that hash, newest first, until `visit` returns
    /// false. An offset may come twice.
    pub fn visit(
        &self,
        hash: u32,
        begin_ms: i64,
        end_ms: i64,
        mut visit: impl FnMut(i64) -> bool,
    ) -> Result<(), StoreError> {
        let waiting: Vec<i64> = {
            let pending = self.pending.lock();
            pending.iter().rev().filter(|key| key.hash == hash).map(|key| key.physical_offset).collect()
        };
        // In this order a key that is linked meanwhile is found twice rather than never.
        let files = self.files.read().clone();
        let mut go_on = waiting.into_iter().all(&mut visit);
        for file in files.iter().rev() {
            if !go_on {
                break;
            }
            if file.overlaps(begin_ms, end_ms) {
                file.visit(hash, begin_ms, |offset| {
                    go_on = visit(offset);
                    go_on
                })?;
            }
            if file.header().begin_ms < begin_ms {
                break;
            }
        }
        Ok(())
    }

    /// Deletes files, never the last, all of whose records lie before `physical_min`; `removed` gets their paths. One
    /// call at a time.
    pub fn delete_before(&self, physical_min: i64, removed: &mut Vec<PathBuf>) -> Result<(), StoreError> {
        loop {
            let first = self.files.read().split_last().and_then(|(_, before)| before.first().cloned());
            let Some(first) = first.filter(|file| file.header().end_physical < physical_min) else { return Ok(()) };
            // Not under the lock: freeing a large file takes long.
            self.disk.remove_file(first.path())?;
            self.files.write().remove(0);
            removed.push(first.path().to_owned());
        }
    }

    /// How many files there are.
    pub fn file_count(&self) -> usize {
        self.files.read().len()
    }
}

/// `yyyyMMddHHmmssSSS` in local time, as the number that its digits are.
fn file_name(now_ms: i64) -> u64 {
    let moment = Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(TimeZone::system());
    let text = format!("{}{:03}", moment.strftime("%Y%m%d%H%M%S"), moment.millisecond());
    text.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &std::path::Path) -> Index {
        let config = StoreConfig { max_index_num: 4, max_hash_slot_num: 2, ..StoreConfig::small(dir) };
        Index::open(&config, Clock::manual(1_700_000_000_000), Arc::default(), None, &|_, _| true).unwrap()
    }

    fn found(index: &Index, hash: u32) -> Vec<i64> {
        let mut found = Vec::new();
        index
            .visit(hash, 0, i64::MAX, |offset| {
                found.push(offset);
                found.len() < 5
            })
            .unwrap();
        found
    }

    #[test]
    fn keys_are_found_before_and_after_they_are_linked_and_across_files_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        let index = open(dir.path());
        let key = |n| Key { hash: 9, physical_offset: n, store_ms: 1000 };
        assert!(index.file_count() == 0);
        index.note((0..7).map(key));
        assert_eq!((found(&index, 9), found(&index, 7)), (vec![6, 5, 4, 3, 2], vec![]));
        index.link().unwrap();
        assert_eq!((found(&index, 9), index.file_count()), (vec![6, 5, 4, 3, 2], 3));
        let names: Vec<_> =
            Disk::default().list(&dir.path().join("index")).unwrap().into_iter().map(|file| file.name).collect();
        assert!(names.is_sorted() && names.iter().all(|name| name.len() == 17), "{names:?}");
        drop(index);
        let index = open(dir.path());
        assert_eq!((found(&index, 9), index.last_update()), (vec![6, 5, 4, 3, 2], (1000, 6)));
        let mut removed = Vec::new();
        index.delete_before(6, &mut removed).unwrap();
        assert_eq!((found(&index, 9), removed.len()), (vec![6], 2));
    }
}

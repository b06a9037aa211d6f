//! Mending a store: the log's end is put right, queues and index are built anew where they are wrong, and what is lost is
//! noted.
//!
//! A good record is never touched, and neither are damaged bytes that good records follow. Interrupted at any moment, it
//! loses nothing and can be run again: new queues and a new index come into their place only when they are complete, in
//! the folder `repair`, and the file `abort` is there as long as something is on its way.

use super::{
    Offline, State, damage, disk,
    finding::Verdict,
    log::LogPart,
    queue_check::LIGHT_PREFIX,
    rebuild::{self, Order},
    tables,
    verify::{Examined, VerifyRules},
    walk::{self, Damage},
};
use crate::{
    StoreConfig, StoreError,
    checkpoint::{Checkpoint, Marks, Times},
    mapped_file::file_name,
    store_lock::StoreLock,
};
use base::{Clock, disk::DiskError, durable};
use protocol::record::encode_blank;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// One thing that a repair does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairStep {
    /// The file or folder.
    pub path: PathBuf,
    /// Where: the offset in the log for a file of the log.
    pub offset: Option<u64>,
    /// What is done there.
    pub what: String,
}

/// What a repair came to.
#[derive(Clone, Debug)]
pub struct Repaired {
    /// What it did, or would do.
    pub steps: Vec<RepairStep>,
    /// Places of the log that cannot be brought back.
    pub lost: Vec<Damage>,
    /// What a verification says: afterwards, or as it is if nothing was done.
    pub verdict: Verdict,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
enum Work {
    /// An earlier repair was interrupted.
    FinishEarlier,
    /// Something is there that does not belong there.
    SetAside(PathBuf),
    /// A file of the log is missing: an empty one takes its place.
    FillGap(u64),
    /// A file of the log is too short.
    Lengthen(PathBuf, u64),
    RemoveFile(PathBuf),
    /// The log's last file gets zeros from here on.
    CutLog(PathBuf, u64),
    NoteDamage,
    Rebuild {
        queues: BTreeSet<(String, i32)>,
        index: bool,
    },
    Checkpoint(Option<i64>),
    RestoreTable(PathBuf),
    MarkClean,
}

/// Where a repair keeps what is on its way.
pub(super) fn folder(config: &StoreConfig) -> PathBuf {
    config.root_dir.join("repair")
}

impl Offline {
    /// What [`Offline::repair`] would do. Changes nothing. `settings_known`: the values this was opened with are those of
    /// the store's broker, not guessed.
    ///
    /// # Errors
    /// [`StoreError::InUse`]; [`StoreError::Config`] if the files speak against guessed values that the result would
    /// depend on; what the system says.
    pub fn plan_repair(&self, settings_known: bool, progress: impl FnMut(u64)) -> Result<Repaired, StoreError> {
        if let State::InUse { pid } = self.state {
            return Err(StoreError::InUse { dir: self.config.root_dir.clone(), pid });
        }
        let examined = self.examine(VerifyRules::default(), progress)?;
        examined.check_guesses(settings_known)?;
        let steps = self.work(&examined).iter().flat_map(|work| self.steps(work, &examined)).collect();
        let lost = examined.damages.iter().cloned().collect();
        Ok(Repaired { steps, lost, verdict: examined.verdict })
    }

    /// Mends what can be mended, and verifies. `done` hears of each step once it is done.
    ///
    /// # Errors
    /// As [`Offline::plan_repair`]. It can then be run again.
    pub fn repair(
        &self,
        settings_known: bool,
        clock: &Clock,
        mut done: impl FnMut(&RepairStep),
        mut progress: impl FnMut(u64),
    ) -> Result<Repaired, StoreError> {
        let lock = StoreLock::take(&disk(), &self.config.root_dir)?;
        let earlier = folder(&self.config);
        let interrupted = earlier.is_dir();
        let mut steps = Vec::new();
        if interrupted {
            lock.mark_in_use()?;
            finish_swap(&self.config)?;
            disk().remove_dirs(&earlier)?;
            let what = "what an interrupted repair left is removed".to_owned();
            steps.push(RepairStep { path: earlier, offset: None, what });
            steps.iter().for_each(&mut done);
        }
        // Anew, now that nobody changes anything. Not by `open`: to look at the file `lock` would lose the lock.
        let crashed = lock.after_abort || interrupted;
        let state = if crashed { State::Crashed { pid: None } } else { State::Clean };
        let this = Self::found(self.config.clone(), state)?;
        let mut examined = this.examine(VerifyRules::default(), &mut progress)?;
        examined.check_guesses(settings_known)?;
        let work = this.work(&examined);
        if !work.is_empty() {
            lock.mark_in_use()?;
        }
        for work in &work {
            let told = this.steps(work, &examined);
            this.carry_out(work, &mut examined, &lock, clock, &mut progress)?;
            told.iter().for_each(&mut done);
            steps.extend(told);
        }
        let mended = Self::found(self.config.clone(), State::Clean)?;
        let verdict = mended.examine(VerifyRules::default(), progress)?.verdict;
        let lost = examined.damages.iter().cloned().collect();
        Ok(Repaired { steps, lost, verdict })
    }

    fn work(&self, examined: &Examined) -> Vec<Work> {
        let Examined { log, end, tables, .. } = examined;
        let mut work = Vec::new();
        if folder(&self.config).is_dir() {
            work.push(Work::FinishEarlier);
        }
        let strangers = log.strangers.iter().chain(&examined.strange_queue_files);
        work.extend(strangers.cloned().map(Work::SetAside));
        let mut expected = log.min();
        for part in log.parts.iter().filter(|part| part.start < end.offset) {
            let missing = (expected..part.start).step_by(log.file_size as usize);
            work.extend(missing.map(Work::FillGap));
            if part.len != log.file_size {
                work.push(Work::Lengthen(part.path.clone(), part.start));
            }
            expected = part.start + log.file_size;
        }
        let dirty = end.garbage.is_some();
        // The first file stays in any case: its name tells where the log goes on.
        let first = log.parts.first().map(|part| part.start);
        for part in log.parts.iter().filter(|part| part.start >= end.offset && Some(part.start) != first).rev() {
            if dirty || part.len != log.file_size {
                work.push(Work::RemoveFile(part.path.clone()));
            }
        }
        let cut = log.part_at(end.offset).filter(|part| part.start < end.offset || Some(part.start) == first);
        if let Some(part) = cut.filter(|part| dirty || part.start == end.offset && part.len != log.file_size) {
            work.push(Work::CutLog(part.path.clone(), end.offset));
        }
        if examined.new_damage {
            work.push(Work::NoteDamage);
        }
        if !examined.wrong_queues.is_empty() || examined.index_wrong {
            // What a light queue holds cannot be told from the log alone.
            let queues = examined.wrong_queues.iter().filter(|(topic, _)| !topic.starts_with(LIGHT_PREFIX));
            work.push(Work::Rebuild { queues: queues.cloned().collect(), index: examined.index_wrong });
        }
        work.extend(tables.restorable.iter().cloned().map(Work::RestoreTable));
        work.extend(tables.half_made.iter().cloned().map(Work::RemoveFile));
        let crashed = self.state != State::Clean;
        if examined.checkpoint_wrong || !work.is_empty() || crashed {
            work.push(Work::Checkpoint(examined.newest_ms));
            work.push(Work::MarkClean);
        }
        work
    }

    /// What a piece of work is, in words.
    fn steps(&self, work: &Work, examined: &Examined) -> Vec<RepairStep> {
        let step = |path: &Path, offset, what: String| RepairStep { path: path.to_owned(), offset, what };
        let log = &examined.log;
        let one = match work {
            Work::FinishEarlier => {
                step(&folder(&self.config), None, "what an interrupted repair left is removed".into())
            }
            Work::SetAside(path) => step(path, None, format!("moved to {}", self.aside(path).display())),
            Work::FillGap(start) => {
                let what = "the missing file is replaced by one without messages".to_owned();
                step(&log.path_at(*start), Some(*start), what)
            }
            Work::Lengthen(path, start) => {
                step(path, Some(*start), format!("gets the length of the others, {} bytes", log.file_size))
            }
            Work::RemoveFile(path) => step(path, None, "removed: nothing in it is of use".to_owned()),
            Work::CutLog(path, end) => {
                let (from, to) = examined.end.garbage.unwrap_or((*end, *end));
                step(path, Some(*end), format!("the log ends here; the bytes behind, {from} to {to}, become zeros"))
            }
            Work::NoteDamage => {
                let places = examined.damages.iter().map(|damage| {
                    let Damage { from, to, what, .. } = damage;
                    let what = format!("{} bytes up to {to} are lost and stay as they are: {what}", to - from);
                    step(&log.path_at(*from), Some(*from), what)
                });
                return places.collect();
            }
            Work::Rebuild { queues, index } => {
                let queue = |(topic, id): &(String, i32)| {
                    let path = self.queue_space().queue_dir(topic, *id);
                    step(&path, None, "built anew from the log".to_owned())
                };
                let index = index.then(|| step(&self.config.index_path(), None, "built anew from the log".to_owned()));
                return queues.iter().map(queue).chain(index).collect();
            }
            Work::Checkpoint(newest) => {
                let what = match newest {
                    Some(ms) => format!("its times become that of the newest message, {ms} ms"),
                    None => "its times become 0: there is no message".to_owned(),
                };
                step(&self.config.checkpoint_path(), None, what)
            }
            Work::RestoreTable(path) => step(path, None, "replaced by its .bak".to_owned()),
            Work::MarkClean => {
                let path = StoreConfig::abort_path(&self.config.root_dir);
                step(
                    &path,
                    None,
                    "everything is brought to the disk, and the store counts as stopped cleanly".to_owned(),
                )
            }
        };
        vec![one]
    }

    fn aside(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix(&self.config.root_dir).unwrap_or(path).to_string_lossy().replace('/', "_");
        self.config.root_dir.join("set-aside").join(inside)
    }

    fn carry_out(
        &self,
        work: &Work,
        examined: &mut Examined,
        lock: &StoreLock,
        clock: &Clock,
        mut progress: impl FnMut(u64),
    ) -> Result<(), StoreError> {
        let size = self.config.mapped_file_size_commit_log;
        let log_dir = self.config.commit_log_path();
        match work {
            Work::FinishEarlier => Ok(disk().remove_dirs(&folder(&self.config))?),
            Work::SetAside(path) => {
                disk().create_dirs(&self.config.root_dir.join("set-aside"))?;
                Ok(disk().rename_for_good(path, &self.aside(path))?)
            }
            Work::FillGap(start) => {
                // Complete before it has its name.
                let (path, unnamed) = (log_dir.join(file_name(*start)), log_dir.join("new.tmp"));
                let file = disk().create(unnamed.clone(), size)?;
                let mut filler = Vec::new();
                encode_blank(size as usize, &mut filler);
                file.write_at(0, &filler)?;
                file.sync()?;
                Ok(disk().rename_for_good(&unnamed, &path)?)
            }
            Work::Lengthen(path, start) => {
                let file = disk().open(path.clone())?;
                file.set_len(size)?;
                file.sync()?;
                // A record that has lost its end may look whole now that zeros follow it.
                let part = LogPart { start: *start, len: size, path: path.clone() };
                let places: Vec<_> = examined.damages.between(*start, *start + size).map(|(from, _)| from).collect();
                for at in places {
                    if let Some(crc) = walk::crc_of_record(&part, size, at)? {
                        examined.damages.mark(at, crc);
                    }
                }
                Ok(())
            }
            Work::RemoveFile(path) => Ok(disk().remove_file(path)?),
            Work::CutLog(path, end) => {
                let file = disk().open(path.clone())?;
                // Shorter and longer again: what was behind reads as zeros.
                file.set_len(end % size)?;
                file.set_len(size)?;
                file.sync()?;
                Ok(disk().sync_dir(&log_dir)?)
            }
            Work::NoteDamage => self.note(examined),
            Work::Rebuild { queues, index } => {
                let building = folder(&self.config).join("building");
                let order = Order {
                    offline: self,
                    log: &self.log()?,
                    end: examined.end.offset,
                    damages: &examined.damages,
                    queues,
                    index: *index,
                };
                let damaged = rebuild::rebuild(&order, &building, clock.clone(), &mut progress)?;
                if !damaged.is_empty() {
                    damaged.into_iter().for_each(|damage| examined.damages.add(damage));
                    self.note(examined)?;
                }
                disk().rename_for_good(&building, &folder(&self.config).join("ready"))?;
                swap(&self.config, queues, *index)?;
                Ok(disk().remove_dirs(&folder(&self.config))?)
            }
            Work::Checkpoint(newest) => {
                let ms = newest.unwrap_or(0).max(0);
                disk().remove_file(&self.config.checkpoint_path())?;
                let checkpoint = Checkpoint::open(&disk(), self.config.checkpoint_path())?;
                // Before the times that say so.
                disk().sync_file_system(&log_dir)?;
                disk().sync_file_system(&self.config.root_dir)?;
                checkpoint.note(Times { log_ms: ms, queues_ms: ms, index_ms: ms });
                // Damage below is stepped over from now on, never taken for the log's end.
                let end = examined.end.offset;
                checkpoint.mark(Marks { settled: end, last_record: end, synced: end });
                checkpoint.save()?;
                Ok(disk().sync_dir(&self.config.root_dir)?)
            }
            Work::RestoreTable(path) => {
                let Some(content) = disk().read_small(&tables::backup(path))? else { return Ok(()) };
                let unnamed = path.with_extension("json.tmp");
                disk().write_small(&unnamed, &content)?;
                disk().open(unnamed.clone())?.sync()?;
                Ok(disk().rename_for_good(&unnamed, path)?)
            }
            Work::MarkClean => lock.clean(),
        }
    }

    fn note(&self, examined: &mut Examined) -> Result<(), StoreError> {
        examined.damages.keep(examined.log.min(), examined.end.offset);
        let path = damage::known_path(&self.config.root_dir);
        durable::write(&path, &damage::noted(&examined.damages)).map_err(|source| DiskError {
            action: "write",
            path,
            source,
        })?;
        Ok(())
    }
}

impl Examined {
    /// Refuses to build anything by settings that the files speak against, unless they are known to be right.
    fn check_guesses(&self, settings_known: bool) -> Result<(), StoreError> {
        let refuse = |key| {
            let expected = "what it was when the store was written: give the broker.conf of its broker";
            Err(StoreError::Config { key, value: "the default".to_owned(), expected })
        };
        match self {
            _ if settings_known => Ok(()),
            Self { index_fits: false, .. } => refuse("maxHashSlotNum or maxIndexNum"),
            Self { delays_fit: false, .. } => refuse("messageDelayLevel"),
            _ => Ok(()),
        }
    }
}

/// Puts what is in `repair/ready` in its place, and what was there in `repair/old`.
fn swap(config: &StoreConfig, queues: &BTreeSet<(String, i32)>, index: bool) -> Result<(), StoreError> {
    let (ready, old) = (folder(config).join("ready"), folder(config).join("old"));
    let names = queues.iter().map(|(topic, id)| format!("consumequeue/{topic}/{id}"));
    for name in names.chain(index.then(|| "index".to_owned())) {
        let (from, to, aside) = (ready.join(&name), config.root_dir.join(&name), old.join(&name));
        for parent in [to.parent(), aside.parent()].into_iter().flatten() {
            disk().create_dirs(parent)?;
        }
        if to.is_dir() {
            disk().rename_for_good(&to, &aside)?;
        }
        // A queue of which nothing is left is in no folder.
        if from.is_dir() {
            disk().rename_for_good(&from, &to)?;
        }
    }
    Ok(())
}

/// After an interruption: what was moved aside and not replaced yet gets its replacement.
fn finish_swap(config: &StoreConfig) -> Result<(), StoreError> {
    let ready = folder(config).join("ready");
    let mut left = vec!["index".to_owned()];
    for topic in disk().list(&ready.join("consumequeue"))?.into_iter().filter(|topic| topic.is_dir) {
        for queue in disk().list(&topic.path)?.into_iter().filter(|queue| queue.is_dir) {
            left.push(format!("consumequeue/{}/{}", topic.name, queue.name));
        }
    }
    for name in left {
        let (from, to) = (ready.join(&name), config.root_dir.join(&name));
        if from.is_dir() && !to.is_dir() {
            if let Some(parent) = to.parent() {
                disk().create_dirs(parent)?;
            }
            disk().rename_for_good(&from, &to)?;
        }
    }
    Ok(())
}

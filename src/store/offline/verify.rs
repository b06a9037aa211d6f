//! Verifying a store: the log, then its queues and its index next to it, then the small files.

use super::{
    Offline, State,
    damage::{self, Damages},
    finding::{Findings, REPAIR, Severity, Verdict},
    index::{self, IndexReader},
    index_check::IndexCheck,
    log::Log,
    queue_check::{QueueCheck, Wanted},
    sequence::{Contradiction, Sequence},
    tables::{self, Tables},
    walk::{Damage, End, Seen, walk},
};
use crate::{
    StoreError,
    append::names_a_folder,
    fanout::{Plan, TagRule},
    queue_files::QueueEntry,
    view::RecordView,
};
use std::{collections::BTreeSet, ops::ControlFlow, path::PathBuf};

/// How strict a verification is, and how much it tells.
#[derive(Clone, Copy, Debug)]
pub struct VerifyRules {
    /// Notes and warnings are errors too.
    pub strict: bool,
    /// How many findings of each severity are listed; the others are counted.
    pub listed: usize,
}

impl Default for VerifyRules {
    fn default() -> Self {
        Self { strict: false, listed: 100 }
    }
}

/// What a repair needs to know beyond the findings.
#[derive(Debug)]
pub(super) struct Examined {
    pub verdict: Verdict,
    pub log: Log,
    pub end: End,
    /// Every damaged place before the end, with those that were known before and records that contradict others.
    pub damages: Damages,
    /// Some of them are new.
    pub new_damage: bool,
    /// When the newest record was stored.
    pub newest_ms: Option<i64>,
    /// Queues that are not as the log says.
    pub wrong_queues: BTreeSet<(String, i32)>,
    /// Files in queues' folders that do not belong there.
    pub strange_queue_files: Vec<PathBuf>,
    pub index_wrong: bool,
    /// Some file of the index has the size that the settings give it, or there is none.
    pub index_fits: bool,
    /// Every delayed message is due when the settings say.
    pub delays_fit: bool,
    pub checkpoint_wrong: bool,
    pub tables: Tables,
}

impl Offline {
    /// Checks everything. `progress` is told, now and then, up to which offset the log is read.
    ///
    /// # Errors
    /// What the system says; that something is wrong with the store is no error but a finding.
    pub fn verify(&self, rules: VerifyRules, progress: impl FnMut(u64)) -> Result<Verdict, StoreError> {
        Ok(self.examine(rules, progress)?.verdict)
    }

    /// The offsets between which the log's files lie: what `progress` of the other calls can tell.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn log_span(&self) -> Result<(u64, u64), StoreError> {
        let log = self.log()?;
        Ok((log.min(), log.limit()))
    }

    pub(super) fn examine(&self, rules: VerifyRules, mut progress: impl FnMut(u64)) -> Result<Examined, StoreError> {
        let in_use = matches!(self.state, State::InUse { .. });
        let mut findings = Findings {
            verdict: Verdict::default(),
            listed: rules.listed,
            strict: rules.strict,
            mends: match self.state {
                State::Clean => None,
                State::Crashed { .. } => Some("nothing: the next start of a broker mends it"),
                State::InUse { .. } => Some("nothing: the broker has it in memory, and writes it soon"),
            },
        };
        self.say_state(&mut findings);
        let repair = super::repair::folder(&self.config);
        if repair.is_dir() {
            let what = "a repair was interrupted before it was done";
            findings.error(repair, None, what, "rmq store repair, once more");
        }
        let log = self.log()?;
        let safe_ms = match self.state {
            State::Clean => i64::MAX,
            _ => self.safe_ms(&log)?,
        };
        let tables = tables::read(&self.config, &mut findings)?;
        let known = damage::known(&self.config.root_dir)?;
        let mut queues = QueueCheck::find(&self.queue_space(), log.min(), safe_ms, &mut findings)?;
        let before_index = findings.verdict.errors + findings.verdict.notes;
        let index_parts = index::find(&self.config)?;
        let index_fits = index_parts.is_empty() || index_parts.iter().any(|part| part.fits);
        let mut index = match self.config.message_index_enable {
            true => {
                let reader = IndexReader::new(&self.config, index_parts, in_use);
                Some(IndexCheck::new(self.config.index_path(), reader, log.min(), safe_ms, &mut findings)?)
            }
            false => None,
        };
        let mut index_wrong = findings.verdict.errors + findings.verdict.notes > before_index;
        check_log_files(&log, &mut findings);

        let mut damages = known.clone();
        let mut contradictions = Vec::new();
        let mut sequence = Sequence::default();
        let mut newest_ms = None;
        let mut hashes = Vec::new();
        let mut told = log.min();
        let end = walk(&log, log.min(), u64::MAX, |seen| {
            match seen {
                Seen::Damage(damage) => {
                    say_damage(&log, damage, &known, &mut findings);
                    damages.add(damage.clone());
                }
                Seen::Bad(_) => {}
                Seen::Record(record) if known.condemn(&record) => {
                    let (from, to) = (record.at(), record.at() + record.size());
                    let damage = Damage::new(from, to, "the record contradicts others of its queue");
                    say_damage(&log, &damage, &known, &mut findings);
                }
                Seen::Record(record) => {
                    findings.verdict.records += 1;
                    newest_ms = newest_ms.max(Some(record.store_ms()));
                    hashes.clear();
                    let wanted = self.wanted(&record, &log, &mut hashes, &mut findings);
                    if let Some(wanted) = wanted {
                        let (topic, id) = (record.topic(), record.queue_id());
                        queues.record((&topic, id), wanted, &damages, &mut findings)?;
                        let says = wanted.queue_offset;
                        if let Some(wrong) = sequence.record((&topic, id), &record, says) {
                            contradictions.push(say_contradiction(&log, (&topic, id), wrong, &mut findings));
                        }
                    }
                    if let Some(index) = &mut index {
                        let before = findings.verdict.errors + findings.verdict.notes;
                        let (at, store_ms) = (record.physical_offset(), record.store_ms());
                        index.record(at, store_ms, &hashes, &damages, &mut findings)?;
                        index_wrong |= findings.verdict.errors + findings.verdict.notes > before;
                    }
                    if record.at() > told + (4 << 20) {
                        told = record.at();
                        progress(told);
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        progress(log.limit());
        (findings.verdict.log_from, findings.verdict.log_to) = (log.min(), end.offset);
        say_end(&log, &end, &mut findings);
        queues.finish(end.offset, tables.topics.as_ref(), in_use, &damages, &mut findings)?;
        if let Some(index) = &mut index {
            let before = findings.verdict.errors + findings.verdict.notes;
            index.finish(end.offset, in_use, &damages, &mut findings)?;
            index_wrong |= findings.verdict.errors + findings.verdict.notes > before;
        }
        let before = findings.verdict.errors + findings.verdict.notes;
        tables::check_checkpoint(&self.config, newest_ms, &mut findings)?;
        let checkpoint_wrong = findings.verdict.errors + findings.verdict.notes > before;
        if !in_use {
            tables.check_offsets(&self.config, |topic, id| queues.end_of(topic, id), &mut findings);
        }
        let new_damage = !contradictions.is_empty() || damages.iter().any(|place| !known.cover(place.from, place.to));
        contradictions.into_iter().for_each(|place| damages.add(place));
        let delays_fit = queues.delays_fit;
        let (wrong_queues, strange_queue_files, verdict) = (queues.wrong, queues.strange_files, findings.verdict);
        Ok(Examined {
            verdict,
            log,
            end,
            damages,
            new_damage,
            newest_ms,
            wrong_queues,
            strange_queue_files,
            index_wrong,
            index_fits,
            delays_fit,
            checkpoint_wrong,
            tables,
        })
    }

    /// The next start reads the log anew from the first record stored after this: from the file where the checkpoint's
    /// last record is, or else the one that its times point to.
    fn safe_ms(&self, log: &Log) -> Result<i64, StoreError> {
        let marks = tables::marks(&self.config)?;
        let times = tables::checkpoint(&self.config)?.map_or(0, |(times, _)| times.safe_ms());
        let mut safe_ms = 0;
        for part in log.parts.iter().rev() {
            let Some(first_ms) = first_store_ms(log, part.start)? else { continue };
            safe_ms = first_ms - 1;
            if marks.map_or(first_ms <= times, |marks| part.start <= marks.last_record) {
                break;
            }
        }
        Ok(safe_ms)
    }

    /// The entry that the record is to have; `None` if it is in no queue.
    fn wanted(
        &self,
        record: &RecordView<'_>,
        log: &Log,
        hashes: &mut Vec<u32>,
        findings: &mut Findings,
    ) -> Option<Wanted> {
        let topic = record.topic();
        let plan = Plan::new(&topic, record.sys_flag(), &record.properties(), hashes);
        let at = record.physical_offset();
        if !plan.queued {
            return None;
        }
        if self.deleted.covers(&topic, at as u64) {
            findings.verdict.of_deleted_topics += 1;
            return None;
        }
        if !names_a_folder(&topic) || record.queue_id() < 0 || record.queue_offset() < 0 {
            let what = format!(
                "the record says it is message {} of queue {} of topic {topic:?}, which cannot be",
                record.queue_offset(),
                record.queue_id()
            );
            findings.error(log.path_at(at as u64), at as u64, what, "take what you need of it with rmq store dump");
            return None;
        }
        let tag_hash = plan.tag.value(&self.delay_levels_ms, record.store_ms());
        Some(Wanted {
            queue_offset: record.queue_offset(),
            entry: QueueEntry { physical_offset: at, size: record.size() as u32, tag_hash },
            store_ms: record.store_ms(),
            delayed: matches!(plan.tag, TagRule::Delay { .. }),
        })
    }

    fn say_state(&self, findings: &mut Findings) {
        let process = |pid: Option<u32>| pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
        let (what, remedy) = match self.state {
            State::Clean => return,
            State::Crashed { pid } => (
                format!("the stop was not clean: {} left the store as a crash does", process(pid)),
                "nothing: the next start of a broker recovers it",
            ),
            State::InUse { pid } => (
                format!("{} has the store open: figures move while they are read", process(pid)),
                "stop it and verify again to be sure of the newest messages",
            ),
        };
        let path = self.config.root_dir.join("abort");
        findings.add(Severity::Note, path, None, what, remedy);
    }
}

/// When the first record from `from` on was stored, ms.
fn first_store_ms(log: &Log, from: u64) -> Result<Option<i64>, StoreError> {
    let mut first = None;
    walk(log, from, from + log.file_size, |seen| {
        if let Seen::Record(record) = seen {
            first = Some(record.store_ms());
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(first)
}

fn check_log_files(log: &Log, findings: &mut Findings) {
    for path in &log.strangers {
        let what = format!("its name is no multiple of the size of the log's files, {}", log.file_size);
        findings.error(path.clone(), None, what, REPAIR);
    }
    let mut expected = log.min();
    for (index, part) in log.parts.iter().enumerate() {
        if part.start != expected {
            let what = format!("the log's files from {expected} to {} are missing before this one", part.start);
            findings.error(part.path.clone(), part.start, what, "bring them back from a copy, or rmq store repair");
        }
        if part.len != log.file_size {
            let what = format!("has {} bytes, the others have {}", part.len, log.file_size);
            match index + 1 == log.parts.len() && part.len < log.file_size {
                true => findings.recoverable(part.path.clone(), part.start, what, REPAIR),
                false => findings.error(part.path.clone(), part.start, what, REPAIR),
            }
        }
        expected = part.start + log.file_size;
    }
}

fn say_damage(log: &Log, damage: &Damage, known: &Damages, findings: &mut Findings) {
    let Damage { from, to, what, .. } = damage;
    let what = format!("{} bytes up to {to} hold no good record: {what}", to - from);
    match known.cover(*from, *to) {
        true => {
            let remedy = "nothing: an earlier repair noted that they are lost";
            findings.add(Severity::Note, log.path_at(*from), *from, what, remedy);
        }
        false => {
            let remedy = "bring the file back from a copy, or step over it with rmq store repair";
            findings.error(log.path_at(*from), *from, what, remedy);
        }
    }
}

fn say_contradiction(log: &Log, (topic, id): (&str, i32), wrong: Contradiction, findings: &mut Findings) -> Damage {
    let Contradiction { at, size, crc, says, expected } = wrong;
    let what = format!("the record says it is message {says} of {topic}/{id}, where message {expected} belongs");
    let remedy = "bring the file back from a copy, or step over it with rmq store repair";
    findings.error(log.path_at(at), at, what.clone(), remedy);
    Damage { record_crc: Some(crc), ..Damage::new(at, at + size, what) }
}

fn say_end(log: &Log, end: &End, findings: &mut Findings) {
    let Some((first, last)) = end.garbage else { return };
    let what = format!(
        "behind the end of the log, {}, there are bytes that are no record, from {first} up to {last}: {}",
        end.offset, end.what
    );
    findings.recoverable(log.path_at(end.offset), end.offset, what, REPAIR);
}

//! The small files of a store: the checkpoint, and the JSON tables that the broker keeps in `config`.

use super::{
    disk,
    finding::{Findings, REPAIR, Severity},
};
use crate::{
    StoreConfig, StoreError,
    checkpoint::{Marks, SECTOR, Times, decode},
    fanout::SCHEDULE_TOPIC,
};
use protocol::loose_json;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

const CHECKPOINT_LEN: u64 = 4096;
/// What a broker writes before it gives it its name.
const HALF_MADE: &str = ".tmp";

/// The checkpoint's times and length; `None` if there is no file.
pub(super) fn checkpoint(config: &StoreConfig) -> Result<Option<(Times, u64)>, StoreError> {
    Ok(sector(config)?.map(|(sector, len)| (decode(&sector).0, len)))
}

/// The checkpoint's marks; `None` if it has none.
pub(super) fn marks(config: &StoreConfig) -> Result<Option<Marks>, StoreError> {
    Ok(sector(config)?.and_then(|(sector, _)| decode(&sector).1))
}

fn sector(config: &StoreConfig) -> Result<Option<([u8; SECTOR], u64)>, StoreError> {
    let Some(file) = disk().open_to_read(config.checkpoint_path())? else { return Ok(None) };
    let mut sector = [0; SECTOR];
    file.read_at(0, &mut sector)?;
    Ok(Some((sector, file.size()?)))
}

/// Holds the checkpoint against the log, whose newest record was stored at `newest_ms`.
pub(super) fn check_checkpoint(
    config: &StoreConfig,
    newest_ms: Option<i64>,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let path = config.checkpoint_path();
    let Some((times, len)) = checkpoint(config)? else {
        if newest_ms.is_some() {
            let what = "there is no checkpoint: after a crash the whole log would be read";
            findings.add(Severity::Warning, path, None, what, "nothing: the next broker makes one");
        }
        return Ok(());
    };
    if len != CHECKPOINT_LEN {
        findings.recoverable(path.clone(), None, format!("has {len} bytes instead of {CHECKPOINT_LEN}"), REPAIR);
    }
    for (offset, name, ms) in
        [(0, "the log", times.log_ms), (8, "the queues", times.queues_ms), (16, "the index", times.index_ms)]
    {
        let newest = newest_ms.unwrap_or(i64::MAX);
        if ms > newest {
            let what = format!(
                "the time of {name}, {ms} ms, is ahead of the newest message, which was stored at {newest} ms: a \
                 recovery would read too little"
            );
            findings.error(path.clone(), offset, what, REPAIR);
        } else if ms < 0 {
            findings.error(path.clone(), offset, format!("the time of {name} is {ms} ms"), REPAIR);
        }
    }
    Ok(())
}

/// The JSON tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// The topics there are; `None` if that cannot be read.
    pub topics: Option<HashSet<String>>,
    /// `TOPIC@GROUP` → queue id → the next offset to consume.
    consumed: BTreeMap<String, BTreeMap<i32, i64>>,
    /// Delay level → the next offset to deliver.
    delivered: BTreeMap<i32, i64>,
    /// Files that cannot be read although their `.bak` can.
    pub restorable: Vec<PathBuf>,
    /// Files that were never finished.
    pub half_made: Vec<PathBuf>,
}

/// Reads the tables, and notes those that cannot be read.
pub(super) fn read(config: &StoreConfig, findings: &mut Findings) -> Result<Tables, StoreError> {
    let mut tables = Tables::default();
    let listed = disk().list(&config.root_dir.join("config"))?;
    for file in listed.iter().filter(|file| !file.is_dir) {
        if file.name.ends_with(HALF_MADE) {
            tables.half_made.push(file.path.clone());
            let what = "was being written and never finished";
            findings.add(Severity::Note, file.path.clone(), None, what, "nothing, or rmq store repair");
        }
        // A table whose first copy is gone is listed by its second.
        let name = file.name.strip_suffix(".bak").unwrap_or(&file.name);
        let doubled = name.len() < file.name.len() && listed.iter().any(|other| other.name == name);
        if !name.ends_with(".json") || doubled {
            continue;
        }
        if let Some(value) = tables.load(&file.path.with_file_name(name), findings)? {
            tables.take(name, &value);
        }
    }
    Ok(tables)
}

/// A table, or why it cannot be read; `None` if there is none.
pub(super) fn parse(path: &Path) -> Result<Option<Result<Value, String>>, StoreError> {
    let Some(text) = disk().read_small(path)? else { return Ok(None) };
    let value = loose_json::from_slice::<Value>(&text).map_err(|error| error.to_string());
    Ok(Some(value.and_then(|value| if value.is_object() { Ok(value) } else { Err("it is no object".to_owned()) })))
}

pub(super) fn backup(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".bak");
    name.into()
}

impl Tables {
    fn load(&mut self, path: &Path, findings: &mut Findings) -> Result<Option<Value>, StoreError> {
        let why = match parse(path)? {
            Some(Ok(value)) => return Ok(Some(value)),
            Some(Err(why)) => format!("is no JSON: {why}"),
            None => "is missing".to_owned(),
        };
        if let Some(Ok(value)) = parse(&backup(path))? {
            self.restorable.push(path.to_owned());
            let what = format!("{why}; its .bak can be read, and a broker takes that");
            findings.add(Severity::Warning, path.to_owned(), None, what, REPAIR);
            return Ok(Some(value));
        }
        let remedy = "bring it back from a copy; without it, a broker on an empty file has lost what it said";
        findings.error(path.to_owned(), None, format!("{why}, and so is its .bak"), remedy);
        Ok(None)
    }

    fn take(&mut self, name: &str, value: &Value) {
        fn ids(value: &Value) -> BTreeMap<i32, i64> {
            let pairs = value.as_object().into_iter().flatten();
            pairs.filter_map(|(id, offset)| Some((id.parse().ok()?, offset.as_i64()?))).collect()
        }
        match name {
            "topics.json" => {
                let topics = value["topicConfigTable"].as_object();
                self.topics = topics.map(|topics| topics.keys().cloned().collect());
            }
            "consumerOffset.json" => {
                let groups = value["offsetTable"].as_object().into_iter().flatten();
                self.consumed = groups.map(|(key, queues)| (key.clone(), ids(queues))).collect();
            }
            "delayOffset.json" => self.delivered = ids(&value["offsetTable"]),
            _ => {}
        }
    }

    /// Notes offsets that lie behind the end of their queue. `end_of`: where a queue ends.
    pub fn check_offsets(
        &self,
        config: &StoreConfig,
        end_of: impl Fn(&str, i32) -> Option<i64>,
        findings: &mut Findings,
    ) {
        let dir = config.root_dir.join("config");
        for (key, queues) in &self.consumed {
            let Some((topic, group)) = key.split_once('@') else { continue };
            for (&id, &offset) in queues {
                let end = end_of(topic, id).unwrap_or(0);
                if offset > end {
                    let what =
                        format!("group {group} is at {offset} of {topic}/{id}, which ends at {end}: it gets nothing");
                    let remedy = "set the group's offset back once the broker runs";
                    findings.add(Severity::Warning, dir.join("consumerOffset.json"), None, what, remedy);
                }
            }
        }
        for (&level, &offset) in &self.delivered {
            let end = end_of(SCHEDULE_TOPIC, level - 1).unwrap_or(0);
            if offset > end {
                let what = format!("delay level {level} is at {offset} of its queue, which ends at {end}");
                let remedy = "correct the number in this file while no broker runs";
                findings.add(Severity::Warning, dir.join("delayOffset.json"), None, what, remedy);
            }
        }
    }
}

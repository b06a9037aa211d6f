//! Settings by namespace and key that operators keep on the name server, such as the order of topics.
//!
//! Kept as `{"configTable":{namespace:{key:value}}}`. Source: `KVConfigManager` of Apache RocketMQ.

use crate::refused::{Refused, shown};
use base::durable;
use parking_lot::Mutex;
use protocol::{inspect::KvTable, registration::KvEntry};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};

/// Most bytes that all names and values together may have: a table of any namespace fits in one answer.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The settings and the file they are kept in.
pub(crate) struct Kv {
    path: PathBuf,
    table: Mutex<Table>,
    /// How many changes the file has. Held while it is written.
    written: tokio::sync::Mutex<u64>,
}

#[derive(Default)]
struct Table {
    stored: Stored,
    /// Length of all names and values.
    bytes: usize,
    /// Changes since the start.
    changes: u64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stored {
    config_table: BTreeMap<String, BTreeMap<String, String>>,
}

impl Stored {
    fn bytes(&self) -> usize {
        let of = |(key, value): (&String, &String)| key.len() + value.len();
        self.config_table.values().map(|table| table.iter().map(of).sum::<usize>()).sum()
    }
}

impl Kv {
    /// Reads the file, if there is one.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let stored: Stored = durable::read(&path, |text| Ok(serde_json::from_slice(text)?))?.unwrap_or_default();
        let table = Table { bytes: stored.bytes(), stored, changes: 0 };
        Ok(Self { path, table: Mutex::new(table), written: tokio::sync::Mutex::default() })
    }

    /// Sets a value. It counts at once; [`Kv::keep`] writes it down.
    pub(crate) fn put(&self, entry: KvEntry) -> Result<(), Refused> {
        let KvEntry { namespace, key, value } = entry;
        for (what, text) in [("the namespace", &namespace), ("the key", &key)] {
            if text.trim().is_empty() {
                return Err(Refused::Name { what, text: shown(text), why: "it is blank" });
            }
        }
        let value = value.unwrap_or_default();
        let mut table = self.table.lock();
        let old = table.stored.config_table.get(&namespace).and_then(|of| of.get(&key));
        let freed = old.map_or(0, |old| key.len() + old.len());
        let bytes = table.bytes - freed + key.len() + value.len();
        if namespace.len() + bytes > MAX_BYTES {
            return Err(Refused::Full { what: "bytes of KV settings", held: table.bytes, most: MAX_BYTES });
        }
        tracing::info!(namespace = ?shown(&namespace), key = ?shown(&key), value = ?shown(&value), "KV setting changed");
        table.stored.config_table.entry(namespace).or_default().insert(key, value);
        table.bytes = bytes;
        table.changes += 1;
        Ok(())
    }

    /// Takes a value away, if it is there.
    pub(crate) fn delete(&self, entry: &KvEntry) {
        let mut table = self.table.lock();
        let Some(of) = table.stored.config_table.get_mut(&entry.namespace) else { return };
        let Some(value) = of.remove(&entry.key) else { return };
        tracing::info!(namespace = ?entry.namespace, key = ?entry.key, "KV setting deleted");
        if of.is_empty() {
            table.stored.config_table.remove(&entry.namespace);
        }
        table.bytes -= entry.key.len() + value.len();
        table.changes += 1;
    }

    /// A value.
    pub(crate) fn get(&self, namespace: &str, key: &str) -> Option<String> {
        self.table.lock().stored.config_table.get(namespace)?.get(key).cloned()
    }

    /// All values of a namespace.
    pub(crate) fn namespace(&self, namespace: &str) -> Option<KvTable> {
        self.table.lock().stored.config_table.get(namespace).map(|table| KvTable { table: table.clone() })
    }

    /// Returns once every change so far is on disk. Those who wait at the same time share one write.
    pub(crate) async fn keep(self: Arc<Self>) -> Result<(), Refused> {
        let wanted = self.table.lock().changes;
        let mut written = self.written.lock().await;
        if *written >= wanted {
            return Ok(());
        }
        let kv = self.clone();
        let write = move || {
            let (changes, text) = {
                let table = kv.table.lock();
                (table.changes, serde_json::to_vec(&table.stored)?)
            };
            durable::write(&kv.path, &text).map(|()| changes)
        };
        match tokio::task::spawn_blocking(write).await.unwrap_or_else(|panicked| Err(panicked.into())) {
            Ok(changes) => *written = changes,
            Err(why) => {
                tracing::error!(path = %self.path.display(), %why, "the KV settings could not be written");
                return Err(Refused::Unwritten { path: self.path.clone(), why });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(namespace: &str, key: &str, value: &str) -> KvEntry {
        KvEntry { namespace: namespace.into(), key: key.into(), value: Some(value.into()) }
    }

    #[tokio::test]
    async fn settings_are_kept_as_apache_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("namesrv/kvConfig.json");
        let kv = Arc::new(Kv::open(path.clone()).unwrap());
        kv.put(entry("ORDER_TOPIC_CONFIG", "T", "broker-a:4")).unwrap();
        kv.put(entry("N", "k", "v")).unwrap();
        kv.delete(&entry("N", "k", ""));
        kv.clone().keep().await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, r#"{"configTable":{"ORDER_TOPIC_CONFIG":{"T":"broker-a:4"}}}"#);
        let again = Kv::open(path).unwrap();
        assert_eq!(again.get("ORDER_TOPIC_CONFIG", "T").as_deref(), Some("broker-a:4"));
        assert!(again.namespace("N").is_none());
    }

    #[test]
    fn an_unreadable_file_is_an_error_and_not_an_empty_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kv.json");
        std::fs::write(&path, "{\"configTable\":").unwrap();
        assert!(Kv::open(path).is_err());
    }

    #[test]
    fn blank_names_and_endless_values_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let kv = Kv::open(folder.path().join("kv.json")).unwrap();
        assert!(matches!(kv.put(entry(" ", "k", "v")), Err(Refused::Name { .. })));
        assert!(matches!(kv.put(entry("n", "", "v")), Err(Refused::Name { .. })));
        let mebibyte = "x".repeat(1 << 20);
        for key in ["a", "b", "c"] {
            kv.put(entry("n", key, &mebibyte)).unwrap();
        }
        assert!(matches!(kv.put(entry("n", "d", &mebibyte)), Err(Refused::Full { .. })));
        kv.put(entry("n", "a", "")).unwrap();
        kv.put(entry("n", "d", &mebibyte)).unwrap();
    }

    #[tokio::test]
    async fn a_change_that_cannot_be_written_is_reported_and_tried_again_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("folder");
        let kv = Arc::new(Kv::open(blocked.join("kv.json")).unwrap());
        std::fs::write(&blocked, "a file where a folder is wanted").unwrap();
        kv.put(entry("n", "k", "1")).unwrap();
        assert!(matches!(kv.clone().keep().await, Err(Refused::Unwritten { .. })));
        std::fs::remove_file(&blocked).unwrap();
        kv.clone().keep().await.unwrap();
        assert_eq!(Kv::open(blocked.join("kv.json")).unwrap().get("n", "k").as_deref(), Some("1"));
    }
}

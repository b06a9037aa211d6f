//! The topics this broker holds: found on every send, created on demand, kept in `config/topics.json`.
//!
//! Source: `TopicConfigManager` of Apache RocketMQ.

use crate::{refusal::Refusal, saved::Saved};
use base::{Clock, durable::DurableFile};
use parking_lot::RwLock;
use protocol::{
    code::response,
    topic::{self, DataVersion, TopicConfig, TopicTable, perm},
};
use std::{collections::HashMap, io, sync::Arc};

/// Queues of a group's dead-letter topic.
pub const DLQ_QUEUES: i32 = 1;
/// One queue for each of the eighteen delay levels that brokers have by default.
const SCHEDULE_QUEUES: i32 = 18;
const BENCHMARK_QUEUES: i32 = 1024;

/// What of the broker's settings decides about topics.
#[derive(Clone, Debug)]
pub struct TopicRules {
    /// `autoCreateTopicEnable`.
    pub auto_create: bool,
    /// `defaultTopicQueueNums`.
    pub default_queues: i32,
    /// `clusterTopicEnable` with `brokerClusterName`.
    pub cluster: (String, bool),
    /// `brokerTopicEnable` with `brokerName`.
    pub broker: (String, bool),
    /// `msgTraceTopicName`, if `traceTopicEnable`.
    pub trace_topic: Option<String>,
}

/// The table of topics. Reading takes a shared lock for the time of one look-up.
pub struct Topics {
    table: RwLock<Table>,
    /// Topics of this broker's own making, which clients may not delete.
    system: Vec<String>,
    file: Saved,
    clock: Clock,
}

#[derive(Default)]
struct Table {
    topics: HashMap<String, Arc<TopicConfig>>,
    version: DataVersion,
}

impl Topics {
    /// Reads the table from `file` and adds the topics every broker has.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn open(file: DurableFile, rules: &TopicRules, clock: Clock) -> io::Result<Self> {
        let file = Saved::from(file);
        let saved: TopicTable = file.read()?;
        let mut table = Table { version: saved.data_version, ..Table::default() };
        let own = own_topics(rules);
        let system = own.iter().map(|topic| topic.topic_name.clone()).collect();
        for topic in own {
            table.topics.insert(topic.topic_name.clone(), Arc::new(topic));
        }
        // What was saved counts: an operator may have changed a system topic.
        for (name, topic) in saved.topic_config_table {
            if name != topic::AUTO_CREATE_TOPIC || rules.auto_create {
                table.topics.insert(name, Arc::new(topic));
            }
        }
        if table.version.timestamp == 0 {
            table.version.timestamp = clock.now_ms();
        }
        Ok(Self { table: RwLock::new(table), system, file, clock })
    }

    /// The topic of that name.
    pub fn find(&self, name: &str) -> Option<Arc<TopicConfig>> {
        self.table.read().topics.get(name).cloned()
    }

    /// The topic of that name, or the refusal that says it is missing.
    ///
    /// # Errors
    /// `TOPIC_NOT_EXIST`.
    pub fn require(&self, name: &str) -> Result<Arc<TopicConfig>, Refusal> {
        self.find(name).ok_or_else(|| {
            Refusal::new(
                response::TOPIC_NOT_EXIST,
                format!("topic[{name}] not exist: create it first, with `rmq topic create {name}`"),
            )
        })
    }

    /// Creates `name` in the image of `template`, if that may be inherited.
    /// `None` if not; else the topic, and whether it is new.
    pub fn inherit(&self, name: &str, template: &str, queues: i32) -> Option<(Arc<TopicConfig>, bool)> {
        let mut table = self.table.write();
        if let Some(topic) = table.topics.get(name) {
            return Some((topic.clone(), false));
        }
        let image = table.topics.get(template).filter(|image| image.perm & perm::INHERIT != 0)?;
        let topic = TopicConfig {
            topic_filter_type: image.topic_filter_type.clone(),
            ..TopicConfig::new(name, queues.min(image.write_queue_nums).max(0), image.perm & !perm::INHERIT)
        };
        Some((self.insert(&mut table, topic), true))
    }

    /// Creates `name` with `queues` queues unless it is there. The topic, and whether it is new.
    pub fn ensure(&self, name: &str, queues: i32) -> (Arc<TopicConfig>, bool) {
        if let Some(topic) = self.find(name) {
            return (topic, false);
        }
        let mut table = self.table.write();
        match table.topics.get(name) {
            Some(topic) => (topic.clone(), false),
            None => (self.insert(&mut table, TopicConfig::new(name, queues, perm::READ | perm::WRITE)), true),
        }
    }

    /// Takes over the table of this slave's master. Returns the names of topics that are gone; `None` if it is the same.
    pub fn copy(&self, masters: TopicTable) -> Option<Vec<String>> {
        let mut table = self.table.write();
        if snapshot(&table) == masters {
            return None;
        }
        let gone =
            table.topics.keys().filter(|name| !masters.topic_config_table.contains_key(*name)).cloned().collect();
        table.topics = masters.topic_config_table.into_iter().map(|(name, topic)| (name, Arc::new(topic))).collect();
        table.version = masters.data_version;
        self.file.changed(&snapshot(&table));
        Some(gone)
    }

    /// Creates or changes a topic.
    pub fn put(&self, topic: TopicConfig) {
        self.insert(&mut self.table.write(), topic);
    }

    /// Deletes a topic. False if there is none.
    pub fn delete(&self, name: &str) -> bool {
        let mut table = self.table.write();
        let was_there = table.topics.remove(name).is_some();
        if was_there {
            self.changed(&mut table);
        }
        was_there
    }

    /// Whether this is a topic of the broker itself.
    pub fn is_system(&self, name: &str) -> bool {
        topic::is_system_topic(name) || self.system.iter().any(|own| own == name)
    }

    /// The names of the broker's own topics.
    pub fn system(&self) -> &[String] {
        &self.system
    }

    /// The whole table, as registered and as asked for by tools.
    pub fn snapshot(&self) -> TopicTable {
        snapshot(&self.table.read())
    }

    /// The table's version.
    pub fn version(&self) -> DataVersion {
        self.table.read().version.clone()
    }

    /// Writes the table to its file.
    ///
    /// # Errors
    /// If the file cannot be written; the old one is then still whole.
    pub fn save(&self) -> io::Result<()> {
        self.file.write(&self.snapshot())
    }

    /// Writes the table to its file if the last try to failed.
    ///
    /// # Errors
    /// As [`Topics::save`]; the next call tries again.
    pub fn save_again(&self) -> io::Result<()> {
        self.file.write_if_stale(|| self.snapshot())
    }

    fn insert(&self, table: &mut Table, topic: TopicConfig) -> Arc<TopicConfig> {
        tracing::info!(
            topic = topic.topic_name,
            queues = topic.write_queue_nums,
            perm = topic.perm,
            "topic created or changed"
        );
        let topic = Arc::new(topic);
        table.topics.insert(topic.topic_name.clone(), topic.clone());
        self.changed(table);
        topic
    }

    fn changed(&self, table: &mut Table) {
        table.version.next(self.clock.now_ms());
        self.file.changed(&snapshot(table));
    }
}

fn snapshot(table: &Table) -> TopicTable {
    TopicTable {
        data_version: table.version.clone(),
        topic_config_table: table.topics.iter().map(|(name, topic)| (name.clone(), (**topic).clone())).collect(),
    }
}

fn own_topics(rules: &TopicRules) -> Vec<TopicConfig> {
    const RW: i32 = perm::READ | perm::WRITE;
    let named = |(name, enabled): &(String, bool), queues| {
        TopicConfig::new(name, queues, perm::INHERIT | if *enabled { RW } else { 0 })
    };
    let mut own = vec![
        TopicConfig::new(topic::SELF_TEST_TOPIC, 1, RW),
        TopicConfig::new(topic::BENCHMARK_TOPIC, BENCHMARK_QUEUES, RW),
        named(&rules.cluster, 16),
        named(&rules.broker, 1),
        TopicConfig::new(topic::OFFSET_MOVED_EVENT, 1, RW),
        TopicConfig::new(topic::SCHEDULE_TOPIC, SCHEDULE_QUEUES, RW),
        TopicConfig::new(topic::TIMER_TOPIC, 1, RW),
        TopicConfig::new(&format!("{}_{}", rules.cluster.0, topic::REPLY_SUFFIX), 1, RW),
    ];
    if rules.auto_create {
        own.push(TopicConfig::new(topic::AUTO_CREATE_TOPIC, rules.default_queues, RW | perm::INHERIT));
    }
    own.extend(rules.trace_topic.as_ref().map(|name| TopicConfig::new(name, 1, RW)));
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(auto_create: bool) -> TopicRules {
        TopicRules {
            auto_create,
            default_queues: 8,
            cluster: ("DefaultCluster".into(), true),
            broker: ("broker-a".into(), true),
            trace_topic: None,
        }
    }

    fn open(dir: &tempfile::TempDir, auto_create: bool) -> Topics {
        Topics::open(dir.path().join("config/topics.json").into(), &rules(auto_create), Clock::manual(5)).unwrap()
    }

    #[test]
    fn a_topic_is_created_in_the_image_of_the_default_one_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let topics = open(&dir, true);
        let (topic, new) = topics.inherit("T", topic::AUTO_CREATE_TOPIC, 4).unwrap();
        assert_eq!((topic.write_queue_nums, topic.perm, new), (4, 6, true));
        assert!(!topics.inherit("T", topic::AUTO_CREATE_TOPIC, 9).unwrap().1);
        assert_eq!(topics.inherit("U", topic::AUTO_CREATE_TOPIC, 99).unwrap().0.write_queue_nums, 8);
        let version = topics.version();
        assert_eq!(version.counter, 2);
        let again = open(&dir, true);
        assert_eq!((again.find("T"), again.version()), (Some(topic), version));
    }

    #[test]
    fn without_automatic_creation_nothing_is_inherited() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(&dir, true));
        let topics = open(&dir, false);
        assert!(topics.inherit("T", topic::AUTO_CREATE_TOPIC, 4).is_none());
        assert_eq!(topics.require("T").unwrap_err().code, response::TOPIC_NOT_EXIST);
    }

    #[test]
    fn apaches_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config/topics.json");
        let apache = concat!(
            "{\n\t\"dataVersion\":{\n\t\t\"counter\":3,\n\t\t\"timestamp\":1795359330932\n\t},\n\t\"topicConfigTable\":{\n",
            "\t\t\"T\":{\n\t\t\t\"order\":false,\n\t\t\t\"perm\":6,\n\t\t\t\"readQueueNums\":3,\n",
            "\t\t\t\"topicFilterType\":\"SINGLE_TAG\",\n\t\t\t\"topicName\":\"T\",\n\t\t\t\"topicSysFlag\":0,\n",
            "\t\t\t\"writeQueueNums\":3\n\t\t}\n\t}\n}"
        );
        base::durable::write(&path, apache.as_bytes()).unwrap();
        let topics = open(&dir, true);
        assert_eq!(topics.find("T").unwrap().read_queue_nums, 3);
        assert_eq!(topics.version().counter, 3);
    }
}

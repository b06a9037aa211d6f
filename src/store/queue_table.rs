//! Which consume queues there are: topic and queue id → queue.

use crate::{
    StoreError,
    consume_queue::{ConsumeQueue, Queues},
};
use parking_lot::RwLock;
use std::{collections::HashMap, sync::Arc};

/// All consume queues of a store. Looking one up takes a shared lock and allocates nothing.
#[derive(Debug)]
pub(crate) struct QueueTable {
    pub queues: Arc<Queues>,
    /// The queues of a topic by ascending id.
    topics: RwLock<HashMap<Arc<str>, Vec<Arc<ConsumeQueue>>>>,
}

impl QueueTable {
    pub fn new(queues: Arc<Queues>) -> Self {
        Self { queues, topics: RwLock::default() }
    }

    /// The queue, if there is one.
    pub fn get(&self, topic: &str, id: i32) -> Option<Arc<ConsumeQueue>> {
        let topics = self.topics.read();
        let of_topic = topics.get(topic)?;
        // Ids are nearly always 0, 1, 2, …
        let guess = usize::try_from(id).ok().and_then(|index| of_topic.get(index)).filter(|queue| queue.id() == id);
        guess.or_else(|| Some(&of_topic[of_topic.binary_search_by_key(&id, |queue| queue.id()).ok()?])).cloned()
    }

    /// The queue, made empty if there is none.
    pub fn get_or_make(&self, topic: &str, id: i32) -> Arc<ConsumeQueue> {
        self.get(topic, id).unwrap_or_else(|| self.put(topic, id, 0, 0, 0))
    }

    /// Puts a queue whose files hold `min..end` in the table, in place of the one that is there.
    pub fn put(&self, topic: &str, id: i32, min: i64, end: i64, physical_end: i64) -> Arc<ConsumeQueue> {
        let mut topics = self.topics.write();
        let name = topics.get_key_value(topic).map_or_else(|| Arc::from(topic), |(name, _)| name.clone());
        let queue = ConsumeQueue::new(self.queues.clone(), name.clone(), id, min, end, physical_end);
        let of_topic = topics.entry(name).or_default();
        match of_topic.binary_search_by_key(&id, |queue| queue.id()) {
            Ok(index) => of_topic[index] = queue.clone(),
            Err(index) => of_topic.insert(index, queue.clone()),
        }
        queue
    }

    /// Whether the topic has a queue.
    pub fn has_topic(&self, topic: &str) -> bool {
        self.topics.read().contains_key(topic)
    }

    /// Names of all topics with a queue, sorted.
    pub fn topics(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.topics.read().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// The ends of each topic's queues together.
    pub fn ends(&self) -> HashMap<Arc<str>, u64> {
        let topics = self.topics.read();
        topics.iter().map(|(name, queues)| (name.clone(), queues.iter().map(|queue| queue.end().get()).sum())).collect()
    }

    /// Every queue.
    pub fn all(&self) -> Vec<Arc<ConsumeQueue>> {
        self.topics.read().values().flatten().cloned().collect()
    }

    /// How many queues there are.
    pub fn count(&self) -> usize {
        self.topics.read().values().map(Vec::len).sum()
    }

    /// Deletes a topic's queues with their files; returns whether there were any. Under the append lock only.
    pub fn delete_topic(&self, topic: &str) -> Result<bool, StoreError> {
        let Some(of_topic) = self.topics.write().remove(topic) else { return Ok(false) };
        for queue in of_topic {
            queue.delete()?;
        }
        let space = &self.queues.space;
        space.disk.remove_dirs(&space.dir.join(topic))?;
        Ok(true)
    }
}

impl Drop for QueueTable {
    fn drop(&mut self) {
        // The list of busy queues and the queues on it hold each other, and all files with them.
        self.queues.busy.lock().clear();
    }
}

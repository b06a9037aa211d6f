//! Positions: where a topic's queues begin and end, and how far a group has come in them.

use crate::{Admin, Error};
use client::Queue;
use futures_util::{StreamExt, stream};

/// Queues asked at the same time.
const AT_ONCE: usize = 32;

/// Where a queue begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueRange {
    /// Its first index.
    pub min: i64,
    /// The index its next message will have.
    pub max: i64,
}

/// How far a group has come in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupPosition {
    /// Where the queue begins and ends.
    pub range: QueueRange,
    /// The index the group will consume next; `None` if the broker knows none.
    pub committed: Option<i64>,
}

impl GroupPosition {
    /// Messages the group has still to consume; `None` if the broker knows no position.
    pub fn lag(&self) -> Option<i64> {
        self.committed.map(|committed| (self.range.max - committed).max(0))
    }
}

impl Admin {
    /// Where each readable queue of a topic begins and ends.
    ///
    /// # Errors
    /// [`client::Error::TopicNotFound`], or that of asking for the route. A queue that cannot be asked has its own.
    pub async fn ranges(&self, topic: &str) -> Result<Vec<(Queue, Result<QueueRange, Error>)>, Error> {
        self.each_queue(topic, |queue| async move { self.range(&queue).await }).await
    }

    /// How far a group has come in each readable queue of a topic.
    ///
    /// # Errors
    /// As [`Admin::ranges`].
    pub async fn group_positions(
        &self,
        group: &str,
        topic: &str,
    ) -> Result<Vec<(Queue, Result<GroupPosition, Error>)>, Error> {
        self.each_queue(topic, |queue| async move {
            let committed = self.client.committed(group, &queue).await?;
            Ok(GroupPosition { range: self.range(&queue).await?, committed })
        })
        .await
    }

    pub(crate) async fn range(&self, queue: &Queue) -> Result<QueueRange, Error> {
        // The beginning first: it only grows towards the end.
        Ok(QueueRange { min: self.client.min_offset(queue).await?, max: self.client.max_offset(queue).await? })
    }

    pub(crate) async fn each_queue<T, F: Future<Output = Result<T, Error>>>(
        &self,
        topic: &str,
        question: impl Fn(Queue) -> F,
    ) -> Result<Vec<(Queue, Result<T, Error>)>, Error> {
        let route = self.client.fresh_route(topic).await?;
        let asked = stream::iter(route.readable().to_vec()).map(|queue| {
            let answer = question(queue.clone());
            async move { (queue, answer.await) }
        });
        Ok(asked.buffered(AT_ONCE).collect().await)
    }
}

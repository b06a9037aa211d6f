//! Positions in queues: where one begins and ends, where it was at a time, and how far a group has come.
//!
//! All are asked of the queue's master. Source: `MQAdminImpl`, `RemoteBrokerOffsetStore` of Apache RocketMQ.

use crate::{
    client::{Client, malformed},
    error::Error,
    route::Queue,
};
use protocol::{
    Command,
    code::{request, response},
    pull::{OffsetAnswer, QueryOffset, QueueOf, SearchOffset, TimeAnswer, UpdateOffset},
};
use serde::{Serialize, de::DeserializeOwned};

impl Client {
    /// The first index of a queue.
    ///
    /// # Errors
    /// If the queue's master cannot be asked.
    pub async fn min_offset(&self, queue: &Queue) -> Result<i64, Error> {
        let answer: OffsetAnswer = self.ask_queue(queue, request::GET_MIN_OFFSET, &queue_of(queue)).await?;
        // -1: a queue that never held a message. It begins at 0.
        Ok(answer.offset.max(0))
    }

    /// The end of a queue: the index its next message will have.
    ///
    /// # Errors
    /// If the queue's master cannot be asked.
    pub async fn max_offset(&self, queue: &Queue) -> Result<i64, Error> {
        let answer: OffsetAnswer = self.ask_queue(queue, request::GET_MAX_OFFSET, &queue_of(queue)).await?;
        Ok(answer.offset)
    }

    /// The index of the first message of a queue that was stored at `time_ms` or after, else the queue's end.
    ///
    /// # Errors
    /// If the queue's master cannot be asked.
    pub async fn offset_at(&self, queue: &Queue, time_ms: i64) -> Result<i64, Error> {
        let header = SearchOffset { topic: queue.topic.to_string(), queue_id: queue.id, timestamp: time_ms };
        let answer: OffsetAnswer = self.ask_queue(queue, request::SEARCH_OFFSET_BY_TIMESTAMP, &header).await?;
        Ok(answer.offset)
    }

    /// When the first message of a queue was stored, ms; `None` if it has none.
    ///
    /// # Errors
    /// If the queue's master cannot be asked.
    pub async fn earliest_store_time(&self, queue: &Queue) -> Result<Option<i64>, Error> {
        let answer: TimeAnswer = self.ask_queue(queue, request::GET_EARLIEST_MSG_STORETIME, &queue_of(queue)).await?;
        Ok((answer.timestamp >= 0).then_some(answer.timestamp))
    }

    /// The index a group will consume next, as its queue's broker knows it; `None` if it knows none.
    ///
    /// # Errors
    /// If the queue's master cannot be asked.
    pub async fn committed(&self, group: &str, queue: &Queue) -> Result<Option<i64>, Error> {
        let header =
            QueryOffset { consumer_group: group.to_owned(), topic: queue.topic.to_string(), queue_id: queue.id };
        match self.ask_queue::<OffsetAnswer>(queue, request::QUERY_CONSUMER_OFFSET, &header).await {
            // Some clients commit -1 for queues they have not read.
            Ok(answer) => Ok((answer.offset >= 0).then_some(answer.offset)),
            Err(error) if error.refusal_code() == Some(response::QUERY_NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells a queue's broker the index a group will consume next.
    ///
    /// # Errors
    /// If the queue's master cannot be asked or refuses.
    pub async fn commit(&self, group: &str, queue: &Queue, offset: i64) -> Result<(), Error> {
        let header = UpdateOffset {
            consumer_group: group.to_owned(),
            topic: queue.topic.to_string(),
            queue_id: queue.id,
            commit_offset: offset,
        };
        let addr = self.master_addr(&queue.broker, &queue.topic).await?;
        self.ask(&addr, Command::request(request::UPDATE_CONSUMER_OFFSET).with_header(&header)).await.map(drop)
    }

    async fn ask_queue<A: DeserializeOwned>(
        &self,
        queue: &Queue,
        code: i32,
        header: &(impl Serialize + Sync),
    ) -> Result<A, Error> {
        let addr = self.master_addr(&queue.broker, &queue.topic).await?;
        let answer = self.ask(&addr, Command::request(code).with_header(header)).await?;
        answer.header().map_err(|error| malformed(&addr, code, error))
    }
}

fn queue_of(queue: &Queue) -> QueueOf {
    QueueOf { topic: queue.topic.to_string(), queue_id: queue.id }
}

//! Positions in queues: where one begins and ends, where it was at a time, and how far a group has come.
//!
//! All are asked of the queue's master. While it is away, a slave tells what any copy of a queue can tell; how far a group
//! has come is asked and told there only if the name servers know no master any more, so that no two brokers are told
//! different things. Source: `MQAdminImpl`, `RemoteBrokerOffsetStore` of Apache RocketMQ.

use crate::{
    client::{Client, malformed},
    error::Error,
    route::Queue,
    source::PATIENCE,
};
use protocol::{
    Command,
    code::{request, response},
    pull::{OffsetAnswer, QueryOffset, QueueOf, SearchOffset, TimeAnswer, UpdateOffset},
    route::{BrokerData, MASTER_ID},
};
use serde::{Serialize, de::DeserializeOwned};

impl Client {
    /// The first index of a queue.
    ///
    /// # Errors
    /// If neither the queue's master nor a slave can be asked.
    pub async fn min_offset(&self, queue: &Queue) -> Result<i64, Error> {
        let answer: OffsetAnswer = self.ask_queue(queue, request::GET_MIN_OFFSET, &queue_of(queue)).await?;
        // -1: a queue that never held a message. It begins at 0.
        Ok(answer.offset.max(0))
    }

    /// The end of a queue: the index its next message will have.
    ///
    /// # Errors
    /// If neither the queue's master nor a slave can be asked.
    pub async fn max_offset(&self, queue: &Queue) -> Result<i64, Error> {
        let answer: OffsetAnswer = self.ask_queue(queue, request::GET_MAX_OFFSET, &queue_of(queue)).await?;
        Ok(answer.offset)
    }

    /// The index of the first message of a queue that was stored at `time_ms` or after, else the queue's end.
    ///
    /// # Errors
    /// If neither the queue's master nor a slave can be asked.
    pub async fn offset_at(&self, queue: &Queue, time_ms: i64) -> Result<i64, Error> {
        let header = SearchOffset { topic: queue.topic.to_string(), queue_id: queue.id, timestamp: time_ms };
        let answer: OffsetAnswer = self.ask_queue(queue, request::SEARCH_OFFSET_BY_TIMESTAMP, &header).await?;
        Ok(answer.offset)
    }

    /// When the first message of a queue was stored, ms; `None` if it has none.
    ///
    /// # Errors
    /// If neither the queue's master nor a slave can be asked.
    pub async fn earliest_store_time(&self, queue: &Queue) -> Result<Option<i64>, Error> {
        let answer: TimeAnswer = self.ask_queue(queue, request::GET_EARLIEST_MSG_STORETIME, &queue_of(queue)).await?;
        Ok((answer.timestamp >= 0).then_some(answer.timestamp))
    }

    /// The index a group will consume next, as its queue's broker knows it; `None` if it knows none.
    ///
    /// # Errors
    /// If neither the queue's master nor a slave can be asked.
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
        self.commit_to(group, queue, offset).await.map(drop)
    }

    /// [`Client::commit`]; returns whether the master knows now, and not only a slave.
    pub(crate) async fn commit_to(&self, group: &str, queue: &Queue, offset: i64) -> Result<bool, Error> {
        let header = UpdateOffset {
            consumer_group: group.to_owned(),
            topic: queue.topic.to_string(),
            queue_id: queue.id,
            commit_offset: offset,
        };
        let request = Command::request(request::UPDATE_CONSUMER_OFFSET).with_header(&header);
        let (id, ..) = self.ask_master(queue, &request, false).await?;
        Ok(id == MASTER_ID)
    }

    async fn ask_queue<A: DeserializeOwned>(
        &self,
        queue: &Queue,
        code: i32,
        header: &(impl Serialize + Sync),
    ) -> Result<A, Error> {
        let request = Command::request(code).with_header(header);
        // What a group has done is not in every copy.
        let in_any_copy = code != request::QUERY_CONSUMER_OFFSET;
        let (_, addr, answer) = self.ask_master(queue, &request, in_any_copy).await?;
        answer.header().map_err(|error| malformed(&addr, code, error))
    }

    /// Asks the master of a queue; a slave, if the name servers know no master, and with `or_any` also if the master
    /// does not answer. Returns who answered.
    async fn ask_master(
        &self,
        queue: &Queue,
        request: &Command,
        or_any: bool,
    ) -> Result<(i64, String, Command), Error> {
        let Queue { topic, broker, .. } = queue;
        let (id, addr) = self.master_or_slave(broker, topic).await?;
        let mut timeout = self.config().request_timeout;
        if or_any && self.broker_ids(broker).len() > 1 {
            timeout = timeout.min(PATIENCE);
        }
        let failed = match self.ask_within(&addr, request.clone(), timeout).await {
            Err(error @ Error::Unreachable(_)) => error,
            answered => return Ok((id, addr, answered?)),
        };
        // Who is left?
        if let Err(error) = self.fresh_route(topic).await {
            tracing::debug!(%topic, %error, "keeps the known route");
        }
        let other = |data: &BrokerData| {
            let mut others = data.broker_addrs.iter().filter(|(_, other)| **other != addr);
            let master_known = data.master().is_some_and(|master| master == addr);
            let found = if master_known && !or_any { None } else { others.next() };
            found.map(|(id, addr)| (*id, addr.clone()))
        };
        let Some((id, addr)) = self.known_broker(broker, other) else { return Err(failed) };
        tracing::warn!(%queue, error = %failed, instead = addr, "asks another broker of the name");
        let answer = self.ask(&addr, request.clone()).await?;
        Ok((id, addr, answer))
    }
}

fn queue_of(queue: &Queue) -> QueueOf {
    QueueOf { topic: queue.topic.to_string(), queue_id: queue.id }
}

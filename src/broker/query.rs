//! Questions about queues and messages: bounds, times, offsets, one message by where it lies, many by key.
//!
//! Source: `AdminBrokerProcessor`, `ConsumerManageProcessor`, `QueryMessageProcessor` of Apache RocketMQ 4.9.8.

use crate::{broker::Broker, mirror, offsets::Place, refusal::Refusal};
use protocol::{
    Body, Command,
    code::response,
    pull::{
        OffsetAnswer, QueryMessage, QueryMessageAnswer, QueryOffset, QueueOf, SearchOffset, TimeAnswer, UpdateOffset,
        ViewMessage,
    },
};
use remoting::Peer;
use std::sync::Arc;
use store::ConsumeQueue;

type Answered = Result<Command, Refusal>;

fn queue(broker: &Broker, topic: &str, queue_id: i32) -> Option<Arc<ConsumeQueue>> {
    broker.store().queue(topic, queue_id)
}

fn offset(offset: i64) -> Command {
    Command::success().with_header(&OffsetAnswer { offset })
}

fn time(timestamp: i64) -> Command {
    Command::success().with_header(&TimeAnswer { timestamp })
}

/// The end of a queue (30); 0 if there is no such queue.
pub fn max_offset(broker: &Broker, request: &Command) -> Answered {
    let of: QueueOf = request.header()?;
    Ok(offset(queue(broker, &of.topic, of.queue_id).map_or(0, |queue| queue.max_offset())))
}

/// The first index of a queue (31); 0 if there is no such queue.
pub fn min_offset(broker: &Broker, request: &Command) -> Answered {
    let of: QueueOf = request.header()?;
    Ok(offset(queue(broker, &of.topic, of.queue_id).map_or(0, |queue| queue.min_offset())))
}

/// The index of the message stored at a time (29); 0 if there is no such queue.
pub fn offset_at_time(broker: &Broker, request: &Command) -> Answered {
    let of: SearchOffset = request.header()?;
    Ok(offset(queue(broker, &of.topic, of.queue_id).map_or(0, |queue| queue.offset_at_time(of.timestamp))))
}

/// The store time of a queue's first message (32); -1 if there is none.
pub fn earliest_time(broker: &Broker, request: &Command) -> Answered {
    let of: QueueOf = request.header()?;
    Ok(time(broker.store().earliest_time(&of.topic, of.queue_id).unwrap_or(-1)))
}

/// How far a group has consumed a queue (14). A group without an offset starts at 0 while the whole queue is there
/// and recent, and is told that there is none otherwise: clients then choose by their own settings.
pub fn consumer_offset(broker: &Broker, request: &Command) -> Answered {
    let of: QueryOffset = request.header()?;
    if let Some(known) = broker.offsets().get(&of.topic, &of.consumer_group, of.queue_id) {
        return Ok(offset(known));
    }
    let whole =
        queue(broker, &of.topic, of.queue_id).is_none_or(|queue| queue.min_offset() <= 0 && !is_cold(broker, &queue));
    if whole {
        return Ok(offset(0));
    }
    let remark = format!("group {} has no offset yet for queue {} of {}", of.consumer_group, of.queue_id, of.topic);
    Err(Refusal::new(response::QUERY_NOT_FOUND, remark))
}

/// Whether a queue's first message is so far back that it is likely no longer in memory.
pub fn is_cold(broker: &Broker, queue: &ConsumeQueue) -> bool {
    queue.get(queue.min_offset()).is_some_and(|first| broker.store().is_cold(first.physical_offset))
}

/// Stores how far a group has consumed a queue (15), if that is what the group means: see [`crate::offsets`].
pub fn update_consumer_offset(broker: &Broker, peer: &Peer, request: &Command) -> Answered {
    let of: UpdateOffset = request.header()?;
    if broker.topics().find(&of.topic).is_none() && !mirror::has_messages(broker, &of.topic) {
        // Kept in memory and on disk for ever, such entries would let anyone fill both.
        return Err(Refusal::new(response::TOPIC_NOT_EXIST, format!("topic[{}] not exist", of.topic)));
    }
    crate::groups::refuse_own(&of.consumer_group)?;
    let place = Place { topic: &of.topic, group: &of.consumer_group, queue_id: of.queue_id };
    let is_member = |id| broker.clients().is_member(&of.consumer_group, id);
    if let Err(why) = broker.offsets().report(place, of.commit_offset, peer.id(), is_member) {
        return Ok(Command::success().with_remark(why));
    }
    Ok(Command::success())
}

/// One message by its physical offset (33).
pub fn view_message(broker: &Broker, request: &Command) -> Answered {
    let of: ViewMessage = request.header()?;
    match broker.store().record_at(of.offset) {
        Some(record) => Ok(Command::success().with_body(record)),
        None => {
            let remark = format!("no message begins at offset {} of the commit log", of.offset);
            Err(Refusal::new(response::SYSTEM_ERROR, remark))
        }
    }
}

/// Messages by key (12).
pub fn query_message(broker: &Broker, request: &Command) -> Answered {
    let of: QueryMessage = request.header()?;
    let config = broker.config();
    // As Apache: the unique key has a limit of its own, whatever is asked for.
    let most =
        if of.unique_key { config.default_query_max_num as usize } else { usize::try_from(of.max_num).unwrap_or(0) };
    let found = broker
        .store()
        .find(&of.topic, &of.key, most, of.begin_timestamp, of.end_timestamp)
        .map_err(|error| Refusal::new(response::SYSTEM_ERROR, error.to_string()))?;
    let header = QueryMessageAnswer {
        index_last_update_timestamp: found.last_update_ms,
        index_last_update_phyoffset: found.last_update_offset,
    };
    if found.records.is_empty() {
        let remark = format!("no message of topic {} with key {} in that time", of.topic, of.key);
        return Ok(Command::refusal(response::QUERY_NOT_FOUND, remark).with_header(&header));
    }
    let mut body = Body::default();
    found.records.into_iter().for_each(|record| body.push(record));
    Ok(Command::success().with_header(&header).with_body(body))
}

//! Resetting a group to a time (222): its offsets are set here, and its readers told with their next pulls, which those that
//! wait get at once.
//!
//! Apache RocketMQ 4.9.8 sends its clients orders (220) instead, and refuses while none is connected; this is the way of
//! 5.x, which every client follows that obeys a corrected offset. Source: `AdminBrokerProcessor.resetOffset`.

use crate::{broker::Broker, groups, manage, offsets::Place, refusal::Refusal};
use protocol::{
    Command,
    code::response,
    lock::QueueName,
    offset_table::{self, OffsetTable},
    reset::ResetOffset,
};

/// Resets a group (222), all its queues of a topic or one; answers where each goes on.
pub fn reset(broker: &Broker, request: &Command) -> Result<Command, Refusal> {
    let asked: ResetOffset = request.header()?;
    let ResetOffset { topic, group, .. } = &asked;
    manage::refuse_on_slave(broker)?;
    groups::refuse_own(group)?;
    let queues = broker.topics().require(topic)?.read_queue_nums;
    if broker.groups().find(group).is_none() {
        let remark = format!("subscription group [{group}] does not exist");
        return Err(Refusal::new(response::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
    }
    if asked.queue_id >= queues {
        let remark = format!("topic {topic} has {queues} queues to read, queue {} is none of them", asked.queue_id);
        return Err(Refusal::new(response::SYSTEM_ERROR, remark));
    }
    let wanted = if asked.queue_id < 0 { 0..queues } else { asked.queue_id..asked.queue_id + 1 };
    let mut offsets = OffsetTable::new();
    let broker_name = broker.config().broker_name.clone();
    for queue_id in wanted {
        let place = Place { topic, group, queue_id };
        let to = target(broker, &asked, queue_id)?;
        let queue = QueueName { broker_name: broker_name.clone(), queue_id, topic: topic.clone() };
        match broker.offsets().get(topic, group, queue_id) {
            // Without force it only goes back.
            Some(now) if !asked.is_force && now <= to => _ = offsets.insert(queue, now),
            _ => {
                broker.offsets().reset(place, to);
                offsets.insert(queue, to);
            }
        }
    }
    Ok(Command::success().with_body(offset_table::write(&offsets)?.into_bytes()))
}

/// Where a queue is reset to: the given index, or that of the time.
fn target(broker: &Broker, asked: &ResetOffset, queue_id: i32) -> Result<i64, Refusal> {
    let Some(queue) = broker.store().queue(&asked.topic, queue_id) else { return Ok(0) };
    let (min, max) = (queue.min_offset(), queue.max_offset());
    match asked.offset.filter(|offset| asked.queue_id >= 0 && *offset != -1) {
        Some(offset) if (min..=max).contains(&offset) => Ok(offset),
        Some(offset) => {
            let remark = format!("offset {offset} is not within {min} and {max}, what queue {queue_id} has");
            Err(Refusal::new(response::SYSTEM_ERROR, remark))
        }
        None if asked.timestamp < 0 => Ok(max),
        None => Ok(queue.offset_at_time(asked.timestamp).clamp(min, max)),
    }
}

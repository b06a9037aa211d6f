//! Acknowledging popped messages, one or many, and changing for how long they are invisible.
//!
//! What is not in flight any more is not acknowledged, and whoever asks is told: it was acknowledged before, or its time
//! is over and it comes again. Source: `AckMessageProcessor`, `ChangeInvisibleTimeProcessor` of Apache RocketMQ 5.3.3,
//! which answer success then.

use super::{
    invalid,
    journal::{Checkpoint, Event, Key, Reading},
    once_safe, ordered, refuse_on_slave, unstored,
};
use crate::{broker::Broker, refusal::Refusal};
use protocol::{
    Command,
    code::response,
    pop::{
        AckMessage, BatchAck, ChangeInvisibleTime, ChangedInvisibleTime, MAX_INVISIBLE_MS, ORDER_REVIVE_QUEUE, PopAck,
        extra_info::{ExtraInfo, Origin},
    },
};
use remoting::{Answers, Receipt};
use std::sync::Arc;

/// Acknowledges a message (200051).
pub fn ack(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    let done = || {
        let AckMessage { consumer_group, topic, queue_id, extra_info, offset } = request.header()?;
        let (key, info) = popped(broker, consumer_group, topic, queue_id, &extra_info, offset)?;
        if info.revive_queue == ORDER_REVIVE_QUEUE {
            return ordered::ack(broker, &key.reading, key.pop_time, &[offset]);
        }
        match note(broker, key, &[offset])? {
            0 => Err(not_in_flight()),
            _ => Ok(()),
        }
    };
    match done() {
        Ok(()) => once_safe(broker, Receipt::of(request), Command::success(), answers),
        Err(refusal) => answers.now(Receipt::of(request), refusal.answer()),
    }
}

/// Acknowledges many messages (200151): all that are in flight. Whoever named others is told.
pub fn batch_ack(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    let done = || {
        refuse_on_slave(broker)?;
        let batch: BatchAck = request.json()?;
        // All are looked at before the first is noted.
        let acks = batch.acks.iter().map(|ack| of_batch(broker, ack)).collect::<Result<Vec<_>, _>>()?;
        let (mut asked, mut noted, mut why) = (0, 0, None);
        for (key, in_order, offsets) in acks {
            asked += offsets.len();
            let done = match in_order {
                true => ordered::ack(broker, &key.reading, key.pop_time, &offsets).map(|()| offsets.len()),
                false => note(broker, key, &offsets),
            };
            match done {
                Ok(count) => noted += count,
                Err(refusal) if refusal.code == response::SERVICE_NOT_AVAILABLE => return Err(refusal),
                Err(refusal) => why = Some(refusal),
            }
        }
        match asked - noted {
            0 if asked > 0 => Ok(()),
            0 => Err(Refusal::new(response::NO_MESSAGE, "the request names no message")),
            lost => {
                let why = why.unwrap_or_else(not_in_flight).remark;
                Err(Refusal::new(
                    response::NO_MESSAGE,
                    format!("{lost} of {asked} messages are not acknowledged: {why}"),
                ))
            }
        }
    };
    match done() {
        Ok(()) => once_safe(broker, Receipt::of(request), Command::success(), answers),
        Err(refusal) => answers.now(Receipt::of(request), refusal.answer()),
    }
}

/// Has a message be invisible for another time, from now on (200053); 0 brings it back at once.
pub fn change_invisible_time(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    match changed(broker, request) {
        Ok(told) => once_safe(broker, Receipt::of(request), Command::success().with_header(&told), answers),
        Err(refusal) => answers.now(Receipt::of(request), refusal.answer()),
    }
}

fn changed(broker: &Broker, request: &Command) -> Result<ChangedInvisibleTime, Refusal> {
    let ChangeInvisibleTime { consumer_group, topic, queue_id, extra_info, offset, invisible_time } =
        request.header()?;
    let (key, info) = popped(broker, consumer_group, topic, queue_id, &extra_info, offset)?;
    if !(0..=MAX_INVISIBLE_MS).contains(&invisible_time) {
        return Err(invalid(format!("invisibleTime {invisible_time} is not within 0 to {MAX_INVISIBLE_MS} ms")));
    }
    let now = broker.clock().now_ms();
    if info.revive_queue == ORDER_REVIVE_QUEUE {
        let visible_at = now.saturating_add(invisible_time);
        ordered::change_visible_at(broker, &key.reading, key.pop_time, offset, visible_at)?;
        return Ok(ChangedInvisibleTime {
            pop_time: key.pop_time,
            invisible_time: visible_at - key.pop_time,
            revive_qid: ORDER_REVIVE_QUEUE,
        });
    }
    let pops = broker.pops();
    let mut table = pops.table.lock();
    let checkpoint = table.checkpoint(&key).ok_or_else(not_in_flight)?;
    let message = *checkpoint.messages.iter().find(|message| message.0 == offset).ok_or_else(not_in_flight)?;
    // Under a name of its own, as clients build it from the answer.
    let mut named = Key { start_offset: offset, pop_time: now, ..key.clone() };
    while table.checkpoint(&named).is_some() {
        named.pop_time += 1;
    }
    let pop_time = named.pop_time;
    let into = Checkpoint { key: named, revive_at: pop_time.saturating_add(invisible_time), messages: vec![message] };
    pops.note(broker, &mut table, None, Event::Changed { key, into }).map_err(|error| unstored(&error))?;
    Ok(ChangedInvisibleTime { pop_time, invisible_time, revive_qid: 0 })
}

/// Notes that messages of a pop are done with; returns how many of them were in flight.
fn note(broker: &Broker, key: Key, offsets: &[i64]) -> Result<usize, Refusal> {
    let pops = broker.pops();
    let mut table = pops.table.lock();
    let Some(checkpoint) = table.checkpoint(&key) else { return Ok(0) };
    let left = checkpoint.messages.iter().map(|message| message.0);
    let offsets: Vec<i64> = left.filter(|left| offsets.contains(left)).collect();
    if offsets.is_empty() {
        return Ok(0);
    }
    let count = offsets.len();
    pops.note(broker, &mut table, None, Event::Done { key, offsets }).map_err(|error| unstored(&error))?;
    Ok(count)
}

fn not_in_flight() -> Refusal {
    let remark =
        "the message is not in flight: it was acknowledged before, or its invisible time is over and it comes again";
    Refusal::new(response::NO_MESSAGE, remark)
}

/// The pop that a request speaks of.
fn popped(
    broker: &Broker,
    group: String,
    topic: String,
    queue_id: i32,
    extra_info: &str,
    offset: i64,
) -> Result<(Key, ExtraInfo), Refusal> {
    refuse_on_slave(broker)?;
    let info: ExtraInfo = extra_info.parse().map_err(|error| invalid(format!("extraInfo: {error}")))?;
    if info.queue_id != queue_id || info.offset.is_some_and(|named| named != offset) {
        return Err(invalid(format!("extraInfo {extra_info:?} is not of queue {queue_id} and offset {offset}")));
    }
    let config = broker.config();
    if info.broker_name != config.broker_name {
        let (other, me) = (&info.broker_name, &config.broker_name);
        return Err(invalid(format!("the message was popped from broker {other}, this is {me}")));
    }
    let reading = Reading { group, topic, queue_id };
    check(broker, &reading, [offset].into_iter())?;
    Ok((Key { reading, start_offset: info.start_offset, pop_time: info.pop_time }, info))
}

fn of_batch(broker: &Broker, ack: &PopAck) -> Result<(Key, bool, Vec<i64>), Refusal> {
    let origin =
        Origin::from_mark(&ack.retry).ok_or_else(|| invalid(format!("the retry mark {:?} is none", ack.retry)))?;
    let topic = origin.topic(&ack.topic, &ack.group);
    let reading = Reading { group: ack.group.clone(), topic, queue_id: ack.queue_id };
    let offsets: Vec<i64> =
        ack.distances.iter().map(|distance| ack.start_offset.saturating_add(distance as i64)).collect();
    check(broker, &reading, offsets.iter().copied())?;
    let key = Key { reading, start_offset: ack.start_offset, pop_time: ack.pop_time };
    Ok((key, ack.revive_queue_id == ORDER_REVIVE_QUEUE, offsets))
}

/// Refuses a topic, queue or offset that is not there.
fn check(broker: &Broker, reading: &Reading, mut offsets: impl Iterator<Item = i64>) -> Result<(), Refusal> {
    let Reading { topic, queue_id, .. } = reading;
    let queues = broker.topics().require(topic)?.read_queue_nums;
    if !(0..queues).contains(queue_id) {
        return Err(Refusal::illegal(format!(
            "queue id {queue_id} is illegal: topic {topic} has {queues} queues to read"
        )));
    }
    let end = broker.store().queue(topic, *queue_id).map_or(0, |queue| queue.max_offset());
    match offsets.find(|offset| !(0..end).contains(offset)) {
        Some(offset) => {
            let remark = format!("offset {offset} is illegal: queue {queue_id} of {topic} ends at {end}");
            Err(Refusal::new(response::NO_MESSAGE, remark))
        }
        None => Ok(()),
    }
}

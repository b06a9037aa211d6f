//! Half messages: how they are parked, and how they come out again.

use crate::{broker::Broker, parked::Parking, parked::Released, refusal::Refusal};
use protocol::{
    properties,
    record::{NewRecord, Record, SysFlag},
    send::SendHeader,
    topic::HALF_TOPIC,
};

/// The queue of half messages: all are in one.
pub const QUEUE: i32 = 0;

/// Parks the half message that `header` announces, which belongs to `belongs` (topic and queue).
///
/// # Errors
/// If it may not be sent here, or is one that cannot be half.
pub fn park(
    broker: &Broker,
    header: &SendHeader<'_>,
    belongs: (&str, i32),
    stored: &str,
    delayed: bool,
) -> Result<Parking, Refusal> {
    let config = broker.config();
    if config.reject_transaction_message {
        let remark = format!(
            "the broker[{}] sending transaction message is forbidden: rejectTransactionMessage is true",
            config.broker_ip1
        );
        return Err(Refusal::forbidden(remark));
    }
    if header.batch {
        return Err(Refusal::illegal("a batch cannot be sent in a transaction"));
    }
    if delayed {
        return Err(Refusal::illegal("a message that is sent in a transaction cannot have a delay as well"));
    }
    let mut parking = Parking::new(HALF_TOPIC, QUEUE, belongs, stored);
    if properties::get(stored, properties::PRODUCER_GROUP).is_none() {
        // Who may end the transaction, and is asked about it.
        properties::push(&mut parking.properties, properties::PRODUCER_GROUP, header.producer_group);
    }
    Ok(parking)
}

/// A half message on its way to its topic, without what made it half. `None` if it does not say where it belongs.
pub fn released(half: Record) -> Option<Released> {
    let mut released = Released::of(half)?;
    for name in [properties::TRANSACTION_PREPARED, properties::REAL_TOPIC, properties::REAL_QUEUE_ID] {
        released.properties = properties::without(&released.properties, name);
    }
    Some(released)
}

/// What is stored when its transaction is committed.
pub fn committed(released: &Released) -> NewRecord<'_> {
    NewRecord {
        sys_flag: released.parked.sys_flag.with_transaction(SysFlag::TRANSACTION_COMMIT),
        prepared_transaction_offset: released.parked.physical_offset,
        ..released.record()
    }
}

/// What is stored in place of a half message: the same with other properties, in the topic `topic`. Unlike Apache
/// RocketMQ's, the record names its predecessor, so that a start after a crash knows that it is one message.
pub fn successor<'a>(half: &'a Record, topic: &'a str, properties: &'a str) -> NewRecord<'a> {
    NewRecord {
        topic,
        queue_id: QUEUE,
        properties,
        prepared_transaction_offset: half.physical_offset,
        ..half.renewed()
    }
}

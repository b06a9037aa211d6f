//! A message that failed, sent anew to its group's retry topic: where its own broker does not take it back, and where an
//! ordered group gives it up. The broker that takes it makes it a dead letter once it has come often enough.
//!
//! Source: `DefaultMQPushConsumerImpl.sendMessageBack`, `ConsumeMessageOrderlyService.sendMessageBack` of Apache RocketMQ.

use crate::{
    error::Error,
    member::Member,
    message::{Message, Received},
    producer::{Producer, ProducerOptions},
};
use protocol::{
    properties::{
        DELAY_LEVEL, MAX_RECONSUME_TIMES, ORIGIN_MESSAGE_ID, RECONSUME_TIME, RETRY_TOPIC, TRANSACTION_PREPARED,
    },
    record::SysFlag,
    topic::retry_topic,
};

/// The group in whose name clients send for themselves. Source: `MixAll.CLIENT_INNER_PRODUCER_GROUP`.
const GROUP: &str = "CLIENT_INNER_PRODUCER";
/// The delay level of a first retry: 10 s, as the broker itself would choose.
const FIRST_LEVEL: i32 = 3;

/// Sends it as a message that has come `times` times.
pub(crate) async fn to_retry_topic(member: &Member, message: &Received, times: i32) -> Result<(), Error> {
    if message.sys_flag.has(SysFlag::COMPRESSED) {
        // As a new message it would no longer say how its body can be read.
        let why = "its body is compressed in a way this client cannot unfold".to_owned();
        return Err(Error::NotResent { id: message.message_id(), why });
    }
    let mut again = Message::new(retry_topic(&member.group), message.body.clone());
    again.flag = message.flag;
    again.properties = message.properties.clone();
    again.properties.remove(TRANSACTION_PREPARED);
    if again.properties.get(ORIGIN_MESSAGE_ID).is_none_or(|id| id.trim().is_empty()) {
        again.properties.put(ORIGIN_MESSAGE_ID, &message.message_id());
    }
    again.properties.put(RETRY_TOPIC, &message.topic);
    again.properties.put(RECONSUME_TIME, &times.to_string());
    again.properties.put(MAX_RECONSUME_TIMES, &member.max_reconsume_times().to_string());
    again.properties.put(DELAY_LEVEL, &(FIRST_LEVEL.saturating_add(message.reconsume_times)).to_string());
    let resender = {
        let mut resender = member.resender.lock();
        match &*resender {
            Some(resender) => resender.clone(),
            None => resender.insert(Producer::on(&member.client, GROUP, ProducerOptions::default())?).clone(),
        }
    };
    resender.send(again).await.map(drop)
}

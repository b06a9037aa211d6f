//! Messages that a consumer could not handle, sent back to be delivered to its group again later (36); after too many
//! tries they become dead letters.
//!
//! A consumer that cannot reach the broker of the message sends it to the retry topic itself: see `send.rs`.
//! Source: `SendMessageProcessor.asyncConsumerSendMsgBack` of Apache RocketMQ 4.9.8.

use crate::{broker::Broker, refusal::Refusal, safety, send, topics::DLQ_QUEUES};
use protocol::{
    Command,
    code::response,
    properties,
    record::{self, Entry, MessageId, NewRecord, Record},
    send::SendBack,
    topic::{self, TopicConfig, perm},
};
use remoting::{Answers, Receipt};
use std::sync::Arc;

/// The delay level of a first retry, where the consumer leaves it to the broker; each further one is a level longer.
const FIRST_LEVEL: i32 = 3;

/// Takes a message back, and answers once its copy is as safe as that of a send.
pub fn send_back(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    match take(broker, request) {
        Ok(Some(end)) if safety::is_asked_for(broker) => {
            let broker = broker.clone();
            answers.later(receipt, async move {
                Some(safety::reached(&broker, end).await.answer(&broker, Command::success()))
            });
        }
        Ok(_) => answers.now(receipt, Command::success()),
        Err(refusal) => {
            tracing::warn!(code = refusal.code, why = refusal.remark, "a message sent back is not taken");
            answers.now(receipt, refusal.answer());
        }
    }
}

/// Stores the copy; the end of its record, or `None` if the group wants no retries.
fn take(broker: &Broker, request: &Command) -> Result<Option<u64>, Refusal> {
    let asked: SendBack = request.header()?;
    let group = broker.groups().require(&asked.group)?;
    let config = broker.config();
    if config.broker_permission & perm::WRITE as u32 == 0 {
        return Err(Refusal::forbidden(format!("broker {} takes no messages now", config.broker_name)));
    }
    if group.retry_queue_nums <= 0 {
        return Ok(None);
    }
    let retry = writable(broker, &topic::retry_topic(&asked.group), group.retry_queue_nums)?;
    let message = look_up(broker, asked.offset)?;
    let tries = message.reconsume_times;
    let most = asked.max_reconsume_times.unwrap_or(group.retry_max_times);
    let text = kept_properties(&message);
    let record = NewRecord {
        reconsume_times: tries.saturating_add(1),
        prepared_transaction_offset: 0,
        store_host: broker.store_host(),
        ..message.renewed()
    };
    let (mut batch, mut placed) = (broker.store().batch(), Vec::with_capacity(1));
    let pushed = if tries >= most || asked.delay_level < 0 {
        let dead = writable(broker, &topic::dlq_topic(&asked.group), DLQ_QUEUES)?;
        tracing::info!(group = asked.group, tries, topic = message.topic, "a message became a dead letter");
        batch.push(&NewRecord { topic: &dead.topic_name, queue_id: 0, properties: &text, ..record })
    } else {
        let level = if asked.delay_level == 0 { FIRST_LEVEL.saturating_add(tries) } else { asked.delay_level };
        // Spread over the group's queues by where the message lay.
        let queue_id = (message.physical_offset % i64::from(retry.write_queue_nums.max(1))) as i32;
        let parking = broker.delays().parking(level, (&retry.topic_name, queue_id), &text);
        let (topic, queue_id, properties) = (parking.topic, parking.queue_id, &*parking.properties);
        batch.push(&NewRecord { topic, queue_id, properties, ..record })
    };
    pushed.and_then(|_| broker.store().append(&mut batch, &mut placed)).map_err(|error| send::refusal_of(&error))?;
    let topic = properties::get(&text, properties::RETRY_TOPIC).unwrap_or(&message.topic);
    broker.counts().sent_back(topic, &asked.group, broker.clock().now_ms());
    Ok(placed.last().map(store::Placed::end))
}

/// A topic for what is sent back, made if there is none.
fn writable(broker: &Broker, name: &str, queues: i32) -> Result<Arc<TopicConfig>, Refusal> {
    topic::check_topic(name)?;
    let (found, new) = broker.topics().ensure(name, queues);
    if new {
        broker.announcer().soon();
    }
    if found.perm & perm::WRITE == 0 {
        return Err(Refusal::forbidden(format!("topic {name} may not be written")));
    }
    Ok(found)
}

fn look_up(broker: &Broker, offset: i64) -> Result<Record, Refusal> {
    let found = broker.store().record_at(offset).map(|bytes| record::decode(&bytes, false));
    match found {
        Some(Ok(Entry::Message(message))) => Ok(message),
        _ => {
            let remark = format!("no message begins at offset {offset} of the commit log, or it cannot be read");
            Err(Refusal::new(response::SYSTEM_ERROR, remark))
        }
    }
}

/// The message's properties with where it first came from, and without what an earlier wait left there.
fn kept_properties(message: &Record) -> String {
    const LEFT_OVER: [&str; 5] = [
        properties::DELAY_LEVEL,
        properties::REAL_TOPIC,
        properties::REAL_QUEUE_ID,
        properties::WAIT_STORE_MSG_OK,
        properties::CRC32,
    ];
    let mut text = String::with_capacity(message.properties.len() + 96);
    for (name, value) in properties::pairs(&message.properties).filter(|(name, _)| !LEFT_OVER.contains(name)) {
        properties::push(&mut text, name, value);
    }
    if properties::get(&text, properties::RETRY_TOPIC).is_none() {
        properties::push(&mut text, properties::RETRY_TOPIC, &message.topic);
    }
    if properties::get(&text, properties::ORIGIN_MESSAGE_ID).is_none_or(|id| id.trim().is_empty()) {
        let id = MessageId { host: message.store_host, physical_offset: message.physical_offset }.to_string();
        text = properties::with(&text, properties::ORIGIN_MESSAGE_ID, &id);
    }
    text
}

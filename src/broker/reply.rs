//! Replies: passed on to the client that waits for one, and stored as well if the settings say so.
//!
//! Source: `ReplyMessageProcessor` of Apache RocketMQ 4.9.8.

use crate::{broker::Broker, refusal::Refusal, send};
use base::Fields;
use protocol::{
    Command, Language,
    code::{request, response},
    properties,
    record::{MessageId, NewRecord, SysFlag},
    reply::PushReply,
    send::SendHeader,
    topic::{self, perm},
};
use remoting::{Answers, Peer, Receipt};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// How long the client that waits may take to accept its reply.
const PUSH_WITHIN: Duration = Duration::from_secs(10);

/// A reply (324, 325). Answered once the client that waits has it, or could not be given it.
pub fn reply(broker: &Arc<Broker>, peer: &Peer, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    let reply = match Reply::read(broker, peer, request) {
        Ok(reply) => reply,
        Err(refusal) => return answers.now(receipt, send::with_region(broker, refusal.answer())),
    };
    let broker = broker.clone();
    answers.later(receipt, async move {
        let pushed = reply.push(&broker).await;
        if let Err(refusal) = &pushed {
            tracing::warn!(from = %reply.from, why = refusal.remark, "a reply did not reach who waits for it");
        }
        let (id, queue_offset) = reply.store(&broker).unwrap_or_else(|| ("0".to_owned(), 0));
        let answer = pushed.map_or_else(Refusal::answer, |()| Command::success());
        let mut fields = Fields::with_capacity(5, 128);
        fields.push("msgId", &id);
        fields.push("queueId", itoa::Buffer::new().format(reply.header.queue_id));
        fields.push("queueOffset", itoa::Buffer::new().format(queue_offset));
        Some(send::with_region(&broker, Command { fields, ..answer }))
    });
}

/// A reply that may be passed on.
struct Reply {
    header: PushReply,
    body: bytes::Bytes,
    from: SocketAddr,
}

impl Reply {
    fn read(broker: &Broker, peer: &Peer, request: &Command) -> Result<Self, Refusal> {
        let header = SendHeader::read(&request.fields)?;
        let topic = broker.topics().require(header.topic)?;
        if topic.perm & perm::WRITE == 0 || topic::is_closed_to_clients(header.topic) {
            return Err(Refusal::forbidden(format!("topic {} may not be written", header.topic)));
        }
        let queues = topic.write_queue_nums.max(topic.read_queue_nums);
        if header.queue_id >= queues {
            let remark = format!("queue id {} is illegal: topic {} has {queues} queues", header.queue_id, header.topic);
            return Err(Refusal::new(response::SYSTEM_ERROR, remark));
        }
        let body = request.body.to_bytes();
        let max = broker.config().max_message_size as usize;
        if body.len() > max {
            return Err(Refusal::illegal(format!("a body of {} bytes, maxMessageSize is {max}", body.len())));
        }
        let from = send::unmapped(peer.remote());
        let header = PushReply {
            producer_group: header.producer_group.to_owned(),
            topic: header.topic.to_owned(),
            default_topic: header.default_topic.to_owned(),
            default_topic_queue_nums: header.default_topic_queue_nums,
            // Any will do: a reply's topic has one.
            queue_id: header.queue_id.max(0),
            sys_flag: header.sys_flag,
            born_timestamp: header.born_ms,
            flag: header.flag,
            properties: Some(header.properties.to_owned()),
            reconsume_times: Some(header.reconsume_times),
            unit_mode: header.unit_mode,
            born_host: from.to_string(),
            store_host: broker.store_host().to_string(),
            store_timestamp: broker.clock().now_ms(),
        };
        Ok(Self { header, body, from })
    }

    fn properties(&self) -> &str {
        self.header.properties.as_deref().unwrap_or_default()
    }

    /// Hands the reply to the client it names.
    async fn push(&self, broker: &Broker) -> Result<(), Refusal> {
        let failed = |remark: String| Err(Refusal::new(response::SYSTEM_ERROR, remark));
        let Some(client) = properties::get(self.properties(), properties::REPLY_TO_CLIENT) else {
            return failed(format!("reply message properties[{}] is null", properties::REPLY_TO_CLIENT));
        };
        let Some(waiting) = broker.clients().peer_of(client) else {
            return failed(format!("push reply message fail, channel of <{client}> not found."));
        };
        let now = self.header.store_timestamp.to_string();
        let header = PushReply {
            properties: Some(properties::with(self.properties(), properties::PUSH_REPLY_TIME, &now)),
            ..self.header.clone()
        };
        let push = Command { language: Language::JAVA, ..Command::request(request::PUSH_REPLY_MESSAGE_TO_CLIENT) };
        let pushed = waiting.call(push.with_header(&header).with_body(self.body.clone()), PUSH_WITHIN).await;
        let why = match pushed {
            Ok(answer) if answer.code == response::SUCCESS => return Ok(()),
            Ok(answer) => answer.remark.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        failed(format!("push reply message to {client} fail: {why}"))
    }

    /// Stores the reply, if that is to be: its id and index.
    fn store(&self, broker: &Broker) -> Option<(String, i64)> {
        // A slave passes on what it can, but stores nothing of its own.
        if !broker.config().store_reply_message_enable || broker.follower().is_some() {
            return None;
        }
        let stored = broker.put(&NewRecord {
            topic: &self.header.topic,
            queue_id: self.header.queue_id,
            flag: self.header.flag,
            sys_flag: SysFlag(self.header.sys_flag).with_transaction(0),
            born_ms: self.header.born_timestamp,
            born_host: self.from,
            store_host: broker.store_host(),
            reconsume_times: self.header.reconsume_times.unwrap_or(0),
            prepared_transaction_offset: 0,
            body: &self.body,
            properties: self.properties(),
        });
        match stored {
            Ok(placed) => {
                let id = MessageId { host: broker.store_host(), physical_offset: placed.physical_offset };
                Some((id.to_string(), placed.queue_offset))
            }
            // It matters to nobody who waits.
            Err(error) => {
                tracing::warn!(%error, "a reply was not stored");
                None
            }
        }
    }
}

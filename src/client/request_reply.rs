//! Requests: messages whose sender waits for a reply.
//!
//! The reply goes through the broker that holds the request, straight to the client that waits.
//! Source: `DefaultMQProducer.request`, `MessageUtil.createReplyMessage`, `ClientRemotingProcessor.receiveReplyMessage` of
//! Apache RocketMQ.

use crate::{
    error::Error,
    message::{Message, Received},
    producer::Producer,
    route::Queue,
    sending::SendResult,
    unique_id,
};
use base::Clock;
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{
    Command,
    code::response,
    properties::{self, CLUSTER, CORRELATION_ID, MESSAGE_TYPE, REPLY_TO_CLIENT, TTL},
    record::{Record, SysFlag},
    reply::{PushReply, REPLY},
    topic::REPLY_SUFFIX,
};
use std::{
    collections::{HashMap, HashSet},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

impl Producer {
    /// Sends a message and waits for the reply to it, at most `timeout` in all.
    ///
    /// # Errors
    /// Those of [`Producer::send`]; [`Error::NoReply`].
    pub async fn request(&self, mut message: Message, timeout: Duration) -> Result<Received, Error> {
        let deadline = Instant::now() + timeout;
        let topic = message.topic.clone();
        let id = unique_id::next(Clock::System.now_ms());
        message.properties.set(CORRELATION_ID, &id)?;
        message.properties.set(REPLY_TO_CLIENT, self.client().id())?;
        message.properties.set(TTL, &timeout.as_millis().to_string())?;
        let replies = &self.client().shared().incoming.replies;
        let (_waits, reply) = replies.wait_for(&id);
        let exchange = async {
            if replies.is_new(&topic) {
                // The broker finds this client by its heartbeat.
                self.queues(&topic).await?;
                self.client().heartbeat().await;
                replies.known(&topic);
            }
            self.send(message).await?;
            reply.await.map_err(|_| Error::ShutDown)
        };
        match tokio::time::timeout_at(deadline, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::NoReply { topic: topic.to_string(), after: timeout }),
        }
    }

    /// Replies to a message that was sent by [`Producer::request`], or by another client's like it.
    ///
    /// # Errors
    /// [`Error::NoRequest`]; those of [`Producer::send_to`]: a broker refuses a reply that nobody waits for any more.
    pub async fn reply(&self, to: &Received, body: impl Into<Bytes>) -> Result<SendResult, Error> {
        let said = |name: &'static str| to.properties.get(name).ok_or(Error::NoRequest(name));
        let topic = format!("{}_{REPLY_SUFFIX}", said(CLUSTER)?);
        let mut reply = Message::new(topic.as_str(), body);
        for name in [CORRELATION_ID, REPLY_TO_CLIENT] {
            reply.properties.set(name, said(name)?)?;
        }
        if let Some(ttl) = to.properties.get(TTL) {
            reply.properties.set(TTL, ttl)?;
        }
        reply.properties.set(MESSAGE_TYPE, REPLY)?;
        // Through the request's broker, which surely knows who waits.
        self.send_to(&Queue { topic: topic.into(), broker: to.queue.broker.clone(), id: 0 }, reply).await
    }
}

/// Who waits for a reply.
#[derive(Default)]
pub(crate) struct Replies {
    /// By the id that request and reply share.
    waiting: Mutex<HashMap<String, oneshot::Sender<Received>>>,
    /// Topics whose brokers have heard of this client.
    heard: Mutex<HashSet<String>>,
}

/// Waits no more when dropped.
struct Waits<'a> {
    replies: &'a Replies,
    id: String,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.replies.waiting.lock().remove(&self.id);
    }
}

impl Replies {
    fn wait_for(&self, id: &str) -> (Waits<'_>, oneshot::Receiver<Received>) {
        let (sender, reply) = oneshot::channel();
        self.waiting.lock().insert(id.to_owned(), sender);
        (Waits { replies: self, id: id.to_owned() }, reply)
    }

    fn is_new(&self, topic: &str) -> bool {
        !self.heard.lock().contains(topic)
    }

    fn known(&self, topic: &str) {
        self.heard.lock().insert(topic.to_owned());
    }

    /// A broker brings a reply.
    pub(crate) fn replied(&self, request: &Command) -> Command {
        let header: PushReply = match request.header() {
            Ok(header) => header,
            Err(error) => return Command::refusal(response::SYSTEM_ERROR, error.to_string()),
        };
        let text = header.properties.unwrap_or_default();
        let waiting = properties::get(&text, CORRELATION_ID).and_then(|id| self.waiting.lock().remove(id));
        let Some(waiting) = waiting else {
            tracing::debug!(topic = header.topic, "a reply that nobody waits for any more");
            return Command::success();
        };
        // A host that is none is of no use to anybody.
        let host = |text: &str| text.parse().unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        let store_host = host(&header.store_host);
        let record = Record {
            size: 0,
            body_crc: 0,
            queue_id: header.queue_id,
            flag: header.flag,
            queue_offset: 0,
            physical_offset: 0,
            sys_flag: SysFlag(header.sys_flag),
            born_ms: header.born_timestamp,
            born_host: host(&header.born_host),
            store_ms: header.store_timestamp,
            store_host,
            reconsume_times: header.reconsume_times.unwrap_or(0),
            prepared_transaction_offset: 0,
            body: request.body.to_bytes(),
            topic: header.topic,
            properties: text,
        };
        // Whoever waited may have stopped just now.
        let _ = waiting.send(Received::from_record(record, &header.store_host.into()));
        Command::success()
    }
}

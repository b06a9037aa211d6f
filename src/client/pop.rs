//! Popping: brokers hand messages out for a time, and take back those that are not acknowledged in it.
//!
//! No queues are shared out and no offsets kept here: members of a group just pop. Source: `MQClientAPIImpl.popMessageAsync`
//! and `processPopResponse` of Apache RocketMQ 5.3.3.

use crate::{
    client::{Client, malformed, refused},
    config::ClientConfig,
    error::Error,
    message::Received,
};
use protocol::{
    Command,
    code::{request, response},
    heartbeat::Subscription,
    pop::{
        AckMessage, ChangeInvisibleTime, ChangedInvisibleTime, MAX_MESSAGES, ORDER_REVIVE_QUEUE, POLLING_FULL,
        POLLING_TIMEOUT, POP_CK, PopAnswer, PopMessage,
        extra_info::{self, ExtraInfo, Origin, plain_topic},
    },
    record::{self, Record},
    topic::{RETRY_PREFIX, check_group},
};
use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A message that was popped. It comes again unless it is acknowledged in time.
#[derive(Clone, Debug, PartialEq)]
pub struct PoppedMessage {
    /// The message; its queue is that of the topic or of the group's retry topic, under the topic's name.
    pub message: Received,
    info: ExtraInfo,
}

impl PoppedMessage {
    /// For how long it is invisible to others from then on.
    pub fn invisible(&self) -> Duration {
        Duration::from_millis(self.info.invisible_time.max(0).unsigned_abs())
    }

    /// The topic it lies in: the retry topic, if it came back.
    fn stored_topic(&self, group: &str) -> String {
        self.info.origin.topic(&self.message.topic, group)
    }
}

impl Deref for PoppedMessage {
    type Target = Received;

    fn deref(&self) -> &Received {
        &self.message
    }
}

/// Pops in the name of a group.
pub struct PopConsumer {
    client: Client,
    own_client: bool,
    group: String,
    /// With which broker the next pop begins.
    turn: AtomicUsize,
}

impl PopConsumer {
    /// A consumer with a client of its own.
    ///
    /// # Errors
    /// If the name servers or the group's name are given wrongly.
    pub async fn start(config: ClientConfig, group: &str) -> Result<Self, Error> {
        check_group(group)?;
        Ok(Self { own_client: true, ..Self::on(&Client::start(config)?, group)? })
    }

    /// A consumer on a client that others use too.
    ///
    /// # Errors
    /// If the group's name is no name.
    pub fn on(client: &Client, group: &str) -> Result<Self, Error> {
        check_group(group)?;
        Ok(Self { client: client.clone(), own_client: false, group: group.to_owned(), turn: AtomicUsize::new(0) })
    }

    /// At most `max` (1 to 32) messages that `subscription` wants, invisible to others for `invisible`. If there are
    /// none, brokers hold the request for `poll` in all. The topic's brokers are asked in turn, the first with messages
    /// counts.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`]; or what a broker said, if none of the others has messages.
    pub async fn pop(
        &self,
        subscription: &Subscription,
        max: i32,
        invisible: Duration,
        poll: Duration,
    ) -> Result<Vec<PoppedMessage>, Error> {
        let topic = &subscription.topic;
        let route = self.client.route(topic).await?;
        let mut brokers: Vec<Arc<str>> = route.readable().iter().map(|queue| queue.broker.clone()).collect();
        brokers.dedup();
        if brokers.is_empty() {
            return Err(Error::NoQueue { topic: topic.clone(), what: "readable", why: "no broker has one".into() });
        }
        let count = brokers.len();
        brokers.rotate_left(self.turn.fetch_add(1, Ordering::Relaxed) % count);
        let mut failed = None;
        // First who has something, then who gets something.
        let no_wait = (count > 1 || poll.is_zero()).then_some(Duration::ZERO);
        let wait = (!poll.is_zero()).then(|| poll / count as u32);
        for poll in no_wait.into_iter().chain(wait) {
            for broker in &brokers {
                match self.pop_from(broker, subscription, max, invisible, poll).await {
                    Ok(messages) if messages.is_empty() => {}
                    Ok(messages) => return Ok(messages),
                    Err(error) => failed = Some(error),
                }
            }
        }
        failed.map_or(Ok(Vec::new()), Err)
    }

    async fn pop_from(
        &self,
        broker: &Arc<str>,
        subscription: &Subscription,
        max: i32,
        invisible: Duration,
        poll: Duration,
    ) -> Result<Vec<PoppedMessage>, Error> {
        const ASKED: i32 = request::POP_MESSAGE;
        let topic = &subscription.topic;
        let addr = self.client.master_addr(broker, topic).await?;
        let header = PopMessage {
            consumer_group: self.group.clone(),
            topic: topic.clone(),
            queue_id: -1,
            max_msg_nums: max.clamp(1, MAX_MESSAGES),
            invisible_time: millis(invisible),
            poll_time: millis(poll),
            // 0: brokers take the time at which it comes.
            born_time: 0,
            init_mode: 0,
            exp_type: Some(subscription.expression_type.clone()),
            exp: Some(subscription.sub_string.clone()),
            order: false,
            attempt_id: None,
        };
        let timeout = self.client.config().request_timeout + poll;
        let answer = self.client.call(&addr, Command::request(ASKED).with_header(&header), timeout).await?;
        match answer.code {
            response::SUCCESS => {}
            POLLING_TIMEOUT | POLLING_FULL | response::PULL_NOT_FOUND => return Ok(Vec::new()),
            _ => return Err(refused(&addr, ASKED, answer)),
        }
        let told: PopAnswer = answer.header().map_err(|error| malformed(&addr, ASKED, error))?;
        let records = record::decode_all(answer.body.to_bytes(), true);
        let records = records.map_err(|error| malformed(&addr, ASKED, error))?;
        let popped: Result<Vec<_>, _> = records.into_iter().map(|record| self.popped(record, &told, broker)).collect();
        let popped = popped.map_err(|error| malformed(&addr, ASKED, error))?;
        if !subscription.is_tag() {
            return Ok(popped);
        }
        // Brokers may tell tags by their hashes only: what nobody wants must not come again.
        let (wanted, unwanted): (Vec<_>, Vec<_>) =
            popped.into_iter().partition(|message| subscription.wants_tag(message.tag()));
        for message in unwanted {
            self.ack(&message).await?;
        }
        Ok(wanted)
    }

    fn popped(
        &self,
        mut record: Record,
        told: &PopAnswer,
        broker: &Arc<str>,
    ) -> Result<PoppedMessage, extra_info::InfoError> {
        let carried = protocol::properties::get(&record.properties, POP_CK).map(str::parse).transpose()?;
        let info = match carried {
            Some(info) => info,
            None => {
                let origin = origin(&record.topic);
                let starts = told.start_offset_info.as_deref().unwrap_or_default();
                let queue = record.queue_id.to_string();
                // A broker that names no start has the message begin at itself.
                let start = match extra_info::entries(starts)?.get(&(origin, queue.as_str())) {
                    Some(start) => start
                        .parse()
                        .map_err(|_| extra_info::InfoError::Part { what: "start offset", text: (*start).to_owned() })?,
                    None => record.queue_offset,
                };
                ExtraInfo {
                    start_offset: start,
                    pop_time: told.pop_time,
                    invisible_time: told.invisible_time,
                    revive_queue: told.revive_qid,
                    origin,
                    broker_name: broker.to_string(),
                    queue_id: record.queue_id,
                    offset: Some(record.queue_offset),
                }
            }
        };
        record.topic = plain_topic(&record.topic, &self.group).to_owned();
        Ok(PoppedMessage { message: Received::from_record(record, broker), info })
    }

    /// Acknowledges a message: the group will not see it again.
    ///
    /// # Errors
    /// If its broker cannot be asked or refuses: with `NO_MESSAGE`, if the message's time was over and it comes again.
    pub async fn ack(&self, message: &PoppedMessage) -> Result<(), Error> {
        let topic = message.stored_topic(&self.group);
        let addr = self.client.master_addr(&message.info.broker_name, &message.topic).await?;
        let header = AckMessage {
            consumer_group: self.group.clone(),
            topic,
            queue_id: message.info.queue_id,
            extra_info: message.info.to_string(),
            offset: message.queue_offset,
        };
        self.client.ask(&addr, Command::request(request::ACK_MESSAGE).with_header(&header)).await.map(drop)
    }

    /// Has a message be invisible to others for `invisible` from now on; 0 brings it back at once.
    ///
    /// # Errors
    /// As [`PopConsumer::ack`].
    pub async fn change_invisible(&self, message: &mut PoppedMessage, invisible: Duration) -> Result<(), Error> {
        const ASKED: i32 = request::CHANGE_MESSAGE_INVISIBLETIME;
        let addr = self.client.master_addr(&message.info.broker_name, &message.topic).await?;
        let header = ChangeInvisibleTime {
            consumer_group: self.group.clone(),
            topic: message.stored_topic(&self.group),
            queue_id: message.info.queue_id,
            extra_info: message.info.to_string(),
            offset: message.queue_offset,
            invisible_time: millis(invisible),
        };
        let answer = self.client.ask(&addr, Command::request(ASKED).with_header(&header)).await?;
        let told: ChangedInvisibleTime = answer.header().map_err(|error| malformed(&addr, ASKED, error))?;
        let info = &mut message.info;
        info.pop_time = told.pop_time;
        info.invisible_time = told.invisible_time;
        // In order, a message keeps the name of its pop.
        if told.revive_qid != ORDER_REVIVE_QUEUE {
            info.start_offset = message.message.queue_offset;
            info.revive_queue = told.revive_qid;
        }
        Ok(())
    }

    /// The client it stands on.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Ends the client if it is this consumer's own.
    pub async fn shutdown(&self) {
        if self.own_client {
            self.client.shutdown().await;
        }
    }
}

/// Where a message of this topic lies, for a broker that does not say.
fn origin(topic: &str) -> Origin {
    match topic.strip_prefix(RETRY_PREFIX) {
        None => Origin::Topic,
        Some(rest) if rest.contains('+') => Origin::RetryV2,
        Some(_) => Origin::Retry,
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

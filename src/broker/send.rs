//! Sending: check, place, append, and answer once the message is as safe as the settings ask.
//!
//! All sends of one read are appended with one write, and wait for the disk and for slaves together.
//! Source: `SendMessageProcessor`, `AbstractSendMessageProcessor` of Apache RocketMQ 4.9.8.

use crate::{broker::Broker, parked::Parking, refusal::Refusal, safety, timer, topics::DLQ_QUEUES, transaction};
use base::Fields;
use protocol::{
    Command,
    code::response,
    properties,
    record::{MessageId, NewRecord, SysFlag},
    send::{self, SendHeader},
    topic::{self, TopicConfig, perm},
};
use remoting::{Answers, Peer, Receipt};
use std::{net::SocketAddr, sync::Arc, time::Instant};
use store::{AppendBatch, MessageStore, Placed, StoreError};

/// A batch buffer larger than this is not kept for the next read.
const KEEP_BYTES: usize = 1 << 20;

/// The sends of one read, collected to be appended together.
pub struct Sends {
    records: AppendBatch,
    waiting: Vec<Waiting>,
    placed: Vec<Placed>,
    /// When they were read.
    begun: Instant,
}

/// One send whose records are in the batch.
struct Waiting {
    receipt: Receipt,
    /// Its records: a plain send has one.
    records: usize,
    queue_id: i32,
    /// Whether its answer waits for flush and replication.
    wait_for_store: bool,
    /// The registration that makes its new topic known.
    announced: Option<u64>,
    /// What the sender is told besides.
    remark: Option<String>,
}

impl Sends {
    /// Nothing collected yet.
    pub fn new(store: &MessageStore) -> Self {
        Self { records: store.batch(), waiting: Vec::new(), placed: Vec::new(), begun: Instant::now() }
    }

    /// They have just been read.
    pub fn begin(&mut self) {
        self.begun = Instant::now();
    }

    /// Whether its buffers are small enough to be kept for another read.
    pub fn is_worth_keeping(&self) -> bool {
        self.records.byte_capacity() <= KEEP_BYTES
    }

    /// Checks a send and adds its records, or answers why not.
    pub fn collect(&mut self, broker: &Broker, peer: &Peer, request: &Command, answers: &mut Answers) {
        let receipt = Receipt::of(request);
        let before = self.records.len();
        match self.add(broker, peer, request) {
            Ok(waiting) => {
                let records = self.records.len() - before;
                self.waiting.push(Waiting { receipt, records, ..waiting });
            }
            Err(refusal) => {
                tracing::debug!(peer = ?peer, code = refusal.code, why = refusal.remark, "refused a message");
                self.records.truncate(before);
                answers.now(receipt, with_region(broker, refusal.answer()));
            }
        }
    }

    fn add(&mut self, broker: &Broker, peer: &Peer, request: &Command) -> Result<Waiting, Refusal> {
        let header = SendHeader::read(&request.fields)?;
        let (topic, announced) = find_topic(broker, peer, &header)?;
        let place = Place::of(broker, &header, &topic)?;
        let body = request.body.to_bytes();
        let max = broker.config().max_message_size as usize;
        if body.len() > max {
            return Err(Refusal::illegal(format!("a body of {} bytes, maxMessageSize is {max}", body.len())));
        }
        let given = Given::read(broker, header.properties)?;
        let parking = given.parking(broker, &header, &place)?;
        let multi_tag = topic.topic_filter_type == "MULTI_TAG";
        let record = NewRecord {
            topic: parking.as_ref().map_or(place.topic.as_deref().unwrap_or(header.topic), |parking| parking.topic),
            queue_id: parking.as_ref().map_or(place.queue_id, |parking| parking.queue_id),
            flag: header.flag,
            sys_flag: given.sys_flag(&header, multi_tag),
            born_ms: header.born_ms,
            born_host: unmapped(peer.remote()),
            store_host: broker.store_host(),
            reconsume_times: header.reconsume_times,
            prepared_transaction_offset: 0,
            body: &body,
            properties: "",
        };
        if header.batch {
            self.add_batch(broker, &header, &record, body.clone())?;
        } else {
            let properties = parking.as_ref().map_or(&given.stored, |parking| &parking.properties);
            self.records.push(&NewRecord { properties, ..record }).map_err(|error| refusal_of(&error))?;
        }
        Ok(Waiting {
            receipt: Receipt::of(request),
            records: 1,
            queue_id: place.queue_id,
            wait_for_store: given.wait_for_store,
            announced,
            remark: parking.and_then(|parking| parking.remark),
        })
    }

    /// Each message of a batch becomes a record; the batch's own properties and the cluster are added to each.
    fn add_batch(
        &mut self,
        broker: &Broker,
        header: &SendHeader<'_>,
        like: &NewRecord<'_>,
        body: bytes::Bytes,
    ) -> Result<(), Refusal> {
        if header.topic.starts_with(topic::RETRY_PREFIX) {
            return Err(Refusal::illegal("a batch cannot go to a retry topic"));
        }
        let cluster = format!(
            "{}{}{}",
            properties::CLUSTER,
            properties::NAME_VALUE_SEPARATOR,
            broker.config().broker_cluster_name
        );
        for item in send::split_batch(body)? {
            let mut text = item.properties;
            let timed = properties::pairs(&text).any(|(name, _)| timer::says_when(name));
            if timed || properties::get(&text, properties::DELAY_LEVEL).is_some_and(|level| level != "0") {
                return Err(Refusal::illegal("a batch cannot hold messages with a delay"));
            }
            if properties::get(&text, properties::TRANSACTION_PREPARED).is_some_and(is_true) {
                return Err(Refusal::illegal("a batch cannot be sent in a transaction"));
            }
            for more in [header.properties, &cluster] {
                if !text.is_empty() && !text.ends_with(properties::PROPERTY_SEPARATOR) {
                    text.push(properties::PROPERTY_SEPARATOR);
                }
                text.push_str(more);
            }
            let record = NewRecord { flag: item.flag, body: &item.body, properties: &text, ..like.clone() };
            self.records.push(&record).map_err(|error| refusal_of(&error))?;
        }
        Ok(())
    }

    /// Appends what was collected and answers it.
    pub fn append(&mut self, broker: &Arc<Broker>, answers: &mut Answers) {
        if self.waiting.is_empty() {
            return;
        }
        let records = self.records.len();
        let appended = broker.store().append(&mut self.records, &mut self.placed);
        if let Err(error) = &appended {
            tracing::error!(%error, messages = records - self.placed.len(), "cannot store messages");
        }
        let mut placed = self.placed.iter();
        let (begun, mut answered, mut safe_later) = (self.begun, 0, Vec::new());
        for send in self.waiting.drain(..) {
            let records = placed.as_slice().get(..send.records);
            let Some(records) = records else {
                // What follows in the batch was not stored either.
                placed = [].iter();
                let refusal = appended.as_ref().err().map_or_else(not_stored, refusal_of);
                answers.now(send.receipt, with_region(broker, refusal.answer()));
                answered += 1;
                continue;
            };
            placed = placed.as_slice()[send.records..].iter();
            let answer = Command { remark: send.remark, ..answer(broker, send.queue_id, records) };
            let waits = send.wait_for_store && safety::is_asked_for(broker);
            match send.announced {
                Some(ticket) => {
                    let (broker, end) = (broker.clone(), end_of(records));
                    answers.later(send.receipt, async move {
                        broker.announcer().known(ticket).await;
                        let answer = match waits {
                            true => safety::reached(&broker, end).await.answer_send(&broker, answer),
                            false => answer,
                        };
                        broker.latencies().count(1, begun.elapsed());
                        Some(answer)
                    });
                }
                None if waits => safe_later.push((send.receipt, answer)),
                None => {
                    answers.now(send.receipt, answer);
                    answered += 1;
                }
            }
        }
        broker.latencies().count(answered, begun.elapsed());
        if !safe_later.is_empty() {
            let (broker, end) = (broker.clone(), end_of(&self.placed));
            answers.later_together(async move {
                let safety = safety::reached(&broker, end).await;
                broker.latencies().count(safe_later.len(), begun.elapsed());
                let answers = safe_later.into_iter();
                answers.map(|(receipt, answer)| (receipt, safety.answer_send(&broker, answer))).collect()
            });
        }
    }
}

fn end_of(placed: &[Placed]) -> u64 {
    placed.last().map_or(0, Placed::end)
}

fn not_stored() -> Refusal {
    Refusal::new(response::SYSTEM_ERROR, "the message was not stored")
}

/// What a send is told whose record the store does not take.
pub fn refusal_of(error: &StoreError) -> Refusal {
    match error {
        StoreError::Record(_) | StoreError::TooLarge { .. } | StoreError::Name { .. } => {
            Refusal::illegal(error.to_string())
        }
        _ => Refusal::new(response::SERVICE_NOT_AVAILABLE, error.to_string()),
    }
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

/// An IPv4 address that came over an IPv6 socket, as IPv4: older clients read only that from a record.
pub fn unmapped(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// The topic of a send, created if that is allowed, with the registration that makes a new one known.
fn find_topic(
    broker: &Broker,
    peer: &Peer,
    header: &SendHeader<'_>,
) -> Result<(Arc<TopicConfig>, Option<u64>), Refusal> {
    let name = header.topic;
    if let Some(found) = broker.topics().find(name)
        && !topic::is_closed_to_clients(name)
    {
        // Clients learn from their name server that a broker is not to be written to any more. Until then it takes
        // what they send: only of a topic whose order counts it is better refused.
        if found.order && broker.config().broker_permission & perm::WRITE as u32 == 0 {
            return Err(Refusal::forbidden(format!("broker {} takes no messages now", broker.config().broker_name)));
        }
        return Ok((found, None));
    }
    topic::check_topic(name)?;
    if topic::is_closed_to_clients(name) {
        return Err(Refusal::forbidden(format!("topic {name} is the broker's own: clients may not send to it")));
    }
    let queues = header.default_topic_queue_nums;
    let inherited = broker.topics().inherit(name, header.default_topic, queues);
    let (found, new) = match inherited {
        Some(found) => found,
        None if name.starts_with(topic::RETRY_PREFIX) => broker.topics().ensure(name, 1),
        None => return broker.topics().require(name).map(|found| (found, None)),
    };
    if new {
        tracing::info!(topic = name, producer = %peer.remote(), like = header.default_topic, "topic created on demand");
    }
    Ok((found, new.then(|| broker.announcer().soon())))
}

/// Where a message goes.
struct Place {
    /// Another topic than the request's.
    topic: Option<String>,
    queue_id: i32,
}

impl Place {
    fn of(broker: &Broker, header: &SendHeader<'_>, topic: &TopicConfig) -> Result<Self, Refusal> {
        if topic.perm & perm::WRITE == 0 {
            return Err(Refusal::forbidden(format!("topic {} may not be written", header.topic)));
        }
        let queues = topic.write_queue_nums.max(topic.read_queue_nums);
        if !(0..queues).contains(&header.queue_id) {
            let TopicConfig { write_queue_nums, read_queue_nums, .. } = topic;
            return Err(Refusal::new(
                response::SYSTEM_ERROR,
                format!(
                    "queue id {} is illegal: topic {} has {write_queue_nums} queues to write and {read_queue_nums} to read",
                    header.queue_id, header.topic,
                ),
            ));
        }
        let Some(group) = header.topic.strip_prefix(topic::RETRY_PREFIX) else {
            return Ok(Self { topic: None, queue_id: header.queue_id });
        };
        // A consumer that could not send a message back sends it itself; the broker still counts the tries.
        let most = header.max_reconsume_times.unwrap_or(broker.groups().require(group)?.retry_max_times);
        if header.reconsume_times < most {
            return Ok(Self { topic: None, queue_id: header.queue_id });
        }
        let dead = topic::dlq_topic(group);
        let (_, new) = broker.topics().ensure(&dead, DLQ_QUEUES);
        if new {
            broker.announcer().soon();
        }
        Ok(Self { topic: Some(dead), queue_id: 0 })
    }
}

/// What a message's properties say to the broker, and those to be stored.
struct Given {
    wait_for_store: bool,
    /// It is to be seen only later: by a delay level from 1.
    delay_level: i32,
    /// It is to be seen only later: at a time that its properties say.
    timed: bool,
    /// It is half a message, to be seen once its transaction is committed.
    half: bool,
    /// Without `WAIT`, which is said to the broker only, and with the cluster.
    stored: String,
}

impl Given {
    fn read(broker: &Broker, text: &str) -> Result<Self, Refusal> {
        let cluster = &broker.config().broker_cluster_name;
        let stored = String::with_capacity(text.len() + cluster.len() + 10);
        let mut given = Self { wait_for_store: true, delay_level: 0, timed: false, half: false, stored };
        for pair in text.split(properties::PROPERTY_SEPARATOR) {
            let Some((name, value)) = pair.split_once(properties::NAME_VALUE_SEPARATOR) else { continue };
            match name {
                properties::WAIT_STORE_MSG_OK => {
                    given.wait_for_store = value.eq_ignore_ascii_case("true");
                    continue;
                }
                // The broker's own: what a client says of them does not count.
                properties::CLUSTER | properties::CRC32 => continue,
                properties::DELAY_LEVEL => {
                    given.delay_level = value
                        .parse()
                        .map_err(|_| Refusal::illegal(format!("the delay level {value:?} is no number")))?;
                }
                name if timer::says_when(name) => given.timed = true,
                properties::TRANSACTION_PREPARED => given.half = is_true(value),
                _ => {}
            }
            given.stored.push_str(pair);
            given.stored.push(properties::PROPERTY_SEPARATOR);
        }
        given.stored.push_str(properties::CLUSTER);
        given.stored.push(properties::NAME_VALUE_SEPARATOR);
        given.stored.push_str(cluster);
        Ok(given)
    }

    /// Whether it is half a message: one that consumers of old sent back is so no longer, whatever it says.
    fn is_half(&self, header: &SendHeader<'_>) -> bool {
        self.half && !(header.reconsume_times > 0 && self.delay_level > 0)
    }

    fn is_delayed(&self) -> bool {
        self.delay_level > 0 || self.timed
    }

    /// A half message is one by where it is kept: the store is to find it like any other.
    fn sys_flag(&self, header: &SendHeader<'_>, multi_tag: bool) -> SysFlag {
        let flag = SysFlag(header.sys_flag | if multi_tag { SysFlag::MULTI_TAGS } else { 0 });
        if self.is_half(header) { flag.with_transaction(0) } else { flag }
    }

    /// Where the message is kept while it is not to be seen; `None` if it is to be seen at once.
    fn parking(&self, broker: &Broker, header: &SendHeader<'_>, place: &Place) -> Result<Option<Parking>, Refusal> {
        if self.is_half(header) {
            let belongs = (place.topic.as_deref().unwrap_or(header.topic), place.queue_id);
            return transaction::park(broker, header, belongs, &self.stored, self.is_delayed()).map(Some);
        }
        // A dead letter is one at once.
        if !self.is_delayed() || place.topic.is_some() {
            return Ok(None);
        }
        if header.batch {
            return Err(Refusal::illegal("a batch cannot have a delay"));
        }
        let belongs = (header.topic, place.queue_id);
        if self.delay_level <= 0 {
            return timer::parking(broker, belongs, &self.stored);
        }
        let untimed = self.timed.then(|| timer::without_times(&self.stored));
        let stored = untimed.as_ref().unwrap_or(&self.stored);
        Ok(Some(broker.delays().parking(self.delay_level, belongs, stored)))
    }
}

/// The answer to a send whose records are these. Written by hand: it is made for every message.
fn answer(broker: &Broker, queue_id: i32, records: &[Placed]) -> Command {
    let config = broker.config();
    let mut fields = Fields::with_capacity(5, 96 + 33 * records.len() + config.region_id.len());
    let mut number = itoa::Buffer::new();
    fields.push_with(|text| {
        text.push_str("msgId");
        let name_end = text.len();
        for (at, record) in records.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            MessageId { host: broker.store_host(), physical_offset: record.physical_offset }.push_to(text);
        }
        name_end
    });
    fields.push("queueId", number.format(queue_id));
    fields.push("queueOffset", number.format(records.first().map_or(0, |first| first.queue_offset)));
    fields.push("MSG_REGION", &config.region_id);
    fields.push("TRACE_ON", if config.trace_on { "true" } else { "false" });
    Command { fields, ..Command::success() }
}

/// An answer that also says, as those to sends do, where the broker is.
pub fn with_region(broker: &Broker, mut answer: Command) -> Command {
    let config = broker.config();
    answer.fields.push("MSG_REGION", &config.region_id);
    answer.fields.push("TRACE_ON", if config.trace_on { "true" } else { "false" });
    answer
}

//! Pop consumption: messages are handed out for a time, and come back unless they are acknowledged in it.
//!
//! A pop moves the group's offset and notes what it handed out, in the journal (`pop/journal.rs`) and in the table that
//! is made from it (`pop/table.rs`), under one lock: so no two pops hand out one message, and a start finds what the end
//! left. What is not acknowledged in time is stored again (`pop/revive.rs`).
//! Source: `PopMessageProcessor` of Apache RocketMQ 5.3.3.

mod ack;
mod assignment;
mod journal;
mod notification;
mod ordered;
mod revive;
mod table;
mod take;
mod waiting;

use crate::{
    broker::Broker,
    filters::Wanted,
    offsets::{OffsetTable, Offsets},
    pull,
    refusal::Refusal,
    safety,
};
use bytes::Bytes;
use journal::{Event, Reading};
use parking_lot::Mutex;
use protocol::{
    Command,
    code::response,
    heartbeat::Subscription,
    pop::{MAX_INVISIBLE_MS, MAX_MESSAGES, POLLING_TIMEOUT, PopAnswer, PopMessage, extra_info::Origin},
    properties,
    record::{self, NewRecord, SysFlag},
    topic::{self, GroupConfig, TopicConfig, perm},
};
use remoting::{Answers, Receipt};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use store::{MessageStore, PullSpec, PullStatus, QueueEntry, StoreError};
use table::Table;
use take::Popped;
use tokio::time::Instant;
use waiting::Waiting;

pub use ack::{ack, batch_ack, change_invisible_time};
pub use assignment::{Modes, query_assignment, set_request_mode};
pub use notification::{notification, polling_info};
pub use revive::run as revive;

/// Under this name the broker remembers from where on its journal is still needed. Source: `PopAckConstants`.
const REVIVE_GROUP: &str = "CID_RMQ_SYS_REVIVE_GROUP";
/// Under this one, up to where the groups' offsets hold what the journal says of them.
const OFFSETS_GROUP: &str = "CID_RMQ_SYS_REVIVE_OFFSETS";
/// Longest a pop may wait, ms.
const LONGEST_POLL_MS: i64 = 10 * 60_000;

/// What is popped.
pub struct Pops {
    /// The journal's topic, of one queue.
    topic: String,
    table: Mutex<Table>,
    /// Up to where the log must be on the disk for all that is noted to be.
    noted: AtomicU64,
    waiting: Waiting,
    /// With which queue the next pop begins.
    turn: AtomicUsize,
}

impl Pops {
    /// Reads the journal, and brings `offsets` to where it says the groups were.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn open(cluster: &str, store: &MessageStore, offsets: &Offsets) -> Result<Self, StoreError> {
        let topic = format!("{}{cluster}", topic::REVIVE_PREFIX);
        let (min, max) = store.queue(&topic, 0).map_or((0, 0), |queue| (queue.min_offset(), queue.max_offset()));
        let saved = |group| offsets.get(&topic, group, 0);
        let mut at = saved(REVIVE_GROUP).unwrap_or(min).clamp(min, max);
        let known = saved(OFFSETS_GROUP).unwrap_or(0).min(max);
        let mut table = Table::new(at);
        let mut foreign = 0usize;
        while at < max {
            let pulled =
                store.pull(&PullSpec { topic: &topic, queue_id: 0, offset: at, max_messages: 1000 }, |_, _| true);
            if pulled.status == PullStatus::Unreadable || pulled.next_offset <= at {
                let why = format!("what was popped cannot be read: queue 0 of {topic} at {at}");
                return Err(StoreError::Refusing { why });
            }
            for record in pulled.records.into_iter().flat_map(|run| record::decode_all(run, false).unwrap_or_default())
            {
                let place = record.queue_offset;
                let Some(event) = Event::from_bytes(&record.body) else {
                    foreign += 1;
                    table.skip(place);
                    continue;
                };
                if let Some((Reading { group, topic, queue_id }, next)) = event.moves().filter(|_| place >= known)
                    && offsets.get(topic, group, *queue_id).is_none_or(|now| now < next)
                {
                    offsets.commit(topic, group, *queue_id, next);
                }
                table.apply(place, event);
            }
            at = pulled.next_offset;
            table.skip(at - 1);
        }
        if foreign > 0 {
            tracing::warn!(topic, foreign, "records that are not rmq's: what they say of popped messages is not known");
        }
        tracing::info!(first = table.first(), end = table.end(), "read what was popped");
        Ok(Self::of(topic, table))
    }

    /// Nothing: what is popped is for a slave's master to know.
    pub fn none(cluster: &str) -> Self {
        Self::of(format!("{}{cluster}", topic::REVIVE_PREFIX), Table::new(0))
    }

    fn of(topic: String, table: Table) -> Self {
        let (waiting, turn) = (Waiting::default(), AtomicUsize::new(0));
        Self { topic, table: Mutex::new(table), noted: AtomicU64::new(0), waiting, turn }
    }

    /// The groups' offsets to be saved, if they have changed, and up to where the log must be on the disk before: or a
    /// message whose pop was lost would never come.
    pub fn changed_offsets(&self, offsets: &Offsets) -> Option<(OffsetTable, u64)> {
        let table = self.table.lock();
        if table.end() > 0 {
            for (group, place) in [(REVIVE_GROUP, table.first()), (OFFSETS_GROUP, table.end())] {
                if offsets.get(&self.topic, group, 0) != Some(place) {
                    offsets.commit(&self.topic, group, 0, place);
                }
            }
        }
        offsets.changed().map(|changed| (changed, self.noted.load(Ordering::Acquire)))
    }

    /// Notes an event, and stores `with` in the same write. Whoever calls holds the table, so that the journal's order is
    /// that of the table.
    ///
    /// # Errors
    /// If it cannot be stored; then nothing happened.
    fn note(
        &self,
        broker: &Broker,
        table: &mut Table,
        with: Option<&NewRecord<'_>>,
        event: Event,
    ) -> Result<(), StoreError> {
        broker.topics().ensure(&self.topic, 1);
        let body = event.to_bytes();
        let note = NewRecord {
            topic: &self.topic,
            queue_id: 0,
            flag: 0,
            sys_flag: SysFlag(0),
            born_ms: broker.clock().now_ms(),
            born_host: broker.store_host(),
            store_host: broker.store_host(),
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: &body,
            properties: "",
        };
        let (mut batch, mut placed) = (broker.store().batch(), Vec::with_capacity(2));
        for record in with.into_iter().chain([&note]) {
            batch.push(record)?;
        }
        let records = batch.len();
        let stored = broker.store().append(&mut batch, &mut placed);
        if let Some(last) = placed.last() {
            self.noted.fetch_max(last.end(), Ordering::AcqRel);
        }
        match placed.last().filter(|_| placed.len() == records) {
            Some(last) => table.apply(last.queue_offset, event),
            // Stored again it is, if not noted: it must not come twice while this broker runs.
            None if !placed.is_empty() => table.apply(table.end() - 1, event),
            None => return stored,
        }
        Ok(())
    }
}

fn unstored(error: &StoreError) -> Refusal {
    Refusal::new(response::SERVICE_NOT_AVAILABLE, error.to_string())
}

fn refuse_on_slave(broker: &Broker) -> Result<(), Refusal> {
    match broker.follower() {
        Some(follower) => Err(follower.refusal(response::NO_PERMISSION, "hands out no messages")),
        None => Ok(()),
    }
}

fn invalid(remark: impl Into<String>) -> Refusal {
    Refusal::new(response::INVALID_PARAMETER, remark)
}

/// The topic and group of a request, if they may be read.
fn readable(broker: &Broker, topic: &str, group: &str) -> Result<(Arc<TopicConfig>, Arc<GroupConfig>), Refusal> {
    refuse_on_slave(broker)?;
    if broker.config().broker_permission & perm::READ as u32 == 0 {
        return Err(Refusal::forbidden(format!("broker {} may not be read now", broker.config().broker_name)));
    }
    let found = broker.topics().require(topic)?;
    if found.perm & perm::READ == 0 {
        return Err(Refusal::forbidden(format!("topic {topic} may not be read")));
    }
    if topic::is_closed_to_clients(topic) {
        return Err(Refusal::forbidden(format!("topic {topic} is the broker's own")));
    }
    // Messages that come back are stored in a topic of this name.
    let retry = Origin::Retry.topic(topic, group);
    if retry.len() > topic::MAX_TOPIC_LEN {
        return Err(invalid(format!(
            "topic {topic} and group {group} are too long to pop: their retry topic's name would have {} characters, the \
             most is {}",
            retry.len(),
            topic::MAX_TOPIC_LEN
        )));
    }
    let group_config = broker.groups().require(group)?;
    if !group_config.consume_enable {
        return Err(Refusal::forbidden(format!("group {group} may not consume: consumeEnable is false")));
    }
    Ok((found, group_config))
}

/// Refuses a queue that the topic does not have; -1 stands for all of them.
fn check_queue(topic: &TopicConfig, queue_id: i32) -> Result<(), Refusal> {
    if (-1..topic.read_queue_nums).contains(&queue_id) {
        return Ok(());
    }
    let TopicConfig { topic_name, read_queue_nums, .. } = topic;
    Err(invalid(format!("queue id {queue_id} is illegal: topic {topic_name} has {read_queue_nums} queues to read")))
}

/// A poll's time, if it is one.
fn patience(poll_ms: i64) -> Result<Duration, Refusal> {
    if !(0..=LONGEST_POLL_MS).contains(&poll_ms) {
        return Err(invalid(format!("pollTime {poll_ms} is not within 0 to {LONGEST_POLL_MS} ms")));
    }
    Ok(Duration::from_millis(poll_ms.unsigned_abs()))
}

/// A checked pop.
struct Asked {
    header: PopMessage,
    wanted: Arc<Wanted>,
    topic: Arc<TopicConfig>,
    patience: Duration,
}

impl Asked {
    fn of(broker: &Broker, request: &Command) -> Result<Self, Refusal> {
        let header: PopMessage = request.header()?;
        if !(1..=MAX_MESSAGES).contains(&header.max_msg_nums) {
            return Err(invalid(format!("maxMsgNums {} is not within 1 to {MAX_MESSAGES}", header.max_msg_nums)));
        }
        if !(1..=MAX_INVISIBLE_MS).contains(&header.invisible_time) {
            let given = header.invisible_time;
            return Err(invalid(format!("invisibleTime {given} is not within 1 to {MAX_INVISIBLE_MS} ms")));
        }
        let patience = patience(header.poll_time)?;
        let (topic, _) = readable(broker, &header.topic, &header.consumer_group)?;
        check_queue(&topic, header.queue_id)?;
        let expression = header.exp.as_deref().unwrap_or_default();
        let said = Subscription::of_type(&header.topic, expression, header.exp_type.as_deref(), 0);
        pull::may_filter(broker, &said)?;
        let wanted = broker.filters().wanted(said).into();
        let bad = "parse the consumer's subscription failed";
        let wanted = pull::usable(wanted, response::SUBSCRIPTION_PARSE_FAILED, bad)?;
        Ok(Self { header, wanted, topic, patience })
    }

    /// Whether a message is wanted: by the tag itself, as clients do not look again.
    fn wants(&self, entry: &QueueEntry, record: &Bytes) -> bool {
        let said = &self.wanted.said;
        if !self.wanted.wants(entry, record) {
            return false;
        }
        if !said.is_tag() || said.takes_all() {
            return true;
        }
        // What is no record is not the filter's to hide.
        let text = store::properties(record);
        text.is_none_or(|text| said.wants_tag(properties::get(&text, properties::TAGS)))
    }

    fn answer(&self, popped: Popped) -> Command {
        let found = popped.count > 0;
        let header = PopAnswer {
            pop_time: popped.pop_time,
            invisible_time: self.header.invisible_time,
            revive_qid: if self.header.order { protocol::pop::ORDER_REVIVE_QUEUE } else { 0 },
            rest_num: popped.rest,
            start_offset_info: Some(popped.starts),
            msg_offset_info: Some(popped.offsets),
            order_count_info: self.header.order.then_some(popped.counts),
        };
        let (code, remark) =
            if found { (response::SUCCESS, "FOUND") } else { (POLLING_TIMEOUT, "NO_MESSAGE_IN_QUEUE") };
        Command::answer(code).with_remark(remark).with_header(&header).with_body(popped.body)
    }
}

/// Hands out messages (200050), at once or as soon as there are some.
pub fn pop(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    let first = Asked::of(broker, request).and_then(|asked| Ok((Popped::take(broker, &asked)?, asked)));
    match first {
        Err(refusal) => answers.now(receipt, refusal.answer()),
        Ok((popped, asked)) if popped.count > 0 || asked.patience.is_zero() => {
            answers.now(receipt, asked.answer(popped));
        }
        Ok((_, asked)) => {
            let broker = broker.clone();
            answers.later(receipt, async move {
                let waited = wait(&broker, &asked).await;
                Some(waited.map_or_else(Refusal::answer, |popped| asked.answer(popped)))
            });
        }
    }
}

/// Waits until something can be popped, at most as long as was asked for.
async fn wait(broker: &Broker, asked: &Asked) -> Result<Popped, Refusal> {
    let deadline = Instant::now() + asked.patience;
    let waiter = broker.pops().waiting.wait(&asked.header.consumer_group, &asked.header.topic);
    loop {
        let told = waiter.told().get();
        // Again, for what was told before it could be heard.
        let popped = Popped::take(broker, asked)?;
        if popped.count > 0 || Instant::now() >= deadline {
            return Ok(popped);
        }
        if popped.more {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = popped.arrivals(broker) => {}
            () = waiter.told().reached(told + 1) => {}
            () = tokio::time::sleep_until(deadline) => return Ok(popped),
        }
    }
}

/// Gives `answer` once what is noted is as safe as the settings ask.
fn once_safe(broker: &Arc<Broker>, receipt: Receipt, answer: Command, answers: &mut Answers) {
    if !safety::is_asked_for(broker) {
        return answers.now(receipt, answer);
    }
    let (broker, end) = (broker.clone(), broker.pops().noted.load(Ordering::Acquire));
    answers.later(receipt, async move { Some(safety::reached(&broker, end).await.answer(&broker, answer)) });
}

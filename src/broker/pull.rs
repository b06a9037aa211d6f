//! Pulling: what a group may read, filtered, at once or as soon as it comes.
//!
//! A pull that finds nothing waits on the queue's end: a long poll is a future that takes long.
//! Source: `PullMessageProcessor`, `PullRequestHoldService` of Apache RocketMQ 4.9.8.

use crate::{broker::Broker, filters::Wanted, mirror, offsets::Place, refusal::Refusal};
use protocol::{
    Body, Command,
    code::response,
    heartbeat::{MessageModel, Subscription},
    pull::{Pull, PullAnswer, pull_flag},
    route::MASTER_ID,
    topic::{self, GroupConfig, perm},
};
use remoting::{Answers, Peer, Receipt};
use std::{sync::Arc, time::Duration};
use store::{PullSpec, PullStatus, Pulled};
use tokio::time::Instant;

/// How long a slave keeps a reader waiting that is further than this slave's log, before it sends it to the master.
const CATCH_UP: Duration = Duration::from_millis(500);

/// Answers a pull, at once or later.
pub fn pull(broker: &Arc<Broker>, peer: &Peer, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    let reading = match Reading::of(broker, request) {
        Ok(reading) => reading,
        Err(refusal) => return answers.now(receipt, refusal.answer()),
    };
    let resets = broker.offsets().resets().get();
    if let Some(to) = reading.note(broker, peer) {
        return answers.now(receipt, reading.moved(broker, to));
    }
    let first = reading.pulled(broker, reading.asked.queue_offset);
    let Some(patience) = reading.patience(broker, &first) else {
        return answers.now(receipt, reading.answer(broker, first));
    };
    let broker = broker.clone();
    answers.later(receipt, async move { Some(reading.wait(&broker, patience, resets).await) });
}

/// A checked request to read.
struct Reading {
    asked: Pull,
    wanted: Arc<Wanted>,
    group: Arc<GroupConfig>,
}

impl Reading {
    fn of(broker: &Broker, request: &Command) -> Result<Self, Refusal> {
        let asked: Pull = request.header()?;
        if broker.config().broker_permission & perm::READ as u32 == 0 {
            return Err(Refusal::forbidden(format!("broker {} may not be read now", broker.config().broker_name)));
        }
        let group = broker.groups().require(&asked.consumer_group)?;
        if !group.consume_enable {
            return Err(Refusal::forbidden(format!(
                "group {} may not consume: consumeEnable is false",
                asked.consumer_group
            )));
        }
        match check_topic(broker, &asked) {
            Err(refusal) if refusal.code != response::NO_PERMISSION && mirror::has_messages(broker, &asked.topic) => {}
            checked => checked?,
        }
        let wanted = wanted(broker, &asked, &group)?;
        Ok(Self { asked, wanted, group })
    }

    fn place(&self) -> Place<'_> {
        Place { topic: &self.asked.topic, group: &self.asked.consumer_group, queue_id: self.asked.queue_id }
    }

    /// Notes who reads the queue, and how far it says the group is. Returns where to go on instead.
    fn note(&self, broker: &Broker, peer: &Peer) -> Option<i64> {
        let asked = &self.asked;
        if broker.follower().is_some() {
            return None;
        }
        let member = broker.clients().is_member(&asked.consumer_group, peer.id()).then(|| peer.id());
        let says = asked.sys_flag & pull_flag::COMMIT_OFFSET != 0 && !topic::is_broker_group(&asked.consumer_group);
        let offset = says.then_some(asked.commit_offset);
        broker.offsets().pulled(self.place(), member, offset).filter(|to| *to != asked.queue_offset)
    }

    /// Tells the reader to go on elsewhere: its group was reset.
    fn moved(&self, broker: &Broker, to: i64) -> Command {
        let (min_offset, max_offset) = broker
            .store()
            .queue(&self.asked.topic, self.asked.queue_id)
            .map_or((0, 0), |queue| (queue.min_offset(), queue.max_offset()));
        let suggest_which_broker_id = MASTER_ID;
        let header = PullAnswer { suggest_which_broker_id, next_begin_offset: to, min_offset, max_offset };
        Command::answer(response::PULL_OFFSET_MOVED).with_remark("OFFSET_RESET").with_header(&header)
    }

    fn pulled(&self, broker: &Broker, offset: i64) -> Pulled {
        let spec = PullSpec {
            topic: &self.asked.topic,
            queue_id: self.asked.queue_id,
            offset,
            max_messages: usize::try_from(self.asked.max_msg_nums).unwrap_or(0),
        };
        broker.store().pull(&spec, |entry, record| self.wanted.wants(entry, record))
    }

    /// How long this pull may wait for a message, if it is to wait.
    fn patience(&self, broker: &Broker, pulled: &Pulled) -> Option<Duration> {
        let asked = &self.asked;
        let code = self.code(pulled);
        let leaves_it = self.leaves_offset(broker, code);
        if asked.sys_flag & pull_flag::SUSPEND == 0 || !(leaves_it || code == response::PULL_NOT_FOUND) {
            return None;
        }
        let config = broker.config();
        let ms =
            if config.long_polling_enable { asked.suspend_timeout_millis } else { config.short_polling_time_ms as i64 };
        let patience = u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis)?;
        // Told to try again at once, clients do: without a master to go to, they would do nothing else.
        Some(if leaves_it { patience.min(CATCH_UP) } else { patience })
    }

    /// Whether it is not for this broker to correct an offset that it does not have: a slave may just be behind.
    fn leaves_offset(&self, broker: &Broker, code: i32) -> bool {
        code == response::PULL_OFFSET_MOVED && broker.follower().is_some() && !broker.config().offset_check_in_slave
    }

    /// Waits until the queue has a message this reader wants, at most for `patience`.
    async fn wait(self, broker: &Broker, patience: Duration, mut resets: u64) -> Command {
        let deadline = Instant::now() + patience;
        let mut offset = self.asked.queue_offset;
        loop {
            // Looked up each time: the topic may be deleted and made anew meanwhile.
            let queue = broker.store().queue_or_new(&self.asked.topic, self.asked.queue_id);
            let arrived = async {
                tokio::select! {
                    () = queue.end().reached(offset.max(0) as u64 + 1) => {}
                    () = broker.offsets().resets().reached(resets + 1) => {}
                }
            };
            let came = tokio::time::timeout_at(deadline, arrived).await.is_ok();
            let known = std::mem::replace(&mut resets, broker.offsets().resets().get());
            if resets != known
                && let Some(to) = broker.offsets().pulled(self.place(), None, None)
            {
                return self.moved(broker, to);
            }
            let pulled = self.pulled(broker, offset);
            match pulled.status {
                // Nothing for this reader among what came: it goes on waiting behind it.
                PullStatus::NoMatch if came => offset = pulled.next_offset,
                PullStatus::OffsetOverflowOne | PullStatus::NoMessageInQueue | PullStatus::NoSuchQueue if came => {}
                PullStatus::OffsetTooSmall if self.leaves_offset(broker, self.code(&pulled)) => {
                    tokio::time::sleep_until(deadline).await;
                    return self.answer(broker, pulled);
                }
                // Nobody waits here twice for messages it did not want: it is told how far it got.
                PullStatus::OffsetOverflowOne if offset != self.asked.queue_offset => {
                    return self.answer(broker, Pulled { status: PullStatus::NoMatch, ..pulled });
                }
                _ => return self.answer(broker, pulled),
            }
        }
    }

    fn code(&self, pulled: &Pulled) -> i32 {
        match pulled.status {
            PullStatus::Found => response::SUCCESS,
            PullStatus::NoMatch | PullStatus::Removing => response::PULL_RETRY_IMMEDIATELY,
            PullStatus::NoSuchQueue | PullStatus::NoMessageInQueue if self.asked.queue_offset != 0 => {
                response::PULL_OFFSET_MOVED
            }
            PullStatus::NoSuchQueue
            | PullStatus::NoMessageInQueue
            | PullStatus::OffsetFoundNull
            | PullStatus::OffsetOverflowOne => response::PULL_NOT_FOUND,
            PullStatus::OffsetOverflowBadly | PullStatus::OffsetTooSmall => response::PULL_OFFSET_MOVED,
            // A client then waits a while before it asks for the same again.
            PullStatus::Unreadable => response::SYSTEM_ERROR,
        }
    }

    fn answer(&self, broker: &Broker, pulled: Pulled) -> Command {
        let config = broker.config();
        let mut code = self.code(&pulled);
        let mut suggested = match (config.slave_read_enable, pulled.suggest_slave) {
            (true, true) => self.group.which_broker_when_consume_slowly,
            (true, false) => self.group.broker_id,
            (false, _) => MASTER_ID,
        };
        let mut next_begin_offset = pulled.next_offset;
        if self.leaves_offset(broker, code) {
            (code, suggested) = (response::PULL_RETRY_IMMEDIATELY, self.group.broker_id);
            next_begin_offset = self.asked.queue_offset;
        }
        if code == response::PULL_OFFSET_MOVED {
            let (place, from, to) = (self.place(), self.asked.queue_offset, pulled.next_offset);
            tracing::info!(?place, from, to, "offset corrected");
            if broker.follower().is_none() {
                let queue = || broker.store().queue(place.topic, place.queue_id);
                broker.offsets().correct(place, || queue().map_or(0, |queue| queue.max_offset()));
            }
        }
        let header = PullAnswer {
            suggest_which_broker_id: suggested,
            next_begin_offset,
            min_offset: pulled.min_offset,
            max_offset: pulled.max_offset,
        };
        let mut body = Body::default();
        if code == response::SUCCESS {
            let (topic, group) = (&self.asked.topic, &self.asked.consumer_group);
            broker.counts().got(topic, group, pulled.message_count, pulled.byte_count, || broker.clock().now_ms());
            pulled.records.into_iter().for_each(|piece| body.push(piece));
        }
        Command::answer(code).with_remark(remark(pulled.status)).with_header(&header).with_body(body)
    }
}

/// Whether the topic has that queue, and it may be read.
fn check_topic(broker: &Broker, asked: &Pull) -> Result<(), Refusal> {
    let topic = broker.topics().require(&asked.topic)?;
    if topic.perm & perm::READ == 0 {
        return Err(Refusal::forbidden(format!("topic {} may not be read", asked.topic)));
    }
    if !(0..topic.read_queue_nums).contains(&asked.queue_id) {
        let remark = format!(
            "queue id {} is illegal: topic {} has {} queues to read",
            asked.queue_id, asked.topic, topic.read_queue_nums
        );
        return Err(Refusal::new(response::SYSTEM_ERROR, remark));
    }
    Ok(())
}

/// What the group wants of the topic: as the request says, or as the group's heartbeats did.
fn wanted(broker: &Broker, asked: &Pull, group: &GroupConfig) -> Result<Arc<Wanted>, Refusal> {
    let heard = broker.clients().subscription(&asked.consumer_group, &asked.topic);
    if let Some((MessageModel::Broadcasting, _)) = heard
        && !group.consume_broadcast_enable
    {
        let remark = format!("group {} may not consume by broadcast way", asked.consumer_group);
        return Err(Refusal::forbidden(remark));
    }
    if asked.sys_flag & pull_flag::SUBSCRIPTION != 0 {
        let expression = asked.subscription.as_deref().unwrap_or_default();
        let kind = asked.expression_type.as_deref();
        let said = Subscription::of_type(&asked.topic, expression, kind, asked.sub_version);
        may_filter(broker, &said)?;
        let wanted = broker.filters().wanted(said);
        return usable(wanted.into(), response::SUBSCRIPTION_PARSE_FAILED, "parse the consumer's subscription failed");
    }
    let Some((_, wanted)) = heard else {
        let remark = format!("group {} has no connected member: is its heartbeat late?", asked.consumer_group);
        return Err(Refusal::new(response::SUBSCRIPTION_NOT_EXIST, remark));
    };
    let Some(wanted) = wanted else {
        let remark = format!(
            "group {} does not subscribe to topic {}: do all its members subscribe to the same topics?",
            asked.consumer_group, asked.topic
        );
        return Err(Refusal::new(response::SUBSCRIPTION_NOT_EXIST, remark));
    };
    if wanted.said.sub_version < asked.sub_version {
        return Err(Refusal::new(response::SUBSCRIPTION_NOT_LATEST, "the consumer's subscription not latest"));
    }
    may_filter(broker, &wanted.said)?;
    usable(wanted, response::FILTER_DATA_NOT_EXIST, "the consumer's filter cannot be used")
}

/// Refuses filters over properties where the broker's settings do.
pub(crate) fn may_filter(broker: &Broker, said: &Subscription) -> Result<(), Refusal> {
    if said.is_tag() || broker.config().enable_property_filter {
        return Ok(());
    }
    let remark = format!(
        "The broker does not support consumer to filter message by {}: enablePropertyFilter is false",
        said.expression_type
    );
    Err(Refusal::new(response::SYSTEM_ERROR, remark))
}

pub fn usable(wanted: Arc<Wanted>, code: i32, what: &str) -> Result<Arc<Wanted>, Refusal> {
    match wanted.broken() {
        None => Ok(wanted),
        Some(why) => Err(Refusal::new(code, format!("{what}: {why}"))),
    }
}

/// Apache's name of a status: some clients compare it.
fn remark(status: PullStatus) -> &'static str {
    match status {
        PullStatus::Found => "FOUND",
        PullStatus::NoMatch => "NO_MATCHED_MESSAGE",
        PullStatus::Removing => "MESSAGE_WAS_REMOVING",
        PullStatus::NoSuchQueue => "NO_MATCHED_LOGIC_QUEUE",
        PullStatus::NoMessageInQueue => "NO_MESSAGE_IN_QUEUE",
        PullStatus::OffsetFoundNull => "OFFSET_FOUND_NULL",
        // Not one of Apache's.
        PullStatus::Unreadable => "the queue cannot be read now; the broker's log tells why",
        PullStatus::OffsetOverflowOne => "OFFSET_OVERFLOW_ONE",
        PullStatus::OffsetOverflowBadly => "OFFSET_OVERFLOW_BADLY",
        PullStatus::OffsetTooSmall => "OFFSET_TOO_SMALL",
    }
}

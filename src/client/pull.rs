//! Reading a queue from where its caller says.
//!
//! A pull is one request; with a wait, the broker holds it until a message comes. The broker filters tags by their
//! hashes and this client by the tags themselves. Source: `PullAPIWrapper`, `DefaultMQPullConsumer` of Apache RocketMQ.

use crate::{
    client::{Client, malformed, refused},
    config::ClientConfig,
    error::Error,
    message::Received,
    route::Queue,
    source::{PATIENCE, Source},
};
use parking_lot::Mutex;
use protocol::{
    Command,
    code::{request, response},
    heartbeat::Subscription,
    pull::{Pull, PullAnswer, pull_flag},
    record,
    route::MASTER_ID,
    topic::check_group,
};
use std::{collections::HashMap, time::Duration};

/// How soon a slave is asked again that has nothing at an offset.
const ASK_A_SLAVE_AGAIN: Duration = Duration::from_secs(1);

/// How a pull ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullStatus {
    /// There were messages. All may have been left out by the exact tag filter.
    Found,
    /// The queue ends here.
    NoNew,
    /// There are messages, but none that matches up to [`Pulled::next_offset`].
    NoMatched,
    /// There is no such index; [`Pulled::next_offset`] is the nearest.
    OffsetIllegal,
}

/// What a pull gave.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// How it ended.
    pub status: PullStatus,
    /// The messages, in order.
    pub messages: Vec<Received>,
    /// Where to pull next. A slave never sends a reader back.
    pub next_offset: i64,
    /// The queue's first index.
    pub min_offset: i64,
    /// The queue's end.
    pub max_offset: i64,
    /// Which broker of the name to ask next: 0 is the master.
    pub suggested_broker: i64,
}

/// What to pull.
pub(crate) struct PullFrom<'a> {
    pub(crate) group: &'a str,
    pub(crate) queue: &'a Queue,
    pub(crate) subscription: &'a Subscription,
    pub(crate) offset: i64,
    /// At most so many messages.
    pub(crate) max: i32,
    /// How long the broker may hold the request.
    pub(crate) wait: Option<Duration>,
}

impl Client {
    /// Pulls from the broker that `source` says, which learns what the answer suggests. If that one does not answer,
    /// another of its name is asked, if there is one.
    pub(crate) async fn pull(&self, from: PullFrom<'_>, source: &mut Source) -> Result<Pulled, Error> {
        let Queue { topic, broker, .. } = from.queue;
        let mut elsewhere = false;
        loop {
            let (id, addr) = self.broker_addr(broker, topic, source.id(), false).await?;
            let mut timeout = self.config().request_timeout + from.wait.unwrap_or_default();
            if from.wait.is_none() && !elsewhere && self.broker_ids(broker).len() > 1 {
                timeout = timeout.min(PATIENCE);
            }
            match self.pull_at(&from, id, &addr, timeout).await {
                Ok(pulled) => {
                    source.suggested(pulled.suggested_broker);
                    return Ok(pulled);
                }
                Err(error @ Error::Unreachable(_)) => {
                    // The name servers may know already that it has gone.
                    if let Err(error) = self.fresh_route(topic).await {
                        tracing::debug!(%topic, %error, "keeps the known route");
                    }
                    if !source.failed(id, &self.broker_ids(broker)) || elsewhere {
                        return Err(error);
                    }
                    tracing::warn!(queue = %from.queue, %error, from = source.id(), "reads from another broker of the name");
                    elsewhere = true;
                }
                Err(error) => {
                    source.refused();
                    return Err(error);
                }
            }
        }
    }

    /// Pulls from one broker. Of a slave it is believed what messages it has, not where a queue begins and ends: it may
    /// just be behind. What it cannot give is nothing new, and that is answered no sooner than an impatient reader
    /// should ask again.
    async fn pull_at(&self, from: &PullFrom<'_>, id: i64, addr: &str, timeout: Duration) -> Result<Pulled, Error> {
        let mut pulled = self.pull_once(from, addr, timeout).await?;
        if id == MASTER_ID {
            return Ok(pulled);
        }
        if pulled.status == PullStatus::OffsetIllegal || pulled.next_offset < from.offset {
            (pulled.status, pulled.next_offset, pulled.suggested_broker) = (PullStatus::NoNew, from.offset, MASTER_ID);
        }
        let stays = pulled.status != PullStatus::Found && pulled.next_offset == from.offset;
        if let Some(hold) = from.wait.filter(|_| stays) {
            tokio::time::sleep(hold.min(ASK_A_SLAVE_AGAIN)).await;
        }
        Ok(pulled)
    }

    async fn pull_once(&self, from: &PullFrom<'_>, addr: &str, timeout: Duration) -> Result<Pulled, Error> {
        const ASKED: i32 = request::PULL_MESSAGE;
        let &PullFrom { group, queue, subscription, offset, max, wait } = from;
        let hold = wait.unwrap_or_default();
        let header = Pull {
            consumer_group: group.to_owned(),
            topic: queue.topic.to_string(),
            queue_id: queue.id,
            queue_offset: offset,
            max_msg_nums: max,
            // The subscription travels with the pull: the broker need not have heard of it before.
            sys_flag: pull_flag::SUBSCRIPTION | if wait.is_some() { pull_flag::SUSPEND } else { 0 },
            commit_offset: 0,
            suspend_timeout_millis: hold.as_millis() as i64,
            subscription: Some(subscription.sub_string.clone()),
            sub_version: subscription.sub_version,
            expression_type: Some(subscription.expression_type.clone()),
        };
        let answer = self.call(addr, Command::request(ASKED).with_header(&header), timeout).await?;
        let status = match answer.code {
            response::SUCCESS => PullStatus::Found,
            response::PULL_NOT_FOUND => PullStatus::NoNew,
            response::PULL_RETRY_IMMEDIATELY => PullStatus::NoMatched,
            response::PULL_OFFSET_MOVED => PullStatus::OffsetIllegal,
            _ => return Err(refused(addr, ASKED, answer)),
        };
        let told: PullAnswer = answer.header().map_err(|error| malformed(addr, ASKED, error))?;
        let mut messages = Vec::new();
        if status == PullStatus::Found {
            let records = record::decode_all(answer.body.to_bytes(), true);
            let records =
                records.map_err(|error| malformed(addr, ASKED, format!("from {queue} at {offset}: {error}")))?;
            messages.reserve(records.len());
            let received = records.into_iter().map(|record| Received::from_record(record, &queue.broker));
            messages.extend(received.filter(|message| !subscription.is_tag() || subscription.wants_tag(message.tag())));
        }
        Ok(Pulled {
            status,
            messages,
            next_offset: told.next_begin_offset,
            min_offset: told.min_offset,
            max_offset: told.max_offset,
            suggested_broker: told.suggest_which_broker_id,
        })
    }
}

/// Reads queues in the name of a group, without being a member of it: it shares no queues with others and brokers do
/// not list it. Offsets are its caller's business.
pub struct PullConsumer {
    client: Client,
    own_client: bool,
    group: String,
    /// Which broker of its name each queue is to be read from.
    sources: Mutex<HashMap<Queue, Source>>,
}

impl PullConsumer {
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
        Ok(Self { client: client.clone(), own_client: false, group: group.to_owned(), sources: Mutex::default() })
    }

    /// The queues of a topic that can be read, in order.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`], or that of asking.
    pub async fn queues(&self, topic: &str) -> Result<Vec<Queue>, Error> {
        Ok(self.client.route(topic).await?.readable().to_vec())
    }

    /// Reads at most `max` messages of a queue that `subscription` wants, from `offset` on: from the master, or from a
    /// slave if brokers suggest one or the master does not answer. With `wait`, the broker
    /// holds a request that finds nothing until a message comes or the time has passed.
    ///
    /// # Errors
    /// If no broker of the queue can be asked or it refuses.
    pub async fn pull(
        &self,
        queue: &Queue,
        subscription: &Subscription,
        offset: i64,
        max: i32,
        wait: Option<Duration>,
    ) -> Result<Pulled, Error> {
        let mut source = self.sources.lock().get(queue).copied().unwrap_or_default();
        let before = source;
        let from = PullFrom { group: &self.group, queue, subscription, offset, max, wait };
        let pulled = self.client.pull(from, &mut source).await;
        if source != before {
            self.sources.lock().insert(queue.clone(), source);
        }
        pulled
    }

    /// The index the group will consume next, as the broker knows it.
    ///
    /// # Errors
    /// If the queue's master cannot be asked.
    pub async fn committed(&self, queue: &Queue) -> Result<Option<i64>, Error> {
        self.client.committed(&self.group, queue).await
    }

    /// Tells the broker the index the group will consume next.
    ///
    /// # Errors
    /// If the queue's master cannot be asked or refuses.
    pub async fn commit(&self, queue: &Queue, offset: i64) -> Result<(), Error> {
        self.client.commit(&self.group, queue, offset).await
    }

    /// [`PullConsumer::commit`] for many queues.
    ///
    /// # Errors
    /// If the master of a queue cannot be asked or refuses; the others are told nevertheless.
    pub async fn commit_all(&self, positions: impl IntoIterator<Item = (&Queue, i64)>) -> Result<(), Error> {
        self.client.commit_all(&self.group, positions).await
    }

    /// The client it stands on, for the offsets of queues.
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

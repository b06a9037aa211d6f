//! Messages come to a handler: the consumer that most applications want.
//!
//! The members of a group share a topic's queues (`rebalance`), or each reads them all (broadcast); what was pulled is
//! handed to the handler as it comes (`consume`) or a queue's messages one after the other (`ordered`).
//! Source: `DefaultMQPushConsumer` of Apache RocketMQ.

use crate::{
    allocate::Allocation,
    client::Client,
    config::ClientConfig,
    error::Error,
    local_offsets::{self, LocalOffsets},
    member::{Delivery, Member},
    message::Received,
    positions::Positions,
    route::Queue,
    trace::{Of, Trace},
};
use protocol::{
    heartbeat::Subscription,
    topic::{check_group, retry_topic},
};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// What became of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumeResult {
    /// They are done with.
    Success,
    /// They are to come again later: the broker delays them, longer each time, and in the end makes them dead letters.
    Later,
}

/// Whether messages of a queue may overtake each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They may: many calls of the handler run at the same time, and what fails comes again later.
    #[default]
    Concurrent,
    /// They may not: a queue is locked for this member and consumed by one call at a time; what fails is tried again
    /// in its place and holds its queue up.
    Ordered,
}

/// Where a group that has no position yet starts to read a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartFrom {
    /// With what comes from now on. Brokers answer 0 for a new group while a queue still holds its first message in
    /// memory, so such a queue is read from its beginning: Apache's clients rely on it, this one does as they do.
    #[default]
    Last,
    /// With the oldest message.
    First,
    /// With the first message stored at or after this time, ms.
    Time(i64),
}

/// How a consumer works. The defaults are those of `DefaultMQPushConsumer`.
#[derive(Clone, Debug)]
pub struct PushOptions {
    /// Where a new group starts. Default [`StartFrom::Last`].
    pub start_from: StartFrom,
    /// How many calls of the handler may run at the same time. Default 20; with 1, a queue's messages come in order.
    pub concurrency: usize,
    /// Most messages in one call of the handler. Default 1.
    pub batch: usize,
    /// Most messages in one pull. Default 32.
    pub pull_batch: i32,
    /// A queue is not pulled while so many of its messages wait. Default 1000.
    pub max_waiting: usize,
    /// A queue is not pulled while so many bytes of it wait. Default 100 MiB.
    pub max_waiting_bytes: usize,
    /// A queue is not pulled while its waiting messages lie so far apart. Default 2000.
    pub max_span: i64,
    /// How often a message comes again before it becomes a dead letter. Default 16; without end if in order.
    pub max_reconsume_times: Option<i32>,
    /// Whether messages may overtake each other. Default [`Mode::Concurrent`].
    pub mode: Mode,
    /// Every member gets every message, and keeps its positions in a file of its own; what fails is dropped with a
    /// warning. Default false: a message goes to one member.
    pub broadcast: bool,
    /// How queues are shared out; all members of a group must do it alike. Default [`Allocation::Averagely`].
    pub allocation: Allocation,
    /// In order: how long a queue rests before a message that failed is tried again; 10 ms to 30 s. Default 1 s.
    pub suspend: Duration,
    /// In order: how often the locks of queues are renewed; they are relied on for 30 s. Default 20 s.
    pub lock_period: Duration,
    /// After so long a call's messages are given back to be delivered again, though it still runs. Not in order.
    /// Default 15 min.
    pub consume_timeout: Duration,
    /// Broadcast: the folder of positions. Default `~/.rocketmq_offsets`, where Apache's clients keep theirs.
    pub local_offsets: Option<PathBuf>,
    /// How long a broker may hold a pull that finds nothing. Default 15 s.
    pub long_poll: Duration,
    /// How often queues are shared out anew without a notice. Default 20 s.
    pub rebalance_period: Duration,
    /// How often positions are told to the brokers; zero: only at the end. Default 5 s.
    pub persist_period: Duration,
    /// How long to wait before messages the broker did not take back are tried again here. Default 5 s.
    pub retry_here_after: Duration,
    /// Whether the topic of traces is told of each call of the handler. Default false.
    pub trace: bool,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            start_from: StartFrom::Last,
            concurrency: 20,
            batch: 1,
            pull_batch: 32,
            max_waiting: 1000,
            max_waiting_bytes: 100 * 1024 * 1024,
            max_span: 2000,
            max_reconsume_times: None,
            mode: Mode::default(),
            broadcast: false,
            allocation: Allocation::default(),
            suspend: Duration::from_secs(1),
            lock_period: Duration::from_secs(20),
            consume_timeout: Duration::from_secs(15 * 60),
            local_offsets: None,
            long_poll: Duration::from_secs(15),
            rebalance_period: Duration::from_secs(20),
            persist_period: Duration::from_secs(5),
            retry_here_after: Duration::from_secs(5),
            trace: false,
        }
    }
}

/// The instance part of a broadcast consumer's client id, which must be the same when it is started again.
const BROADCAST_INSTANCE: &str = "DEFAULT";

/// A member of a consumer group. Dropping it stops it without committing what it did last; see
/// [`PushConsumer::shutdown`].
pub struct PushConsumer {
    member: Arc<Member>,
    own_client: bool,
}

impl PushConsumer {
    /// A member of `group` with a client of its own, which wants what `subscriptions` say.
    /// A handler that panics counts as [`ConsumeResult::Later`]. A broadcast group's client is `ip@DEFAULT` unless the
    /// settings name another instance: several on one machine each need a name of their own.
    ///
    /// # Errors
    /// If a name is none, or no name server answers. A topic that does not exist yet is waited for.
    pub async fn start<F>(
        config: ClientConfig,
        group: &str,
        subscriptions: impl IntoIterator<Item = Subscription>,
        options: PushOptions,
        handler: impl Fn(Vec<Received>) -> F + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        F: Future<Output = ConsumeResult> + Send + 'static,
    {
        check_group(group)?;
        let instance = config.instance.clone().or_else(|| options.broadcast.then(|| BROADCAST_INSTANCE.to_owned()));
        let client = Client::start(ClientConfig { instance, ..config })?;
        let mut consumer = Self::on(&client, group, subscriptions, options, handler).await?;
        consumer.own_client = true;
        Ok(consumer)
    }

    /// [`PushConsumer::start`] on a client that others use too.
    ///
    /// # Errors
    /// As [`PushConsumer::start`], or [`Error::GroupTaken`].
    pub async fn on<F>(
        client: &Client,
        group: &str,
        subscriptions: impl IntoIterator<Item = Subscription>,
        options: PushOptions,
        handler: impl Fn(Vec<Received>) -> F + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        F: Future<Output = ConsumeResult> + Send + 'static,
    {
        check_group(group)?;
        let handler = Box::new(move |messages| Box::pin(handler(messages)) as _);
        let positions = match options.broadcast {
            false => Positions::Brokers,
            true => {
                let folder = options.local_offsets.clone().map_or_else(local_offsets::default_directory, Ok)?;
                Positions::local(LocalOffsets::open(&folder, client.id(), group)?)
            }
        };
        // What fails in a broadcast group does not come again.
        let retry = (!options.broadcast).then(|| Subscription::tags(&retry_topic(group), "*", 0));
        let trace = if options.trace { Some(Trace::start(client, group, Of::Consumer)?) } else { None };
        let member = Member::new(client, group, options, Delivery::Handler(handler), positions);
        let member = Arc::new(Member { trace, ..member });
        for subscription in subscriptions.into_iter().chain(retry) {
            member.subscribe(subscription).await?;
        }
        member.join()?;
        Ok(Self { member, own_client: false })
    }

    /// The queues that are this member's now, in order.
    pub fn assigned(&self) -> Vec<Queue> {
        self.member.queues.lock().keys().cloned().collect()
    }

    /// The client it stands on.
    pub fn client(&self) -> &Client {
        &self.member.client
    }

    /// Stops pulling, lets the calls of the handler that run end, at most `within`, commits the positions, and leaves
    /// the group. Returns whether all calls ended and every position was committed.
    pub async fn shutdown(&self, within: Duration) -> bool {
        let well = self.member.leave(within).await;
        if self.own_client {
            self.member.client.shutdown().await;
        }
        well
    }
}

impl Drop for PushConsumer {
    fn drop(&mut self) {
        self.member.abandon();
    }
}

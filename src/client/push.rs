//! A member of a consumer group: messages come to a handler.
//!
//! The members of a group share a topic's queues (`rebalance`); each queue has a loop that pulls (`pull_loop`);
//! what was pulled is handed to the handler, and given back to the broker if that fails (`consume`).
//! Source: `DefaultMQPushConsumer` of Apache RocketMQ, in cluster mode, concurrent.

use crate::{
    client::Client,
    config::ClientConfig,
    error::Error,
    message::Received,
    process_queue::{ProcessQueue, Room},
    rebalance,
    route::Queue,
};
use base::{Clock, Tasks};
use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use protocol::{
    heartbeat::{ConsumeFrom, ConsumeType, ConsumerData, MessageModel, Subscription},
    topic::{check_group, check_topic, retry_topic},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What became of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumeResult {
    /// They are done with.
    Success,
    /// They are to come again later: the broker delays them, longer each time, and in the end makes them dead letters.
    Later,
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
    /// How often a message comes again before it becomes a dead letter. Default 16.
    pub max_reconsume_times: i32,
    /// How long a broker may hold a pull that finds nothing. Default 15 s.
    pub long_poll: Duration,
    /// How often queues are shared out anew without a notice. Default 20 s.
    pub rebalance_period: Duration,
    /// How often positions are told to the brokers. Default 5 s.
    pub persist_period: Duration,
    /// How long to wait before messages the broker did not take back are tried again here. Default 5 s.
    pub retry_here_after: Duration,
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
            max_reconsume_times: 16,
            long_poll: Duration::from_secs(15),
            rebalance_period: Duration::from_secs(20),
            persist_period: Duration::from_secs(5),
            retry_here_after: Duration::from_secs(5),
        }
    }
}

/// A member of a consumer group. Dropping it stops it without committing what it did last; see
/// [`PushConsumer::shutdown`].
pub struct PushConsumer {
    shared: Arc<Shared>,
    own_client: bool,
}

type Handler = Box<dyn Fn(Vec<Received>) -> BoxFuture<'static, ConsumeResult> + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) group: String,
    pub(crate) options: PushOptions,
    pub(crate) handler: Handler,
    /// By topic; the group's retry topic among them.
    pub(crate) subscriptions: Mutex<BTreeMap<String, Subscription>>,
    /// The queues that are this member's now.
    pub(crate) queues: Mutex<BTreeMap<Queue, Assigned>>,
    /// Queues are to be shared out anew.
    pub(crate) wake: Arc<Notify>,
    /// One for each call of the handler that may run.
    pub(crate) permits: Semaphore,
    /// The calls that run or wait.
    pub(crate) calls: TaskTracker,
    pub(crate) tasks: Tasks,
    clock: Clock,
}

#[derive(Clone)]
pub(crate) struct Assigned {
    pub(crate) process: Arc<ProcessQueue>,
    /// Stops its pull loop.
    pub(crate) stop: CancellationToken,
}

impl PushConsumer {
    /// A member of `group` with a client of its own, which wants what `subscriptions` say.
    /// A handler that panics counts as [`ConsumeResult::Later`].
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
        let client = Client::start(config)?;
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
        let clock = Clock::System;
        let mut wanted = BTreeMap::new();
        let retry = Subscription::tags(&retry_topic(group), "*", 0);
        for subscription in subscriptions.into_iter().chain([retry]) {
            check_topic(&subscription.topic)?;
            let subscription = Subscription { sub_version: clock.now_ms(), ..subscription };
            match client.route(&subscription.topic).await {
                Ok(_) | Err(Error::TopicNotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            wanted.insert(subscription.topic.clone(), subscription);
        }
        let shared = Arc::new(Shared {
            client: client.clone(),
            group: group.to_owned(),
            handler: Box::new(move |messages| Box::pin(handler(messages))),
            subscriptions: Mutex::new(wanted),
            queues: Mutex::default(),
            wake: Arc::default(),
            permits: Semaphore::new(options.concurrency.max(1)),
            calls: TaskTracker::new(),
            tasks: Tasks::default(),
            options,
            clock,
        });
        client.shared().groups.join_as_consumer(shared.consumer_data(), shared.wake.clone())?;
        shared.tasks.spawn("rebalance", rebalance::run(shared.clone()));
        shared.tasks.spawn("persist positions", persist_regularly(shared.clone()));
        Ok(Self { shared, own_client: false })
    }

    /// The queues that are this member's now, in order.
    pub fn assigned(&self) -> Vec<Queue> {
        self.shared.queues.lock().keys().cloned().collect()
    }

    /// The client it stands on.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Stops pulling, lets the calls of the handler that run end, at most `within`, commits the positions, and leaves
    /// the group. Returns whether all calls ended and every position was committed.
    pub async fn shutdown(&self, within: Duration) -> bool {
        let shared = &self.shared;
        // Stops the pull loops, and the calls that have not begun.
        shared.tasks.shutdown().cancel();
        shared.calls.close();
        let ended = tokio::time::timeout(within, shared.calls.wait()).await.is_ok();
        shared.tasks.stop(within).await;
        let committed = shared.persist_all().await;
        shared.client.shared().groups.leave_as_consumer(&shared.group);
        shared.client.unregister(None, Some(&shared.group)).await;
        if self.own_client {
            shared.client.shutdown().await;
        }
        ended && committed
    }
}

impl Drop for PushConsumer {
    fn drop(&mut self) {
        self.shared.tasks.shutdown().cancel();
        self.shared.client.shared().groups.leave_as_consumer(&self.shared.group);
    }
}

impl Shared {
    pub(crate) fn is_stopping(&self) -> bool {
        self.tasks.shutdown().is_cancelled()
    }

    pub(crate) fn room(&self) -> Room {
        let PushOptions { max_waiting, max_waiting_bytes, max_span, .. } = self.options;
        Room { messages: max_waiting, bytes: max_waiting_bytes, span: max_span }
    }

    /// The subscriptions have a new version: what the member reads has changed.
    pub(crate) fn renew_subscriptions(&self) {
        let now_ms = self.clock.now_ms();
        self.subscriptions.lock().values_mut().for_each(|subscription| subscription.sub_version = now_ms);
        self.client.shared().groups.update_consumer(self.consumer_data());
    }

    fn consumer_data(&self) -> ConsumerData {
        ConsumerData {
            consume_from_where: match self.options.start_from {
                StartFrom::Last => ConsumeFrom::LastOffset,
                StartFrom::First => ConsumeFrom::FirstOffset,
                StartFrom::Time(_) => ConsumeFrom::Timestamp,
            },
            consume_type: ConsumeType::Passively,
            group_name: self.group.clone(),
            message_model: MessageModel::Clustering,
            subscription_data_set: self.subscriptions.lock().values().cloned().collect(),
            unit_mode: false,
        }
    }

    /// Tells the brokers every position they do not know yet. Returns whether all took it.
    async fn persist_all(&self) -> bool {
        let queues = self.queues.lock().clone();
        let told = queues.iter().map(|(queue, assigned)| self.persist(queue, assigned));
        join_all(told).await.into_iter().all(|told| told)
    }

    /// Tells the broker a queue's position. Returns whether it took it.
    pub(crate) async fn persist(&self, queue: &Queue, assigned: &Assigned) -> bool {
        let told = assigned.process.persist(&self.client, &self.group, queue).await;
        if let Err(error) = &told {
            tracing::warn!(group = self.group, %queue, %error, "a position was not committed");
        }
        told.is_ok()
    }
}

async fn persist_regularly(shared: Arc<Shared>) {
    let shutdown = shared.tasks.shutdown().clone();
    while shutdown.run_until_cancelled(tokio::time::sleep(shared.options.persist_period)).await.is_some() {
        shared.persist_all().await;
    }
}

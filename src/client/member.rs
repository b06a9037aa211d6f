//! A member of a consumer group: the queues it reads, how far it has come in them, and whom it gives messages to.
//!
//! [`crate::push`] and [`crate::lite_pull`] are what applications see of it. `rebalance` gives it queues and takes them
//! away; each queue has one task: `pull_loop` for messages that may overtake each other, `ordered` for those that may not.

use crate::{
    client::Client,
    error::Error,
    groups::{Notices, Reset},
    lite_pull::Polled,
    locks::{Locks, name},
    message::Received,
    ordered,
    positions::Positions,
    process_queue::{ProcessQueue, Room},
    producer::Producer,
    pull_loop,
    push::{ConsumeResult, Mode, PushOptions, StartFrom},
    rebalance,
    route::Queue,
    running,
    trace::Trace,
};
use base::{Clock, Tasks};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use protocol::heartbeat::{ConsumeFrom, ConsumeType, ConsumerData, MessageModel, Subscription};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) type Handler = Box<dyn Fn(Vec<Received>) -> BoxFuture<'static, ConsumeResult> + Send + Sync>;

/// Who gets what was pulled.
pub(crate) enum Delivery {
    Handler(Handler),
    Polled(Arc<Polled>),
}

pub(crate) struct Member {
    pub(crate) client: Client,
    pub(crate) group: String,
    pub(crate) options: PushOptions,
    pub(crate) delivery: Delivery,
    pub(crate) positions: Positions,
    /// By topic; the group's retry topic among them.
    pub(crate) subscriptions: Mutex<BTreeMap<String, Subscription>>,
    /// The queues that are this member's now.
    pub(crate) queues: Mutex<BTreeMap<Queue, Assigned>>,
    pub(crate) locks: Locks,
    /// Queues are to be shared out anew.
    pub(crate) wake: Arc<Notify>,
    /// One for each call of the handler that may run.
    pub(crate) permits: Semaphore,
    /// The calls that run or wait.
    pub(crate) calls: TaskTracker,
    pub(crate) tasks: Tasks,
    /// Of what no broker took back; made when first needed.
    pub(crate) resender: Mutex<Option<Producer>>,
    /// The brokers know of this member.
    pub(crate) joined: AtomicBool,
    /// The last position of a queue that was given up could not be committed.
    pub(crate) uncommitted: AtomicBool,
    pub(crate) clock: Clock,
    /// Tells about the calls, if asked to.
    pub(crate) trace: Option<Trace>,
}

#[derive(Clone)]
pub(crate) struct Assigned {
    pub(crate) process: Arc<ProcessQueue>,
    /// The queue is this member's no longer.
    pub(crate) stop: CancellationToken,
    /// Where to start, if not where the group stands.
    pub(crate) start: Option<i64>,
}

impl Member {
    /// A member that reads nothing yet.
    pub(crate) fn new(
        client: &Client,
        group: &str,
        options: PushOptions,
        delivery: Delivery,
        positions: Positions,
    ) -> Self {
        Self {
            client: client.clone(),
            group: group.to_owned(),
            delivery,
            positions,
            subscriptions: Mutex::default(),
            queues: Mutex::default(),
            locks: Locks::default(),
            wake: Arc::default(),
            permits: Semaphore::new(options.concurrency.max(1)),
            calls: TaskTracker::new(),
            tasks: Tasks::default(),
            resender: Mutex::default(),
            joined: AtomicBool::new(false),
            uncommitted: AtomicBool::new(false),
            options,
            clock: Clock::System,
            trace: None,
        }
    }

    /// Joins the group at the brokers, and starts what goes on in the background.
    pub(crate) fn join(self: &Arc<Self>) -> Result<(), Error> {
        let (to, resets) = mpsc::unbounded_channel();
        let (member, started_ms) = (Arc::downgrade(self), self.clock.now_ms());
        let running = move || member.upgrade().map(|member| running::of(&member, started_ms));
        let notices = Notices { members_changed: self.wake.clone(), resets: to, running: Arc::new(running) };
        self.client.shared().groups.join_as_consumer(self.consumer_data(), notices)?;
        self.tasks.spawn("rebalance", rebalance::run(self.clone(), resets));
        self.joined.store(true, Ordering::Release);
        self.keep_positions();
        if self.is_locking() {
            self.tasks.spawn("renew locks", ordered::renew_locks(self.clone()));
        }
        Ok(())
    }

    /// Starts to keep positions from time to time.
    pub(crate) fn keep_positions(self: &Arc<Self>) {
        if !self.options.persist_period.is_zero() {
            self.tasks.spawn("keep positions", persist_regularly(self.clone()));
        }
    }

    /// Adds a subscription; whether its topic exists is looked up.
    pub(crate) async fn subscribe(&self, subscription: Subscription) -> Result<(), Error> {
        protocol::topic::check_topic(&subscription.topic)?;
        match self.client.route(&subscription.topic).await {
            Ok(_) | Err(Error::TopicNotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let subscription = Subscription { sub_version: self.clock.now_ms(), ..subscription };
        self.subscriptions.lock().insert(subscription.topic.clone(), subscription);
        Ok(())
    }

    /// Starts to read a queue: at `start`, or where the group stands.
    pub(crate) fn take(self: &Arc<Self>, queue: Queue, start: Option<i64>) {
        let stop = self.tasks.shutdown().child_token();
        let assigned = Assigned { process: Arc::default(), stop, start };
        self.queues.lock().insert(queue.clone(), assigned.clone());
        if self.is_ordered() {
            // Among the calls: it ends after the call that runs, and its end is waited for.
            self.calls.spawn(ordered::run(self.clone(), queue, assigned));
        } else {
            self.tasks.spawn("pull", pull_loop::run(self.clone(), queue, assigned));
        }
    }

    /// Gives a queue up: what is consumed of it is committed, what is being consumed will come to its next reader. The
    /// reader of an ordered queue does so itself, once its call has ended.
    pub(crate) async fn release(&self, queue: &Queue) {
        let Some(assigned) = self.queues.lock().remove(queue) else { return };
        assigned.stop.cancel();
        if !self.is_ordered() {
            assigned.process.drop_queue();
            self.persist(queue, &assigned).await;
        }
    }

    /// Goes on in queues where a reset says: what was pulled of them no longer counts. They are taken anew when queues
    /// are shared out next.
    pub(crate) async fn reset(&self, reset: &Reset) {
        let mine: Vec<Queue> =
            self.queues.lock().keys().filter(|queue| *queue.topic == *reset.topic).cloned().collect();
        for queue in &mine {
            let Some(offset) = reset.positions.get(&name(queue)).copied() else { continue };
            let Some(assigned) = self.queues.lock().remove(queue) else { continue };
            assigned.stop.cancel();
            let done = self.positions.reset(&self.client, &self.group, queue, &assigned.process, offset).await;
            match done {
                Ok(()) => tracing::info!(group = self.group, %queue, offset, "goes on there"),
                Err(error) => tracing::error!(group = self.group, %queue, offset, %error, "cannot go on there"),
            }
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.tasks.shutdown().is_cancelled()
    }

    pub(crate) fn is_ordered(&self) -> bool {
        self.options.mode == Mode::Ordered
    }

    /// Whether a queue is locked before it is read. In a broadcast group nobody else can be in the way.
    pub(crate) fn is_locking(&self) -> bool {
        self.is_ordered() && !self.options.broadcast
    }

    /// How often a message comes again before it becomes a dead letter.
    pub(crate) fn max_reconsume_times(&self) -> i32 {
        self.options.max_reconsume_times.unwrap_or(if self.is_ordered() { i32::MAX } else { 16 })
    }

    pub(crate) fn room(&self) -> Room {
        let PushOptions { max_waiting, max_waiting_bytes, max_span, .. } = self.options;
        // In order, only what a filter left out lies between messages.
        let span = if self.is_ordered() { i64::MAX } else { max_span };
        Room { messages: max_waiting, bytes: max_waiting_bytes, span }
    }

    /// The subscriptions have a new version: what the member reads has changed.
    pub(crate) fn renew_subscriptions(&self) {
        let now_ms = self.clock.now_ms();
        self.subscriptions.lock().values_mut().for_each(|subscription| subscription.sub_version = now_ms);
        self.client.shared().groups.update_consumer(self.consumer_data());
    }

    pub(crate) fn consumer_data(&self) -> ConsumerData {
        ConsumerData {
            consume_from_where: match self.options.start_from {
                StartFrom::Last => ConsumeFrom::LastOffset,
                StartFrom::First => ConsumeFrom::FirstOffset,
                StartFrom::Time(_) => ConsumeFrom::Timestamp,
            },
            consume_type: match self.delivery {
                Delivery::Handler(_) => ConsumeType::Passively,
                Delivery::Polled(_) => ConsumeType::Actively,
            },
            group_name: self.group.clone(),
            message_model: if self.options.broadcast { MessageModel::Broadcasting } else { MessageModel::Clustering },
            subscription_data_set: self.subscriptions.lock().values().cloned().collect(),
            unit_mode: false,
        }
    }

    /// Keeps every position that is not kept yet. Returns whether all are now.
    pub(crate) async fn persist_all(&self) -> bool {
        // Once a lock is lost, somebody else says how far the group is.
        let is_own = |queue: &Queue| !self.is_locking() || self.locks.holds(queue);
        let own: Vec<_> = {
            let queues = self.queues.lock();
            let own = queues.iter().filter(|(queue, _)| is_own(queue));
            own.map(|(queue, assigned)| (queue.clone(), assigned.process.clone())).collect()
        };
        self.positions.keep(&self.client, &self.group, &own).await
    }

    /// Whether positions are kept without being asked for: always but by a poller that commits itself.
    fn keeps_by_itself(&self) -> bool {
        matches!(self.delivery, Delivery::Handler(_)) || !self.options.persist_period.is_zero()
    }

    /// Keeps a queue's position. Returns whether it is kept now.
    pub(crate) async fn persist(&self, queue: &Queue, assigned: &Assigned) -> bool {
        if !self.keeps_by_itself() {
            return true;
        }
        self.positions.keep(&self.client, &self.group, &[(queue.clone(), assigned.process.clone())]).await
    }

    /// Stops reading, lets the calls that run end, at most `within`, keeps the positions, and leaves the group.
    /// Returns whether all calls ended and every position is kept.
    pub(crate) async fn leave(&self, within: Duration) -> bool {
        // Stops the pull loops, and the calls that have not begun.
        self.tasks.shutdown().cancel();
        self.calls.close();
        let ended = tokio::time::timeout(within, self.calls.wait()).await.is_ok();
        self.tasks.stop(within).await;
        let kept = !self.keeps_by_itself() || self.persist_all().await;
        let kept = kept && !self.uncommitted.load(Ordering::Acquire);
        if self.joined.swap(false, Ordering::AcqRel) {
            self.client.shared().groups.leave_as_consumer(&self.group);
            self.client.unregister(None, Some(&self.group)).await;
        }
        let resender = self.resender.lock().take();
        if let Some(resender) = resender {
            resender.shutdown().await;
        }
        if let Some(trace) = &self.trace {
            trace.stop().await;
        }
        ended && kept
    }

    /// Stops without waiting for anything.
    pub(crate) fn abandon(&self) {
        self.tasks.shutdown().cancel();
        self.calls.close();
        if self.joined.swap(false, Ordering::AcqRel) {
            self.client.shared().groups.leave_as_consumer(&self.group);
        }
    }
}

async fn persist_regularly(member: Arc<Member>) {
    let shutdown = member.tasks.shutdown().clone();
    while shutdown.run_until_cancelled(tokio::time::sleep(member.options.persist_period)).await.is_some() {
        member.persist_all().await;
    }
}

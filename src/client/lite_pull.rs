//! Messages fetched ahead and taken by `poll`: for applications that keep the reins, and want no handler.
//!
//! Either the queues are shared with the other members of a group ([`LitePullConsumer::subscribe`]), or the caller
//! names them ([`LitePullConsumer::assign`]); not both. What was polled counts as consumed: its position is committed
//! every few seconds, or only by [`LitePullConsumer::commit`].
//! Source: `DefaultLitePullConsumer` of Apache RocketMQ.

use crate::{
    client::Client,
    error::Error,
    member::{Delivery, Member},
    message::Received,
    positions::Positions,
    process_queue::ProcessQueue,
    push::{PushOptions, StartFrom},
    route::Queue,
};
use parking_lot::Mutex;
use protocol::{heartbeat::Subscription, topic::check_group};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Notify;

/// How long what still runs may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// How a lite pull consumer works. The defaults are those of `DefaultLitePullConsumer`.
#[derive(Clone, Debug)]
pub struct LitePullOptions {
    /// Where a group that has no position yet starts. Default [`StartFrom::Last`].
    pub start_from: StartFrom,
    /// Most messages in one pull, and so in one poll. Default 10.
    pub batch: i32,
    /// Whether what was polled is committed without being told to. Default true.
    pub auto_commit: bool,
    /// How often. Default 5 s.
    pub commit_period: Duration,
    /// How long a broker may hold a pull that finds nothing. Default 20 s.
    pub long_poll: Duration,
    /// The other settings of a member of a group: how much is fetched ahead, how queues are shared out.
    pub member: PushOptions,
}

impl Default for LitePullOptions {
    fn default() -> Self {
        Self {
            start_from: StartFrom::Last,
            batch: 10,
            auto_commit: true,
            commit_period: Duration::from_secs(5),
            long_poll: Duration::from_secs(20),
            member: PushOptions::default(),
        }
    }
}

/// Gives messages when it is asked for them.
pub struct LitePullConsumer {
    member: Arc<Member>,
    polled: Arc<Polled>,
    joined: Mutex<Joined>,
}

/// What of a queue its caller has decided.
#[derive(Default)]
struct Joined {
    as_member: bool,
    by_caller: bool,
}

impl LitePullConsumer {
    /// A consumer of a group that reads nothing yet. `mode`, `broadcast` and `trace` of the member's settings do not
    /// count.
    ///
    /// # Errors
    /// If the group's name is no name.
    pub fn on(client: &Client, group: &str, options: LitePullOptions) -> Result<Self, Error> {
        check_group(group)?;
        let options = PushOptions {
            start_from: options.start_from,
            pull_batch: options.batch,
            persist_period: if options.auto_commit { options.commit_period } else { Duration::ZERO },
            long_poll: options.long_poll,
            mode: Default::default(),
            broadcast: false,
            trace: false,
            ..options.member
        };
        let polled = Arc::<Polled>::default();
        let delivery = Delivery::Polled(polled.clone());
        let member = Arc::new(Member::new(client, group, options, delivery, Positions::Brokers));
        Ok(Self { member, polled, joined: Mutex::default() })
    }

    /// Reads a topic together with the other members of the group.
    ///
    /// # Errors
    /// [`Error::Assigned`] after [`LitePullConsumer::assign`], [`Error::GroupTaken`], or if no name server answers. A
    /// topic that does not exist yet is waited for.
    pub async fn subscribe(&self, subscription: Subscription) -> Result<(), Error> {
        if self.joined.lock().by_caller {
            return Err(Error::Assigned);
        }
        self.member.subscribe(subscription).await?;
        let mut joined = self.joined.lock();
        if !joined.as_member {
            self.member.join()?;
            joined.as_member = true;
        }
        drop(joined);
        self.member.renew_subscriptions();
        self.member.wake.notify_one();
        Ok(())
    }

    /// Reads these queues and no others, whatever the rest of the group does. `subscription` says which of their
    /// messages; queues of other topics are read without a filter.
    ///
    /// # Errors
    /// [`Error::Assigned`] after [`LitePullConsumer::subscribe`].
    pub async fn assign(&self, queues: impl IntoIterator<Item = Queue>, filter: &[Subscription]) -> Result<(), Error> {
        {
            let mut joined = self.joined.lock();
            if joined.as_member {
                return Err(Error::Assigned);
            }
            if !joined.by_caller {
                joined.by_caller = true;
                self.member.keep_positions();
            }
        }
        let wanted: BTreeSet<Queue> = queues.into_iter().collect();
        for queue in &wanted {
            let told = filter.iter().find(|filter| *filter.topic == *queue.topic).cloned();
            let mut subscriptions = self.member.subscriptions.lock();
            match told {
                Some(told) => drop(subscriptions.insert(told.topic.clone(), told)),
                None => {
                    let all = || Subscription::tags(&queue.topic, "*", 0);
                    subscriptions.entry(queue.topic.to_string()).or_insert_with(all);
                }
            }
        }
        let had: BTreeSet<Queue> = self.assigned().into_iter().collect();
        for queue in had.difference(&wanted) {
            self.member.release(queue).await;
        }
        for queue in wanted.difference(&had) {
            self.member.take(queue.clone(), None);
        }
        Ok(())
    }

    /// The queues that are read now, in order.
    pub fn assigned(&self) -> Vec<Queue> {
        self.member.queues.lock().keys().cloned().collect()
    }

    /// The next messages, all of one queue and in its order; none if none came within `timeout`.
    pub async fn poll(&self, timeout: Duration) -> Vec<Received> {
        let polled = &self.polled;
        let next = async {
            loop {
                if let Some(messages) = polled.take() {
                    return messages;
                }
                polled.came.notified().await;
            }
        };
        tokio::time::timeout(timeout, next).await.unwrap_or_default()
    }

    /// Goes on in a queue at `offset`: what was fetched ahead of it is forgotten.
    ///
    /// # Errors
    /// [`Error::NotAssigned`] if the queue is not read here, [`Error::OffsetOutside`] if it has no such index, or that
    /// of asking the broker.
    pub async fn seek(&self, queue: &Queue, offset: i64) -> Result<(), Error> {
        let client = &self.member.client;
        let (min, max) = (client.min_offset(queue).await?, client.max_offset(queue).await?);
        if !(min..=max).contains(&offset) {
            return Err(Error::OffsetOutside { queue: queue.to_string(), offset, min, max });
        }
        let Some(old) = self.member.queues.lock().remove(queue) else {
            return Err(Error::NotAssigned(queue.to_string()));
        };
        old.stop.cancel();
        old.process.drop_queue();
        self.member.take(queue.clone(), Some(offset));
        Ok(())
    }

    /// Polls nothing of these queues until they are resumed; no more is fetched than may wait.
    pub fn pause<'a>(&self, queues: impl IntoIterator<Item = &'a Queue>) {
        self.polled.paused.lock().extend(queues.into_iter().cloned());
    }

    /// Goes on with these queues.
    pub fn resume<'a>(&self, queues: impl IntoIterator<Item = &'a Queue>) {
        let resumed: BTreeSet<&Queue> = queues.into_iter().collect();
        self.polled.paused.lock().retain(|queue| !resumed.contains(queue));
        self.polled.came.notify_one();
    }

    /// The index that will be polled next of each queue, where it is known.
    pub fn positions(&self) -> BTreeMap<Queue, i64> {
        let queues = self.member.queues.lock();
        queues.iter().filter_map(|(queue, it)| Some((queue.clone(), it.process.position()?))).collect()
    }

    /// Tells the brokers how far it was polled. Returns whether all of them know.
    pub async fn commit(&self) -> bool {
        self.member.persist_all().await
    }

    /// The client it stands on, for the offsets of queues.
    pub fn client(&self) -> &Client {
        &self.member.client
    }

    /// Stops, commits what was polled if that is done by itself, and leaves the group.
    pub async fn shutdown(&self) -> bool {
        self.member.leave(STOP_WITHIN).await
    }
}

impl Drop for LitePullConsumer {
    fn drop(&mut self) {
        self.member.abandon();
    }
}

/// What was fetched and waits to be polled.
#[derive(Default)]
pub(crate) struct Polled {
    ready: Mutex<VecDeque<Ready>>,
    paused: Mutex<BTreeSet<Queue>>,
    came: Notify,
}

/// The messages of one pull.
pub(crate) struct Ready {
    queue: Queue,
    process: Arc<ProcessQueue>,
    epoch: u64,
    messages: Vec<Received>,
}

impl Ready {
    pub(crate) fn new(queue: &Queue, process: &Arc<ProcessQueue>, epoch: u64, messages: Vec<Received>) -> Self {
        Self { queue: queue.clone(), process: process.clone(), epoch, messages }
    }
}

impl Polled {
    pub(crate) fn put(&self, ready: Ready) {
        self.ready.lock().push_back(ready);
        self.came.notify_one();
    }

    /// The first messages of a queue that is not paused; they count as consumed.
    fn take(&self) -> Option<Vec<Received>> {
        let mut ready = self.ready.lock();
        ready.retain(|ready| ready.process.is_current(ready.epoch));
        let paused = self.paused.lock();
        let at = ready.iter().position(|ready| !paused.contains(&ready.queue))?;
        let Ready { process, epoch, messages, .. } = ready.remove(at)?;
        if !ready.is_empty() {
            self.came.notify_one();
        }
        process.consumed(epoch, messages.iter().map(|message| message.queue_offset));
        Some(messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fetched_before_a_queue_was_given_up_is_not_polled() {
        let (polled, old, new) = (Polled::default(), Arc::<ProcessQueue>::default(), Arc::<ProcessQueue>::default());
        let put = |process: &Arc<ProcessQueue>, offset| {
            process.begin(offset, true);
            let epoch = process.put(&[], offset);
            polled.put(Ready::new(&Queue::new("T", "b", 0), process, epoch, Vec::new()));
        };
        put(&old, 5);
        put(&new, 2);
        old.drop_queue();
        assert!(polled.take().is_some());
        assert!(polled.take().is_none());
        put(&new, 3);
        new.restart(9);
        assert!(polled.take().is_none(), "nor what was fetched before it started anew");
    }
}

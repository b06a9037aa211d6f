//! One queue of an ordered group: locked, read and consumed by one call at a time, and given back after the last.
//!
//! A message that is to come later holds its queue up until it succeeds, or has come often enough to go to the group's
//! retry topic. The handler is never interrupted: what it did before the queue was given up counts and is committed,
//! and only then is the lock ended. If the lock is lost meanwhile, nothing more is committed, and the queue is read
//! anew from where the group stands once it can be locked again.
//! Source: `ConsumeMessageOrderlyService`, `RebalancePushImpl.removeUnnecessaryMessageQueue` of Apache RocketMQ.

use crate::{
    consume::{handle, restore_topics},
    locks::Held,
    member::{Assigned, Member},
    message::Received,
    pull_loop,
    push::ConsumeResult,
    resend,
    route::Queue,
};
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How soon a queue is asked for again that another client still has; twice as long each time.
const LOCK_AGAIN: Duration = Duration::from_millis(100);
/// The longest such pause. Source: `ConsumeMessageOrderlyService.tryLockLaterAndReconsume`.
const LOCK_AGAIN_MAX: Duration = Duration::from_secs(3);
/// How soon locks are asked for again after a broker did not answer.
const RENEW_AGAIN: Duration = Duration::from_secs(1);
/// Shortest and longest pause before a message comes again. Source: `submitConsumeRequestLater`.
const SUSPENDED: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(30));

/// Messages of one pull, and the epoch they belong to.
type Hand = (u64, Vec<Received>);

/// Reads the queue until it is given up.
pub(crate) async fn run(member: Arc<Member>, queue: Queue, assigned: Assigned) {
    let stop = &assigned.stop;
    let Some(_turn) = stop.run_until_cancelled(member.locks.turn(&queue)).await else { return };
    if !member.is_locking() {
        session(&member, &queue, &assigned, None).await;
        commit(&member, &queue, &assigned).await;
        return;
    }
    while let Some(held) = locked(&member, &queue, stop).await {
        session(&member, &queue, &assigned, Some(&held)).await;
        if held.holds() {
            commit(&member, &queue, &assigned).await;
        }
        // Whoever reads the queue next says how far the group is.
        assigned.process.forget();
        if stop.is_cancelled() {
            break;
        }
    }
    // Also if the last attempt got no answer.
    member.locks.release(&member.client, &member.group, &queue).await;
}

/// Asks again for all locks, in time.
pub(crate) async fn renew_locks(member: Arc<Member>) {
    let shutdown = member.tasks.shutdown().clone();
    let mut pause = member.options.lock_period;
    // Goes on while calls run that were begun before the end.
    while !(shutdown.is_cancelled() && member.calls.is_empty()) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = async { shutdown.cancelled().await; member.calls.wait().await } => return,
        }
        let answered = member.locks.renew(&member.client, &member.group).await;
        pause = if answered { member.options.lock_period } else { RENEW_AGAIN.min(member.options.lock_period) };
    }
}

/// The lock of the queue, as soon as it can be had; `None` once the queue is given up.
async fn locked(member: &Member, queue: &Queue, stop: &CancellationToken) -> Option<Held> {
    let mut pause = LOCK_AGAIN;
    while !stop.is_cancelled() {
        // Not broken off: what was asked for must be known to be given back.
        match member.locks.acquire(&member.client, &member.group, queue).await {
            Ok(Some(held)) => return Some(held),
            Ok(None) => tracing::debug!(group = member.group, %queue, "another client still has the queue"),
            Err(error) => tracing::warn!(group = member.group, %queue, %error, "a queue was not locked"),
        }
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        pause = (pause * 2).min(LOCK_AGAIN_MAX);
    }
    None
}

async fn commit(member: &Member, queue: &Queue, assigned: &Assigned) {
    if !member.persist(queue, assigned).await {
        member.uncommitted.store(true, Ordering::Release);
    }
}

/// Pulls and consumes until the queue is given up or its lock is lost.
async fn session(member: &Arc<Member>, queue: &Queue, assigned: &Assigned, held: Option<&Held>) {
    let end = assigned.stop.child_token();
    let (to, from) = mpsc::unbounded_channel();
    let pulls = async {
        pull_loop::pull(member, queue, assigned, |epoch, messages| drop(to.send((epoch, messages)))).await;
        std::future::pending::<()>().await;
    };
    let watch = async {
        if let Some(held) = held {
            held.clone().lost().await;
            end.cancel();
        }
        std::future::pending::<()>().await;
    };
    // Bounded by the room that pulls wait for.
    let reader = Reader { member, queue, assigned, held, end: &end };
    tokio::select! {
        () = reader.consume(from) => {}
        () = pulls => {}
        () = watch => {}
    }
}

struct Reader<'a> {
    member: &'a Member,
    queue: &'a Queue,
    assigned: &'a Assigned,
    held: Option<&'a Held>,
    /// No further call is to begin.
    end: &'a CancellationToken,
}

impl Reader<'_> {
    async fn consume(&self, mut from: mpsc::UnboundedReceiver<Hand>) {
        while let Some(Some((epoch, mut messages))) = self.end.run_until_cancelled(from.recv()).await {
            restore_topics(self.member, self.queue, &mut messages);
            let mut rest = VecDeque::from(messages);
            while !rest.is_empty() {
                let batch = rest.drain(..self.member.options.batch.max(1).min(rest.len())).collect();
                if !self.finish(epoch, batch).await {
                    return;
                }
            }
        }
    }

    fn may_call(&self) -> bool {
        !self.end.is_cancelled() && self.held.is_none_or(Held::holds)
    }

    /// Calls the handler until these messages are done with. Returns false if the session has ended before that.
    async fn finish(&self, epoch: u64, mut batch: Vec<Received>) -> bool {
        let Self { member, assigned: Assigned { process, .. }, end, .. } = self;
        loop {
            let result = {
                let Some(Ok(_permit)) = end.run_until_cancelled(member.permits.acquire()).await else { return false };
                if !self.may_call() {
                    return false;
                }
                if !process.is_current(epoch) {
                    return true;
                }
                handle(member, batch.clone()).await
            };
            // Another client may read the queue by now: what this call did comes again there.
            if !self.held.is_none_or(Held::holds) {
                return false;
            }
            let done = match result {
                ConsumeResult::Success => std::mem::take(&mut batch),
                ConsumeResult::Later => self.give_up_on(&mut batch).await,
            };
            process.consumed(epoch, done.iter().map(|message| message.queue_offset));
            if batch.is_empty() {
                return true;
            }
            let pause = member.options.suspend.clamp(SUSPENDED.0, SUSPENDED.1);
            if end.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return false;
            }
        }
    }

    /// Takes out of a batch that failed what has come often enough, and counts the others once more.
    async fn give_up_on(&self, batch: &mut Vec<Received>) -> Vec<Received> {
        let max = self.member.max_reconsume_times();
        let mut done = Vec::new();
        for mut message in std::mem::take(batch) {
            if message.reconsume_times >= max {
                match resend::to_retry_topic(self.member, &message, message.reconsume_times).await {
                    Ok(()) => {
                        done.push(message);
                        continue;
                    }
                    Err(error) => {
                        let group = &self.member.group;
                        tracing::warn!(group, id = message.message_id(), %error, "not taken as a dead letter: tried here");
                    }
                }
            }
            message.reconsume_times = message.reconsume_times.saturating_add(1);
            batch.push(message);
        }
        done
    }
}

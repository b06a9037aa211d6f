//! One queue's pulls, one after the other, as long as the queue is this member's.
//!
//! Source: `DefaultMQPushConsumerImpl.pullMessage`, `RebalancePushImpl.computePullFromWhere` of Apache RocketMQ.

use crate::{
    consume,
    error::Error,
    lite_pull,
    member::{Assigned, Delivery, Member},
    message::Received,
    pull::{PullFrom, PullStatus, Pulled},
    push::StartFrom,
    route::Queue,
    source::Source,
};
use protocol::topic::RETRY_PREFIX;
use std::{sync::Arc, time::Duration};

/// How long to wait after a pull that failed. Source: `pullTimeDelayMillsWhenException`.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Pulls until the queue is given up, for messages that may overtake each other.
pub(crate) async fn run(member: Arc<Member>, queue: Queue, assigned: Assigned) {
    let hand_over = |epoch, messages| match &member.delivery {
        Delivery::Handler(_) => consume::dispatch(&member, &assigned.process, &queue, epoch, messages),
        Delivery::Polled(polled) => polled.put(lite_pull::Ready::new(&queue, &assigned.process, epoch, messages)),
    };
    assigned.stop.run_until_cancelled(pull(&member, &queue, &assigned, hand_over)).await;
}

/// Pulls and hands over, with the epoch they belong to, as long as it is polled. Returns only if the topic is no longer
/// subscribed to.
pub(crate) async fn pull(member: &Member, queue: &Queue, assigned: &Assigned, hand_over: impl Fn(u64, Vec<Received>)) {
    let process = &assigned.process;
    let mut offset = loop {
        match start(member, queue, assigned.start).await {
            Ok((offset, known)) => {
                process.begin(offset, known);
                break offset;
            }
            Err(error) => after(member, queue, &error, "it is not known where to start").await,
        }
    };
    let mut source = Source::default();
    loop {
        process.room(member.room()).await;
        let Some(subscription) = member.subscriptions.lock().get(&*queue.topic).cloned() else { return };
        let from = PullFrom {
            group: &member.group,
            queue,
            subscription: &subscription,
            offset,
            max: member.options.pull_batch,
            wait: Some(member.options.long_poll),
        };
        let Pulled { status, messages, next_offset, .. } = match member.client.pull(from, &mut source).await {
            Ok(pulled) => pulled,
            Err(error) => {
                after(member, queue, &error, "a pull failed").await;
                continue;
            }
        };
        match status {
            PullStatus::Found if !messages.is_empty() => {
                let epoch = process.put(&messages, next_offset);
                hand_over(epoch, messages);
            }
            PullStatus::Found | PullStatus::NoNew | PullStatus::NoMatched => process.advance(next_offset),
            PullStatus::OffsetIllegal => {
                tracing::warn!(group = member.group, %queue, offset, next_offset, "the position does not exist");
                process.restart(next_offset);
                member.persist(queue, assigned).await;
                if offset == next_offset {
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
        offset = next_offset;
    }
}

/// Where to start, and whether that position is kept already.
async fn start(member: &Member, queue: &Queue, told: Option<i64>) -> Result<(i64, bool), Error> {
    if let Some(told) = told {
        return Ok((told, false));
    }
    let client = &member.client;
    if let Some(known) = member.positions.known(client, &member.group, queue).await? {
        return Ok((known, true));
    }
    let retry = queue.topic.starts_with(RETRY_PREFIX);
    let offset = match member.options.start_from {
        // What is in the group's own retry topic was once given to the group.
        _ if retry => client.min_offset(queue).await?,
        StartFrom::Last => client.max_offset(queue).await?,
        StartFrom::First => client.min_offset(queue).await?,
        StartFrom::Time(time_ms) => client.offset_at(queue, time_ms).await?,
    };
    Ok((offset, false))
}

/// Waits after a failure. If a broker did not answer, the name servers have been asked who is left.
async fn after(member: &Member, queue: &Queue, error: &Error, what: &str) {
    tracing::warn!(group = member.group, %queue, %error, "{what}");
    tokio::time::sleep(AFTER_FAILURE).await;
}

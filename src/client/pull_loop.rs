//! One queue's pulls, one after the other, as long as the queue is this member's.
//!
//! Source: `DefaultMQPushConsumerImpl.pullMessage`, `RebalancePushImpl.computePullFromWhere` of Apache RocketMQ.

use crate::{
    client::Client,
    consume,
    error::Error,
    pull::{PullFrom, PullStatus, Pulled},
    push::{Assigned, Shared, StartFrom},
    route::Queue,
};
use protocol::{route::MASTER_ID, topic::RETRY_PREFIX};
use std::{sync::Arc, time::Duration};

/// How long to wait after a pull that failed. Source: `pullTimeDelayMillsWhenException`.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Pulls until the queue is given up.
pub(crate) async fn run(shared: Arc<Shared>, queue: Queue, assigned: Assigned) {
    let stop = assigned.stop.clone();
    stop.run_until_cancelled(pull_on(&shared, &queue, &assigned)).await;
}

async fn pull_on(shared: &Arc<Shared>, queue: &Queue, assigned: &Assigned) {
    let process = &assigned.process;
    let mut offset = loop {
        match start(&shared.client, &shared.group, queue, shared.options.start_from).await {
            Ok((offset, committed)) => {
                process.begin(offset, committed);
                break offset;
            }
            Err(error) => after(shared, queue, &error, "it is not known where to start").await,
        }
    };
    let mut broker_id = MASTER_ID;
    loop {
        process.room(shared.room()).await;
        let Some(subscription) = shared.subscriptions.lock().get(&*queue.topic).cloned() else { return };
        let from = PullFrom {
            group: &shared.group,
            queue,
            subscription: &subscription,
            offset,
            max: shared.options.pull_batch,
            wait: Some(shared.options.long_poll),
            broker_id,
        };
        let Pulled { status, messages, next_offset, suggested_broker, .. } = match shared.client.pull(from).await {
            Ok(pulled) => pulled,
            Err(error) => {
                broker_id = MASTER_ID;
                after(shared, queue, &error, "a pull failed").await;
                continue;
            }
        };
        broker_id = suggested_broker;
        match status {
            PullStatus::Found if !messages.is_empty() => {
                let epoch = process.put(&messages, next_offset);
                consume::dispatch(shared, process, queue, epoch, messages);
            }
            PullStatus::Found | PullStatus::NoNew | PullStatus::NoMatched => process.advance(next_offset),
            PullStatus::OffsetIllegal => {
                tracing::warn!(group = shared.group, %queue, offset, next_offset, "the position does not exist");
                process.restart(next_offset);
                shared.persist(queue, assigned).await;
                if offset == next_offset {
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
        offset = next_offset;
    }
}

/// Where to start, and whether the broker knows that position.
async fn start(client: &Client, group: &str, queue: &Queue, from: StartFrom) -> Result<(i64, bool), Error> {
    if let Some(committed) = client.committed(group, queue).await? {
        return Ok((committed, true));
    }
    let retry = queue.topic.starts_with(RETRY_PREFIX);
    let offset = match from {
        // What is in the group's own retry topic was once given to the group.
        StartFrom::Last | StartFrom::First if retry => client.min_offset(queue).await?,
        StartFrom::Last => client.max_offset(queue).await?,
        StartFrom::First => client.min_offset(queue).await?,
        StartFrom::Time(_) if retry => client.min_offset(queue).await?,
        StartFrom::Time(time_ms) => client.offset_at(queue, time_ms).await?,
    };
    Ok((offset, false))
}

/// Waits after a failure, and asks for the route if the broker did not answer: it may be elsewhere now.
async fn after(shared: &Shared, queue: &Queue, error: &Error, what: &str) {
    tracing::warn!(group = shared.group, %queue, %error, "{what}");
    tokio::time::sleep(AFTER_FAILURE).await;
    if error.is_unreachable()
        && let Err(error) = shared.client.fresh_route(&queue.topic).await
    {
        tracing::debug!(%queue, %error, "keeps the known route");
    }
}

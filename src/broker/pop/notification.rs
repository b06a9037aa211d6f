//! Whether there is something to pop (200054), and how many wait for it (200055).
//!
//! Source: `NotificationProcessor`, `PollingInfoProcessor` of Apache RocketMQ 5.3.3.

use super::{check_queue, journal::Reading, patience, readable};
use crate::{broker::Broker, refusal::Refusal};
use futures_util::{StreamExt, stream::FuturesUnordered};
use protocol::{
    Command,
    pop::{Notification, NotificationAnswer, PollingInfoAnswer, extra_info::Origin},
};
use remoting::{Answers, Receipt};
use std::sync::Arc;
use tokio::time::Instant;

/// Tells at once, or as soon as there is something to pop.
pub fn notification(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    let checked = || {
        let asked: Notification = request.header()?;
        let (topic, _) = readable(broker, &asked.topic, &asked.consumer_group)?;
        check_queue(&topic, asked.queue_id)?;
        Ok::<_, Refusal>((patience(asked.poll_time)?, asked))
    };
    match checked() {
        Err(refusal) => answers.now(receipt, refusal.answer()),
        Ok((patience, asked)) if patience.is_zero() || look(broker, &asked).is_none() => {
            answers.now(receipt, answer(look(broker, &asked).is_none()));
        }
        Ok((patience, asked)) => {
            let broker = broker.clone();
            let deadline = Instant::now() + patience;
            answers.later(receipt, async move { Some(answer(wait(&broker, &asked, deadline).await)) });
        }
    }
}

/// How many wait.
pub fn polling_info(broker: &Broker, request: &Command) -> Result<Command, Refusal> {
    let asked: Notification = request.header()?;
    let (topic, _) = readable(broker, &asked.topic, &asked.consumer_group)?;
    check_queue(&topic, asked.queue_id)?;
    let count = broker.pops().waiting.count(&asked.consumer_group, &asked.topic);
    Ok(Command::success().with_header(&PollingInfoAnswer { polling_num: i32::try_from(count).unwrap_or(i32::MAX) }))
}

fn answer(has_msg: bool) -> Command {
    Command::success().with_header(&NotificationAnswer { has_msg, polling_full: false })
}

async fn wait(broker: &Broker, asked: &Notification, deadline: Instant) -> bool {
    let waiter = broker.pops().waiting.wait(&asked.consumer_group, &asked.topic);
    loop {
        let told = waiter.told().get();
        let Some(seen) = look(broker, asked) else { return true };
        let queues = seen.iter().map(|(topic, queue_id, end)| async move {
            broker.store().queue_or_new(topic, *queue_id).end().reached(end + 1).await;
        });
        let mut arrivals: FuturesUnordered<_> = queues.collect();
        tokio::select! {
            _ = arrivals.next() => {}
            () = waiter.told().reached(told + 1) => {}
            () = tokio::time::sleep_until(deadline) => return false,
        }
    }
}

/// `None` if there is something to pop; else the queues, with their ends.
fn look(broker: &Broker, asked: &Notification) -> Option<Vec<(String, i32, u64)>> {
    let Notification { consumer_group: group, topic, queue_id, order, attempt_id, .. } = asked;
    let mut seen = Vec::new();
    for origin in [Origin::Topic, Origin::Retry, Origin::RetryV2] {
        let name = origin.topic(topic, group);
        let Some(found) = broker.topics().find(&name).filter(|_| origin == Origin::Topic || !order) else { continue };
        let queues = match origin {
            Origin::Topic if *queue_id >= 0 => *queue_id..queue_id + 1,
            _ => 0..found.read_queue_nums,
        };
        for queue_id in queues {
            let queue = broker.store().queue(&name, queue_id);
            let (begin, end) = queue.map_or((0, 0), |queue| (queue.min_offset(), queue.end().get()));
            let at = broker.offsets().get(&name, group, queue_id).unwrap_or(begin);
            let reading = Reading { group: group.clone(), topic: name.clone(), queue_id };
            let blocked = *order
                && broker.pops().table.lock().ordered(&reading).is_some_and(|ordered| {
                    ordered.blocks(broker.clock().now_ms()) && (attempt_id.is_none() || ordered.attempt != *attempt_id)
                });
            if !blocked && i64::try_from(end).is_ok_and(|end| end > at) {
                return None;
            }
            seen.push((name.clone(), queue_id, end));
        }
    }
    Some(seen)
}

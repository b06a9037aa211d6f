//! From pulled messages to calls of the handler, and what follows from their results, for messages that may overtake
//! each other.
//!
//! Source: `ConsumeMessageConcurrentlyService` of Apache RocketMQ.

use crate::{
    error::Error,
    member::{Delivery, Member},
    message::Received,
    process_queue::ProcessQueue,
    push::ConsumeResult,
    resend,
    route::Queue,
    trace::Said,
};
use futures_util::{FutureExt, future::join_all};
use protocol::{
    Command,
    code::request,
    properties::RETRY_TOPIC,
    send::SendBack,
    topic::{RETRY_PREFIX, retry_topic},
};
use std::{panic::AssertUnwindSafe, sync::Arc};

/// The delay level of a message whose call took too long: 10 s. Source: `ProcessQueue.cleanExpiredMsg`.
const LEVEL_AFTER_TIMEOUT: i32 = 3;

/// Hands messages to the handler, a batch a call, each as soon as a permit is free.
pub(crate) fn dispatch(
    member: &Arc<Member>,
    process: &Arc<ProcessQueue>,
    queue: &Queue,
    epoch: u64,
    mut messages: Vec<Received>,
) {
    restore_topics(member, queue, &mut messages);
    let mut rest = messages.into_iter();
    loop {
        let batch: Vec<Received> = rest.by_ref().take(member.options.batch.max(1)).collect();
        if batch.is_empty() {
            return;
        }
        let call = call(member.clone(), process.clone(), epoch, batch);
        member.calls.spawn(call);
    }
}

/// Messages that come again show the topic they were sent to.
pub(crate) fn restore_topics(member: &Member, queue: &Queue, messages: &mut [Received]) {
    if !queue.topic.starts_with(RETRY_PREFIX) || *queue.topic != *retry_topic(&member.group) {
        return;
    }
    for message in messages {
        if let Some(topic) = message.properties.get(RETRY_TOPIC) {
            message.message.topic = topic.into();
        }
    }
}

async fn call(member: Arc<Member>, process: Arc<ProcessQueue>, epoch: u64, mut batch: Vec<Received>) {
    let may_begin = || !member.is_stopping() && process.is_current(epoch);
    while !batch.is_empty() {
        let result = {
            let Ok(_permit) = member.permits.acquire().await else { return };
            if !may_begin() {
                return;
            }
            let mut running = Box::pin(handle(&member, batch.clone()));
            match tokio::time::timeout(member.options.consume_timeout, &mut running).await {
                Ok(result) => result,
                Err(_) => {
                    give_up_waiting(&member, &process, epoch, &mut batch).await;
                    // It goes on, and keeps its permit; of what was given back, nothing it says counts.
                    running.await
                }
            }
        };
        if !process.is_current(epoch) {
            return;
        }
        let failed = match result {
            ConsumeResult::Success => Vec::new(),
            ConsumeResult::Later if member.options.broadcast => {
                for message in &batch {
                    // Every other member has it too: there is no one to give it back to.
                    let (group, id) = (&member.group, message.message_id());
                    tracing::warn!(group, id, queue = %message.queue, "failed in a broadcast group: it is dropped");
                }
                Vec::new()
            }
            ConsumeResult::Later => give_back(&member, &batch, 0).await,
        };
        done(&process, epoch, &batch, &failed);
        batch = failed;
        if !batch.is_empty() {
            let pause = tokio::time::sleep(member.options.retry_here_after);
            member.tasks.shutdown().run_until_cancelled(pause).await;
            batch.iter_mut().for_each(|message| message.reconsume_times += 1);
        }
    }
}

/// Gives messages back whose call takes too long, so that the position can move on. Those that cannot be given back
/// stay in `batch`.
async fn give_up_waiting(member: &Member, process: &ProcessQueue, epoch: u64, batch: &mut Vec<Received>) {
    if member.options.broadcast || !process.is_current(epoch) {
        return;
    }
    let (group, within) = (&member.group, member.options.consume_timeout);
    for message in &*batch {
        tracing::warn!(
            group,
            id = message.message_id(),
            ?within,
            "a call does not end: given back, it will come again"
        );
    }
    let kept = give_back(member, batch, LEVEL_AFTER_TIMEOUT).await;
    done(process, epoch, batch, &kept);
    *batch = kept;
}

/// All of `batch` but what `failed` is done with.
fn done(process: &ProcessQueue, epoch: u64, batch: &[Received], failed: &[Received]) {
    let done = batch.iter().filter(|message| !failed.iter().any(|other| other.queue_offset == message.queue_offset));
    process.consumed(epoch, done.map(|message| message.queue_offset));
}

/// Calls the handler. If it panics, its messages are to come later.
pub(crate) async fn handle(member: &Member, batch: Vec<Received>) -> ConsumeResult {
    let Delivery::Handler(handler) = &member.delivery else { return ConsumeResult::Later };
    let traced = member.trace.as_ref().and_then(|trace| Some((trace, trace.call(&member.group, &batch)?)));
    let call = AssertUnwindSafe(async { handler(batch).await });
    let (result, said) = match call.catch_unwind().await {
        Ok(ConsumeResult::Success) => (ConsumeResult::Success, Said::Success),
        Ok(ConsumeResult::Later) => (ConsumeResult::Later, Said::Later),
        Err(_) => {
            tracing::error!(group = member.group, "the handler panicked; its messages will come again");
            (ConsumeResult::Later, Said::Panicked)
        }
    };
    if let Some((trace, call)) = traced {
        trace.called(&member.group, &call, said);
    }
    result
}

/// Gives messages back to their broker, or to another as new ones; returns those that none took.
async fn give_back(member: &Member, batch: &[Received], level: i32) -> Vec<Received> {
    let given = batch.iter().map(|message| async move {
        let Err(error) = send_back(member, message, level).await else { return None };
        let (group, id) = (&member.group, message.message_id());
        tracing::warn!(group, id, %error, "not taken back by its broker: sent as a new message");
        match resend::to_retry_topic(member, message, message.reconsume_times.saturating_add(1)).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(group, id, %error, "not taken back: tried here");
                Some(message.clone())
            }
        }
    });
    join_all(given).await.into_iter().flatten().collect()
}

async fn send_back(member: &Member, message: &Received, level: i32) -> Result<(), Error> {
    let Queue { topic, broker, .. } = &message.queue;
    let addr = member.client.master_addr(broker, topic).await?;
    let header = SendBack {
        offset: message.physical_offset,
        group: member.group.clone(),
        delay_level: level,
        origin_msg_id: Some(message.message_id()),
        origin_topic: Some(message.topic.to_string()),
        unit_mode: false,
        max_reconsume_times: Some(member.max_reconsume_times()),
    };
    let request = Command::request(request::CONSUMER_SEND_MSG_BACK).with_header(&header);
    member.client.ask(&addr, request).await.map(drop)
}

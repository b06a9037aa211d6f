//! From pulled messages to calls of the handler, and what follows from their results.
//!
//! Source: `ConsumeMessageConcurrentlyService` of Apache RocketMQ.

use crate::{
    error::Error,
    message::Received,
    process_queue::ProcessQueue,
    push::{ConsumeResult, Shared},
    route::Queue,
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

/// Hands messages to the handler, a batch a call, each as soon as a permit is free.
pub(crate) fn dispatch(
    shared: &Arc<Shared>,
    process: &Arc<ProcessQueue>,
    queue: &Queue,
    epoch: u64,
    mut messages: Vec<Received>,
) {
    if queue.topic.starts_with(RETRY_PREFIX) && *queue.topic == *retry_topic(&shared.group) {
        messages.iter_mut().for_each(restore_topic);
    }
    let mut rest = messages.into_iter();
    loop {
        let batch: Vec<Received> = rest.by_ref().take(shared.options.batch.max(1)).collect();
        if batch.is_empty() {
            return;
        }
        let call = call(shared.clone(), process.clone(), epoch, batch);
        shared.calls.spawn(call);
    }
}

/// A message that comes again shows the topic it was sent to.
fn restore_topic(message: &mut Received) {
    if let Some(topic) = message.properties.get(RETRY_TOPIC) {
        message.message.topic = topic.into();
    }
}

async fn call(shared: Arc<Shared>, process: Arc<ProcessQueue>, epoch: u64, mut batch: Vec<Received>) {
    let may_begin = || !shared.is_stopping() && process.is_current(epoch);
    while !batch.is_empty() {
        let result = {
            let Ok(_permit) = shared.permits.acquire().await else { return };
            if !may_begin() {
                return;
            }
            handle(&shared, batch.clone()).await
        };
        if !process.is_current(epoch) {
            return;
        }
        let failed = match result {
            ConsumeResult::Success => Vec::new(),
            ConsumeResult::Later => give_back(&shared, &batch).await,
        };
        let done =
            batch.iter().filter(|message| !failed.iter().any(|other| other.queue_offset == message.queue_offset));
        process.consumed(epoch, done.map(|message| message.queue_offset));
        batch = failed;
        if !batch.is_empty() {
            let pause = tokio::time::sleep(shared.options.retry_here_after);
            shared.tasks.shutdown().run_until_cancelled(pause).await;
            batch.iter_mut().for_each(|message| message.reconsume_times += 1);
        }
    }
}

async fn handle(shared: &Shared, batch: Vec<Received>) -> ConsumeResult {
    let call = AssertUnwindSafe(async { (shared.handler)(batch).await });
    call.catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(group = shared.group, "the handler panicked; its messages will come again");
        ConsumeResult::Later
    })
}

/// Gives messages back to their broker; returns those it did not take.
async fn give_back(shared: &Shared, batch: &[Received]) -> Vec<Received> {
    let given = batch.iter().map(|message| async move {
        match send_back(shared, message).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(group = shared.group, id = message.message_id(), %error, "not taken back: tried here");
                Some(message.clone())
            }
        }
    });
    join_all(given).await.into_iter().flatten().collect()
}

async fn send_back(shared: &Shared, message: &Received) -> Result<(), Error> {
    let Queue { topic, broker, .. } = &message.queue;
    let addr = shared.client.master_addr(broker, topic).await?;
    let header = SendBack {
        offset: message.physical_offset,
        group: shared.group.clone(),
        delay_level: 0,
        origin_msg_id: Some(message.message_id()),
        origin_topic: Some(message.topic.to_string()),
        unit_mode: false,
        max_reconsume_times: Some(shared.options.max_reconsume_times),
    };
    let request = Command::request(request::CONSUMER_SEND_MSG_BACK).with_header(&header);
    shared.client.ask(&addr, request).await.map(drop)
}

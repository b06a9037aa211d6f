//! Reading as a member of a group: queues are shared with its other members, and brokers remember how far it came.

use super::{printing::Printer, start::Span, ways::Ways};
use crate::failure::{Failure, Kind, say};
use client::{Client, ConsumeResult, PushConsumer, PushOptions, Received, Subscription};
use tokio::{
    sync::{mpsc, oneshot},
    time::Duration,
};

/// How long the end waits for messages that will not be printed any more.
const END_WITHIN: Duration = Duration::from_millis(200);

/// Messages to print, and whom to tell what became of them.
struct Batch {
    messages: Vec<Received>,
    done: oneshot::Sender<ConsumeResult>,
}

/// A member of a group.
pub struct Member {
    consumer: PushConsumer,
    batches: mpsc::Receiver<Batch>,
}

impl Member {
    /// Joins the group. Where it was never before, it begins where `spans` say.
    ///
    /// # Errors
    /// If the cluster cannot be asked.
    pub async fn join(
        client: &Client,
        group: &str,
        subscription: Subscription,
        spans: &[Span],
        options: PushOptions,
    ) -> Result<Self, Failure> {
        for Span { queue, begin, is_new, .. } in spans {
            if *is_new {
                client.commit(group, queue, *begin).await?;
            }
        }
        let (to_print, batches) = mpsc::channel(1);
        let consumer = PushConsumer::on(client, group, [subscription], options, move |messages| {
            hand_over(to_print.clone(), messages)
        });
        Ok(Self { consumer: consumer.await?, batches })
    }

    /// Prints what comes until there is enough, but for messages to fail on.
    ///
    /// # Errors
    /// If it cannot be printed.
    pub async fn print(&mut self, printer: &mut Printer, ways: &Ways) -> Result<(), Failure> {
        let mut came = 0;
        while !printer.is_done() {
            let Some(Batch { messages, done }) = self.batches.recv().await else { return Ok(()) };
            let mut result = ConsumeResult::Success;
            for message in &messages {
                came += 1;
                if ways.fails(came) {
                    let (id, times) = (message.message_id(), message.reconsume_times);
                    say(&format!("rmq: --fail-every: {id} is to come again (it came again {times} times before)"));
                    result = ConsumeResult::Later;
                } else {
                    printer.message(message)?;
                }
            }
            // Only what somebody can read is done with.
            printer.flush()?;
            // The consumer may be about to end: then they come again.
            let _ = done.send(result);
        }
        Ok(())
    }

    /// Leaves the group; what was printed will not come again.
    ///
    /// # Errors
    /// If the brokers could not be told how far it came.
    pub async fn leave(self) -> Result<(), Failure> {
        // Calls that wait to be printed end here, with nothing said.
        drop(self.batches);
        if self.consumer.shutdown(END_WITHIN).await {
            return Ok(());
        }
        tracing::info!("left the group while messages waited; they will come again");
        Ok(())
    }
}

async fn hand_over(to_print: mpsc::Sender<Batch>, messages: Vec<Received>) -> ConsumeResult {
    let (done, result) = oneshot::channel();
    if to_print.send(Batch { messages, done }).await.is_ok()
        && let Ok(result) = result.await
    {
        return result;
    }
    // Not printed, so not done with; nor are they to be put off: the next member shall have them as they are.
    std::future::pending().await
}

/// Fails if somebody else reads for the group: reading all its queues would bring them the same messages.
///
/// # Errors
/// So, or if the cluster cannot be asked.
pub async fn alone(client: &Client, group: &str, topic: &str) -> Result<(), Failure> {
    let members = client.members(group, topic).await?;
    if members.is_empty() {
        return Ok(());
    }
    let message = format!("group {group} is at work, in {}: --end would read its messages twice", members.join(", "));
    Err(Failure::new(Kind::Failed, message).target(group).hint("leave out --end to share its queues").retryable())
}

//! Taking what brokers hand out to a group, and acknowledging each message once it is printed.

use super::{Arguments, printing::Printer};
use crate::failure::{Failure, say};
use client::{Client, Error, PopConsumer, PoppedMessage, Subscription};
use protocol::code::response;
use tokio::time::{Duration, sleep};

/// How many messages come at once.
const BATCH: u64 = 32;
/// How long a broker may hold a question that finds nothing.
const WAIT: Duration = Duration::from_secs(15);
/// How long to wait after a question that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Prints what comes until there is enough, or somebody asks the command to end.
pub async fn run(
    arguments: &Arguments,
    client: &Client,
    group: &str,
    printer: &mut Printer,
    interrupted: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let consumer = PopConsumer::on(client, group)?;
    let subscription = super::wanted(arguments);
    let known = async {
        client.route(&arguments.topic).await.map(drop).map_err(|error| match error {
            Error::TopicNotFound { .. } => Failure::no_topic(&arguments.topic),
            other => other.into(),
        })
    };
    arguments.reach.within(known).await?;
    tokio::pin!(interrupted);
    while !printer.is_done() {
        let batch = i32::try_from(printer.wants().min(BATCH)).unwrap_or(1);
        let messages = tokio::select! {
            messages = pop(&consumer, &subscription, batch, arguments.invisible) => messages?,
            () = &mut interrupted => return Ok(()),
        };
        for message in &messages {
            printer.message(message)?;
            // Only what somebody can read is done with.
            printer.flush()?;
            acknowledge(&consumer, message).await?;
        }
    }
    Ok(())
}

/// Asks until there is an answer: a broker that is away may come back. One that refuses will do so again.
async fn pop(
    consumer: &PopConsumer,
    subscription: &Subscription,
    batch: i32,
    invisible: Duration,
) -> Result<Vec<PoppedMessage>, Failure> {
    let mut told = false;
    loop {
        match consumer.pop(subscription, batch, invisible, WAIT).await {
            Err(error) if error.is_unreachable() => tell(&mut told, &error).await,
            other => return Ok(other?),
        }
    }
}

async fn acknowledge(consumer: &PopConsumer, message: &PoppedMessage) -> Result<(), Failure> {
    let mut told = false;
    loop {
        match consumer.ack(message).await {
            Err(error) if error.is_unreachable() => tell(&mut told, &error).await,
            // It was asked before and the answer was lost, or it took too long.
            Err(error) if error.refusal_code() == Some(response::NO_MESSAGE) => {
                if !told {
                    say(&format!("rmq: message {} may come again: {error}", message.message_id()));
                }
                return Ok(());
            }
            other => return Ok(other?),
        }
    }
}

async fn tell(told: &mut bool, error: &Error) {
    // Once: it will be tried again every second.
    if !std::mem::replace(told, true) {
        say(&format!("rmq: {error}; trying again"));
    }
    sleep(AFTER_FAILURE).await;
}

//! The ways in which `rmq produce` sends a message: plainly, in a transaction, or as a request that waits for its reply.

use super::{GROUP, Mode, report::Became};
use crate::{
    failure::{Failure, Kind},
    reach::Reach,
};
use client::{Client, Message, Outcome, Producer, ProducerOptions, TransactionProducer};
use std::{future::ready, time::Duration};

/// How transactions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transaction {
    /// The messages are to be seen.
    Commit,
    /// Nobody is to see them.
    Rollback,
    /// The broker is to ask later.
    Unknown,
}

/// Sends messages in one way.
pub enum Sender {
    /// As the mode says.
    Plain(Producer, Mode),
    /// Each in a transaction of its own, all with the same end.
    Transaction(TransactionProducer, Outcome),
    /// Each waits so long for its reply.
    Request(Producer, Duration),
}

impl Sender {
    /// A producer that sends so. While a producer of transactions is there, it answers questions about earlier ones as
    /// well.
    ///
    /// # Errors
    /// If the ways do not go together.
    pub async fn start(
        client: &Client,
        topic: &str,
        options: ProducerOptions,
        mode: Mode,
        transaction: Option<Transaction>,
        reply_timeout: Option<Duration>,
    ) -> Result<Self, Failure> {
        if mode == Mode::Oneway && (transaction.is_some() || reply_timeout.is_some()) {
            let why = "--mode oneway waits for no answer: it goes with neither --transaction nor --reply-timeout";
            return Err(Failure::new(Kind::Usage, why));
        }
        let Some(transaction) = transaction else {
            let producer = Producer::on(client, GROUP, options)?;
            return Ok(match reply_timeout {
                Some(timeout) => Self::Request(producer, timeout),
                None => Self::Plain(producer, mode),
            });
        };
        let outcome = match transaction {
            Transaction::Commit => Outcome::Commit,
            Transaction::Rollback => Outcome::Rollback,
            Transaction::Unknown => Outcome::Unknown,
        };
        let producer = TransactionProducer::on(client, GROUP, options, move |message| {
            tracing::info!(id = message.message_id(), ?outcome, "a broker asks about a transaction");
            ready(outcome)
        })?;
        // Sending finds out as well if there is no such topic, and says so better.
        let _ = producer.be_known(topic).await;
        Ok(Self::Transaction(producer, outcome))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// Those of sending; that nobody replied.
    pub async fn send(&self, message: Message, reach: &Reach) -> Result<Became, Failure> {
        let sent = async {
            match self {
                Self::Plain(producer, Mode::Oneway) => {
                    producer.send_one_way(message).await?;
                    Ok(Became::Nothing)
                }
                Self::Plain(producer, _) => Ok(Became::Stored(producer.send(message).await?)),
                Self::Transaction(producer, outcome) => {
                    let ended = producer.send(message, |_| ready(*outcome)).await?;
                    ended.told?;
                    Ok(Became::Stored(ended.sent))
                }
                Self::Request(producer, timeout) => {
                    Ok(Became::Replied(Box::new(producer.request(message, *timeout).await?)))
                }
            }
        };
        match self {
            // It has a time-out of its own.
            Self::Request(..) => sent.await,
            _ => reach.within(sent).await,
        }
    }

    /// Leaves the group.
    pub async fn shutdown(&self) {
        match self {
            Self::Plain(producer, _) | Self::Request(producer, _) => producer.shutdown().await,
            Self::Transaction(producer, _) => producer.shutdown().await,
        }
    }
}

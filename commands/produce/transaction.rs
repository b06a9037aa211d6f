//! Messages sent in transactions that all end the same way.

use super::GROUP;
use crate::failure::Failure;
use client::{Client, Message, Outcome, ProducerOptions, SendResult, TransactionProducer};
use std::future::ready;

/// How transactions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum End {
    /// The messages are to be seen.
    Commit,
    /// Nobody is ever to see them.
    Rollback,
    /// The broker is to ask later.
    Unknown,
}

/// Sends each message in a transaction of its own. While it is there, it ends earlier transactions of the group so, too,
/// when a broker asks.
pub struct Transactions {
    /// What sends.
    pub producer: TransactionProducer,
    outcome: Outcome,
}

impl Transactions {
    /// Known to the brokers of `topic` from now on.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn start(client: &Client, topic: &str, options: ProducerOptions, end: End) -> Result<Self, Failure> {
        let outcome = match end {
            End::Commit => Outcome::Commit,
            End::Rollback => Outcome::Rollback,
            End::Unknown => Outcome::Unknown,
        };
        let producer = TransactionProducer::on(client, GROUP, options, move |message| {
            tracing::info!(id = message.message_id(), ?outcome, "a broker asks how a transaction ended");
            ready(outcome)
        })?;
        // Sending finds out as well that there is no such topic, and says so better.
        let _ = producer.be_known(topic).await;
        Ok(Self { producer, outcome })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// Those of sending it, and of telling the broker how its transaction ended.
    pub async fn send(&self, message: Message) -> Result<SendResult, client::Error> {
        let ended = self.producer.send(message, |_| ready(self.outcome)).await?;
        ended.told?;
        Ok(ended.sent)
    }
}

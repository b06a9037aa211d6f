//! What `rmq produce` sends with: a plain producer, one of transactions, or one whose messages are requests.

use super::{
    GROUP,
    ways::{Transaction, Ways},
};
use crate::failure::Failure;
use client::{Client, Outcome, Producer, ProducerOptions, TransactionProducer};
use std::{future::ready, time::Duration};

/// A producer of one kind.
pub enum Producing {
    /// Of messages.
    Plain(Producer),
    /// Of messages each in a transaction of its own, all with the same end.
    Transaction(TransactionProducer, Outcome),
    /// Of messages that each wait so long for a reply.
    Request(Producer, Duration),
}

impl Producing {
    /// The producer that the options want. While one of transactions is there, it answers questions about earlier ones as
    /// well.
    ///
    /// # Errors
    /// If the group's name is no name.
    pub async fn start(client: &Client, topic: &str, options: ProducerOptions, ways: &Ways) -> Result<Self, Failure> {
        let Some(transaction) = ways.transaction() else {
            let producer = Producer::on(client, GROUP, options)?;
            return Ok(match ways.reply_timeout() {
                Some(timeout) => Self::Request(producer, timeout),
                None => Self::Plain(producer),
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

    /// Leaves the group.
    pub async fn shutdown(&self) {
        match self {
            Self::Plain(producer) | Self::Request(producer, _) => producer.shutdown().await,
            Self::Transaction(producer, _) => producer.shutdown().await,
        }
    }
}

//! Sending messages that are seen only if something else succeeds: transactions.
//!
//! The message is stored where nobody sees it, then the other thing is done, then the broker is told how it went. If it
//! does not hear that, it asks: this producer, or any other of its group.
//! Source: `TransactionMQProducer`, `DefaultMQProducerImpl.sendMessageInTransaction` and `.checkTransactionState` of Apache
//! RocketMQ.

use crate::{
    client::{Client, malformed},
    error::Error,
    message::{Message, Received},
    producer::{Producer, ProducerOptions},
    sending::{SendResult, SendStatus},
};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use protocol::{
    Command,
    code::{request, response},
    properties::{self, DELAY_LEVEL, PRODUCER_GROUP, TRANSACTION_PREPARED},
    record::{self, Entry, MessageId, SysFlag},
    topic::check_group,
    transaction::{CheckTransaction, EndTransaction},
};
use remoting::Peer;
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

/// How long a connection may take to accept the answer to a broker's question.
const TELL_WITHIN: Duration = Duration::from_secs(3);

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message is to be seen.
    Commit,
    /// Nobody is ever to see the message.
    Rollback,
    /// Not known yet: the broker asks later.
    Unknown,
}

impl Outcome {
    fn code(self) -> i32 {
        match self {
            Self::Commit => SysFlag::TRANSACTION_COMMIT,
            Self::Rollback => SysFlag::TRANSACTION_ROLLBACK,
            Self::Unknown => 0,
        }
    }
}

/// A message that was sent in a transaction.
#[derive(Debug)]
pub struct Ended {
    /// Where it was stored, unseen.
    pub sent: SendResult,
    /// How its transaction ended.
    pub outcome: Outcome,
    /// Whether the broker took note of that. If not, it asks later.
    pub told: Result<(), Error>,
}

/// Sends messages in transactions, as a member of a producer group whose members all know how any of them ended.
#[derive(Clone)]
pub struct TransactionProducer {
    producer: Producer,
    group: Arc<str>,
    /// The client forgets `check` with the last clone.
    _check: Arc<Check>,
}

/// Says how a transaction ended that a broker asks about.
struct Check {
    ask: Box<dyn Fn(Received) -> BoxFuture<'static, Outcome> + Send + Sync>,
}

impl TransactionProducer {
    /// A producer on a client that others use too. `check` is called with each message about which a broker asks how its
    /// transaction ended; its broker is named by its address there.
    ///
    /// # Errors
    /// If the group's name is no name, or [`Error::GroupTaken`].
    pub fn on<C, A>(client: &Client, group: &str, options: ProducerOptions, check: C) -> Result<Self, Error>
    where
        C: Fn(Received) -> A + Send + Sync + 'static,
        A: Future<Output = Outcome> + Send + 'static,
    {
        check_group(group)?;
        let check = Arc::new(Check { ask: Box::new(move |message| Box::pin(check(message))) });
        client.shared().incoming.checks.add(group, &check)?;
        Ok(Self { producer: Producer::on(client, group, options)?, group: group.into(), _check: check })
    }

    /// Makes this producer known to the brokers of a topic now, so that they ask it. Sending does so as well, soon after.
    ///
    /// # Errors
    /// If the topic's route cannot be had.
    pub async fn be_known(&self, topic: &str) -> Result<(), Error> {
        self.producer.queues(topic).await?;
        self.producer.client().heartbeat().await;
        Ok(())
    }

    /// Sends a message in a transaction: stores it unseen, awaits `local` with where it was stored, and tells the broker
    /// the outcome. A message that may not be safe, as its [`SendStatus`] says, is rolled back without calling `local`.
    ///
    /// # Errors
    /// Those of [`Producer::send`]: nothing was begun then.
    pub async fn send<L: Future<Output = Outcome>>(
        &self,
        mut message: Message,
        local: impl FnOnce(SendResult) -> L,
    ) -> Result<Ended, Error> {
        message.properties.set(TRANSACTION_PREPARED, "true")?;
        message.properties.set(PRODUCER_GROUP, &self.group)?;
        // One cannot have both, and Apache's clients leave it out, too.
        message.properties.remove(DELAY_LEVEL);
        let topic = message.topic.clone();
        let sent = self.producer.send(message).await?;
        let outcome = if sent.status == SendStatus::Ok { local(sent.clone()).await } else { Outcome::Rollback };
        let told = self.tell(&topic, &sent, outcome).await;
        Ok(Ended { sent, outcome, told })
    }

    /// The producer it stands on: for messages without a transaction.
    pub fn producer(&self) -> &Producer {
        &self.producer
    }

    /// Leaves the group. Another member is asked about what is still open.
    pub async fn shutdown(&self) {
        self.producer.client().shared().incoming.checks.remove(&self.group);
        self.producer.shutdown().await;
    }

    async fn tell(&self, topic: &str, sent: &SendResult, outcome: Outcome) -> Result<(), Error> {
        if outcome == Outcome::Unknown {
            return Ok(());
        }
        let client = self.producer.client();
        let addr = client.master_addr(&sent.queue.broker, topic).await?;
        let Some(id) = MessageId::parse(&sent.offset_message_id) else {
            let why = format!("{:?} is no message id", sent.offset_message_id);
            return Err(malformed(&addr, request::SEND_MESSAGE_V2, why));
        };
        let header = EndTransaction {
            producer_group: self.group.to_string(),
            tran_state_table_offset: sent.queue_offset,
            commit_log_offset: id.physical_offset,
            commit_or_rollback: outcome.code(),
            from_transaction_check: false,
            msg_id: Some(sent.message_id.clone()),
            transaction_id: Some(sent.message_id.clone()),
        };
        client.ask(&addr, Command::request(request::END_TRANSACTION).with_header(&header)).await.map(drop)
    }
}

/// Who knows how transactions ended, by group.
#[derive(Default)]
pub(crate) struct Checks {
    by_group: Mutex<HashMap<String, Weak<Check>>>,
}

impl Checks {
    fn add(&self, group: &str, check: &Arc<Check>) -> Result<(), Error> {
        let mut by_group = self.by_group.lock();
        if by_group.get(group).is_some_and(|check| check.strong_count() > 0) {
            return Err(Error::GroupTaken(group.to_owned()));
        }
        by_group.insert(group.to_owned(), Arc::downgrade(check));
        Ok(())
    }

    fn remove(&self, group: &str) {
        self.by_group.lock().remove(group);
    }

    /// A broker asks how a transaction ended: it is told in a request of its own, once that is known.
    pub(crate) fn asked(&self, peer: &Arc<Peer>, request: &Command) -> Command {
        let question = match Question::read(peer, request) {
            Ok(question) => question,
            Err(why) => {
                tracing::warn!(?peer, why, "a broker's question about a transaction cannot be read");
                return Command::refusal(response::SYSTEM_ERROR, why);
            }
        };
        let Some(check) = self.by_group.lock().get(&question.group).and_then(Weak::upgrade) else {
            tracing::warn!(?peer, question.group, "asked about a transaction of a group that knows of none");
            let why = format!("this client has no transactions of group {}", question.group);
            return Command::refusal(response::SYSTEM_ERROR, why);
        };
        // Not on the connection's task: it may take long, or fail.
        tokio::spawn(question.answer(peer.clone(), check));
        Command::success()
    }
}

/// A broker's question about a transaction.
struct Question {
    header: CheckTransaction,
    group: String,
    message: Received,
}

impl Question {
    fn read(peer: &Peer, request: &Command) -> Result<Self, String> {
        let header: CheckTransaction = request.header().map_err(|error| error.to_string())?;
        let record = match record::decode(&request.body.to_bytes(), true) {
            Ok(Entry::Message(record)) => record,
            Ok(Entry::Blank(_)) => return Err("it has no message".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let group = properties::get(&record.properties, PRODUCER_GROUP).ok_or("it names no group")?.to_owned();
        let message = Received::from_record(record, &peer.remote().to_string().into());
        Ok(Self { header, group, message })
    }

    async fn answer(self, peer: Arc<Peer>, check: Arc<Check>) {
        let outcome = (check.ask)(self.message).await;
        let header = EndTransaction {
            producer_group: self.group,
            tran_state_table_offset: self.header.tran_state_table_offset,
            commit_log_offset: self.header.commit_log_offset,
            commit_or_rollback: outcome.code(),
            from_transaction_check: true,
            msg_id: self.header.msg_id,
            transaction_id: self.header.transaction_id,
        };
        let answer = Command::request(request::END_TRANSACTION).with_header(&header);
        if let Err(error) = peer.post(answer, TELL_WITHIN).await {
            tracing::warn!(%error, "could not tell a broker how a transaction ended: it asks again");
        }
    }
}

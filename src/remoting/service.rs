//! What a room gives to a connection: it takes requests and gives answers, at once or later.

use crate::Peer;
use protocol::{Command, Encoding};
use std::{future::Future, pin::Pin, sync::Arc};

/// Answers the requests of connections.
///
/// All requests that arrived in one read are handed over together, so that a service can do for all of them
/// at once what costs the same for one: a write to the log, a wait for a flush.
pub trait Service: Send + Sync + 'static {
    /// Takes all of `requests` out and answers each, except one-way ones, through `answers`.
    /// Called on the connection's task: it must not wait.
    fn serve(&self, peer: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers);

    /// The connection is gone.
    fn closed(&self, peer: &Arc<Peer>) {
        let _ = peer;
    }
}

/// What is kept of a request to send its answer.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    opaque: i32,
    encoding: Encoding,
    one_way: bool,
}

impl Receipt {
    /// Of a request.
    pub fn of(request: &Command) -> Self {
        Self { opaque: request.opaque, encoding: request.encoding, one_way: request.is_one_way() }
    }

    pub(crate) fn stamp(self, mut answer: Command) -> Option<Command> {
        answer.opaque = self.opaque;
        answer.encoding = self.encoding;
        (!self.one_way).then_some(answer)
    }
}

pub(crate) type Later = Pin<Box<dyn Future<Output = Vec<Command>> + Send>>;

/// Where a service puts its answers.
#[derive(Default)]
pub struct Answers {
    pub(crate) now: Vec<Command>,
    pub(crate) later: Vec<Later>,
}

impl Answers {
    /// An answer that is ready. Dropped if the request was one-way.
    pub fn now(&mut self, receipt: Receipt, answer: Command) {
        self.now.extend(receipt.stamp(answer));
    }

    /// An answer that takes a while; `None` leaves the request unanswered.
    pub fn later(&mut self, receipt: Receipt, answer: impl Future<Output = Option<Command>> + Send + 'static) {
        let stamped = async move { answer.await.and_then(|answer| receipt.stamp(answer)).into_iter().collect() };
        self.later.push(Box::pin(stamped));
    }

    /// Answers to several requests that become ready together, at the cost of one wait.
    pub fn later_together(&mut self, answers: impl Future<Output = Vec<(Receipt, Command)>> + Send + 'static) {
        let stamped =
            async move { answers.await.into_iter().filter_map(|(receipt, answer)| receipt.stamp(answer)).collect() };
        self.later.push(Box::pin(stamped));
    }
}

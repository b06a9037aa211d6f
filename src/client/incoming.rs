//! What brokers ask of this client.

use crate::{
    groups::{Groups, Reset},
    request_reply::Replies,
    transaction::Checks,
};
use protocol::{
    Command,
    ask_client::RunningInfoOf,
    code::{request, request_title, response},
    heartbeat::GroupOf,
    offset_table::{self, ResetOf},
};
use remoting::{Answers, Peer, Receipt, Service};
use std::sync::Arc;

/// Answers the brokers' requests.
pub(crate) struct Incoming {
    groups: Arc<Groups>,
    /// Who knows how transactions ended.
    pub(crate) checks: Checks,
    /// Who waits for a reply.
    pub(crate) replies: Replies,
}

impl Incoming {
    pub(crate) fn new(groups: Arc<Groups>) -> Self {
        Self { groups, checks: Checks::default(), replies: Replies::default() }
    }
}

impl Service for Incoming {
    fn serve(&self, peer: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        for request in requests.drain(..) {
            let receipt = Receipt::of(&request);
            let answer = match request.code {
                request::NOTIFY_CONSUMER_IDS_CHANGED => members_changed(&self.groups, &request),
                request::RESET_CONSUMER_CLIENT_OFFSET => reset(&self.groups, &request),
                request::GET_CONSUMER_RUNNING_INFO => running(&self.groups, &request),
                request::CHECK_TRANSACTION_STATE => self.checks.asked(peer, &request),
                request::PUSH_REPLY_MESSAGE_TO_CLIENT => self.replies.replied(&request),
                other => {
                    tracing::debug!(?peer, "asked {}, which this client does not do", request_title(other));
                    let why = format!("this client does not answer {}", request_title(other));
                    Command::refusal(response::REQUEST_CODE_NOT_SUPPORTED, why)
                }
            };
            answers.now(receipt, answer);
        }
    }
}

fn members_changed(groups: &Groups, request: &Command) -> Command {
    match request.header::<GroupOf>() {
        Ok(header) => {
            groups.members_changed(&header.consumer_group);
            Command::success()
        }
        Err(error) => Command::refusal(response::SYSTEM_ERROR, error.to_string()),
    }
}

/// A broker has been told where the group is to go on.
fn reset(groups: &Groups, request: &Command) -> Command {
    let table = offset_table::read(&request.body.to_bytes());
    match (request.header::<ResetOf>(), table) {
        (Ok(ResetOf { topic, group }), Ok(positions)) => {
            tracing::info!(group, topic, ?positions, "a broker asks to go on elsewhere");
            groups.reset(&group, Reset { topic, positions });
            Command::success()
        }
        (Err(error), _) => Command::refusal(response::SYSTEM_ERROR, error.to_string()),
        (_, Err(error)) => Command::refusal(response::SYSTEM_ERROR, error.to_string()),
    }
}

/// A broker asks, for an administrator, how this client runs in a group.
fn running(groups: &Groups, request: &Command) -> Command {
    let header = match request.header::<RunningInfoOf>() {
        Ok(header) => header,
        Err(error) => return Command::refusal(response::SYSTEM_ERROR, error.to_string()),
    };
    match groups.running(&header.consumer_group).map(|info| info.to_json()) {
        Some(Ok(json)) => Command::success().with_body(json.into_bytes()),
        Some(Err(error)) => Command::refusal(response::SYSTEM_ERROR, error.to_string()),
        None => {
            let why = format!("this client is not in group {}", header.consumer_group);
            Command::refusal(response::SYSTEM_ERROR, why)
        }
    }
}

//! What is asked → who answers. Read it as a table of contents.

use crate::{
    broker::Broker, connections, delay, inspect, locks, manage, membership, pop, pull, query, readers,
    refusal::Refusal, reply, reset, retention, send, send_back, stats, transaction,
};
use protocol::{
    Command,
    code::{self, request, response},
};
use remoting::{Answers, Peer, Receipt, Service};
use std::sync::Arc;

/// Whether a request is one to store a message.
fn is_stored(code: i32) -> bool {
    [request::SEND_MESSAGE, request::SEND_MESSAGE_V2, request::SEND_BATCH_MESSAGE, request::CONSUMER_SEND_MSG_BACK]
        .contains(&code)
}

/// Answers a request to store something at a slave, as the store of an Apache slave does.
fn refuse_to_store(broker: &Broker, request: &Command, answers: &mut Answers) {
    if let Some(follower) = broker.follower() {
        let refusal = follower.refusal(response::SERVICE_NOT_AVAILABLE, "stores no messages");
        answers.now(Receipt::of(request), send::with_region(broker, refusal.answer()));
    }
}

/// The broker as a service for connections.
pub struct Dispatch(pub Arc<Broker>);

impl Service for Dispatch {
    fn serve(&self, peer: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        let broker = &self.0;
        let mut sends = broker.sends();
        for request in requests.drain(..) {
            match request.code {
                code if is_stored(code) && broker.follower().is_some() => refuse_to_store(broker, &request, answers),
                request::SEND_MESSAGE | request::SEND_MESSAGE_V2 | request::SEND_BATCH_MESSAGE => {
                    sends.collect(broker, peer, &request, answers);
                }
                _ => {
                    // What was sent before it on this connection is there for it to see.
                    sends.append(broker, answers);
                    other(broker, peer, &request, answers);
                }
            }
        }
        sends.append(broker, answers);
        broker.done_with(sends);
    }

    fn closed(&self, peer: &Arc<Peer>) {
        self.0.clients().disconnected(peer, |group| self.0.tells_members(group));
    }
}

/// Everything but sending.
fn other(broker: &Arc<Broker>, peer: &Arc<Peer>, request: &Command, answers: &mut Answers) {
    let answered = match request.code {
        request::PULL_MESSAGE | request::LITE_PULL_MESSAGE => return pull::pull(broker, peer, request, answers),
        request::CONSUMER_SEND_MSG_BACK => return send_back::send_back(broker, request, answers),

        request::END_TRANSACTION => return transaction::end(broker, peer, request, answers),
        request::SEND_REPLY_MESSAGE | request::SEND_REPLY_MESSAGE_V2 => {
            return reply::reply(broker, peer, request, answers);
        }

        request::POP_MESSAGE => return pop::pop(broker, request, answers),
        request::ACK_MESSAGE => return pop::ack(broker, request, answers),
        request::BATCH_ACK_MESSAGE => return pop::batch_ack(broker, request, answers),
        request::CHANGE_MESSAGE_INVISIBLETIME => return pop::change_invisible_time(broker, request, answers),
        request::NOTIFICATION => return pop::notification(broker, request, answers),
        request::POLLING_INFO => pop::polling_info(broker, request),
        request::QUERY_ASSIGNMENT => return pop::query_assignment(broker, request, answers),
        request::SET_MESSAGE_REQUEST_MODE => pop::set_request_mode(broker, request),

        request::HEART_BEAT => membership::heartbeat(broker, peer, request),
        request::UNREGISTER_CLIENT => membership::unregister(broker, peer, request),
        request::GET_CONSUMER_LIST_BY_GROUP => membership::members(broker, request),
        request::CHECK_CLIENT_CONFIG => membership::check_client(broker, request),

        request::LOCK_BATCH_MQ => locks::lock(broker, request),
        request::UNLOCK_BATCH_MQ => locks::unlock(broker, request),

        request::INVOKE_BROKER_TO_RESET_OFFSET => reset::reset(broker, request),
        request::QUERY_CONSUMER_OFFSET => query::consumer_offset(broker, request),
        request::UPDATE_CONSUMER_OFFSET => query::update_consumer_offset(broker, peer, request),
        request::GET_MAX_OFFSET => query::max_offset(broker, request),
        request::GET_MIN_OFFSET => query::min_offset(broker, request),
        request::SEARCH_OFFSET_BY_TIMESTAMP => query::offset_at_time(broker, request),
        request::GET_EARLIEST_MSG_STORETIME => query::earliest_time(broker, request),
        request::VIEW_MESSAGE_BY_ID => query::view_message(broker, request),
        request::QUERY_MESSAGE => query::query_message(broker, request),

        request::UPDATE_AND_CREATE_TOPIC => return manage::put_topic(broker, request, answers),
        request::DELETE_TOPIC_IN_BROKER => return manage::delete_topic(broker, request, answers),
        request::GET_ALL_TOPIC_CONFIG => manage::topics(broker),
        request::GET_SYSTEM_TOPIC_LIST_FROM_BROKER => manage::system_topics(broker),
        request::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP => manage::put_group(broker, request),
        request::GET_ALL_SUBSCRIPTIONGROUP_CONFIG => manage::groups(broker),
        request::DELETE_SUBSCRIPTIONGROUP => manage::delete_group(broker, request),
        request::GET_ALL_CONSUMER_OFFSET => manage::offsets(broker),
        request::GET_ALL_DELAY_OFFSET => delay::offsets(broker),
        request::GET_BROKER_CONFIG => manage::config(broker),
        request::UPDATE_BROKER_CONFIG => manage::update_config(broker, request),

        request::TRIGGER_DELETE_FILES | request::DELETE_EXPIRED_COMMITLOG => retention::delete_files(broker),
        request::CLEAN_EXPIRED_CONSUMEQUEUE => retention::clean_queues(broker),
        request::CLEAN_UNUSED_TOPIC => retention::clean_topics(broker),

        request::GET_TOPIC_STATS_INFO => stats::topic_stats(broker, request),
        request::GET_CONSUME_STATS => stats::consume_stats(broker, request),
        request::GET_BROKER_CONSUME_STATS => return stats::all_consume_stats(broker, request, answers),
        request::QUERY_CONSUME_TIME_SPAN => stats::time_spans(broker, request),
        request::VIEW_BROKER_STATS_DATA => stats::stats_data(broker, request),
        request::QUERY_TOPIC_CONSUME_BY_WHO => readers::groups_of(broker, request),
        request::QUERY_CONSUME_QUEUE => readers::queue_entries(broker, request),
        request::QUERY_TOPICS_BY_CONSUMER => readers::topics_of(broker, request),
        request::CLONE_GROUP_OFFSET => readers::clone_offsets(broker, request),
        request::GET_CONSUMER_CONNECTION_LIST => connections::consumers(broker, request),
        request::GET_PRODUCER_CONNECTION_LIST => connections::producers(broker, request),
        request::GET_ALL_PRODUCER_INFO => connections::all_producers(broker),
        request::QUERY_SUBSCRIPTION_BY_CONSUMER => connections::subscription(broker, request),
        request::GET_CONSUMER_RUNNING_INFO => return connections::running_info(broker, request, answers),
        request::CONSUME_MESSAGE_DIRECTLY => return connections::consume_directly(broker, request, answers),
        request::GET_BROKER_RUNTIME_INFO => inspect::runtime_info(broker),

        _ => Err(Refusal::new(
            response::REQUEST_CODE_NOT_SUPPORTED,
            format!("request {} is not supported by this broker", code::request_title(request.code)),
        )),
    };
    answers.now(Receipt::of(request), answered.unwrap_or_else(Refusal::answer));
}

//! What clients tell about themselves, and ask about their group.
//!
//! Source: `ClientManageProcessor`, `ConsumerManageProcessor` of Apache RocketMQ 4.9.8.

use crate::{broker::Broker, filters::Wanted, pull, refusal::Refusal};
use protocol::{
    Command,
    code::response,
    heartbeat::{CheckClient, GroupMembers, GroupOf, Heartbeat, Unregister},
    topic,
};
use remoting::Peer;
use std::sync::Arc;

type Answered = Result<Command, Refusal>;

/// A heartbeat (34): notes the client's groups, and creates their retry topics.
pub fn heartbeat(broker: &Broker, peer: &Arc<Peer>, request: &Command) -> Answered {
    let heartbeat: Heartbeat = request.json()?;
    let member = broker.clients().member(&heartbeat.client_id, peer, request);
    for data in &heartbeat.consumer_data_set {
        // An unknown group that may not be created is still heard: its pulls are refused, with the reason.
        let notify = match broker.groups().require(&data.group_name) {
            Ok(group) => {
                let retry = topic::retry_topic(&data.group_name);
                // A group without retry queues retries nothing.
                let has_retries = group.retry_queue_nums > 0 && topic::check_topic(&retry).is_ok();
                // A slave copies the topics that its master makes.
                let makes = has_retries && broker.follower().is_none();
                if makes && broker.topics().ensure(&retry, group.retry_queue_nums).1 {
                    broker.announcer().soon();
                }
                group.notify_consumer_ids_changed_enable
            }
            Err(_) => true,
        };
        let notify = notify && broker.config().notify_consumer_ids_changed_enable;
        broker.clients().consumer_heard(data, member.clone(), notify);
    }
    for data in &heartbeat.producer_data_set {
        broker.clients().producer_heard(&data.group_name, member.clone());
    }
    Ok(Command::success())
}

/// A client leaves its groups (35).
pub fn unregister(broker: &Broker, peer: &Peer, request: &Command) -> Answered {
    let leaving: Unregister = request.header()?;
    if let Some(group) = &leaving.producer_group {
        broker.clients().producer_left(group, peer);
    }
    if let Some(group) = &leaving.consumer_group {
        broker.clients().consumer_left(group, peer, broker.tells_members(group));
    }
    Ok(Command::success())
}

/// The members of a group (38).
pub fn members(broker: &Broker, request: &Command) -> Answered {
    let GroupOf { consumer_group } = request.header()?;
    match broker.clients().ids(&consumer_group) {
        Some(consumer_id_list) => Ok(Command::success().with_json(&GroupMembers { consumer_id_list })),
        None => Err(Refusal::new(response::SYSTEM_ERROR, format!("no consumer for this group, {consumer_group}"))),
    }
}

/// Whether a subscription is understood (46).
pub fn check_client(broker: &Broker, request: &Command) -> Answered {
    let check: CheckClient = request.json()?;
    let wanted = Wanted::new(check.subscription_data);
    pull::may_filter(broker, &wanted.said)?;
    match wanted.broken() {
        None => Ok(Command::success()),
        Some(why) => Err(Refusal::new(response::SUBSCRIPTION_PARSE_FAILED, why)),
    }
}

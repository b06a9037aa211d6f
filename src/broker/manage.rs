//! Orders of operators: topics and groups created, changed and deleted, settings shown and changed.
//!
//! Source: `AdminBrokerProcessor` of Apache RocketMQ 4.9.8.

use crate::{broker::Broker, config::ConfigError, refusal::Refusal};
use base::properties::{self, Properties};
use protocol::{
    Command,
    code::response,
    inspect::ConfigVersion,
    topic::{self, CreateTopic, DeleteGroup, GroupConfig, NamedTopic, TopicConfig},
};
use remoting::{Answers, Receipt};
use std::sync::Arc;

type Answered = Result<Command, Refusal>;

/// Most queues a topic may have; more would be a slip of the finger, and each is a file.
const MAX_QUEUES: i32 = 65_535;

/// Refuses a change at a slave.
///
/// # Errors
/// If this broker is one.
pub fn refuse_on_slave(broker: &Broker) -> Result<(), Refusal> {
    match broker.follower() {
        Some(follower) => Err(follower.refusal(response::SYSTEM_ERROR, "takes no changes")),
        None => Ok(()),
    }
}

/// Answers `answered`; a success only once the name servers know.
fn once_known(broker: &Arc<Broker>, receipt: Receipt, answered: Answered, answers: &mut Answers) {
    match answered {
        Ok(answer) => {
            let (broker, ticket) = (broker.clone(), broker.announcer().soon());
            answers.later(receipt, async move {
                broker.announcer().known(ticket).await;
                Some(answer)
            });
        }
        Err(refusal) => answers.now(receipt, refusal.answer()),
    }
}

/// Creates or changes a topic (17).
pub fn put_topic(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    let put = || {
        refuse_on_slave(broker)?;
        let wanted: CreateTopic = request.header()?;
        topic::check_topic(&wanted.topic)?;
        if broker.topics().is_system(&wanted.topic) {
            let remark = format!("topic {} is the broker's own and cannot be changed", wanted.topic);
            return Err(Refusal::new(response::SYSTEM_ERROR, remark));
        }
        let queues = 0..=MAX_QUEUES;
        if !queues.contains(&wanted.read_queue_nums) || !queues.contains(&wanted.write_queue_nums) {
            let remark = format!("a topic has 0 to {MAX_QUEUES} queues");
            return Err(Refusal::new(response::SYSTEM_ERROR, remark));
        }
        let filter = wanted.topic_filter_type.unwrap_or_else(|| "SINGLE_TAG".to_owned());
        if !["SINGLE_TAG", "MULTI_TAG"].contains(&&*filter) {
            let remark = format!("topicFilterType {filter:?} is neither SINGLE_TAG nor MULTI_TAG");
            return Err(Refusal::new(response::SYSTEM_ERROR, remark));
        }
        broker.topics().put(TopicConfig {
            order: wanted.order,
            read_queue_nums: wanted.read_queue_nums,
            topic_filter_type: filter,
            topic_sys_flag: wanted.topic_sys_flag.unwrap_or(0),
            ..TopicConfig::new(&wanted.topic, wanted.write_queue_nums, wanted.perm)
        });
        Ok(Command::success())
    };
    once_known(broker, Receipt::of(request), put(), answers);
}

/// Deletes a topic with its queues (215); its messages go with the files of the log.
pub fn delete_topic(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    let delete = || {
        refuse_on_slave(broker)?;
        let NamedTopic { topic, .. } = request.header()?;
        topic::check_topic(&topic)?;
        if broker.topics().is_system(&topic) {
            let remark = format!("topic {topic} is the broker's own and cannot be deleted");
            return Err(Refusal::new(response::SYSTEM_ERROR, remark));
        }
        broker.topics().delete(&topic);
        broker.offsets().forget_topic(&topic);
        broker.store().delete_topic(&topic).map_err(|error| Refusal::new(response::SYSTEM_ERROR, error.to_string()))?;
        tracing::info!(topic, "topic deleted");
        Ok(Command::success())
    };
    once_known(broker, Receipt::of(request), delete(), answers);
}

/// All topics (21).
pub fn topics(broker: &Broker) -> Answered {
    Ok(Command::success().with_json(&broker.topics().snapshot()))
}

/// The topics of the broker itself (305).
pub fn system_topics(broker: &Broker) -> Answered {
    let mut topic_list = broker.topics().system().to_vec();
    // Also those that are made only when they are needed.
    for fixed in topic::system_topics() {
        if !topic_list.iter().any(|name| name == fixed) {
            topic_list.push(fixed.to_owned());
        }
    }
    Ok(Command::success().with_json(&topic::TopicList { topic_list, broker_addr: None }))
}

/// Creates or changes a group (200).
pub fn put_group(broker: &Broker, request: &Command) -> Answered {
    refuse_on_slave(broker)?;
    let group: GroupConfig = request.json()?;
    topic::check_group(&group.group_name)?;
    if !(0..=MAX_QUEUES).contains(&group.retry_queue_nums) {
        let remark = format!("retryQueueNums of group {} is not within 0 and {MAX_QUEUES}", group.group_name);
        return Err(Refusal::new(response::SYSTEM_ERROR, remark));
    }
    broker.groups().put(group);
    Ok(Command::success())
}

/// All groups (201).
pub fn groups(broker: &Broker) -> Answered {
    Ok(Command::success().with_json(&broker.groups().snapshot()))
}

/// Deletes a group (207), and its offsets if so asked.
pub fn delete_group(broker: &Broker, request: &Command) -> Answered {
    refuse_on_slave(broker)?;
    let DeleteGroup { group_name, remove_offset } = request.header()?;
    crate::groups::refuse_own(&group_name)?;
    broker.groups().delete(&group_name);
    if remove_offset {
        broker.offsets().forget_group(&group_name);
    }
    tracing::info!(group = group_name, remove_offset, "group deleted");
    Ok(Command::success())
}

/// All offsets of all groups (43).
pub fn offsets(broker: &Broker) -> Answered {
    Ok(Command::success().with_json(&broker.offsets().snapshot()))
}

/// Every key with its value (26).
pub fn config(broker: &Broker) -> Answered {
    let text = properties::render(broker.config().print().iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let version = serde_json::to_string(&broker.topics().version())?;
    Ok(Command::success().with_header(&ConfigVersion { version }).with_body(text.into_bytes()))
}

/// Changes settings (25): only those that may change while the broker runs. They are written to the file that the broker
/// was started with, as Apache RocketMQ does; that they do not last is a remark of the answer.
pub fn update_config(broker: &Arc<Broker>, request: &Command) -> Answered {
    let body = request.body.to_bytes();
    let refuse = |why: String| Refusal::new(response::SYSTEM_ERROR, why);
    let text = std::str::from_utf8(&body).map_err(|_| refuse("the request's body is not UTF-8".to_owned()))?;
    let changes = Properties::parse(text).map_err(|error| refuse(error.to_string()))?;
    let passing = broker.change_config(&changes).map_err(|error| match error {
        ConfigError::Fixed { .. } => Refusal::forbidden(error.to_string()),
        other => refuse(other.to_string()),
    })?;
    match &passing {
        None => tracing::info!(changes = text, "settings changed, and written to the broker's file"),
        Some(why) => tracing::warn!(changes = text, "settings changed; {why}"),
    }
    // The permission may have changed, which name servers are to know.
    broker.announcer().soon();
    Ok(match passing {
        None => Command::success(),
        Some(why) => Command::success().with_remark(why),
    })
}

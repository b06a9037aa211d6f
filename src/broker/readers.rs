//! Which groups read a topic (300), which topics a group reads (343), and a group that takes over another's offsets (314).
//!
//! Source: `AdminBrokerProcessor` of Apache RocketMQ 4.9.8, for 343 of 5.3.3. Where 314 names no topic, 4.9.8 goes
//! through all of them and copies nothing; here all are copied.

use crate::{broker::Broker, config_values::BrokerRole, groups, offsets::Place, refusal::Refusal};
use protocol::{
    Command,
    code::response,
    readers::{CloneOffsets, GroupList, TopicsOf},
    topic::{NamedTopic, TopicList},
};
use std::collections::BTreeSet;

type Answered = Result<Command, Refusal>;

/// The groups that read a topic, or did (300).
pub fn groups_of(broker: &Broker, request: &Command) -> Answered {
    let NamedTopic { topic, .. } = request.header()?;
    let mut groups: BTreeSet<_> = broker.clients().groups_of(&topic).into_iter().collect();
    groups.extend(broker.offsets().groups_of(&topic));
    Ok(Command::success().with_json(&GroupList { group_list: groups.into_iter().collect() }))
}

/// The topics that a group has read (343).
pub fn topics_of(broker: &Broker, request: &Command) -> Answered {
    let TopicsOf { group } = request.header()?;
    let topic_list = broker.offsets().topics_of(&group);
    Ok(Command::success().with_json(&TopicList { topic_list, broker_addr: Some(broker.advertised()) }))
}

/// Has a group go on where another one is (314).
pub fn clone_offsets(broker: &Broker, request: &Command) -> Answered {
    let asked: CloneOffsets = request.header()?;
    let CloneOffsets { src_group, dest_group, .. } = &asked;
    if broker.config().broker_role == BrokerRole::Slave {
        return Err(Refusal::new(response::SYSTEM_ERROR, "a slave takes no changes: ask its master"));
    }
    groups::refuse_own(dest_group)?;
    broker.groups().require(dest_group)?;
    let topics = match asked.topic.as_ref().filter(|topic| !topic.trim().is_empty()) {
        Some(topic) => vec![topic.clone()],
        None => broker.offsets().topics_of(src_group),
    };
    for topic in topics {
        let Some(config) = broker.topics().find(&topic) else { continue };
        if !asked.offline && broker.clients().has_left(src_group, &topic) {
            continue;
        }
        for queue_id in 0..config.read_queue_nums {
            if let Some(offset) = broker.offsets().get(&topic, src_group, queue_id) {
                // Members that read already hear of it with their next pull.
                broker.offsets().reset(Place { topic: &topic, group: dest_group, queue_id }, offset);
            }
        }
    }
    Ok(Command::success())
}

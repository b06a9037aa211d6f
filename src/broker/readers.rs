//! Which groups read a topic (300), which topics a group reads (343), what stands in a queue (321), and a group that takes over
//! another's offsets (314).
//!
//! Source: `AdminBrokerProcessor` of Apache RocketMQ 4.9.8, for 343 of 5.3.3. Where 314 names no topic, 4.9.8 goes
//! through all of them and copies nothing; here all are copied.

use crate::{broker::Broker, config_values::BrokerRole, groups, offsets::Place, refusal::Refusal};
use protocol::{
    Command,
    code::response,
    readers::{CloneOffsets, GroupList, QueueEntries, QueueEntriesOf, QueueEntryData, TopicsOf},
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

/// At most so many entries of a queue in one answer.
const ENTRIES: usize = 65_536;

/// What stands in a queue, and what a group wants of it (321).
pub fn queue_entries(broker: &Broker, request: &Command) -> Answered {
    let asked: QueueEntriesOf = request.header()?;
    let QueueEntriesOf { topic, queue_id, index, .. } = &asked;
    let queue = broker.store().queue(topic, *queue_id).ok_or_else(|| {
        Refusal::new(response::SYSTEM_ERROR, format!("queue {queue_id} of topic {topic} has no message here"))
    })?;
    let (min, max) = (queue.min_offset(), queue.max_offset());
    // An index that the queue does not have has no entries: the answer says which it has. Apache's has no body then, which
    // its own tool cannot read.
    let mut entries = Vec::new();
    let wanted = usize::try_from(asked.count).unwrap_or(0).min(ENTRIES);
    queue
        .read(*index, wanted, &mut entries)
        .map_err(|error| Refusal::new(response::SYSTEM_ERROR, error.to_string()))?;
    let data = entries.iter().map(|entry| QueueEntryData {
        physic_offset: entry.physical_offset,
        physic_size: i32::try_from(entry.size).unwrap_or(i32::MAX),
        tags_code: entry.tag_hash,
        eval: false,
    });
    let subscription = asked.consumer_group.as_ref().map(|group| {
        let members = broker.clients().group(group);
        members.and_then(|members| members.subscriptions().find(|said| said.topic == *topic).cloned())
    });
    let filter_data = asked.consumer_group.as_ref().zip(subscription.as_ref()).map(|(group, said)| match said {
        Some(_) => "null".to_owned(),
        None => format!("no member of group {group} subscribes to topic {topic}"),
    });
    Ok(Command::success().with_json(&QueueEntries {
        subscription_data: subscription.flatten(),
        filter_data,
        queue_data: Some(data.collect()),
        max_queue_index: max,
        min_queue_index: min,
    }))
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

//! What a member of a group tells of itself when a broker asks (307): the queues that it holds, and how far it has come.
//!
//! What this client does not measure (speeds, times of pulls) it does not tell. Source: `ConsumerRunningInfo` of Apache RocketMQ.

use crate::{
    locks::name,
    member::{Assigned, Member},
    route::Queue,
};
use protocol::ask_client::{HeldQueue, RunningInfo};
use serde_json::Value;

/// How the member runs, which began at `started_ms`.
pub(crate) fn of(member: &Member, started_ms: i64) -> RunningInfo {
    let data = member.consumer_data();
    let text = |text: String| Value::from(text);
    let properties = [
        ("PROP_CLIENT_VERSION", text(env!("CARGO_PKG_VERSION").to_owned())),
        ("PROP_CONSUME_TYPE", serde_json::to_value(data.consume_type).unwrap_or_default()),
        ("PROP_CONSUMEORDERLY", text(member.is_ordered().to_string())),
        ("PROP_CONSUMER_START_TIMESTAMP", text(started_ms.to_string())),
    ];
    RunningInfo {
        jstack: None,
        mq_table: member
            .queues
            .lock()
            .iter()
            .map(|(queue, assigned)| (name(queue), held(member, queue, assigned)))
            .collect(),
        properties: properties.map(|(name, value)| (name.to_owned(), value)).into(),
        status_table: Default::default(),
        subscription_set: data.subscription_data_set,
    }
}

fn held(member: &Member, queue: &Queue, assigned: &Assigned) -> HeldQueue {
    let waiting = assigned.process.waiting();
    HeldQueue {
        // Apache's clients, too, say -1 as long as they do not know.
        commit_offset: assigned.process.position().unwrap_or(-1),
        cached_msg_min_offset: waiting.first,
        cached_msg_max_offset: waiting.last,
        cached_msg_count: waiting.messages as i64,
        cached_msg_size_in_mib: (waiting.bytes >> 20) as i64,
        locked: member.is_locking() && member.locks.holds(queue),
        droped: assigned.stop.is_cancelled(),
        ..HeldQueue::default()
    }
}

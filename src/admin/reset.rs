//! Resetting a group: where each queue would go on, and having brokers do it.
//!
//! A broker of rmq, or of Apache RocketMQ 5, resets a queue (222) whether members of the group are connected or not: it tells
//! them with their next pulls. An older one takes the same request for a reset of all queues to a time, and refuses it unless
//! members are connected, to whom it gives the order (220). While none is, the position is committed instead (15).

use crate::{Admin, BrokerRef, Error, QueueRange, Where, admin};
use client::Queue;
use protocol::{
    Command,
    code::request,
    lock::QueueName,
    offset_table::{self, OffsetTable},
    reset::ResetOffset,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a group is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// At the first message there is.
    First,
    /// Behind the last message there is.
    Last,
    /// At the first message stored at that time or after, ms.
    Time(i64),
    /// At that index of each queue, or the nearest that there is.
    Offset(i64),
    /// So many messages further on, or back if it is negative.
    Shift(i64),
}

/// Where a group goes on in a queue after a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Where the queue begins and ends.
    pub range: QueueRange,
    /// Where the group would have gone on; `None` if the broker knows no position.
    pub before: Option<i64>,
    /// Where it goes on. Within `range`.
    pub after: i64,
    /// Whether another index was asked for, which the queue does not have.
    pub nearest: bool,
}

/// What became of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The group goes on there.
    Set,
    /// The connected members were told to go on at this index. Java's take some ten seconds for each broker.
    Told(i64),
}

impl Target {
    /// As the order to reset a topic to a time has it.
    fn timestamp(self) -> Option<i64> {
        match self {
            Self::First => Some(0),
            Self::Last => Some(-1),
            // -1 would be the end.
            Self::Time(ms) => Some(ms.max(0)),
            Self::Offset(_) | Self::Shift(_) => None,
        }
    }
}

impl Admin {
    /// Where a group would go on in each readable queue of a topic. Changes nothing.
    ///
    /// # Errors
    /// As [`Admin::ranges`]. A queue that cannot be asked has its own, and [`Error::NoPosition`] is a shift from nowhere.
    pub async fn plan_reset(
        &self,
        group: &str,
        topic: &str,
        target: Target,
    ) -> Result<Vec<(Queue, Result<Reset, Error>)>, Error> {
        self.each_queue(topic, |queue| async move {
            let before = self.client.committed(group, &queue).await?;
            let range = self.range(&queue).await?;
            let wanted = match target {
                Target::First => range.min,
                Target::Last => range.max,
                Target::Time(ms) => self.client.offset_at(&queue, ms).await?.clamp(range.min, range.max),
                Target::Offset(offset) => offset,
                Target::Shift(by) => before
                    .ok_or_else(|| Error::NoPosition { group: group.to_owned(), queue: queue.to_string() })?
                    .saturating_add(by),
            };
            // A queue that is cut meanwhile may end before it begins.
            let after = wanted.min(range.max).max(range.min);
            Ok(Reset { range, before, after, nearest: after != wanted })
        })
        .await
    }

    /// Has a group go on at an index of each queue. `whole` is what that comes from, if those are all queues of a topic.
    ///
    /// # Errors
    /// If no name server answers. What became of each queue is in the answer.
    pub async fn reset(
        &self,
        group: &str,
        to: Vec<(Queue, i64)>,
        whole: Option<Target>,
    ) -> Result<Vec<(Queue, Result<Done, Error>)>, Error> {
        let brokers = self.brokers().await?;
        let mut ways = Ways { whole: whole.and_then(Target::timestamp), by_addr: BTreeMap::new() };
        let mut outcomes = Vec::new();
        for (queue, offset) in to {
            let master = brokers.iter().find(|broker| broker.is_master() && *broker.name == *queue.broker);
            let outcome = match master {
                None => Err(no_master(&queue, &brokers)),
                Some(master) => self.reset_at(master, group, &queue, offset, &mut ways).await,
            };
            outcomes.push((queue, outcome));
        }
        Ok(outcomes)
    }

    async fn reset_at(
        &self,
        master: &BrokerRef,
        group: &str,
        queue: &Queue,
        offset: i64,
        ways: &mut Ways,
    ) -> Result<Done, Error> {
        if !ways.by_addr.contains_key(&master.addr) {
            let way = self.way(master, group, queue, ways.whole).await?;
            ways.by_addr.insert(master.addr.clone(), way);
        }
        match &ways.by_addr[&master.addr] {
            Way::Order => {
                let header = ResetOffset {
                    topic: queue.topic.to_string(),
                    group: group.to_owned(),
                    // For what an index is not enough.
                    timestamp: 0,
                    is_force: true,
                    queue_id: queue.id,
                    offset: Some(offset),
                };
                let order = Command::request(request::INVOKE_BROKER_TO_RESET_OFFSET).with_header(&header);
                self.client.ask(&master.addr, order).await?;
                Ok(Done::Set)
            }
            Way::Commit => {
                self.client.commit(group, queue, offset).await?;
                Ok(Done::Set)
            }
            Way::Told(table) => {
                let (broker_name, queue_id) = (queue.broker.to_string(), queue.id);
                let name = QueueName { broker_name, queue_id, topic: queue.topic.to_string() };
                let left_out = || {
                    let why = format!("its answer leaves {queue} out");
                    admin::malformed(&master.addr, request::INVOKE_BROKER_TO_RESET_OFFSET, why)
                };
                table.get(&name).map(|offset| Done::Told(*offset)).ok_or_else(left_out)
            }
            Way::None => Err(Error::MembersConnected { group: group.to_owned(), broker: master.to_string() }),
        }
    }

    /// `whole`: the time that all queues of the topic are reset to.
    async fn way(&self, master: &BrokerRef, group: &str, queue: &Queue, whole: Option<i64>) -> Result<Way, Error> {
        let info = self.runtime_info(&master.addr).await?;
        if resets_queues(info.get("brokerVersionDesc").map_or("", String::as_str)) {
            return Ok(Way::Order);
        }
        let members = self.consumers(group, &Where::Broker(master.addr.clone())).await?;
        match members.0.into_iter().next().map(|outcome| outcome.result) {
            Some(Ok(Some(_))) => match whole {
                Some(timestamp) => Ok(Way::Told(self.tell_members(master, group, &queue.topic, timestamp).await?)),
                None => Ok(Way::None),
            },
            Some(Err(error)) => Err(error),
            Some(Ok(None)) | None => Ok(Way::Commit),
        }
    }

    /// Has a broker of Apache RocketMQ 4 order the members of a group to go on at a time; answers at which indexes that is.
    async fn tell_members(
        &self,
        master: &BrokerRef,
        group: &str,
        topic: &str,
        timestamp: i64,
    ) -> Result<OffsetTable, Error> {
        const ASKED: i32 = request::INVOKE_BROKER_TO_RESET_OFFSET;
        let (topic, group) = (topic.to_owned(), group.to_owned());
        let header = ResetOffset { topic, group, timestamp, is_force: true, queue_id: -1, offset: None };
        let answer = self.client.ask(&master.addr, Command::request(ASKED).with_header(&header)).await?;
        offset_table::read(&answer.body.to_bytes()).map_err(|error| admin::malformed(&master.addr, ASKED, error))
    }
}

/// How each master is told.
struct Ways {
    whole: Option<i64>,
    by_addr: BTreeMap<String, Way>,
}

/// How a broker is told.
enum Way {
    /// Queue by queue, whoever is connected.
    Order,
    /// Queue by queue, as a member would, for there is none.
    Commit,
    /// Its members have got an order for the whole topic.
    Told(OffsetTable),
    None,
}

/// Whether a broker of this version resets single queues.
fn resets_queues(version: &str) -> bool {
    version.starts_with("rmq ") || version.starts_with("V5_")
}

fn no_master(queue: &Queue, brokers: &[BrokerRef]) -> Error {
    let known = brokers.iter().map(ToString::to_string).collect();
    Error::NoBroker { name: format!("{} (a master)", queue.broker), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brokers_that_know_the_request_are_given_it() {
        assert!(resets_queues("rmq 0.1.0") && resets_queues("V5_3_3"));
        assert!(!resets_queues("V4_9_8") && !resets_queues("") && !resets_queues("HIGHER_VERSION"));
    }
}

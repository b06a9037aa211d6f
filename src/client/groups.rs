//! The groups this client takes part in: what heartbeats tell, and whom the brokers' notices concern.

use crate::error::Error;
use parking_lot::Mutex;
use protocol::{
    ask_client::RunningInfo,
    heartbeat::{ConsumerData, Heartbeat, ProducerData},
    offset_table::OffsetTable,
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};
use tokio::sync::{Notify, mpsc};

#[derive(Default)]
pub(crate) struct Groups {
    /// Group → how many producers of this client are in it.
    producers: Mutex<BTreeMap<String, usize>>,
    consumers: Mutex<BTreeMap<String, Member>>,
    /// A group came, or a broker that has not heard of the groups.
    pub(crate) heartbeat_due: Arc<Notify>,
}

struct Member {
    data: ConsumerData,
    notices: Notices,
}

/// Where a consumer hears what brokers say to its group.
#[derive(Clone)]
pub(crate) struct Notices {
    /// The members of the group changed.
    pub(crate) members_changed: Arc<Notify>,
    /// The group is to go on elsewhere.
    pub(crate) resets: mpsc::UnboundedSender<Reset>,
    /// How it runs; `None` once it has ended.
    pub(crate) running: Running,
}

type Running = Arc<dyn Fn() -> Option<RunningInfo> + Send + Sync>;

/// Where a group is to go on in queues of a topic.
#[derive(Debug)]
pub(crate) struct Reset {
    pub(crate) topic: String,
    pub(crate) positions: OffsetTable,
}

impl Groups {
    pub(crate) fn join_as_producer(&self, group: &str) {
        *self.producers.lock().entry(group.to_owned()).or_default() += 1;
        self.heartbeat_due.notify_one();
    }

    /// Returns whether this was the last producer of the group.
    pub(crate) fn leave_as_producer(&self, group: &str) -> bool {
        let mut producers = self.producers.lock();
        match producers.get_mut(group) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            Some(_) => producers.remove(group).is_some(),
            None => false,
        }
    }

    pub(crate) fn join_as_consumer(&self, data: ConsumerData, notices: Notices) -> Result<(), Error> {
        match self.consumers.lock().entry(data.group_name.clone()) {
            Entry::Occupied(taken) => Err(Error::GroupTaken(taken.key().clone())),
            Entry::Vacant(free) => {
                free.insert(Member { data, notices });
                Ok(())
            }
        }
    }

    /// What the group subscribes to has changed.
    pub(crate) fn update_consumer(&self, data: ConsumerData) {
        if let Some(member) = self.consumers.lock().get_mut(&data.group_name) {
            member.data = data;
        }
    }

    pub(crate) fn leave_as_consumer(&self, group: &str) {
        self.consumers.lock().remove(group);
    }

    /// A broker says that members came or went. Returns false if this client is not in the group.
    pub(crate) fn members_changed(&self, group: &str) -> bool {
        let consumers = self.consumers.lock();
        let member = consumers.get(group);
        if let Some(member) = member {
            member.notices.members_changed.notify_one();
        }
        member.is_some()
    }

    /// A broker says where the group is to go on. Returns false if this client is not in the group.
    pub(crate) fn reset(&self, group: &str, reset: Reset) -> bool {
        self.consumers.lock().get(group).is_some_and(|member| member.notices.resets.send(reset).is_ok())
    }

    /// How this client runs in a group; `None` if it is not in it.
    pub(crate) fn running(&self, group: &str) -> Option<RunningInfo> {
        let running = self.consumers.lock().get(group)?.notices.running.clone();
        running()
    }

    /// What brokers are told; `None` if this client is in no group.
    pub(crate) fn heartbeat(&self, client_id: &str) -> Option<Heartbeat> {
        let producers = self.producers.lock();
        let consumers = self.consumers.lock();
        let heartbeat = Heartbeat {
            client_id: client_id.to_owned(),
            producer_data_set: producers.keys().map(|group| ProducerData { group_name: group.clone() }).collect(),
            consumer_data_set: consumers.values().map(|member| member.data.clone()).collect(),
        };
        let none = heartbeat.producer_data_set.is_empty() && heartbeat.consumer_data_set.is_empty();
        (!none).then_some(heartbeat)
    }
}

//! What is asked of the table: routes, clusters and lists of topics.

use crate::routes::{Queues, Routes};
use bytes::Bytes;
use protocol::{
    route::{BrokerData, ClusterInfo, QueueData, TopicRoute},
    topic::TopicList,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Most bytes of names and bodies that are kept.
const MAX_KEPT: usize = 16 * 1024 * 1024;
/// Bits of a topic's unit flags. Source: `TopicSysFlag` of Apache RocketMQ.
const UNIT: i32 = 1;
const UNIT_SUB: i32 = 1 << 1;

/// The bodies of routes that were asked for. Any change of the table empties it.
#[derive(Default)]
pub(crate) struct Bodies {
    by_topic: HashMap<String, Bytes>,
    kept: usize,
}

impl Bodies {
    pub(crate) fn clear(&mut self) {
        self.by_topic.clear();
        self.kept = 0;
    }

    fn keep(&mut self, topic: &str, body: &Bytes) {
        let size = topic.len() + body.len();
        if self.kept + size > MAX_KEPT {
            self.clear();
        }
        if size <= MAX_KEPT {
            self.kept += size;
            self.by_topic.insert(topic.to_owned(), body.clone());
        }
    }
}

/// Which topics of a unitized deployment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Units {
    /// Those of a unit.
    Unit,
    /// Those that units subscribe to.
    Subscribed,
    /// Those that units subscribe to and that are of none.
    SubscribedOnly,
}

impl Units {
    fn take(self, queues: &Queues) -> bool {
        let (unit, subscribed) = (queues.sys_flag & UNIT != 0, queues.sys_flag & UNIT_SUB != 0);
        match self {
            Self::Unit => unit,
            Self::Subscribed => subscribed,
            Self::SubscribedOnly => subscribed && !unit,
        }
    }
}

impl Routes {
    /// Where a topic lives, as the body of an answer.
    pub(crate) fn route_body(&mut self, topic: &str) -> Option<Bytes> {
        if let Some(body) = self.bodies.by_topic.get(topic) {
            return Some(body.clone());
        }
        let body = body_of(&self.route(topic)?);
        self.bodies.keep(topic, &body);
        Some(body)
    }

    /// As [`Routes::route_body`], with the order of the topic's queues.
    pub(crate) fn ordered_route_body(&self, topic: &str, order: String) -> Option<Bytes> {
        Some(body_of(&TopicRoute { order_topic_conf: Some(order), ..self.route(topic)? }))
    }

    fn route(&self, topic: &str) -> Option<TopicRoute> {
        let on = self.topics.get(topic)?;
        Some(TopicRoute {
            broker_datas: on.keys().filter_map(|name| self.broker(name)).collect(),
            queue_datas: on.iter().map(|(name, queues)| queue_data(name, queues)).collect(),
            ..TopicRoute::default()
        })
    }

    fn broker(&self, name: &str) -> Option<BrokerData> {
        let group = self.brokers.get(name)?;
        Some(BrokerData {
            broker_addrs: group.members.iter().map(|(id, member)| (*id, member.addr.clone())).collect(),
            broker_name: name.to_owned(),
            cluster: group.cluster.clone(),
            enable_acting_master: false,
        })
    }

    /// Every broker and cluster.
    pub(crate) fn clusters(&self) -> ClusterInfo {
        let mut info = ClusterInfo::default();
        for (name, group) in &self.brokers {
            info.broker_addr_table.extend(self.broker(name).map(|broker| (name.to_string(), broker)));
            info.cluster_addr_table.entry(group.cluster.clone()).or_default().push(name.to_string());
        }
        info
    }

    /// Every topic.
    pub(crate) fn topic_list(&self) -> TopicList {
        self.topics_where(|_| true)
    }

    /// The topics on any broker of a cluster; none if there is no such cluster.
    pub(crate) fn topics_of_cluster(&self, cluster: &str) -> TopicList {
        self.topics_where(|on| {
            on.keys().any(|name| self.brokers.get(name).is_some_and(|group| group.cluster == cluster))
        })
    }

    /// The topics of a unitized deployment. As with Apache RocketMQ, a topic's first broker speaks for all.
    pub(crate) fn unit_topics(&self, units: Units) -> TopicList {
        self.topics_where(|on| on.values().next().is_some_and(|queues| units.take(queues)))
    }

    fn topics_where(&self, take: impl Fn(&BTreeMap<Arc<str>, Queues>) -> bool) -> TopicList {
        let taken = self.topics.iter().filter(|(_, on)| take(on));
        let mut topic_list: Vec<_> = taken.map(|(topic, _)| topic.to_string()).collect();
        topic_list.sort_unstable();
        TopicList { broker_addr: None, topic_list }
    }

    /// The topics that every cluster and broker has under its own name, and the address of a broker that knows the
    /// other system topics.
    pub(crate) fn system_topics(&self) -> TopicList {
        let first = self.brokers.values().next().and_then(|group| group.members.values().next());
        let topic_list =
            self.clusters().cluster_addr_table.into_iter().flat_map(|(cluster, names)| [vec![cluster], names].concat());
        TopicList { broker_addr: first.map(|member| member.addr.clone()), topic_list: topic_list.collect() }
    }
}

fn queue_data(broker: &str, queues: &Queues) -> QueueData {
    QueueData {
        broker_name: broker.to_owned(),
        perm: queues.perm,
        read_queue_nums: queues.read,
        topic_sys_flag: queues.sys_flag,
        write_queue_nums: queues.write,
    }
}

fn body_of(route: &TopicRoute) -> Bytes {
    // Maps with number and string keys only: this always serializes.
    serde_json::to_vec(route).unwrap_or_default().into()
}

//! Where a topic's queues are, made ready for those who send and read.
//!
//! Source: `MQClientInstance.topicRouteData2TopicPublishInfo` and `…SubscribeInfo` of Apache RocketMQ.

use protocol::{
    route::{BrokerData, TopicRoute},
    topic::perm,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Most queues of a topic on one broker that are believed.
const MAX_QUEUES: i32 = 65_536;

/// One queue of a topic on one broker. Ordered as Apache's clients order queues to share them out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queue {
    /// Topic.
    pub topic: Arc<str>,
    /// The broker's name.
    pub broker: Arc<str>,
    /// From 0.
    pub id: i32,
}

impl Queue {
    /// A queue by its parts.
    pub fn new(topic: impl Into<Arc<str>>, broker: impl Into<Arc<str>>, id: i32) -> Self {
        Self { topic: topic.into(), broker: broker.into(), id }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.topic, self.broker, self.id)
    }
}

/// A queue that can be written, and where.
#[derive(Clone, Debug)]
pub(crate) struct WriteQueue {
    pub(crate) queue: Queue,
    /// The master's address.
    pub(crate) addr: Arc<str>,
}

/// A topic's route.
#[derive(Debug)]
pub struct Route {
    topic: Arc<str>,
    data: TopicRoute,
    writable: Vec<WriteQueue>,
    readable: Vec<Queue>,
    inherited: bool,
    /// Whose turn it is; goes on when the route is asked again.
    turn: Arc<AtomicUsize>,
}

impl Route {
    pub(crate) fn new(topic: &Arc<str>, data: TopicRoute, turn: Arc<AtomicUsize>) -> Self {
        Self {
            topic: topic.clone(),
            writable: writable(topic, &data),
            readable: readable(topic, &data),
            data,
            inherited: false,
            turn,
        }
    }

    /// The route of a topic that does not exist yet: where the topic it would inherit from can be written,
    /// with at most `queues` queues on a broker.
    pub(crate) fn inherited(topic: &Arc<str>, mut data: TopicRoute, queues: i32, turn: Arc<AtomicUsize>) -> Self {
        for queue in &mut data.queue_datas {
            let queues = queue.read_queue_nums.min(queues);
            (queue.read_queue_nums, queue.write_queue_nums) = (queues, queues);
        }
        Self { inherited: true, ..Self::new(topic, data, turn) }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// As the name server told it.
    pub fn data(&self) -> &TopicRoute {
        &self.data
    }

    /// Whether the topic does not exist yet and this is where it would come into being.
    pub fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// The queues that can be read, in order.
    pub fn readable(&self) -> &[Queue] {
        &self.readable
    }

    /// The queues that can be written: those whose broker has a master.
    pub fn writable(&self) -> impl Iterator<Item = &Queue> {
        self.writable.iter().map(|queue| &queue.queue)
    }

    /// The brokers of a name.
    pub fn broker(&self, name: &str) -> Option<&BrokerData> {
        self.data.broker_datas.iter().find(|broker| broker.broker_name == name)
    }

    pub(crate) fn write_queues(&self) -> &[WriteQueue] {
        &self.writable
    }

    /// The next position in the round over all queues.
    pub(crate) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }
}

fn writable(topic: &Arc<str>, route: &TopicRoute) -> Vec<WriteQueue> {
    // An order set for the topic says which queues count, also while a broker is away.
    let counts: Vec<(&str, i32)> = match route.order_topic_conf.as_deref().filter(|conf| !conf.is_empty()) {
        Some(conf) => conf
            .split(';')
            .filter_map(|entry| entry.split_once(':'))
            .filter_map(|(broker, queues)| Some((broker.trim(), queues.trim().parse().ok()?)))
            .collect(),
        None => {
            let may = route.queue_datas.iter().filter(|queue| queue.perm & perm::WRITE != 0);
            let mut counts: Vec<_> = may.map(|queue| (queue.broker_name.as_str(), queue.write_queue_nums)).collect();
            counts.sort_unstable();
            counts
        }
    };
    let mut queues = Vec::new();
    for (name, count) in counts {
        let broker = route.broker_datas.iter().find(|broker| broker.broker_name == name);
        let Some(master) = broker.and_then(BrokerData::master) else { continue };
        let (broker, addr): (Arc<str>, Arc<str>) = (name.into(), master.into());
        queues.extend((0..count.min(MAX_QUEUES)).map(|id| WriteQueue {
            queue: Queue { topic: topic.clone(), broker: broker.clone(), id },
            addr: addr.clone(),
        }));
    }
    queues
}

fn readable(topic: &Arc<str>, route: &TopicRoute) -> Vec<Queue> {
    let may = route.queue_datas.iter().filter(|queue| queue.perm & perm::READ != 0);
    let mut queues: Vec<Queue> = may
        .flat_map(|data| {
            let broker: Arc<str> = data.broker_name.as_str().into();
            (0..data.read_queue_nums.min(MAX_QUEUES)).map(move |id| Queue {
                topic: topic.clone(),
                broker: broker.clone(),
                id,
            })
        })
        .collect();
    queues.sort_unstable();
    queues
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::route::QueueData;

    fn route() -> TopicRoute {
        let queues = |name: &str, perm, read, write| QueueData {
            broker_name: name.into(),
            perm,
            read_queue_nums: read,
            write_queue_nums: write,
            topic_sys_flag: 0,
        };
        let broker = |name: &str, id: i64| BrokerData {
            broker_addrs: [(id, format!("{name}:{id}"))].into(),
            broker_name: name.into(),
            ..BrokerData::default()
        };
        TopicRoute {
            queue_datas: vec![queues("b", 6, 2, 1), queues("a", 6, 1, 2), queues("ro", 4, 1, 1), queues("s", 6, 1, 1)],
            broker_datas: vec![broker("b", 0), broker("a", 0), broker("ro", 0), broker("s", 1)],
            ..TopicRoute::default()
        }
    }

    fn names<'a>(queues: impl Iterator<Item = &'a Queue>) -> Vec<String> {
        queues.map(|queue| format!("{}{}", queue.broker, queue.id)).collect()
    }

    #[test]
    fn writing_needs_permission_and_a_master_reading_needs_permission() {
        let route = Route::new(&"T".into(), route(), Arc::default());
        assert_eq!(names(route.writable()), ["a0", "a1", "b0"]);
        assert_eq!(names(route.readable().iter()), ["a0", "b0", "b1", "ro0", "s0"]);
        assert_eq!(&*route.write_queues()[2].addr, "b:0");
    }

    #[test]
    fn an_order_set_for_the_topic_says_which_queues_are_written() {
        let ordered = TopicRoute { order_topic_conf: Some("b:2;gone:1;a:1;".into()), ..route() };
        assert_eq!(names(Route::new(&"T".into(), ordered, Arc::default()).writable()), ["b0", "b1", "a0"]);
    }

    #[test]
    fn a_topic_to_come_takes_at_most_so_many_queues_of_what_it_inherits() {
        let route = Route::inherited(&"T".into(), route(), 1, Arc::default());
        assert!(route.is_inherited());
        assert_eq!(names(route.writable()), ["a0", "b0"]);
    }
}

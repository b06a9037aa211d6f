//! The routes this client knows: asked when first needed, again every 30 s, and when something fails.
//!
//! A known route outlives name servers that are away or have just started and know nothing yet.

use crate::{
    client::{Client, malformed},
    error::Error,
    route::Route,
};
use parking_lot::RwLock;
use protocol::{
    Command,
    code::{request, response},
    route::{BrokerData, MASTER_ID, TopicRoute},
    topic::{AUTO_CREATE_TOPIC, NamedTopic, check_topic},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Queues a topic gets on a broker when it comes into being by sending to it. Source: `DefaultMQProducer`.
pub(crate) const NEW_TOPIC_QUEUES: i32 = 4;
/// How long a sender waits for a newer route after a failure before it tries with the one it has.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

pub(crate) struct Routes {
    topics: RwLock<HashMap<Arc<str>, Arc<Topic>>>,
    /// Brokers of all known routes, by name.
    brokers: RwLock<BTreeMap<String, BrokerData>>,
    /// Told when a broker comes that was not known before.
    brokers_came: Arc<Notify>,
}

struct Topic {
    name: Arc<str>,
    known: RwLock<Option<Known>>,
    /// Held while the name servers are asked, so that they are asked once for all who wait.
    asking: tokio::sync::Mutex<()>,
    turn: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Known {
    route: Arc<Route>,
    asked_at: Instant,
}

impl Routes {
    pub(crate) fn new(brokers_came: Arc<Notify>) -> Self {
        Self { topics: RwLock::default(), brokers: RwLock::default(), brokers_came }
    }

    fn topic(&self, name: &str) -> Arc<Topic> {
        if let Some(topic) = self.topics.read().get(name) {
            return topic.clone();
        }
        let name: Arc<str> = name.into();
        let new = || {
            Arc::new(Topic {
                name: name.clone(),
                known: RwLock::default(),
                asking: tokio::sync::Mutex::default(),
                // Producers that start together do not all start with the same queue.
                turn: Arc::new(AtomicUsize::new(usize::from(rand::random::<u16>()))),
            })
        };
        self.topics.write().entry(name.clone()).or_insert_with(new).clone()
    }

    fn learn(&self, topic: &Topic, route: Route) -> Arc<Route> {
        let route = Arc::new(route);
        *topic.known.write() = Some(Known { route: route.clone(), asked_at: Instant::now() });
        let all: Vec<_> = self.topics.read().values().filter_map(|topic| topic.known.read().clone()).collect();
        let mut brokers: BTreeMap<String, BrokerData> = BTreeMap::new();
        // The newest word about a broker counts.
        let mut newest_first = all;
        newest_first.sort_by_key(|known| std::cmp::Reverse(known.asked_at));
        for broker in newest_first.iter().flat_map(|known| &known.route.data().broker_datas) {
            brokers.entry(broker.broker_name.clone()).or_insert_with(|| broker.clone());
        }
        let mut known = self.brokers.write();
        let came = brokers.iter().any(|(name, broker)| known.get(name) != Some(broker));
        *known = brokers;
        drop(known);
        if came {
            self.brokers_came.notify_one();
        }
        route
    }
}

impl Client {
    /// The route of an existing topic, asked if it is not known.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`], or that of asking.
    pub async fn route(&self, topic: &str) -> Result<Arc<Route>, Error> {
        let entry = self.shared().routes.topic(topic);
        match entry.route().filter(|route| !route.is_inherited()) {
            Some(route) => Ok(route),
            None => self.ask_route(&entry, Instant::now()).await,
        }
    }

    /// The route of a topic, asked now even if one is known.
    ///
    /// # Errors
    /// As [`Client::route`]. A known route stays known.
    pub async fn fresh_route(&self, topic: &str) -> Result<Arc<Route>, Error> {
        let entry = self.shared().routes.topic(topic);
        self.ask_route(&entry, Instant::now()).await
    }

    /// The route to send by: of the topic, or of what it would inherit from when it came into being.
    pub(crate) async fn write_route(&self, topic: &str) -> Result<Arc<Route>, Error> {
        let entry = self.shared().routes.topic(topic);
        match entry.route() {
            Some(route) => Ok(route),
            // Boxed: every send under way would hold the room for what only the first one does.
            None => Box::pin(self.find_write_route(&entry)).await,
        }
    }

    async fn find_write_route(&self, entry: &Topic) -> Result<Arc<Route>, Error> {
        match self.ask_route(entry, Instant::now()).await {
            Err(Error::TopicNotFound { .. }) => {}
            other => return other,
        }
        match self.query_route(AUTO_CREATE_TOPIC).await? {
            Some(data) => {
                let route = Route::inherited(&entry.name, data, NEW_TOPIC_QUEUES, entry.turn.clone());
                Ok(self.shared().routes.learn(entry, route))
            }
            None => Err(Error::TopicNotFound { topic: entry.name.to_string() }),
        }
    }

    /// After a failure: the route, asked again unless that was done since `began`, or the known one.
    pub(crate) async fn route_after_failure(&self, known: &Arc<Route>, topic: &str, began: Instant) -> Arc<Route> {
        let entry = self.shared().routes.topic(topic);
        match tokio::time::timeout(AFTER_FAILURE, Box::pin(self.ask_route(&entry, began))).await {
            Ok(Ok(route)) => route,
            Ok(Err(_)) | Err(_) => known.clone(),
        }
    }

    /// Asks again for every topic in use.
    pub(crate) async fn refresh_routes(&self) {
        let topics: Vec<_> = self.shared().routes.topics.read().values().cloned().collect();
        for topic in topics.iter().filter(|topic| topic.route().is_some()) {
            if let Err(error) = self.ask_route(topic, Instant::now()).await {
                tracing::debug!(topic = &*topic.name, %error, "keeps the known route");
            }
        }
    }

    /// Every known broker, by name.
    pub(crate) fn brokers(&self) -> Vec<BrokerData> {
        self.shared().routes.brokers.read().values().cloned().collect()
    }

    /// The address of a broker's master.
    pub(crate) async fn master_addr(&self, broker: &str, topic: &str) -> Result<String, Error> {
        Ok(self.broker_addr(broker, topic, MASTER_ID, true).await?.1)
    }

    /// The master of a broker's name; a slave, if the name servers know no master.
    pub(crate) async fn master_or_slave(&self, broker: &str, topic: &str) -> Result<(i64, String), Error> {
        match self.broker_addr(broker, topic, MASTER_ID, true).await {
            Ok(master) => Ok(master),
            Err(error) => self.known_broker(broker, first).ok_or(error),
        }
    }

    /// The ids of a broker's name that are known, in order.
    pub(crate) fn broker_ids(&self, broker: &str) -> Vec<i64> {
        self.known_broker(broker, |data| Some(data.broker_addrs.keys().copied().collect())).unwrap_or_default()
    }

    /// What `pick` finds among the known brokers of a name.
    pub(crate) fn known_broker<T>(&self, broker: &str, pick: impl Fn(&BrokerData) -> Option<T>) -> Option<T> {
        self.shared().routes.brokers.read().get(broker).and_then(pick)
    }

    /// Id and address of a broker: of the one with this id, or unless `only` of another of its name.
    pub(crate) async fn broker_addr(
        &self,
        broker: &str,
        topic: &str,
        id: i64,
        only: bool,
    ) -> Result<(i64, String), Error> {
        let find = || {
            self.known_broker(broker, |data| {
                let this = data.broker_addrs.get(&id).map(|addr| (id, addr.clone()));
                if only { this } else { this.or_else(|| first(data)) }
            })
        };
        if let Some(addr) = find() {
            return Ok(addr);
        }
        self.fresh_route(topic).await?;
        find().ok_or_else(|| Error::BrokerUnknown { broker: broker.to_owned(), topic: topic.to_owned() })
    }

    async fn ask_route(&self, topic: &Topic, since: Instant) -> Result<Arc<Route>, Error> {
        let _asking = topic.asking.lock().await;
        // Somebody else asked while this one waited for the lock.
        if let Some(known) = topic.known.read().as_ref().filter(|known| known.asked_at > since) {
            return Ok(known.route.clone());
        }
        match self.query_route(&topic.name).await? {
            Some(data) => Ok(self.shared().routes.learn(topic, Route::new(&topic.name, data, topic.turn.clone()))),
            None => Err(Error::TopicNotFound { topic: topic.name.to_string() }),
        }
    }

    /// What the name servers tell of a topic; `None` if they know none of that name.
    pub async fn query_route(&self, topic: &str) -> Result<Option<TopicRoute>, Error> {
        check_topic(topic)?;
        let header = NamedTopic { topic: topic.to_owned(), cluster_name: None };
        let asked = self.ask_names(Command::request(request::GET_ROUTEINFO_BY_TOPIC).with_header(&header)).await;
        match asked {
            Ok(answer) => answer
                .json()
                .map(Some)
                .map_err(|error| malformed("a name server", request::GET_ROUTEINFO_BY_TOPIC, error)),
            Err(error) if error.refusal_code() == Some(response::TOPIC_NOT_EXIST) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The master, else the slave with the lowest id.
fn first(data: &BrokerData) -> Option<(i64, String)> {
    data.broker_addrs.iter().next().map(|(id, addr)| (*id, addr.clone()))
}

impl Topic {
    fn route(&self) -> Option<Arc<Route>> {
        self.known.read().as_ref().map(|known| known.route.clone())
    }
}

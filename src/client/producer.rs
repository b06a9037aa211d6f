//! Sending messages: which queue takes one, and what happens when its broker fails.
//!
//! A send is one future: many of them awaited together are an asynchronous producer. No task is started for a message
//! and no lock is held while it is under way.

use crate::{
    client::Client,
    config::ClientConfig,
    error::{Error, SendAttempt},
    faults::Faults,
    message::Message,
    route::{Queue, Route, WriteQueue},
    sending::{Bounds, Ready, SendResult, may_retry},
    trace::{Attempt, Of, Trace},
};
use base::Clock;
use protocol::{properties, topic::check_group};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How a producer sends. The defaults are those of Apache RocketMQ's `DefaultMQProducer`.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// How long one attempt to send may take. Default 3 s.
    pub send_timeout: Duration,
    /// How often a failed send is tried again, on another broker if there is one. Default 2.
    pub retries: usize,
    /// Bodies from this size, in bytes, are compressed. Default 4 KiB.
    pub compress_from: usize,
    /// Largest body in bytes, before compression. Default 4 MiB.
    pub max_body: usize,
    /// Whether the topic of traces is told what was sent; not of one-way messages. Default false.
    pub trace: bool,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            send_timeout: Duration::from_secs(3),
            retries: 2,
            compress_from: 4096,
            max_body: 4 * 1024 * 1024,
            trace: false,
        }
    }
}

/// Sends messages as a member of a producer group. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    /// Whether the client was made for this producer and ends with it.
    own_client: bool,
    group: String,
    options: ProducerOptions,
    faults: Faults,
    clock: Clock,
    trace: Option<Trace>,
}

impl Producer {
    /// A producer with a client of its own and the default options.
    ///
    /// # Errors
    /// If the name servers or the group's name are given wrongly.
    pub async fn start(config: ClientConfig, group: &str) -> Result<Self, Error> {
        check_group(group)?;
        Self::build(Client::start(config)?, true, group, ProducerOptions::default())
    }

    /// A producer on a client that others use too.
    ///
    /// # Errors
    /// If the group's name is no name.
    pub fn on(client: &Client, group: &str, options: ProducerOptions) -> Result<Self, Error> {
        Self::build(client.clone(), false, group, options)
    }

    fn build(client: Client, own_client: bool, group: &str, options: ProducerOptions) -> Result<Self, Error> {
        check_group(group)?;
        let trace = if options.trace { Some(Trace::start(&client, group, Of::Producer)?) } else { None };
        client.shared().groups.join_as_producer(group);
        let (group, faults, clock) = (group.to_owned(), Faults::default(), Clock::System);
        Ok(Self { shared: Arc::new(Shared { client, own_client, group, options, faults, clock, trace }) })
    }

    /// Sends a message to the next queue of its topic, and again to another broker if that fails.
    /// A message that was tried more than once may have been stored more than once, under one message id.
    ///
    /// # Errors
    /// What is wrong with the message; [`Error::TopicNotFound`]; [`Error::Refused`] by a broker in a way no other
    /// would change; [`Error::SendFailed`] with every attempt.
    pub async fn send(&self, message: Message) -> Result<SendResult, Error> {
        self.send_ready(&self.ready(message)?).await
    }

    pub(crate) async fn send_ready(&self, ready: &Ready) -> Result<SendResult, Error> {
        let mut route = self.shared.client.write_route(&ready.topic).await?;
        let mut attempts = Vec::new();
        loop {
            let began = Instant::now();
            let last = attempts.last().map(|attempt: &SendAttempt| attempt.broker.as_str());
            let target = choose(&route, &self.shared.faults, last)?;
            match self.attempt(ready, &target.queue, &target.addr).await {
                Ok(result) => return Ok(result),
                Err(error) if !may_retry(&error) => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, queue = %target.queue, "a send failed");
                    attempts.push(SendAttempt { broker: target.queue.broker.to_string(), error: Box::new(error) });
                }
            }
            if attempts.len() > self.shared.options.retries {
                return Err(Error::SendFailed { topic: ready.topic.to_string(), attempts });
            }
            route = self.shared.client.route_after_failure(&route, &ready.topic, began).await;
        }
    }

    /// Sends a message to one queue, once.
    ///
    /// # Errors
    /// As [`Producer::send`], but [`Error::Unreachable`] for a broker that does not answer.
    pub async fn send_to(&self, queue: &Queue, message: Message) -> Result<SendResult, Error> {
        self.send_ready_to(queue, &self.ready(message)?).await
    }

    pub(crate) async fn send_ready_to(&self, queue: &Queue, ready: &Ready) -> Result<SendResult, Error> {
        let addr = self.addr_of(queue, &ready.topic).await?;
        self.attempt(ready, queue, &addr).await
    }

    /// Sends a message without waiting for an answer: it may be lost.
    ///
    /// # Errors
    /// What is wrong with the message or its topic, or if no connection takes it.
    pub async fn send_one_way(&self, message: Message) -> Result<(), Error> {
        let ready = self.ready(message)?;
        let route = self.shared.client.write_route(&ready.topic).await?;
        let WriteQueue { queue, addr } = choose(&route, &self.shared.faults, None)?;
        self.post(&ready, queue, addr).await
    }

    /// [`Producer::send_one_way`] to one queue.
    ///
    /// # Errors
    /// As [`Producer::send_one_way`].
    pub async fn send_one_way_to(&self, queue: &Queue, message: Message) -> Result<(), Error> {
        let ready = self.ready(message)?;
        let addr = self.addr_of(queue, &ready.topic).await?;
        self.post(&ready, queue, &addr).await
    }

    /// The queues of a topic that can be written.
    ///
    /// # Errors
    /// [`Error::TopicNotFound`], or that of asking.
    pub async fn queues(&self, topic: &str) -> Result<Vec<Queue>, Error> {
        Ok(self.shared.client.write_route(topic).await?.writable().cloned().collect())
    }

    /// The client it stands on.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Leaves the group, and ends the client if it is this producer's own. One-way messages have left by then, and so
    /// have traces, unless that takes longer than 3 s.
    pub async fn shutdown(&self) {
        let Shared { client, group, own_client, trace, .. } = &*self.shared;
        if let Some(trace) = trace {
            trace.stop().await;
        }
        let last = client.shared().groups.leave_as_producer(group);
        client.unregister(last.then_some(group), None).await;
        if *own_client {
            client.shutdown().await;
        }
    }

    fn ready(&self, message: Message) -> Result<Ready, Error> {
        Ready::new(message, self.bounds(), self.now_ms())
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let ProducerOptions { max_body, compress_from, .. } = self.shared.options;
        Bounds { max_body, compress_from }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    async fn addr_of(&self, queue: &Queue, topic: &str) -> Result<String, Error> {
        self.shared.client.write_route(topic).await?;
        self.shared.client.master_addr(&queue.broker, topic).await
    }

    async fn attempt(&self, ready: &Ready, queue: &Queue, addr: &str) -> Result<SendResult, Error> {
        let Shared { client, group, options, faults, trace, .. } = &*self.shared;
        let began = Instant::now();
        match client.call(addr, ready.request(group, queue), options.send_timeout).await {
            Ok(answer) => {
                let took = began.elapsed();
                faults.answered(&queue.broker, took);
                let Some(trace) = trace else { return ready.result(addr, queue, answer) };
                let fields = answer.fields.clone();
                let result = ready.result(addr, queue, answer)?;
                if Trace::wants(&ready.topic, fields.get(properties::TRACE_SWITCH)) {
                    let region = fields.get(properties::MSG_REGION);
                    let (properties, body_len) = (ready.properties().as_str(), ready.body().len());
                    trace.sent(&Attempt { group, addr, region, properties, body_len, took }, &result);
                }
                Ok(result)
            }
            Err(error) => {
                faults.failed(&queue.broker);
                Err(error)
            }
        }
    }

    async fn post(&self, ready: &Ready, queue: &Queue, addr: &str) -> Result<(), Error> {
        let Shared { client, group, options, faults, .. } = &*self.shared;
        let posted = client.post(addr, ready.request(group, queue), options.send_timeout).await;
        if posted.is_err() {
            faults.failed(&queue.broker);
        }
        posted
    }
}

/// The queue whose turn it is: on a broker that is well, else on one that did not fail just now, else any.
fn choose<'a>(route: &'a Route, faults: &Faults, failed: Option<&str>) -> Result<&'a WriteQueue, Error> {
    let queues = route.write_queues();
    if queues.is_empty() {
        return Err(no_queue(route));
    }
    let turn = route.next_turn();
    let in_turn = || (0..queues.len()).map(|at| &queues[turn.wrapping_add(at) % queues.len()]);
    let other = |target: &&WriteQueue| Some(&*target.queue.broker) != failed;
    let well = in_turn().filter(other).find(|target| !faults.is_away(&target.queue.broker));
    Ok(well.or_else(|| in_turn().find(other)).unwrap_or(&queues[turn % queues.len()]))
}

/// Why no queue can be chosen.
pub(crate) fn no_queue(route: &Route) -> Error {
    let topic = route.topic().to_owned();
    let why = if route.data().queue_datas.is_empty() {
        "its route names no queue".to_owned()
    } else if route.data().queue_datas.iter().all(|queue| queue.perm & protocol::topic::perm::WRITE == 0) {
        "none of its brokers allows writing".to_owned()
    } else {
        "no broker that allows writing has a master".to_owned()
    };
    Error::NoQueue { topic, what: "writable", why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::route::{BrokerData, QueueData, TopicRoute};

    fn route(brokers: &[&str], perm: i32) -> Route {
        let data = TopicRoute {
            queue_datas: brokers
                .iter()
                .map(|name| QueueData {
                    broker_name: (*name).into(),
                    perm,
                    read_queue_nums: 2,
                    write_queue_nums: 2,
                    topic_sys_flag: 0,
                })
                .collect(),
            broker_datas: brokers
                .iter()
                .map(|name| BrokerData {
                    broker_addrs: [(0, format!("{name}:1"))].into(),
                    broker_name: (*name).into(),
                    ..BrokerData::default()
                })
                .collect(),
            ..TopicRoute::default()
        };
        Route::new(&"T".into(), data, Arc::default())
    }

    fn choices(route: &Route, faults: &Faults, failed: Option<&str>, count: usize) -> String {
        let chosen = (0..count).map(|_| choose(route, faults, failed).unwrap());
        chosen.map(|target| format!("{}{}", target.queue.broker, target.queue.id)).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test(start_paused = true)]
    async fn queues_take_turns_and_brokers_that_failed_are_left_out() {
        let route = route(&["a", "b"], 6);
        let faults = Faults::default();
        assert_eq!(choices(&route, &faults, None, 5), "a0 a1 b0 b1 a0");
        assert_eq!(choices(&route, &faults, Some("a"), 3), "b0 b0 b1");
        faults.failed(&"b".into());
        assert_eq!(choices(&route, &faults, None, 2), "a0 a1");
        assert_eq!(choices(&route, &faults, Some("a"), 1), "b0", "better one that was slow than the one that failed");
        faults.failed(&"a".into());
        assert_eq!(choices(&route, &faults, None, 2), "b1 a0", "if all are unwell they take turns again");
    }

    #[tokio::test]
    async fn a_single_broker_is_tried_again() {
        assert_eq!(choices(&route(&["a"], 6), &Faults::default(), Some("a"), 2), "a0 a1");
    }

    #[tokio::test]
    async fn a_send_under_way_is_small() {
        let producer = Producer::start(ClientConfig::new("127.0.0.1:1"), "G").await.unwrap();
        let size = size_of_val(&producer.send(Message::new("T", "x")));
        assert!(size < 2048, "{size} bytes");
    }

    #[test]
    fn a_topic_that_cannot_be_written_says_why() {
        let error = |route: &Route| choose(route, &Faults::default(), None).unwrap_err().to_string();
        assert_eq!(error(&route(&["a"], 4)), "topic T has no writable queue: none of its brokers allows writing");
        assert!(error(&route(&[], 6)).ends_with("its route names no queue"));
    }
}

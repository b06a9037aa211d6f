//! Traces: messages that tell when other messages were sent and consumed, for whoever looks for one that went astray.
//!
//! Records wait in a queue and go out together, in the background. What is traced never waits for that and never fails
//! because of it: records are dropped, and the log says so, when the queue is full or no broker takes them.
//! Source: `AsyncTraceDispatcher`, `SendMessageTraceHookImpl`, `ConsumeMessageTraceHookImpl` of Apache RocketMQ.

mod text;

use crate::{
    client::Client,
    error::Error,
    message::{Message, Received},
    producer::{Producer, ProducerOptions},
    sending::{SendResult, SendStatus},
    unique_id,
};
use base::Clock;
use protocol::{
    properties::{self, DELAY_LEVEL, START_DELIVER_TIME, TRACE_SWITCH, TRANSACTION_PREPARED},
    topic::{TRACE_TOPIC, check_group},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
pub(crate) use text::Said;
use text::{Given, Kind, Sent, Text};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The producer group of traces; that of whom they tell about follows.
const GROUP: &str = "_INNER_TRACE_PRODUCER";
/// Most records that wait. Source: `AsyncTraceDispatcher.traceContextQueue`.
const MAX_WAITING: usize = 1024;
/// How long records wait for others.
const GATHER: Duration = Duration::from_millis(500);
/// Bytes of records from which they go out at once, so that a message of them has at most 128000.
const FULL_FROM: usize = 118_000;
/// Bytes of keys from which they go out at once.
const FULL_KEYS_FROM: usize = 24_000;
/// Most bytes of keys: a message has 32 KiB of properties.
const MAX_KEYS: usize = 30_000;
/// How long one attempt to send records may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long what waits may take to go out at the end.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);
/// The region of brokers that name none. Source: `MixAll.DEFAULT_TRACE_REGION_ID`.
const DEFAULT_REGION: &str = "DefaultRegion";

/// Whom a trace tells about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Producer,
    Consumer,
}

/// Takes records of one producer or consumer.
pub(crate) struct Trace {
    waiting: mpsc::Sender<Text>,
    dropped: Arc<AtomicU64>,
    stop: CancellationToken,
    running: TaskTracker,
}

/// An answered attempt to send.
pub(crate) struct Attempt<'a> {
    pub(crate) group: &'a str,
    pub(crate) addr: &'a str,
    pub(crate) region: Option<&'a str>,
    pub(crate) properties: &'a str,
    pub(crate) body_len: usize,
    pub(crate) took: Duration,
}

/// A call of a handler that has begun.
pub(crate) struct Call {
    id: String,
    given: Vec<Given>,
    began: Instant,
}

impl Trace {
    /// Starts to send traces with a producer of their own on `client`.
    pub(crate) fn start(client: &Client, group: &str, of: Of) -> Result<Self, Error> {
        let mut name = format!("{GROUP}-{group}-{}", if matches!(of, Of::Producer) { "PRODUCE" } else { "CONSUME" });
        if check_group(&name).is_err() {
            // The group's own name is as long as a name may be.
            name.truncate(GROUP.len());
        }
        let options = ProducerOptions { send_timeout: SEND_TIMEOUT, trace: false, ..ProducerOptions::default() };
        let producer = Producer::on(client, &name, options)?;
        let (waiting, from) = mpsc::channel(MAX_WAITING);
        let trace =
            Self { waiting, dropped: Arc::default(), stop: CancellationToken::new(), running: TaskTracker::new() };
        let sender = Sender { producer, dropped: trace.dropped.clone(), fails: false };
        trace.running.spawn(sender.run(from, trace.stop.clone()));
        Ok(trace)
    }

    /// Whether a broker that said so, or a message, wants a trace: traces themselves have none.
    pub(crate) fn wants(topic: &str, switch: Option<&str>) -> bool {
        topic != TRACE_TOPIC && switch != Some("false")
    }

    /// A broker has answered.
    pub(crate) fn sent(&self, attempt: &Attempt<'_>, result: &SendResult) {
        let Attempt { group, addr, region, properties, body_len, took } = *attempt;
        let has = |name| properties::get(properties, name).is_some();
        let kind = if has(DELAY_LEVEL) || has(START_DELIVER_TIME) {
            Kind::Delayed
        } else if properties::get(properties, TRANSACTION_PREPARED) == Some("true") {
            Kind::Half
        } else {
            Kind::Normal
        };
        let cost_ms = millis(took);
        let sent = Sent {
            began_ms: Clock::System.now_ms() - cost_ms,
            cost_ms,
            region: region.filter(|region| !region.is_empty()).unwrap_or(DEFAULT_REGION),
            group,
            topic: &result.queue.topic,
            ids: &result.message_id,
            properties,
            broker_addr: addr,
            body_len,
            kind,
            offset_id: &result.offset_message_id,
            ok: result.status == SendStatus::Ok,
        };
        self.add(sent.text());
    }

    /// A handler is about to be called; `None` if nothing of it is to be traced.
    pub(crate) fn call(&self, group: &str, messages: &[Received]) -> Option<Call> {
        let wanted = |message: &&Received| Self::wants(&message.topic, message.properties.get(TRACE_SWITCH));
        let given: Vec<Given> = messages.iter().filter(wanted).map(Given::of).collect();
        if given.is_empty() {
            return None;
        }
        let now_ms = Clock::System.now_ms();
        let call = Call { id: unique_id::next(now_ms), given, began: Instant::now() };
        self.add(text::before(&call.given, &call.id, group, now_ms));
        Some(call)
    }

    /// It has ended.
    pub(crate) fn called(&self, group: &str, call: &Call, said: Said) {
        let cost_ms = millis(call.began.elapsed()) / call.given.len().max(1) as i64;
        self.add(text::after(&call.given, &call.id, group, Clock::System.now_ms(), cost_ms, said));
    }

    fn add(&self, text: Text) {
        if self.waiting.try_send(text).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends what waits, for at most 3 s, and ends.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.running.close();
        if tokio::time::timeout(FLUSH_WITHIN, self.running.wait()).await.is_err() {
            tracing::error!("traces that waited were not sent in time");
        }
    }
}

fn millis(took: Duration) -> i64 {
    took.as_millis().try_into().unwrap_or(i64::MAX)
}

/// Records that go out together.
#[derive(Default)]
struct Gathered {
    text: String,
    keys: Vec<String>,
    keys_len: usize,
}

impl Gathered {
    /// Whether nothing more is to be waited for.
    fn is_full(&self) -> bool {
        self.text.len() >= FULL_FROM || self.keys_len >= FULL_KEYS_FROM
    }

    fn add(&mut self, record: Text) {
        self.text.push_str(&record.text);
        for key in record.keys {
            // Keys that find no room: the records can still be read.
            if self.keys_len + key.len() < MAX_KEYS && !self.keys.contains(&key) {
                self.keys_len += key.len() + 1;
                self.keys.push(key);
            }
        }
    }
}

struct Sender {
    producer: Producer,
    dropped: Arc<AtomicU64>,
    /// The last attempt failed.
    fails: bool,
}

impl Sender {
    async fn run(mut self, mut from: mpsc::Receiver<Text>, stop: CancellationToken) {
        while let Some(Some(first)) = stop.run_until_cancelled(from.recv()).await {
            let deadline = Instant::now() + GATHER;
            let mut gathered = Gathered::default();
            gathered.add(first);
            while !gathered.is_full() {
                let more = stop.run_until_cancelled(tokio::time::timeout_at(deadline, from.recv())).await;
                let Some(Ok(Some(record))) = more else { break };
                gathered.add(record);
            }
            self.send(gathered).await;
        }
        from.close();
        let mut gathered = Gathered::default();
        while let Some(record) = from.recv().await {
            gathered.add(record);
            if gathered.is_full() {
                self.send(std::mem::take(&mut gathered)).await;
            }
        }
        if !gathered.text.is_empty() {
            self.send(gathered).await;
        }
        self.producer.shutdown().await;
    }

    async fn send(&mut self, Gathered { text, keys, .. }: Gathered) {
        let message = Message::new(TRACE_TOPIC, text).with_keys(keys.iter().map(String::as_str));
        let sent = match message {
            // Boxed: a producer may have traces of its own, as the compiler sees it.
            Ok(message) => Box::pin(self.producer.send(message)).await.map(drop),
            Err(error) => Err(error.into()),
        };
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "trace records were dropped: more came than could be sent");
        }
        match sent {
            Ok(()) => self.fails = false,
            // Once, not twice a second.
            Err(error) if !self.fails => {
                tracing::error!(%error, "traces are lost until they can be sent");
                self.fails = true;
            }
            Err(error) => tracing::debug!(%error, "traces are lost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, len: usize) -> Text {
        Text { text: "x".repeat(len), keys: vec![id.to_owned()] }
    }

    #[test]
    fn records_go_out_before_they_are_too_many_for_a_message() {
        let mut gathered = Gathered::default();
        gathered.add(record("a", FULL_FROM - 1));
        gathered.add(record("a", 0));
        assert_eq!((gathered.is_full(), gathered.keys.len()), (false, 1));
        gathered.add(record("b", 1));
        assert!(gathered.is_full());
        let mut gathered = Gathered::default();
        (0..2000).for_each(|at| gathered.add(record(&format!("{at:032}"), 1)));
        assert!(gathered.is_full() && gathered.text.len() == 2000);
        assert!(gathered.keys.join(" ").len() <= MAX_KEYS, "{}", gathered.keys.len());
    }

    #[test]
    fn traces_are_not_traced_and_a_broker_may_not_want_any() {
        assert!(Trace::wants("T", None) && Trace::wants("T", Some("true")));
        assert!(!Trace::wants("T", Some("false")) && !Trace::wants(TRACE_TOPIC, None));
    }
}

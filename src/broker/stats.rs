//! How topics and groups stand: queues of a topic (202), progress of a group (208), of all (317), by times (303), and what was
//! counted (315).
//!
//! Source: `AdminBrokerProcessor` of Apache RocketMQ 4.9.8. It shows the queues that may be written where those that may be
//! read count, and the other way round; here a topic has all its queues, and a group those that it reads.

use crate::{broker::Broker, counts, refusal::Refusal};
use protocol::{
    Command,
    by_queue::ByQueue,
    code::response,
    consume_stats::{
        AllConsumeStats, BrokerConsumeStats, ConsumeStats, ConsumeStatsOf, QueueProgress, TimeSpan, TimeSpans,
        TimeSpansOf,
    },
    frame::MAX_FRAME_LEN,
    lock::QueueName,
    topic::{NamedTopic, TopicConfig},
    topic_stats::{QueueExtent, StatsOf, TopicStats, stats_name},
};
use remoting::{Answers, Receipt};
use std::sync::Arc;

type Answered = Result<Command, Refusal>;

/// A body may not be larger: its frame also has a header.
const MAX_BODY: usize = MAX_FRAME_LEN - 64 * 1024;

fn text(json: String) -> Answered {
    match json.len() {
        0..=MAX_BODY => Ok(Command::success().with_body(json.into_bytes())),
        len => {
            let remark =
                format!("the answer would have {len} bytes, the most is {MAX_BODY}: ask for one group or topic");
            Err(Refusal::new(response::SYSTEM_ERROR, remark))
        }
    }
}

fn queues(broker: &Broker, topic: &str, count: i32) -> impl Iterator<Item = QueueName> {
    let (broker_name, topic) = (broker.config().broker_name.clone(), topic.to_owned());
    (0..count).map(move |queue_id| QueueName { broker_name: broker_name.clone(), queue_id, topic: topic.clone() })
}

/// Where the queues of a topic begin and end (202).
pub fn topic_stats(broker: &Broker, request: &Command) -> Answered {
    let NamedTopic { topic, .. } = request.header()?;
    let config = broker.topics().require(&topic)?;
    let count = config.write_queue_nums.max(config.read_queue_nums);
    let extent = |queue_id| {
        let Some(queue) = broker.store().queue(&topic, queue_id) else { return QueueExtent::default() };
        // The beginning first: it only grows towards the end.
        let (min_offset, max_offset) = (queue.min_offset(), queue.max_offset());
        let last_update_timestamp = if max_offset > 0 { queue.store_ms(max_offset - 1).unwrap_or(-1) } else { 0 };
        QueueExtent { last_update_timestamp, max_offset, min_offset }
    };
    let offset_table = queues(broker, &topic, count).map(|queue| (queue.clone(), extent(queue.queue_id))).collect();
    text(TopicStats { offset_table }.to_json()?)
}

/// How far a group has come (208).
pub fn consume_stats(broker: &Broker, request: &Command) -> Answered {
    let ConsumeStatsOf { consumer_group: group, topic } = request.header()?;
    let topics = match topic.filter(|topic| !topic.trim().is_empty()) {
        Some(topic) => vec![topic],
        None => broker.offsets().topics_of(&group),
    };
    let mut stats = ConsumeStats::default();
    for topic in topics {
        if let Some(config) = read_topic(broker, &group, &topic) {
            let of_topic = progress(broker, &group, &config);
            stats.consume_tps += of_topic.consume_tps;
            stats.offset_table.extend(of_topic.offset_table);
        }
    }
    text(stats.to_json()?)
}

/// The topic, unless it is gone or the group's members no longer subscribe to it.
fn read_topic(broker: &Broker, group: &str, topic: &str) -> Option<Arc<TopicConfig>> {
    broker.topics().find(topic).filter(|_| !broker.clients().has_left(group, topic))
}

fn progress(broker: &Broker, group: &str, topic: &TopicConfig) -> ConsumeStats {
    let name = &topic.topic_name;
    let of_queue = |queue_id| {
        // The group first: it only goes where there are messages.
        let consumer_offset = broker.offsets().get(name, group, queue_id).unwrap_or(0);
        let Some(queue) = broker.store().queue(name, queue_id) else {
            return QueueProgress { consumer_offset, ..QueueProgress::default() };
        };
        let last_timestamp = if consumer_offset > 0 { queue.store_ms(consumer_offset - 1).unwrap_or(0) } else { 0 };
        QueueProgress { broker_offset: queue.max_offset(), consumer_offset, last_timestamp }
    };
    let table = queues(broker, name, topic.read_queue_nums).map(|queue| (queue.clone(), of_queue(queue.queue_id)));
    let offset_table: ByQueue<_> = table.collect();
    let consume_tps = broker.counts().gets_a_second(name, group, broker.clock().now_ms());
    ConsumeStats { consume_tps, offset_table }
}

/// How far all groups have come (317), looked up away from the threads that answer.
pub fn all_consume_stats(broker: &Arc<Broker>, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    let asked: AllConsumeStats = match request.header() {
        Ok(asked) => asked,
        Err(error) => return answers.now(receipt, Refusal::from(error).answer()),
    };
    let broker = broker.clone();
    answers.later(receipt, async move {
        let look = tokio::task::spawn_blocking(move || all(&broker, &asked).unwrap_or_else(Refusal::answer));
        Some(look.await.unwrap_or_else(|error| Command::refusal(response::SYSTEM_ERROR, error.to_string())))
    });
}

fn all(broker: &Broker, asked: &AllConsumeStats) -> Answered {
    let mut all = BrokerConsumeStats { broker_addr: broker.advertised(), ..BrokerConsumeStats::default() };
    let mut topics_of = broker.offsets().topics_by_group();
    for group in broker.groups().snapshot().subscription_group_table.into_keys() {
        let topics = topics_of.remove(&group).unwrap_or_default();
        let topics = topics.iter().filter_map(|topic| read_topic(broker, &group, topic));
        let topics = topics.filter(|topic| topic.order || !asked.is_order);
        let stats: Vec<_> = topics.map(|topic| progress(broker, &group, &topic)).collect();
        all.total_diff += stats.iter().map(ConsumeStats::lag).sum::<i64>();
        all.consume_stats_list.push([(group, stats)].into());
    }
    text(all.to_json()?)
}

/// How far a group has come by the times of messages (303).
pub fn time_spans(broker: &Broker, request: &Command) -> Answered {
    let TimeSpansOf { topic, group } = request.header()?;
    let config = broker.topics().require(&topic)?;
    let now_ms = broker.clock().now_ms();
    let span = |name: QueueName| {
        let consumed = broker.offsets().get(&topic, &group, name.queue_id).unwrap_or(0);
        let queue = broker.store().queue(&topic, name.queue_id);
        let at = |offset: i64| queue.as_ref().and_then(|queue| queue.store_ms(offset));
        let max = queue.as_ref().map_or(0, |queue| queue.max_offset());
        let min_time_stamp = queue.as_ref().and_then(|queue| at(queue.min_offset())).unwrap_or(-1);
        let next = if consumed < max { at(consumed) } else { None };
        TimeSpan {
            consume_time_stamp: if consumed > 0 { at(consumed - 1).unwrap_or(-1) } else { min_time_stamp },
            delay_time: next.map_or(0, |next| now_ms - next),
            max_time_stamp: at(max - 1).unwrap_or(-1),
            message_queue: Some(name),
            min_time_stamp,
        }
    };
    let consume_time_span_set = queues(broker, &topic, config.read_queue_nums).map(span).collect();
    text(serde_json::to_string(&TimeSpans { consume_time_span_set })?)
}

/// What was counted (315).
pub fn stats_data(broker: &Broker, request: &Command) -> Answered {
    let StatsOf { stats_name: name, stats_key: key } = request.header()?;
    let (counted, now_ms) = (broker.counts(), broker.clock().now_ms());
    let pair = key.split_once('@');
    let totals = || (key == broker.config().broker_cluster_name).then(|| counted.totals(now_ms, counts::all(broker)));
    let found = match name.as_str() {
        stats_name::TOPIC_PUT_NUMS => broker.store().ends().get(&*key).map(|end| counted.puts(&key, *end, now_ms)),
        stats_name::GROUP_GET_NUMS => pair.and_then(|(topic, group)| counted.gets(topic, group, now_ms)),
        stats_name::GROUP_GET_SIZE => pair.and_then(|(topic, group)| counted.get_sizes(topic, group, now_ms)),
        stats_name::SNDBCK_PUT_NUMS => pair.and_then(|(topic, group)| counted.backs(topic, group, now_ms)),
        stats_name::BROKER_PUT_NUMS => totals().map(|[put, _]| put),
        stats_name::BROKER_GET_NUMS => totals().map(|[_, got]| got),
        _ => None,
    };
    match found {
        Some(data) => Ok(Command::success().with_json(&data)),
        // Apache's words, which tools show.
        None => Err(Refusal::new(response::SYSTEM_ERROR, format!("The stats <{name}> <{key}> not exist"))),
    }
}

//! The tables of a slave: copies of its master's topics, groups, offsets, and how far delayed messages are delivered.
//!
//! Topics and groups count at once. The others speak of records: they count, and are saved, only once this slave's log has on
//! its disk all that the master's had when it told them. A slave that is made a master then goes on from there as from a
//! crash of its own; of topics that it was not told of it makes those that have messages.
//!
//! Source: `SlaveSynchronize` of Apache RocketMQ 4.9.8, which also saves what is ahead of the log, and never deletes.

use crate::{announce::MasterAt, broker::Broker, delay, follow::Follower, offsets::OffsetTable};
use protocol::{
    Command,
    code::request,
    topic::{self, GroupTable, TopicTable},
};
use std::{collections::HashSet, io, pin::pin, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often the tables are copied, if nothing makes it sooner.
const PERIOD: Duration = Duration::from_secs(3);
/// How often it is looked for topics that the master did not tell of, while there is none.
const MASTERLESS: Duration = Duration::from_secs(1);
/// How long after new messages it is looked whether they are of a new topic.
const LOOK: Duration = Duration::from_millis(100);
/// Queues that are no topics begin so: other topics' messages, sorted again (Apache RocketMQ 4.9.3 and later).
const LIGHT_PREFIX: &str = "%LMQ%";
/// Queues of a topic that are looked at: more it cannot have.
const MAX_QUEUES: i32 = 65_535;

/// Copies the tables at once when a master is connected, when there are messages of a new topic, and from time to time, until
/// shutdown.
pub async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    let Some(follower) = broker.follower() else { return };
    let keep = async {
        let (mut said, mut known) = (String::new(), 0);
        loop {
            let mut following = pin!(follower.agreed());
            loop {
                make_missing_topics(&broker);
                tokio::select! {
                    () = &mut following => break,
                    () = tokio::time::sleep(MASTERLESS) => {}
                }
            }
            let connection = follower.connections().get();
            if std::mem::replace(&mut known, connection) != connection {
                tracing::info!("this log is the master's as far as it goes: following it");
            }
            let lost = async { follower.connections().reached(connection + 1).await };
            let unknown = unknown_topics(&broker);
            let copied = tokio::select! {
                copied = copy(&broker, follower) => copied,
                () = lost => continue,
            };
            match copied {
                Ok(()) => said.clear(),
                Err(why) if why != said => {
                    tracing::warn!(why, "not all tables of the master could be copied; trying again");
                    said = why;
                }
                Err(why) => tracing::debug!(why, "not all tables of the master could be copied"),
            }
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = follower.connections().reached(connection + 1) => {}
                () = new_topic(&broker, &unknown) => {}
            }
        }
    };
    shutdown.run_until_cancelled(keep).await;
}

/// Returns once the log has a message of a topic that no copy brought yet and that is not among `before`. It is read here
/// only if it is known here, and the master may die the next moment.
async fn new_topic(broker: &Broker, before: &HashSet<Arc<str>>) {
    let store = broker.store();
    loop {
        let end = store.written().get();
        if unknown_topics(broker).difference(before).next().is_some() {
            return;
        }
        store.written().reached(end + 1).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Topics that have messages here and are in no copy, such as one that was deleted just now.
fn unknown_topics(broker: &Broker) -> HashSet<Arc<str>> {
    let mut topics = broker.store().topics();
    topics.retain(|topic| broker.topics().find(topic).is_none());
    topics.into_iter().collect()
}

/// Copies all tables once.
async fn copy(broker: &Broker, follower: &Follower) -> Result<(), String> {
    let Some(master) = follower.master() else { return Ok(()) };
    let ask = |code| follower.ask(&master, code);
    // What comes to the log from now on may be of a topic that is made after the master has told its topics.
    let end_before = broker.store().max_physical();
    let unreadable =
        |what: &str, error: serde_json::Error| format!("the {what} of {} cannot be read: {error}", master.addr);
    let topics: TopicTable =
        ask(request::GET_ALL_TOPIC_CONFIG).await?.json().map_err(|error| unreadable("topics", error))?;
    copy_topics(broker, topics, end_before);
    let groups: GroupTable =
        ask(request::GET_ALL_SUBSCRIPTIONGROUP_CONFIG).await?.json().map_err(|error| unreadable("groups", error))?;
    if broker.groups().copy(groups) {
        tracing::info!(master = master.addr, "copied the master's groups");
    }
    let offsets = ask(request::GET_ALL_CONSUMER_OFFSET).await;
    let delays = ask(request::GET_ALL_DELAY_OFFSET).await;
    caught_up(broker, follower, &master).await?;
    let table: OffsetTable = offsets?.json().map_err(|error| unreadable("offsets", error))?;
    broker.offsets().copy(table);
    copy_progress(broker, &delays?)
        .map_err(|error| format!("how far {} has delivered delayed messages is not copied: {error}", master.addr))
}

/// Makes the topics that have messages and are in no table, while there is no master to tell of them: it died before it
/// could. A slave that is made a master has them then, and its slaves keep their queues. If the old master comes back, its
/// table counts.
fn make_missing_topics(broker: &Broker) {
    for topic in unknown_topics(broker) {
        let internal = broker.topics().is_system(&topic) || topic::is_closed_to_clients(&topic);
        if !internal && !topic.starts_with(LIGHT_PREFIX) && has_any(broker, &topic, 0) {
            let last = (0..MAX_QUEUES).rev().find(|queue_id| broker.store().queue(&topic, *queue_id).is_some());
            let queues = last.unwrap_or_default() + 1;
            tracing::warn!(%topic, queues, "there are messages of a topic that the master did not tell of: it is made until it does");
            broker.topics().ensure(&topic, queues);
        }
    }
}

/// Whether a slave has messages of a topic. It has them before its master has told it of the topic: if that dies, they
/// are there nevertheless.
pub fn has_messages(broker: &Broker, topic: &str) -> bool {
    broker.follower().is_some() && broker.store().has_topic(topic)
}

/// Takes over the topics, and deletes the queues of those that are gone.
fn copy_topics(broker: &Broker, masters: TopicTable, end_before: i64) {
    if let Some(gone) = broker.topics().copy(masters) {
        gone.iter().for_each(|topic| broker.offsets().forget_topic(topic));
        tracing::info!(?gone, "copied the master's topics");
        broker.announcer().soon();
    }
    let is_used = |topic: &str| {
        broker.topics().find(topic).is_some() || broker.topics().is_system(topic) || has_any(broker, topic, end_before)
    };
    match broker.store().clean_unused(is_used) {
        Ok(deleted) => deleted.iter().for_each(|topic| tracing::info!(%topic, "queues of a deleted topic deleted")),
        Err(error) => tracing::warn!(%error, "the queues of deleted topics cannot be deleted; trying again"),
    }
}

/// Whether a topic has a message at or behind `from`, or one that cannot be looked at.
fn has_any(broker: &Broker, topic: &str, from: i64) -> bool {
    (0..MAX_QUEUES).filter_map(|queue_id| broker.store().queue(topic, queue_id)).any(|queue| {
        let last = queue.max_offset() - 1;
        last >= queue.min_offset() && queue.get(last).is_none_or(|last| last.physical_offset >= from)
    })
}

/// Returns once this log has on the disk what the master's has now.
async fn caught_up(broker: &Broker, follower: &Follower, master: &MasterAt) -> Result<(), String> {
    let (store, end) = (broker.store(), follower.masters_ends(master).await?.max);
    store.written().reached(end).await;
    while store.flushed().get() < end {
        store.request_flush();
        tokio::select! {
            () = store.flushed().reached(end) => {}
            () = store.sync_failed().reached(1) => return Err(store.refusing().unwrap_or_default()),
        }
    }
    Ok(())
}

/// Takes over how far delayed messages are delivered, and what else an rmq master tells with that.
fn copy_progress(broker: &Broker, told: &Command) -> io::Result<()> {
    broker.delays().copy(&told.body.to_bytes())?;
    if let Some(timers) = told.fields.get(delay::TIMER_PROGRESS) {
        broker.timers().copy(timers)?;
    }
    match told.fields.get(delay::REQUEST_MODES) {
        Some(modes) => broker.modes().copy(modes),
        None => Ok(()),
    }
}

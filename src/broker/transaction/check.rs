//! Producers are asked how the transactions ended that they left open.
//!
//! A message that is asked about is stored anew with its count, as Apache RocketMQ does it, so that the count outlasts a
//! restart and old log files can be deleted. Source: `TransactionalMessageServiceImpl.check`,
//! `AbstractTransactionalMessageCheckListener`, `ProducerManager.getAvailableChannel`.

use super::{At, GROUP, half, is_unsynced, pending::read_notes, read};
use crate::{broker::Broker, config::BrokerConfig};
use protocol::{
    Command, Language,
    code::request,
    properties::{self, CHECK_IMMUNITY_SECONDS, PRODUCER_GROUP, TRANSACTION_CHECK_TIMES, UNIQUE_KEY},
    record::{self, MessageId, NewRecord, Record},
    topic::{HALF_TOPIC, OP_HALF_TOPIC, TRANS_CHECK_MAX_TIME_TOPIC},
    transaction::CheckTransaction,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use store::{Placed, StoreError};
use tokio_util::sync::CancellationToken;

/// How long the disk may take before it is tried again next time to note what is done with.
const FLUSH_WITHIN: Duration = Duration::from_secs(10);

/// Asks, every `transactionCheckInterval`, until shutdown.
pub async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    loop {
        let interval = Duration::from_millis(broker.config().transaction_check_interval_ms.max(1));
        if shutdown.run_until_cancelled(tokio::time::sleep(interval)).await.is_none() {
            return;
        }
        let (worker, stop) = (broker.clone(), shutdown.clone());
        if let Err(error) = tokio::task::spawn_blocking(move || ask_about_all(&worker, &stop)).await {
            tracing::error!(%error, "asking about transactions failed");
        }
        if shutdown.run_until_cancelled(save_progress(&broker)).await.is_none() {
            return;
        }
        let rounds = broker.transactions().rounds();
        rounds.advance(rounds.get() + 1);
    }
}

fn ask_about_all(broker: &Broker, stop: &CancellationToken) {
    let all = {
        let mut pending = broker.transactions().pending();
        pending.settle(broker.store(), broker.clock().now_ms());
        pending.see(broker.store());
        pending.all()
    };
    for at in all {
        if stop.is_cancelled() {
            return;
        }
        if let Err(error) = look_at(broker, at) {
            // The store refuses everything now.
            return tracing::warn!(%error, "cannot ask about transactions; trying again later");
        }
    }
}

/// Does what is due about one half message.
fn look_at(broker: &Broker, at: At) -> Result<(), StoreError> {
    let (store, now_ms) = (broker.store(), broker.clock().now_ms());
    let Some(half) = read(store, at.physical) else {
        if is_unsynced(store, at) {
            return Ok(());
        }
        let mut pending = broker.transactions().pending();
        if at.physical < store.min_physical() {
            tracing::warn!(at.index, "a half message was deleted with its log file before its transaction ended");
            pending.forget(at.index);
        } else {
            tracing::error!(at.index, at.physical, "a half message is damaged: its transaction is given up");
            pending.end(store, at.index, None, now_ms)?;
        }
        return Ok(());
    };
    let config = broker.config();
    let times = times_asked(&half);
    let belongs = half::released(half.clone());
    if belongs.is_none() || times >= config.transaction_check_max || is_kept_no_longer(&half, &config, now_ms) {
        return give_up(broker, at, &half, times);
    }
    if !is_due(&half, &config, now_ms) {
        return Ok(());
    }
    let counted = properties::with(&half.properties, TRANSACTION_CHECK_TIMES, &(times + 1).to_string());
    let counted = properties::without(&counted, properties::CRC32);
    let Some(placed) = replace(broker, at, &half::successor(&half, HALF_TOPIC, &counted))? else {
        return Ok(());
    };
    let group = properties::get(&counted, PRODUCER_GROUP).unwrap_or_default();
    let asked = Record { properties: counted.clone(), ..half };
    if let Some(request) = question(asked, placed)
        && !ask(broker, group, &request)
    {
        tracing::debug!(group, "no producer of the group can be asked about its transaction");
    }
    Ok(())
}

/// Stores `instead` in place of the half message, unless its transaction has ended meanwhile. A record that cannot be
/// stored because of what it is goes without its place: it must not keep the others waiting.
fn replace(broker: &Broker, at: At, instead: &NewRecord<'_>) -> Result<Option<Placed>, StoreError> {
    let (store, now_ms) = (broker.store(), broker.clock().now_ms());
    let mut pending = broker.transactions().pending();
    if pending.find(at) != Some(at) {
        return Ok(None);
    }
    match pending.end(store, at.index, Some(instead), now_ms) {
        Ok(placed) => Ok(placed.first().copied()),
        Err(error @ (StoreError::Record(_) | StoreError::TooLarge { .. } | StoreError::Name { .. })) => {
            tracing::error!(at.physical, %error, "a half message cannot be stored anew: its transaction is given up");
            pending.end(store, at.index, None, now_ms)?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Its producer was asked often enough, or it is too old: the message goes where an operator can find it.
fn give_up(broker: &Broker, at: At, half: &Record, times: u32) -> Result<(), StoreError> {
    if broker.topics().ensure(TRANS_CHECK_MAX_TIME_TOPIC, 1).1 {
        broker.announcer().soon();
    }
    let properties = properties::without(&half.properties, properties::CRC32);
    let given_up = half::successor(half, TRANS_CHECK_MAX_TIME_TOPIC, &properties);
    if let Some(placed) = replace(broker, at, &given_up)? {
        tracing::warn!(
            group = properties::get(&half.properties, PRODUCER_GROUP),
            message = properties::get(&half.properties, UNIQUE_KEY),
            times,
            number = placed.queue_offset,
            "nobody said how a transaction ended: its message is in {TRANS_CHECK_MAX_TIME_TOPIC}"
        );
    }
    Ok(())
}

fn times_asked(half: &Record) -> u32 {
    properties::get(&half.properties, TRANSACTION_CHECK_TIMES).and_then(|times| times.parse().ok()).unwrap_or(0)
}

fn is_kept_no_longer(half: &Record, config: &BrokerConfig, now_ms: i64) -> bool {
    const HOUR_MS: i64 = 3_600_000;
    now_ms - half.born_ms > i64::from(config.file_reserved_hours) * HOUR_MS
}

/// Whether the producer has had time enough. Its clock, which says when the message was born, may be ahead: then it is
/// asked at once, as by Apache RocketMQ.
fn is_due(half: &Record, config: &BrokerConfig, now_ms: i64) -> bool {
    let age_ms = now_ms - half.born_ms;
    let seconds = properties::get(&half.properties, CHECK_IMMUNITY_SECONDS).and_then(|text| text.parse::<i64>().ok());
    match seconds.filter(|seconds| *seconds != -1) {
        Some(seconds) => age_ms >= seconds.saturating_mul(1000),
        None => age_ms < 0 || age_ms >= config.transaction_timeout_ms as i64,
    }
}

/// The question about the message that was stored anew at `placed`: it shows the message in its real queue.
fn question(half: Record, placed: Placed) -> Option<Command> {
    let id = properties::get(&half.properties, UNIQUE_KEY).map(str::to_owned);
    let host = half.store_host;
    let header = CheckTransaction {
        tran_state_table_offset: placed.queue_offset,
        commit_log_offset: placed.physical_offset,
        msg_id: id.clone(),
        transaction_id: id,
        offset_msg_id: Some(MessageId { host, physical_offset: placed.physical_offset }.to_string()),
    };
    let properties = half.properties.clone();
    let released = half::released(half)?;
    let mut bytes = Vec::new();
    NewRecord { properties: &properties, ..released.record() }.encode(&mut bytes).ok()?;
    record::place(&mut bytes, placed.queue_offset, placed.physical_offset, placed.store_ms);
    let request = Command { language: Language::JAVA, ..Command::request(request::CHECK_TRANSACTION_STATE) };
    Some(request.with_header(&header).with_body(bytes))
}

/// Asks a member of the group, another one each time; the next if its connection takes no more.
fn ask(broker: &Broker, group: &str, request: &Command) -> bool {
    let mut members = broker.clients().producers(group);
    members.sort_by_key(|member| member.peer.id());
    let turn = broker.transactions().turn.fetch_add(1, Ordering::Relaxed);
    let count = members.len();
    (0..count).any(|next| members[turn.wrapping_add(next) % count].peer.notify(request.clone()))
}

/// Notes how far the two queues are done with, once what says so is on the disk.
async fn save_progress(broker: &Broker) {
    let (store, offsets) = (broker.store(), broker.offsets());
    let (halves, notes_end, written) = {
        let pending = broker.transactions().pending();
        let notes = store.queue(OP_HALF_TOPIC, half::QUEUE);
        (pending.floor(), notes.map_or(0, |notes| notes.max_offset()), store.max_physical())
    };
    let saved = |topic| offsets.get(topic, GROUP, half::QUEUE);
    let notes = done_notes(broker, saved(OP_HALF_TOPIC), halves, notes_end);
    let is_new = |topic, now: i64| now > 0 && saved(topic) != Some(now);
    if !is_new(HALF_TOPIC, halves) && !is_new(OP_HALF_TOPIC, notes) {
        return;
    }
    store.request_flush();
    if tokio::time::timeout(FLUSH_WITHIN, store.flushed().reached(written as u64)).await.is_err() {
        return tracing::warn!("the disk is slow: how far transactions are done with is noted later");
    }
    // First the half messages: a note counts for nothing only once its half message does.
    for (topic, now) in [(HALF_TOPIC, halves), (OP_HALF_TOPIC, notes)] {
        if is_new(topic, now) {
            offsets.commit(topic, GROUP, half::QUEUE, now);
        }
    }
}

/// Up to where the notes are of half messages below `halves`.
fn done_notes(broker: &Broker, saved: Option<i64>, halves: i64, end: i64) -> i64 {
    let Some(notes) = broker.store().queue(OP_HALF_TOPIC, half::QUEUE) else { return 0 };
    let first = notes.min_offset();
    let mut done = saved.unwrap_or(first).clamp(first.min(end), end);
    read_notes(broker.store(), &notes, done, end, |index, ended| {
        let is_done = ended.iter().all(|half| *half < halves);
        if is_done {
            done = index + 1;
        }
        is_done
    });
    done
}

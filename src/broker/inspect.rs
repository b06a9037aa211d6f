//! How the broker is doing: runtime info (28), with every key of Apache RocketMQ 4.9.8.
//!
//! Its tools take for granted that each key is there. So what cannot be measured is told as they know it: -1. Where there
//! is no such thing, the value is the one that this has there: requests are served as they are read, so no queue of
//! requests has any, and its capacity is how many a connection may have unanswered; there is no pool of buffers before
//! the page cache (`remainTransientStoreBufferNumbs`), whose key `remainHowManyDataToCommit` is missing there, too;
//! entries are made with the append (`dispatchBehindBytes`, `dispatchMaxBuffer`); messages are taken from the start on
//! (`startAcceptSendRequestTimeStamp`). What times of sends and pulls are measured is told in `latency` and
//! `store::StoreStats`.
//!
//! The keys of rmq's own; what is not known is left out, and never shown as zero:
//!
//! | key | value |
//! |---|---|
//! | `flushDiskType` | `SYNC_FLUSH`: an answer waits for the disk; `ASYNC_FLUSH` |
//! | `commitLogFlushedOffset` | up to where the log is on the disk, exactly |
//! | `commitLogUnflushedMillis` | for how long the first byte has been written that is not on the disk; 0: all are |
//! | `commitLogLastFlushTimestamp` | when the log was last synced with success, having had something to sync, ms |
//! | `commitLogLastFlushMicros` | how long that took |
//! | `commitLogDispatchedOffset` | up to where queues and index lead |
//! | `checkpointLogTimestamp`, `checkpointQueuesTimestamp`, `checkpointIndexTimestamp` | the times in the checkpoint file, ms |
//! | `checkpointSettledOffset` | a start after a crash reads the log from here |
//! | `checkpointSyncedOffset` | below this the checkpoint file says that the log is on the disk |
//! | `transactionsPending` | half messages whose transaction has not ended; a master's |
//! | `timerCongestNum` | messages that wait for a time of their own, of those that are read |
//! | `residentMemoryBytes` | memory of the process (RSS), with what it has mapped of the store's files |
//! | `anonymousMemoryBytes` | the part of it that belongs to no file |
//! | `refusingWrites` | why messages are refused, if they are |
//! | `damagedRecords` | places of the log where a reader met damage, if there are |
//!
//! Apache RocketMQ 4.9.8 says nothing of slaves here. A master of rmq says, `ADDR` being a slave's end of its connection:
//!
//! | key | value |
//! |---|---|
//! | `haSlaves` | how many slaves are connected |
//! | `haReplicatedOffset` | up to where some slave has acknowledged the log since the start |
//! | `haSlaveSince_ADDR` | when the slave came, ms |
//! | `haSlaveAckOffset_ADDR` | up to where it has acknowledged the log |
//! | `haSlaveBehindBytes_ADDR` | how many bytes of the log it has not acknowledged |
//!
//! A slave of rmq says:
//!
//! | key | value |
//! |---|---|
//! | `haState` | `NO_MASTER`: none is known; `CONNECTING`; `CHECKING`: whether the logs agree; `FOLLOWING`; `REFUSED` |
//! | `haMasterAddress` | where its master takes slaves, once known |
//! | `haMasterMaxOffset` | up to where the master's log goes, as far as the slave knows; while `FOLLOWING` |
//! | `haRefusal` | why it does not follow, and what helps; while `REFUSED` |

use crate::{broker::Broker, counts, memory::Memory, refusal::Refusal};
use protocol::{
    Command,
    inspect::KvTable,
    record::{self, Entry},
    topic::SCHEDULE_TOPIC,
};
use remoting::Limits;
use store::StoreStats;

/// What Apache RocketMQ tells without a pool of buffers: `TransientStorePool.availableBufferNums`.
const NO_BUFFER_POOL: i32 = i32::MAX;

/// Runtime info.
pub fn runtime_info(broker: &Broker) -> Result<Command, Refusal> {
    let mut info = KvTable::default();
    let mut say = |name: &str, value: String| drop(info.table.insert(name.to_owned(), value));
    let stats = broker.store().stats();
    say("brokerVersion", protocol::command::VERSION.to_string());
    say("brokerVersionDesc", format!("rmq {}", env!("CARGO_PKG_VERSION")));
    say("bootTimestamp", broker.started_ms().to_string());
    say("runtime", spelled_out(broker.clock().now_ms() - broker.started_ms()));
    say("startAcceptSendRequestTimeStamp", "0".to_owned());
    let (consumers, producers) = broker.clients().counts();
    say("consumerConnections", consumers.to_string());
    say("producerConnections", producers.to_string());
    tell_counts(broker, &stats, &mut say);
    tell_queues_of_requests(&mut say);
    tell_log(broker, &stats, &mut say);
    tell_flush(broker, &mut say);
    tell_disks(broker, &stats, &mut say);
    tell_what_waits(broker, &mut say);
    match broker.follower() {
        Some(follower) => follower.told().into_iter().for_each(|(name, value)| say(name, value)),
        None => tell_slaves(broker, stats.max_physical, &mut say),
    }
    if let Some(memory) = Memory::now() {
        say("residentMemoryBytes", memory.resident.to_string());
        say("anonymousMemoryBytes", memory.anonymous.to_string());
    }
    Ok(Command::success().with_json(&info))
}

/// What was stored and given out, how fast, and how long it took.
fn tell_counts(broker: &Broker, stats: &StoreStats, say: &mut impl FnMut(&str, String)) {
    let average = if stats.put_messages == 0 { 0.0 } else { stats.put_bytes as f64 / stats.put_messages as f64 };
    say("putMessageTimesTotal", stats.put_messages.to_string());
    say("putMessageSizeTotal", stats.put_bytes.to_string());
    say("putMessageAverageSize", format!("{average:?}"));
    say("putMessageFailedTimes", stats.put_failures.to_string());
    say("getMessageTimesTotal", stats.pulled_messages.to_string());
    say("getMessageEntireTimeMax", (stats.slowest_pull_us / 1000).to_string());
    broker.latencies().told().into_iter().for_each(|(name, value)| say(name, value));
    broker.rates().told().into_iter().for_each(|(name, rates)| say(name, rates));
    counts::mornings(broker).into_iter().for_each(|(name, count)| say(name, count.to_string()));
}

/// Every request is served as it is read: nothing waits for a thread.
fn tell_queues_of_requests(say: &mut impl FnMut(&str, String)) {
    let capacity = Limits::default().unanswered.to_string();
    for pool in ["send", "pull", "query"] {
        say(&format!("{pool}ThreadPoolQueueSize"), "0".to_owned());
        say(&format!("{pool}ThreadPoolQueueCapacity"), capacity.clone());
        say(&format!("{pool}ThreadPoolQueueHeadWaitTimeMills"), "0".to_owned());
    }
    say("EndTransactionQueueSize", "0".to_owned());
    say("EndTransactionThreadPoolQueueCapacity", capacity);
}

/// Where the log begins and ends, and what leads to it.
fn tell_log(broker: &Broker, stats: &StoreStats, say: &mut impl FnMut(&str, String)) {
    let first = broker.store().record_at(stats.min_physical).and_then(|bytes| record::decode(&bytes, false).ok());
    let earliest = match first {
        Some(Entry::Message(message)) => message.store_ms,
        Some(Entry::Blank(_)) | None => -1,
    };
    say("earliestMessageTimeStamp", earliest.to_string());
    say("commitLogMinOffset", stats.min_physical.to_string());
    say("commitLogMaxOffset", stats.max_physical.to_string());
    say("dispatchBehindBytes", stats.dispatch_behind_bytes.to_string());
    say("dispatchMaxBuffer", "0".to_owned());
    say("pageCacheLockTimeMills", broker.store().append_at_work_ms().to_string());
    say("remainTransientStoreBufferNumbs", NO_BUFFER_POOL.to_string());
    if let Some(why) = &stats.refusing {
        say("refusingWrites", why.clone());
    }
    if stats.damaged_records > 0 {
        say("damagedRecords", stats.damaged_records.to_string());
    }
}

/// How far the log is on the disk.
fn tell_flush(broker: &Broker, say: &mut impl FnMut(&str, String)) {
    let state = broker.store().flush_state();
    let age = state.unflushed_since_ms.map_or(0, |since| (broker.clock().now_ms() - since).max(0));
    say("remainHowManyDataToFlush", readable((state.written - state.flushed) as i64));
    say("flushDiskType", broker.config().flush_disk_type.word().to_owned());
    say("commitLogFlushedOffset", state.flushed.to_string());
    say("commitLogUnflushedMillis", age.to_string());
    say("commitLogDispatchedOffset", state.dispatched.to_string());
    if let Some(last) = state.last_flush {
        say("commitLogLastFlushTimestamp", last.at_ms.to_string());
        say("commitLogLastFlushMicros", last.took_us.to_string());
    }
    let saved = state.checkpoint;
    let times = [("Log", saved.log_ms), ("Queues", saved.queues_ms), ("Index", saved.index_ms)];
    for (of, ms) in times.into_iter().filter_map(|(of, ms)| Some((of, ms?))) {
        say(&format!("checkpoint{of}Timestamp"), ms.to_string());
    }
    for (of, offset) in [("Settled", saved.settled), ("Synced", saved.synced)] {
        if let Some(offset) = offset {
            say(&format!("checkpoint{of}Offset"), offset.to_string());
        }
    }
}

/// How full the disks are.
fn tell_disks(broker: &Broker, stats: &StoreStats, say: &mut impl FnMut(&str, String)) {
    let ratio = |share: Option<f64>| format!("{:?}", share.unwrap_or(-1.0));
    let log_dir = broker.config().store_path_commit_log.display().to_string();
    say("commitLogDiskRatio", ratio(stats.log_disk_ratio));
    say(&format!("commitLogDiskRatio_{log_dir}"), ratio(stats.log_disk_ratio));
    say("consumeQueueDiskRatio", ratio(stats.queue_disk_ratio));
    let bytes = |bytes: u64| readable(i64::try_from(bytes).unwrap_or(i64::MAX));
    let (total, free) = match broker.store().disk_use().capacity {
        Some((total, free)) => (bytes(total), bytes(free)),
        None => (readable(-1), readable(-1)),
    };
    say("commitLogDirCapacity", format!("Total : {total}, Free : {free}."));
}

/// What is stored and not to be seen yet.
fn tell_what_waits(broker: &Broker, say: &mut impl FnMut(&str, String)) {
    let store = broker.store();
    for (level, next) in broker.delays().offsets() {
        let end = store.queue(SCHEDULE_TOPIC, level - 1).map_or(0, |queue| queue.max_offset());
        say(&format!("scheduleMessageOffset_{level}"), format!("{next},{end}"));
    }
    say("timerCongestNum", broker.timers().count().to_string());
    if broker.follower().is_none()
        && let Some(waiting) = broker.transactions().waiting(store)
    {
        say("transactionsPending", waiting.to_string());
    }
}

fn tell_slaves(broker: &Broker, end: i64, say: &mut impl FnMut(&str, String)) {
    let master = broker.slaves().master();
    // Who has asked for nothing yet may be anything.
    let slaves: Vec<_> = master.slaves().into_iter().filter(|slave| slave.asked.is_some()).collect();
    say("haSlaves", slaves.len().to_string());
    let replicated = master.replicated().get();
    if replicated > 0 {
        say("haReplicatedOffset", replicated.to_string());
    }
    for slave in slaves {
        let addr = slave.addr;
        say(&format!("haSlaveSince_{addr}"), slave.since_ms.to_string());
        if let Some(acked) = slave.acked {
            say(&format!("haSlaveAckOffset_{addr}"), acked.to_string());
            // The log may have grown, and the slave with it, since its end was looked at.
            say(&format!("haSlaveBehindBytes_{addr}"), (end as u64).saturating_sub(acked).to_string());
        }
    }
}

/// As `StoreStatsService.getFormatRuntime` of Apache RocketMQ: `[ 0 days, 1 hours, 2 minutes, 3 seconds ]`.
fn spelled_out(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("[ {days} days, {hours} hours, {minutes} minutes, {} seconds ]", seconds % 60)
}

/// Bytes as Apache RocketMQ shows them: `512 B`, `1.5 GiB`; `-1 B` if they are not known.
fn readable(bytes: i64) -> String {
    let (mut amount, mut unit) = (bytes as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{amount:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_times_are_shown_as_apache_shows_them() {
        let shown = [-1, 0, 1023, 1024, 1536 << 20, i64::MAX].map(readable);
        assert_eq!(shown, ["-1 B", "0 B", "1023 B", "1.0 KiB", "1.5 GiB", "8.0 EiB"]);
        assert_eq!(spelled_out(-1), "[ 0 days, 0 hours, 0 minutes, 0 seconds ]");
        assert_eq!(spelled_out(93_784_999), "[ 1 days, 2 hours, 3 minutes, 4 seconds ]");
    }
}

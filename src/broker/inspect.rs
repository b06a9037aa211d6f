//! How the broker is doing: runtime info (28), with the keys of Apache RocketMQ 4.9.8 that are known here.
//!
//! What is not known is left out, never shown as zero. Apache RocketMQ 4.9.8 says nothing of slaves here. A master of rmq
//! says, with keys of its own, `ADDR` being a slave's end of its connection:
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

use crate::{broker::Broker, counts, refusal::Refusal};
use protocol::{
    Command,
    inspect::KvTable,
    record::{self, Entry},
    topic::SCHEDULE_TOPIC,
};

/// Runtime info.
pub fn runtime_info(broker: &Broker) -> Result<Command, Refusal> {
    let store = broker.store();
    let stats = store.stats();
    let (consumers, producers) = broker.clients().counts();
    let disks = store.disk_use();
    let ratio = |share: Option<f64>| share.map(|share| share.to_string());
    let capacity =
        disks.capacity.map(|(total, free)| format!("Total : {}, Free : {}.", readable(total), readable(free)));
    let log_dir = broker.config().store_path_commit_log.display().to_string();
    let first = store.record_at(stats.min_physical).and_then(|bytes| record::decode(&bytes, false).ok());
    let earliest = first.and_then(|entry| match entry {
        Entry::Message(message) => Some(message.store_ms.to_string()),
        Entry::Blank(_) => None,
    });
    let mut info = KvTable::default();
    let mut say = |name: &str, value: String| drop(info.table.insert(name.to_owned(), value));
    say("brokerVersion", protocol::command::VERSION.to_string());
    say("brokerVersionDesc", format!("rmq {}", env!("CARGO_PKG_VERSION")));
    say("bootTimestamp", broker.started_ms().to_string());
    say("commitLogMinOffset", stats.min_physical.to_string());
    say("commitLogMaxOffset", stats.max_physical.to_string());
    say("remainHowManyDataToFlush", readable(stats.unflushed_bytes));
    say("dispatchBehindBytes", stats.dispatch_behind_bytes.to_string());
    say("putMessageTimesTotal", stats.put_messages.to_string());
    say("putMessageSizeTotal", stats.put_bytes.to_string());
    say("putMessageFailedTimes", stats.put_failures.to_string());
    say("getMessageTimesTotal", stats.pulled_messages.to_string());
    say("consumerConnections", consumers.to_string());
    say("producerConnections", producers.to_string());
    for (level, next) in broker.delays().offsets() {
        let end = store.queue(SCHEDULE_TOPIC, level - 1).map_or(0, |queue| queue.max_offset());
        say(&format!("scheduleMessageOffset_{level}"), format!("{next},{end}"));
    }
    say("timerCongestNum", broker.timers().count().to_string());
    match broker.follower() {
        Some(follower) => follower.told().into_iter().for_each(|(name, value)| say(name, value)),
        None => tell_slaves(broker, stats.max_physical, &mut say),
    }
    broker.rates().told().into_iter().for_each(|(name, rates)| say(name, rates));
    counts::mornings(broker).into_iter().for_each(|(name, count)| say(name, count.to_string()));
    // Every request is served as it is read: there are no queues of requests, so nothing waits in one.
    for name in [
        "sendThreadPoolQueueSize",
        "pullThreadPoolQueueSize",
        "queryThreadPoolQueueSize",
        "sendThreadPoolQueueHeadWaitTimeMills",
        "pullThreadPoolQueueHeadWaitTimeMills",
        "queryThreadPoolQueueHeadWaitTimeMills",
    ] {
        say(name, "0".to_owned());
    }
    for (name, share) in [
        ("commitLogDirCapacity", capacity),
        ("commitLogDiskRatio", ratio(stats.log_disk_ratio)),
        (&*format!("commitLogDiskRatio_{log_dir}"), ratio(stats.log_disk_ratio)),
        ("consumeQueueDiskRatio", ratio(stats.queue_disk_ratio)),
        ("earliestMessageTimeStamp", earliest),
        ("refusingWrites", stats.refusing),
        ("damagedRecords", (stats.damaged_records > 0).then(|| stats.damaged_records.to_string())),
    ] {
        if let Some(known) = share {
            say(name, known);
        }
    }
    Ok(Command::success().with_json(&info))
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

/// Bytes as Apache RocketMQ shows them: `512 B`, `1.5 GiB`.
fn readable(bytes: u64) -> String {
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
    fn bytes_are_shown_as_apache_shows_them() {
        let shown = [0, 1023, 1024, 1536 << 20, u64::MAX].map(readable);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 GiB", "16.0 EiB"]);
    }
}

//! How the broker is doing: runtime info (28), with the keys of Apache RocketMQ 4.9.8 that are known here.
//!
//! What is not known is left out, never shown as zero.

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

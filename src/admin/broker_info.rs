//! What a broker says of itself (28), typed: brokers of rmq and of Apache RocketMQ.
//!
//! A key that a broker does not send, or that is not what it should be, is not known, with the reason. What the keys are:
//! `src/broker/inspect.rs`.

use crate::snapshot::{Known, Unknown};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, str::FromStr};

/// What a broker says of itself. A key that it does not send, or that is no number, is not known. It is kept as what was sent and
/// read anew, so that what an older `rmq` recorded is read like what a broker says that does not tell it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Sent", into = "Sent")]
pub struct BrokerInfo {
    /// As it calls its version.
    pub version: Known<String>,
    /// When it started, ms.
    pub started_ms: Known<i64>,
    /// Messages stored since then.
    pub put: Known<u64>,
    /// Their bytes.
    pub put_bytes: Known<u64>,
    /// Messages given out since then.
    pub got: Known<u64>,
    /// Messages stored since the day began.
    pub put_today: Known<u64>,
    /// Messages given out since the day began.
    pub got_today: Known<u64>,
    /// First offset of its log.
    pub log_min: Known<i64>,
    /// End of its log.
    pub log_max: Known<i64>,
    /// Bytes that are not yet on its disk; to three digits, as it tells them.
    pub to_flush: Known<u64>,
    /// Up to where its log is on the disk. Apache RocketMQ does not tell it.
    pub flushed: Known<i64>,
    /// For how long the first byte has been written that is not on its disk, ms; 0: all are. Apache RocketMQ does not tell it.
    pub unflushed_ms: Known<i64>,
    /// Whether its answers wait for the disk: `SYNC_FLUSH` or `ASYNC_FLUSH`. Apache RocketMQ does not tell it here.
    pub flush_mode: Known<String>,
    /// When it last synced its log. Apache RocketMQ does not tell it.
    pub last_sync: Known<LastSync>,
    /// What a crash could rely on. Apache RocketMQ does not tell it.
    pub checkpoint: Known<Checkpoint>,
    /// Bytes that no queue has yet.
    pub to_dispatch: Known<u64>,
    /// The time in ms within which 99 of 100 sends were answered, in the last minute.
    pub put_p99_ms: Known<f64>,
    /// Requests to store that wait.
    pub send_queue: Known<u64>,
    /// For how long the first of them has, ms.
    pub send_wait_ms: Known<u64>,
    /// For how long the present append has been at work, ms.
    pub append_ms: Known<u64>,
    /// Half messages whose transaction has not ended; a master's. Apache RocketMQ does not tell it.
    pub transactions: Known<u64>,
    /// Messages that wait for a time of their own. Apache RocketMQ 4 has none.
    pub timed: Known<u64>,
    /// Its delay levels, lowest first. Apache RocketMQ tells only of those that it has delivered from.
    pub delay_levels: Known<Vec<DelayLevel>>,
    /// Who takes its log. Apache RocketMQ does not tell it here.
    pub slaves: Known<Vec<SlaveView>>,
    /// Bytes of its process in memory, with what is mapped of the store's files. Apache RocketMQ does not tell it.
    pub resident: Known<u64>,
    /// Those of them that belong to no file. Apache RocketMQ does not tell it.
    pub anonymous: Known<u64>,
    /// Share of the log's disk in use, 0 to 1.
    pub disk: Known<f64>,
    /// When its oldest message was stored, ms.
    pub oldest_ms: Known<i64>,
    /// Why it refuses messages, if it says that it does.
    pub refusing: Option<String>,
    /// All of it: name → value.
    pub all: BTreeMap<String, String>,
}

/// What is kept of it.
#[derive(Serialize, Deserialize)]
struct Sent {
    all: BTreeMap<String, String>,
}

impl From<Sent> for BrokerInfo {
    fn from(sent: Sent) -> Self {
        Self::of(sent.all)
    }
}

impl From<BrokerInfo> for Sent {
    fn from(info: BrokerInfo) -> Self {
        Self { all: info.all }
    }
}

/// A sync of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSync {
    /// When it was done, ms.
    pub at_ms: i64,
    /// How long it took, µs.
    pub took_us: u64,
}

/// What a broker's checkpoint file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Store time up to which the log is on the disk, ms.
    pub log_ms: Known<i64>,
    /// … up to which the queues are, ms.
    pub queues_ms: Known<i64>,
    /// … up to which the index is, ms.
    pub index_ms: Known<i64>,
    /// A start after a crash reads the log from here.
    pub settled: Known<i64>,
}

/// How far a delay level is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayLevel {
    /// From 1.
    pub level: u32,
    /// The next message of its queue to be delivered.
    pub next: i64,
    /// The end of its queue.
    pub end: i64,
}

impl DelayLevel {
    /// How many messages wait.
    pub fn waiting(&self) -> u64 {
        u64::try_from(self.end.saturating_sub(self.next)).unwrap_or(0)
    }
}

/// A slave, as its master sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaveView {
    /// Its end of the connection.
    pub addr: String,
    /// When it came, ms.
    pub since_ms: Known<i64>,
    /// Up to where it has acknowledged the log.
    pub acked: Known<i64>,
    /// How many bytes of the log it has not.
    pub behind: Known<u64>,
}

impl BrokerInfo {
    /// Reads what a broker sent (28).
    pub fn of(all: BTreeMap<String, String>) -> Self {
        let text = |name: &str| all.get(name).ok_or_else(|| Unknown::because(format!("it does not tell {name}")));
        let today = |kind: &str| {
            let now: u64 = number(&all, &format!("msg{kind}TotalTodayNow"))?;
            let morning = number(&all, &format!("msg{kind}TotalTodayMorning"))?;
            now.checked_sub(morning).ok_or_else(|| Unknown::because("it has now less than it had when the day began"))
        };
        Self {
            version: text("brokerVersionDesc").cloned(),
            started_ms: number(&all, "bootTimestamp"),
            put: number(&all, "putMessageTimesTotal"),
            put_bytes: number(&all, "putMessageSizeTotal"),
            // Apache RocketMQ tells it by this name only.
            got: number(&all, "msgGetTotalTodayNow"),
            put_today: today("Put"),
            got_today: today("Get"),
            log_min: number(&all, "commitLogMinOffset"),
            log_max: number(&all, "commitLogMaxOffset"),
            to_flush: text("remainHowManyDataToFlush").and_then(|said| {
                bytes(said).ok_or_else(|| Unknown::because(format!("remainHowManyDataToFlush {said:?} is no amount")))
            }),
            flushed: number(&all, "commitLogFlushedOffset"),
            unflushed_ms: number(&all, "commitLogUnflushedMillis"),
            flush_mode: text("flushDiskType").cloned(),
            last_sync: last_sync(&all),
            checkpoint: checkpoint(&all),
            to_dispatch: number(&all, "dispatchBehindBytes"),
            put_p99_ms: put_p99_ms(&all),
            send_queue: number(&all, "sendThreadPoolQueueSize"),
            send_wait_ms: number(&all, "sendThreadPoolQueueHeadWaitTimeMills"),
            append_ms: number(&all, "pageCacheLockTimeMills"),
            transactions: number(&all, "transactionsPending"),
            timed: number(&all, "timerCongestNum"),
            delay_levels: delay_levels(&all),
            slaves: slaves(&all),
            resident: number(&all, "residentMemoryBytes"),
            anonymous: number(&all, "anonymousMemoryBytes"),
            disk: number(&all, "commitLogDiskRatio").and_then(|share: f64| match share {
                0.0..=1.0 => Ok(share),
                _ => Err(Unknown::because(format!("it could not measure its disk: commitLogDiskRatio is {share}"))),
            }),
            oldest_ms: number(&all, "earliestMessageTimeStamp").and_then(|ms| match ms {
                0.. => Ok(ms),
                _ => Err(Unknown::because("it knows no oldest message")),
            }),
            refusing: all.get("refusingWrites").cloned(),
            all,
        }
    }
}

fn last_sync(all: &BTreeMap<String, String>) -> Known<LastSync> {
    // A broker that tells how far it is and not when it came there has not come further since it started.
    if all.contains_key("commitLogFlushedOffset") && !all.contains_key("commitLogLastFlushTimestamp") {
        return Err(Unknown::because("it has had nothing to sync since it started"));
    }
    let at_ms = number(all, "commitLogLastFlushTimestamp")?;
    Ok(LastSync { at_ms, took_us: number(all, "commitLogLastFlushMicros")? })
}

fn checkpoint(all: &BTreeMap<String, String>) -> Known<Checkpoint> {
    let settled: Known<i64> = number(all, "checkpointSettledOffset");
    // The first that is missing is the reason, if all are.
    if !all.keys().any(|name| name.starts_with("checkpoint")) {
        settled.clone()?;
    }
    let time = |of: &str| number(all, &format!("checkpoint{of}Timestamp"));
    Ok(Checkpoint { log_ms: time("Log"), queues_ms: time("Queues"), index_ms: time("Index"), settled })
}

/// Brokers tell 0 for a minute without a send: then there is no such time.
fn put_p99_ms(all: &BTreeMap<String, String>) -> Known<f64> {
    let told = number(all, "putLatency99")?;
    let Some(ranges) = all.get("putMessageDistributeTime") else { return Ok(told) };
    let mut counts = ranges.split_whitespace().filter_map(|range| range.rsplit_once(':')).map(|(_, count)| count);
    match ranges.trim() {
        "null" => Err(Unknown::because("it has not run for a minute yet")),
        "" => Ok(told),
        _ if counts.all(|count| count == "0") => Err(Unknown::because("it stored nothing in the last minute")),
        _ => Ok(told),
    }
}

fn delay_levels(all: &BTreeMap<String, String>) -> Known<Vec<DelayLevel>> {
    const PREFIX: &str = "scheduleMessageOffset_";
    let mut levels = Vec::new();
    for (name, said) in all {
        let Some(level) = name.strip_prefix(PREFIX) else { continue };
        let read = || {
            let (next, end) = said.split_once(',')?;
            Some(DelayLevel {
                level: level.parse().ok()?,
                next: next.trim().parse().ok()?,
                end: end.trim().parse().ok()?,
            })
        };
        levels.push(read().ok_or_else(|| Unknown::because(format!("{name} {said:?} is no level")))?);
    }
    levels.sort_by_key(|level| level.level);
    Ok(levels)
}

fn slaves(all: &BTreeMap<String, String>) -> Known<Vec<SlaveView>> {
    let _: u64 = number(all, "haSlaves")?;
    let addrs = all.keys().filter_map(|name| name.strip_prefix("haSlaveSince_"));
    let view = |addr: &str| SlaveView {
        addr: addr.to_owned(),
        since_ms: number(all, &format!("haSlaveSince_{addr}")),
        acked: number(all, &format!("haSlaveAckOffset_{addr}")),
        behind: number(all, &format!("haSlaveBehindBytes_{addr}")),
    };
    Ok(addrs.map(view).collect())
}

fn number<T: FromStr>(all: &BTreeMap<String, String>, name: &str) -> Known<T> {
    let said = all.get(name).ok_or_else(|| Unknown::because(format!("it does not tell {name}")))?;
    said.trim().parse().map_err(|_| Unknown::because(format!("{name} {said:?} is no number")))
}

/// Reads `512 B`, `1.5 KiB`, `2.0 GB`: the units of Apache RocketMQ, binary and decimal.
fn bytes(said: &str) -> Option<u64> {
    let (amount, unit) = said.trim().split_once(' ')?;
    let amount: f64 = amount.parse().ok().filter(|amount| *amount >= 0.0)?;
    let (prefix, base) = match unit.strip_suffix("iB") {
        Some(prefix) => (prefix, 1024.0_f64),
        None => (unit.strip_suffix('B')?, 1000.0),
    };
    let power = match prefix {
        "" => 0,
        one => 1 + "KMGTPE".find(one.to_ascii_uppercase().as_str()).filter(|_| one.len() == 1)?,
    };
    Some((amount * base.powi(power as i32)) as u64)
}

#[cfg(test)]
mod tests;

//! When files are deleted: the schedule, the rules as they are configured now, and the orders of operators (27, 306, 316,
//! 329).
//!
//! What goes by these rules, is the store's decision. One task does it all, one thing at a time, and away from the
//! threads that answer. Source: `DefaultMessageStore.addScheduleTask` and `AdminBrokerProcessor` of Apache RocketMQ 4.9.8.

use crate::{broker::Broker, config::BrokerConfig, config_values, refusal::Refusal};
use base::Watermark;
use jiff::{Timestamp, tz::TimeZone};
use parking_lot::Mutex;
use protocol::Command;
use std::{sync::Arc, time::Duration};
use store::{Removed, RetentionRules, StoreError};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

/// How often the disks are looked at, and how often while messages are refused for them.
const LOOK: Duration = Duration::from_secs(10);
const LOOK_WHILE_FULL: Duration = Duration::from_secs(1);
/// Rounds that one order to delete old files is worth.
const ROUNDS_OF_AN_ORDER: usize = 20;

/// What operators asked for, and how often files were looked after.
#[derive(Debug)]
pub struct Retention {
    asked: Mutex<Asked>,
    wake: Notify,
    looks: Watermark,
}

impl Default for Retention {
    fn default() -> Self {
        Self { asked: Mutex::default(), wake: Notify::new(), looks: Watermark::new(0) }
    }
}

impl Retention {
    /// How often the disks were looked at, and what was due deleted.
    pub fn looks(&self) -> &Watermark {
        &self.looks
    }

    fn ask(&self, ask: impl FnOnce(&mut Asked)) -> Result<Command, Refusal> {
        ask(&mut self.asked.lock());
        self.wake.notify_one();
        Ok(Command::success())
    }
}

/// What is to be done at the next look.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    /// To delete old log files, at any hour.
    files: bool,
    /// To delete what leads to deleted log files.
    queues: bool,
    /// To delete the queues of unknown topics.
    topics: bool,
}

/// Old log files are to be deleted, whatever the hour (27, 329). Answered at once.
pub fn delete_files(broker: &Broker) -> Result<Command, Refusal> {
    broker.retention().ask(|asked| asked.files = true)
}

/// Queue files that lead to deleted log files only are to be deleted (306). Answered at once. Unlike Apache RocketMQ's, a
/// queue of which no message is left keeps its last file, and with it its offsets.
pub fn clean_queues(broker: &Broker) -> Result<Command, Refusal> {
    broker.retention().ask(|asked| asked.queues = true)
}

/// The queues of topics that the broker does not know are to be deleted (316). Answered at once.
pub fn clean_topics(broker: &Broker) -> Result<Command, Refusal> {
    // A slave may have messages of a topic before it hears of the topic. It deletes what its master has deleted (`mirror`), so
    // that there is nothing to do here; Apache's tools ask every broker of a cluster, and stop at the first that refuses.
    if broker.follower().is_some() {
        return Ok(Command::success());
    }
    broker.retention().ask(|asked| asked.topics = true)
}

/// Share of a disk over which messages are refused.
pub fn refuse_over(config: &BrokerConfig) -> f64 {
    share(config.disk_space_warning_level_percent)
}

/// Looks after the files until shutdown.
pub async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    let period = Duration::from_millis(broker.config().clean_resource_interval_ms);
    let mut round_at = Instant::now() + period;
    let mut warned = false;
    let mut full = broker.store().refusing().is_some();
    loop {
        let look_at = Instant::now() + if full { LOOK_WHILE_FULL } else { LOOK };
        let retention = broker.retention();
        let woken = async {
            tokio::select! {
                () = tokio::time::sleep_until(look_at.min(round_at)) => {}
                () = retention.wake.notified() => {}
            }
        };
        if shutdown.run_until_cancelled(woken).await.is_none() {
            return;
        }
        let round = Instant::now() >= round_at;
        let asked = std::mem::take(&mut *retention.asked.lock());
        let (worker, stop) = (broker.clone(), shutdown.clone());
        let looked = tokio::task::spawn_blocking(move || look(&worker, round, asked, warned, &stop)).await;
        (full, warned) = looked.unwrap_or_else(|error| {
            tracing::error!(%error, "looking after old files failed");
            (full, warned)
        });
        if round {
            round_at = Instant::now() + period;
        }
        retention.looks.advance(retention.looks.get() + 1);
    }
}

/// Does what is due. Blocks. Returns whether messages are refused for a full disk, and whether the operator was warned
/// that a disk fills up and nothing may be deleted.
fn look(broker: &Broker, round: bool, asked: Asked, warned: bool, stop: &CancellationToken) -> (bool, bool) {
    if asked.files {
        for _ in 0..ROUNDS_OF_AN_ORDER {
            let rules = RetentionRules { asked: true, ..rules(broker) };
            if stop.is_cancelled() || !logged(|removed| broker.store().delete_expired(&rules, removed)) {
                break;
            }
        }
    }
    if asked.queues {
        logged(|removed| broker.store().delete_what_leads_nowhere(removed));
    }
    if asked.topics {
        match broker
            .store()
            .clean_unused(|topic| broker.topics().find(topic).is_some() || broker.topics().is_system(topic))
        {
            Ok(unused) => unused.iter().for_each(|topic| tracing::info!(%topic, "queues of an unknown topic deleted")),
            Err(error) => failed(&error),
        }
    }
    let rules = rules(broker);
    let deleted = round && logged(|removed| broker.store().delete_expired(&rules, removed));
    let full = broker.store().check_space(rules.refuse_over);
    let disks = broker.store().disk_use();
    let fullest = disks.log.into_iter().chain(disks.queues).fold(0.0, f64::max);
    let fills_up = fullest > rules.max_used;
    if round && fills_up && !deleted && !warned {
        tracing::warn!(
            share = fullest,
            "a disk of the store is fuller than diskMaxUsedSpaceRatio, and no log file is old enough to be deleted: make \
             room, or lower fileReservedTime"
        );
    }
    (full, if round { fills_up && !deleted } else { warned })
}

/// Runs a deletion and tells of each file that went. Returns whether a log file did.
fn logged(delete: impl FnOnce(&mut Vec<Removed>) -> Result<(), StoreError>) -> bool {
    let mut removed = Vec::new();
    let result = delete(&mut removed);
    for gone in &removed {
        tracing::info!(path = %gone.path.display(), reason = %gone.reason, "deleted");
    }
    if let Err(error) = result {
        failed(&error);
        return false;
    }
    removed.iter().any(|gone| gone.reason.is_of_log())
}

fn failed(error: &StoreError) {
    match error {
        StoreError::Closed => tracing::debug!("stopped deleting: the store is closed"),
        _ => tracing::error!(%error, "not all that is old could be deleted; trying again later"),
    }
}

/// The rules as of now.
fn rules(broker: &Broker) -> RetentionRules {
    let config = broker.config();
    let now_ms = broker.clock().now_ms();
    RetentionRules {
        now_ms,
        file_reserved_hours: u64::from(config.file_reserved_hours),
        hour_has_come: is_hour_of(&config.delete_when, now_ms),
        asked: false,
        max_used: share(config.disk_max_used_space_percent),
        clean_forcibly: config.clean_file_forcibly_enable.then(|| share(config.disk_space_clean_forcibly_percent)),
        refuse_over: refuse_over(&config),
    }
}

fn share(percent: u32) -> f64 {
    f64::from(percent) / 100.0
}

/// Whether it is one of the hours that `deleteWhen` lists, in local time.
fn is_hour_of(delete_when: &str, now_ms: i64) -> bool {
    let now = Timestamp::from_millisecond(now_ms).map(|now| now.to_zoned(TimeZone::system()).hour());
    let (Ok(hour), Some(hours)) = (now, config_values::hours(delete_when)) else { return false };
    hours.into_iter().any(|listed| i64::from(listed) == i64::from(hour))
}

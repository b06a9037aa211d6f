//! Rules over how groups have come on, from one look to the next: what stands still while messages come, what falls behind,
//! what comes back or is given up.

use super::{About, Alert, BEHIND, Evidence, GIVEN_UP, STUCK, mends, span};
use crate::{Snapshot, health::Level, rates::GroupRates, snapshot::Progress};
use protocol::topic::{DLQ_PREFIX, RETRY_PREFIX};
use std::collections::BTreeMap;

/// So many looks must find the same before it is told.
const LOOKS: u32 = 3;
/// A group that is less behind, messages, is not said to fall behind.
const LITTLE: i64 = 1000;

/// Group, topic, broker, queue.
type Key = (String, String, String, Option<i32>);

/// Where groups stood.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    stands: BTreeMap<Key, Stand>,
    /// Ends of retry topics: group → end, when.
    retries: BTreeMap<String, (i64, i64)>,
}

/// A place where a group has not moved on.
#[derive(Clone, Debug)]
struct Stand {
    consumed: i64,
    lag: i64,
    since_ms: i64,
    /// When it was looked at last.
    seen_ms: i64,
    looks: u32,
    end_first: i64,
    end: i64,
}

impl Stand {
    fn begins(at: &Progress, now_ms: i64) -> Self {
        let Progress { end, consumed, lag, .. } = *at;
        Self { consumed, lag, since_ms: now_ms, seen_ms: now_ms, looks: 1, end_first: end, end }
    }

    fn next(self, at: &Progress, now_ms: i64) -> Self {
        // A queue that begins anew is another.
        if at.consumed != self.consumed || at.end < self.end {
            return Self::begins(at, now_ms);
        }
        Self { lag: at.lag, seen_ms: now_ms, looks: self.looks.saturating_add(1), end: at.end, ..self }
    }

    fn is_stuck(&self) -> bool {
        self.looks >= LOOKS && self.end > self.end_first && self.lag > 0
    }

    fn says(&self, now_ms: i64, request: &str) -> String {
        format!(
            "consumed to {} for {} ({} looks) while the end went from {} to {}: {} behind ({request})",
            self.consumed,
            span(now_ms - self.since_ms),
            self.looks,
            self.end_first,
            self.end,
            self.lag
        )
    }
}

/// What a picture with groups says, and the ones before.
pub fn of_picture(memory: &mut Memory, picture: &Snapshot, rates: &BTreeMap<String, GroupRates>) -> Vec<Alert> {
    let now_ms = picture.asked_ms;
    let mut stands = BTreeMap::new();
    let mut retries: BTreeMap<String, i64> = BTreeMap::new();
    let mut lags: BTreeMap<&str, i64> = BTreeMap::new();
    for view in picture.masters() {
        let Ok(groups) = &view.groups else { continue };
        for (group, progress) in groups {
            for (topic, at) in &progress.topics {
                if topic.starts_with(RETRY_PREFIX) {
                    *retries.entry(group.clone()).or_default() += at.end;
                }
                // Most groups are behind nowhere: nothing is remembered of them.
                if at.lag > 0 {
                    *lags.entry(group).or_default() += at.lag;
                    let key = (group.clone(), topic.clone(), view.broker.name.clone(), None);
                    let stand = match memory.stands.remove(&key) {
                        Some(before) => before.next(at, now_ms),
                        None => Stand::begins(at, now_ms),
                    };
                    stands.insert(key, stand);
                }
            }
        }
        // What a broker did not tell now is not forgotten.
    }
    let silent = |broker: &str| picture.masters().any(|view| view.broker.name == broker && view.groups.is_err());
    stands.extend(std::mem::take(&mut memory.stands).into_iter().filter(|((.., broker, _), _)| silent(broker)));
    memory.stands = stands;
    let mut alerts = stuck(memory, now_ms, Level::Warning, "317", |_, _| String::new());
    for (group, lag_of) in lags.into_iter().filter(|(_, lag)| *lag >= LITTLE) {
        let is_stuck = alerts.iter().any(|alert| alert.about.is_of_group(group));
        let Some(rates) = rates.get(group).filter(|_| !is_stuck) else { continue };
        if let (Ok(None), Ok(put), Ok(consumed)) = (rates.drained_in(lag_of), &rates.put, &rates.consumed) {
            // Standing still with nothing coming is not falling behind.
            if *put > 0.0 || *consumed > 0.0 {
                let evidence = format!(
                    "{put:.1} messages a second come and {consumed:.1} are consumed: {lag_of} behind, and never done as it \
                     goes now (317)"
                );
                alerts.push(Alert::new(
                    Level::Warning,
                    BEHIND,
                    About::Group(group.to_owned()),
                    evidence,
                    mends::lag(group, None),
                ));
            }
        }
    }
    alerts.extend(came_back(memory, retries, now_ms));
    alerts
}

fn stuck(memory: &Memory, now_ms: i64, level: Level, request: &str, more: impl Fn(&str, &Key) -> String) -> Vec<Alert> {
    // Of what was not told now it is not known whether it still stands.
    let stuck = memory.stands.iter().filter(|(_, stand)| stand.is_stuck() && stand.seen_ms == now_ms);
    let alert = |(key, stand): (&Key, &Stand)| {
        let (group, topic, broker, queue) = key.clone();
        let evidence = stand.says(now_ms, request) + &more(&key.0, key);
        let command = mends::lag(&group, Some(&topic));
        Alert::new(level, STUCK, About::Reading { group, topic, at: (broker, queue) }, evidence, command)
    };
    stuck.map(alert).collect()
}

/// Messages that groups failed on and get again.
fn came_back(memory: &mut Memory, retries: BTreeMap<String, i64>, now_ms: i64) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for (group, end) in &retries {
        if let Some((then, at_ms)) = memory.retries.get(group).filter(|(then, _)| end > then) {
            let evidence = format!(
                "{} messages came back to be tried again within {}: its members fail on them (317: {RETRY_PREFIX}{group})",
                end - then,
                span(now_ms - at_ms)
            );
            alerts.push(Alert::new(
                Level::Warning,
                GIVEN_UP,
                About::Group(group.clone()),
                evidence,
                mends::describe_group(group),
            ));
        }
    }
    memory.retries = retries.into_iter().map(|(group, end)| (group, (end, now_ms))).collect();
    alerts
}

/// What stands still queue by queue, in the groups that were looked at, with whose queue it is.
pub fn of_queues(memory: &mut Memory, evidence: &Evidence) -> Vec<Alert> {
    let mut stands = BTreeMap::new();
    for group in &evidence.groups {
        for (queue, at) in &group.queues {
            let progress = Progress {
                queues: 1,
                end: at.broker_offset,
                consumed: at.consumer_offset,
                lag: at.lag(),
                ..Progress::default()
            };
            if progress.lag > 0 {
                let key = (group.group.clone(), queue.topic.clone(), queue.broker_name.clone(), Some(queue.queue_id));
                let stand = match memory.stands.remove(&key) {
                    Some(before) => before.next(&progress, evidence.at_ms),
                    None => Stand::begins(&progress, evidence.at_ms),
                };
                stands.insert(key, stand);
            }
        }
    }
    memory.stands = stands;
    stuck(memory, evidence.at_ms, Level::Critical, "317", |group, (_, topic, broker, queue)| {
        let Some(group) = evidence.groups.iter().find(|other| other.group == group) else { return String::new() };
        match group.owner(topic, broker, queue.unwrap_or_default()) {
            Ok(Some(owner)) => format!("; it is {owner}'s (307)"),
            Ok(None) => "; no member holds it (203, 307)".to_owned(),
            Err(why) => format!("; whose it is, is not known: {why}"),
        }
    })
}

/// Messages that were given up: more than when it was first looked.
pub fn of_dead_letters(memory: &mut BTreeMap<String, (i64, i64)>, evidence: &Evidence) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for (group, count) in &evidence.dead {
        let about = About::Group(group.clone());
        match count {
            Err(why) => {
                let evidence = format!("cannot be told: the ends of {DLQ_PREFIX}{group} (202): {why}");
                alerts.push(Alert::new(Level::Unknown, GIVEN_UP, about, evidence, mends::dead_letters(group)));
            }
            Ok(end) => {
                let (then, at_ms) = *memory.entry(group.clone()).or_insert((*end, evidence.at_ms));
                if *end > then {
                    let evidence = format!(
                        "{} messages were given up within {}: {end} in all (202: {DLQ_PREFIX}{group})",
                        end - then,
                        span(evidence.at_ms - at_ms)
                    );
                    alerts.push(Alert::new(Level::Critical, GIVEN_UP, about, evidence, mends::dead_letters(group)));
                }
            }
        }
    }
    alerts
}

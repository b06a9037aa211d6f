//! Alerts that say the same of many are made one: what a silent broker leaves unknown is no trouble of its own.

use super::{About, Alert, STUCK};
use crate::health::{Level, OUT_OF_REACH};
use std::collections::BTreeSet;

/// So many are named of those that one alert is about.
const NAMED: usize = 4;

/// The alerts, with fewer of the same.
pub fn folded(alerts: Vec<Alert>) -> Vec<Alert> {
    let silent: Vec<About> = alerts
        .iter()
        .filter(|alert| alert.code == OUT_OF_REACH && alert.level == Level::Critical)
        .map(|alert| alert.about.clone())
        .collect();
    // That a broker does not answer says already that its answers are not known. Of all of a name, masters are asked.
    let is_silent = |about: &About| match about {
        About::Broker(_) => silent.contains(about),
        About::Brokers(name) => silent.iter().any(|silent| silent.is_of_broker(name, 0)),
        _ => false,
    };
    let follows = |alert: &Alert| alert.level == Level::Unknown && is_silent(&alert.about);
    let mut left: Vec<Alert> = alerts.into_iter().filter(|alert| !follows(alert)).collect();
    let mut all = Vec::new();
    while !left.is_empty() {
        let first = left.remove(0);
        let (same, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|other| is_same(&first, other));
        left = others;
        all.push(if same.is_empty() { first } else { one_of(first, same) });
    }
    all
}

fn is_same(one: &Alert, other: &Alert) -> bool {
    let unknown = one.level == Level::Unknown;
    (one.code, one.level) == (other.code, other.level)
        && match (&one.about, &other.about) {
            // Their reasons differ in names and times, and are one.
            (About::Group(_), About::Group(_)) => unknown,
            (About::Broker(_), About::Broker(_)) => unknown && one.evidence == other.evidence,
            (About::Reading { .. }, About::Reading { .. }) => one.code == STUCK && place(one) == place(other),
            _ => false,
        }
}

/// Group, topic and broker.
fn place(alert: &Alert) -> Option<(&str, &str, &str)> {
    match &alert.about {
        About::Reading { group, topic, at: (broker, Some(_)) } => Some((group, topic, broker)),
        _ => None,
    }
}

fn one_of(first: Alert, same: Vec<Alert>) -> Alert {
    let all = || std::iter::once(&first).chain(&same);
    let seen_ms = all().map(|alert| alert.seen_ms).max().unwrap_or(first.seen_ms);
    let count = same.len() + 1;
    let (about, evidence) = match &first.about {
        About::Reading { group, topic, at: (broker, _) } => {
            let queues = all().filter_map(|alert| match &alert.about {
                About::Reading { at: (_, id), .. } => *id,
                _ => None,
            });
            let queues: BTreeSet<i32> = queues.collect();
            let named = named(queues.iter().map(i32::to_string).collect());
            let about = About::Reading { group: group.clone(), topic: topic.clone(), at: (broker.clone(), None) };
            (about, format!("{count} queues stand still: {named}; the first of them: {}", first.evidence))
        }
        of => {
            let what = if matches!(of, About::Group(_)) { "groups" } else { "brokers" };
            let names: BTreeSet<String> = all().map(|alert| alert.about.to_string()).collect();
            let names = named(names.into_iter().collect());
            (About::Cluster, format!("{count} {what}, {names}: {}", first.evidence))
        }
    };
    Alert { about, evidence, seen_ms, ..first }
}

fn named(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

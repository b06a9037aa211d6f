//! Rates between two pictures of a cluster, from counters: they survive the restart of a broker without a spike.
//!
//! A counter that went back, a broker that started anew or was not there before, and a clock that did not move give no rate
//! for that step, with the reason.

use crate::snapshot::{AllGroups, BrokerInfo, BrokerView, GroupView, Known, Snapshot, Total, Unknown};
use std::collections::BTreeMap;

/// How fast a broker is, a second.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerRates {
    /// Messages stored.
    pub put: Known<f64>,
    /// Their bytes.
    pub put_bytes: Known<f64>,
    /// Messages given out.
    pub got: Known<f64>,
}

/// How fast a group is, a second.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRates {
    /// Messages stored in what it reads.
    pub put: Known<f64>,
    /// Messages that it consumed.
    pub consumed: Known<f64>,
}

impl GroupRates {
    /// Seconds until a lag is gone, if all goes on so. `None` if it never is.
    pub fn drained_in(&self, lag: i64) -> Known<Option<f64>> {
        let (put, consumed) = (self.put.clone()?, self.consumed.clone()?);
        if lag <= 0 {
            return Ok(Some(0.0));
        }
        Ok((consumed > put).then(|| lag as f64 / (consumed - put)))
    }
}

/// How fast everything in the later picture is. The brokers are in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// For each broker of the later picture.
    pub brokers: Vec<BrokerRates>,
    /// The groups that are known of every master, by name; none if only brokers were compared.
    pub groups: BTreeMap<String, GroupRates>,
}

/// How fast it went from one picture to a later one.
pub fn between(before: &Snapshot, after: &Snapshot) -> Rates {
    let groups = of_groups(&AllGroups::of(before), &AllGroups::of(after));
    Rates { groups, ..of_brokers(before, after) }
}

/// How fast brokers were from one picture to a later one, without the groups.
pub fn of_brokers(before: &Snapshot, after: &Snapshot) -> Rates {
    let brokers = after.brokers.iter().map(|view| broker_rates(before, view)).collect();
    Rates { brokers, groups: BTreeMap::new() }
}

/// How fast groups were from one picture to a later one, by name.
pub fn of_groups(before: &AllGroups, after: &AllGroups) -> BTreeMap<String, GroupRates> {
    let (old, new) = (before.groups(), after.groups());
    let lacks = old.missing.iter().chain(&new.missing).next();
    let lacks = lacks.map(|(broker, why)| Unknown::because(format!("broker {broker}: {why}")));
    let step_ms = after.asked_ms - before.asked_ms;
    let groups = new.known.iter().map(|(name, group)| {
        let rates = match &lacks {
            Some(why) => GroupRates { put: Err(why.clone()), consumed: Err(why.clone()) },
            None => group_rates(old.known.get(name), group, step_ms),
        };
        (name.clone(), rates)
    });
    groups.collect()
}

impl Rates {
    /// What all masters of `after`, the later picture, do together.
    pub fn total(&self, after: &Snapshot, of: impl Fn(&BrokerRates) -> &Known<f64>) -> Total<f64> {
        let mut total = Total { known: 0.0, missing: Vec::new() };
        for (view, rates) in after.brokers.iter().zip(&self.brokers).filter(|(view, _)| view.broker.is_master()) {
            match of(rates) {
                Ok(rate) => total.known += rate,
                Err(why) => total.missing.push((view.broker.name.clone(), why.clone())),
            }
        }
        let headless = |name: &String| (name.clone(), Unknown::because(format!("no master of {name} is registered")));
        total.missing.extend(after.headless.iter().map(headless));
        total
    }
}

fn broker_rates(before: &Snapshot, view: &BrokerView) -> BrokerRates {
    let step = || -> Known<(&BrokerInfo, &BrokerInfo, i64)> {
        let new = view.info.as_ref().map_err(Clone::clone)?;
        let old = before.find(&view.broker).ok_or_else(|| Unknown::because("it was not there before"))?;
        let step_ms = view.at_ms - old.at_ms;
        let old = old.info.as_ref().map_err(|why| Unknown::because(format!("before: {why}")))?;
        match (&old.started_ms, &new.started_ms) {
            (Ok(old), Ok(new)) if old != new => Err(Unknown::because("it started anew meanwhile")),
            _ => Ok((old, new, step_ms)),
        }
    };
    let rate = |of: fn(&BrokerInfo) -> &Known<u64>| {
        let (old, new, step_ms) = step()?;
        per_second(i128::from(of(old).clone()?), i128::from(of(new).clone()?), step_ms)
    };
    BrokerRates { put: rate(|info| &info.put), put_bytes: rate(|info| &info.put_bytes), got: rate(|info| &info.got) }
}

fn group_rates(old: Option<&GroupView>, new: &GroupView, step_ms: i64) -> GroupRates {
    let Some(old) = old else {
        let why = Unknown::because("the group was not there before");
        return GroupRates { put: Err(why.clone()), consumed: Err(why) };
    };
    // A topic or queue that came or went is no message that did.
    let mut both = old.topics.iter().zip(&new.topics);
    if old.topics.len() != new.topics.len() || both.any(|(old, new)| (old.0, old.1.queues) != (new.0, new.1.queues)) {
        let why = Unknown::because("the group reads other queues than before");
        return GroupRates { put: Err(why.clone()), consumed: Err(why) };
    }
    // Topic by topic: one that goes back must not be hidden by another that goes on.
    let rate = |of: fn(&crate::snapshot::Progress) -> i64| {
        let pairs = new.topics.iter().filter_map(|(topic, new)| Some((old.topics.get(topic)?, new)));
        let rates = pairs.map(|(old, new)| per_second(i128::from(of(old)), i128::from(of(new)), step_ms));
        // Nothing adds up to zero, and not to -0 as floating point has it.
        rates.sum::<Known<f64>>().map(|sum| sum + 0.0)
    };
    GroupRates { put: rate(|progress| progress.end), consumed: rate(|progress| progress.consumed) }
}

fn per_second(old: i128, new: i128, step_ms: i64) -> Known<f64> {
    if step_ms <= 0 {
        return Err(Unknown::because("no time went by, or the clock was set back"));
    }
    if new < old {
        return Err(Unknown::because("its counter went back: it started anew, or was reset"));
    }
    Ok((new - old) as f64 * 1000.0 / step_ms as f64)
}

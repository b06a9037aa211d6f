//! How far all groups have come on all masters together: added up once of a picture, for whoever looks at it often.

use super::{GroupView, Progress, Snapshot, Total, no_master};
use std::collections::BTreeMap;

/// The groups of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct AllGroups {
    /// When the picture was asked for, ms.
    pub asked_ms: i64,
    /// How many brokers know groups: masters, and those that have none now.
    pub masters: usize,
    groups: Total<BTreeMap<String, GroupView>>,
    lag: i64,
}

impl AllGroups {
    /// Those of a picture.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut groups: BTreeMap<String, GroupView> = BTreeMap::new();
        let mut missing: Vec<_> = snapshot.headless.iter().map(|name| (name.clone(), no_master(name))).collect();
        for view in snapshot.masters() {
            match &view.groups {
                Err(why) => missing.push((view.broker.name.clone(), why.clone())),
                // Of the first there is nothing to add to.
                Ok(of_broker) if groups.is_empty() => groups.clone_from(of_broker),
                Ok(of_broker) => of_broker.iter().for_each(|(name, group)| add(&mut groups, name, group)),
            }
        }
        Self {
            asked_ms: snapshot.asked_ms,
            masters: snapshot.masters().count() + snapshot.headless.len(),
            lag: groups.values().flat_map(|group| group.topics.values()).map(|topic| topic.lag).sum(),
            groups: Total { known: groups, missing },
        }
    }

    /// By name.
    pub fn groups(&self) -> &Total<BTreeMap<String, GroupView>> {
        &self.groups
    }

    /// By name, to be kept.
    pub fn into_groups(self) -> Total<BTreeMap<String, GroupView>> {
        self.groups
    }

    /// What all of them together have still to consume.
    pub fn lag(&self) -> Total<i64> {
        Total { known: self.lag, missing: self.groups.missing.clone() }
    }

    /// Each topic as the group sees it that reads most of its queues.
    pub fn topics(&self) -> BTreeMap<&str, Progress> {
        let mut topics: BTreeMap<&str, Progress> = BTreeMap::new();
        for (topic, progress) in self.groups.known.values().flat_map(|group| &group.topics) {
            let most = topics.entry(topic).or_default();
            if progress.queues > most.queues {
                *most = *progress;
            }
        }
        topics
    }
}

fn add(groups: &mut BTreeMap<String, GroupView>, name: &str, group: &GroupView) {
    let Some(sum) = groups.get_mut(name) else {
        groups.insert(name.to_owned(), group.clone());
        return;
    };
    for (topic, progress) in &group.topics {
        match sum.topics.get_mut(topic) {
            Some(sum) => sum.add(progress),
            None => drop(sum.topics.insert(topic.clone(), *progress)),
        }
    }
}

//! The queues of a topic and who reads them: two questions to each master, one more for each reader, and one to each of
//! their members from time to time.

use super::team::{MOST, Team, Teams};
use admin::{
    Admin, Where,
    snapshot::{Known, Unknown},
};
use base::Clock;
use futures_util::future::{join, join_all};
use protocol::{code::response, consume_stats::QueueProgress, lock::QueueName, topic_stats::QueueExtent};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most readers that are asked about.
const READERS: usize = 20;

/// The queues of a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicDetail {
    /// Where each queue begins and ends.
    #[serde(with = "crate::pairs")]
    pub queues: BTreeMap<QueueName, QueueExtent>,
    /// Who reads it, the most behind first.
    pub readers: Vec<TopicReader>,
    /// Groups that read it and were not asked about.
    pub left_out: Vec<String>,
    /// Which brokers did not tell, and why.
    pub missing: Vec<(String, Unknown)>,
}

/// A group that reads a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicReader {
    /// Its name.
    pub group: String,
    /// How far it has come in each queue.
    #[serde(with = "crate::pairs")]
    pub queues: BTreeMap<QueueName, QueueProgress>,
    /// Who of its members holds what.
    pub team: Team,
    /// Why there may be queues that are not told.
    pub missing: Option<Unknown>,
}

impl TopicReader {
    /// Messages of the topic that it has still to consume.
    pub fn lag(&self) -> i64 {
        self.queues.values().map(|at| at.lag().max(0)).sum()
    }
}

pub(super) async fn ask(admin: &Admin, clock: &Clock, teams: &Teams, name: &str) -> Known<TopicDetail> {
    let everywhere = Where::Everywhere;
    let (stats, readers) = join(admin.topic_stats(name, &everywhere), admin.readers(name, &everywhere)).await;
    let mut detail = TopicDetail::default();
    for outcome in stats.map_err(|error| Unknown::from(&error))?.0 {
        match outcome.result {
            Ok(stats) => detail.queues.extend(stats.offset_table),
            // Not every broker has every topic.
            Err(error) if error.refusal_code() == Some(response::TOPIC_NOT_EXIST) => {}
            Err(error) => detail.missing.push((outcome.broker.name, Unknown::from(&error))),
        }
    }
    let mut groups = BTreeSet::new();
    for outcome in readers.map_err(|error| Unknown::from(&error))?.0 {
        match outcome.result {
            Ok(list) => groups.extend(list.group_list),
            Err(error) if error.refusal_code() == Some(response::TOPIC_NOT_EXIST) => {}
            Err(error) => {
                if !detail.missing.iter().any(|(broker, _)| *broker == outcome.broker.name) {
                    detail.missing.push((outcome.broker.name, Unknown::from(&error)));
                }
            }
        }
    }
    let mut groups: Vec<String> = groups.into_iter().collect();
    teams.worst_first(&mut groups);
    detail.left_out = groups.split_off(groups.len().min(READERS));
    detail.readers = join_all(groups.into_iter().map(|group| progress(admin, name, group))).await;
    detail.readers.sort_by_key(|reader| (std::cmp::Reverse(reader.lag()), reader.group.clone()));
    let mut most = MOST;
    for reader in &mut detail.readers {
        reader.team = teams.team_of(admin, clock, &reader.group, &mut most).await;
    }
    Ok(detail)
}

async fn progress(admin: &Admin, topic: &str, group: String) -> TopicReader {
    let mut reader = TopicReader { group, ..TopicReader::default() };
    match admin.consume_stats(&reader.group, Some(topic), &Where::Everywhere).await {
        Err(error) => reader.missing = Some(Unknown::from(&error)),
        Ok(stats) => {
            for outcome in stats.0 {
                match outcome.result {
                    Ok(stats) => reader.queues.extend(stats.offset_table),
                    // Not every broker has the topic, or knows the group in it.
                    Err(error) if error.refusal_code() == Some(response::TOPIC_NOT_EXIST) => {}
                    Err(error) => {
                        reader.missing = Some(Unknown::because(format!("{}: {error}", outcome.broker.name)));
                    }
                }
            }
        }
    }
    reader
}

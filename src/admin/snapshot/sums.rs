//! What a broker tells of all its groups (317), queue by queue, added up as it is read: megabytes come, little is kept.

use super::{GroupView, Progress};
use protocol::{
    consume_stats::{QueueProgress, each_progress},
    json_cursor::NotThere,
};
use std::collections::BTreeMap;

/// The queues of each group, together for each topic.
pub fn by_group(body: &[u8]) -> Result<BTreeMap<String, GroupView>, NotThere> {
    let mut sums = Sums::default();
    each_progress(body, |group, queue| match queue {
        None => sums.begin(group),
        Some((topic, at)) => sums.add(topic, &at),
    })?;
    sums.end_topic();
    Ok(sums.groups)
}

#[derive(Default)]
struct Sums {
    groups: BTreeMap<String, GroupView>,
    group: String,
    /// What is told of one after the other is added up before it is looked up where it belongs.
    topic: String,
    sum: Progress,
}

impl Sums {
    fn begin(&mut self, group: &str) {
        self.end_topic();
        self.groups.entry(group.to_owned()).or_default();
        group.clone_into(&mut self.group);
    }

    fn add(&mut self, topic: &str, at: &QueueProgress) {
        if topic != self.topic {
            self.end_topic();
            topic.clone_into(&mut self.topic);
        }
        self.sum.add(&Progress {
            queues: 1,
            end: at.broker_offset,
            consumed: at.consumer_offset,
            // A group that is told to be behind the end, has read all.
            lag: at.broker_offset.saturating_sub(at.consumer_offset).max(0),
            oldest_consumed_ms: Some(at.last_timestamp).filter(|ms| *ms > 0),
        });
    }

    fn end_topic(&mut self) {
        let sum = std::mem::take(&mut self.sum);
        if sum.queues > 0
            && let Some(view) = self.groups.get_mut(&self.group)
        {
            view.topics.entry(self.topic.clone()).or_default().add(&sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_added_up_for_each_group_and_topic_wherever_they_are_told() {
        let queue = |topic: &str, id: u32, end: u32, at: u32, ms: u32| {
            format!(
                r#"{{"queueId":{id},"topic":"{topic}"}}:{{"brokerOffset":{end},"consumerOffset":{at},"lastTimestamp":{ms}}}"#
            )
        };
        let stats = |queues: &[String]| format!(r#"{{"consumeTps":0.0,"offsetTable":{{{}}}}}"#, queues.join(","));
        let text = format!(
            r#"{{"consumeStatsList":[{{"G":[{},{}]}},{{"empty":[]}},{{"H":[{}]}},{{"G":[{}]}}]}}"#,
            stats(&[queue("T", 0, 10, 4, 9), queue("U", 0, 1, 1, 0), queue("T", 1, 3, 5, 7)]),
            stats(&[queue("T", 2, 1, 0, 0)]),
            stats(&[queue("T", 0, 10, 10, 8)]),
            stats(&[queue("T", 3, 1, 1, 0)]),
        );
        let groups = by_group(text.as_bytes()).unwrap();
        assert_eq!(groups.keys().collect::<Vec<_>>(), ["G", "H", "empty"]);
        assert_eq!(groups["empty"], GroupView::default());
        let read = Progress { queues: 4, end: 15, consumed: 10, lag: 7, oldest_consumed_ms: Some(7) };
        assert_eq!(groups["G"].topics["T"], read);
        let one = Progress { queues: 1, end: 1, consumed: 1, lag: 0, oldest_consumed_ms: None };
        assert_eq!((groups["G"].topics["U"], groups["H"].topics["T"].end), (one, 10));
        assert!(by_group(&text.as_bytes()[..text.len() - 1]).is_err());
    }
}

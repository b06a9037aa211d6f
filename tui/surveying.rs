//! Asks all that any screen could ask, in turn: for a recording in which every screen has something to show. It costs a cluster
//! much more than `rmq top` does; nobody does it by accident.

use crate::feed::{Answer, Question, Spot, Start};
use protocol::topic::is_system_topic;
use std::collections::{BTreeMap, BTreeSet};

/// How long what changes is not asked again, ms.
const REST_MS: i64 = 5000;
/// The same for how clients run.
const CLIENT_REST_MS: i64 = 10_000;
/// The same for the messages of topics, which are much to keep.
const LONG_REST_MS: i64 = 50_000;
/// Most that is asked at once: what is alike lies near each other in the file then, and is small.
const MOST_AT_ONCE: usize = 12;

/// What there is to ask about, and when it was asked.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    topics: BTreeSet<String>,
    groups: BTreeSet<String>,
    queues: BTreeSet<(String, String, i32)>,
    members: BTreeSet<(String, String)>,
    asked: BTreeMap<Question, i64>,
}

impl Survey {
    /// Learns from an answer what else could be asked.
    pub fn learn(&mut self, answer: &Answer) {
        match answer {
            Answer::Picture { got: Ok(snapshot), .. } => {
                self.groups.extend(snapshot.groups().known.into_keys());
                // Topics that brokers and clusters are known by.
                let of_brokers = snapshot.brokers.iter().flat_map(|view| [&view.broker.name, &view.broker.cluster]);
                for name in of_brokers {
                    self.topics.remove(name);
                }
            }
            Answer::Topics(Ok(names)) => {
                self.topics = names.iter().filter(|name| is_looked_at(name)).cloned().collect();
            }
            Answer::Topic(name, Ok(detail)) => {
                let queues = detail.queues.keys().map(|at| (name.clone(), at.broker_name.clone(), at.queue_id));
                self.queues.extend(queues);
            }
            Answer::Clients(Ok(all)) => {
                self.members = all.clients.iter().map(|client| (client.group.clone(), client.id.clone())).collect();
            }
            _ => {}
        }
    }

    /// What is to be asked now.
    pub fn due(&mut self, now_ms: i64) -> Vec<Question> {
        let spot = |topic: &String, queue| Question::Messages(Spot { topic: topic.clone(), queue, start: Start::End });
        let mut wanted = vec![Question::Topics, Question::Clients, Question::DeadLetters, Question::Health];
        wanted.extend(self.topics.iter().flat_map(|topic| [Question::Topic(topic.clone()), spot(topic, None)]));
        wanted.extend(self.groups.iter().map(|group| Question::Group(group.clone())));
        wanted.extend(self.members.iter().map(|(group, id)| Question::Client(group.clone(), id.clone())));
        let queues = self.queues.iter();
        wanted.extend(queues.map(|(topic, broker, queue)| spot(topic, Some((broker.clone(), *queue)))));
        let mut room = MOST_AT_ONCE;
        wanted.retain(|question| {
            let rest = match question {
                // There are many.
                Question::Messages(Spot { queue: Some(_), .. }) => i64::MAX,
                Question::Messages(_) => LONG_REST_MS,
                Question::Client(..) => CLIENT_REST_MS,
                _ => REST_MS,
            };
            let is_due = room > 0 && self.asked.get(question).is_none_or(|asked| now_ms - asked >= rest);
            if is_due {
                room -= 1;
                self.asked.insert(question.clone(), now_ms);
            }
            is_due
        });
        wanted
    }
}

/// Whether people look at that topic: they made it, or a group's dead letters are there.
fn is_looked_at(topic: &str) -> bool {
    !topic.starts_with("%RETRY%") && !is_system_topic(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_is_asked_about_and_rests_in_between() {
        let mut survey = Survey::default();
        let first = survey.due(0);
        assert!(first.contains(&Question::Topics) && first.contains(&Question::Health), "{first:?}");
        survey.learn(&Answer::Topics(Ok(vec!["订单".to_owned()])));
        let spot = Spot { topic: "订单".to_owned(), queue: None, start: Start::End };
        assert_eq!(survey.due(1), [Question::Topic("订单".to_owned()), Question::Messages(spot)]);
        assert_eq!(survey.due(REST_MS - 1), vec![]);
        assert_eq!(survey.due(REST_MS), first);
    }
}

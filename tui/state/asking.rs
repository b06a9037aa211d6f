//! What is asked for the screen that is shown, and what answers change.

use super::{Effect, State, View, view::member};
use crate::{
    feed::{Answer, Question},
    history::Sample,
};
use admin::{
    Snapshot,
    rates::{self, BrokerRates},
    snapshot::Known,
};
use std::collections::BTreeMap;

/// Groups are asked for with each so-manieth picture where they are not the main thing: that question is the heavy one.
const GROUPS_EVERY: u32 = 5;
/// A broker that is gone is shown for so long, ms.
const GONE_SHOWN_MS: i64 = 15 * 60 * 1000;

impl State {
    /// Asks for what is shown, but for what was asked and is not answered yet.
    ///
    /// `at_once`: even what rests between two questions.
    pub(super) fn ask(&mut self, at_once: bool) -> Vec<Effect> {
        self.asked_ms = Some(self.now_ms);
        let mut wanted = Vec::new();
        if !self.waiting.iter().any(|question| matches!(question, Question::Picture { .. })) {
            let groups = match &self.place().view {
                View::Groups => true,
                // The second, too, so that there are rates.
                View::Cluster | View::Topics | View::Topic(_) | View::Alerts => {
                    self.pictures.is_multiple_of(GROUPS_EVERY) || self.pictures == 1
                }
                _ => false,
            };
            self.pictures = self.pictures.wrapping_add(1);
            wanted.push(Question::Picture { groups });
        }
        let shown = match &self.place().view {
            View::Topics => Some(Question::Topics),
            View::Topic(name) => Some(Question::Topic(name.clone())),
            View::Group(name) => Some(Question::Group(name.clone())),
            View::Clients => Some(Question::Clients),
            View::Client(group, id) => Some(Question::Client(group.clone(), id.clone())),
            View::Messages(spot) => Some(Question::Messages(spot.clone())),
            View::DeadLetters => Some(Question::DeadLetters),
            View::Alerts => Some(Question::Health),
            View::Cluster | View::Groups | View::Broker(..) | View::Message(_) | View::Charts | View::Help => None,
        };
        wanted.extend(shown.filter(|question| at_once || !self.rests(question)));
        wanted.retain(|question| self.waiting.insert(question.clone()));
        if let Some(question) = wanted.iter().find(|question| question.rest_ms() > 0) {
            self.rested = Some((question.clone(), self.now_ms));
        }
        wanted.into_iter().map(Effect::Ask).collect()
    }

    fn rests(&self, question: &Question) -> bool {
        let asked = self.rested.as_ref().filter(|(asked, _)| asked == question);
        asked.is_some_and(|(question, at)| (0..question.rest_ms()).contains(&(self.now_ms - at)))
    }

    pub(super) fn hear(&mut self, answer: Answer) {
        self.waiting.remove(&answer.question());
        let now_ms = self.now_ms;
        match answer {
            Answer::Picture { got: Err(why), .. } => self.trouble = Some(why),
            Answer::Picture { groups, got: Ok(snapshot) } => self.take(*snapshot, groups),
            Answer::Topics(got) => self.topics.hear(got, now_ms),
            Answer::Topic(name, got) if self.topic.is_of(&name) => self.topic.hear(got, now_ms),
            Answer::Group(name, got) if self.group.is_of(&name) => self.group.hear(got, now_ms),
            Answer::Clients(got) => self.clients.hear(got, now_ms),
            Answer::Client(group, id, got) if self.client.is_of(&member(&group, &id)) => self.client.hear(got, now_ms),
            Answer::Messages(spot, got) if self.messages.is_of(&spot.key()) => self.messages.hear(got, now_ms),
            Answer::DeadLetters(got) => self.dead_letters.hear(got, now_ms),
            Answer::Health(got) => {
                if let Ok(detail) = &got {
                    self.watch.hear(&detail.evidence);
                }
                self.health.hear(got, now_ms);
            }
            // Of what is not shown any more.
            Answer::Topic(..) | Answer::Group(..) | Answer::Client(..) | Answer::Messages(..) => {}
        }
    }

    fn take(&mut self, snapshot: Snapshot, with_groups: bool) {
        self.trouble = None;
        let rates = self.picture.as_ref().map(|(before, _)| rates::between(before, &snapshot));
        if let Some((before, _)) = &self.picture {
            let gone = snapshot.gone_since(before).map(|view| (view.broker.clone(), before.asked_ms));
            self.gone.extend(gone);
        }
        self.gone.retain(|(broker, seen)| snapshot.find(broker).is_none() && self.now_ms - seen < GONE_SHOWN_MS);
        for view in snapshot.brokers.iter().filter(|view| view.info.is_ok()) {
            self.answered.insert(view.broker.clone(), view.at_ms);
        }
        if with_groups {
            let before = self.groups.take().map(|(before, _)| before);
            let group_rates = before.as_ref().map(|before| rates::between(before, &snapshot).groups);
            self.watch.see(&snapshot, Some(group_rates.as_ref().unwrap_or(&BTreeMap::new())));
            self.groups_before = before;
            self.groups = Some((snapshot.clone(), group_rates));
        } else {
            self.watch.see(&snapshot, None);
        }
        let at_ms = snapshot.asked_ms;
        self.picture = Some((snapshot, rates));
        let rate = |of: fn(&BrokerRates) -> &Known<f64>| self.total(of).ok().map(|total| total.known);
        let sample = Sample {
            at_ms,
            put: rate(|rates| &rates.put),
            got: rate(|rates| &rates.got),
            bytes: rate(|rates| &rates.put_bytes),
            lag: self.total_lag().ok().map(|total| total.known),
        };
        self.history.push(sample);
    }
}

//! What is asked for the screen that is shown, and what answers change.

use super::{Effect, State, View, view::member};
use crate::{
    feed::{Answer, Question},
    history::Sample,
};
use admin::{
    BrokerRef, Snapshot,
    rates::{self, BrokerRates},
    snapshot::{AllGroups, Known},
};
use std::collections::BTreeMap;

/// Groups are asked for with each so-manieth picture where they are not the main thing: that question is the heavy one.
const GROUPS_EVERY: u32 = 5;
/// Groups rest so many times as long as it took to know them, so that brokers spend at most a twentieth of their time on
/// it; but not longer than this, ms.
const GROUPS_REST: (i64, i64) = (20, 10_000);
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
                View::Groups => at_once || !self.groups_rest(),
                // The second, too, so that there are rates.
                View::Cluster | View::Topics | View::Topic(_) | View::Alerts | View::Charts => {
                    (self.pictures.is_multiple_of(GROUPS_EVERY) || self.pictures == 1) && !self.groups_rest()
                }
                _ => false,
            };
            if groups {
                self.groups_asked = Some(self.now_ms);
            }
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
            View::Message(at) => self.message_question(at, at_once),
            View::DeadLetters => Some(Question::DeadLetters),
            View::Alerts => Some(Question::Health),
            View::Cluster | View::Groups | View::Broker(..) | View::Charts | View::Columns(_) | View::Help => None,
        };
        wanted.extend(shown.filter(|question| at_once || !self.rests(question)));
        wanted.retain(|question| self.waiting.insert(question.clone()));
        if let Some(question) = wanted.iter().find(|question| question.rest_ms() > 0) {
            self.rested = Some((question.clone(), self.now_ms));
        }
        wanted.into_iter().map(Effect::Ask).collect()
    }

    fn groups_rest(&self) -> bool {
        let (times, most) = GROUPS_REST;
        let rest = (self.groups_took * times).min(most);
        // A clock that was set back does not stop it.
        self.groups_asked.is_some_and(|asked| (0..rest).contains(&(self.now_ms - asked)))
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
            Answer::Messages(spot, got) if self.messages.is_of(&spot.key()) => {
                self.messages.hear(got, now_ms);
                if let View::Message(at) = self.place().view.clone()
                    && self.message.last.is_none()
                {
                    self.keep(&at);
                }
            }
            Answer::Trace(id, got) if self.trace.is_of(&id) => self.trace.hear(got, now_ms),
            Answer::DeadLetters(got) => self.dead_letters.hear(got, now_ms),
            Answer::Health(got) => {
                if let Ok(detail) = &got {
                    self.watch.hear(&detail.evidence);
                }
                self.health.hear(got, now_ms);
            }
            Answer::Planned(order, got) => self.planned(order, got),
            Answer::Done(order, got) => self.done(&order, got),
            // Of what is not shown any more.
            Answer::Topic(..) | Answer::Group(..) | Answer::Client(..) | Answer::Messages(..) | Answer::Trace(..) => {}
        }
    }

    fn take(&mut self, snapshot: Snapshot, with_groups: bool) {
        self.trouble = None;
        let rates = self.picture.as_ref().map(|(before, _)| rates::of_brokers(before, &snapshot));
        if let Some((before, _)) = &self.picture {
            let gone = snapshot.gone_since(before).map(|view| (view.broker.clone(), before.asked_ms));
            self.gone.extend(gone);
        }
        self.gone.retain(|(broker, seen)| snapshot.find(broker).is_none() && self.now_ms - seen < GONE_SHOWN_MS);
        for view in snapshot.brokers.iter().filter(|view| view.info.is_ok()) {
            self.answered.insert(view.broker.clone(), view.at_ms);
        }
        if with_groups {
            let groups = AllGroups::of(&snapshot);
            // Where a broker is silent, it is that and not the groups that took long.
            if groups.groups().is_whole() {
                self.groups_took = (self.now_ms - snapshot.asked_ms).max(0);
            }
            self.groups_before = self.groups.take().map(|(before, _)| before);
            let rates = self.groups_before.as_ref().map(|before| rates::of_groups(before, &groups));
            self.groups = Some((groups, rates));
            let rates = self.groups.as_ref().and_then(|(_, rates)| rates.as_ref());
            self.watch.see(&snapshot, Some(rates.unwrap_or(&BTreeMap::new())));
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
        self.leave_trails(with_groups);
    }

    /// What each broker and group does now is kept for their charts.
    fn leave_trails(&mut self, with_groups: bool) {
        let Some((snapshot, rates)) = &self.picture else { return };
        for (at, view) in snapshot.brokers.iter().enumerate() {
            let put = rates.as_ref().and_then(|rates| rates.brokers.get(at)?.put.clone().ok());
            let BrokerRef { cluster, name, id, .. } = &view.broker;
            self.trails.broker(&format!("{cluster}/{name}/{id}"), snapshot.asked_ms, put);
        }
        if with_groups {
            for (name, group) in &snapshot.groups().known {
                self.trails.group(name, snapshot.asked_ms, Some(group.total().lag as f64));
            }
        }
        self.trails.forget(snapshot.asked_ms);
    }
}

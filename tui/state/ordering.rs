//! From an order to its end: typed, planned, shown, confirmed by its subject's name, carried out, told.

use super::{Effect, Prompt, PromptKind, State, View};
use crate::{feed::Question, orders::Order};
use admin::snapshot::Known;

const READ_ONLY: &str = "nothing is changed from here: rmq top --write takes orders";

impl State {
    /// An order was typed: asks what it would change.
    pub(super) fn order(&mut self, order: Result<Order, String>) -> Vec<Effect> {
        let order = match order {
            _ if !self.write => Err(READ_ONLY.to_owned()),
            order => order,
        };
        match order {
            Err(why) => {
                self.told = Some(why);
                Vec::new()
            }
            Ok(order) => {
                self.told =
                    Some(self.look.lang.fill("{}: asking what that would change", &[&order.says(self.look.lang)]));
                self.ask_of_order(Question::Plan(order))
            }
        }
    }

    fn ask_of_order(&mut self, question: Question) -> Vec<Effect> {
        let is_new = self.waiting.insert(question.clone());
        is_new.then_some(Effect::Ask(question)).into_iter().collect()
    }

    /// It is known what an order would change. What is being typed meanwhile is not disturbed.
    pub(super) fn planned(&mut self, order: Order, got: Known<String>) {
        match got {
            Err(why) => {
                self.told = Some(self.look.lang.fill("! {} is not possible: {}", &[&order.says(self.look.lang), &why]))
            }
            Ok(_) if self.prompt.is_some() => {
                self.told = Some(
                    self.look
                        .lang
                        .fill("{}: not done, for something else is being typed", &[&order.says(self.look.lang)]),
                );
            }
            Ok(plan) => {
                self.told = None;
                self.confirming = Some((order, plan));
                self.prompt = Some(Prompt::new(PromptKind::Confirm, ""));
            }
        }
    }

    /// A name was typed. Only the right one has the order carried out.
    pub(super) fn confirm(&mut self, typed: &str) -> Vec<Effect> {
        let Some((order, _)) = self.confirming.take() else { return Vec::new() };
        if typed != order.subject() {
            self.told = Some(
                self.look
                    .lang
                    .fill("not done: {} is not {}", &[&format!("{typed:?}"), &format!("{:?}", order.subject())]),
            );
            return Vec::new();
        }
        self.told = Some(self.look.lang.fill("{}: under way", &[&order.says(self.look.lang)]));
        self.ask_of_order(Question::Do(order))
    }

    /// It is not to be done after all.
    pub(super) fn leave_order(&mut self) {
        if let Some((order, _)) = self.confirming.take() {
            self.told = Some(self.look.lang.fill("{}: not done", &[&order.says(self.look.lang)]));
        }
    }

    pub(super) fn done(&mut self, order: &Order, got: Known<String>) {
        self.told = Some(match got {
            Ok(done) => self.look.lang.fill("done: {}", &[&done]),
            Err(why) => self.look.lang.fill("! {} failed: {}", &[&order.says(self.look.lang), &why]),
        });
    }

    /// Begins an order about the row that is chosen, to be completed by hand.
    pub(super) fn order_for_row(&mut self) {
        if !self.write {
            self.told = Some(READ_ONLY.to_owned());
            return;
        }
        let sheet = self.sheet();
        let row = self.chosen_in(&sheet).and_then(|at| sheet.rows.get(at));
        let begun = match (&self.place().view, row.and_then(|row| row.opens.as_ref())) {
            (View::Group(group), Some(View::Topic(topic))) => format!("reset {group} {topic} "),
            (View::DeadLetters, Some(_)) => row.map(|row| format!("resend {}", row.key)).unwrap_or_default(),
            (_, Some(View::Group(group))) => format!("reset {group} "),
            (_, Some(View::Topic(topic))) => format!("delete-topic {topic}"),
            (_, Some(View::Broker(_, name, _))) => format!("drain {name}"),
            _ => String::new(),
        };
        self.prompt = Some(Prompt::new(PromptKind::Jump, &begun));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Event, Look};
    use admin::snapshot::Unknown;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use std::time::Duration;

    fn state(write: bool) -> State {
        let mut state = State::new("n:9876", Look::default(), Duration::from_secs(1), (80, 24), 1_000_000);
        state.write = write;
        state
    }

    fn enter(state: &mut State, text: &str) -> Vec<Effect> {
        let key = |state: &mut State, code| state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        text.chars().for_each(|c| drop(key(state, KeyCode::Char(c))));
        key(state, KeyCode::Enter)
    }

    fn drain() -> Order {
        Order::Drain("broker-a".into())
    }

    fn planned(state: &mut State) {
        assert_eq!(enter(state, ":drain broker-a"), [Effect::Ask(Question::Plan(drain()))]);
        let plan = Ok("told to 2 name servers".to_owned());
        assert_eq!(state.update(Event::Answer(Answer::Planned(drain(), plan), 1_000_001)), []);
    }

    #[test]
    fn without_leave_nothing_is_even_planned() {
        let mut state = state(false);
        assert_eq!(enter(&mut state, ":drain broker-a"), []);
        assert_eq!(state.told.as_deref(), Some(READ_ONLY));
    }

    #[test]
    fn an_order_is_carried_out_once_when_its_subject_was_typed() {
        let mut state = state(true);
        planned(&mut state);
        assert_eq!(enter(&mut state, "broker-a"), [Effect::Ask(Question::Do(drain()))]);
        state.update(Event::Answer(Answer::Done(drain(), Ok("9 topics".into())), 1_000_002));
        assert_eq!((state.told.as_deref(), &state.confirming), (Some("done: 9 topics"), &None));
    }

    #[test]
    fn a_wrong_name_escape_or_a_plan_that_fails_leave_everything_as_it_is() {
        for leave in ["broker-b", "", "yes"] {
            let mut state = state(true);
            planned(&mut state);
            assert_eq!(enter(&mut state, leave), [], "{leave}");
            assert_eq!(state.confirming, None, "{leave}");
        }
        let mut left = state(true);
        planned(&mut left);
        left.update(Event::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)));
        assert_eq!(left.confirming, None);
        assert_eq!(enter(&mut left, "broker-a"), []);
        let mut failed = state(true);
        enter(&mut failed, ":drain broker-a");
        let why = Err(Unknown::because("no broker is named broker-a"));
        failed.update(Event::Answer(Answer::Planned(drain(), why), 1_000_001));
        assert!(failed.confirming.is_none() && failed.told.is_some_and(|told| told.contains("no broker")));
    }
}

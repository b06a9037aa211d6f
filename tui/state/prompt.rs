//! What is typed at the bottom: a filter, or the name of a screen.

use super::{
    Effect, State, View,
    view::{ALIASES, NAMES},
};
use crate::{
    feed::{Spot, Start},
    filter::Filter,
    orders::{Order, WORDS},
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/`: takes effect while it is typed.
    Filter,
    /// `:`
    Jump,
    /// The name of what an order concerns.
    Confirm,
}

/// What was typed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What it is for.
    pub kind: Kind,
    /// The text.
    pub text: String,
    /// Which of those typed earlier it is: 1 is the last.
    earlier: usize,
}

impl Prompt {
    pub(super) fn new(kind: Kind, text: &str) -> Self {
        Self { kind, text: text.to_owned(), earlier: 0 }
    }
}

/// Words that a name follows.
const WITH_NAME: [&str; 5] = ["at", "broker", "group", "messages", "topic"];
/// As many are kept of those typed earlier.
const EARLIER: usize = 50;

impl State {
    pub(super) fn type_in(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(mut prompt) = self.prompt.take() else { return Vec::new() };
        let is_plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        match key.code {
            KeyCode::Esc => {
                match prompt.kind {
                    Kind::Filter => self.place_mut().filter.clear(),
                    Kind::Confirm => self.leave_order(),
                    Kind::Jump => {}
                }
                return Vec::new();
            }
            KeyCode::Char('c') if !is_plain => {
                self.leave_order();
                return Vec::new();
            }
            KeyCode::Char('u') if !is_plain => prompt.text.clear(),
            KeyCode::Enter => {
                return match prompt.kind {
                    Kind::Filter => {
                        if let Err(wrong) = Filter::of(&prompt.text) {
                            self.told = Some(self.as_before(&wrong));
                        }
                        Vec::new()
                    }
                    Kind::Jump => {
                        let text = prompt.text.trim();
                        if !text.is_empty() {
                            self.jumps.retain(|jump| jump != text);
                            self.jumps.push(text.to_owned());
                            let over = self.jumps.len().saturating_sub(EARLIER);
                            self.jumps.drain(..over);
                        }
                        self.jump(text)
                    }
                    Kind::Confirm => self.confirm(prompt.text.trim()),
                };
            }
            KeyCode::Backspace if prompt.text.pop().is_none() => {
                self.leave_order();
                return Vec::new();
            }
            KeyCode::Backspace => {}
            KeyCode::Tab if prompt.kind == Kind::Jump => {
                if let Some(whole) = self.completed(&prompt.text) {
                    prompt.text = whole;
                }
            }
            KeyCode::Up | KeyCode::Down if prompt.kind == Kind::Jump => {
                prompt.earlier = match key.code {
                    KeyCode::Up => (prompt.earlier + 1).min(self.jumps.len()),
                    _ => prompt.earlier.saturating_sub(1),
                };
                let at = self.jumps.len().checked_sub(prompt.earlier);
                prompt.text = at.and_then(|at| self.jumps.get(at)).cloned().unwrap_or_default();
            }
            KeyCode::Char(c) if is_plain => prompt.text.push(c),
            _ => {}
        }
        if prompt.kind == Kind::Filter {
            match Filter::of(&prompt.text) {
                Ok(_) => self.place_mut().filter.clone_from(&prompt.text),
                Err(wrong) => self.told = Some(self.as_before(&wrong)),
            }
        }
        self.prompt = Some(prompt);
        Vec::new()
    }

    /// What is wrong with a filter, and which one is in force.
    fn as_before(&self, wrong: &str) -> String {
        match &*self.place().filter {
            "" => self.look.lang.fill("{}; all rows are shown", &[&wrong]),
            filter => self.look.lang.fill("{}; still those of {}", &[&wrong, &format!("{filter:?}")]),
        }
    }

    /// Goes where the text says: `topics`, `to`, `topic NAME`, `group NAME`, `broker NAME [ID]`, `messages TOPIC`, `q`;
    /// messages from a place on: `at OFFSET`, `at -10m`, `at 10:30`, `end`.
    pub(super) fn jump(&mut self, text: &str) -> Vec<Effect> {
        if text.is_empty() {
            return Vec::new();
        }
        if matches!(text, "q" | "quit") {
            return vec![Effect::Quit];
        }
        if let Some(order) = Order::parse(text, self.now_ms) {
            return self.order(order);
        }
        let text = ALIASES.iter().find(|(short, _)| *short == text).map_or(text, |(_, name)| *name);
        let target = match text.split_once(' ').map(|(word, name)| (word, name.trim())) {
            Some(("at", place)) => return self.look_at(place),
            Some(("messages" | "m", name)) => {
                Some(View::Messages(Spot { topic: name.to_owned(), queue: None, start: Start::End }))
            }
            None if text == "end" => return self.look_from(Start::End),
            Some(("topic" | "t", name)) => Some(View::Topic(name.to_owned())),
            Some(("group" | "g", name)) => Some(View::Group(name.to_owned())),
            Some(("broker" | "b", name)) => self.broker_named(name),
            Some(_) => None,
            None => NAMES.into_iter().find(|(name, _)| name.starts_with(text)).map(|(_, view)| view),
        };
        match target {
            Some(view) => self.go(view),
            None => {
                let names = NAMES.map(|(name, _)| name).join(", ");
                self.told = Some(self.look.lang.fill(
                    "no screen {}: {}, topic NAME, group NAME, broker NAME [ID], messages TOPIC, at PLACE, end",
                    &[&format!("{text:?}"), &names],
                ));
                Vec::new()
            }
        }
    }

    fn broker_named(&self, name: &str) -> Option<View> {
        let (name, id) = match name.split_once([' ', ':']) {
            Some((name, id)) => (name, id.trim().parse().ok()?),
            None => (name, 0),
        };
        let (snapshot, _) = self.picture.as_ref()?;
        let mut brokers = snapshot.brokers.iter().map(|view| &view.broker);
        let found = brokers.find(|broker| broker.name == name && broker.id == id)?;
        Some(View::Broker(found.cluster.clone(), found.name.clone(), found.id))
    }

    /// The only thing that begins so, or as much as all of them have in common.
    fn completed(&self, text: &str) -> Option<String> {
        let mut all: Vec<String> = NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
        match text.split_once(' ') {
            None => {
                all.extend(WITH_NAME.map(|word| format!("{word} ")));
                all.extend(WORDS.iter().filter(|_| self.write).map(|word| format!("{word} ")));
            }
            Some((word @ ("topic" | "messages"), _)) => {
                all.extend(self.topics.last.iter().flat_map(|(names, _)| names).map(|name| format!("{word} {name}")));
            }
            Some((word @ ("group" | "reset" | "resend" | "delete-group"), _)) => {
                let groups = self.groups.iter().flat_map(|(groups, _)| groups.groups().known.keys());
                all.extend(groups.map(|name| format!("{word} {name}")));
            }
            Some((word @ ("drain" | "undrain"), _)) => {
                let brokers = self.picture.iter().flat_map(|(snapshot, _)| snapshot.masters());
                all.extend(brokers.map(|view| format!("{word} {}", view.broker.name)));
            }
            Some(("broker", _)) => {
                let brokers = self.picture.iter().flat_map(|(snapshot, _)| &snapshot.brokers);
                all.extend(brokers.map(|view| format!("broker {}:{}", view.broker.name, view.broker.id)));
            }
            Some(_) => {}
        }
        let mut fitting = all.into_iter().filter(|name| name.starts_with(text));
        let first = fitting.next()?;
        let same = |one: &str, other: &str| -> String {
            one.chars().zip(other.chars()).take_while(|(one, other)| one == other).map(|(c, _)| c).collect()
        };
        Some(fitting.fold(first, |common, next| same(&common, &next)))
    }
}

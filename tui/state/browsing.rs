//! Looking through messages: pages, where to begin, one of them, its trace.

use super::{Effect, Place, State, View};
use crate::{
    body::Form,
    feed::{MessageAt, Question, Spot, Start},
    figures::span,
    moment,
};

impl State {
    /// The page of newer or older messages.
    pub(super) fn turn(&mut self, newer: bool) -> Vec<Effect> {
        let View::Messages(spot) = self.place().view.clone() else {
            self.told = Some("only messages have pages: m shows those of a topic or queue".to_owned());
            return Vec::new();
        };
        let Some((page, at_ms)) = self.messages.last.as_ref().filter(|_| self.messages.is_of(&spot.key())) else {
            return Vec::new();
        };
        let ago = span(self.now_ms - at_ms);
        let start = match newer {
            true if spot.start == Start::End => Err("this is the end: newer messages come by themselves".to_owned()),
            true if page.has_behind() => Ok(page.behind()),
            true => {
                Err(self.look.lang.fill("there was nothing newer {} ago: r asks again, :end follows the end", &[&ago]))
            }
            false if page.has_before() => Ok(page.before()),
            false => Err("this is the beginning: there is nothing older".to_owned()),
        };
        match start {
            Ok(start) => self.look(Spot { start, ..spot }),
            Err(why) => {
                self.told = Some(why);
                Vec::new()
            }
        }
    }

    /// `:at`: messages from an index or a time on, of what is shown or of the row that is chosen.
    pub(super) fn look_at(&mut self, text: &str) -> Vec<Effect> {
        let start = match text.parse::<i64>() {
            Ok(offset @ 0..moment::LEAST_MS) => Some(Start::Offset(offset)),
            _ => moment::read(text, self.now_ms).map(Start::Time),
        };
        match start {
            Some(start) => self.look_from(start),
            None => {
                self.told = Some(self.look.lang.fill(
                    "{} is no place to begin at: {}",
                    &[&format!("{text:?}"), &self.look.lang.word(moment::EXPECTED)],
                ));
                Vec::new()
            }
        }
    }

    /// The messages of what is shown, or of the row that is chosen, from there on.
    pub(super) fn look_from(&mut self, start: Start) -> Vec<Effect> {
        if let View::Messages(spot) = self.place().view.clone() {
            return self.look(Spot { start, ..spot });
        }
        let sheet = self.sheet();
        let row = self.chosen_in(&sheet).and_then(|at| sheet.rows.get(at));
        match row.and_then(|row| row.messages.clone()) {
            Some(spot) => self.go(View::Messages(Spot { start, ..spot })),
            None => {
                self.told = Some("choose a topic or queue first, or go to its messages: m".to_owned());
                Vec::new()
            }
        }
    }

    /// Another page in the place of this one: back leads to where one came from.
    fn look(&mut self, spot: Spot) -> Vec<Effect> {
        let filter = self.place().filter.clone();
        *self.place_mut() = Place { filter, ..Place::at(View::Messages(spot)) };
        self.arrive()
    }

    /// Whether the last row is the one to look at, unless another was chosen.
    pub(super) fn begins_below(&self) -> bool {
        matches!(&self.place().view, View::Messages(Spot { start: Start::End | Start::Before(_), .. }))
    }

    /// The message that is shown is kept, whatever page comes next.
    pub(super) fn keep(&mut self, at: &MessageAt) {
        let name = at.to_string();
        self.message.be_of(&name);
        let page = self.messages.last.as_ref();
        let found = page.and_then(|(page, at_ms)| {
            Some((page.messages.iter().find(|message| MessageAt::of(message) == *at)?.clone(), *at_ms))
        });
        if let Some((message, at_ms)) = found {
            self.message.hear(Ok(message), at_ms);
        } else if self.message.last.is_none() {
            self.messages.be_of(&at.spot().key());
        }
    }

    /// The question for the message that is shown: itself, if it is not known; else its trace, where that was wanted.
    pub(super) fn message_question(&self, at: &MessageAt, at_once: bool) -> Option<Question> {
        match self.message.last.as_ref().filter(|_| self.message.is_of(&at.to_string())) {
            None => Some(Question::Messages(at.spot())),
            Some((message, _)) => {
                let wanted = at_once && self.trace.is_of(&message.id);
                wanted.then(|| Question::Trace(message.id.clone()))
            }
        }
    }

    /// Asks what was told of the message that is shown.
    pub(super) fn ask_trace(&mut self) -> Vec<Effect> {
        let shown = match &self.place().view {
            View::Message(at) if self.message.is_of(&at.to_string()) => self.message.last.as_ref(),
            _ => None,
        };
        let Some(id) = shown.map(|(message, _)| message.id.clone()) else {
            self.told = Some("only a message has a trace: Enter shows one".to_owned());
            return Vec::new();
        };
        self.trace.be_of(&id);
        let question = Question::Trace(id);
        if self.waiting.insert(question.clone()) { vec![Effect::Ask(question)] } else { Vec::new() }
    }

    /// The body of the message in another form.
    pub(super) fn turn_body(&mut self) {
        let View::Message(_) = &self.place().view else {
            self.told = Some("only a message has a body: Enter shows one".to_owned());
            return;
        };
        let Some((message, _)) = &self.message.last else { return };
        let suits = || Form::of(&message.body, message.body.len() == message.body_len);
        self.body_form = Some(self.body_form.unwrap_or_else(suits).next());
    }
}

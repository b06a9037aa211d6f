//! What `rmq top` knows and shows: changed only by [`State::update`], which asks nothing and draws nothing.

use crate::{
    feed::{Answer, ClientDetail, Clients, DeadLetterGroups, GroupDetail, HealthDetail, Page, Question, TopicDetail},
    history::History,
    look::Look,
    screens,
    sheet::Sheet,
};
use admin::{
    BrokerRef, Snapshot,
    alerts::Watch,
    rates::{BrokerRates, GroupRates, Rates},
    snapshot::{Known, Total, Unknown},
};
use crossterm::event::KeyEvent;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

mod acting;
mod asking;
mod prompt;
mod view;

pub use prompt::{Kind as PromptKind, Prompt};
pub use view::View;

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time went by: now, ms.
    Tick(i64),
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has another size now: columns, rows.
    Resize(u16, u16),
    /// A question was answered at that time, ms.
    Answer(Answer, i64),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask.
    Ask(Question),
    /// Give the terminal back until the shell goes on with us.
    Suspend,
    /// End.
    Quit,
}

/// A screen with where one is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The screen.
    pub view: View,
    /// The row that is chosen.
    pub chosen: Option<String>,
    /// Only rows with this.
    pub filter: String,
    /// By which column, largest first or not; `None`: as the screen has it.
    pub sort: Option<(usize, bool)>,
}

impl Place {
    fn at(view: View) -> Self {
        Self { view, chosen: None, filter: String::new(), sort: None }
    }
}

/// What was heard last of something, and before.
#[derive(Clone, Debug)]
pub struct Heard<T> {
    /// Of what.
    pub name: String,
    /// The last that is known, and when that was, ms.
    pub last: Option<(T, i64)>,
    /// What was known before that.
    pub before: Option<(T, i64)>,
    /// Why the last question has no answer.
    pub trouble: Option<Unknown>,
}

impl<T> Heard<T> {
    fn of(name: &str) -> Self {
        Self { name: name.to_owned(), last: None, before: None, trouble: None }
    }

    /// Whether it is of that.
    pub fn is_of(&self, name: &str) -> bool {
        self.name == name
    }

    /// What was heard of something else is forgotten.
    fn be_of(&mut self, name: &str) {
        if !self.is_of(name) {
            *self = Self::of(name);
        }
    }

    fn hear(&mut self, got: Known<T>, now_ms: i64) {
        match got {
            Ok(got) => {
                self.before = self.last.replace((got, now_ms));
                self.trouble = None;
            }
            Err(why) => self.trouble = Some(why),
        }
    }
}

/// Everything.
#[derive(Debug)]
pub struct State {
    /// What the terminal can show.
    pub look: Look,
    /// The name servers.
    pub names: String,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Now, ms.
    pub now_ms: i64,
    /// How often it is asked.
    pub every: Duration,
    /// Whether nothing is asked.
    pub paused: bool,
    /// The last picture, with the rates since the one before.
    pub picture: Option<(Snapshot, Option<Rates>)>,
    /// The last picture with groups, with the rates since the one before.
    pub groups: Option<(Snapshot, Option<BTreeMap<String, GroupRates>>)>,
    /// The picture with groups before that: topics' rates come from it.
    pub groups_before: Option<Snapshot>,
    /// Why there is no newer picture.
    pub trouble: Option<Unknown>,
    /// Brokers that were there and are gone, and when they were last seen, ms.
    pub gone: Vec<(BrokerRef, i64)>,
    /// When each broker last answered, ms.
    pub answered: BTreeMap<BrokerRef, i64>,
    /// The totals of the last minutes.
    pub history: History,
    /// Names of topics.
    pub topics: Heard<Vec<String>>,
    /// The topic that is shown.
    pub topic: Heard<TopicDetail>,
    /// The group that is shown.
    pub group: Heard<GroupDetail>,
    /// Everybody who is connected.
    pub clients: Heard<Clients>,
    /// The member of a group that is shown.
    pub client: Heard<ClientDetail>,
    /// The messages that are shown.
    pub messages: Heard<Page>,
    /// Groups with dead letters.
    pub dead_letters: Heard<DeadLetterGroups>,
    /// What alerts rest on beyond the picture.
    pub health: Heard<HealthDetail>,
    /// What is wrong: judged once for each answer.
    pub watch: Watch,
    /// Where one came from, and at the end where one is; never empty.
    places: Vec<Place>,
    /// What is being typed.
    pub prompt: Option<Prompt>,
    /// What is to be told until the next key.
    pub told: Option<String>,
    waiting: BTreeSet<Question>,
    asked_ms: Option<i64>,
    /// When what is shown was asked last, if it is not asked with each refresh, ms.
    rested: Option<(Question, i64)>,
    pictures: u32,
}

impl State {
    /// Nothing is known yet.
    pub fn new(names: impl Into<String>, look: Look, every: Duration, size: (u16, u16), now_ms: i64) -> Self {
        Self {
            look,
            names: names.into(),
            size,
            now_ms,
            every,
            paused: false,
            picture: None,
            groups: None,
            groups_before: None,
            trouble: None,
            gone: Vec::new(),
            answered: BTreeMap::new(),
            history: History::default(),
            topics: Heard::of(""),
            topic: Heard::of(""),
            group: Heard::of(""),
            clients: Heard::of(""),
            client: Heard::of(""),
            messages: Heard::of(""),
            dead_letters: Heard::of(""),
            health: Heard::of(""),
            watch: Watch::default(),
            places: vec![Place::at(View::Cluster)],
            prompt: None,
            told: None,
            waiting: BTreeSet::new(),
            asked_ms: None,
            rested: None,
            pictures: 0,
        }
    }

    /// Where one is.
    pub fn place(&self) -> &Place {
        &self.places[self.places.len() - 1]
    }

    /// The way there.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    fn place_mut(&mut self) -> &mut Place {
        let last = self.places.len() - 1;
        &mut self.places[last]
    }

    /// The rows of the screen that is shown, filtered and sorted.
    pub fn sheet(&self) -> Sheet {
        let place = self.place();
        let mut sheet = screens::sheet(self, &place.view);
        if let Some((column, largest_first)) = place.sort {
            sheet.sort(column, largest_first);
        }
        sheet.filter(&place.filter);
        sheet.translate(self.look.lang);
        sheet
    }

    /// What all masters do together: one of their rates.
    pub fn total(&self, of: impl Fn(&BrokerRates) -> &Known<f64>) -> Known<Total<f64>> {
        let (snapshot, rates) = self.picture.as_ref().ok_or_else(|| self.nothing_yet())?;
        let rates = rates.as_ref().ok_or_else(|| Unknown::because("rates need a second picture"))?;
        known_of_some(rates.total(snapshot, of), snapshot)
    }

    /// What all groups together have still to consume.
    pub fn total_lag(&self) -> Known<Total<f64>> {
        let (snapshot, _) = self.groups.as_ref().ok_or_else(|| match &self.picture {
            None => self.nothing_yet(),
            Some(_) => Unknown::because("groups were not asked for yet"),
        })?;
        let Total { known, missing } = snapshot.lag();
        known_of_some(Total { known: known as f64, missing }, snapshot)
    }

    /// The brokers that did not answer.
    pub fn silent(&self) -> Vec<String> {
        let brokers = self.picture.iter().flat_map(|(snapshot, _)| &snapshot.brokers);
        brokers.filter(|view| view.info.is_err()).map(|view| view.broker.to_string()).collect()
    }

    /// Why there is no picture at all.
    pub fn nothing_yet(&self) -> Unknown {
        self.trouble.clone().unwrap_or_else(|| Unknown::because("no answer yet"))
    }

    /// Takes in what happened, and says what is to be done.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Tick(now_ms) => {
                self.now_ms = now_ms;
                let is_due = match self.asked_ms {
                    None => true,
                    // A clock that was set back does not stop it.
                    Some(asked) => now_ms < asked || now_ms - asked >= self.every.as_millis() as i64,
                };
                if is_due && !self.paused { self.ask(false) } else { Vec::new() }
            }
            Event::Resize(columns, rows) => {
                self.size = (columns, rows);
                Vec::new()
            }
            Event::Answer(answer, now_ms) => {
                self.now_ms = now_ms;
                self.hear(answer);
                Vec::new()
            }
            Event::Key(key) => self.press(key),
        }
    }
}

/// A sum of nothing is not known.
fn known_of_some(total: Total<f64>, snapshot: &Snapshot) -> Known<Total<f64>> {
    let asked = snapshot.masters().count() + snapshot.headless.len();
    match total.missing.first() {
        _ if asked == 0 => Err(Unknown::because("no broker is registered")),
        Some((broker, why)) if total.missing.len() >= asked => Err(Unknown::because(format!("{broker}: {why}"))),
        _ => Ok(total),
    }
}

#[cfg(test)]
mod tests;

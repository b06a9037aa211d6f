//! What `rmq top` knows and shows: changed only by [`State::update`], which asks nothing and draws nothing.

use crate::{
    body::Form,
    feed::{Answer, ClientDetail, Clients, DeadLetterGroups, GroupDetail, HealthDetail, Page, Question, TopicDetail},
    history::{History, Trails},
    keys::{self, Action},
    look::Look,
    orders::Order,
    recording::Recording,
    remembered::Remembered,
    replaying::Playing,
    screens,
    sheet::{Cell, Sheet},
};
use admin::{
    BrokerRef, Snapshot, StoredMessage, Trace,
    alerts::Watch,
    rates::{BrokerRates, GroupRates, Rates},
    snapshot::{AllGroups, Known, Total, Unknown},
};
use crossterm::event::{KeyEvent, MouseEvent};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
    time::Duration,
};

mod acting;
mod asking;
mod browsing;
mod carrying;
mod choosing;
mod mouse;
mod ordering;
mod prompt;
mod view;

pub use prompt::{Kind as PromptKind, Prompt};
pub use view::View;

/// From so many columns on there is room for small charts in rows.
const WIDE: u16 = 120;

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time went by: now, ms.
    Tick(i64),
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was used.
    Mouse(MouseEvent),
    /// The terminal has another size now: columns, rows.
    Resize(u16, u16),
    /// A question was answered at that time, ms.
    Answer(Answer, i64),
    /// The recording began again, at that time, ms.
    Restarted(i64),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask.
    Ask(Question),
    /// Hand this text to the terminal's clipboard.
    Copy(String),
    /// Write this text to a new file of that name.
    Save(String, String),
    /// Give the terminal back until the shell goes on with us.
    Suspend,
    /// Play the recording from its beginning.
    Restart,
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
    /// The row at the top, if there are more than fit.
    pub top: usize,
}

impl Place {
    fn at(view: View) -> Self {
        Self { view, chosen: None, filter: String::new(), top: 0 }
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
                // A recording gives an answer again to whoever comes back to it.
                let again = self.last.as_ref().is_some_and(|(_, at)| *at == now_ms);
                let before = self.last.replace((got, now_ms));
                if !again {
                    self.before = before;
                }
                self.trouble = None;
            }
            Err(why) => self.trouble = Some(why),
        }
    }
}

/// Everything.
#[derive(Clone, Debug)]
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
    /// The recording that is shown, if it is one.
    pub playing: Option<Playing>,
    /// The last picture, with the rates since the one before.
    pub picture: Option<(Snapshot, Option<Rates>)>,
    /// The groups of the last picture that has them, with the rates since the one before.
    pub groups: Option<(AllGroups, Option<BTreeMap<String, GroupRates>>)>,
    /// The groups before that: topics' rates come from them.
    pub groups_before: Option<AllGroups>,
    /// Why there is no newer picture.
    pub trouble: Option<Unknown>,
    /// Brokers that were there and are gone, and when they were last seen, ms.
    pub gone: Vec<(BrokerRef, i64)>,
    /// When each broker last answered, ms.
    pub answered: BTreeMap<BrokerRef, i64>,
    /// The totals of the last minutes.
    pub history: History,
    /// What brokers and groups did in the last minutes.
    pub trails: Trails,
    /// What is remembered for the next time.
    pub remembered: Remembered,
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
    /// The message that is shown.
    pub message: Heard<StoredMessage>,
    /// What was told of it.
    pub trace: Heard<Trace>,
    /// How bodies are shown; `None`: as suits them.
    pub body_form: Option<Form>,
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
    /// Whether orders are taken.
    pub write: bool,
    /// An order whose plan is shown, and that plan: its subject is being typed.
    pub confirming: Option<(Order, String)>,
    /// What is to be told until the next key.
    pub told: Option<String>,
    /// What stands still on the screen.
    frozen: Option<Box<State>>,
    /// What was typed after `:`, the last at the end.
    jumps: Vec<String>,
    /// Screens one was at, and at which of them one is.
    visited: (Vec<View>, usize),
    /// The row that was clicked on last.
    clicked: Option<String>,
    waiting: BTreeSet<Question>,
    asked_ms: Option<i64>,
    /// When what is shown was asked last, if it is not asked with each refresh, ms.
    rested: Option<(Question, i64)>,
    pictures: u32,
    /// When groups were asked for last, and how long it took to know them of all masters, ms.
    groups_asked: Option<i64>,
    groups_took: i64,
    /// The rows of the screen, once somebody wants them, until something happens that may change them.
    rows: OnceLock<Arc<Sheet>>,
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
            playing: None,
            picture: None,
            groups: None,
            groups_before: None,
            trouble: None,
            gone: Vec::new(),
            answered: BTreeMap::new(),
            history: History::default(),
            trails: Trails::default(),
            remembered: Remembered::default(),
            topics: Heard::of(""),
            topic: Heard::of(""),
            group: Heard::of(""),
            clients: Heard::of(""),
            client: Heard::of(""),
            messages: Heard::of(""),
            message: Heard::of(""),
            trace: Heard::of(""),
            body_form: None,
            dead_letters: Heard::of(""),
            health: Heard::of(""),
            watch: Watch::default(),
            places: vec![Place::at(View::Cluster)],
            prompt: None,
            write: false,
            confirming: None,
            told: None,
            frozen: None,
            jumps: Vec::new(),
            visited: (vec![View::Cluster], 0),
            clicked: None,
            waiting: BTreeSet::new(),
            asked_ms: None,
            rested: None,
            pictures: 0,
            groups_asked: None,
            groups_took: 0,
            rows: OnceLock::new(),
        }
    }

    /// What a recording shows. Nothing is known yet.
    pub fn replaying(recording: &Recording, look: Look, size: (u16, u16)) -> Self {
        let playing = Playing::of(recording);
        let fresh = Self::new(recording.names(), look, recording.every(), size, playing.from_ms);
        Self { playing: Some(playing), ..fresh }
    }

    /// Forgets what it heard, and stays where it is.
    fn begin_again(&mut self, now_ms: i64) -> Vec<Effect> {
        let fresh = Self::new(std::mem::take(&mut self.names), self.look, self.every, self.size, now_ms);
        let (places, prompt) = (std::mem::take(&mut self.places), self.prompt.take());
        *self = Self { places, prompt, paused: self.paused, playing: self.playing, ..fresh };
        self.arrive()
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
    pub fn sheet(&self) -> Arc<Sheet> {
        self.rows.get_or_init(|| Arc::new(self.made_sheet())).clone()
    }

    fn made_sheet(&self) -> Sheet {
        let place = self.place();
        let mut sheet = screens::sheet(self, &place.view);
        self.add_trails(&mut sheet);
        let kind = place.view.kind();
        if let Some((title, largest_first)) = self.remembered.sorted.get(kind)
            && let Some(column) = sheet.columns.iter().position(|column| column.title == title)
        {
            sheet.sort(column, *largest_first);
        }
        sheet.filter(&place.filter, self.look.lang);
        if let Some(hidden) = self.remembered.hidden.get(kind) {
            // The first says what a row is.
            for column in sheet.columns.iter_mut().skip(1) {
                column.hidden = hidden.contains(column.title);
            }
        }
        sheet.translate(self.look.lang);
        sheet
    }

    /// Where there is room: what each broker and group did in the last minutes.
    fn add_trails(&self, sheet: &mut Sheet) {
        let (trails, title) = match &self.place().view {
            View::Cluster => (&self.trails.brokers, "IN, 15 MIN"),
            View::Groups => (&self.trails.groups, "LAG, 15 MIN"),
            _ => return,
        };
        if self.size.0 >= WIDE {
            let steps = self.look.steps();
            sheet.add(title, u8::MAX, |key| {
                trails.get(key).map_or_else(Cell::none, |it| Cell::text(it.line(12, steps)))
            });
        }
    }

    /// What is on the screen: this, or what was there when it was frozen.
    pub fn shown(&self) -> &Self {
        self.frozen.as_deref().unwrap_or(self)
    }

    /// Whether the screen stands still.
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Tells something until the next key.
    pub fn tell(&mut self, what: impl Into<String>) {
        let what = what.into();
        match &mut self.frozen {
            Some(frozen) => frozen.told = Some(what),
            None => self.told = Some(what),
        }
    }

    /// Takes over what was remembered.
    pub fn remember(&mut self, remembered: Remembered) {
        self.remembered = remembered;
    }

    /// What all masters do together: one of their rates.
    pub fn total(&self, of: impl Fn(&BrokerRates) -> &Known<f64>) -> Known<Total<f64>> {
        let (snapshot, rates) = self.picture.as_ref().ok_or_else(|| self.nothing_yet())?;
        let rates = rates.as_ref().ok_or_else(|| Unknown::because("rates need a second picture"))?;
        known_of_some(rates.total(snapshot, of), snapshot.masters().count() + snapshot.headless.len())
    }

    /// What all groups together have still to consume.
    pub fn total_lag(&self) -> Known<Total<f64>> {
        let (groups, _) = self.groups.as_ref().ok_or_else(|| match &self.picture {
            None => self.nothing_yet(),
            Some(_) => Unknown::because("groups were not asked for yet"),
        })?;
        let Total { known, missing } = groups.lag();
        let mut total = known_of_some(Total { known: known as f64, missing }, groups.masters)?;
        // What groups had still to consume there is there yet, if only nobody can be asked.
        let snapshot = self.picture.as_ref().map(|(snapshot, _)| snapshot);
        let is_new = |broker: &BrokerRef| {
            snapshot.is_some_and(|all| !all.headless.contains(&broker.name) && all.find(broker).is_none())
        };
        let gone = self.gone.iter().map(|(broker, _)| broker).filter(|broker| broker.is_master() && is_new(broker));
        let why = || Unknown::because("the name servers know it no more");
        total.missing.extend(gone.map(|broker| (broker.name.clone(), why())));
        Ok(total)
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
        // Going from row to row changes none of them, and is to be quick where there are thousands.
        let is_walk =
            matches!(&event, Event::Key(key) if self.prompt.is_none() && keys::action(key).is_some_and(Action::walks));
        let effects = self.take_in(event);
        if !is_walk {
            self.rows = OnceLock::new();
        }
        effects
    }

    fn take_in(&mut self, event: Event) -> Vec<Effect> {
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
                if let Some(frozen) = &mut self.frozen {
                    frozen.size = (columns, rows);
                }
                Vec::new()
            }
            Event::Answer(answer, now_ms) => {
                self.now_ms = now_ms;
                self.hear(answer);
                Vec::new()
            }
            Event::Restarted(now_ms) => self.begin_again(now_ms),
            Event::Key(key) => self.press_or_thaw(key),
            Event::Mouse(event) => self.point(event),
        }
    }
}

/// A sum of nothing is not known. `asked`: of how many brokers it is.
fn known_of_some(total: Total<f64>, asked: usize) -> Known<Total<f64>> {
    match total.missing.first() {
        _ if asked == 0 => Err(Unknown::because("no broker is registered")),
        Some((broker, why)) if total.missing.len() >= asked => Err(Unknown::because(format!("{broker}: {why}"))),
        _ => Ok(total),
    }
}

#[cfg(test)]
mod tests;

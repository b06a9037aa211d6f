//! What `rmq top` knows and shows: changed only by [`State::update`], which asks nothing and draws nothing.

use crate::{
    feed::{Answer, GroupDetail, Question, TopicDetail},
    history::{History, Sample},
    keys::{self, Action},
    look::Look,
    screens,
    sheet::Sheet,
};
use admin::{
    BrokerRef, Snapshot,
    rates::{self, BrokerRates, GroupRates, Rates},
    snapshot::{Known, Total, Unknown},
};
use crossterm::event::KeyEvent;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

mod prompt;

pub use prompt::{Kind as PromptKind, Prompt};

/// Groups are asked for with each so-manieth picture where they are not the main thing: that question is the heavy one.
const GROUPS_EVERY: u32 = 5;
/// How often can be chosen, ms.
const PACES: [u64; 8] = [250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];
/// A broker that is gone is shown for so long, ms.
const GONE_SHOWN_MS: i64 = 15 * 60 * 1000;

/// A screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Totals, brokers, worst groups.
    Cluster,
    /// All topics.
    Topics,
    /// The queues of a topic, and who reads it.
    Topic(String),
    /// All groups.
    Groups,
    /// The queues and members of a group.
    Group(String),
    /// What a broker says of itself: cluster, name, id.
    Broker(String, String, i64),
    /// The keys.
    Help,
}

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
    /// Where one came from, and at the end where one is; never empty.
    places: Vec<Place>,
    /// What is being typed.
    pub prompt: Option<Prompt>,
    /// What is to be told until the next key.
    pub told: Option<String>,
    waiting: BTreeSet<Question>,
    asked_ms: Option<i64>,
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
            places: vec![Place::at(View::Cluster)],
            prompt: None,
            told: None,
            waiting: BTreeSet::new(),
            asked_ms: None,
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
                if is_due && !self.paused { self.ask() } else { Vec::new() }
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

    /// Asks for what is shown, but for what was asked and is not answered yet.
    fn ask(&mut self) -> Vec<Effect> {
        self.asked_ms = Some(self.now_ms);
        let mut wanted = Vec::new();
        if !self.waiting.iter().any(|question| matches!(question, Question::Picture { .. })) {
            let groups = match &self.place().view {
                View::Groups => true,
                // The second, too, so that there are rates.
                View::Cluster | View::Topics | View::Topic(_) => {
                    self.pictures.is_multiple_of(GROUPS_EVERY) || self.pictures == 1
                }
                View::Group(_) | View::Broker(..) | View::Help => false,
            };
            self.pictures = self.pictures.wrapping_add(1);
            wanted.push(Question::Picture { groups });
        }
        match &self.place().view {
            View::Topics => wanted.push(Question::Topics),
            View::Topic(name) => wanted.push(Question::Topic(name.clone())),
            View::Group(name) => wanted.push(Question::Group(name.clone())),
            _ => {}
        }
        wanted.retain(|question| self.waiting.insert(question.clone()));
        wanted.into_iter().map(Effect::Ask).collect()
    }

    fn hear(&mut self, answer: Answer) {
        self.waiting.remove(&answer.question());
        let now_ms = self.now_ms;
        match answer {
            Answer::Picture { got: Err(why), .. } => self.trouble = Some(why),
            Answer::Picture { groups, got: Ok(snapshot) } => self.take(*snapshot, groups),
            Answer::Topics(got) => self.topics.hear(got, now_ms),
            Answer::Topic(name, got) if name == self.topic.name => self.topic.hear(got, now_ms),
            Answer::Group(name, got) if name == self.group.name => self.group.hear(got, now_ms),
            // Of what is not shown any more.
            Answer::Topic(..) | Answer::Group(..) => {}
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
            self.groups_before = before;
            self.groups = Some((snapshot.clone(), group_rates));
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

    fn press(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.told = None;
        let action = keys::action(&key);
        if self.prompt.is_some() && !matches!(action, Some(Action::Suspend)) {
            return self.type_in(key);
        }
        let Some(action) = action else { return Vec::new() };
        match action {
            Action::Quit => return vec![Effect::Quit],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Refresh => return self.ask(),
            Action::Pause => self.paused = !self.paused,
            Action::Faster => self.pace(|pace, every| pace < every, true),
            Action::Slower => self.pace(|pace, every| pace > every, false),
            Action::Help => return self.go(View::Help),
            Action::Cluster => return self.go(View::Cluster),
            Action::Topics => return self.go(View::Topics),
            Action::Groups => return self.go(View::Groups),
            Action::Filter => self.prompt = Some(Prompt::new(PromptKind::Filter, &self.place().filter)),
            Action::Jump => self.prompt = Some(Prompt::new(PromptKind::Jump, "")),
            Action::Open => {
                let sheet = self.sheet();
                let row = self.chosen_in(&sheet).and_then(|at| sheet.rows.get(at));
                match row.and_then(|row| row.opens.clone()) {
                    Some(view) => return self.go(view),
                    None => self.told = Some("there is nothing more to see of this row".to_owned()),
                }
            }
            Action::Back if !self.place().filter.is_empty() => self.place_mut().filter.clear(),
            Action::Back => {
                if self.places.len() > 1 {
                    self.places.pop();
                    return self.arrive();
                }
            }
            Action::SortNext => self.sort_by(1),
            Action::SortBefore => self.sort_by(-1),
            Action::Reverse => {
                let now = self.place().sort.or(self.sheet().sorted).unwrap_or((0, false));
                self.place_mut().sort = Some((now.0, !now.1));
            }
            Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::First | Action::Last => {
                self.walk(action);
            }
        }
        Vec::new()
    }

    fn pace(&mut self, fits: impl Fn(u64, u64) -> bool, last: bool) {
        let every = self.every.as_millis() as u64;
        let mut paces = PACES.into_iter().filter(|pace| fits(*pace, every));
        if let Some(ms) = if last { paces.next_back() } else { paces.next() } {
            self.every = Duration::from_millis(ms);
        }
    }

    fn sort_by(&mut self, step: isize) {
        let sheet = self.sheet();
        let columns = sheet.columns.len().max(1);
        let at = match sheet.sorted {
            Some((at, _)) => at.saturating_add_signed(step + columns as isize) % columns,
            None if step > 0 => 0,
            None => columns - 1,
        };
        // Numbers are looked at from the top, names from A.
        let largest_first = sheet.columns.get(at).is_some_and(|column| column.right);
        self.place_mut().sort = Some((at, largest_first));
    }

    /// Which row is chosen; the first if the one that was is gone.
    pub fn chosen_in(&self, sheet: &Sheet) -> Option<usize> {
        let chosen = self.place().chosen.as_ref();
        let at = chosen.and_then(|key| sheet.rows.iter().position(|row| row.key == *key));
        (!sheet.rows.is_empty()).then(|| at.unwrap_or(0))
    }

    fn walk(&mut self, action: Action) {
        let sheet = self.sheet();
        let (Some(at), last) = (self.chosen_in(&sheet), sheet.rows.len().saturating_sub(1)) else { return };
        let page = usize::from(self.size.1).saturating_sub(6).max(1);
        let at = match action {
            Action::Up => at.saturating_sub(1),
            Action::Down => at + 1,
            Action::PageUp => at.saturating_sub(page),
            Action::PageDown => at + page,
            Action::First => 0,
            _ => last,
        };
        let key = sheet.rows.get(at.min(last)).map(|row| row.key.clone());
        self.place_mut().chosen = key;
    }

    /// Goes to a screen; back to it, if one came from there.
    fn go(&mut self, view: View) -> Vec<Effect> {
        match self.places.iter().position(|place| place.view == view) {
            Some(at) => self.places.truncate(at + 1),
            None => self.places.push(Place::at(view)),
        }
        self.arrive()
    }

    /// Asks at once for what is shown now.
    fn arrive(&mut self) -> Vec<Effect> {
        match &self.place().view {
            View::Topic(name) if self.topic.name != *name => self.topic = Heard::of(name),
            View::Group(name) if self.group.name != *name => self.group = Heard::of(name),
            View::Help => return Vec::new(),
            _ => {}
        }
        if self.paused { Vec::new() } else { self.ask() }
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

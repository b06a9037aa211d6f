//! What keys do.

use super::{Effect, Place, Prompt, PromptKind, State, View, view::member};
use crate::{
    keys::{self, Action},
    screens::subject,
    sheet::Sheet,
};
use crossterm::event::KeyEvent;
use std::time::Duration;

/// How often can be chosen, ms.
const PACES: [u64; 8] = [250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

impl State {
    pub(super) fn press(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.told = None;
        let action = keys::action(&key);
        if self.prompt.is_some() && !matches!(action, Some(Action::Suspend)) {
            return self.type_in(key);
        }
        let Some(action) = action else { return Vec::new() };
        match action {
            Action::Quit => return vec![Effect::Quit],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Refresh => return self.ask(true),
            Action::Pause => self.paused = !self.paused,
            Action::Faster => self.pace(|pace, every| pace < every, true),
            Action::Slower => self.pace(|pace, every| pace > every, false),
            Action::Help => return self.go(View::Help),
            Action::Cluster => return self.go(View::Cluster),
            Action::Topics => return self.go(View::Topics),
            Action::Groups => return self.go(View::Groups),
            Action::Clients => return self.go(View::Clients),
            Action::DeadLetters => return self.go(View::DeadLetters),
            Action::Alerts => return self.go(View::Alerts),
            Action::AlertsOfRow => {
                let sheet = self.sheet();
                let row = self.chosen_in(&sheet).and_then(|at| sheet.rows.get(at));
                let subject = row.and_then(|row| row.opens.as_ref()).or(Some(&self.place().view)).and_then(subject);
                let effects = self.go(View::Alerts);
                self.place_mut().filter = subject.unwrap_or_default();
                return effects;
            }
            Action::Charts => return self.go(View::Charts),
            Action::Messages => {
                let sheet = self.sheet();
                let row = self.chosen_in(&sheet).and_then(|at| sheet.rows.get(at));
                match row.and_then(|row| row.messages.clone()) {
                    Some(spot) => return self.go(View::Messages(spot)),
                    None => self.told = Some("this row has no messages to look at".to_owned()),
                }
            }
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
    pub(super) fn go(&mut self, view: View) -> Vec<Effect> {
        match self.places.iter().position(|place| place.view == view) {
            Some(at) => self.places.truncate(at + 1),
            None => self.places.push(Place::at(view)),
        }
        self.arrive()
    }

    /// Asks at once for what is shown now.
    fn arrive(&mut self) -> Vec<Effect> {
        match self.place().view.clone() {
            View::Topic(name) => self.topic.be_of(&name),
            View::Group(name) => self.group.be_of(&name),
            View::Client(group, id) => self.client.be_of(&member(&group, &id)),
            View::Messages(spot) => self.messages.be_of(&spot.key()),
            View::Help | View::Message(_) | View::Charts => return Vec::new(),
            _ => {}
        }
        if self.paused { Vec::new() } else { self.ask(true) }
    }
}

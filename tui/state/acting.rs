//! What keys do.

use super::{Effect, Place, Prompt, PromptKind, State, View, view::member};
use crate::{
    keys::{self, Action},
    screens::{self, placing, subject},
    sheet::Sheet,
};
use crossterm::event::KeyEvent;
use std::{sync::OnceLock, time::Duration};

/// How often can be chosen, ms.
const PACES: [u64; 8] = [250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/// So many screens one was at are known.
const VISITED: usize = 50;

impl State {
    /// A key where the screen stands still moves about in what stands there.
    pub(super) fn press_or_thaw(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.clicked = None;
        let Some(mut frozen) = self.frozen.take() else { return self.press(key) };
        let typing = frozen.prompt.is_some();
        match keys::action(&key) {
            Some(Action::Freeze) if !typing => {
                // Where one is, and what was chosen, is as it was left there.
                *self.place_mut() = frozen.place().clone();
                (self.look, self.remembered) = (frozen.look, frozen.remembered);
                self.told = Some("it goes on".to_owned());
                return Vec::new();
            }
            Some(Action::Suspend) => {}
            Some(Action::Back) if !frozen.place().filter.is_empty() => {}
            Some(action) if !typing && !action.stays() => {
                frozen.told = Some("the screen stands still: f lets it go on".to_owned());
                self.frozen = Some(frozen);
                return Vec::new();
            }
            _ => {}
        }
        let effects = frozen.press(key);
        frozen.rows = OnceLock::new();
        self.frozen = Some(frozen);
        effects
    }

    fn freeze(&mut self) {
        let mut still = self.clone();
        still.told = None;
        self.frozen = Some(Box::new(still));
    }

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
            Action::Refresh if self.playing.is_some() => return vec![Effect::Restart],
            Action::Refresh => return self.ask(true),
            Action::Pause if matches!(self.place().view, View::Columns(_)) => self.toggle_column(),
            Action::Open if matches!(self.place().view, View::Columns(_)) => self.toggle_column(),
            Action::Pause => self.paused = !self.paused,
            Action::Faster | Action::Slower if self.playing.is_some() => {
                self.playing.iter_mut().for_each(|playing| playing.turn(action == Action::Faster));
            }
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
            Action::Charts => {
                // There is a chart of the row, too.
                let sheet = self.sheet();
                if let Some(at) = self.chosen_in(&sheet) {
                    self.choose(&sheet, at);
                }
                return self.go(View::Charts);
            }
            Action::Messages => {
                let sheet = self.sheet();
                let row = self.chosen_in(&sheet).and_then(|at| sheet.rows.get(at));
                match row.and_then(|row| row.messages.clone()) {
                    Some(spot) => return self.go(View::Messages(spot)),
                    None => self.told = Some("this row has no messages to look at".to_owned()),
                }
            }
            Action::Order => self.order_for_row(),
            Action::Newer => return self.turn(true),
            Action::Older => return self.turn(false),
            Action::Body => self.turn_body(),
            Action::Trace => return self.ask_trace(),
            Action::Before => return self.revisit(|at| at.checked_sub(1)),
            Action::After => return self.revisit(|at| at.checked_add(1)),
            Action::Columns => return self.choose_columns(),
            Action::Copy => return self.copy(),
            Action::Save => return self.save(),
            Action::Theme => {
                self.look.theme = self.look.theme.next();
                self.remembered.theme = Some(self.look.theme);
                self.told = Some(self.look.lang.fill("theme: {}", &[&self.look.theme.name()]));
            }
            Action::Freeze => self.freeze(),
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
                    return self.go(self.place().view.clone());
                }
            }
            Action::SortNext => self.sort_by(1),
            Action::SortBefore => self.sort_by(-1),
            Action::Reverse => {
                let sheet = self.sheet();
                let (column, largest_first) = sheet.sorted.unwrap_or((0, false));
                self.sort_at(column, !largest_first);
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
            self.remembered.every_ms = Some(ms);
        }
    }

    fn sort_by(&mut self, step: isize) {
        let sheet = self.sheet();
        let shown: Vec<_> = (0..sheet.columns.len()).filter(|at| !sheet.columns[*at].hidden).collect();
        let now = sheet.sorted.and_then(|(sorted, _)| shown.iter().position(|at| *at == sorted));
        let at = match now {
            Some(now) => now.saturating_add_signed(step + shown.len() as isize) % shown.len().max(1),
            None if step > 0 => 0,
            None => shown.len().saturating_sub(1),
        };
        if let Some(column) = shown.get(at) {
            // Numbers are looked at from the top, names from A.
            self.sort_at(*column, sheet.columns[*column].right);
        }
    }

    /// Sorts by a column: also the next time.
    pub(super) fn sort_at(&mut self, column: usize, largest_first: bool) {
        let view = self.place().view.clone();
        // Its heading in English.
        let mut plain = screens::sheet(self, &view);
        self.add_trails(&mut plain);
        if let Some(column) = plain.columns.get(column) {
            self.remembered.sorted.insert(view.kind().to_owned(), (column.title.to_owned(), largest_first));
        }
    }

    /// Which row is chosen; the first (of the newest messages the last) if the one that was is gone.
    pub fn chosen_in(&self, sheet: &Sheet) -> Option<usize> {
        let chosen = self.place().chosen.as_ref();
        let at = chosen.and_then(|key| sheet.rows.iter().position(|row| row.key == *key));
        let first = if self.begins_below() { sheet.rows.len().saturating_sub(1) } else { 0 };
        (!sheet.rows.is_empty()).then(|| at.unwrap_or(first))
    }

    fn walk(&mut self, action: Action) {
        let sheet = self.sheet();
        let (Some(at), last) = (self.chosen_in(&sheet), sheet.rows.len().saturating_sub(1)) else { return };
        let page = placing::list(self, &sheet).room.max(1);
        let at = match action {
            Action::Up => at.saturating_sub(1),
            Action::Down => at + 1,
            Action::PageUp => at.saturating_sub(page),
            Action::PageDown => at + page,
            Action::First => 0,
            _ => last,
        };
        self.choose(&sheet, at.min(last));
    }

    /// Chooses a row and keeps it in sight.
    pub(super) fn choose(&mut self, sheet: &Sheet, at: usize) {
        let key = sheet.rows.get(at).map(|row| row.key.clone());
        self.place_mut().chosen = key;
        let top = placing::list(self, sheet).top;
        self.place_mut().top = top;
    }

    /// Goes to a screen; back to it, if one came from there.
    pub(super) fn go(&mut self, view: View) -> Vec<Effect> {
        let (visited, at) = &mut self.visited;
        if visited.get(*at) != Some(&view) {
            visited.truncate(*at + 1);
            visited.push(view.clone());
            let over = visited.len().saturating_sub(VISITED);
            visited.drain(..over);
            *at = visited.len() - 1;
        }
        self.reach(view)
    }

    /// Goes along the screens one was at.
    fn revisit(&mut self, step: impl Fn(usize) -> Option<usize>) -> Vec<Effect> {
        let (visited, at) = &self.visited;
        let to = step(*at).and_then(|to| Some((to, visited.get(to)?.clone())));
        match to {
            Some((to, view)) => {
                self.visited.1 = to;
                self.reach(view)
            }
            None => {
                self.told = Some("no other screen there".to_owned());
                Vec::new()
            }
        }
    }

    fn reach(&mut self, view: View) -> Vec<Effect> {
        match self.places.iter().position(|place| place.view == view) {
            Some(at) => self.places.truncate(at + 1),
            None => self.places.push(Place::at(view)),
        }
        self.arrive()
    }

    /// Asks at once for what is shown now.
    pub(super) fn arrive(&mut self) -> Vec<Effect> {
        match self.place().view.clone() {
            View::Topic(name) => self.topic.be_of(&name),
            View::Group(name) => self.group.be_of(&name),
            View::Client(group, id) => self.client.be_of(&member(&group, &id)),
            View::Messages(spot) => self.messages.be_of(&spot.key()),
            View::Message(at) => {
                self.keep(&at);
                if self.message.last.is_some() {
                    return Vec::new();
                }
            }
            View::Help | View::Charts | View::Columns(_) => return Vec::new(),
            _ => {}
        }
        // Of a recording that is stopped, the screens can be looked at still.
        if self.paused && self.playing.is_none() { Vec::new() } else { self.ask(true) }
    }
}

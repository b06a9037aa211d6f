//! The table of keys: what each does, and the words of the help for it. There is no other list of them.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The row above.
    Up,
    /// The row below.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// The first row.
    First,
    /// The last row.
    Last,
    /// Into the row.
    Open,
    /// Back to where it came from.
    Back,
    /// The screen of the cluster.
    Cluster,
    /// The screen of topics.
    Topics,
    /// The screen of groups.
    Groups,
    /// The screen of clients.
    Clients,
    /// The screen of dead letters.
    DeadLetters,
    /// The screen of alerts.
    Alerts,
    /// The alerts about the row.
    AlertsOfRow,
    /// The screen of charts.
    Charts,
    /// The messages of the row.
    Messages,
    /// Give an order about the row.
    Order,
    /// The page of newer messages.
    Newer,
    /// The page of older messages.
    Older,
    /// The body in another form.
    Body,
    /// What was told of a message.
    Trace,
    /// Take a filter.
    Filter,
    /// Take the name of a screen.
    Jump,
    /// Sort by the next column.
    SortNext,
    /// Sort by the column before.
    SortBefore,
    /// Turn the order round.
    Reverse,
    /// The screen before, however one came from there.
    Before,
    /// The screen after that again.
    After,
    /// Which columns are shown.
    Columns,
    /// Take the name of the row along.
    Copy,
    /// Keep the rows in a file.
    Save,
    /// The next theme.
    Theme,
    /// Let the screen stand still while it is asked on.
    Freeze,
    /// Stop and go on.
    Pause,
    /// Ask more often.
    Faster,
    /// Ask less often.
    Slower,
    /// Ask now.
    Refresh,
    /// The help.
    Help,
    /// Stop the process until the shell goes on with it.
    Suspend,
    /// End.
    Quit,
}

impl Action {
    /// Whether it only goes from row to row.
    pub fn walks(self) -> bool {
        matches!(self, Self::Up | Self::Down | Self::PageUp | Self::PageDown | Self::First | Self::Last)
    }

    /// Whether it needs nothing but what is on the screen.
    pub fn stays(self) -> bool {
        use Action::{
            Copy, Down, Filter, First, Last, PageDown, PageUp, Quit, Reverse, Save, SortBefore, SortNext, Suspend,
            Theme, Up,
        };
        let walks = matches!(self, Up | Down | PageUp | PageDown | First | Last);
        let sorts = matches!(self, SortNext | SortBefore | Reverse | Filter);
        walks || sorts || matches!(self, Copy | Save | Theme | Quit | Suspend)
    }
}

/// A line of the table.
pub struct Binding {
    keys: &'static [(KeyCode, KeyModifiers)],
    /// The keys as people call them.
    pub shown: &'static str,
    /// What they do.
    pub does: Action,
    /// The same in words.
    pub says: &'static str,
    /// The same in the line at the bottom, where it stands there.
    pub short: Option<&'static str>,
}

const NO: KeyModifiers = KeyModifiers::NONE;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;

const fn key(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), NO)
}

const fn ctrl(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), CTRL)
}

const fn binding(
    keys: &'static [(KeyCode, KeyModifiers)],
    shown: &'static str,
    does: Action,
    says: &'static str,
    short: Option<&'static str>,
) -> Binding {
    Binding { keys, shown, does, says, short }
}

/// All of them.
pub const BINDINGS: &[Binding] = &[
    binding(&[key('?'), (KeyCode::F(1), NO)], "?", Action::Help, "show this help", Some("help")),
    binding(&[key('q'), ctrl('c')], "q", Action::Quit, "end; also Ctrl-C", Some("end")),
    binding(
        &[(KeyCode::Enter, NO), (KeyCode::Right, NO), key('l')],
        "Enter",
        Action::Open,
        "go into the row; also Right, l",
        Some("open"),
    ),
    binding(
        &[(KeyCode::Esc, NO), (KeyCode::Backspace, NO), (KeyCode::Left, NO), key('h')],
        "Esc",
        Action::Back,
        "drop the filter, or go back; also Left, h",
        Some("back"),
    ),
    binding(&[key('1')], "1", Action::Cluster, "the cluster and its brokers", Some("cluster")),
    binding(&[key('2')], "2", Action::Topics, "topics", Some("topics")),
    binding(&[key('3')], "3", Action::Groups, "consumer groups", Some("groups")),
    binding(&[key('4')], "4", Action::Clients, "who is connected", None),
    binding(&[key('5')], "5", Action::DeadLetters, "dead letters", None),
    binding(&[key('6')], "6", Action::Alerts, "what is wrong, and what mends it", None),
    binding(&[key('!')], "!", Action::AlertsOfRow, "the alerts about the row", None),
    binding(&[key('e')], "e", Action::Charts, "charts of the last quarter of an hour: the row's and the totals", None),
    binding(&[key('m')], "m", Action::Messages, "the messages of the topic or queue", None),
    binding(&[key('x')], "x", Action::Order, "reset, drain, resend, delete: with --write", None),
    binding(&[key('n')], "n", Action::Newer, "the next page of messages; :at and :end go to a place", None),
    binding(&[key('p')], "p", Action::Older, "the page of messages before", None),
    binding(&[key('b')], "b", Action::Body, "the body of a message as text, JSON or bytes", None),
    binding(&[key('t')], "t", Action::Trace, "who sent and who consumed a message", None),
    binding(
        &[key('/')],
        "/",
        Action::Filter,
        "only rows that a regular expression fits; !: the others",
        Some("filter"),
    ),
    binding(
        &[key(':')],
        ":",
        Action::Jump,
        "go to a screen by its name; Tab completes, Up: earlier ones",
        Some("go to"),
    ),
    binding(&[key('s'), key('>')], "s", Action::SortNext, "sort by the next column; also >", Some("sort")),
    binding(&[key('S'), key('<')], "S", Action::SortBefore, "sort by the column before; also <", None),
    binding(&[key('R')], "R", Action::Reverse, "turn the order round", None),
    binding(&[key('[')], "[", Action::Before, "the screen before", None),
    binding(&[key(']')], "]", Action::After, "the screen after that again", None),
    binding(&[key('w')], "w", Action::Columns, "choose the columns of this screen: space shows and hides", None),
    binding(&[key('c')], "c", Action::Copy, "copy the first cell of the row", None),
    binding(&[ctrl('s')], "Ctrl-S", Action::Save, "keep the rows in a file, in the current folder", None),
    binding(&[key('T')], "T", Action::Theme, "the next theme: dark, light, 16, mono", None),
    binding(&[key('f')], "f", Action::Freeze, "let the screen stand still while it is asked on, and go on", None),
    binding(&[key(' ')], "space", Action::Pause, "stop asking, and go on; also a recording", Some("pause")),
    binding(&[key('+'), key('=')], "+", Action::Faster, "ask more often; a recording goes faster", None),
    binding(&[key('-')], "-", Action::Slower, "ask less often; a recording goes slower", None),
    binding(&[key('r')], "r", Action::Refresh, "ask now; a recording begins again", None),
    binding(&[(KeyCode::Up, NO), key('k')], "Up", Action::Up, "the row above; also k", None),
    binding(&[(KeyCode::Down, NO), key('j')], "Down", Action::Down, "the row below; also j", None),
    binding(&[(KeyCode::PageUp, NO), ctrl('b')], "PgUp", Action::PageUp, "a screen up; also Ctrl-B", None),
    binding(&[(KeyCode::PageDown, NO), ctrl('f')], "PgDn", Action::PageDown, "a screen down; also Ctrl-F", None),
    binding(&[(KeyCode::Home, NO), key('g')], "Home", Action::First, "the first row; also g", None),
    binding(&[(KeyCode::End, NO), key('G')], "End", Action::Last, "the last row; also G", None),
    binding(&[ctrl('z')], "Ctrl-Z", Action::Suspend, "back to the shell; fg goes on", None),
];

/// What a key does, if anything.
pub fn action(event: &KeyEvent) -> Option<Action> {
    // Shift is in the character already.
    let modifiers = event.modifiers.difference(KeyModifiers::SHIFT);
    let is_it = |binding: &&Binding| binding.keys.contains(&(event.code, modifiers));
    BINDINGS.iter().find(is_it).map(|binding| binding.does)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things_and_every_line_of_the_help_has_a_key() {
        let mut seen = Vec::new();
        for binding in BINDINGS {
            assert!(!binding.keys.is_empty(), "{}", binding.says);
            for key in binding.keys {
                assert!(!seen.contains(key), "{key:?} does two things");
                seen.push(*key);
            }
        }
    }

    #[test]
    fn a_large_letter_is_itself() {
        let event = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(action(&event), Some(Action::Last));
        assert_eq!(action(&KeyEvent::new(KeyCode::Char('c'), CTRL)), Some(Action::Quit));
        assert_eq!(action(&KeyEvent::new(KeyCode::Char('c'), NO)), Some(Action::Copy));
    }
}

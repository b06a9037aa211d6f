//! The pictures in `docs/pictures/` are screens of the demo as they are drawn now. `RMQ_WRITE_PICTURES=1` renews them.
#![allow(clippy::unwrap_used)]

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend};
use std::{env, fs, path::Path, sync::Arc};
use tui::{Effect, Event, Look, Replay, State};

/// Name, rows, and at which second of the demo which keys are pressed; `\r` is Enter. The last line is when it is drawn.
type Shot = (&'static str, u16, &'static [(i64, &'static str)]);

const SHOTS: &[Shot] = &[
    ("cluster", 24, &[(0, ""), (29, "")]),
    ("broker-lost", 24, &[(0, ""), (36, "G"), (37, "")]),
    ("groups", 16, &[(0, "3"), (40, "")]),
    ("topic", 24, &[(0, ":topic orders\r"), (28, "")]),
    ("broker", 30, &[(0, "\r"), (28, "")]),
    ("alerts", 18, &[(0, "6"), (37, "")]),
    ("messages", 18, &[(0, "2"), (46, "/^orders\r"), (47, "m"), (48, "")]),
    ("message", 34, &[(0, "2"), (46, "/^orders\r"), (47, "m"), (48, "\r"), (49, "")]),
    ("dead-letters", 16, &[(0, "5"), (50, "m"), (51, "")]),
    ("charts", 26, &[(0, "e"), (75, "")]),
];

/// The screen that somebody has who watches the demo from its beginning and presses these keys.
fn watched(rows: u16, keys: &[(i64, &str)]) -> State {
    let recording = Arc::new(tui::demo().unwrap());
    let look = Look { theme: tui::Theme::Dark, ..Look::default() };
    let mut state = State::replaying(&recording, look, (120, rows));
    let (from_ms, _) = recording.span_ms();
    let mut replay = Replay::of(recording);
    for (second, keys) in keys {
        let at_ms = from_ms + second * 1000;
        heard(&mut replay, &mut state, at_ms);
        state.update(Event::Tick(at_ms));
        for key in keys.chars() {
            let code = if key == '\r' { KeyCode::Enter } else { KeyCode::Char(key) };
            let effects = state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
            for effect in effects {
                let Effect::Ask(question) = effect else { continue };
                replay.ask(&question);
            }
        }
        heard(&mut replay, &mut state, at_ms);
        state.update(Event::Tick(at_ms));
    }
    state
}

fn heard(replay: &mut Replay, state: &mut State, until_ms: i64) {
    while let Some((answer, at_ms)) = replay.due(until_ms) {
        state.update(Event::Answer(answer, at_ms));
    }
}

#[test]
fn the_pictures_in_the_repository_are_the_screens_of_the_demo() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures");
    let mut other = Vec::new();
    for (name, rows, keys) in SHOTS {
        let state = watched(*rows, keys);
        let mut terminal = Terminal::new(TestBackend::new(120, *rows)).unwrap();
        terminal.draw(|frame| tui::draw(&state, frame)).unwrap();
        let drawn = tui::svg(terminal.backend().buffer());
        let file = folder.join(format!("{name}.svg"));
        if env::var_os("RMQ_WRITE_PICTURES").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &drawn).unwrap();
        }
        if fs::read_to_string(&file).unwrap_or_default() != drawn {
            other.push(*name);
        }
    }
    assert!(other.is_empty(), "docs/pictures/ shows other screens: {other:?}; RMQ_WRITE_PICTURES=1 renews them");
}

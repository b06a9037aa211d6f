//! Every screen at every width, held against the files in `tests/screens/`. `RMQ_TEST_REWRITE=1` writes them anew.

#[path = "world/members.rs"]
mod members;
#[path = "world/messages.rs"]
mod messages;
mod world;

use crossterm::event::KeyCode;
use ratatui::{Terminal, backend::TestBackend};
use std::{env, fs, path::Path};
use tui::{Look, State};
use world::{ALL, answer, key, press, seen};

/// What stands on the screen, a line each, without blanks at the end.
pub fn drawn(state: &State) -> String {
    let (columns, rows) = state.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| tui::draw(state, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..rows {
        let mut line = String::new();
        let mut x = 0;
        while x < columns {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            // The second half of a wide character is a cell of its own.
            x += (ratatui::text::Span::raw(symbol).width() as u16).max(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn hold(name: &str, state: &State) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(format!("{name}-{}.txt", state.size.0));
    let text = drawn(state);
    if env::var_os("RMQ_TEST_REWRITE").is_some() {
        fs::write(&file, &text).expect("it can be written");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, expected, "{} is another; RMQ_TEST_REWRITE=1 takes it as it is now", file.display());
}

/// At 60, 80 and 120 columns.
pub fn hold_at_every_width(name: &str, reach: impl Fn(&mut State)) {
    for size in [(60, 20), (80, 24), (120, 30)] {
        let mut state = seen(ALL, size);
        reach(&mut state);
        hold(name, &state);
    }
}

#[test]
fn the_cluster() {
    hold_at_every_width("cluster", |_| {});
}

#[test]
fn a_broker_that_is_silent_says_why_at_the_bottom() {
    hold_at_every_width("silent", |state| drop(press(state, "G")));
}

#[test]
fn the_topics() {
    hold_at_every_width("topics", |state| {
        let asked = press(state, "2");
        answer(state, &asked);
        press(state, "jjjj");
    });
}

#[test]
fn the_queues_of_a_topic() {
    hold_at_every_width("topic", |state| {
        let asked = press(state, ":topic orders");
        assert!(asked.is_empty(), "nothing is asked while somebody types");
        let asked = key(state, KeyCode::Enter);
        answer(state, &asked);
    });
}

#[test]
fn the_groups() {
    hold_at_every_width("groups", |state| drop(press(state, "3j")));
}

#[test]
fn a_group() {
    hold_at_every_width("group", |state| {
        press(state, "3");
        let asked = key(state, KeyCode::Enter);
        answer(state, &asked);
        press(state, "G");
    });
}

#[test]
fn a_broker() {
    hold_at_every_width("broker", |state| drop(key(state, KeyCode::Enter)));
}

#[test]
fn all_of_a_broker_of_rmq_and_of_one_that_tells_no_more_than_apache_does() {
    for (name, row) in [("broker-of-rmq", ""), ("broker-of-apache", "jj")] {
        let mut state = seen(ALL, (100, 75));
        press(&mut state, row);
        key(&mut state, KeyCode::Enter);
        hold(name, &state);
    }
}

#[test]
fn the_charts_of_a_broker_and_of_the_totals() {
    hold_at_every_width("charts", |state| {
        // It was paused for a minute.
        for second in (11..240).filter(|second| !(90..150).contains(second)) {
            world::hear(state, world::picture(second), second * 1000);
        }
        press(state, "e");
    });
}

#[test]
fn the_choice_of_columns() {
    hold_at_every_width("columns", |state| drop(press(state, "wjj jj")));
}

#[test]
fn the_alerts() {
    hold_at_every_width("alerts", |state| drop(press(state, "6")));
}

#[test]
fn the_help() {
    hold_at_every_width("help", |state| drop(press(state, "?")));
}

#[test]
fn the_screens_in_chinese() {
    let look = Look { lang: tui::Lang::Chinese, ..ALL };
    for size in [(80, 24), (120, 40)] {
        for (name, keys) in [("cluster", ""), ("groups", "3"), ("topics", "2"), ("alerts", "6"), ("help", "?")] {
            let mut state = seen(look, size);
            let asked = press(&mut state, keys);
            answer(&mut state, &asked);
            hold(&format!("{name}-zh"), &state);
        }
        let mut state = seen(look, size);
        key(&mut state, KeyCode::Enter);
        hold("broker-zh", &state);
        let mut state = seen(look, size);
        press(&mut state, "3");
        let asked = key(&mut state, KeyCode::Enter);
        answer(&mut state, &asked);
        hold("group-zh", &state);
    }
}

#[test]
fn a_cluster_that_was_never_reached() {
    let mut state = State::new("10.0.0.9:9876", ALL, std::time::Duration::from_secs(1), (80, 24), world::BEGIN);
    let why = admin::snapshot::Unknown::because("no name server answers: 10.0.0.9:9876: refused");
    let answer = tui::Answer::Picture { groups: true, got: Err(why) };
    state.update(tui::Event::Answer(answer, world::BEGIN + 5000));
    hold("unreached", &state);
}

#[test]
fn plain_ascii_has_nothing_else() {
    let mut state = seen(Look { ascii: true, ..Look::default() }, (100, 24));
    hold("ascii", &state);
    for keys in ["3s", "?", "1"] {
        press(&mut state, keys);
        let text = drawn(&state);
        // Names of topics and groups are what they are.
        let strange: String = text.chars().filter(|c| !c.is_ascii() && !"报表订单".contains(*c)).collect();
        assert_eq!(strange, "", "{keys}:\n{text}");
    }
}

#[test]
fn without_colour_no_cell_has_one() {
    let state = seen(Look::default(), (120, 30));
    let mut terminal = Terminal::new(TestBackend::new(120, 30)).unwrap();
    terminal.draw(|frame| tui::draw(&state, frame)).unwrap();
    let plain = ratatui::style::Color::Reset;
    assert!(terminal.backend().buffer().content.iter().all(|cell| cell.fg == plain && cell.bg == plain));
}

#[test]
fn no_size_is_a_panic() {
    let ways = ["", "2", "3", "?", "/x", ":topic orders", "Gs"];
    for way in ways {
        let mut state = seen(ALL, (80, 24));
        let asked = press(&mut state, way);
        answer(&mut state, &asked);
        for columns in (0..=130).step_by(13).chain([1, 2, 59, 60, 61, 79, 80, 119, 120, 500]) {
            for rows in (0..=40).step_by(8).chain([1, 2, 14, 15, 16, 17, 100]) {
                state.update(tui::Event::Resize(columns, rows));
                let text = drawn(&state);
                if columns > 12 && rows > 3 {
                    assert_eq!(text.contains("too small"), columns < 60 || rows < 15, "{columns}x{rows}: {text}");
                }
            }
        }
    }
}

//! What hands do: filters, screens before and after, columns, the mouse, a screen that stands still.

use super::*;
use crate::screens::placing;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

fn typed(state: &mut State, text: &str) {
    for c in text.chars() {
        press(state, KeyCode::Char(c));
    }
}

fn with(names: &[&str]) -> State {
    let mut state = state();
    state.update(Event::Answer(picture(names), BEGIN));
    state
}

fn names(state: &State) -> Vec<String> {
    state.shown().sheet().rows.iter().map(|row| row.cells[0].text.clone()).collect()
}

fn mouse(state: &mut State, kind: MouseEventKind, column: u16, row: u16) -> Vec<Effect> {
    state.update(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
}

const LEFT: MouseEventKind = MouseEventKind::Down(MouseButton::Left);

#[test]
fn a_filter_that_is_no_regular_expression_says_so_and_the_one_before_stays() {
    let mut state = with(&["north", "south"]);
    typed(&mut state, "/^sou");
    typed(&mut state, "(");
    assert!(
        state.told.as_ref().is_some_and(|told| told.contains("no regular expression") && told.contains("\"^sou\""))
    );
    assert_eq!(names(&state), ["south:0"]);
    press(&mut state, KeyCode::Enter);
    assert!(state.told.is_some() && state.prompt.is_none());
    typed(&mut state, "/");
    for _ in 0.."^sou".len() {
        press(&mut state, KeyCode::Backspace);
    }
    typed(&mut state, "!^sou");
    assert_eq!(names(&state), ["north:0"]);
}

#[test]
fn screens_have_short_names_and_what_was_typed_comes_again() {
    let mut state = with(&["north"]);
    for (text, view) in [(":t", View::Topics), (":g", View::Groups), (":b", View::Cluster), (":cl", View::Clients)] {
        typed(&mut state, text);
        press(&mut state, KeyCode::Enter);
        assert_eq!(state.place().view, view, "{text}");
    }
    typed(&mut state, ":");
    let mut text = |code| {
        press(&mut state, code);
        state.prompt.as_ref().map(|prompt| prompt.text.clone()).unwrap_or_default()
    };
    assert_eq!([text(KeyCode::Up), text(KeyCode::Up), text(KeyCode::Down), text(KeyCode::Down)], ["cl", "b", "cl", ""]);
}

#[test]
fn brackets_go_along_the_screens_one_was_at() {
    let mut state = with(&["north"]);
    typed(&mut state, "23");
    let mut view = |key| {
        press(&mut state, KeyCode::Char(key));
        (state.place().view.clone(), state.told.is_some())
    };
    assert_eq!(view('['), (View::Topics, false));
    assert_eq!(view('['), (View::Cluster, false));
    assert_eq!(view('['), (View::Cluster, true), "there is none before");
    assert_eq!(view(']'), (View::Topics, false));
    assert_eq!(view('4'), (View::Clients, false));
    assert_eq!(view(']'), (View::Clients, true), "what was after is another way");
}

#[test]
fn a_frozen_screen_stands_still_while_it_is_asked_on() {
    let mut state = with(&["a", "b"]);
    press(&mut state, KeyCode::Char('f'));
    state.update(Event::Answer(picture(&["c"]), BEGIN + 1000));
    assert_eq!((state.is_frozen(), names(&state)), (true, vec!["a:0".to_owned(), "b:0".to_owned()]));
    assert!(!asks(&state.update(Event::Tick(BEGIN + 5000))).is_empty(), "it is asked on");
    press(&mut state, KeyCode::Down);
    assert_eq!(press(&mut state, KeyCode::Char('c')), [Effect::Copy("b:0".to_owned())]);
    press(&mut state, KeyCode::Char('R'));
    assert_eq!(names(&state), ["b:0", "a:0"], "it can be sorted");
    assert_eq!(press(&mut state, KeyCode::Char('3')), []);
    assert!(state.shown().told.as_ref().is_some_and(|told| told.contains("stands still")));
    press(&mut state, KeyCode::Char('f'));
    assert_eq!((state.is_frozen(), names(&state)[0].as_str()), (false, "c:0"));
    assert_eq!(press(&mut state, KeyCode::Char('q')), [Effect::Quit]);
}

#[test]
fn hidden_columns_and_the_order_are_remembered_for_the_screen() {
    let mut state = with(&["a", "b"]);
    press(&mut state, KeyCode::Char('w'));
    press(&mut state, KeyCode::Char(' '));
    assert!(state.told.is_some(), "the first says what the row is");
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Char(' '));
    press(&mut state, KeyCode::Esc);
    let hidden = |state: &State| state.sheet().columns[1].hidden;
    assert_eq!((state.place().view.clone(), hidden(&state)), (View::Cluster, true));
    // From the column that it is sorted by to the next that is shown.
    typed(&mut state, "ss");
    assert_eq!(state.sheet().sorted.map(|(at, _)| at), Some(2));
    press(&mut state, KeyCode::Char('T'));
    let mut next = with(&["a"]);
    next.remember(state.remembered.clone());
    assert_eq!((hidden(&next), next.sheet().sorted), (true, state.sheet().sorted));
    assert!(next.remembered.theme.is_some());
    let shown = |state: &State| placing::list(state, &state.sheet()).columns.iter().any(|(at, ..)| *at == 1);
    assert!(!shown(&next));
    typed(&mut next, "wj");
    press(&mut next, KeyCode::Enter);
    press(&mut next, KeyCode::Char('w'));
    assert!(!hidden(&next) && next.place().view == View::Cluster);
}

#[test]
fn a_click_chooses_one_more_opens_and_one_on_a_heading_sorts() {
    let mut state = with(&["a", "b", "c"]);
    let sheet = state.sheet();
    let placed = placing::list(&state, &sheet);
    let first = placed.area.y + placing::HEAD;
    assert_eq!(mouse(&mut state, LEFT, 4, first), []);
    assert_eq!(state.place().view, View::Cluster, "one click opens nothing, not even where the row was chosen");
    mouse(&mut state, LEFT, 4, first + 1);
    assert_eq!(state.chosen_in(&sheet), Some(1));
    mouse(&mut state, LEFT, 4, first + 9);
    assert_eq!(state.chosen_in(&sheet), Some(1), "there is no row");
    assert!(!mouse(&mut state, LEFT, 4, first + 1).is_empty());
    assert_eq!(state.place().view, View::Broker("c".into(), "b".into(), 0));
    press(&mut state, KeyCode::Esc);
    mouse(&mut state, LEFT, 3, first - 1);
    mouse(&mut state, LEFT, 3, first - 1);
    assert_eq!((state.sheet().sorted, names(&state)[0].as_str()), (Some((0, true)), "c:0"));
    mouse(&mut state, MouseEventKind::ScrollDown, 4, first);
    assert_eq!(state.chosen_in(&state.sheet()), Some(2));
}

#[test]
fn the_rows_on_the_screen_stay_where_they_are_while_one_walks_among_them() {
    let many: Vec<String> = (0..40).map(|at| format!("b{at:02}")).collect();
    let mut state = with(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let top = |state: &State| placing::list(state, &state.sheet()).top;
    press(&mut state, KeyCode::End);
    let bottom = top(&state);
    assert!(bottom > 0);
    press(&mut state, KeyCode::Up);
    assert_eq!(top(&state), bottom);
    press(&mut state, KeyCode::Home);
    assert_eq!(top(&state), 0);
}

#[test]
fn a_copy_takes_the_first_cell_and_a_file_all_rows() {
    let mut state = with(&["a", "b"]);
    assert_eq!(press(&mut state, KeyCode::Char('c')), [Effect::Copy("a:0".to_owned())]);
    let saved = state.update(Event::Key(KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL)));
    let [Effect::Save(name, text)] = &saved[..] else { panic!("{saved:?}") };
    assert!(name == "rmq-top-cluster" && text.contains("BROKER") && text.contains("b:0"), "{text}");
    let mut empty = super::state();
    assert_eq!((press(&mut empty, KeyCode::Char('c')), empty.told.is_some()), (vec![], true));
}

#[test]
fn what_brokers_did_is_kept_and_told_where_there_is_room() {
    let mut state = with(&["a"]);
    for second in 1..30 {
        state.update(Event::Answer(picture(&["a"]), BEGIN + second * 1000));
    }
    assert!(state.trails.brokers.contains_key("c/a/0"));
    let has = |state: &State| state.sheet().columns.iter().any(|column| column.title == "IN, 15 MIN");
    assert!(!has(&state));
    state.update(Event::Resize(200, 40));
    assert!(has(&state));
}

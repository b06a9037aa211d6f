//! What keys, answers and time change, and what is asked when.

use super::*;
use crossterm::event::{KeyCode, KeyModifiers};

mod handling;

const BEGIN: i64 = 1_767_323_045_000;

fn state() -> State {
    let look = Look { ascii: true, ..Look::default() };
    State::new("n:9876", look, Duration::from_secs(1), (80, 24), BEGIN)
}

fn broker(name: &str) -> admin::snapshot::BrokerView {
    admin::snapshot::BrokerView {
        broker: BrokerRef { cluster: "c".into(), name: name.into(), id: 0, addr: format!("{name}:1") },
        at_ms: BEGIN,
        info: Ok(admin::snapshot::BrokerInfo::of(BTreeMap::new())),
        groups: Ok(BTreeMap::new()),
    }
}

fn picture(names: &[&str]) -> Answer {
    let brokers = names.iter().map(|name| broker(name)).collect();
    Answer::Picture { groups: true, got: Ok(Box::new(Snapshot { asked_ms: BEGIN, brokers, headless: Vec::new() })) }
}

fn press(state: &mut State, code: KeyCode) -> Vec<Effect> {
    state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn asks(effects: &[Effect]) -> Vec<Question> {
    let question = |effect: &Effect| match effect {
        Effect::Ask(question) => Some(question.clone()),
        _ => None,
    };
    effects.iter().filter_map(question).collect()
}

#[test]
fn nothing_is_asked_again_before_it_is_answered() {
    let mut state = state();
    let all = Question::Picture { groups: true };
    assert_eq!(asks(&state.update(Event::Tick(BEGIN))), [all]);
    assert_eq!(state.update(Event::Tick(BEGIN + 60_000)), [], "the first is not answered");
    state.update(Event::Answer(picture(&["a"]), BEGIN + 60_100));
    assert_eq!(state.update(Event::Tick(BEGIN + 60_200)), [], "a refresh takes as long as it is said");
    assert_eq!(state.update(Event::Tick(BEGIN + 61_000)).len(), 1);
}

#[test]
fn groups_are_asked_for_seldom_where_they_are_not_the_main_thing() {
    let with_groups = |view: KeyCode| {
        let mut state = state();
        let mut asked = asks(&press(&mut state, view));
        for second in 1..12 {
            let all = asked.iter().filter(|question| matches!(question, Question::Picture { .. }));
            for groups in all.map(|question| *question == Question::Picture { groups: true }).collect::<Vec<_>>() {
                let got = Err(Unknown::because("away"));
                state.update(Event::Answer(Answer::Picture { groups, got }, BEGIN + second * 1000));
            }
            asked.extend(asks(&state.update(Event::Tick(BEGIN + second * 1000))));
        }
        let groups = |question: &Question| match question {
            Question::Picture { groups } => Some(*groups),
            _ => None,
        };
        let asked: Vec<_> = asked.iter().filter_map(groups).collect();
        assert_eq!(asked.len(), 12);
        asked.iter().enumerate().filter(|(_, groups)| **groups).map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(with_groups(KeyCode::Char('1')), [0, 1, 5, 10]);
    assert_eq!(with_groups(KeyCode::Char('3')).len(), 12);
    assert_eq!(with_groups(KeyCode::Char('2')), [0, 1, 5, 10]);
}

#[test]
fn a_pause_asks_nothing_but_what_is_asked_for_by_hand() {
    let mut state = state();
    press(&mut state, KeyCode::Char(' '));
    assert_eq!(state.update(Event::Tick(BEGIN + 9_000)), []);
    assert_eq!(press(&mut state, KeyCode::Char('3')), []);
    assert_eq!(press(&mut state, KeyCode::Char('r')).len(), 1);
}

#[test]
fn a_broker_that_goes_is_shown_as_gone_until_it_is_back() {
    let mut state = state();
    state.update(Event::Answer(picture(&["a", "b"]), BEGIN));
    state.update(Event::Answer(picture(&["a"]), BEGIN + 1000));
    state.update(Event::Answer(picture(&["a"]), BEGIN + 2000));
    let sheet = state.sheet();
    let shown: Vec<_> = sheet.rows.iter().map(|row| (row.cells[0].text.as_str(), row.cells[2].text.as_str())).collect();
    assert_eq!(shown, [("a:0", "ok"), ("b:0", "! gone")]);
    assert!(sheet.rows[1].cells[3..12].iter().all(|cell| cell.text == "?"), "{:?}", sheet.rows[1]);
    let lacks = |state: &State| state.total_lag().map(|total| total.missing.len());
    assert_eq!(lacks(&state), Ok(1), "what groups have still to consume there is not known");
    state.update(Event::Answer(picture(&["a", "b"]), BEGIN + 3000));
    assert_eq!((state.gone.len(), state.sheet().rows.len()), (0, 2));
    assert_eq!(lacks(&state), Ok(0));
}

#[test]
fn a_total_of_which_nothing_is_known_is_not_zero() {
    let mut state = state();
    assert_eq!(state.total_lag().unwrap_err().to_string(), "no answer yet");
    state.update(Event::Answer(picture(&[]), BEGIN));
    assert_eq!(state.total_lag().unwrap_err().to_string(), "no broker is registered");
    state.update(Event::Answer(picture(&["a"]), BEGIN));
    state.update(Event::Answer(picture(&["a"]), BEGIN + 1000));
    assert!(state.total(|rates| &rates.put).unwrap_err().to_string().contains("a: "));
    assert_eq!(state.total_lag().map(|total| total.known), Ok(0.0), "it is known that there are no groups");
}

#[test]
fn what_is_chosen_stays_chosen_when_rows_come_and_go() {
    let mut state = state();
    state.update(Event::Answer(picture(&["b", "c"]), BEGIN));
    press(&mut state, KeyCode::Down);
    state.update(Event::Answer(picture(&["a", "b", "c"]), BEGIN));
    let sheet = state.sheet();
    assert_eq!(state.chosen_in(&sheet).map(|at| sheet.rows[at].cells[0].text.clone()).as_deref(), Some("c:0"));
    assert_eq!(press(&mut state, KeyCode::Enter).len(), 1);
    assert_eq!(state.place().view, View::Broker("c".into(), "c".into(), 0));
    press(&mut state, KeyCode::Esc);
    assert_eq!(state.place().view, View::Cluster);
}

#[test]
fn a_filter_takes_effect_while_it_is_typed_and_esc_drops_it() {
    let mut state = state();
    state.update(Event::Answer(picture(&["north", "south"]), BEGIN));
    for c in "/sou".chars() {
        press(&mut state, KeyCode::Char(c));
    }
    assert_eq!(state.sheet().rows.len(), 1);
    press(&mut state, KeyCode::Enter);
    assert_eq!((state.prompt.is_some(), state.sheet().rows.len()), (false, 1));
    press(&mut state, KeyCode::Esc);
    assert_eq!(state.sheet().rows.len(), 2);
}

#[test]
fn screens_are_reached_by_name_and_names_are_completed() {
    let mut state = state();
    state.update(Event::Answer(picture(&["north"]), BEGIN));
    let mut typed = |text: &str, last: KeyCode| {
        text.chars().for_each(|c| drop(press(&mut state, KeyCode::Char(c))));
        press(&mut state, last);
        (state.place().view.clone(), state.prompt.clone().map(|prompt| prompt.text), state.told.clone())
    };
    assert_eq!(typed(":gro", KeyCode::Enter).0, View::Groups);
    assert_eq!(typed(":broker n", KeyCode::Tab).1.as_deref(), Some("broker north:0"));
    assert_eq!(typed("", KeyCode::Enter).0, View::Broker("c".into(), "north".into(), 0));
    let (view, _, told) = typed(":nowhere", KeyCode::Enter);
    assert_eq!(view, View::Broker("c".into(), "north".into(), 0));
    assert!(told.is_some_and(|told| told.contains("\"nowhere\"") && told.contains("topics")));
    assert_eq!(typed(":topic 订单", KeyCode::Enter).0, View::Topic("订单".into()));
}

#[test]
fn an_answer_about_what_is_not_shown_any_more_is_dropped() {
    let mut state = state();
    state.update(Event::Answer(picture(&["a"]), BEGIN));
    state.jump("topic one");
    state.jump("topic two");
    state.update(Event::Answer(Answer::Topic("one".into(), Ok(TopicDetail::default())), BEGIN));
    assert!(state.topic.last.is_none());
    let failed = Answer::Topic("two".into(), Err(Unknown::because("away")));
    state.update(Event::Answer(failed, BEGIN));
    assert_eq!(state.sheet().empty, "away");
}

#[test]
fn a_failure_keeps_what_was_known_and_says_why_there_is_nothing_newer() {
    let mut state = state();
    state.update(Event::Answer(picture(&["a"]), BEGIN));
    let got = Err(Unknown::because("away"));
    state.update(Event::Answer(Answer::Picture { groups: false, got }, BEGIN + 1000));
    assert_eq!(
        (state.trouble.as_ref().map(ToString::to_string).as_deref(), state.sheet().rows.len()),
        (Some("away"), 1)
    );
}

#[test]
fn the_pace_has_a_fastest_and_a_slowest() {
    let mut state = state();
    for _ in 0..20 {
        press(&mut state, KeyCode::Char('+'));
    }
    assert_eq!(state.every, Duration::from_millis(250));
    for _ in 0..20 {
        press(&mut state, KeyCode::Char('-'));
    }
    assert_eq!(state.every, Duration::from_secs(60));
}

#[test]
fn rows_are_made_once_for_keys_that_only_go_from_row_to_row_and_anew_for_all_else() {
    let mut state = state();
    state.update(Event::Answer(picture(&["a", "b"]), BEGIN));
    let made = state.sheet();
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::PageUp);
    assert!(Arc::ptr_eq(&made, &state.sheet()));
    press(&mut state, KeyCode::Char('/'));
    press(&mut state, KeyCode::Char('j'));
    assert_eq!((state.place().filter.as_str(), state.sheet().rows.len()), ("j", 0), "where one types, j is a letter");
    press(&mut state, KeyCode::Esc);
    press(&mut state, KeyCode::Char('R'));
    assert_eq!(state.sheet().rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["c/b/0", "c/a/0"]);
    state.update(Event::Answer(picture(&["b"]), BEGIN));
    assert_eq!(state.sheet().rows.len(), 2, "one is gone, and shown so");
    state.update(Event::Tick(BEGIN + 16 * 60 * 1000));
    assert!(!Arc::ptr_eq(&made, &state.sheet()), "ages are others");
}

#[test]
fn groups_that_take_long_are_asked_for_less_often_but_at_once_if_somebody_wants_it() {
    let mut state = state();
    let asked = |effects: &[Effect]| asks(effects).first().cloned();
    let (with, without) = (Question::Picture { groups: true }, Question::Picture { groups: false });
    assert_eq!(asked(&press(&mut state, KeyCode::Char('3'))), Some(with.clone()));
    // 150 ms.
    state.update(Event::Answer(picture(&["a"]), BEGIN + 150));
    for (second, expected) in [(1, &without), (2, &without), (3, &with)] {
        assert_eq!(asked(&state.update(Event::Tick(BEGIN + second * 1000))).as_ref(), Some(expected), "{second}");
        let got = Err(Unknown::because("away"));
        let groups = *expected == with;
        state.update(Event::Answer(Answer::Picture { groups, got }, BEGIN + second * 1000));
    }
    assert_eq!(asked(&press(&mut state, KeyCode::Char('r'))), Some(with.clone()), "by hand");
    // Ten seconds are the most, however long it took.
    state.update(Event::Answer(picture(&["a"]), BEGIN + 60_000));
    assert_eq!(asked(&state.update(Event::Tick(BEGIN + 60_100))), Some(with));
}

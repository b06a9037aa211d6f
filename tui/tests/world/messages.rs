//! Messages that stand still, and the screens that show them: text, Chinese, JSON, bytes, a large body, and one that would
//! like to command the terminal.

use crate::{
    drawn, hold_at_every_width,
    world::{ALL, BEGIN, answer, key, press, seen},
};
use admin::{Browsed, Step, StoredMessage, Stretch, Trace, TraceRecord, snapshot::Unknown};
use crossterm::event::KeyCode;
use tui::{Answer, DeadLetterGroup, DeadLetterGroups, Effect, Event, Question, Start, State, View};

/// When the screens are looked at, ms.
const NOW: i64 = BEGIN + 10_600;

/// The `at`-th message of what is stored.
fn message(topic: &str, at: usize) -> StoredMessage {
    let bodies: [Vec<u8>; 7] = [
        br#"{"order":42,"items":[{"sku":"\u8bbe","n":2}],"total":12345678901234567890.10}"#.to_vec(),
        "订单已付款，请尽快发货。顾客：王小明\n第二行".into(),
        vec![0, 255, 16, 7, 27, 91, 50, 74],
        b"plain text of an old client".to_vec(),
        b"\x1b[2J\x1b]0;owned\x07 and \xc2\x9b31m".to_vec(),
        "x=0123456789 ".repeat(5042)[..65_536].into(),
        Vec::new(),
    ];
    let keys = ["order-42", "订单-0043", "", "a b c", "k\u{1b}[31m", "large", "e"];
    let mut properties = vec![("UNIQ_KEY".to_owned(), format!("0A00010500002A9F0000000000{at:06X}"))];
    if at != 3 {
        properties.push(("TAGS".to_owned(), ["paid", "已付款"][at % 2].to_owned()));
        properties.push(("KEYS".to_owned(), keys[at].to_owned()));
    }
    properties.push(("a-property-with-a-very-long-name".to_owned(), "值 ".repeat(20)));
    let body = bodies[at].clone();
    StoredMessage {
        topic: topic.to_owned(),
        broker: if at.is_multiple_of(2) { "broker-a" } else { "broker-b" }.to_owned(),
        queue: 0,
        offset: 11_998 + at as i64 / 2,
        physical_offset: 4096 * at as i64,
        id: properties[0].1.clone(),
        offset_id: format!("0A00000100002A9F{:016X}", 4096 * at),
        born_ms: BEGIN - 70_003 + at as i64 * 10_000,
        born_host: "10.0.1.5:50123".to_owned(),
        store_ms: BEGIN - 70_000 + at as i64 * 10_000,
        store_host: "10.0.0.1:10911".to_owned(),
        reconsume_times: if topic.starts_with('%') { 16 } else { 0 },
        sys_flag: if at == 1 { 8 } else { 0 },
        flag: 0,
        stored_len: 400 + body.len() as u32,
        first_topic: topic.starts_with('%').then(|| "orders".to_owned()).filter(|_| at != 3),
        properties,
        body_len: if at == 5 { 2_500_000 } else { body.len() },
        body,
    }
}

/// A page of them all.
fn page(topic: &str) -> Browsed {
    let stretch =
        |broker: &str, next| Stretch { broker: broker.to_owned(), queue: 0, min: 1000, max: next, first: 11_998, next };
    Browsed {
        messages: (0..7).map(|at| message(topic, at)).collect(),
        queues: vec![stretch("broker-a", 12_002), stretch("broker-b", 12_001)],
        missing: vec![("broker-c".to_owned(), Unknown::because("it does not let topic orders be read (permission 2)"))],
        ..Browsed::default()
    }
}

fn trace() -> Trace {
    let record = |step, at_ms, group: &str| TraceRecord {
        step,
        at_ms,
        group: Some(group.to_owned()),
        told_by: "10.0.1.5:50123".to_owned(),
        stored_at: None,
        cost_ms: None,
        ok: None,
        times: None,
        call: None,
        state: None,
    };
    let sent = record(Step::Sent, Some(BEGIN - 70_003), "checkout");
    let given = record(Step::Given, Some(BEGIN - 69_900), "billing");
    let consumed = record(Step::Consumed, None, "billing");
    Trace {
        records: vec![
            TraceRecord { stored_at: Some("10.0.0.1:10911".to_owned()), cost_ms: Some(3), ok: Some(true), ..sent },
            TraceRecord { times: Some(2), ..given },
            TraceRecord { cost_ms: Some(12), ok: Some(false), ..consumed },
        ],
        missing: vec![("broker-b".to_owned(), Unknown::because("no answer within 5s"))],
        may_lack: false,
    }
}

fn letters() -> DeadLetterGroups {
    let group = |name: &str, count, last_ms, closed: &[&str]| DeadLetterGroup {
        group: name.to_owned(),
        count,
        last_ms,
        queues: 2,
        closed: closed.iter().map(|broker| (*broker).to_owned()).collect(),
    };
    let silent = || Unknown::because("broker-b/0: no answer within 5s");
    let groups = vec![
        group("billing", Ok(7), Ok(Some(BEGIN - 61_000)), &[]),
        group("old", Ok(12), Err(silent()), &["broker-a"]),
        group("quiet", Ok(0), Ok(None), &[]),
        group("报表-reports", Err(silent()), Err(silent()), &[]),
    ];
    DeadLetterGroups { groups }
}

/// Answers what is asked about messages.
fn tell(state: &mut State, effects: &[Effect]) {
    for effect in effects {
        let answer = match effect {
            Effect::Ask(Question::Messages(spot)) => Answer::Messages(spot.clone(), Ok(page(&spot.topic))),
            Effect::Ask(Question::DeadLetters) => Answer::DeadLetters(Ok(letters())),
            Effect::Ask(Question::Trace(id)) => Answer::Trace(id.clone(), Ok(trace())),
            _ => continue,
        };
        state.update(Event::Answer(answer, NOW));
    }
}

fn type_in(state: &mut State, text: &str) -> Vec<Effect> {
    press(state, text);
    let asked = key(state, KeyCode::Enter);
    tell(state, &asked);
    asked
}

/// To the messages of a topic.
fn reach(state: &mut State, topic: &str) {
    type_in(state, &format!(":messages {topic}"));
}

/// Into the row that is chosen.
fn open(state: &mut State) {
    let asked = key(state, KeyCode::Enter);
    tell(state, &asked);
}

/// What stands in the terminal is only what may stand there.
#[track_caller]
fn harmless(state: &State) {
    let text = drawn(state);
    let strange = text.chars().find(|c| c.is_control() && *c != '\n' || ('\u{202a}'..='\u{202e}').contains(c));
    assert_eq!(strange, None, "{text}");
}

#[test]
fn messages_are_a_line_each() {
    hold_at_every_width("messages", |state| {
        reach(state, "orders");
        harmless(state);
    });
}

#[test]
fn dead_letters_say_where_they_come_from() {
    hold_at_every_width("letters", |state| reach(state, "%DLQ%billing"));
}

#[test]
fn groups_with_dead_letters_are_listed_and_lead_to_them() {
    hold_at_every_width("dead-letters", |state| {
        let asked = press(state, "5");
        tell(state, &asked);
    });
    let mut state = seen(ALL, (120, 30));
    let asked = press(&mut state, "5");
    tell(&mut state, &asked);
    press(&mut state, "j");
    open(&mut state);
    assert!(matches!(&state.place().view, View::Messages(spot) if spot.topic == "%DLQ%billing"), "{}", drawn(&state));
    assert!(drawn(&state).contains("FIRST TOPIC"));
}

#[test]
fn a_message_is_shown_whole() {
    hold_at_every_width("message", |state| {
        reach(state, "orders");
        press(state, "g");
        open(state);
        let asked = press(state, "t");
        tell(state, &asked);
        press(state, "G");
    });
}

#[test]
fn a_body_is_turned_from_form_to_form_and_none_commands_the_terminal() {
    for (at, shown) in ["\"order\": 42", "顾客：王小明", "00 ff 10 07", "plain text", r"\u{1b}[2J", "x=01", "empty"]
        .into_iter()
        .enumerate()
    {
        let mut state = seen(ALL, (120, 60));
        reach(&mut state, "orders");
        press(&mut state, &("g".to_owned() + &"j".repeat(at)));
        open(&mut state);
        assert!(drawn(&state).contains(shown), "{shown}:\n{}", drawn(&state));
        let mut seen = Vec::new();
        for _ in 0..4 {
            harmless(&state);
            seen.push(drawn(&state));
            press(&mut state, "b");
        }
        assert!(seen[0] == seen[3] && seen[0] != seen[1] && seen[1] != seen[2], "{}", seen[1]);
    }
}

#[test]
fn a_page_leads_to_the_next_and_the_place_is_chosen_by_index_or_time() {
    let mut state = seen(ALL, (120, 30));
    reach(&mut state, "orders");
    assert!(drawn(&state).contains("the newest"), "{}", drawn(&state));
    let asked_for = |asked: &[Effect]| match asked {
        [.., Effect::Ask(Question::Messages(spot))] => Some(spot.start.clone()),
        _ => None,
    };
    assert_eq!(press(&mut state, "n"), [], "the end comes by itself");
    let older = press(&mut state, "p");
    assert_eq!(asked_for(&older), Some(page("orders").before()));
    tell(&mut state, &older);
    assert_eq!(asked_for(&type_in(&mut state, ":at 77")), Some(Start::Offset(77)));
    assert_eq!(asked_for(&type_in(&mut state, ":at -10m")), Some(Start::Time(NOW - 600_000)));
    assert_eq!(asked_for(&type_in(&mut state, ":at 2026-11-25T10:00")), Some(Start::Time(1_795_600_800_000)));
    assert_eq!(type_in(&mut state, ":at soon"), []);
    assert!(drawn(&state).contains("\"soon\" is no place"), "{}", drawn(&state));
    assert_eq!(asked_for(&type_in(&mut state, ":end")), Some(Start::End));
    // All of them were one place: back leads to where one came from.
    key(&mut state, KeyCode::Esc);
    assert_eq!(state.place().view, View::Cluster);
    for keys in ["n", "p", "t", "b"] {
        assert_eq!(press(&mut state, keys), []);
        assert!(state.told.is_some(), "{keys} does nothing here and says so");
    }
}

#[test]
fn the_newest_message_is_chosen_until_another_is_and_one_that_is_open_stays() {
    let mut state = seen(ALL, (120, 30));
    reach(&mut state, "orders");
    let chosen = |state: &State| state.chosen_in(&state.sheet());
    assert_eq!(chosen(&state), Some(6));
    press(&mut state, "k");
    open(&mut state);
    let name = state.place().view.name(tui::Lang::English);
    // Meanwhile another page has come in.
    let View::Messages(spot) = state.places()[state.places().len() - 2].view.clone() else { panic!("{name}") };
    state.update(Event::Answer(Answer::Messages(spot, Ok(Browsed::default())), NOW));
    assert!(drawn(&state).contains("large"), "{name}:\n{}", drawn(&state));
}

#[test]
fn what_is_not_known_of_messages_is_told_with_the_reason() {
    let mut state = seen(ALL, (120, 30));
    press(&mut state, ":messages orders");
    let asked = key(&mut state, KeyCode::Enter);
    let Some(Effect::Ask(Question::Messages(spot))) = asked.last().cloned() else { panic!("{asked:?}") };
    let away = || Unknown::because("no answer within 5s");
    state.update(Event::Answer(Answer::Messages(spot.clone(), Err(away())), NOW));
    assert!(drawn(&state).contains("no answer within 5s"), "{}", drawn(&state));
    state.update(Event::Answer(Answer::Messages(spot.clone(), Ok(page("orders"))), NOW));
    state.update(Event::Answer(Answer::Messages(spot, Err(away())), NOW));
    assert!(drawn(&state).contains("! no newer answer: no answer within 5s"), "{}", drawn(&state));
    open(&mut state);
    let asked = press(&mut state, "t");
    let Some(Effect::Ask(Question::Trace(id))) = asked.last().cloned() else { panic!("{asked:?}") };
    assert_eq!(press(&mut state, "t"), [], "it is not asked twice at once");
    state.update(Event::Answer(Answer::Trace(id, Err(Unknown::because("there is no topic of traces"))), NOW));
    assert!(drawn(&state).contains("? there is no topic of traces"), "{}", drawn(&state));
}

#[test]
fn no_size_is_too_small_or_too_large_for_messages() {
    let mut state = seen(ALL, (80, 24));
    let asked = press(&mut state, "2");
    answer(&mut state, &asked);
    for step in ["list", "message", "bytes"] {
        match step {
            "list" => reach(&mut state, "orders"),
            "message" => open(&mut state),
            _ => drop(press(&mut state, "bb")),
        }
        for columns in (0..=130).step_by(13).chain([1, 2, 59, 60, 61, 500]) {
            for rows in [0, 1, 15, 17, 100] {
                state.update(Event::Resize(columns, rows));
                drawn(&state);
            }
        }
    }
}

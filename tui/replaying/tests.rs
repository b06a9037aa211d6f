//! How a recording runs: at its pace, stopped, from its beginning again, and what it answers.

use super::*;
use crate::recording::Recorder;

/// Topics at 0 and 10 s, and a group at 4 s.
fn recording() -> Arc<Recording> {
    let lines = "{\"rmq top recording\":1,\"name_servers\":\"n\",\"every_ms\":1000}\n\
        {\"at_ms\":1000,\"answer\":{\"Topics\":{\"Ok\":[\"one\"]}}}\n\
        {\"at_ms\":5000,\"answer\":{\"Group\":[\"g\",{\"Err\":\"away\"}]}}\n\
        {\"at_ms\":11000,\"answer\":{\"Topics\":{\"Ok\":[\"one\",\"two\"]}}}\n";
    Arc::new(Recording::read(lines.as_bytes()).unwrap())
}

fn said((answer, at_ms): (Answer, i64)) -> (String, i64) {
    (serde_json::to_string(&answer).unwrap(), at_ms)
}

const ONE: &str = r#"{"Topics":{"Ok":["one"]}}"#;
const TWO: &str = r#"{"Topics":{"Ok":["one","two"]}}"#;
const GROUP: &str = r#"{"Group":["g",{"Err":"away"}]}"#;

#[tokio::test(start_paused = true)]
async fn answers_come_at_their_time_and_speed() {
    let begun = Instant::now();
    let mut replay = Replay::of(recording());
    assert_eq!(said(replay.answer().await), (ONE.to_owned(), 1000));
    replay.go(4.0);
    assert_eq!(said(replay.answer().await), (GROUP.to_owned(), 5000));
    assert_eq!(begun.elapsed().as_millis(), 1001, "4 s, four times as fast");
    replay.go(0.0);
    let stopped = tokio::time::timeout(Duration::from_secs(3600), replay.answer()).await;
    assert!(stopped.is_err(), "nothing comes while it is stopped");
    assert!(replay.now_ms() < 5010 && replay.over_for().is_none());
    replay.go(1.0);
    assert_eq!(said(replay.answer().await), (TWO.to_owned(), 11_000));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((replay.now_ms(), replay.over_for().map(|over| over.as_secs())), (11_000, Some(5)));
    replay.restart();
    assert_eq!((replay.now_ms(), replay.over_for()), (1000, None));
    assert_eq!(said(replay.answer().await), (ONE.to_owned(), 1000));
}

#[tokio::test(start_paused = true)]
async fn a_question_gets_what_was_heard_last_or_why_there_is_nothing() {
    let mut replay = Replay::of(recording());
    let ask = |replay: &mut Replay, question: Question, until: i64| {
        replay.ask(&question);
        replay.due(until).map(said)
    };
    replay.due(1000);
    assert_eq!(ask(&mut replay, Question::Topics, 1000), Some((ONE.to_owned(), 1000)));
    let group = Question::Group("g".to_owned());
    let later = r#"{"Group":["g",{"Err":"the recording has it later"}]}"#;
    assert_eq!(ask(&mut replay, group.clone(), 1000), Some((later.to_owned(), 1000)));
    let health = r#"{"Health":{"Err":"it is not in the recording"}}"#;
    assert_eq!(ask(&mut replay, Question::Health, 1000), Some((health.to_owned(), 1000)));
    assert_eq!(ask(&mut replay, Question::Picture { groups: true }, 1000), None, "pictures come by themselves");
    while replay.due(i64::MAX).is_some() {}
    assert_eq!(ask(&mut replay, group, 20_000), Some((GROUP.to_owned(), 5000)));
    assert_eq!(ask(&mut replay, Question::Topics, 20_000), Some((TWO.to_owned(), 11_000)));
}

#[test]
fn what_was_written_can_be_played() {
    let file = std::env::temp_dir().join(format!("rmq-tui-replaying-{}", std::process::id()));
    let mut recorder = Recorder::begin(std::fs::File::create(&file).unwrap(), "n", Duration::from_secs(1)).unwrap();
    for (answer, at_ms) in recording().entries.iter().map(|entry| (&entry.answer, entry.at_ms)) {
        recorder.write(answer, at_ms).unwrap();
    }
    drop(recorder);
    let mut replay = Replay::of(Arc::new(Recording::read(&std::fs::read(&file).unwrap()).unwrap()));
    std::fs::remove_file(&file).unwrap();
    let all: Vec<_> = std::iter::from_fn(|| replay.due(i64::MAX)).map(said).collect();
    assert_eq!(all, [(ONE.to_owned(), 1000), (GROUP.to_owned(), 5000), (TWO.to_owned(), 11_000)]);
}

#[test]
fn speeds_are_turned_up_and_down_and_have_ends() {
    let mut playing = Playing::of(&recording());
    playing.turn(true);
    assert_eq!(playing.speed, 2.0);
    (0..20).for_each(|_| playing.turn(true));
    assert_eq!(playing.speed, 32.0);
    (0..20).for_each(|_| playing.turn(false));
    assert_eq!(playing.speed, 0.125);
}

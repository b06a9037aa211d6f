//! What is written is what is read; what is cut, damaged or foreign is told, and is no panic.

use super::*;
use crate::feed::{
    ClientDetail, Clients, DeadLetterGroups, GroupDetail, HealthDetail, Page, Question, Spot, Start, TopicDetail,
};
use admin::snapshot::Unknown;
use std::sync::{Arc, Mutex};

/// A file that can be read while it is written, and gets full.
#[derive(Clone, Default)]
struct Shared {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: Option<usize>,
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.bytes.lock().unwrap();
        if self.room.is_some_and(|room| all.len() + bytes.len() > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn spot() -> Spot {
    Spot { topic: "订单".to_owned(), queue: Some(("broker-a".to_owned(), 3)), start: Start::Time(1) }
}

/// One answer to each question, and why each has none.
fn every_answer() -> Vec<Answer> {
    let given = vec![
        Answer::Topics(Ok(vec!["orders".to_owned(), "订单".to_owned()])),
        Answer::Topic("orders".to_owned(), Ok(TopicDetail::default())),
        Answer::Group("billing".to_owned(), Ok(GroupDetail::default())),
        Answer::Clients(Ok(Clients::default())),
        Answer::Client("billing".to_owned(), "one@1".to_owned(), Ok(ClientDetail::default())),
        Answer::Messages(spot(), Ok(Page::default())),
        Answer::DeadLetters(Ok(DeadLetterGroups::default())),
        Answer::Health(Ok(HealthDetail::default())),
    ];
    let mut all: Vec<_> = given
        .iter()
        .map(Answer::question)
        .chain([Question::Picture { groups: true }])
        .map(|question| question.refused(&Unknown::because("no answer")))
        .collect();
    all.extend(given);
    all.extend(crate::demo().unwrap().entries.into_iter().take(60).map(|entry| entry.answer));
    all
}

fn text(answer: &Answer) -> String {
    serde_json::to_string(answer).unwrap()
}

fn written(answers: &[Answer]) -> Vec<u8> {
    let file = Shared::default();
    let mut recorder = Recorder::begin(file.clone(), "10.0.0.1:9876", Duration::from_millis(500)).unwrap();
    for (at, answer) in answers.iter().enumerate() {
        let at_ms = match answer {
            Answer::Picture { got: Ok(snapshot), .. } => snapshot.asked_ms,
            _ => 1_000 + at as i64,
        };
        recorder.write(answer, at_ms).unwrap();
    }
    drop(recorder);
    let bytes = file.bytes.lock().unwrap();
    bytes.clone()
}

#[test]
fn every_answer_is_read_as_it_was_written() {
    let answers = every_answer();
    let recording = Recording::read(&written(&answers)).unwrap();
    assert_eq!((recording.names(), recording.every()), ("10.0.0.1:9876", Duration::from_millis(500)));
    assert_eq!(recording.broken_off(), None);
    assert_eq!(recording.entries.len(), answers.len());
    for (entry, answer) in recording.entries.iter().zip(&answers) {
        assert_eq!(text(&entry.answer), text(answer));
    }
    assert!(recording.entries.is_sorted_by_key(|entry| entry.at_ms), "time does not run back");
}

#[test]
fn what_was_written_is_there_before_the_next_is() {
    let file = Shared::default();
    let mut recorder = Recorder::begin(file.clone(), "", Duration::from_secs(1)).unwrap();
    for (at, answer) in every_answer().iter().enumerate().take(17) {
        recorder.write(answer, at as i64).unwrap();
        let killed = file.bytes.lock().unwrap().clone();
        let recording = Recording::read(&killed).unwrap();
        assert_eq!((recording.entries.len(), recording.broken_off()), (at + 1, Some(at + 2)));
    }
}

#[test]
fn a_full_disk_is_told_and_what_fits_is_readable() {
    let file = Shared { room: Some(700), ..Shared::default() };
    let mut recorder = Recorder::begin(file.clone(), "", Duration::from_secs(1)).unwrap();
    let answers = every_answer();
    let written = answers.iter().take_while(|answer| recorder.write(answer, 5).is_ok()).count();
    drop(recorder);
    assert!((1..answers.len()).contains(&written), "{written}");
    let recording = Recording::read(&file.bytes.lock().unwrap()).unwrap();
    assert!(recording.entries.len() >= written && recording.broken_off().is_some());
}

fn refused(bytes: &[u8]) -> String {
    Recording::read(bytes).expect_err("that is no recording").to_string()
}

#[test]
fn what_is_no_recording_is_refused_with_the_line() {
    let head = "{\"rmq top recording\":1,\"name_servers\":\"n\",\"every_ms\":1000}\n";
    let good = "{\"at_ms\":7,\"answer\":{\"Topics\":{\"Ok\":[]}}}\n";
    let foreign = "line 1: this is no recording of rmq top";
    assert_eq!(refused(b""), foreign);
    assert_eq!(refused(b"\n"), foreign);
    assert_eq!(refused(b"{}\n"), foreign);
    assert_eq!(refused(&[0x1f, 0x8b, 0, 0]), foreign);
    assert_eq!(refused(b"PK\x03\x04 something else\n"), foreign);
    assert_eq!(refused(head.as_bytes()), "line 2: it holds no answer");
    let newer = refused(head.replace(":1,", ":2,").as_bytes());
    assert_eq!(newer, "line 1: of form 2, made by a newer rmq; this one reads form 1");
    let damaged = refused(format!("{head}{good}{good}{{\"at_ms\":8}}\n{good}").as_bytes());
    let other = "line 4: it was made by another version of rmq, or is damaged: missing field `answer`";
    assert!(damaged.starts_with(other), "{damaged}");
    let damaged = refused(format!("{head}{good}{good}{{\"at_ms\":8,,\n{good}").as_bytes());
    assert!(damaged.starts_with("line 4: it is damaged: "), "{damaged}");
    let early = refused(format!("{head}{}", good.replace('7', "-7")).as_bytes());
    assert_eq!(early, "line 2: it is damaged: at_ms -7 is no time");
    let torn = Recording::read(format!("{head}{good}{{\"at").as_bytes()).unwrap();
    assert_eq!((torn.entries.len(), torn.broken_off()), (1, Some(2)));
}

/// Of what is cut, the beginning is there; of what is damaged, nothing is, or it is as it was.
#[test]
fn no_cut_and_no_damage_is_a_panic() {
    let seed = std::env::var("RMQ_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut random: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("RMQ_TEST_SEED={random}");
    let mut next = move || {
        // xorshift64*
        random = random.max(1);
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        random.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    let answers = every_answer();
    let whole = written(&answers);
    for cut in (0..whole.len()).step_by(1000).chain(whole.len() - 20..whole.len()) {
        match Recording::read(&whole[..cut]) {
            Ok(recording) => {
                assert_eq!(recording.broken_off(), Some(recording.entries.len() + 1), "cut at {cut}");
                for (entry, answer) in recording.entries.iter().zip(&answers) {
                    assert_eq!(text(&entry.answer), text(answer), "cut at {cut}");
                }
            }
            Err(error) => assert!(cut < 2000, "cut at {cut}: {error}"),
        }
    }
    let (plain, _) = unpacked(&whole);
    for _ in 0..200 {
        for bytes in [&whole, &plain] {
            let mut bytes = bytes.clone();
            for _ in 0..=next() % 3 {
                let at = next() as usize % bytes.len();
                bytes[at] ^= 1 << (next() % 8);
            }
            if let Ok(recording) = Recording::read(&bytes) {
                drawn(recording);
            }
        }
    }
}

/// Whatever numbers a file holds, they can be shown.
fn drawn(recording: Recording) {
    let recording = Arc::new(recording);
    let mut state = crate::State::replaying(&recording, crate::Look::default(), (120, 30));
    let mut replay = crate::Replay::of(recording);
    let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(120, 30)).unwrap();
    while let Some((answer, at_ms)) = replay.due(i64::MAX) {
        state.update(crate::Event::Answer(answer, at_ms));
    }
    terminal.draw(|frame| crate::draw(&state, frame)).unwrap();
}

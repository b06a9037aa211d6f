//! A recording, played: answers come as they came, at the pace that is wanted, and what is asked meanwhile is answered with the
//! last that was heard of it. Asks nobody.

use crate::{
    feed::{Answer, Question},
    recording::Recording,
};
use admin::snapshot::Unknown;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How fast it may go: twice as fast, half as fast.
pub(crate) const SPEEDS: [f64; 9] = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// What the screen tells of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playing {
    /// When it began, ms.
    pub from_ms: i64,
    /// When it ended, ms.
    pub to_ms: i64,
    /// How many seconds of it go by in one.
    pub speed: f64,
}

impl Playing {
    /// From the beginning, as it was.
    pub fn of(recording: &Recording) -> Self {
        let (from_ms, to_ms) = recording.span_ms();
        Self { from_ms, to_ms, speed: 1.0 }
    }

    /// The next speed, faster or slower, if there is one.
    pub(crate) fn turn(&mut self, faster: bool) {
        let next = if faster {
            SPEEDS.into_iter().find(|speed| *speed > self.speed)
        } else {
            SPEEDS.into_iter().rev().find(|speed| *speed < self.speed)
        };
        self.speed = next.unwrap_or(self.speed);
    }
}

/// A recording that is played.
#[derive(Debug)]
pub struct Replay {
    recording: Arc<Recording>,
    /// The first that has not come yet.
    next: usize,
    /// What was asked and can be answered.
    ready: VecDeque<(Answer, i64)>,
    /// At that instant the recording was there, ms.
    since: (Instant, i64),
    /// 0 while it is stopped.
    speed: f64,
}

impl Replay {
    /// From the beginning.
    pub fn of(recording: Arc<Recording>) -> Self {
        let (from_ms, _) = recording.span_ms();
        Self { recording, next: 0, ready: VecDeque::new(), since: (Instant::now(), from_ms), speed: 1.0 }
    }

    /// From the beginning again.
    pub fn restart(&mut self) {
        let (from_ms, _) = self.recording.span_ms();
        (self.next, self.since) = (0, (Instant::now(), from_ms));
        self.ready.clear();
    }

    /// Where it is, ms; not beyond its end.
    pub fn now_ms(&self) -> i64 {
        let (then, ms) = self.since;
        let gone = then.elapsed().as_secs_f64() * self.speed * 1000.0;
        ms.saturating_add(gone as i64).min(self.recording.span_ms().1)
    }

    /// How long it has been over, if it is.
    pub fn over_for(&self) -> Option<Duration> {
        let (then, ms) = self.since;
        let left = (self.recording.span_ms().1 - ms).max(0) as f64 / 1000.0;
        let over = then.elapsed().as_secs_f64() - left / self.speed.max(f64::MIN_POSITIVE);
        let is_over = self.speed > 0.0 && self.next >= self.recording.entries.len();
        is_over.then(|| Duration::try_from_secs_f64(over).unwrap_or_default())
    }

    /// So many seconds of it go by in one; 0 stops it.
    pub fn go(&mut self, speed: f64) {
        if speed != self.speed {
            self.since = (Instant::now(), self.now_ms());
            self.speed = speed;
        }
    }

    /// Takes a question: what was heard last of it comes from [`Replay::answer`]. Pictures come by themselves.
    pub fn ask(&mut self, question: &Question) {
        if matches!(question, Question::Picture { .. }) {
            return;
        }
        let questions = &self.recording.questions;
        if let Some(at) = questions[..self.next].iter().rposition(|asked| asked == question) {
            let entry = &self.recording.entries[at];
            self.ready.push_back((entry.answer.clone(), entry.at_ms));
            return;
        }
        let later = questions[self.next..].contains(question);
        let why = if later { "the recording has it later" } else { "it is not in the recording" };
        self.ready.push_back((question.refused(&Unknown::because(why)), self.now_ms()));
    }

    /// The next answer that has come by `until_ms`.
    pub fn due(&mut self, until_ms: i64) -> Option<(Answer, i64)> {
        if let Some(ready) = self.ready.pop_front() {
            return Some(ready);
        }
        let entry = self.recording.entries.get(self.next).filter(|entry| entry.at_ms <= until_ms)?;
        self.next += 1;
        Some((entry.answer.clone(), entry.at_ms))
    }

    /// The next answer, when it comes; waits for ever while it is stopped, and at the end.
    pub async fn answer(&mut self) -> (Answer, i64) {
        loop {
            if let Some(came) = self.due(self.now_ms()) {
                return came;
            }
            let next = self.recording.entries.get(self.next).filter(|_| self.speed > 0.0);
            let Some(next) = next else { return std::future::pending().await };
            let (then, ms) = self.since;
            let away = Duration::try_from_secs_f64((next.at_ms - ms).max(0) as f64 / 1000.0 / self.speed);
            // A millisecond more: what is cut off in `now_ms` must be over.
            let at = then.checked_add(away.unwrap_or(Duration::MAX).saturating_add(Duration::from_millis(1)));
            match at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! What the totals of a cluster were in the last 15 minutes, for the small charts.

use std::collections::{BTreeMap, VecDeque};

/// How long it is kept, ms.
const KEPT_MS: i64 = 15 * 60 * 1000;
/// Most that is kept, however often it is asked for.
const MOST: usize = 4096;

/// The totals at a time. What was not known is `None` and is drawn as a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// When, ms.
    pub at_ms: i64,
    /// Messages stored a second.
    pub put: Option<f64>,
    /// Messages given out a second.
    pub got: Option<f64>,
    /// Bytes stored a second.
    pub bytes: Option<f64>,
    /// What all groups have still to consume.
    pub lag: Option<f64>,
}

/// The samples, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    samples: VecDeque<Sample>,
}

impl History {
    /// Adds the newest and forgets the oldest.
    pub fn push(&mut self, sample: Sample) {
        let old = |first: &Sample| sample.at_ms - first.at_ms > KEPT_MS || first.at_ms > sample.at_ms;
        while self.samples.len() >= MOST || self.samples.front().is_some_and(old) {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// A chart of one line and `width` characters, newest at the right: from 0 to the highest that is shown.
    pub fn line(&self, width: usize, steps: &[char], of: impl Fn(&Sample) -> Option<f64>) -> String {
        spark(width, steps, self.samples.iter().skip(self.samples.len().saturating_sub(width)).map(of))
    }

    /// One of the totals, over time.
    pub fn points(&self, of: impl Fn(&Sample) -> Option<f64>) -> Vec<Point> {
        self.samples.iter().map(|sample| (sample.at_ms, of(sample))).collect()
    }
}

/// A value at a time, ms; `None` if it was not known.
pub type Point = (i64, Option<f64>);

/// What one thing did: at most a value each [`STEP_S`].
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// When, seconds, and what; not a number if it was not known.
    points: VecDeque<(u32, f32)>,
}

impl Trail {
    /// A chart of one line.
    pub fn line(&self, width: usize, steps: &[char]) -> String {
        let skipped = self.points.len().saturating_sub(width);
        spark(width, steps, self.points.iter().skip(skipped).map(|(_, value)| known(*value)))
    }

    /// Over time.
    pub fn points(&self) -> Vec<Point> {
        self.points.iter().map(|(at, value)| (i64::from(*at) * 1000, known(*value))).collect()
    }

    fn push(&mut self, at_s: u32, value: Option<f64>) {
        if self.points.back().is_some_and(|(last, _)| at_s >= *last && at_s - last < STEP_S) {
            return;
        }
        let old = |(first, _): &(u32, f32)| i64::from(at_s - *first.min(&at_s)) * 1000 > KEPT_MS || *first > at_s;
        while self.points.front().is_some_and(old) {
            self.points.pop_front();
        }
        self.points.push_back((at_s, value.map_or(f32::NAN, |value| value as f32)));
    }

    fn last_s(&self) -> u32 {
        self.points.back().map_or(0, |(at, _)| *at)
    }
}

fn known(value: f32) -> Option<f64> {
    (!value.is_nan()).then_some(f64::from(value))
}

/// Seconds from one value of a trail to the next.
const STEP_S: u32 = 5;
/// Most things of a kind that have a trail: with 180 values of 8 bytes each, 2 MiB.
const TRAILS: usize = 1000;

/// What brokers and groups did, by the keys of their rows.
#[derive(Clone, Debug, Default)]
pub struct Trails {
    /// Messages stored a second.
    pub brokers: BTreeMap<String, Trail>,
    /// What a group has still to consume: of those that were behind.
    pub groups: BTreeMap<String, Trail>,
}

impl Trails {
    /// Adds what a broker did.
    pub fn broker(&mut self, key: &str, at_ms: i64, put: Option<f64>) {
        leave(&mut self.brokers, key, at_ms, put, true);
    }

    /// Adds what a group lacks.
    pub fn group(&mut self, key: &str, at_ms: i64, lag: Option<f64>) {
        leave(&mut self.groups, key, at_ms, lag, lag.is_some_and(|lag| lag > 0.0));
    }

    /// Forgets what has been gone for a quarter of an hour.
    pub fn forget(&mut self, now_ms: i64) {
        let is_new = |trail: &Trail| now_ms - i64::from(trail.last_s()) * 1000 <= KEPT_MS;
        self.brokers.retain(|_, trail| is_new(trail));
        self.groups.retain(|_, trail| is_new(trail));
    }
}

fn leave(trails: &mut BTreeMap<String, Trail>, key: &str, at_ms: i64, value: Option<f64>, begins: bool) {
    let at_s = u32::try_from(at_ms / 1000).unwrap_or(0);
    let has_room = trails.len() < TRAILS;
    match trails.get_mut(key) {
        Some(trail) => trail.push(at_s, value),
        None if begins && has_room => {
            let mut trail = Trail::default();
            trail.push(at_s, value);
            trails.insert(key.to_owned(), trail);
        }
        None => {}
    }
}

/// A chart of one line, newest at the right: from 0 to the highest.
fn spark(width: usize, steps: &[char], shown: impl Iterator<Item = Option<f64>>) -> String {
    let shown: Vec<_> = shown.collect();
    let top = shown.iter().flatten().copied().fold(0.0, f64::max);
    let step = |value: &Option<f64>| match value {
        None => ' ',
        Some(value) => {
            let share = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
            let at = (share * (steps.len().saturating_sub(1)) as f64).round() as usize;
            steps.get(at).copied().unwrap_or(' ')
        }
    };
    let blank = width.saturating_sub(shown.len());
    std::iter::repeat_n(' ', blank).chain(shown.iter().map(step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_known_is_a_gap_and_not_the_lowest_step() {
        let mut history = History::default();
        for (at, put) in [Some(0.0), None, Some(5.0), Some(10.0)].into_iter().enumerate() {
            history.push(Sample { at_ms: at as i64, put, ..Sample::default() });
        }
        assert_eq!(history.line(6, &['_', '-', '#'], |sample| sample.put), "  _ -#");
        assert_eq!(history.line(2, &['_', '-', '#'], |sample| sample.put), "-#");
        assert_eq!(history.line(0, &['_'], |sample| sample.put), "");
    }

    #[test]
    fn it_forgets_what_is_older_than_a_quarter_of_an_hour() {
        let mut history = History::default();
        for at_ms in [0, 1000, KEPT_MS + 500] {
            history.push(Sample { at_ms, ..Sample::default() });
        }
        assert_eq!(history.samples.len(), 2);
    }
}

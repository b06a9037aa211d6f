//! What the totals of a cluster were in the last 15 minutes, for the small charts.

use std::collections::VecDeque;

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
#[derive(Debug, Default)]
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
        let shown: Vec<_> = self.samples.iter().skip(self.samples.len().saturating_sub(width)).map(of).collect();
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

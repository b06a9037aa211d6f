//! How far the reading of a log is: a bar on a terminal, nothing anywhere else.

use ::store::{Offline, StoreError};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for reading the log from its start to its end.
pub struct Reading {
    bar: ProgressBar,
    start: u64,
}

impl Reading {
    /// Begins, with a bar if standard error is a terminal and `alone`: nothing else is printed meanwhile.
    ///
    /// # Errors
    /// If the log's folder cannot be read.
    pub fn begin(offline: &Offline, alone: bool) -> Result<Self, StoreError> {
        let (start, end) = offline.log_span()?;
        let bar = match alone {
            // Hidden where standard error is no terminal.
            true => ProgressBar::with_draw_target(Some(end - start), ProgressDrawTarget::stderr()),
            false => ProgressBar::hidden(),
        };
        let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left");
        Ok(Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())), start })
    }

    /// It is read up to `offset`.
    pub fn at(&self, offset: u64) {
        self.bar.set_position(offset.saturating_sub(self.start));
    }

    /// Does something that prints, with the bar out of the way.
    pub fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

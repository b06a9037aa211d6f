//! What became of the messages `rmq produce` sent: a line each, what went wrong, and the sum.

use crate::{
    failure::{Failure, Kind, say},
    message_text,
    output::Output,
};
use client::{Received, SendResult, SendStatus};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{IsTerminal, stdout},
    time::Instant,
};

/// What became of the messages of one request.
pub struct Outcome {
    /// What to call them.
    pub of: String,
    /// How many they are.
    pub messages: u64,
    /// What is known of each; nothing of those that were sent one way.
    pub result: Result<Vec<Became>, Failure>,
}

/// What became of a message that was not sent one way.
pub enum Became {
    /// Where it is.
    Stored(SendResult),
    /// The reply to it.
    Replied(Box<Received>),
}

/// Everything that became of messages.
pub struct Report {
    output: Output,
    json: bool,
    quiet: bool,
    progress: ProgressBar,
    began: Instant,
    sent: u64,
    /// Whether some were sent one way: nobody knows what became of them.
    unsure: bool,
    /// How many were stored, but perhaps not on disk or not on a slave.
    doubtful: u64,
    failed: u64,
    /// The failure that makes it useless to go on.
    fatal: Option<Failure>,
}

impl Report {
    /// Begins to count, with a bar on a terminal where no lines would break it.
    pub fn begin(json: bool, quiet: bool, total: Option<u64>) -> Self {
        let progress = match total {
            Some(total) if quiet || !stdout().is_terminal() => bar(total),
            _ => ProgressBar::hidden(),
        };
        let (output, began) = (Output::begin(), Instant::now());
        Self { output, json, quiet, progress, began, sent: 0, unsure: false, doubtful: 0, failed: 0, fatal: None }
    }

    /// Counts and prints what became of messages.
    ///
    /// # Errors
    /// If it cannot be printed.
    pub fn add(&mut self, outcome: Outcome) -> Result<(), Failure> {
        let Outcome { of, messages, result } = outcome;
        match result {
            Ok(results) => {
                self.sent += messages;
                self.unsure |= results.is_empty();
                self.progress.inc(messages);
                for result in results {
                    let line = match result {
                        Became::Stored(stored) => {
                            self.doubtful += u64::from(stored.status != SendStatus::Ok);
                            line(&stored, self.json)
                        }
                        Became::Replied(reply) if self.json => message_text::to_json(&reply).to_string(),
                        Became::Replied(reply) => String::from_utf8_lossy(&reply.body).into_owned(),
                    };
                    if !self.quiet {
                        let printed = self.output.line(line);
                        self.unless_gone(printed)?;
                    }
                }
                Ok(())
            }
            Err(failure) => {
                self.failed += messages;
                if failure.kind() == Some(Kind::Failed) {
                    // The next message may well be better.
                    self.progress.suspend(|| say(&format!("rmq: {of}: {}", failure.message())));
                } else if self.fatal.is_none() {
                    self.fatal = Some(failure);
                }
                Ok(())
            }
        }
    }

    /// Whether it is useless to go on: no such topic, or nobody there.
    pub fn must_stop(&self) -> bool {
        self.fatal.is_some()
    }

    /// Hands what was printed to whoever reads.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        let flushed = self.output.flush();
        self.unless_gone(flushed)
    }

    /// That nobody reads the results any more is no reason not to send.
    fn unless_gone(&mut self, printed: Result<(), Failure>) -> Result<(), Failure> {
        match printed {
            Err(failure) if failure.kind().is_none() => {
                self.quiet = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Prints the sum and gives what the command ends with.
    ///
    /// # Errors
    /// If any message was not sent, or `outcome` is an error.
    pub fn end(mut self, outcome: Result<(), Failure>, skipped: u64) -> Result<(), Failure> {
        self.progress.finish_and_clear();
        let outcome = outcome.and_then(|()| self.flush());
        // Of an only message that failed, the failure says it all.
        if self.sent > 0 || self.fatal.is_none() {
            say(&self.sum(skipped));
        }
        outcome?;
        match (self.fatal, self.failed) {
            (Some(fatal), _) => Err(fatal),
            (None, 0) => Ok(()),
            (None, failed) => Err(Failure::new(Kind::Failed, format!("{} could not be sent", messages(failed)))),
        }
    }

    fn sum(&self, skipped: u64) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        let mut sum = format!("sent {} in {seconds:.3} s", messages(self.sent));
        if self.unsure {
            sum += " without waiting for answers";
        }
        if self.sent > 1 && seconds > 0.0 {
            sum += &format!(", {:.0} a second", self.sent as f64 / seconds);
        }
        if self.doubtful > 0 {
            sum += &format!("; {} not known to be where the broker promises them: see their status", self.doubtful);
        }
        if self.failed > 0 {
            sum += &format!("; {} failed", self.failed);
        }
        if skipped > 0 {
            sum += &format!("; {skipped} empty {} left out", if skipped == 1 { "line" } else { "lines" });
        }
        sum
    }
}

fn messages(count: u64) -> String {
    format!("{count} message{}", if count == 1 { "" } else { "s" })
}

fn line(result: &SendResult, json: bool) -> String {
    let SendResult { status, message_id, offset_message_id, queue, queue_offset, .. } = result;
    if !json {
        return format!("{} {message_id} {}:{} {queue_offset}", status.name(), queue.broker, queue.id);
    }
    let object = serde_json::json!({
        "status": status.name(),
        "id": message_id,
        "offset_id": offset_message_id,
        "topic": &*queue.topic,
        "broker": &*queue.broker,
        "queue": queue.id,
        "offset": queue_offset,
    });
    object.to_string()
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {per_sec}  {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::Queue;

    fn result() -> SendResult {
        SendResult {
            status: SendStatus::Ok,
            message_id: "7F01".to_owned(),
            offset_message_id: "0A00".to_owned(),
            queue: Queue::new("T", "broker-a", 3),
            queue_offset: 17,
            transaction_id: None,
        }
    }

    #[test]
    fn a_result_is_a_line_of_columns_or_of_json() {
        assert_eq!(line(&result(), false), "SEND_OK 7F01 broker-a:3 17");
        assert_eq!(
            line(&result(), true),
            r#"{"status":"SEND_OK","id":"7F01","offset_id":"0A00","topic":"T","broker":"broker-a","queue":3,"offset":17}"#
        );
    }

    #[test]
    fn one_bad_message_does_not_stop_the_others_but_fails_the_command() {
        let mut report = Report::begin(false, true, None);
        assert!(
            report
                .add(Outcome {
                    of: "line 1".to_owned(),
                    messages: 1,
                    result: Err(Failure::new(Kind::Failed, "too large"))
                })
                .is_ok()
        );
        assert!(!report.must_stop());
        let stored = Ok(vec![Became::Stored(result())]);
        assert!(report.add(Outcome { of: "line 2".to_owned(), messages: 1, result: stored }).is_ok());
        assert!(
            report.sum(2).contains("sent 1 message in")
                && report.sum(2).ends_with("; 1 failed; 2 empty lines left out")
        );
        let failure = report.end(Ok(()), 0).err();
        assert!(failure.is_some_and(|failure| failure.kind() == Some(Kind::Failed)));
    }

    #[test]
    fn an_unknown_topic_stops_everything() {
        let mut report = Report::begin(false, true, None);
        let unknown = Failure::from(client::Error::TopicNotFound { topic: "T".to_owned() });
        assert!(report.add(Outcome { of: "line 1".to_owned(), messages: 1, result: Err(unknown) }).is_ok());
        assert!(report.must_stop());
        assert!(report.end(Ok(()), 0).is_err_and(|failure| failure.kind() == Some(Kind::NotFound)));
    }
}

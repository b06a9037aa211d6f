//! What became of dead letters that were sent again: a line each, and the sum.

use crate::{
    failure::{Failure, Kind, say},
    output::Output,
    when,
};
use client::{Received, SendResult, SendStatus};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::{
    io::{IsTerminal, stdout},
    sync::Arc,
};

/// The status of what was not sent.
const FAILED: &str = "FAILED";
/// The status of what would have been sent.
const WOULD_BE: &str = "WOULD_SEND";

/// Where a dead letter went.
pub enum Resent {
    /// Stored anew.
    To(SendResult),
    /// To this topic, if it had been sent.
    WouldBe(Arc<str>),
}

/// What is behind those that were looked at.
pub enum Rest {
    /// One that became a dead letter at this time, ms; or none yet.
    Behind(Option<i64>),
    /// It was not looked for.
    Unknown,
}

/// What became of one.
pub struct Outcome {
    /// The dead letter.
    pub letter: Received,
    /// Where it went.
    pub result: Result<Resent, Failure>,
}

/// Everything that became of dead letters.
pub struct Report {
    output: Output,
    topic: String,
    json: bool,
    dry: bool,
    /// Nobody reads the lines any more.
    unread: bool,
    progress: ProgressBar,
    sent: u64,
    /// How many were stored, but perhaps not on disk or not on a slave.
    doubtful: u64,
    failed: u64,
    /// When the last of those that were looked at became a dead letter, ms.
    last_ms: Option<i64>,
    /// The failure that makes it useless to go on.
    fatal: Option<Failure>,
}

impl Report {
    /// Begins to count, with a bar on a terminal where no lines would break it.
    pub fn begin(topic: &str, json: bool, dry: bool, most: u64) -> Self {
        let progress = if stdout().is_terminal() { ProgressBar::hidden() } else { bar(most) };
        Self {
            output: Output::begin(),
            topic: topic.to_owned(),
            json,
            dry,
            unread: false,
            progress,
            sent: 0,
            doubtful: 0,
            failed: 0,
            last_ms: None,
            fatal: None,
        }
    }

    /// Counts and prints what became of one, at once: what was done shall be known whatever happens next.
    ///
    /// # Errors
    /// If it cannot be printed.
    pub fn add(&mut self, outcome: Outcome) -> Result<(), Failure> {
        let line = if self.json { object(&outcome) } else { text(&outcome) };
        self.last_ms = self.last_ms.max(Some(outcome.letter.store_ms));
        self.progress.inc(1);
        match outcome.result {
            Ok(resent) => {
                self.sent += 1;
                self.doubtful +=
                    u64::from(matches!(resent, Resent::To(SendResult { status, .. }) if status != SendStatus::Ok));
            }
            Err(failure) => {
                self.failed += 1;
                // Another may well go to another topic.
                if failure.kind() == Some(Kind::Unreachable) && self.fatal.is_none() {
                    self.fatal = Some(failure);
                }
            }
        }
        if self.unread {
            return Ok(());
        }
        let output = &mut self.output;
        match self.progress.suspend(|| output.line(line).and_then(|()| output.flush())) {
            // That nobody reads the results any more is no reason not to send.
            Err(failure) if failure.kind().is_none() => {
                self.unread = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Whether it is useless to go on.
    pub fn must_stop(&self) -> bool {
        self.fatal.is_some()
    }

    /// Prints the sum and gives what the command ends with.
    ///
    /// # Errors
    /// If any was not sent, or `outcome` is an error.
    pub fn end(self, outcome: Result<(), Failure>, rest: Rest) -> Result<(), Failure> {
        self.progress.finish_and_clear();
        say(&self.sum(rest));
        outcome?;
        match (self.fatal, self.failed) {
            (Some(fatal), _) => Err(fatal),
            (None, 0) => Ok(()),
            (None, failed) => {
                Err(Failure::new(Kind::Failed, format!("{} could not be sent", count(failed))).target(self.topic))
            }
        }
    }

    fn sum(&self, rest: Rest) -> String {
        let mut sum = format!("{} {}", if self.dry { "would send" } else { "sent" }, count(self.sent));
        if self.doubtful > 0 {
            sum += &format!("; {} not known to be where the broker promises them: see their status", self.doubtful);
        }
        if self.failed > 0 {
            sum += &format!("; {} failed", self.failed);
        }
        if self.dry || self.sent == 0 {
            return sum;
        }
        sum += &format!("; they stay in {}", self.topic);
        match (rest, self.last_ms) {
            _ if self.failed > 0 => sum += "; try those that failed again with --id",
            (Rest::Behind(next), Some(last_ms)) => {
                let from = when::show(next.unwrap_or(last_ms.saturating_add(1)));
                sum += &format!("; the next run begins behind them with --from {from}");
            }
            _ => {}
        }
        sum
    }
}

fn count(letters: u64) -> String {
    format!("{letters} dead letter{}", if letters == 1 { "" } else { "s" })
}

fn text(Outcome { letter, result }: &Outcome) -> String {
    let id = letter.message_id();
    match result {
        Ok(Resent::To(SendResult { status, queue, queue_offset, .. })) => {
            format!("{} {id} {} {}:{} {queue_offset}", status.name(), queue.topic, queue.broker, queue.id)
        }
        Ok(Resent::WouldBe(topic)) => format!("{WOULD_BE} {id} {topic}"),
        Err(failure) => format!("{FAILED} {id} {}", failure.message()),
    }
}

fn object(Outcome { letter, result }: &Outcome) -> String {
    let mut object = json!({
        "status": FAILED,
        "id": letter.message_id(),
        "dead_letter": { "broker": &*letter.queue.broker, "queue": letter.queue.id, "offset": letter.queue_offset },
    });
    match result {
        Ok(Resent::To(SendResult { status, queue, queue_offset, offset_message_id, .. })) => {
            object["status"] = status.name().into();
            object["topic"] = (*queue.topic).into();
            object["broker"] = (*queue.broker).into();
            object["queue"] = queue.id.into();
            object["offset"] = (*queue_offset).into();
            object["offset_id"] = offset_message_id.as_str().into();
        }
        Ok(Resent::WouldBe(topic)) => {
            object["status"] = WOULD_BE.into();
            object["topic"] = (**topic).into();
        }
        Err(failure) => object["error"] = failure.message().into(),
    }
    object.to_string()
}

fn bar(most: u64) -> ProgressBar {
    // Hidden where standard error is no terminal.
    let bar = ProgressBar::with_draw_target(Some(most), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {per_sec}  {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message_text::tests::received;
    use client::Queue;

    fn outcome(result: Result<Resent, Failure>) -> Outcome {
        Outcome { letter: received(b"body", 17), result }
    }

    fn sent() -> Resent {
        Resent::To(SendResult {
            status: SendStatus::Ok,
            message_id: "7F01".to_owned(),
            offset_message_id: "0A00".to_owned(),
            queue: Queue::new("orders", "broker-b", 3),
            queue_offset: 5,
            transaction_id: None,
        })
    }

    #[test]
    fn each_dead_letter_is_a_line_of_columns_or_of_json() {
        let id = received(b"body", 17).message_id();
        let failed = || outcome(Err(Failure::new(Kind::Failed, "too large")));
        assert_eq!(text(&outcome(Ok(sent()))), format!("SEND_OK {id} orders broker-b:3 5"));
        assert_eq!(text(&outcome(Ok(Resent::WouldBe("orders".into())))), format!("WOULD_SEND {id} orders"));
        assert_eq!(text(&failed()), format!("FAILED {id} too large"));
        let object: serde_json::Value = serde_json::from_str(&object(&outcome(Ok(sent())))).unwrap();
        assert_eq!((&object["status"], &object["topic"]), (&"SEND_OK".into(), &"orders".into()));
        assert_eq!((&object["dead_letter"]["offset"], &object["offset"]), (&17.into(), &5.into()));
        let object: serde_json::Value = serde_json::from_str(&super::object(&failed())).unwrap();
        assert_eq!((&object["status"], &object["error"]), (&"FAILED".into(), &"too large".into()));
    }

    #[test]
    fn the_sum_says_where_the_next_run_begins() {
        let mut report = Report::begin("%DLQ%g", false, false, 1);
        report.unread = true;
        assert!(report.add(outcome(Ok(sent()))).is_ok());
        let last_ms = received(b"", 17).store_ms;
        let says = |ms| {
            let from = when::show(ms);
            format!("sent 1 dead letter; they stay in %DLQ%g; the next run begins behind them with --from {from}")
        };
        assert_eq!(report.sum(Rest::Behind(None)), says(last_ms + 1));
        assert_eq!(report.sum(Rest::Behind(Some(last_ms + 7))), says(last_ms + 7));
        assert_eq!(report.sum(Rest::Unknown), "sent 1 dead letter; they stay in %DLQ%g");
        assert!(report.add(outcome(Err(Failure::new(Kind::Failed, "too large")))).is_ok());
        let sum = report.sum(Rest::Behind(None));
        assert!(!report.must_stop() && sum.contains("; 1 failed; ") && !sum.contains("--from"), "{sum}");
        assert!(report.end(Ok(()), Rest::Unknown).is_err_and(|failure| failure.kind() == Some(Kind::Failed)));
    }
}

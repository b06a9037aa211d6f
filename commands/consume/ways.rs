//! The ways in which a member of a group consumes: in order, every member everything, and failing on purpose.

use super::start::Start;
use crate::failure::{Failure, Kind};
use client::{Mode, PushOptions, StartFrom};
use tokio::time::Duration;

/// How often brokers are told how far the group came.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// How many messages come at once.
const BATCH: usize = 32;

/// The options of members of a group.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "As a member of a group")]
pub struct Ways {
    /// One message of a queue after the other: queues are locked for this member
    #[arg(long, requires = "group", conflicts_with = "end")]
    ordered: bool,
    /// Every message to every member: positions are kept in a file of this machine
    #[arg(long, requires = "group", conflicts_with = "end")]
    pub broadcast: bool,
    /// Which of several broadcast members on this machine this one is: each has positions of its own
    #[arg(long, value_name = "NAME", requires = "broadcast", value_parser = instance)]
    pub instance: Option<String>,
    /// Answer every Nth message that it is to come again, to try retries and dead letters; such a message is named on
    /// standard error and not printed
    #[arg(long, value_name = "N", requires = "group", conflicts_with_all = ["end", "broadcast"],
          value_parser = clap::value_parser!(u64).range(1..))]
    fail_every: Option<u64>,
    /// How often a message comes again before it is a dead letter [default: 16, or without end with --ordered]
    #[arg(long, value_name = "N", requires = "group", conflicts_with_all = ["end", "broadcast"],
          value_parser = clap::value_parser!(i32).range(0..))]
    max_retries: Option<i32>,
    /// Tell the topic of traces when messages came and what became of them, for brokers with traceTopicEnable
    #[arg(long, requires = "group", conflicts_with_all = ["end", "pop"])]
    trace: bool,
    /// Only look: no group takes part and no offset is moved, which is what happens without --group
    #[arg(long, conflicts_with = "group")]
    no_group: bool,
}

impl Ways {
    /// The settings of the consumer. `one_by_one` keeps it from taking more messages than it prints.
    ///
    /// # Errors
    /// If it cannot begin where `from` says.
    pub fn options(&self, one_by_one: bool, from: Start) -> Result<PushOptions, Failure> {
        Ok(PushOptions {
            start_from: if self.broadcast { begin(from)? } else { StartFrom::First },
            concurrency: 1,
            // A batch is answered as a whole.
            batch: if one_by_one || self.fail_every.is_some() { 1 } else { BATCH },
            persist_period: COMMIT_EVERY,
            mode: if self.ordered { Mode::Ordered } else { Mode::Concurrent },
            broadcast: self.broadcast,
            max_reconsume_times: self.max_retries,
            trace: self.trace,
            ..PushOptions::default()
        })
    }

    /// Whether the message of this number, from 1, is one to fail on.
    pub fn fails(&self, number: u64) -> bool {
        self.fail_every.is_some_and(|every| number.is_multiple_of(every))
    }
}

/// Where a broadcast member begins that was never here. Queues have no common offset.
fn begin(from: Start) -> Result<StartFrom, Failure> {
    match from {
        Start::First => Ok(StartFrom::First),
        Start::Last => Ok(StartFrom::Last),
        Start::Time(time_ms) => Ok(StartFrom::Time(time_ms)),
        Start::Offset(_) | Start::BeforeEnd(_) => {
            Err(Failure::new(Kind::Usage, "--broadcast begins at first, last or a time: --from says an offset"))
        }
    }
}

/// A part of a client's id, and of a path.
fn instance(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !text.is_empty() && text.chars().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err("expected letters, digits, _ and -".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nth_message_fails_and_none_unless_asked() {
        let ways = Ways { fail_every: Some(3), ..Ways::default() };
        assert_eq!((1..8).filter(|number| ways.fails(*number)).collect::<Vec<_>>(), [3, 6]);
        assert!(!(1..8).any(|number| Ways::default().fails(number)));
    }

    #[test]
    fn what_is_answered_alone_comes_alone() {
        let batch = |ways: Ways, one_by_one| ways.options(one_by_one, Start::First).unwrap().batch;
        assert_eq!((batch(Ways::default(), false), batch(Ways::default(), true)), (BATCH, 1));
        assert_eq!(batch(Ways { fail_every: Some(2), ..Ways::default() }, false), 1);
    }

    #[test]
    fn a_broadcast_member_begins_where_every_queue_has_a_place() {
        let broadcast = Ways { broadcast: true, ..Ways::default() };
        let begin = |from| broadcast.options(false, from).map(|options| options.start_from);
        assert_eq!(begin(Start::Last).ok(), Some(StartFrom::Last));
        assert_eq!(begin(Start::Time(7)).ok(), Some(StartFrom::Time(7)));
        assert!(begin(Start::Offset(7)).is_err_and(|failure| failure.kind() == Some(Kind::Usage)));
    }

    #[test]
    fn an_instance_is_no_path() {
        assert_eq!(instance("second-1"), Ok("second-1".to_owned()));
        assert!(instance("../x").is_err() && instance("").is_err() && instance("a@b").is_err());
    }
}

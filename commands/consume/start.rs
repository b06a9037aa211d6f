//! Where `rmq consume` begins in a queue, and where the queue ends at that moment.

use crate::{failure::Failure, when};
use client::{Error, PullConsumer, Queue};
use futures_util::future::try_join_all;

/// Numbers from here on are milliseconds since 1970 (this one is in 1973), not offsets.
const LEAST_TIME: u64 = 100_000_000_000;

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message.
    First,
    /// With the next one to come.
    Last,
    /// With this index of each queue.
    Offset(i64),
    /// So many before the end of each queue.
    BeforeEnd(i64),
    /// With the first message stored at or after this time, ms.
    Time(i64),
}

/// A queue, and what of it was there at the start.
pub struct Span {
    /// The queue.
    pub queue: Queue,
    /// Where to begin.
    pub begin: i64,
    /// Where it ended.
    pub end: i64,
    /// Nobody has been there before, as far as the brokers know.
    pub is_new: bool,
    /// Messages stored before this time, ms, are not wanted.
    pub not_before_ms: i64,
}

/// Reads where to begin.
///
/// # Errors
/// What it may look like.
pub fn argument(text: &str) -> Result<Start, String> {
    match text {
        "first" => return Ok(Start::First),
        "last" => return Ok(Start::Last),
        _ => {}
    }
    if let Some(before) = text.strip_prefix('-').and_then(|number| number.parse::<u32>().ok()) {
        return Ok(Start::BeforeEnd(before.into()));
    }
    match text.parse::<u64>() {
        Ok(number) if number < LEAST_TIME => Ok(Start::Offset(number as i64)),
        _ => when::argument(text)
            .map(Start::Time)
            .map_err(|_| format!("expected first, last, an offset, -N for the last N, or {}", &when::EXPECTED[2..])),
    }
}

/// What each queue of a topic holds, and where to begin: where the group goes on, if one counts, else where `from` says.
///
/// # Errors
/// If there is no such topic, or a broker cannot be asked.
pub async fn spans(consumer: &PullConsumer, topic: &str, in_group: bool, from: &Start) -> Result<Vec<Span>, Failure> {
    let queues = queues(consumer, topic).await?;
    try_join_all(queues.into_iter().map(|queue| span(consumer, in_group, queue, from))).await
}

/// The queues of a topic that exists.
///
/// # Errors
/// If there is no such topic, or no name server answers.
pub async fn queues(consumer: &PullConsumer, topic: &str) -> Result<Vec<Queue>, Failure> {
    consumer.queues(topic).await.map_err(|error| match error {
        Error::TopicNotFound { .. } => Failure::no_topic(topic),
        other => other.into(),
    })
}

/// Finds where to begin in `queue`: where the group goes on, if one counts and has been there, else where `from` says.
async fn span(consumer: &PullConsumer, in_group: bool, queue: Queue, from: &Start) -> Result<Span, Failure> {
    let client = consumer.client();
    let (first, end) = (client.min_offset(&queue).await?, client.max_offset(&queue).await?);
    let committed = if in_group { consumer.committed(&queue).await? } else { None };
    let begin = match (committed, *from) {
        (Some(committed), _) => committed,
        (None, Start::First) => first,
        (None, Start::Last) => end,
        (None, Start::Offset(offset)) => offset,
        (None, Start::BeforeEnd(count)) => end.saturating_sub(count),
        (None, Start::Time(time_ms)) => client.offset_at(&queue, time_ms).await?,
    };
    // A broker that finds no message of that time answers with the nearest one, which may be older.
    let not_before_ms = match (committed, *from) {
        (None, Start::Time(time_ms)) => time_ms,
        _ => i64::MIN,
    };
    // A queue that is deleted from meanwhile may have its first index after its end.
    Ok(Span { queue, begin: begin.min(end).max(first), end, is_new: committed.is_none(), not_before_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_offsets_and_times_are_told_apart() {
        for (text, start) in [
            ("first", Start::First),
            ("last", Start::Last),
            ("0", Start::Offset(0)),
            ("99999999999", Start::Offset(99_999_999_999)),
            ("100000000000", Start::Time(100_000_000_000)),
            ("1767323045000", Start::Time(1_767_323_045_000)),
            ("-20", Start::BeforeEnd(20)),
            ("2026-01-02T03:04:05Z", Start::Time(1_767_323_045_000)),
        ] {
            assert_eq!(argument(text), Ok(start), "{text}");
        }
        assert!(matches!(argument("-10m"), Ok(Start::Time(_))));
        let error = argument("newest").unwrap_err();
        assert!(error.contains("first, last, an offset") && error.contains("-10m"), "{error}");
    }
}

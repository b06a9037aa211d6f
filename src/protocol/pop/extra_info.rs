//! What a popped message's acknowledgement must say, and the lists from which clients put that together.
//!
//! ```text
//! extraInfo        startOffset popTime invisibleTime reviveQueue origin brokerName queueId [offset]
//! startOffsetInfo  origin queueId startOffset; …
//! msgOffsetInfo    origin queueId offset,offset,…; …
//! orderCountInfo   origin queueId count; origin qoQUEUE%OFFSET count; …
//! ```
//! Source: `ExtraInfoUtil` and `KeyBuilder` of Apache RocketMQ 5.3.3.

use crate::topic::RETRY_PREFIX;
use std::{collections::BTreeMap, fmt, fmt::Write as _, str::FromStr};

/// Which of a topic's topics a message was popped from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The topic itself.
    Topic,
    /// The group's retry topic for it: `%RETRY%group_topic`.
    Retry,
    /// The group's retry topic for it, as some brokers of 5.x name it: `%RETRY%group+topic`.
    RetryV2,
}

impl Origin {
    /// As written.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Topic => "0",
            Self::Retry => "1",
            Self::RetryV2 => "2",
        }
    }

    /// The origin with this mark.
    pub fn from_mark(mark: &str) -> Option<Self> {
        [Self::Topic, Self::Retry, Self::RetryV2].into_iter().find(|origin| origin.mark() == mark)
    }

    /// Where messages of `topic` lie for `group`.
    pub fn topic(self, topic: &str, group: &str) -> String {
        match self {
            Self::Topic => topic.to_owned(),
            Self::Retry => format!("{RETRY_PREFIX}{group}_{topic}"),
            Self::RetryV2 => format!("{RETRY_PREFIX}{group}+{topic}"),
        }
    }
}

/// The topic whose messages lie in `topic` for `group`: what [`Origin::topic`] made it from.
pub fn plain_topic<'a>(topic: &'a str, group: &str) -> &'a str {
    let retry = topic.strip_prefix(RETRY_PREFIX).and_then(|rest| rest.strip_prefix(group));
    retry.and_then(|rest| rest.strip_prefix(['_', '+'])).unwrap_or(topic)
}

/// What a client gives back to acknowledge a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraInfo {
    /// Where the pop of its queue began.
    pub start_offset: i64,
    /// When it was popped, ms.
    pub pop_time: i64,
    /// For how long it is invisible, ms.
    pub invisible_time: i64,
    /// Where the broker notes it.
    pub revive_queue: i32,
    /// Which topic it was popped from.
    pub origin: Origin,
    /// The broker.
    pub broker_name: String,
    /// Its queue.
    pub queue_id: i32,
    /// Its offset there; acknowledgements give it beside, too.
    pub offset: Option<i64>,
}

/// Why a text is none of the forms above.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// Another number of parts.
    #[error("{what} {text:?} has {parts} parts")]
    Parts {
        /// Which form.
        what: &'static str,
        /// The text.
        text: String,
        /// How many parts it has.
        parts: usize,
    },
    /// A part that is not what it should be.
    #[error("the {what} {text:?} is none")]
    Part {
        /// Which part.
        what: &'static str,
        /// What stands there.
        text: String,
    },
    /// Two entries for one queue.
    #[error("{0:?} names a queue twice")]
    Twice(String),
}

fn number<T: FromStr>(what: &'static str, text: &str) -> Result<T, InfoError> {
    text.parse().map_err(|_| InfoError::Part { what, text: text.to_owned() })
}

fn origin(text: &str) -> Result<Origin, InfoError> {
    Origin::from_mark(text).ok_or_else(|| InfoError::Part { what: "retry mark", text: text.to_owned() })
}

impl FromStr for ExtraInfo {
    type Err = InfoError;

    fn from_str(text: &str) -> Result<Self, InfoError> {
        let parts: Vec<&str> = text.split(' ').collect();
        let (&[start, popped, invisible, revive, mark, broker, queue], rest) =
            parts.split_first_chunk::<7>().filter(|(_, rest)| rest.len() <= 1).ok_or_else(|| InfoError::Parts {
                what: "extraInfo",
                text: text.chars().take(200).collect(),
                parts: parts.len(),
            })?;
        Ok(Self {
            start_offset: number("start offset", start)?,
            pop_time: number("pop time", popped)?,
            invisible_time: number("invisible time", invisible)?,
            revive_queue: number("revive queue", revive)?,
            origin: origin(mark)?,
            broker_name: broker.to_owned(),
            queue_id: number("queue id", queue)?,
            offset: rest.first().map(|offset| number("offset", offset)).transpose()?,
        })
    }
}

impl fmt::Display for ExtraInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start_offset, pop_time, invisible_time, revive_queue, origin, broker_name, queue_id, offset } = self;
        let mark = origin.mark();
        write!(f, "{start_offset} {pop_time} {invisible_time} {revive_queue} {mark} {broker_name} {queue_id}")?;
        offset.map_or(Ok(()), |offset| write!(f, " {offset}"))
    }
}

fn entry(text: &mut String, origin: Origin, write: impl FnOnce(&mut String) -> fmt::Result) {
    if !text.is_empty() {
        text.push(';');
    }
    text.push_str(origin.mark());
    text.push(' ');
    // Writing to a string does not fail.
    let _ = write(text);
}

/// Appends a queue to a `startOffsetInfo`.
pub fn push_start(text: &mut String, origin: Origin, queue_id: i32, start_offset: i64) {
    entry(text, origin, |text| write!(text, "{queue_id} {start_offset}"));
}

/// Appends a queue to a `msgOffsetInfo`.
pub fn push_offsets(text: &mut String, origin: Origin, queue_id: i32, mut offsets: impl Iterator<Item = i64>) {
    entry(text, origin, |text| {
        write!(text, "{queue_id} {}", offsets.next().unwrap_or_default())?;
        offsets.try_for_each(|offset| write!(text, ",{offset}"))
    });
}

/// Appends to an `orderCountInfo` how often a message was popped before.
pub fn push_count(text: &mut String, origin: Origin, queue_id: i32, offset: i64, count: i32) {
    entry(text, origin, |text| write!(text, "{} {count}", count_key(queue_id, offset)));
}

/// Appends to an `orderCountInfo` how often all messages of a queue were popped before: what older clients look at.
pub fn push_queue_count(text: &mut String, origin: Origin, queue_id: i32, count: i32) {
    entry(text, origin, |text| write!(text, "{queue_id} {count}"));
}

/// The key of a message in an `orderCountInfo`.
pub fn count_key(queue_id: i32, offset: i64) -> String {
    format!("qo{queue_id}%{offset}")
}

/// The entries of one of the lists: origin and key → value.
///
/// # Errors
/// An entry that is none, or a key that occurs twice.
pub fn entries(text: &str) -> Result<BTreeMap<(Origin, &str), &str>, InfoError> {
    let mut found = BTreeMap::new();
    for one in text.split(';').filter(|one| !one.is_empty()) {
        let parts: Vec<&str> = one.split(' ').collect();
        let &[mark, key, value] = parts.as_slice() else {
            return Err(InfoError::Parts { what: "the entry", text: one.to_owned(), parts: parts.len() });
        };
        if found.insert((origin(mark)?, key), value).is_some() {
            return Err(InfoError::Twice(one.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_info_is_read_as_it_is_written_with_and_without_an_offset() {
        let text = "17 1700000000000 60000 0 1 broker-a 3 19";
        let info: ExtraInfo = text.parse().unwrap();
        assert_eq!((info.start_offset, info.origin, info.offset), (17, Origin::Retry, Some(19)));
        assert_eq!(info.to_string(), text);
        let without: ExtraInfo = text.trim_end_matches(" 19").parse().unwrap();
        assert_eq!(without, ExtraInfo { offset: None, ..info });
        for bad in [
            "",
            "17",
            "17 1 1 0 1 b",
            "17 1 1 0 9 b 3",
            "x 1 1 0 1 b 3",
            "17 1 1 0 1 b 3 4 5",
            "1 1 1 1 1 b 99999999999",
        ] {
            assert!(bad.parse::<ExtraInfo>().is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_are_built_as_apache_builds_them() {
        let (mut starts, mut offsets, mut counts) = (String::new(), String::new(), String::new());
        push_start(&mut starts, Origin::Topic, 0, 7);
        push_start(&mut starts, Origin::Retry, 1, 0);
        push_offsets(&mut offsets, Origin::Topic, 0, [7, 9].into_iter());
        push_offsets(&mut offsets, Origin::RetryV2, 1, [0].into_iter());
        push_count(&mut counts, Origin::Topic, 2, 7, 1);
        push_queue_count(&mut counts, Origin::Topic, 2, 0);
        assert_eq!(starts, "0 0 7;1 1 0");
        assert_eq!(offsets, "0 0 7,9;2 1 0");
        assert_eq!(counts, "0 qo2%7 1;0 2 0");
        assert_eq!(entries(&offsets).unwrap()[&(Origin::Topic, "0")], "7,9");
        assert!(entries("0 0 7;0 0 8").is_err() && entries("0 0").is_err() && entries("3 0 7").is_err());
        assert!(entries("").unwrap().is_empty());
    }

    #[test]
    fn retry_topics_lead_back_to_their_topic() {
        for origin in [Origin::Topic, Origin::Retry, Origin::RetryV2] {
            let topic = origin.topic("a_b", "g_1");
            assert_eq!(plain_topic(&topic, "g_1"), "a_b", "{topic}");
        }
        assert_eq!(plain_topic("%RETRY%other_a_b", "g_1"), "%RETRY%other_a_b");
    }
}

//! What became of a message, as its producer and consumers told the topic of traces: who sent it and who got it, when, and
//! how that went. Only those tell that are set up to.
//!
//! Source of the text: `TraceDataEncoder` of Apache RocketMQ 4.9.8. Fields that older clients leave out are not known.

use crate::{Admin, Error, KeyQuery, snapshot::Unknown};
use client::Received;
use protocol::topic::TRACE_TOPIC;
use serde::{Deserialize, Serialize};

/// Most records that a broker's index gives at once. Source: `maxMsgsNumBatch`.
const MOST: i32 = 64;
const FIELD: char = '\u{1}';
const RECORD: char = '\u{2}';
/// What is written where there is nothing.
const NOTHING: &str = "null";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// A broker answered its producer.
    Sent,
    /// A consumer is about to be called with it.
    Given,
    /// The consumer is done.
    Consumed,
    /// Its transaction ended.
    Ended,
}

/// What was told of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// What happened.
    pub step: Step,
    /// When it began or, for what consumers are done with, ended, ms.
    pub at_ms: Option<i64>,
    /// The group of who told it.
    pub group: Option<String>,
    /// Where that one is.
    pub told_by: String,
    /// The broker that stored the message.
    pub stored_at: Option<String>,
    /// How long it took, ms.
    pub cost_ms: Option<i64>,
    /// Whether it went well.
    pub ok: Option<bool>,
    /// How often it had been delivered before.
    pub times: Option<i64>,
    /// What the records before and behind a call have in common.
    pub call: Option<String>,
    /// How a transaction ended: `COMMIT_MESSAGE`, `ROLLBACK_MESSAGE`, `UNKNOW`.
    pub state: Option<String>,
}

/// All that was told of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// In the order of time.
    pub records: Vec<TraceRecord>,
    /// Which brokers could not be asked, and why.
    pub missing: Vec<(String, Unknown)>,
    /// Whether there may be more than a broker gives at once.
    pub may_lack: bool,
}

impl Admin {
    /// What was told of the message with this id, the one its producer gave it.
    ///
    /// # Errors
    /// [`client::Error::TopicNotFound`] if the cluster keeps no traces, or that of asking for the route. A broker that fails
    /// is told in the answer.
    pub async fn trace(&self, id: &str) -> Result<Trace, Error> {
        let found = self.find(&KeyQuery { max: MOST, ..KeyQuery::new(TRACE_TOPIC, id) }).await?;
        let mut trace = Trace::default();
        for (broker, error) in found.failures() {
            trace.missing.push((broker.name.clone(), Unknown::from(error)));
        }
        for (_, messages) in found.answers() {
            trace.may_lack |= messages.len() >= MOST as usize;
            trace.records.extend(messages.iter().flat_map(|message| of_message(message, id)));
        }
        // Clients before 4.5 leave out of what group and when a call ended.
        for at in 0..trace.records.len() {
            let (call, lacks) = (trace.records[at].call.clone(), trace.records[at].group.is_none());
            if lacks && call.is_some() {
                let begun = trace.records.iter().find(|record| record.step == Step::Given && record.call == call);
                trace.records[at].group = begun.and_then(|record| record.group.clone());
            }
        }
        trace.records.sort_by_key(|record| (record.at_ms, record.step as u8));
        Ok(trace)
    }
}

fn of_message(message: &Received, id: &str) -> Vec<TraceRecord> {
    let text = String::from_utf8_lossy(&message.body);
    let told_by = message.born_host.to_string();
    text.split_terminator(RECORD).filter_map(|record| read(record, id, &told_by)).collect()
}

/// One record, if it is of that message.
fn read(text: &str, id: &str, told_by: &str) -> Option<TraceRecord> {
    let fields: Vec<&str> = text.split(FIELD).collect();
    let field = |at: usize| fields.get(at).copied().filter(|field| !field.is_empty() && *field != NOTHING);
    let owned = |at: usize| field(at).map(str::to_owned);
    let number = |at: usize| field(at).and_then(|field| field.parse::<i64>().ok());
    let flag = |at: usize| field(at).and_then(|field| field.parse::<bool>().ok());
    let empty = TraceRecord {
        step: Step::Sent,
        at_ms: None,
        group: None,
        told_by: told_by.to_owned(),
        stored_at: None,
        cost_ms: None,
        ok: None,
        times: None,
        call: None,
        state: None,
    };
    let (of, record) = match *fields.first()? {
        "Pub" => {
            // Of the oldest clients without the id by place.
            let ok = if fields.len() == 13 { flag(12) } else { flag(13) };
            let record = TraceRecord {
                at_ms: number(1),
                group: owned(3),
                stored_at: owned(8),
                cost_ms: number(10),
                ok,
                ..empty
            };
            (5, record)
        }
        "SubBefore" => {
            let step = Step::Given;
            (5, TraceRecord { step, at_ms: number(1), group: owned(3), call: owned(4), times: number(6), ..empty })
        }
        "SubAfter" => {
            let (step, at_ms, group) = (Step::Consumed, number(7), owned(8));
            (2, TraceRecord { step, call: owned(1), cost_ms: number(3), ok: flag(4), at_ms, group, ..empty })
        }
        "EndTransaction" => {
            let step = Step::Ended;
            (5, TraceRecord { step, at_ms: number(1), group: owned(3), stored_at: owned(8), state: owned(11), ..empty })
        }
        _ => return None,
    };
    // Of a batch there are several.
    field(of)?.split(',').any(|one| one == id).then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_every_kind_are_read_and_those_of_other_messages_left_out() {
        let sent = "Pub\u{1}1795359440477\u{1}DefaultRegion\u{1}G\u{1}T\u{1}X,ID\u{1}red\u{1}k1\u{1}127.0.0.1:10911\u{1}5\u{1}12\u{1}3\u{1}OFF\u{1}true";
        let record = read(sent, "ID", "c:1").unwrap();
        assert_eq!(
            (record.step, record.at_ms, record.cost_ms, record.ok),
            (Step::Sent, Some(1_795_359_440_477), Some(12), Some(true))
        );
        assert_eq!((record.group.as_deref(), record.stored_at.as_deref()), (Some("G"), Some("127.0.0.1:10911")));
        assert_eq!(read(sent, "I", "c:1"), None, "an id is more than its beginning");
        let before = "SubBefore\u{1}7\u{1}null\u{1}G\u{1}REQ\u{1}ID\u{1}2\u{1}null";
        let record = read(before, "ID", "c:1").unwrap();
        assert_eq!((record.step, record.call.as_deref(), record.times), (Step::Given, Some("REQ"), Some(2)));
        let after =
            read("SubAfter\u{1}REQ\u{1}ID\u{1}7\u{1}false\u{1}k1\u{1}4\u{1}1795359440477\u{1}G", "ID", "c:1").unwrap();
        assert_eq!((after.step, after.ok, after.group.as_deref()), (Step::Consumed, Some(false), Some("G")));
        let ended = "EndTransaction\u{1}9\u{1}r\u{1}G\u{1}T\u{1}ID\u{1}null\u{1}null\u{1}b:1\u{1}2\u{1}TX\u{1}COMMIT_MESSAGE\u{1}false";
        assert_eq!(read(ended, "ID", "c:1").unwrap().state.as_deref(), Some("COMMIT_MESSAGE"));
    }

    #[test]
    fn what_a_record_lacks_is_not_known_and_what_is_none_is_passed_over() {
        let old = read("SubAfter\u{1}REQ\u{1}ID\u{1}x\u{1}true", "ID", "c:1").unwrap();
        assert_eq!((old.at_ms, old.group, old.cost_ms, old.ok), (None, None, None, Some(true)));
        let oldest = "Pub\u{1}7\u{1}r\u{1}G\u{1}T\u{1}ID\u{1}t\u{1}k\u{1}h\u{1}5\u{1}12\u{1}0\u{1}true";
        assert_eq!(read(oldest, "ID", "c:1").unwrap().ok, Some(true));
        for text in ["", "Pub", "Unknown\u{1}ID", "\u{1}\u{1}"] {
            assert_eq!(read(text, "ID", "c:1"), None, "{text:?}");
        }
    }
}

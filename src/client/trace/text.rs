//! The text of trace records: what was sent, what a handler is about to get, and what it said.
//!
//! ```text
//! Pub       time region group topic id tag keys broker body-length cost kind offset-id ok
//! SubBefore time region group call id times keys
//! SubAfter  call id cost ok keys code time group
//! ```
//! Fields have U+0001 between them, a record ends with U+0002. Times and costs are in ms. What is not there is written as
//! `null`: a reader of Apache RocketMQ does not survive a record whose last field is empty.
//! Source: `TraceDataEncoder` of Apache RocketMQ.

use crate::message::Received;
use protocol::properties::{self, KEY_SEPARATOR, KEYS, MSG_REGION, TAGS};
use std::fmt::{Display, Write};

const NOTHING: &str = "null";

/// Text for the trace topic, and the keys by which it can be found there.
#[derive(Debug, PartialEq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) keys: Vec<String>,
}

/// A message, or a batch of them, that a broker has answered.
pub(crate) struct Sent<'a> {
    pub(crate) began_ms: i64,
    pub(crate) cost_ms: i64,
    pub(crate) region: &'a str,
    pub(crate) group: &'a str,
    pub(crate) topic: &'a str,
    /// Of a batch all, with commas between.
    pub(crate) ids: &'a str,
    pub(crate) properties: &'a str,
    pub(crate) broker_addr: &'a str,
    /// As it was sent.
    pub(crate) body_len: usize,
    pub(crate) kind: Kind,
    pub(crate) offset_id: &'a str,
    /// It got as far as it should.
    pub(crate) ok: bool,
}

/// The number is that of `MessageType`.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Normal = 0,
    Half = 1,
    Delayed = 3,
}

/// What became of a call of a handler. The number is that of `ConsumeReturnType`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Said {
    Success = 0,
    Panicked = 2,
    Later = 4,
}

impl Sent<'_> {
    pub(crate) fn text(&self) -> Text {
        let keys = properties::get(self.properties, KEYS);
        let mut text = String::with_capacity(256);
        let tag = properties::get(self.properties, TAGS).unwrap_or(NOTHING);
        push(&mut text, &[&"Pub", &self.began_ms, &self.region, &self.group, &self.topic, &self.ids, &tag]);
        text.push(FIELD);
        push(&mut text, &[&keys.unwrap_or(NOTHING), &self.broker_addr, &self.body_len, &self.cost_ms]);
        text.push(FIELD);
        push(&mut text, &[&(self.kind as i32), &self.offset_id, &self.ok]);
        text.push(RECORD);
        Text { text, keys: self.ids.split(',').chain(each(keys)).map(str::to_owned).collect() }
    }
}

/// What of a message the records of a call need.
pub(crate) struct Given {
    id: String,
    keys: Option<String>,
    region: Option<String>,
    times: i32,
}

impl Given {
    pub(crate) fn of(message: &Received) -> Self {
        Self {
            id: message.message_id(),
            keys: message.properties.get(KEYS).map(str::to_owned),
            region: message.properties.get(MSG_REGION).map(str::to_owned),
            times: message.reconsume_times,
        }
    }
}

/// A handler is called with these messages. `call` is what the records before and after it have in common.
pub(crate) fn before(given: &[Given], call: &str, group: &str, now_ms: i64) -> Text {
    let mut text = String::with_capacity(128 * given.len());
    for Given { id, keys, region, times } in given {
        let (region, keys) = (or_nothing(region), or_nothing(keys));
        push(&mut text, &[&"SubBefore", &now_ms, &region, &group, &call, id, times, &keys]);
        text.push(RECORD);
    }
    Text { text, keys: keys_of(given) }
}

/// The handler has ended. `cost_ms` is that of one message.
pub(crate) fn after(given: &[Given], call: &str, group: &str, now_ms: i64, cost_ms: i64, said: Said) -> Text {
    let mut text = String::with_capacity(128 * given.len());
    for Given { id, keys, .. } in given {
        let (ok, code) = (said == Said::Success, said as i32);
        push(&mut text, &[&"SubAfter", &call, id, &cost_ms, &ok, &or_nothing(keys), &code, &now_ms, &group]);
        text.push(RECORD);
    }
    Text { text, keys: keys_of(given) }
}

const FIELD: char = '\u{1}';
const RECORD: char = '\u{2}';

fn push(text: &mut String, fields: &[&dyn Display]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            text.push(FIELD);
        }
        // A string takes everything.
        let _ = write!(text, "{field}");
    }
}

fn or_nothing(field: &Option<String>) -> &str {
    field.as_deref().unwrap_or(NOTHING)
}

fn each(keys: Option<&str>) -> impl Iterator<Item = &str> {
    keys.unwrap_or_default().split(KEY_SEPARATOR).filter(|key| !key.is_empty())
}

fn keys_of(given: &[Given]) -> Vec<String> {
    let keys = |given: &Given| {
        let keys = each(given.keys.as_deref()).map(str::to_owned).collect::<Vec<_>>();
        std::iter::once(given.id.clone()).chain(keys).collect::<Vec<_>>()
    };
    given.iter().flat_map(keys).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_359_440_477;

    fn sent(properties: &str, kind: Kind, ok: bool) -> Text {
        let sent = Sent {
            began_ms: NOW_MS,
            cost_ms: 12,
            region: "DefaultRegion",
            group: "G",
            topic: "T",
            ids: "ID",
            properties,
            broker_addr: "127.0.0.1:10911",
            body_len: 5,
            kind,
            offset_id: "OFF",
            ok,
        };
        sent.text()
    }

    fn given(id: &str, keys: Option<&str>, times: i32) -> Given {
        Given { id: id.to_owned(), keys: keys.map(str::to_owned), region: None, times }
    }

    // The text of these tests is what Apache's encoder (4.9.8) makes of the same.

    #[test]
    fn a_send_is_written_as_apaches_encoder_writes_it() {
        let full = sent("TAGS\u{1}red\u{2}KEYS\u{1}k1 k2\u{2}", Kind::Delayed, true);
        let text = concat!(
            "Pub\u{1}1795359440477\u{1}DefaultRegion\u{1}G\u{1}T\u{1}ID\u{1}red\u{1}k1 k2\u{1}127.0.0.1:10911\u{1}5\u{1}",
            "12\u{1}3\u{1}OFF\u{1}true\u{2}"
        );
        assert_eq!((&*full.text, full.keys.join(" ")), (text, "ID k1 k2".to_owned()));
        let bare = sent("", Kind::Normal, false);
        let text = concat!(
            "Pub\u{1}1795359440477\u{1}DefaultRegion\u{1}G\u{1}T\u{1}ID\u{1}null\u{1}null\u{1}127.0.0.1:10911\u{1}5\u{1}",
            "12\u{1}0\u{1}OFF\u{1}false\u{2}"
        );
        assert_eq!((&*bare.text, bare.keys.join(" ")), (text, "ID".to_owned()));
        assert!(sent("", Kind::Half, true).text.contains("\u{1}12\u{1}1\u{1}OFF"));
    }

    #[test]
    fn a_call_is_written_as_apaches_encoder_writes_it() {
        let given = [given("ID1", Some("k1"), 2), given("ID2", None, 0)];
        let begun = before(&given, "REQ", "G", NOW_MS);
        let text = concat!(
            "SubBefore\u{1}1795359440477\u{1}null\u{1}G\u{1}REQ\u{1}ID1\u{1}2\u{1}k1\u{2}",
            "SubBefore\u{1}1795359440477\u{1}null\u{1}G\u{1}REQ\u{1}ID2\u{1}0\u{1}null\u{2}"
        );
        assert_eq!((&*begun.text, begun.keys.join(" ")), (text, "ID1 k1 ID2".to_owned()));
        let ended = after(&given, "REQ", "G", NOW_MS, 7, Said::Later);
        let text = concat!(
            "SubAfter\u{1}REQ\u{1}ID1\u{1}7\u{1}false\u{1}k1\u{1}4\u{1}1795359440477\u{1}G\u{2}",
            "SubAfter\u{1}REQ\u{1}ID2\u{1}7\u{1}false\u{1}null\u{1}4\u{1}1795359440477\u{1}G\u{2}"
        );
        assert_eq!((&*ended.text, ended.keys.join(" ")), (text, "ID1 k1 ID2".to_owned()));
    }
}

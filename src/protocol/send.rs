//! Sending: its request header in both spellings, its answer, and the body of a batch.
//!
//! Source: `SendMessageRequestHeader`, `SendMessageRequestHeaderV2`, `SendMessageResponseHeader`, `MessageDecoder`.

use base::{Fields, flat::FieldError};
use bytes::{Buf, BufMut, Bytes};
use serde::{Deserialize, Serialize};

/// Asks to store a message (10, 310) or a batch (320). Reading borrows: this header is read for every message.
#[derive(Clone, Debug, PartialEq)]
pub struct SendHeader<'a> {
    /// The sender's group.
    pub producer_group: &'a str,
    /// Where to.
    pub topic: &'a str,
    /// Topic whose settings a new topic inherits.
    pub default_topic: &'a str,
    /// Queues a new topic should have.
    pub default_topic_queue_nums: i32,
    /// Which queue; negative: the broker chooses.
    pub queue_id: i32,
    /// The record's system flag.
    pub sys_flag: i32,
    /// When the message was made, ms.
    pub born_ms: i64,
    /// The application's flag.
    pub flag: i32,
    /// The property string.
    pub properties: &'a str,
    /// Times redelivered.
    pub reconsume_times: i32,
    /// Whether the cluster is unitized.
    pub unit_mode: bool,
    /// Whether the body is a batch.
    pub batch: bool,
    /// Times a message may be redelivered, for retry topics.
    pub max_reconsume_times: Option<i32>,
}

impl<'a> SendHeader<'a> {
    /// Reads the header in its long (10) or one-letter (310, 320) spelling.
    ///
    /// # Errors
    /// Names the field that is missing or malformed.
    pub fn read(fields: &'a Fields) -> Result<Self, FieldError> {
        let mut header = Self {
            producer_group: "",
            topic: "",
            default_topic: "",
            default_topic_queue_nums: 0,
            queue_id: 0,
            sys_flag: 0,
            born_ms: 0,
            flag: 0,
            properties: "",
            reconsume_times: 0,
            unit_mode: false,
            batch: false,
            max_reconsume_times: None,
        };
        // One bit for each required field, in the order of `REQUIRED`.
        let mut seen = 0u8;
        for (name, value) in fields.iter() {
            match name {
                "a" | "producerGroup" => (header.producer_group, seen) = (value, seen | 1),
                "b" | "topic" => (header.topic, seen) = (value, seen | 2),
                "c" | "defaultTopic" => (header.default_topic, seen) = (value, seen | 4),
                "d" | "defaultTopicQueueNums" => {
                    (header.default_topic_queue_nums, seen) = (number(name, value)?, seen | 8);
                }
                "e" | "queueId" => (header.queue_id, seen) = (number(name, value)?, seen | 16),
                "f" | "sysFlag" => (header.sys_flag, seen) = (number(name, value)?, seen | 32),
                "g" | "bornTimestamp" => (header.born_ms, seen) = (number(name, value)?, seen | 64),
                "h" | "flag" => (header.flag, seen) = (number(name, value)?, seen | 128),
                "i" | "properties" => header.properties = value,
                "j" | "reconsumeTimes" if !value.is_empty() => header.reconsume_times = number(name, value)?,
                "k" | "unitMode" => header.unit_mode = truth(value),
                "l" | "maxReconsumeTimes" if !value.is_empty() => {
                    header.max_reconsume_times = Some(number(name, value)?);
                }
                "m" | "batch" => header.batch = truth(value),
                _ => {}
            }
        }
        match seen.trailing_ones() as usize {
            8 => Ok(header),
            first => Err(FieldError::Invalid(format!("missing field `{}`", REQUIRED[first]))),
        }
    }

    /// The fields of the one-letter spelling (310, 320), with the broker's name as newer clients send it.
    pub fn write(&self, broker_name: &str) -> Fields {
        let mut fields = Fields::with_capacity(14, 160 + self.properties.len());
        let mut number = itoa::Buffer::new();
        fields.push("a", self.producer_group);
        fields.push("b", self.topic);
        fields.push("c", self.default_topic);
        fields.push("d", number.format(self.default_topic_queue_nums));
        fields.push("e", number.format(self.queue_id));
        fields.push("f", number.format(self.sys_flag));
        fields.push("g", number.format(self.born_ms));
        fields.push("h", number.format(self.flag));
        fields.push("i", self.properties);
        fields.push("j", number.format(self.reconsume_times));
        fields.push("k", if self.unit_mode { "true" } else { "false" });
        if let Some(max) = self.max_reconsume_times {
            fields.push("l", number.format(max));
        }
        fields.push("m", if self.batch { "true" } else { "false" });
        fields.push("n", broker_name);
        fields
    }
}

const REQUIRED: [&str; 8] =
    ["producerGroup", "topic", "defaultTopic", "defaultTopicQueueNums", "queueId", "sysFlag", "bornTimestamp", "flag"];

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, FieldError> {
    value.trim().parse().map_err(|_| FieldError::Invalid(format!("field {name}: {value:?} is no number in range")))
}

fn truth(value: &str) -> bool {
    value == "1" || value.eq_ignore_ascii_case("true")
}

/// Where a message was stored. Source: `SendMessageResponseHeader`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendAnswer {
    /// Offset message id; of a batch, all ids with commas between.
    pub msg_id: String,
    /// Which queue.
    pub queue_id: i32,
    /// Index in the queue, of a batch the first.
    pub queue_offset: i64,
    /// Of a half message, its transaction.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<String>,
    /// Region of the broker.
    #[serde(rename = "MSG_REGION", skip_serializing_if = "Option::is_none", default)]
    pub region: Option<String>,
    /// Whether the broker allows traces.
    #[serde(rename = "TRACE_ON", skip_serializing_if = "Option::is_none", default)]
    pub trace_on: Option<String>,
}

/// One message of a batch's body.
///
/// ```text
/// i32 size of all   i32 magic (0)   i32 CRC (0)   i32 flag   i32 body length, body   i16 property length, properties
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BatchItem {
    /// The application's flag.
    pub flag: i32,
    /// The body.
    pub body: Bytes,
    /// The property string.
    pub properties: String,
}

/// Size of a batch item without body and properties.
pub const BATCH_ITEM_MIN_LEN: usize = 22;

/// Why a batch's body cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message {index} of the batch: {why}")]
pub struct BatchError {
    /// Which message, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Takes a batch's body apart; the bodies are slices of `body`.
///
/// # Errors
/// The first message whose lengths do not add up, or an empty batch.
pub fn split_batch(mut body: Bytes) -> Result<Vec<BatchItem>, BatchError> {
    let mut items = Vec::new();
    loop {
        let fail = |why| Err(BatchError { index: items.len(), why });
        if body.is_empty() && !items.is_empty() {
            return Ok(items);
        }
        if body.len() < BATCH_ITEM_MIN_LEN {
            return fail(if body.is_empty() { "there is none" } else { "it is cut short" });
        }
        let size = body.get_i32();
        let Some(rest) = usize::try_from(size).ok().and_then(|size| size.checked_sub(4)) else {
            return fail("its size is too small");
        };
        if rest > body.len() {
            return fail("it is cut short");
        }
        let mut item = body.split_to(rest);
        if item.len() < BATCH_ITEM_MIN_LEN - 4 {
            return fail("its size is too small");
        }
        item.advance(8);
        let flag = item.get_i32();
        let body_len = item.get_i32();
        let Some(item_body) =
            usize::try_from(body_len).ok().filter(|len| *len + 2 <= item.len()).map(|len| item.split_to(len))
        else {
            return fail("its body does not fit in it");
        };
        let properties_len = usize::from(item.get_u16());
        if properties_len != item.len() {
            return fail("its properties do not end where it ends");
        }
        let Ok(properties) = String::from_utf8(item.to_vec()) else {
            return fail("its properties are not UTF-8");
        };
        items.push(BatchItem { flag, body: item_body, properties });
    }
}

/// Appends one message to a batch's body. Properties longer than a record can hold are cut off by the broker's check.
pub fn push_batch_item(flag: i32, body: &[u8], properties: &str, out: &mut Vec<u8>) {
    out.put_u32((BATCH_ITEM_MIN_LEN + body.len() + properties.len()) as u32);
    out.put_u64(0);
    out.put_i32(flag);
    out.put_u32(body.len() as u32);
    out.put_slice(body);
    out.put_u16(properties.len() as u16);
    out.put_slice(properties.as_bytes());
}

/// Sends a message back to be retried (36). Source: `ConsumerSendMsgBackRequestHeader`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendBack {
    /// Physical offset of the message.
    pub offset: i64,
    /// The group that failed on it.
    pub group: String,
    /// 0: the broker chooses, grows with each retry; negative: straight to the dead letters.
    pub delay_level: i32,
    /// The message's id.
    pub origin_msg_id: Option<String>,
    /// The message's topic.
    pub origin_topic: Option<String>,
    /// Whether the cluster is unitized.
    #[serde(default)]
    pub unit_mode: bool,
    /// Retries before it becomes a dead letter.
    pub max_reconsume_times: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: [(&str, &str); 13] = [
        ("a", "G"),
        ("b", "T"),
        ("c", "TBW102"),
        ("d", "4"),
        ("e", "3"),
        ("f", "0"),
        ("g", "1795359440477"),
        ("h", "0"),
        ("i", "KEYS\u{1}k"),
        ("j", "0"),
        ("k", "false"),
        ("m", "1"),
        ("n", "broker-c"),
    ];

    #[test]
    fn both_spellings_of_the_header_are_read() {
        let short: Fields = V2.into_iter().collect();
        let header = SendHeader::read(&short).unwrap();
        assert_eq!((header.topic, header.queue_id, header.born_ms, header.batch), ("T", 3, 1_795_359_440_477, true));
        assert_eq!(header.properties, "KEYS\u{1}k");
        let long = [
            "producerGroup",
            "topic",
            "defaultTopic",
            "defaultTopicQueueNums",
            "queueId",
            "sysFlag",
            "bornTimestamp",
            "flag",
            "properties",
            "reconsumeTimes",
            "unitMode",
            "batch",
            "bname",
        ];
        let long: Fields = long.into_iter().zip(V2.map(|(_, value)| value)).collect();
        assert_eq!(SendHeader::read(&long).unwrap(), header);
        assert_eq!(SendHeader::read(&header.write("b")).unwrap(), header);
    }

    #[test]
    fn a_missing_or_malformed_field_is_named() {
        let without_queue: Fields = V2.into_iter().filter(|(name, _)| *name != "e").collect();
        assert_eq!(SendHeader::read(&without_queue).unwrap_err().to_string(), "missing field `queueId`");
        let mut malformed: Fields = V2.into_iter().collect();
        malformed.set("e", "x");
        assert!(SendHeader::read(&malformed).unwrap_err().to_string().starts_with("field e:"));
    }

    #[test]
    fn a_batch_has_the_bytes_a_client_sends_and_splits_again() {
        let mut body = Vec::new();
        push_batch_item(0, b"m000", "WAIT\u{1}true\u{2}KEYS\u{1}k-m000", &mut body);
        // Captured from a client: 47 bytes in all.
        assert_eq!(&body[..26], b"\0\0\0/\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04m000\0\x15");
        push_batch_item(1, b"", "", &mut body);
        let items = split_batch(body.clone().into()).unwrap();
        assert_eq!(items.len(), 2);
        assert_eq!((&items[0].body[..], items[1].flag), (&b"m000"[..], 1));
        for end in 0..body.len() {
            let cut = split_batch(Bytes::copy_from_slice(&body[..end]));
            assert_eq!(cut.is_ok(), end == 47, "cut at {end}");
        }
        for bit in 0..body.len() * 8 {
            let mut lying = body.clone();
            lying[bit / 8] ^= 1 << (bit % 8);
            let _ = split_batch(lying.into());
        }
    }
}

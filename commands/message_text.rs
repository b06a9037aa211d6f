//! A message from a queue as text: as JSON, or by a format string like kcat's.

use crate::when;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use client::Received;
use serde_json::{Map, Value, json};
use std::{io::Write, str::FromStr};

/// What a format string may hold, for help.
pub const FORMAT_HELP: &str = "\
Format: %t topic  %b broker  %p queue  %o offset  %i message id
        %I id by place  %g tag  %k keys  %h properties
        %s body  %S its size in bytes  %r redeliveries
        %T stored at, in ms  %D the same as a date  %B made at, in ms
        %% a percent sign  \\n \\t \\r \\0 \\\\ \\xHH as usual";

/// A message as one JSON object. A body that is no text stands in `body_base64`.
pub fn to_json(message: &Received) -> Value {
    let properties: Map<String, Value> =
        message.properties.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let mut object = json!({
        "topic": &*message.topic,
        "broker": &*message.queue.broker,
        "queue": message.queue.id,
        "offset": message.queue_offset,
        "id": message.message_id(),
        "offset_id": message.offset_message_id(),
        "tag": message.tag(),
        "keys": message.keys().collect::<Vec<_>>(),
        "born_ms": message.born_ms,
        "born_host": message.born_host,
        "stored_ms": message.store_ms,
        "stored": when::show(message.store_ms),
        "reconsume_times": message.reconsume_times,
        "properties": properties,
    });
    match std::str::from_utf8(&message.body) {
        Ok(text) => object["body"] = text.into(),
        Err(_) => object["body_base64"] = BASE64.encode(&message.body).into(),
    }
    object
}

/// How to write a message, read from a format string.
#[derive(Clone, Debug, PartialEq)]
pub struct Format(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Bytes(Vec<u8>),
    Part(Part),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Topic,
    Broker,
    Queue,
    Offset,
    Id,
    OffsetId,
    Tag,
    Keys,
    Properties,
    Body,
    BodySize,
    StoredMs,
    Stored,
    BornMs,
    Redeliveries,
}

impl Format {
    /// Bodies, one a line.
    pub fn body_lines() -> Self {
        Self(vec![Piece::Part(Part::Body), Piece::Bytes(b"\n".to_vec())])
    }

    /// Appends a message.
    pub fn write(&self, message: &Received, out: &mut Vec<u8>) {
        for piece in &self.0 {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Part(Part::Body) => out.extend_from_slice(&message.body),
                Piece::Part(part) => {
                    // Nothing fails that is written to memory.
                    let _ = write!(out, "{}", part.of(message));
                }
            }
        }
    }
}

impl Part {
    fn from_letter(letter: char) -> Option<Self> {
        Some(match letter {
            't' => Self::Topic,
            'b' => Self::Broker,
            'p' => Self::Queue,
            'o' => Self::Offset,
            'i' => Self::Id,
            'I' => Self::OffsetId,
            'g' => Self::Tag,
            'k' => Self::Keys,
            'h' => Self::Properties,
            's' => Self::Body,
            'S' => Self::BodySize,
            'T' => Self::StoredMs,
            'D' => Self::Stored,
            'B' => Self::BornMs,
            'r' => Self::Redeliveries,
            _ => return None,
        })
    }

    fn of(self, message: &Received) -> String {
        match self {
            Self::Topic => message.topic.to_string(),
            Self::Broker => message.queue.broker.to_string(),
            Self::Queue => message.queue.id.to_string(),
            Self::Offset => message.queue_offset.to_string(),
            Self::Id => message.message_id(),
            Self::OffsetId => message.offset_message_id(),
            Self::Tag => message.tag().unwrap_or_default().to_owned(),
            Self::Keys => message.keys().collect::<Vec<_>>().join(" "),
            Self::Properties => properties(message),
            Self::Body => String::from_utf8_lossy(&message.body).into_owned(),
            Self::BodySize => message.body.len().to_string(),
            Self::StoredMs => message.store_ms.to_string(),
            Self::Stored => when::show(message.store_ms),
            Self::BornMs => message.born_ms.to_string(),
            Self::Redeliveries => message.reconsume_times.to_string(),
        }
    }
}

fn properties(message: &Received) -> String {
    message.properties.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '%' => match rest.next() {
                    Some('%') => literal.push(b'%'),
                    Some(letter) => {
                        let unknown = || format!("%{letter} stands for nothing; {}", FORMAT_HELP.replace('\n', " "));
                        let part = Part::from_letter(letter).ok_or_else(unknown)?;
                        if !literal.is_empty() {
                            pieces.push(Piece::Bytes(std::mem::take(&mut literal)));
                        }
                        pieces.push(Piece::Part(part));
                    }
                    None => return Err("the % at the end stands for nothing; write %% for a percent sign".to_owned()),
                },
                '\\' => literal.push(escaped(&mut rest)?),
                _ => literal.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Bytes(literal));
        }
        Ok(Self(pieces))
    }
}

/// The byte that a backslash and what follows stand for.
fn escaped(rest: &mut std::str::Chars<'_>) -> Result<u8, String> {
    Ok(match rest.next() {
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('r') => b'\r',
        Some('0') => 0,
        Some('\\') => b'\\',
        Some('x') => {
            let digits: String = rest.take(2).collect();
            let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2);
            byte.ok_or_else(|| format!("\\x{digits} is no byte: expected two hexadecimal digits"))?
        }
        Some(other) => return Err(format!("\\{other} stands for nothing; expected \\n \\t \\r \\0 \\\\ or \\xHH")),
        None => return Err("the backslash at the end stands for nothing; write \\\\ for a backslash".to_owned()),
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use client::{Message, Queue};

    /// A message of topic T with this body, the `offset`-th of queue 3 of broker-a.
    pub fn received(body: &[u8], offset: i64) -> Received {
        let message = Message::new("T", body.to_vec()).with_tag("red").unwrap().with_keys(["k1", "k2"]).unwrap();
        Received {
            message: message.with_property("size", "XL").unwrap(),
            queue: Queue::new("T", "broker-a", 3),
            queue_offset: offset,
            physical_offset: 4096 + offset,
            born_ms: 1_767_323_045_000,
            born_host: "10.0.0.9:5555".parse().unwrap(),
            store_ms: 1_767_323_045_001 + offset,
            store_host: "10.0.0.1:10911".parse().unwrap(),
            reconsume_times: 0,
            sys_flag: protocol::record::SysFlag(0),
            stored_len: 120,
        }
    }

    fn formatted(format: &str, body: &[u8]) -> String {
        let mut out = Vec::new();
        format.parse::<Format>().unwrap().write(&received(body, 17), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_part_of_a_message_can_be_written() {
        assert_eq!(formatted(r"%t %b/%p@%o %s\n", b"hi"), "T broker-a/3@17 hi\n");
        assert_eq!(formatted("%g|%k|%h|%S|%r", b"hi"), "red|k1 k2|TAGS=red,KEYS=k1 k2,size=XL|2|0");
        assert_eq!(formatted("%T %D %B", b""), "1767323045018 2026-01-02T03:04:05.018Z 1767323045000");
        assert_eq!(formatted("%i", b""), "0A00000100002A9F0000000000001011");
        assert_eq!(formatted(r"100%%\t\x41\\%sä", b"b"), "100%\tA\\bä");
    }

    #[test]
    fn a_body_is_written_byte_for_byte() {
        let mut out = Vec::new();
        Format::body_lines().write(&received(&[0xff, 0, 0x0a], 0), &mut out);
        assert_eq!(out, [0xff, 0, 0x0a, b'\n']);
    }

    #[test]
    fn what_stands_for_nothing_is_told() {
        for (format, says) in
            [("%q", "%q"), ("50%", "%%"), (r"\q", r"\q"), ("\\", r"\\"), (r"\xg1", r"\xg1"), (r"\x1", r"\x1")]
        {
            let error = format.parse::<Format>().unwrap_err();
            assert!(error.contains(says), "{format}: {error}");
        }
    }

    #[test]
    fn json_has_text_as_text_and_bytes_as_base64() {
        let text = to_json(&received("grüß".as_bytes(), 17));
        assert_eq!((&text["body"], &text["body_base64"]), (&"grüß".into(), &Value::Null));
        assert_eq!((&text["queue"], &text["offset"], &text["keys"][1]), (&3.into(), &17.into(), &"k2".into()));
        assert_eq!(text["properties"]["size"], "XL");
        let bytes = to_json(&received(&[0xff, 0xfe], 0));
        assert_eq!((&bytes["body"], &bytes["body_base64"]), (&Value::Null, &"//4=".into()));
    }
}

//! One message as the log stores it, and what follows from its bytes: its tag hash, its keys, its id.
//!
//! ```text
//! offset  size  field (big endian)                           offset  size  field
//!      0     4  total size                                       48  8/20  born host, IPv6 with bit 4 of the system flag
//!      4     4  magic: 0xDAA320A7                                 …     8  store time, ms
//!      8     4  CRC-32 of the body without its highest bit        …  8/20  store host, IPv6 with bit 5
//!     12     4  queue id                                          …     4  times it was redelivered
//!     16     4  flag                                              …     8  prepared transaction offset
//!     20     8  queue offset                                      …     4  length of the body, and the body
//!     28     8  physical offset                                   …     1  length of the topic, and the topic
//!     36     4  system flag                                       …     2  length of the properties, and the properties
//!     40     8  born time, ms
//! ```
//! Properties are `name 0x01 value 0x02 …`. Source: `MessageDecoder` and `CommitLog` of Apache RocketMQ 4.9.8.

use super::{
    files::{i32_at, i64_at},
    index::index_hash,
};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

pub(super) const MESSAGE_MAGIC: u32 = 0xDAA3_20A7;
pub(super) const FILLER_MAGIC: u32 = 0xCBD4_3194;
/// Bytes of a record with nothing in it.
pub(super) const MIN_LEN: u64 = 91;

/// The topic of messages that wait for their time.
pub const SCHEDULE_TOPIC: &str = "SCHEDULE_TOPIC_XXXX";

const COMPRESSED: i32 = 1;
const TRANSACTION_COMMIT: i32 = 2 << 2;
const TRANSACTION_ROLLBACK: i32 = 3 << 2;
const BORN_HOST_V6: i32 = 1 << 4;
const STORE_HOST_V6: i32 = 1 << 5;
/// Longest body that is inflated, bytes.
const MAX_INFLATED: u64 = 64 << 20;

/// A message in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its first byte in the log.
    pub physical_offset: i64,
    /// Its bytes in the log.
    pub size: u32,
    /// Its topic.
    pub topic: String,
    /// Its queue.
    pub queue_id: i32,
    /// Its index in the queue.
    pub queue_offset: i64,
    /// The system flag.
    pub sys_flag: i32,
    /// The application's flag.
    pub flag: i32,
    /// When the producer made it, ms.
    pub born_ms: i64,
    /// Who sent it.
    pub born_host: SocketAddr,
    /// When it was stored, ms.
    pub store_ms: i64,
    /// Which broker stored it.
    pub store_host: SocketAddr,
    /// How often it was redelivered.
    pub reconsume_times: i32,
    /// Queue offset of its half message.
    pub prepared_transaction_offset: i64,
    /// Name → value; the last one of several with one name.
    pub properties: BTreeMap<String, String>,
    /// The body as stored, perhaps compressed.
    pub body: Vec<u8>,
    /// Whether the body has the CRC that the record states.
    pub crc_ok: bool,
}

impl Record {
    /// Reads exactly the bytes of a record; otherwise says what is wrong with them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let sys_flag = i32_at(bytes, 36);
        let mut parts = Parts { rest: bytes.get(48..).ok_or("it is too short for a record")? };
        let born_host = parts.host(sys_flag & BORN_HOST_V6 != 0)?;
        let store_ms = i64_at(parts.take(8)?, 0);
        let store_host = parts.host(sys_flag & STORE_HOST_V6 != 0)?;
        let reconsume_times = i32_at(parts.take(4)?, 0);
        let prepared_transaction_offset = i64_at(parts.take(8)?, 0);
        let body_len = usize::try_from(i32_at(parts.take(4)?, 0)).map_err(|_| "the length of the body is negative")?;
        let body = parts.take(body_len)?.to_vec();
        let topic_len = parts.take(1)?.iter().fold(0, |_, len| usize::from(*len));
        let topic = String::from_utf8_lossy(parts.take(topic_len)?).into_owned();
        let properties_len = parts.take(2)?.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let properties = String::from_utf8_lossy(parts.take(properties_len)?);
        if !parts.rest.is_empty() {
            return Err("the lengths inside it are less than its size");
        }
        let crc = if body.is_empty() { 0 } else { crc32fast::hash(&body) & 0x7FFF_FFFF };
        Ok(Self {
            physical_offset: i64_at(bytes, 28),
            size: bytes.len() as u32,
            topic,
            queue_id: i32_at(bytes, 12),
            queue_offset: i64_at(bytes, 20),
            sys_flag,
            flag: i32_at(bytes, 16),
            born_ms: i64_at(bytes, 40),
            born_host,
            store_ms,
            store_host,
            reconsume_times,
            prepared_transaction_offset,
            properties: split_properties(&properties),
            crc_ok: crc == i32_at(bytes, 8) as u32,
            body,
        })
    }

    /// The first byte behind it in the log.
    pub fn end(&self) -> i64 {
        self.physical_offset.saturating_add(i64::from(self.size))
    }

    /// Whether it has an entry in its queue: half messages and rollbacks have none.
    pub fn is_queued(&self) -> bool {
        matches!(self.sys_flag & TRANSACTION_ROLLBACK, 0 | TRANSACTION_COMMIT)
    }

    /// A property by name.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// The last eight bytes of its queue entry: the hash of its tag, or the time that it is due. `delay_levels_ms` has
    /// the delay of level 1 first.
    pub fn entry_tag(&self, delay_levels_ms: &[i64]) -> i64 {
        let level = self.property("DELAY").filter(|_| self.topic == SCHEDULE_TOPIC);
        match level.and_then(|level| level.parse::<usize>().ok()) {
            Some(level @ 1..) => {
                let delay = delay_levels_ms.get(level.min(delay_levels_ms.len()).wrapping_sub(1));
                self.store_ms.wrapping_add(delay.copied().unwrap_or(1000))
            }
            _ => self.property("TAGS").map_or(0, tag_hash),
        }
    }

    /// The keys by which it can be found, `UNIQ_KEY` first; none for a rollback.
    pub fn keys(&self) -> Vec<&str> {
        if self.sys_flag & TRANSACTION_ROLLBACK == TRANSACTION_ROLLBACK {
            return Vec::new();
        }
        let keys = self.property("KEYS").unwrap_or_default().split(' ').filter(|key| !key.is_empty());
        self.property("UNIQ_KEY").into_iter().chain(keys).collect()
    }

    /// The hashes under which the index has it.
    pub fn key_hashes(&self) -> Vec<u32> {
        self.keys().into_iter().map(|key| index_hash(&self.topic, key)).collect()
    }

    /// The body as the producer gave it; `None` if it is compressed in a way that is not zlib's, or damaged.
    pub fn plain_body(&self) -> Option<Cow<'_, [u8]>> {
        if self.sys_flag & COMPRESSED == 0 {
            return Some(Cow::Borrowed(&self.body));
        }
        let mut plain = Vec::new();
        let mut inflated = flate2::read::ZlibDecoder::new(&*self.body).take(MAX_INFLATED);
        inflated.read_to_end(&mut plain).ok().map(|_| Cow::Owned(plain))
    }

    /// The id that [`crate::body_of`] put in front of the body; without one, the property `UNIQ_KEY`.
    pub fn id(&self) -> Option<String> {
        let body = self.plain_body();
        let in_body = body.as_deref().and_then(|body| {
            let rest = body.strip_prefix(b"id=")?;
            let end = rest.iter().position(|byte| *byte == b';')?;
            std::str::from_utf8(&rest[..end]).ok()
        });
        in_body.or_else(|| self.property("UNIQ_KEY")).map(str::to_owned)
    }
}

struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (part, rest) = self.rest.split_at_checked(len).ok_or("the lengths inside it are more than its size")?;
        self.rest = rest;
        Ok(part)
    }

    fn host(&mut self, v6: bool) -> Result<SocketAddr, &'static str> {
        let ip = self.take(if v6 { 16 } else { 4 })?;
        let ip = match <[u8; 4]>::try_from(ip) {
            Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
            Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(ip).unwrap_or_default())),
        };
        Ok(SocketAddr::new(ip, i32_at(self.take(4)?, 0) as u16))
    }
}

fn split_properties(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('\u{2}').filter_map(|pair| pair.split_once('\u{1}'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The hash of a tag in a queue entry: Java's `String.hashCode`.
pub fn tag_hash(tag: &str) -> i64 {
    i64::from(java_hash(tag))
}

/// Java's `String.hashCode`.
pub(super) fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        assert_eq!((tag_hash("TagA"), tag_hash("")), (2_598_919, 0));
        assert_eq!(tag_hash("polygenelubricants"), i64::from(i32::MIN));
        assert_eq!(tag_hash("\u{1F600}"), 0xD83D * 31 + 0xDE00);
        assert_eq!((index_hash("T", "k"), index_hash("", "")), (((84 * 31) + 35) * 31 + 107, 35));
    }

    #[test]
    fn properties_may_lack_the_last_separator_and_the_last_of_a_name_counts() {
        let properties = split_properties("a\u{1}1\u{2}b\u{1}\u{2}junk\u{2}a\u{1}2=\u{1}");
        assert_eq!(properties, BTreeMap::from([("a".into(), "2=\u{1}".into()), ("b".into(), String::new())]));
    }
}

//! A message as the commit log stores it, as a pull answers it, and as a slave receives it: the same bytes.
//!
//! ```text
//! offset  size  field (big endian)
//!      0     4  total size, this field included
//!      4     4  magic: MESSAGE_MAGIC, or BLANK_MAGIC for the filler at the end of a file
//!      8     4  CRC-32 of the body, highest bit cleared; 0 for an empty body
//!     12     4  queue id
//!     16     4  flag (the application's)
//!     20     8  queue offset (index in the consume queue)
//!     28     8  physical offset (byte position in the commit log)
//!     36     4  system flag
//!     40     8  born time, ms
//!     48  8/20  born host: IPv4 or, with SysFlag::BORN_HOST_V6, IPv6 address; port as 4 bytes
//!     56     8  store time, ms
//!     64  8/20  store host, likewise with SysFlag::STORE_HOST_V6
//!     72     4  times it was redelivered
//!     76     8  byte position of the half message, for transactions
//!     84     4  body length, then the body
//!      …     1  topic length, then the topic
//!      …     2  property length, then the property string
//! ```
//! Source: `CommitLog.MessageExtEncoder` and `MessageDecoder` of Apache RocketMQ 4.9.8.

use crate::properties;
use bytes::{BufMut, Bytes};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Magic number of a message.
pub const MESSAGE_MAGIC: u32 = 0xDAA3_20A7;
/// Magic number of the filler at the end of a commit log file.
pub const BLANK_MAGIC: u32 = 0xCBD4_3194;
/// Smallest size of the filler: size and magic number.
pub const BLANK_MIN_LEN: usize = 8;
/// Size of a record without body, topic and properties, both hosts IPv4.
pub const MIN_LEN: usize = 91;
/// Longest topic a record can hold, in bytes.
pub const MAX_TOPIC_LEN: usize = i8::MAX as usize;

/// The bits of a record's system flag. Source: `MessageSysFlag`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SysFlag(pub i32);

impl SysFlag {
    /// The body is compressed.
    pub const COMPRESSED: i32 = 1;
    /// The message has several tags.
    pub const MULTI_TAGS: i32 = 1 << 1;
    /// A half message.
    pub const TRANSACTION_PREPARED: i32 = 1 << 2;
    /// A committed message.
    pub const TRANSACTION_COMMIT: i32 = 2 << 2;
    /// A rolled-back message.
    pub const TRANSACTION_ROLLBACK: i32 = 3 << 2;
    /// The born host is an IPv6 address.
    pub const BORN_HOST_V6: i32 = 1 << 4;
    /// The store host is an IPv6 address.
    pub const STORE_HOST_V6: i32 = 1 << 5;
    /// Mask of the compression type (5.x): 0 and 3 zlib, 1 LZ4, 2 Zstandard, shifted by 8.
    pub const COMPRESSION_MASK: i32 = 7 << 8;

    /// Whether `bit` is set.
    pub fn has(self, bit: i32) -> bool {
        self.0 & bit == bit
    }

    /// One of the `TRANSACTION_` values, or 0.
    pub fn transaction(self) -> i32 {
        self.0 & Self::TRANSACTION_ROLLBACK
    }

    /// The flag with its transaction value replaced.
    #[must_use]
    pub fn with_transaction(self, value: i32) -> Self {
        Self(self.0 & !Self::TRANSACTION_ROLLBACK | value)
    }
}

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Fewer bytes than the record says it has.
    #[error("a record of {need} bytes, but only {have} are there")]
    Truncated {
        /// Bytes the record would take.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// Neither a message nor a filler.
    #[error("magic number {0:#010x} is neither a message's nor a filler's")]
    Magic(u32),
    /// Lengths inside the record do not add up to its size.
    #[error("the {0} does not fit in the record's size")]
    Length(&'static str),
    /// The body is not what its CRC was computed from.
    #[error("body CRC is {actual:#010x}, the record says {expected:#010x}")]
    Crc {
        /// What the record says.
        expected: u32,
        /// What the body gives.
        actual: u32,
    },
    /// A part that must be UTF-8 is not.
    #[error("the {0} is not UTF-8")]
    NotUtf8(&'static str),
    /// A new record would be too large for the format.
    #[error("{what} of {len} bytes, the most is {max}")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The most the format holds.
        max: usize,
    },
}

/// The CRC a record stores for `body`: CRC-32 (IEEE) with the highest bit cleared, 0 for an empty body.
pub fn body_crc(body: &[u8]) -> u32 {
    if body.is_empty() { 0 } else { crc32fast::hash(body) & 0x7FFF_FFFF }
}

/// What is needed to write a record; offsets and store time are filled in when it is placed.
#[derive(Clone, Debug)]
pub struct NewRecord<'a> {
    /// Topic, at most [`MAX_TOPIC_LEN`] bytes.
    pub topic: &'a str,
    /// Queue id, from 0.
    pub queue_id: i32,
    /// The application's flag.
    pub flag: i32,
    /// System flag; the host bits are set by the encoder.
    pub sys_flag: SysFlag,
    /// When the producer made it, ms.
    pub born_ms: i64,
    /// Who sent it.
    pub born_host: SocketAddr,
    /// The broker that stores it.
    pub store_host: SocketAddr,
    /// Times redelivered.
    pub reconsume_times: i32,
    /// Byte position in the log of the half message it stands for, or 0.
    pub prepared_transaction_offset: i64,
    /// The body.
    pub body: &'a [u8],
    /// The property string, at most [`properties::MAX_PROPERTIES_LEN`] bytes.
    pub properties: &'a str,
}

impl NewRecord<'_> {
    fn sys_flag_with_hosts(&self) -> SysFlag {
        let bit = |host: SocketAddr, bit| if host.is_ipv6() { bit } else { 0 };
        let hosts = SysFlag::BORN_HOST_V6 | SysFlag::STORE_HOST_V6;
        SysFlag(
            self.sys_flag.0 & !hosts
                | bit(self.born_host, SysFlag::BORN_HOST_V6)
                | bit(self.store_host, SysFlag::STORE_HOST_V6),
        )
    }

    /// Size of the record in bytes.
    pub fn encoded_len(&self) -> usize {
        let wide = |host: SocketAddr| if host.is_ipv6() { 12 } else { 0 };
        MIN_LEN
            + wide(self.born_host)
            + wide(self.store_host)
            + self.body.len()
            + self.topic.len()
            + self.properties.len()
    }

    /// Appends the record with zero offsets and store time; [`place`] sets them.
    ///
    /// # Errors
    /// [`RecordError::TooLong`] for a topic, property string or body the format cannot hold.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<usize, RecordError> {
        let limit =
            |what, len: usize, max| if len > max { Err(RecordError::TooLong { what, len, max }) } else { Ok(()) };
        limit("topic", self.topic.len(), MAX_TOPIC_LEN)?;
        limit("property string", self.properties.len(), properties::MAX_PROPERTIES_LEN)?;
        limit("record", self.encoded_len(), i32::MAX as usize)?;
        let start = out.len();
        let len = self.encoded_len();
        out.reserve(len);
        out.put_u32(len as u32);
        out.put_u32(MESSAGE_MAGIC);
        out.put_u32(body_crc(self.body));
        out.put_i32(self.queue_id);
        out.put_i32(self.flag);
        out.put_i64(0);
        out.put_i64(0);
        out.put_i32(self.sys_flag_with_hosts().0);
        out.put_i64(self.born_ms);
        put_host(out, self.born_host);
        out.put_i64(0);
        put_host(out, self.store_host);
        out.put_i32(self.reconsume_times);
        out.put_i64(self.prepared_transaction_offset);
        out.put_u32(self.body.len() as u32);
        out.put_slice(self.body);
        out.put_u8(self.topic.len() as u8);
        out.put_slice(self.topic.as_bytes());
        out.put_u16(self.properties.len() as u16);
        out.put_slice(self.properties.as_bytes());
        debug_assert_eq!(out.len() - start, len);
        Ok(len)
    }
}

/// Sets what is known only when an encoded record is placed in the log. `record` must start at its size field.
pub fn place(record: &mut [u8], queue_offset: i64, physical_offset: i64, store_ms: i64) {
    record[20..28].copy_from_slice(&queue_offset.to_be_bytes());
    record[28..36].copy_from_slice(&physical_offset.to_be_bytes());
    let born_v6 = SysFlag(i32::from_be_bytes([record[36], record[37], record[38], record[39]]));
    let store_time = if born_v6.has(SysFlag::BORN_HOST_V6) { 68 } else { 56 };
    record[store_time..store_time + 8].copy_from_slice(&store_ms.to_be_bytes());
}

fn put_host(out: &mut Vec<u8>, host: SocketAddr) {
    match host.ip() {
        IpAddr::V4(ip) => out.put_slice(&ip.octets()),
        IpAddr::V6(ip) => out.put_slice(&ip.octets()),
    }
    out.put_u32(u32::from(host.port()));
}

/// Appends the filler that ends a commit log file: `len` bytes are left in the file.
pub fn encode_blank(len: usize, out: &mut Vec<u8>) {
    out.put_u32(len as u32);
    out.put_u32(BLANK_MAGIC);
}

/// A record read from bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Total size in bytes.
    pub size: u32,
    /// CRC of the body as stored.
    pub body_crc: u32,
    /// Queue id.
    pub queue_id: i32,
    /// The application's flag.
    pub flag: i32,
    /// Index in the consume queue.
    pub queue_offset: i64,
    /// Byte position in the commit log.
    pub physical_offset: i64,
    /// System flag.
    pub sys_flag: SysFlag,
    /// When the producer made it, ms.
    pub born_ms: i64,
    /// Who sent it.
    pub born_host: SocketAddr,
    /// When the broker stored it, ms.
    pub store_ms: i64,
    /// The broker that stored it.
    pub store_host: SocketAddr,
    /// Times redelivered.
    pub reconsume_times: i32,
    /// Byte position in the log of the half message it stands for, or 0.
    pub prepared_transaction_offset: i64,
    /// The body as stored, compressed if the system flag says so.
    pub body: Bytes,
    /// Topic.
    pub topic: String,
    /// The property string.
    pub properties: String,
}

impl Record {
    /// The record as one that is to be stored anew, by the same broker.
    pub fn renewed(&self) -> NewRecord<'_> {
        NewRecord {
            topic: &self.topic,
            queue_id: self.queue_id,
            flag: self.flag,
            sys_flag: self.sys_flag,
            born_ms: self.born_ms,
            born_host: self.born_host,
            store_host: self.store_host,
            reconsume_times: self.reconsume_times,
            prepared_transaction_offset: self.prepared_transaction_offset,
            body: &self.body,
            properties: &self.properties,
        }
    }
}

/// What stands at a position of the log.
#[expect(clippy::large_enum_variant, reason = "nearly every entry is a message, and none is kept long")]
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A message.
    Message(Record),
    /// The filler at the end of a file, with its size.
    Blank(u32),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], RecordError> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len()).ok_or(RecordError::Length(what))?;
        let part = &self.bytes[self.at..end];
        self.at = end;
        Ok(part)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], RecordError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn i32(&mut self, what: &'static str) -> Result<i32, RecordError> {
        self.array(what).map(i32::from_be_bytes)
    }

    fn i64(&mut self, what: &'static str) -> Result<i64, RecordError> {
        self.array(what).map(i64::from_be_bytes)
    }

    fn host(&mut self, v6: bool, what: &'static str) -> Result<SocketAddr, RecordError> {
        let ip = if v6 {
            IpAddr::V6(Ipv6Addr::from(self.array::<16>(what)?))
        } else {
            IpAddr::V4(Ipv4Addr::from(self.array::<4>(what)?))
        };
        Ok(SocketAddr::new(ip, self.i32(what)? as u16))
    }

    fn text(&mut self, len: usize, what: &'static str) -> Result<String, RecordError> {
        let bytes = self.take(len, what)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| RecordError::NotUtf8(what))
    }
}

/// Reads the record or filler at the start of `bytes`, which may go on behind it.
/// The body is a slice of `bytes`; its CRC is checked if `check_crc`.
///
/// # Errors
/// Whatever is wrong with the bytes; never a panic. For an old record whose properties are no UTF-8, too.
pub fn decode(bytes: &Bytes, check_crc: bool) -> Result<Entry, RecordError> {
    let have = bytes.len();
    if have < BLANK_MIN_LEN {
        return Err(RecordError::Truncated { need: BLANK_MIN_LEN, have });
    }
    let mut reader = Reader { bytes, at: 0 };
    let size = reader.i32("size")?;
    let magic = reader.i32("magic number")? as u32;
    match magic {
        BLANK_MAGIC => return Ok(Entry::Blank(size as u32)),
        MESSAGE_MAGIC => {}
        other => return Err(RecordError::Magic(other)),
    }
    let need = usize::try_from(size).ok().filter(|size| *size >= MIN_LEN).ok_or(RecordError::Length("fixed part"))?;
    if need > have {
        return Err(RecordError::Truncated { need, have });
    }
    reader.bytes = &bytes[..need];
    let stored_crc = reader.i32("CRC")? as u32;
    let queue_id = reader.i32("queue id")?;
    let flag = reader.i32("flag")?;
    let queue_offset = reader.i64("queue offset")?;
    let physical_offset = reader.i64("physical offset")?;
    let sys_flag = SysFlag(reader.i32("system flag")?);
    let born_ms = reader.i64("born time")?;
    let born_host = reader.host(sys_flag.has(SysFlag::BORN_HOST_V6), "born host")?;
    let store_ms = reader.i64("store time")?;
    let store_host = reader.host(sys_flag.has(SysFlag::STORE_HOST_V6), "store host")?;
    let reconsume_times = reader.i32("redelivery count")?;
    let prepared_transaction_offset = reader.i64("transaction offset")?;
    let body_len = usize::try_from(reader.i32("body length")?).map_err(|_| RecordError::Length("body"))?;
    let body_at = reader.at;
    reader.take(body_len, "body")?;
    let body = bytes.slice(body_at..body_at + body_len);
    let topic_len = usize::from(reader.array::<1>("topic length")?[0]);
    let topic = reader.text(topic_len, "topic")?;
    let properties_len = usize::from(u16::from_be_bytes(reader.array("property length")?));
    let properties = reader.text(properties_len, "property string")?;
    if reader.at != need {
        return Err(RecordError::Length("property string"));
    }
    if check_crc {
        let actual = body_crc(&body);
        if actual != stored_crc {
            return Err(RecordError::Crc { expected: stored_crc, actual });
        }
    }
    Ok(Entry::Message(Record {
        size: size as u32,
        body_crc: stored_crc,
        queue_id,
        flag,
        queue_offset,
        physical_offset,
        sys_flag,
        born_ms,
        born_host,
        store_ms,
        store_host,
        reconsume_times,
        prepared_transaction_offset,
        body,
        topic,
        properties,
    }))
}

/// Reads every message of a pull's body, fillers left out.
///
/// # Errors
/// As [`decode`], for the first that is not whole.
pub fn decode_all(mut bytes: Bytes, check_crc: bool) -> Result<Vec<Record>, RecordError> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        match decode(&bytes, check_crc)? {
            Entry::Message(record) => {
                bytes = bytes.slice(record.size as usize..);
                records.push(record);
            }
            Entry::Blank(_) => break,
        }
    }
    Ok(records)
}

/// The id the broker gives a message: where it is stored, in hexadecimal (32 digits for IPv4, 56 for IPv6).
/// Source: `MessageDecoder.createMessageId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageId {
    /// The broker that stored it.
    pub host: SocketAddr,
    /// Byte position in its commit log.
    pub physical_offset: i64,
}

impl MessageId {
    /// Appends the id to `text`.
    pub fn push_to(&self, text: &mut String) {
        let mut push = |bytes: &[u8]| {
            for byte in bytes {
                for nibble in [byte >> 4, byte & 15] {
                    text.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
                }
            }
        };
        match self.host.ip() {
            IpAddr::V4(ip) => push(&ip.octets()),
            IpAddr::V6(ip) => push(&ip.octets()),
        }
        push(&u32::from(self.host.port()).to_be_bytes());
        push(&self.physical_offset.to_be_bytes());
    }

    /// Reads an id; `None` if `text` is none.
    pub fn parse(text: &str) -> Option<Self> {
        let v6 = match text.len() {
            32 => false,
            56 => true,
            _ => return None,
        };
        let digits = text.as_bytes();
        let mut bytes = Vec::with_capacity(28);
        for pair in digits.chunks_exact(2) {
            let nibble = |digit: u8| char::from(digit).to_digit(16);
            bytes.push((nibble(pair[0])? << 4 | nibble(pair[1])?) as u8);
        }
        let mut reader = Reader { bytes: &bytes, at: 0 };
        Some(Self { host: reader.host(v6, "host").ok()?, physical_offset: reader.i64("offset").ok()? })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(56);
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests;

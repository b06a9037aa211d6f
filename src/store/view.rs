//! A record looked at in place: the few fields the store itself needs, read from its bytes without a copy.
//!
//! Not the whole record as a value: that is `protocol::record::decode`, whose layout this follows.

use protocol::{
    record::{BLANK_MAGIC, BLANK_MIN_LEN, MESSAGE_MAGIC, MIN_LEN, SysFlag, body_crc},
    whole_crc::whole_crc,
};
use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

/// What stands at a position of the log.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Record(RecordView<'a>),
    /// The filler that ends a file.
    Blank,
    /// Neither: the end of the log, or damage.
    Nothing(&'static str),
    /// Perhaps a record, but the bytes end before it does.
    Short {
        need: usize,
    },
}

/// A whole record in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordView<'a> {
    /// Exactly the record.
    bytes: &'a [u8],
    store_time_at: usize,
    body: &'a [u8],
    topic: &'a [u8],
    properties: &'a [u8],
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, i32::from_be_bytes)
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, i64::from_be_bytes)
}

fn host_at(bytes: &[u8], at: usize, v6: bool) -> SocketAddr {
    let ip_len = if v6 { 16 } else { 4 };
    let ip = bytes.get(at..at + ip_len).unwrap_or_default();
    let ip = match (<[u8; 16]>::try_from(ip), <[u8; 4]>::try_from(ip)) {
        (Ok(sixteen), _) => IpAddr::from(sixteen),
        (_, Ok(four)) => IpAddr::from(four),
        _ => IpAddr::from([0; 4]),
    };
    SocketAddr::new(ip, i32_at(bytes, at + ip_len) as u16)
}

/// The size a record states, if `bytes` has room for that field and it could be one.
pub(crate) fn stated_size(bytes: &[u8]) -> Option<u64> {
    (bytes.len() >= 4).then(|| i32_at(bytes, 0)).filter(|size| *size >= MIN_LEN as i32).map(|size| size as u64)
}

/// Looks at the start of `bytes`, which may go on behind the record.
pub(crate) fn look(bytes: &[u8]) -> Found<'_> {
    if bytes.len() < BLANK_MIN_LEN {
        return Found::Short { need: BLANK_MIN_LEN };
    }
    match i32_at(bytes, 4) as u32 {
        MESSAGE_MAGIC => {}
        BLANK_MAGIC => return Found::Blank,
        0 => return Found::Nothing("nothing is written here"),
        _ => return Found::Nothing("the magic number is neither a message's nor a filler's"),
    }
    let Some(size) = stated_size(bytes) else { return Found::Nothing("the record states an impossible size") };
    let Some(bytes) = bytes.get(..size as usize) else { return Found::Short { need: size as usize } };
    match split(bytes) {
        Some(view) => Found::Record(view),
        None => Found::Nothing("the lengths inside the record do not add up to its size"),
    }
}

/// The property string of a record; `None` if it is none, or not whole.
pub fn properties(record: &[u8]) -> Option<Cow<'_, str>> {
    match look(record) {
        Found::Record(view) => Some(view.properties()),
        Found::Blank | Found::Nothing(_) | Found::Short { .. } => None,
    }
}

fn split(bytes: &[u8]) -> Option<RecordView<'_>> {
    let flag = SysFlag(i32_at(bytes, 36));
    let host_len = |bit| if flag.has(bit) { 20 } else { 8 };
    let store_time_at = 48 + host_len(SysFlag::BORN_HOST_V6);
    let body_len_at = store_time_at + 8 + host_len(SysFlag::STORE_HOST_V6) + 12;
    let mut rest = bytes.get(body_len_at..)?;
    let mut take = |len: usize| -> Option<&[u8]> {
        let (part, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(part)
    };
    let body_len = usize::try_from(i32_at(take(4)?, 0)).ok()?;
    let body = take(body_len)?;
    let topic_len = usize::from(take(1)?[0]);
    let topic = take(topic_len)?;
    let properties_len = take(2)?;
    let properties = take(usize::from(u16::from_be_bytes([properties_len[0], properties_len[1]])))?;
    rest.is_empty().then_some(RecordView { bytes, store_time_at, body, topic, properties })
}

impl<'a> RecordView<'a> {
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub fn queue_id(&self) -> i32 {
        i32_at(self.bytes, 12)
    }

    pub fn queue_offset(&self) -> i64 {
        i64_at(self.bytes, 20)
    }

    pub fn physical_offset(&self) -> i64 {
        i64_at(self.bytes, 28)
    }

    /// [`RecordView::physical_offset`] of a record that is where it says.
    pub fn at(&self) -> u64 {
        self.physical_offset() as u64
    }

    pub fn sys_flag(&self) -> SysFlag {
        SysFlag(i32_at(self.bytes, 36))
    }

    pub fn store_ms(&self) -> i64 {
        i64_at(self.bytes, self.store_time_at)
    }

    pub fn flag(&self) -> i32 {
        i32_at(self.bytes, 16)
    }

    pub fn born_ms(&self) -> i64 {
        i64_at(self.bytes, 40)
    }

    pub fn born_host(&self) -> SocketAddr {
        host_at(self.bytes, 48, self.sys_flag().has(SysFlag::BORN_HOST_V6))
    }

    pub fn store_host(&self) -> SocketAddr {
        host_at(self.bytes, self.store_time_at + 8, self.sys_flag().has(SysFlag::STORE_HOST_V6))
    }

    pub fn reconsume_times(&self) -> i32 {
        let store_host_len = if self.sys_flag().has(SysFlag::STORE_HOST_V6) { 20 } else { 8 };
        i32_at(self.bytes, self.store_time_at + 8 + store_host_len)
    }

    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    pub fn topic(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.topic)
    }

    /// Whether that is its topic; told without looking whether the topic is UTF-8.
    pub fn is_of(&self, topic: &str) -> bool {
        self.topic == topic.as_bytes()
    }

    /// The bytes of its properties.
    pub fn property_bytes(&self) -> &'a [u8] {
        self.properties
    }

    pub fn properties(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.properties)
    }

    /// A CRC of the whole record, which none of its fields holds.
    pub fn crc_of_all(&self) -> u32 {
        body_crc(self.bytes)
    }

    /// Whether the record is what the CRC in its last property was computed from; `None` if it has no such property.
    pub fn whole_crc_holds(&self) -> Option<bool> {
        whole_crc(self.bytes, self.properties)
    }

    /// Whether topic and properties, which this CRC does not cover, have no zeros where a sector that never reached the
    /// disk would leave them: anywhere in the topic, at the end of a sector or of the record in the properties.
    pub fn rest_holds(&self) -> bool {
        const SECTOR: u64 = 512;
        let start = self.physical_offset() as u64 + self.size() - self.properties.len() as u64;
        let mut ends = (start + 1..).zip(self.properties).filter(|(end, _)| end.is_multiple_of(SECTOR));
        !self.topic.contains(&0) && self.properties.last() != Some(&0) && ends.all(|(_, byte)| *byte != 0)
    }

    /// Whether the body is what the CRC was computed from.
    pub fn crc_holds(&self) -> bool {
        body_crc(self.body) == i32_at(self.bytes, 8) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::record::{Entry, NewRecord, decode, place};

    #[test]
    fn a_view_agrees_with_the_decoder_whatever_the_hosts() {
        for (born, store) in [("1.2.3.4:5", "6.7.8.9:10"), ("[::1]:5", "6.7.8.9:10"), ("[::1]:5", "[fe80::1]:10")] {
            let new = NewRecord {
                topic: "T",
                queue_id: 3,
                flag: 0,
                sys_flag: SysFlag(8),
                born_ms: 1,
                born_host: born.parse().unwrap(),
                store_host: store.parse().unwrap(),
                reconsume_times: 7,
                prepared_transaction_offset: 0,
                body: b"hello",
                properties: "a\u{1}b",
            };
            let mut bytes = Vec::new();
            new.encode(&mut bytes).unwrap();
            place(&mut bytes, 5, 4096, 77);
            bytes.push(0);
            let Entry::Message(record) = decode(&bytes.clone().into(), true).unwrap() else { panic!("a message") };
            let Found::Record(view) = look(&bytes) else { panic!("a record") };
            assert_eq!(
                (view.size(), view.queue_id(), view.queue_offset(), view.physical_offset(), view.store_ms()),
                (u64::from(record.size), 3, 5, 4096, 77)
            );
            assert_eq!((view.sys_flag(), &*view.topic(), &*view.properties()), (record.sys_flag, "T", "a\u{1}b"));
            assert_eq!((view.born_ms(), view.born_host(), view.store_host()), (1, record.born_host, record.store_host));
            assert_eq!((view.flag(), view.reconsume_times(), view.body()), (record.flag, 7, &record.body[..]));
            assert!(view.crc_holds());
            for end in 0..bytes.len() - 1 {
                assert!(matches!(look(&bytes[..end]), Found::Short { .. }), "cut at {end}");
            }
        }
    }
}

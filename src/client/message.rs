//! A message as an application makes it, and as it gets it from a queue.

use crate::{compression, route::Queue};
use bytes::Bytes;
use protocol::{
    properties::{self, KEY_SEPARATOR, KEYS, NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, TAGS, UNIQUE_KEY},
    record::{MessageId, Record, SysFlag},
};
use std::{fmt, net::SocketAddr, ops::Deref, sync::Arc};

/// A message to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Where to.
    pub topic: Arc<str>,
    /// The body, not compressed.
    pub body: Bytes,
    /// A number of the application's own.
    pub flag: i32,
    /// Names and values, among them tag and keys.
    pub properties: Properties,
}

impl Message {
    /// A message without properties.
    pub fn new(topic: impl Into<Arc<str>>, body: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), body: body.into(), flag: 0, properties: Properties::default() }
    }

    /// The same with a tag, by which consumers choose.
    ///
    /// # Errors
    /// If the tag holds one of the two characters that separate properties.
    pub fn with_tag(self, tag: &str) -> Result<Self, PropertyError> {
        self.with_property(TAGS, tag)
    }

    /// The same with keys, by which the message can be found. A blank separates keys.
    ///
    /// # Errors
    /// As [`Message::with_tag`].
    pub fn with_keys<'a>(self, keys: impl IntoIterator<Item = &'a str>) -> Result<Self, PropertyError> {
        let keys: Vec<&str> = keys.into_iter().collect();
        self.with_property(KEYS, &keys.join(&KEY_SEPARATOR.to_string()))
    }

    /// The same with a property.
    ///
    /// # Errors
    /// As [`Message::with_tag`].
    pub fn with_property(mut self, name: &str, value: &str) -> Result<Self, PropertyError> {
        self.properties.set(name, value)?;
        Ok(self)
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.properties.get(TAGS)
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        properties::keys(&self.properties.0)
    }
}

/// Why a property cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("property {name:?} cannot be written: name and value must not hold U+0001 or U+0002, and a name is not empty")]
pub struct PropertyError {
    /// Its name.
    pub name: String,
}

/// The properties of a message, in the form in which they are sent and stored.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(String);

impl Properties {
    /// The value of a property.
    pub fn get(&self, name: &str) -> Option<&str> {
        properties::get(&self.0, name)
    }

    /// Adds or replaces a property.
    ///
    /// # Errors
    /// If name or value holds a separator, or the name is empty.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), PropertyError> {
        let separators = [NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR];
        if name.is_empty() || name.contains(separators) || value.contains(separators) {
            return Err(PropertyError { name: name.to_owned() });
        }
        self.put(name, value);
        Ok(())
    }

    /// Takes a property away.
    pub fn remove(&mut self, name: &str) {
        if self.get(name).is_some() {
            self.0 = properties::without(&self.0, name);
        }
    }

    /// Every name and value in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        properties::pairs(&self.0)
    }

    /// The property string: `name \x01 value \x02 …`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// [`Properties::set`] for names and values known to hold no separator.
    pub(crate) fn put(&mut self, name: &str, value: &str) {
        self.remove(name);
        properties::push(&mut self.0, name, value);
    }

    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A message read from a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// What was sent. The topic is the one it was sent to, also when it comes again through a retry topic.
    pub message: Message,
    /// The queue it was read from.
    pub queue: Queue,
    /// Its index in the queue.
    pub queue_offset: i64,
    /// Its byte position in the broker's commit log.
    pub physical_offset: i64,
    /// When the producer made it, ms.
    pub born_ms: i64,
    /// Who sent it.
    pub born_host: SocketAddr,
    /// When the broker stored it, ms.
    pub store_ms: i64,
    /// The broker that stored it.
    pub store_host: SocketAddr,
    /// How often it was redelivered to this group.
    pub reconsume_times: i32,
    /// Its system flag. [`SysFlag::COMPRESSED`] is left standing only if the body could not be unfolded.
    pub sys_flag: SysFlag,
    /// Its size in the commit log, in bytes.
    pub stored_len: u32,
}

impl Received {
    /// A message from a record of `queue`'s broker.
    pub fn from_record(record: Record, broker: &Arc<str>) -> Self {
        let mut sys_flag = record.sys_flag;
        let body = match compression::unfold(&record.body, sys_flag) {
            Ok(body) => {
                sys_flag.0 &= !(SysFlag::COMPRESSED | SysFlag::COMPRESSION_MASK);
                body
            }
            Err(error) => {
                tracing::warn!(topic = record.topic, record.queue_offset, %error, "left a body compressed");
                record.body
            }
        };
        let topic: Arc<str> = record.topic.into();
        Self {
            queue: Queue { topic: topic.clone(), broker: broker.clone(), id: record.queue_id },
            message: Message { topic, body, flag: record.flag, properties: Properties(record.properties) },
            queue_offset: record.queue_offset,
            physical_offset: record.physical_offset,
            born_ms: record.born_ms,
            born_host: record.born_host,
            store_ms: record.store_ms,
            store_host: record.store_host,
            reconsume_times: record.reconsume_times,
            sys_flag,
            stored_len: record.size,
        }
    }

    /// The id its producer gave it, else the one its broker gave it.
    pub fn message_id(&self) -> String {
        self.message.properties.get(UNIQUE_KEY).map_or_else(|| self.offset_message_id(), str::to_owned)
    }

    /// The id its broker gave it: where it lies.
    pub fn offset_message_id(&self) -> String {
        MessageId { host: self.store_host, physical_offset: self.physical_offset }.to_string()
    }
}

impl Deref for Received {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_set_replaced_and_taken_away() {
        let mut message = Message::new("T", "b").with_tag("a").unwrap().with_keys(["k1", "k2"]).unwrap();
        message.properties.set(TAGS, "b").unwrap();
        assert_eq!(message.tag(), Some("b"));
        assert_eq!(message.keys().collect::<Vec<_>>(), ["k1", "k2"]);
        message.properties.remove(KEYS);
        assert_eq!(message.properties.as_str(), "TAGS\u{1}b\u{2}");
    }

    #[test]
    fn a_property_that_would_break_the_others_is_refused() {
        for (name, value) in [("a\u{1}", ""), ("a", "\u{2}"), ("", "v")] {
            assert_eq!(Message::new("T", "b").with_property(name, value).unwrap_err().name, name);
        }
    }
}

//! Maps from queues to something, as fastjson writes them: `{{"brokerName":"b","queueId":0,"topic":"T"}:{…},…}`.
//!
//! Read them by [`crate::loose_json`], which makes a text of each queue; this is the other half.

use crate::lock::QueueName;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor},
};
use std::{collections::BTreeMap, fmt, marker::PhantomData};

/// Queue → value.
pub type ByQueue<V> = BTreeMap<QueueName, V>;

/// Appends a map.
///
/// # Errors
/// What the values cannot be written for.
pub fn push<V: Serialize>(out: &mut String, table: &ByQueue<V>) -> Result<(), serde_json::Error> {
    out.push('{');
    for (at, (queue, value)) in table.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(queue)?);
        out.push(':');
        out.push_str(&serde_json::to_string(value)?);
    }
    out.push('}');
    Ok(())
}

/// Reads a map whose names are the text of queues; null is an empty one.
///
/// # Errors
/// If a name is no queue, or a value not what it should be.
pub fn read<'de, D: Deserializer<'de>, V: Deserialize<'de>>(deserializer: D) -> Result<ByQueue<V>, D::Error> {
    struct Queues<V>(PhantomData<V>);
    impl<'de, V: Deserialize<'de>> Visitor<'de> for Queues<V> {
        type Value = ByQueue<V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map whose names are queues")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(ByQueue::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut table = ByQueue::new();
            while let Some(name) = map.next_key::<String>()? {
                let queue = serde_json::from_str(&name)
                    .map_err(|error| Error::custom(format_args!("{name:?} is no queue: {error}")))?;
                table.insert(queue, map.next_value()?);
            }
            Ok(table)
        }
    }
    deserializer.deserialize_any(Queues(PhantomData))
}

//! Positions by queue, as fastjson writes maps whose names are objects: `{"offsetTable":{{"topic":"T",…}:5}}`.
//!
//! The body of a reset (220) and the file in which a broadcast consumer keeps its positions. Brokers send other
//! languages a list instead, which is read too. Source: `OffsetSerializeWrapper`, `ResetOffsetBody`,
//! `ResetOffsetBodyForC` of Apache RocketMQ.

use crate::{lock::QueueName, loose_json};
use serde::{Deserialize, Serialize, de::Error};
use std::collections::BTreeMap;

/// Queue → the index to be consumed next.
pub type OffsetTable = BTreeMap<QueueName, i64>;

/// Whose positions are reset (220). Source: `ResetOffsetRequestHeader`, of which the rest is for the broker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResetOf {
    /// The topic.
    pub topic: String,
    /// The group.
    pub group: String,
}

#[derive(Deserialize)]
struct Wrapper {
    #[serde(rename = "offsetTable", default)]
    table: Option<Table>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Table {
    Map(BTreeMap<String, i64>),
    List(Vec<Entry>),
}

#[derive(Deserialize)]
struct Entry {
    #[serde(flatten)]
    queue: QueueName,
    offset: i64,
}

/// Reads a table in either form; a missing one is empty.
///
/// # Errors
/// If the text is not JSON, or a name is no queue.
pub fn read(text: &[u8]) -> Result<OffsetTable, serde_json::Error> {
    match loose_json::from_slice::<Wrapper>(text)?.table {
        None => Ok(OffsetTable::new()),
        Some(Table::List(list)) => Ok(list.into_iter().map(|entry| (entry.queue, entry.offset)).collect()),
        Some(Table::Map(map)) => map
            .into_iter()
            .map(|(name, offset)| match serde_json::from_str(&name) {
                Ok(queue) => Ok((queue, offset)),
                Err(error) => Err(serde_json::Error::custom(format!("{name:?} is no queue: {error}"))),
            })
            .collect(),
    }
}

/// Writes a table as fastjson does, one queue a line.
///
/// # Errors
/// None that a queue's name can cause.
pub fn write(table: &OffsetTable) -> Result<String, serde_json::Error> {
    let mut lines = Vec::with_capacity(table.len());
    for (queue, offset) in table {
        lines.push(format!("\t\t{}:{offset}", serde_json::to_string(queue)?));
    }
    let separator = if lines.is_empty() { "" } else { "\n" };
    Ok(format!("{{\n\t\"offsetTable\":{{{separator}{}{separator}\t}}\n}}\n", lines.join(",\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(broker: &str, queue_id: i32) -> QueueName {
        QueueName { broker_name: broker.into(), queue_id, topic: "T".into() }
    }

    #[test]
    fn a_table_is_read_in_all_the_ways_it_is_written() {
        let table: OffsetTable = [(queue("a", 0), 7), (queue("b \"x\"", 1), 0)].into();
        let fastjson = "{\n\t\"offsetTable\":{{\n\t\t\t\"brokerName\":\"a\",\n\t\t\t\"queueId\":0,\n\t\t\t\"topic\":\"T\"\n\t\t}:7,{\n\
                        \t\t\t\"brokerName\":\"b \\\"x\\\"\",\n\t\t\t\"queueId\":1,\n\t\t\t\"topic\":\"T\"\n\t\t}:0\n\t}\n}";
        let list = r#"{"offsetTable":[{"brokerName":"a","offset":7,"queueId":0,"topic":"T"},
                       {"brokerName":"b \"x\"","offset":0,"queueId":1,"topic":"T"}]}"#;
        for text in [fastjson, list, &write(&table).unwrap()] {
            assert_eq!(read(text.as_bytes()).unwrap(), table, "{text}");
        }
        for empty in ["{}", "{\"offsetTable\":{}}", "{\"offsetTable\":null}", &write(&OffsetTable::new()).unwrap()] {
            assert_eq!(read(empty.as_bytes()).unwrap(), OffsetTable::new(), "{empty}");
        }
        for broken in ["", "{\"offsetTable\":{\"a\":1}}", "{\"offsetTable\":{{\"topic\":\"T\"}:1}}"] {
            assert!(read(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}

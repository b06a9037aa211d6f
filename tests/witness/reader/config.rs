//! The JSON files of `config/`: consumers' offsets, delays' offsets, topics.
//!
//! ```text
//! consumerOffset.json  {"offsetTable":{"TOPIC@GROUP":{QUEUE:OFFSET}}}
//! delayOffset.json     {"offsetTable":{LEVEL:OFFSET}}
//! topics.json          {"topicConfigTable":{"TOPIC":{"readQueueNums":4,"writeQueueNums":4,"perm":6}}}
//! ```
//! Apache writes numbers as names without quotes. If a file cannot be read, its `.bak` is, and the file is a trouble.
//! Source: `ConsumerOffsetManager`, `ScheduleMessageService`, `TopicConfigManager` of Apache RocketMQ 4.9.8.

use super::{Trouble, files::read_if_there};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// How far a group has consumed a queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsumerOffset {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The queue.
    pub queue_id: i32,
    /// The index of the next message it wants.
    pub offset: i64,
}

/// What `topics.json` says of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicConfig {
    /// Queues to read from.
    pub read_queues: i32,
    /// Queues to write to.
    pub write_queues: i32,
    /// 4: may be read, 2: may be written.
    pub perm: i32,
}

pub(super) fn consumer_offsets(path: &Path, troubles: &mut Vec<Trouble>) -> Vec<ConsumerOffset> {
    let mut offsets = Vec::new();
    for (name, queues) in table(path, "offsetTable", troubles) {
        let Some((topic, group)) = name.split_once('@') else {
            troubles.push(Trouble { path: path.to_owned(), what: format!("{name} is not TOPIC@GROUP") });
            continue;
        };
        for (queue_id, offset) in numbers(path, &name, &queues, troubles) {
            offsets.push(ConsumerOffset { group: group.into(), topic: topic.into(), queue_id, offset });
        }
    }
    offsets.sort();
    offsets
}

pub(super) fn delay_offsets(path: &Path, troubles: &mut Vec<Trouble>) -> BTreeMap<i32, i64> {
    let levels = Value::Object(table(path, "offsetTable", troubles));
    numbers(path, "offsetTable", &levels, troubles).into_iter().collect()
}

pub(super) fn topics(path: &Path, troubles: &mut Vec<Trouble>) -> BTreeMap<String, TopicConfig> {
    let number = |topic: &Value, name: &str| topic[name].as_i64().and_then(|n| n.try_into().ok()).unwrap_or_default();
    let config = |topic: &Value| TopicConfig {
        read_queues: number(topic, "readQueueNums"),
        write_queues: number(topic, "writeQueueNums"),
        perm: number(topic, "perm"),
    };
    table(path, "topicConfigTable", troubles).iter().map(|(name, topic)| (name.clone(), config(topic))).collect()
}

/// `{"1":5}` as pairs of numbers.
fn numbers(path: &Path, what: &str, value: &Value, troubles: &mut Vec<Trouble>) -> Vec<(i32, i64)> {
    let mut numbers = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        match (name.parse(), value.as_i64()) {
            (Ok(name), Some(value)) => numbers.push((name, value)),
            _ => {
                let what = format!("{what} has {name}: {value}, which are not two numbers");
                troubles.push(Trouble { path: path.to_owned(), what });
            }
        }
    }
    numbers
}

/// The object called `name` in a file, or in its `.bak` if the file cannot be read; empty if neither is there.
fn table(path: &Path, name: &str, troubles: &mut Vec<Trouble>) -> Map<String, Value> {
    let mut load = |path: PathBuf| -> Option<Map<String, Value>> {
        let text = read_if_there(&path, troubles)?;
        let what = match serde_json::from_str::<Value>(&quote_numbers(&String::from_utf8_lossy(&text))) {
            Err(error) => error.to_string(),
            Ok(mut value) => match value.get_mut(name).map(Value::take) {
                Some(Value::Object(object)) => return Some(object),
                _ => format!("there is no object {name} in it"),
            },
        };
        troubles.push(Trouble { path, what });
        None
    };
    let mut backup = path.as_os_str().to_owned();
    backup.push(".bak");
    load(path.to_owned()).or_else(|| load(backup.into())).unwrap_or_default()
}

/// Puts quotes around numbers that stand before a colon.
fn quote_numbers(text: &str) -> String {
    let (mut quoted, mut in_text, mut rest) = (String::with_capacity(text.len()), false, text);
    while let Some(first) = rest.chars().next() {
        let digits = rest.find(|digit: char| digit != '-' && !digit.is_ascii_digit()).unwrap_or(rest.len());
        let is_name = digits > 0 && rest[digits..].trim_start().starts_with(':');
        let len = if in_text && first == '\\' {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        } else if !in_text && digits > 0 {
            digits
        } else {
            in_text ^= first == '"';
            first.len_utf8()
        };
        let quote = if !in_text && is_name && len == digits { "\"" } else { "" };
        quoted.extend([quote, &rest[..len], quote]);
        rest = &rest[len..];
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_names_get_their_quotes_and_nothing_else_does() {
        for (given, wanted) in [
            (r#"{"T@G":{0:5,1 :7,-2:0}}"#, r#"{"T@G":{"0":5,"1" :7,"-2":0}}"#),
            (r#"{"a\"1:2":[1,2],"ä1:":3}"#, r#"{"a\"1:2":[1,2],"ä1:":3}"#),
            (r#"{"1":"2:3\\"}"#, r#"{"1":"2:3\\"}"#),
        ] {
            assert_eq!(quote_numbers(given), wanted);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_replaced_by_its_backup_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("consumerOffset.json");
        std::fs::write(&path, "").unwrap();
        std::fs::write(dir.path().join("consumerOffset.json.bak"), r#"{"offsetTable":{"T@G":{0:5}}}"#).unwrap();
        let mut troubles = Vec::new();
        let offsets = consumer_offsets(&path, &mut troubles);
        let wanted = ConsumerOffset { group: "G".into(), topic: "T".into(), queue_id: 0, offset: 5 };
        assert_eq!(offsets, [wanted]);
        assert_eq!(troubles.len(), 1, "{troubles:?}");
    }
}

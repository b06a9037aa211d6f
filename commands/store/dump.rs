//! `rmq store dump`: the records of a log as JSON lines.

use super::{Place, failed, progress::Reading};
use crate::{
    failure::{Failure, say},
    output::Output,
    when,
};
use ::store::{Damage, Dumped, Selection};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use protocol::properties;
use serde_json::{Map, Value, json};
use std::{
    io::{IsTerminal, stdout},
    ops::ControlFlow,
};

/// Print the records of a log as JSON, one a line
///
/// Goes on behind damaged places, which are told on standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq store dump ~/store --limit 10
  rmq store dump ~/store --topic orders --key order-7
  rmq store dump ~/store --from-time -1h --to-time now > hour.jsonl
  rmq store dump ~/store --from 1073741824 --to 1073800000

A body that is no UTF-8 stands in body_base64. Bodies are as they are stored: compressed, if bit 0 of
sys_flag is set.")]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// At or behind this offset of the log
    #[arg(long, value_name = "OFFSET")]
    from: Option<u64>,
    /// Before this offset of the log
    #[arg(long, value_name = "OFFSET")]
    to: Option<u64>,
    /// Stored at or after this time: 2026-01-02T03:04:05Z, "2026-01-02 03:04:05" (local), ms since 1970, -10m
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::argument)]
    from_time: Option<i64>,
    /// Stored at or before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::argument)]
    to_time: Option<i64>,
    /// Of this topic
    #[arg(short, long)]
    topic: Option<String>,
    /// Of this queue of the topic
    #[arg(short, long, value_name = "N")]
    queue: Option<i32>,
    /// With this key, or with this as the id its producer gave it
    #[arg(short, long)]
    key: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let offline = arguments.place.open()?;
    let selection = Selection {
        from: arguments.from,
        to: arguments.to,
        from_ms: arguments.from_time,
        to_ms: arguments.to_time,
        topic: arguments.topic,
        queue_id: arguments.queue,
        key: arguments.key,
    };
    // Lines on the same terminal would break the bar.
    let reading = Reading::begin(&offline, !stdout().is_terminal()).map_err(failed)?;
    let mut output = Output::begin();
    let mut printed = Ok(());
    let mut left = arguments.limit;
    let dumped = offline.dump(
        &selection,
        |record| {
            printed = output.line(line(&record));
            left = left.map(|left| left - 1);
            if printed.is_err() || left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
        |damage| reading.aside(|| say(&told(damage))),
        |offset| reading.at(offset),
    );
    drop(reading);
    printed.and_then(|()| output.flush())?;
    dumped.map_err(failed)
}

fn told(damage: &Damage) -> String {
    let Damage { from, to, what, .. } = damage;
    format!("rmq: {} bytes from {from} to {to} hold no good record: {what}", to - from)
}

fn line(record: &Dumped) -> Value {
    let all: Map<String, Value> =
        record.properties.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let property = |wanted: &str| record.properties.iter().rfind(|(name, _)| name == wanted).map(|(_, value)| value);
    let keys = property(properties::KEYS).map_or("", String::as_str);
    let keys: Vec<_> = keys.split(properties::KEY_SEPARATOR).filter(|key| !key.is_empty()).collect();
    let mut object = json!({
        "physical_offset": record.physical_offset,
        "size": record.size,
        "topic": record.topic,
        "queue": record.queue_id,
        "offset": record.queue_offset,
        "id": property(properties::UNIQUE_KEY),
        "tag": property(properties::TAGS),
        "keys": keys,
        "born_ms": record.born_ms,
        "born_host": record.born_host.to_string(),
        "stored_ms": record.store_ms,
        "stored": when::show(record.store_ms),
        "store_host": record.store_host.to_string(),
        "flag": record.flag,
        "sys_flag": record.sys_flag,
        "reconsume_times": record.reconsume_times,
        "properties": all,
        "crc_ok": record.crc_ok,
    });
    match std::str::from_utf8(&record.body) {
        Ok(text) => object["body"] = text.into(),
        Err(_) => object["body_base64"] = BASE64.encode(&record.body).into(),
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_line_with_its_body_as_text_or_base64() {
        let mut record = Dumped {
            physical_offset: 100,
            size: 120,
            topic: "T".to_owned(),
            queue_id: 3,
            queue_offset: 7,
            flag: 0,
            sys_flag: 0,
            born_ms: 1,
            born_host: "1.2.3.4:5".parse().unwrap(),
            store_ms: 1_767_323_045_678,
            store_host: "1.2.3.4:10911".parse().unwrap(),
            reconsume_times: 0,
            properties: vec![("KEYS".to_owned(), "a  b".to_owned()), ("UNIQ_KEY".to_owned(), "U".to_owned())],
            body: b"hello".to_vec(),
            crc_ok: true,
        };
        let object = line(&record);
        assert_eq!(
            (&object["body"], &object["keys"], &object["id"]),
            (&"hello".into(), &json!(["a", "b"]), &"U".into())
        );
        assert_eq!((&object["stored"], &object["tag"]), (&"2026-01-02T03:04:05.678Z".into(), &Value::Null));
        assert!(!object.to_string().contains('\n'));
        record.body = vec![0xFF, 0];
        assert_eq!(line(&record)["body_base64"], "/wA=");
    }
}

//! How far groups have come on a broker: one group (208), all of them (317), and by the times of messages (303).
//!
//! Source: `ConsumeStats`, `OffsetWrapper`, `ConsumeStatsList`, `QueueTimeSpan` and their headers of Apache RocketMQ 4.9.8.

use crate::{
    by_queue::{self, ByQueue},
    json_cursor::{Cursor, NotThere},
    lock::QueueName,
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// Asks how far a group has come (208).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumeStatsOf {
    /// The group.
    pub consumer_group: String,
    /// In this topic only; blank or missing: in all that it has an offset for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub topic: Option<String>,
}

/// Asks how far all groups have come (317).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AllConsumeStats {
    /// Only in topics whose order counts.
    pub is_order: bool,
}

/// Asks how far a group has come by the times of messages (303).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimeSpansOf {
    /// The topic.
    pub topic: String,
    /// The group.
    pub group: String,
}

/// How far a group has come in a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueProgress {
    /// The index the queue's next message will have.
    pub broker_offset: i64,
    /// The index the group will consume next. 0 also if the broker knows none.
    pub consumer_offset: i64,
    /// When the message before that one was stored, ms; 0 if that is not known.
    pub last_timestamp: i64,
}

impl QueueProgress {
    /// Messages that the group has still to consume.
    pub fn lag(&self) -> i64 {
        self.broker_offset - self.consumer_offset
    }
}

/// How far a group has come.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStats {
    /// Messages it pulls a second.
    pub consume_tps: f64,
    /// Queue by queue.
    #[serde(deserialize_with = "by_queue::read")]
    pub offset_table: ByQueue<QueueProgress>,
}

impl ConsumeStats {
    /// Messages that the group has still to consume.
    pub fn lag(&self) -> i64 {
        self.offset_table.values().map(QueueProgress::lag).sum()
    }

    /// As Apache RocketMQ writes it.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut out = String::with_capacity(64 + self.offset_table.len() * 160);
        self.push(&mut out)?;
        Ok(out)
    }

    fn push(&self, out: &mut String) -> Result<(), serde_json::Error> {
        out.push_str("{\"consumeTps\":");
        out.push_str(&serde_json::to_string(&self.consume_tps)?);
        out.push_str(",\"offsetTable\":");
        by_queue::push(out, &self.offset_table)?;
        out.push('}');
        Ok(())
    }
}

/// How far all groups of a broker have come.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerConsumeStats {
    /// The broker's address.
    pub broker_addr: String,
    /// For each group a map of one: its name → an entry for each of its topics.
    pub consume_stats_list: Vec<BTreeMap<String, Vec<ConsumeStats>>>,
    /// What all groups together have still to consume.
    pub total_diff: i64,
}

impl BrokerConsumeStats {
    /// As Apache RocketMQ writes it.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut out = format!("{{\"brokerAddr\":{},\"consumeStatsList\":[", serde_json::to_string(&self.broker_addr)?);
        for (at, groups) in self.consume_stats_list.iter().enumerate() {
            out.push_str(if at > 0 { ",{" } else { "{" });
            for (at, (group, topics)) in groups.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(group)?);
                out.push_str(":[");
                for (at, topic) in topics.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    topic.push(&mut out)?;
                }
                out.push(']');
            }
            out.push('}');
        }
        out.push_str(&format!("],\"totalDiff\":{}}}", self.total_diff));
        Ok(out)
    }
}

/// Reads what [`BrokerConsumeStats`] is, queue by queue and without keeping any of it: where there are many groups, that is
/// megabytes. `take` is given each group, once before its queues, and then each of them with its topic.
///
/// # Errors
/// Where the text is not what it should be. What was given before that is then worth nothing.
pub fn each_progress(json: &[u8], mut take: impl FnMut(&str, Option<(&str, QueueProgress)>)) -> Result<(), NotThere> {
    let mut cursor = Cursor::of(json)?;
    cursor.object(Cursor::name, |cursor, name| match &*name {
        "consumeStatsList" => cursor.list(|cursor| {
            cursor.object(Cursor::name, |cursor, group| {
                take(&group, None);
                cursor.list(|cursor| {
                    cursor.object(Cursor::name, |cursor, name| match &*name {
                        "offsetTable" => cursor.object(queue_of, |cursor, topic| {
                            let progress = progress(cursor)?;
                            take(&group, Some((&topic, progress)));
                            Ok(())
                        }),
                        _ => cursor.skip(),
                    })
                })
            })
        }),
        _ => cursor.skip(),
    })?;
    cursor.end()
}

/// The topic of a queue that stands where a name belongs.
fn queue_of<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, NotThere> {
    let mut topic = None;
    let mut has_id = false;
    cursor.object(Cursor::name, |cursor, name| match &*name {
        "topic" => {
            cursor.peek();
            topic = Some(cursor.string()?);
            Ok(())
        }
        "queueId" => {
            has_id = true;
            cursor.integer().map(drop)
        }
        _ => cursor.skip(),
    })?;
    topic.filter(|_| has_id).ok_or_else(|| cursor.expected("a queue with its topic and id, before the colon,"))
}

fn progress(cursor: &mut Cursor<'_>) -> Result<QueueProgress, NotThere> {
    let mut progress = QueueProgress::default();
    cursor.object(Cursor::name, |cursor, name| {
        match &*name {
            "brokerOffset" => progress.broker_offset = cursor.integer()?,
            "consumerOffset" => progress.consumer_offset = cursor.integer()?,
            "lastTimestamp" => progress.last_timestamp = cursor.integer()?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(progress)
}

/// How far a group has come in a queue, by the times of its messages. All times are ms; -1: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimeSpan {
    /// When the last message that the group consumed was stored.
    pub consume_time_stamp: i64,
    /// How long ago the message that it consumes next was stored; 0 if it has consumed all.
    pub delay_time: i64,
    /// When the queue's last message was stored.
    pub max_time_stamp: i64,
    /// The queue.
    pub message_queue: Option<QueueName>,
    /// When the queue's first message was stored.
    pub min_time_stamp: i64,
}

/// The answer to 303. Apache RocketMQ writes each time also as a text, which nobody reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimeSpans {
    /// Queue by queue.
    pub consume_time_span_set: Vec<TimeSpan>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, loose_json};

    fn stats() -> ConsumeStats {
        let queue = |queue_id| QueueName { broker_name: "b \"x\"".into(), queue_id, topic: "T".into() };
        let progress = QueueProgress { broker_offset: 9, consumer_offset: 4, last_timestamp: 1_795_359_330_932 };
        ConsumeStats {
            consume_tps: 0.5,
            offset_table: [(queue(0), progress), (queue(1), QueueProgress::default())].into(),
        }
    }

    const ONE: &str = concat!(
        r#"{"consumeTps":0.5,"offsetTable":{{"brokerName":"b \"x\"","queueId":0,"topic":"T"}:{"brokerOffset":9,"#,
        r#""consumerOffset":4,"lastTimestamp":1795359330932},{"brokerName":"b \"x\"","queueId":1,"topic":"T"}:"#,
        r#"{"brokerOffset":0,"consumerOffset":0,"lastTimestamp":0}}}"#
    );

    #[test]
    fn one_groups_progress_is_written_as_apache_writes_it_and_read_back() {
        assert_eq!(stats().to_json().unwrap(), ONE);
        assert_eq!(loose_json::from_slice::<ConsumeStats>(ONE.as_bytes()).unwrap(), stats());
        assert_eq!(stats().lag(), 5);
        assert_eq!(ConsumeStats::default().to_json().unwrap(), r#"{"consumeTps":0.0,"offsetTable":{}}"#);
        // Apache RocketMQ 5 adds what this does not know; a table may be null.
        let newer = r#"{"consumeTps":0,"offsetTable":{{"queueId":1,"topic":"T"}:{"brokerOffset":1,"pullOffset":7}}}"#;
        assert_eq!(loose_json::from_slice::<ConsumeStats>(newer.as_bytes()).unwrap().lag(), 1);
        assert!(loose_json::from_slice::<ConsumeStats>(br#"{"offsetTable":null}"#).unwrap().offset_table.is_empty());
        for broken in [r#"{"offsetTable":{"a":{}}}"#, r#"{"offsetTable":[]}"#, r#"{"offsetTable":{{"topic":"T"}:{}}}"#]
        {
            assert!(loose_json::from_slice::<ConsumeStats>(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn all_groups_progress_is_written_as_apache_writes_it_and_read_back() {
        let all = BrokerConsumeStats {
            broker_addr: "127.0.0.1:10911".into(),
            consume_stats_list: vec![[("G".into(), vec![stats(), stats()])].into(), [("H".into(), Vec::new())].into()],
            total_diff: 10,
        };
        let golden = format!(
            r#"{{"brokerAddr":"127.0.0.1:10911","consumeStatsList":[{{"G":[{ONE},{ONE}]}},{{"H":[]}}],"totalDiff":10}}"#
        );
        assert_eq!(all.to_json().unwrap(), golden);
        assert_eq!(loose_json::from_slice::<BrokerConsumeStats>(golden.as_bytes()).unwrap(), all);
        let told = told(&golden).unwrap();
        let queue = |group, end| (group, Some(("T".to_owned(), end)));
        let groups = [("G", None), queue("G", 9), queue("G", 0), queue("G", 9), queue("G", 0), ("H", None)];
        assert_eq!(told, groups.map(|(group, queue)| (group.to_owned(), queue)));
    }

    type Told = (String, Option<(String, i64)>);

    fn told(json: &str) -> Result<Vec<Told>, NotThere> {
        let mut told = Vec::new();
        each_progress(json.as_bytes(), |group, queue| {
            told.push((group.to_owned(), queue.map(|(topic, at)| (topic.to_owned(), at.broker_offset))));
        })?;
        Ok(told)
    }

    #[test]
    fn progress_is_read_in_all_the_ways_it_is_written_and_what_is_none_is_refused() {
        let ways = [
            r#"{"consumeStatsList":[{"G":[{"offsetTable":{{"topic":"T","queueId":1}:{"brokerOffset":3}}}]}]}"#,
            r#"{consumeStatsList:[{G:[{offsetTable:{{topic:"T",queueId:1}:{brokerOffset:3,pullOffset:-1}},x:[{}]}]}]}"#,
            "{ \"new\" : {{\"a\":1}:2} ,\n\"consumeStatsList\" : [ { \"G\" : [ { \"offsetTable\" : \
             { {\"brokerName\":\"b\",\"queueId\":1,\"topic\":\"\\u0054\"} : {\"brokerOffset\" : 3} } } ] } ] }",
        ];
        for text in ways {
            let expected = [("G".to_owned(), None), ("G".to_owned(), Some(("T".to_owned(), 3)))];
            assert_eq!(told(text).unwrap(), expected, "{text}");
        }
        for empty in ["{}", r#"{"consumeStatsList":[]}"#, r#"{"consumeStatsList":null,"totalDiff":0}"#] {
            assert_eq!(told(empty).unwrap(), [], "{empty}");
        }
        assert_eq!(told(r#"{"consumeStatsList":[{"G":[{"offsetTable":null}]}]}"#).unwrap(), [("G".to_owned(), None)]);
        let queue =
            |queue: &str, at: &str| format!(r#"{{"consumeStatsList":[{{"G":[{{"offsetTable":{{{queue}:{at}}}}}]}}]}}"#);
        assert_eq!(told(&queue(r#"{"queueId":0,"topic":"T"}"#, "{}")).unwrap().len(), 2);
        for broken in [
            String::new(),
            "[]".to_owned(),
            "{}x".to_owned(),
            queue(r#"{"topic":"T"}"#, "{}"),
            queue(r#"{"queueId":0}"#, "{}"),
            queue(r#""T""#, "{}"),
            queue(r#"{"queueId":0,"topic":"T"}"#, "3"),
            queue(r#"{"queueId":0,"topic":"T"}"#, r#"{"brokerOffset":"3"}"#),
        ] {
            assert!(told(&broken).is_err(), "{broken}");
        }
        let whole = queue(r#"{"queueId":0,"topic":"T"}"#, r#"{"brokerOffset":3}"#);
        for end in 0..whole.len() {
            assert!(told(&whole[..end]).is_err(), "{}", &whole[..end]);
        }
    }

    #[test]
    fn times_and_headers_have_apaches_names() {
        let queue = QueueName { broker_name: "b".into(), queue_id: 0, topic: "T".into() };
        let span = TimeSpan { message_queue: Some(queue), min_time_stamp: -1, ..TimeSpan::default() };
        let golden = concat!(
            r#"{"consumeTimeSpanSet":[{"consumeTimeStamp":0,"delayTime":0,"maxTimeStamp":0,"messageQueue":"#,
            r#"{"brokerName":"b","queueId":0,"topic":"T"},"minTimeStamp":-1}]}"#
        );
        let spans = TimeSpans { consume_time_span_set: vec![span] };
        assert_eq!(serde_json::to_string(&spans).unwrap(), golden);
        let texts = golden.replace(r#""delayTime""#, r#""consumeTimeStampStr":"1970-01-01 08:00:00:000","delayTime""#);
        assert_eq!(serde_json::from_str::<TimeSpans>(&texts).unwrap(), spans);
        let fields = |command: Command| format!("{:?}", command.fields);
        assert_eq!(
            fields(Command::request(208).with_header(&ConsumeStatsOf { consumer_group: "G".into(), topic: None })),
            r#"{"consumerGroup": "G"}"#
        );
        assert_eq!(
            fields(Command::request(317).with_header(&AllConsumeStats { is_order: false })),
            r#"{"isOrder": "false"}"#
        );
    }
}

//! The property string of a message: `name \x01 value \x02 name \x01 value …`, and the well-known names.
//!
//! Source: `MessageDecoder` and `MessageConst` of Apache RocketMQ. The trailing `\x02` is optional on input.

/// Separates a name from its value.
pub const NAME_VALUE_SEPARATOR: char = '\u{1}';
/// Ends a property.
pub const PROPERTY_SEPARATOR: char = '\u{2}';
/// Separates the keys in the value of [`KEYS`].
pub const KEY_SEPARATOR: char = ' ';
/// Longest property string a record can hold, in bytes.
pub const MAX_PROPERTIES_LEN: usize = i16::MAX as usize;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {$($(#[$doc])* pub const $name: &str = $text;)*};
}

names! {
    /// Keys for the index, separated by blanks.
    KEYS = "KEYS";
    /// The tag.
    TAGS = "TAGS";
    /// `false`: the producer does not wait for flush and replication.
    WAIT_STORE_MSG_OK = "WAIT";
    /// Delay level, from 1.
    DELAY_LEVEL = "DELAY";
    /// Seconds from when it is sent until it is delivered.
    TIMER_DELAY_SEC = "TIMER_DELAY_SEC";
    /// Milliseconds from when it is sent until it is delivered.
    TIMER_DELAY_MS = "TIMER_DELAY_MS";
    /// When it is to be delivered, ms.
    TIMER_DELIVER_MS = "TIMER_DELIVER_MS";
    /// When it is to be delivered, ms, as ONS clients say it.
    START_DELIVER_TIME = "__STARTDELIVERTIME";
    /// When a parked message is due, ms.
    TIMER_OUT_MS = "TIMER_OUT_MS";
    /// When the broker took note of a parked message, ms.
    TIMER_ENQUEUE_MS = "TIMER_ENQUEUE_MS";
    /// When the broker delivered a parked message, ms.
    TIMER_DEQUEUE_MS = "TIMER_DEQUEUE_MS";
    /// The unique key of a parked message that is to be recalled.
    TIMER_DELETE_UNIQUE_KEY = "TIMER_DEL_UNIQKEY";
    /// The topic a retry message came from.
    RETRY_TOPIC = "RETRY_TOPIC";
    /// The topic a parked message is meant for.
    REAL_TOPIC = "REAL_TOPIC";
    /// The queue a parked message is meant for.
    REAL_QUEUE_ID = "REAL_QID";
    /// `true`: a half message of a transaction.
    TRANSACTION_PREPARED = "TRAN_MSG";
    /// The producer group of a transaction.
    PRODUCER_GROUP = "PGROUP";
    /// First offset of the queue, set by the consumer.
    MIN_OFFSET = "MIN_OFFSET";
    /// End of the queue, set by the consumer.
    MAX_OFFSET = "MAX_OFFSET";
    /// Id of the message a retry came from.
    ORIGIN_MESSAGE_ID = "ORIGIN_MESSAGE_ID";
    /// Region of the broker that stored it.
    MSG_REGION = "MSG_REGION";
    /// Whether the producer wants a trace.
    TRACE_SWITCH = "TRACE_ON";
    /// The id the producer gave the message.
    UNIQUE_KEY = "UNIQ_KEY";
    /// How often a consumer may retry it.
    MAX_RECONSUME_TIMES = "MAX_RECONSUME_TIMES";
    /// How often it was retried.
    RECONSUME_TIME = "RECONSUME_TIME";
    /// How often its transaction was asked about.
    TRANSACTION_CHECK_TIMES = "TRANSACTION_CHECK_TIMES";
    /// Seconds in which its transaction is not asked about.
    CHECK_IMMUNITY_SECONDS = "CHECK_IMMUNITY_TIME_IN_SECONDS";
    /// Queue offset of the first half message.
    TRANSACTION_PREPARED_QUEUE_OFFSET = "TRAN_PREPARED_QUEUE_OFFSET";
    /// CRC of the whole record, in brokers of Apache RocketMQ 5 that are asked to write it.
    CRC32 = "__CRC32#";
    /// What messages that keep their order have in common.
    SHARDING_KEY = "__SHARDINGKEY";
    /// Instance of a shared cluster.
    INSTANCE_ID = "INSTANCE_ID";
    /// Which request a reply belongs to.
    CORRELATION_ID = "CORRELATION_ID";
    /// The client that waits for a reply.
    REPLY_TO_CLIENT = "REPLY_TO_CLIENT";
    /// When the broker passed a reply on, ms.
    PUSH_REPLY_TIME = "PUSH_REPLY_TIME";
    /// How long a request waits for its reply, in ms.
    TTL = "TTL";
    /// Cluster a reply goes through.
    CLUSTER = "CLUSTER";
    /// `reply` for replies.
    MESSAGE_TYPE = "MSG_TYPE";
}

/// Every name and value in order. Pieces without a separator are left out, as Apache RocketMQ does.
pub fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(PROPERTY_SEPARATOR).filter_map(|pair| pair.split_once(NAME_VALUE_SEPARATOR))
}

/// The value of `name`; the last one if it occurs more than once, as in a map filled in order.
pub fn get<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text;
    let mut found = None;
    while let Some((pair, after)) = rest.split_once(PROPERTY_SEPARATOR).or((!rest.is_empty()).then_some((rest, ""))) {
        if let Some(value) = pair.strip_prefix(name).and_then(|tail| tail.strip_prefix(NAME_VALUE_SEPARATOR)) {
            found = Some(value);
        }
        rest = after;
    }
    found
}

/// Appends a property to a property string, which may end with or without a separator.
pub fn push(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() && !text.ends_with(PROPERTY_SEPARATOR) {
        text.push(PROPERTY_SEPARATOR);
    }
    text.push_str(name);
    text.push(NAME_VALUE_SEPARATOR);
    text.push_str(value);
    text.push(PROPERTY_SEPARATOR);
}

/// The property string without `name`.
pub fn without(text: &str, name: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    pairs(text).filter(|(key, _)| *key != name).for_each(|(key, value)| push(&mut kept, key, value));
    kept
}

/// The property string with `name` set to `value`.
pub fn with(text: &str, name: &str, value: &str) -> String {
    let mut set = if get(text, name).is_some() { without(text, name) } else { text.to_owned() };
    push(&mut set, name, value);
    set
}

/// The keys of a message, from its property string.
pub fn keys(text: &str) -> impl Iterator<Item = &str> {
    get(text, KEYS).unwrap_or_default().split(KEY_SEPARATOR).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_with_and_without_a_trailing_separator() {
        for text in ["KEYS\u{1}a b\u{2}TAGS\u{1}t\u{2}", "KEYS\u{1}a b\u{2}TAGS\u{1}t"] {
            assert_eq!(pairs(text).collect::<Vec<_>>(), [("KEYS", "a b"), ("TAGS", "t")]);
            assert_eq!(get(text, TAGS), Some("t"));
            assert_eq!(get(text, "TAG"), None);
            assert_eq!(keys(text).collect::<Vec<_>>(), ["a", "b"]);
        }
    }

    #[test]
    fn an_added_property_is_separated() {
        let mut text = "a\u{1}1".to_owned();
        push(&mut text, "b", "2");
        assert_eq!(text, "a\u{1}1\u{2}b\u{1}2\u{2}");
        assert_eq!(without(&text, "a"), "b\u{1}2\u{2}");
        assert_eq!(with(&text, "a", "3"), "b\u{1}2\u{2}a\u{1}3\u{2}");
        assert_eq!(with("c\u{1}1", "a", "3"), "c\u{1}1\u{2}a\u{1}3\u{2}");
    }

    #[test]
    fn the_last_of_two_values_counts() {
        assert_eq!(get("a\u{1}1\u{2}a\u{1}2\u{2}", "a"), Some("2"));
    }
}

//! What clients tell about themselves: their groups, and what those subscribe to.
//!
//! Clients spell the same thing in several ways (names or numbers for enums, numbers as strings, members left out);
//! reading takes all of them. Source: `HeartbeatData`, `SubscriptionData`, `FilterAPI` of Apache RocketMQ.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, IntoDeserializer},
};
use std::collections::BTreeSet;

/// The subscription expression that takes all messages.
pub const SUBSCRIBE_ALL: &str = "*";
/// Expression type: tags.
pub const TAG: &str = "TAG";
/// Expression type: SQL92 over properties.
pub const SQL92: &str = "SQL92";

/// Java's `String.hashCode`: how tags and keys are hashed on disk and on the wire.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

macro_rules! open_enum {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $type {
            #[default]
            $($(#[$vdoc])* $variant,)*
        }

        impl $type {
            /// As written in JSON.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match NumberOrText::deserialize(deserializer)? {
                    $(NumberOrText::Number($number) => Ok(Self::$variant),)*
                    NumberOrText::Text(text) => match text.as_str() {
                        $($name | stringify!($number) => Ok(Self::$variant),)*
                        other => Err(de::Error::unknown_variant(other, &[$($name),*])),
                    },
                    NumberOrText::Number(other) => {
                        Err(de::Error::invalid_value(de::Unexpected::Signed(other), &stringify!($type)))
                    }
                }
            }
        }
    };
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
}

/// A number that some clients write as a string.
fn loose_i64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(number) => Ok(number),
        NumberOrText::Text(text) => text.trim().parse().map_err(de::Error::custom),
    }
}

/// A list that some clients write as null.
pub(crate) fn loose_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

open_enum! {
    /// How a consumer gets its messages. The default is that of a push consumer.
    ConsumeType {
        /// Pushed, as far as the application sees.
        Passively = 1 "CONSUME_PASSIVELY",
        /// Pulled by the application.
        Actively = 0 "CONSUME_ACTIVELY",
        /// Popped, by clients of 5.x.
        Pop = 2 "CONSUME_POP",
    }
}

open_enum! {
    /// Who of a group gets a message.
    MessageModel {
        /// One member.
        Clustering = 1 "CLUSTERING",
        /// Every member.
        Broadcasting = 0 "BROADCASTING",
    }
}

open_enum! {
    /// Where a new group starts.
    ConsumeFrom {
        /// At the end.
        LastOffset = 0 "CONSUME_FROM_LAST_OFFSET",
        /// Retired.
        LastOffsetAndFromMinWhenBootFirst = 1 "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
        /// Retired.
        MinOffset = 2 "CONSUME_FROM_MIN_OFFSET",
        /// Retired.
        MaxOffset = 3 "CONSUME_FROM_MAX_OFFSET",
        /// At the beginning.
        FirstOffset = 4 "CONSUME_FROM_FIRST_OFFSET",
        /// At a time.
        Timestamp = 5 "CONSUME_FROM_TIMESTAMP",
    }
}

/// What a group wants of a topic. Source: `SubscriptionData`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Filter classes are not supported since 4.3; kept for the wire.
    #[serde(default)]
    pub class_filter_mode: bool,
    /// Hashes of the tags.
    #[serde(default, deserialize_with = "loose_list")]
    pub code_set: Vec<i32>,
    /// [`TAG`] or [`SQL92`].
    #[serde(default = "tag")]
    pub expression_type: String,
    /// The expression.
    #[serde(default = "all")]
    pub sub_string: String,
    /// Grows with each change.
    #[serde(default, deserialize_with = "loose_i64")]
    pub sub_version: i64,
    /// The tags.
    #[serde(default, deserialize_with = "loose_list")]
    pub tags_set: Vec<String>,
    /// Topic.
    pub topic: String,
}

fn tag() -> String {
    TAG.to_owned()
}

fn all() -> String {
    SUBSCRIBE_ALL.to_owned()
}

impl Subscription {
    /// Reads a tag expression: `*`, or tags with `||` between. Source: `FilterAPI.buildSubscriptionData`.
    pub fn tags(topic: &str, expression: &str, version: i64) -> Self {
        let all = expression.is_empty() || expression == SUBSCRIBE_ALL;
        let tags: BTreeSet<&str> = match all {
            true => BTreeSet::new(),
            false => expression.split("||").map(str::trim).filter(|tag| !tag.is_empty()).collect(),
        };
        Self {
            class_filter_mode: false,
            code_set: tags.iter().map(|tag| java_hash(tag)).collect(),
            expression_type: TAG.to_owned(),
            sub_string: if all { SUBSCRIBE_ALL } else { expression }.to_owned(),
            sub_version: version,
            tags_set: tags.into_iter().map(str::to_owned).collect(),
            topic: topic.to_owned(),
        }
    }

    /// Messages whose properties an expression is true of; see [`crate::sql92`]. It is kept as text: the broker reads it,
    /// and says what is wrong with it.
    pub fn sql(topic: &str, expression: &str) -> Self {
        Self::of_type(topic, expression, Some(SQL92), 0)
    }

    /// Reads an expression of any type; SQL92 is kept as text.
    pub fn of_type(topic: &str, expression: &str, expression_type: Option<&str>, version: i64) -> Self {
        match expression_type {
            None | Some("" | TAG) => Self::tags(topic, expression, version),
            Some(other) => Self {
                code_set: Vec::new(),
                tags_set: Vec::new(),
                expression_type: other.to_owned(),
                sub_string: expression.to_owned(),
                ..Self::tags(topic, "", version)
            },
        }
    }

    /// Whether the expression is over tags.
    pub fn is_tag(&self) -> bool {
        self.expression_type == TAG || self.expression_type.is_empty()
    }

    /// Whether a queue entry with this tag hash can be wanted. The hash may collide: see [`Subscription::wants_tag`].
    pub fn may_want(&self, tag_hash: i64) -> bool {
        !self.is_tag() || self.takes_all() || self.code_set.iter().any(|code| i64::from(*code) == tag_hash)
    }

    /// Whether a message with this tag is wanted.
    pub fn wants_tag(&self, tag: Option<&str>) -> bool {
        self.takes_all() || tag.is_some_and(|tag| self.tags_set.iter().any(|wanted| wanted == tag))
    }

    /// Whether all messages are wanted.
    pub fn takes_all(&self) -> bool {
        self.sub_string == SUBSCRIBE_ALL || self.sub_string.is_empty()
    }
}

/// One that is not known counts as the default: nothing is decided by it, and its sender is no worse a member.
pub(crate) fn loose_consume_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ConsumeType, D::Error> {
    let known: Result<_, de::value::Error> = match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(number) => ConsumeType::deserialize(number.into_deserializer()),
        NumberOrText::Text(text) => ConsumeType::deserialize(text.into_deserializer()),
    };
    Ok(known.unwrap_or_default())
}

/// A consumer group of a client. Source: `ConsumerData`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerData {
    /// Where it starts when it has no offset yet.
    #[serde(default)]
    pub consume_from_where: ConsumeFrom,
    /// Push, pull or pop.
    #[serde(default, deserialize_with = "loose_consume_type")]
    pub consume_type: ConsumeType,
    /// Its name.
    pub group_name: String,
    /// Cluster or broadcast.
    #[serde(default)]
    pub message_model: MessageModel,
    /// What it subscribes to.
    #[serde(default, deserialize_with = "loose_list")]
    pub subscription_data_set: Vec<Subscription>,
    /// Whether the cluster is unitized.
    #[serde(default)]
    pub unit_mode: bool,
}

/// A producer group of a client. Source: `ProducerData`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProducerData {
    /// Its name.
    pub group_name: String,
}

/// A client's regular message (34). Source: `HeartbeatData`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// The client.
    #[serde(rename = "clientID")]
    pub client_id: String,
    /// Its consumer groups.
    #[serde(default, deserialize_with = "loose_list")]
    pub consumer_data_set: Vec<ConsumerData>,
    /// Its producer groups.
    #[serde(default, deserialize_with = "loose_list")]
    pub producer_data_set: Vec<ProducerData>,
}

/// A client leaves (35). Source: `UnregisterClientRequestHeader`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unregister {
    /// The client.
    #[serde(rename = "clientID")]
    pub client_id: String,
    /// Its producer group, if one leaves.
    pub producer_group: Option<String>,
    /// Its consumer group, if one leaves.
    pub consumer_group: Option<String>,
}

/// Names a consumer group: its members (38), its change notice (40), its connections (203).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupOf {
    /// Its name.
    pub consumer_group: String,
}

/// The members of a group. Source: `GetConsumerListByGroupResponseBody`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupMembers {
    /// Client ids.
    pub consumer_id_list: Vec<String>,
}

/// Asks whether a subscription is understood (46). Source: `CheckClientRequestBody`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckClient {
    /// The client.
    #[serde(default)]
    pub client_id: String,
    /// Its group.
    #[serde(default)]
    pub group: String,
    /// What it would subscribe to.
    pub subscription_data: Subscription,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_hash_as_java_hashes_strings() {
        assert_eq!(java_hash("TagA"), 2_598_919);
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("漢😀"), {
            let units = [0x6F22, 0xD83D, 0xDE00];
            units.iter().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(*unit))
        });
    }

    #[test]
    fn the_heartbeat_of_the_cpp_client_is_read() {
        let body = concat!(
            r#"{"clientID":"1551-127.0.0.1@DEFAULT","consumerDataSet":[{"consumeFromWhere":0,"consumeType":1,"#,
            r#""groupName":"G","messageModel":1,"subscriptionDataSet":[{"subString":"*","subVersion":"1795359330963","#,
            r#""topic":"T"}]}]}"#,
            "\n"
        );
        let heartbeat: Heartbeat = serde_json::from_str(body).unwrap();
        let consumer = &heartbeat.consumer_data_set[0];
        assert_eq!(consumer.message_model, MessageModel::Clustering);
        assert_eq!(consumer.consume_type, ConsumeType::Passively);
        assert_eq!(consumer.subscription_data_set[0].sub_version, 1_795_359_330_963);
        assert!(consumer.subscription_data_set[0].takes_all());
        assert!(heartbeat.producer_data_set.is_empty());
    }

    #[test]
    fn the_heartbeat_of_the_java_client_is_read_and_written() {
        let body = concat!(
            r#"{"clientID":"c","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","#,
            r#""consumeType":"CONSUME_ACTIVELY","groupName":"G","messageModel":"BROADCASTING","#,
            r#""subscriptionDataSet":[{"classFilterMode":false,"codeSet":[2598919],"expressionType":"TAG","#,
            r#""subString":"TagA","subVersion":7,"tagsSet":["TagA"],"topic":"T"}],"unitMode":false}],"#,
            r#""producerDataSet":[{"groupName":"CLIENT_INNER_PRODUCER"}]}"#
        );
        let heartbeat: Heartbeat = serde_json::from_str(body).unwrap();
        assert_eq!(serde_json::to_string(&heartbeat).unwrap(), body);
        assert_eq!(heartbeat.consumer_data_set[0].subscription_data_set[0], Subscription::tags("T", "TagA", 7));
    }

    #[test]
    fn every_way_of_consuming_is_read_and_one_that_is_not_known_counts_as_push() {
        for (written, read) in [
            (r#""CONSUME_POP""#, ConsumeType::Pop),
            ("2", ConsumeType::Pop),
            (r#""0""#, ConsumeType::Actively),
            (r#""CONSUME_BY_PIGEON""#, ConsumeType::Passively),
            ("9", ConsumeType::Passively),
        ] {
            let data: ConsumerData =
                serde_json::from_str(&format!(r#"{{"groupName":"G","consumeType":{written}}}"#)).unwrap();
            assert_eq!(data.consume_type, read, "{written}");
        }
        let other = serde_json::from_str::<ConsumerData>(r#"{"groupName":"G","messageModel":"SOMEHOW"}"#);
        assert!(other.is_err(), "who gets a message is not guessed");
    }

    #[test]
    fn a_tag_expression_is_taken_apart() {
        let subscription = Subscription::tags("T", " TagA ||TagB|| ", 0);
        assert_eq!(subscription.tags_set, ["TagA", "TagB"]);
        assert!(subscription.may_want(2_598_919) && !subscription.may_want(1));
        assert!(subscription.wants_tag(Some("TagB")) && !subscription.wants_tag(None));
        assert!(Subscription::tags("T", "*", 0).may_want(1));
    }
}

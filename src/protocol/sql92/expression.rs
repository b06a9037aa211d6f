//! What an expression is once it is read, and what it says of a message.

use crate::properties::{NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR};
use std::cmp::Ordering;

/// A part of an expression that has a value for each message.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    Text(Box<str>),
    Property(Box<str>),
    /// A property where a condition is wanted.
    Truth(Box<Expression>),
    Negated(Box<Expression>),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Equal(Box<[Expression; 2]>),
    /// Whether the order of the two is one of those.
    Ordered(Box<[Expression; 2]>, &'static [Ordering]),
    /// Whether the property is one of these texts, which are sorted, or is none of them.
    Among {
        property: Box<str>,
        texts: Vec<Box<str>>,
        not: bool,
    },
    Search {
        how: Search,
        within: Box<Expression>,
        text: Box<str>,
        not: bool,
    },
}

/// How a text is searched for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Search {
    Anywhere,
    AtStart,
    AtEnd,
}

/// A value for one message.
#[derive(Clone, Copy)]
enum Value<'a> {
    /// A property is missing, or what is asked cannot be said because of that.
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    Text(&'a str),
}

/// Two values cannot be compared: the expression says nothing of this message.
struct Incomparable;

impl Expression {
    /// Whether it is true for a message with these properties.
    pub fn is_true(&self, properties: &str) -> bool {
        matches!(self.value(properties), Ok(Value::Bool(true)))
    }

    fn value<'a>(&'a self, properties: &'a str) -> Result<Value<'a>, Incomparable> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Long(value) => Value::Long(*value),
            Self::Double(value) => Value::Double(*value),
            Self::Text(text) => Value::Text(text),
            Self::Property(name) => property(properties, name).map_or(Value::Null, Value::Text),
            Self::Truth(of) => match of.value(properties)? {
                Value::Null => Value::Null,
                _ => Value::Bool(false),
            },
            Self::Negated(of) => match of.value(properties)? {
                Value::Int(value) => Value::Int(value.wrapping_neg()),
                Value::Long(value) => Value::Long(value.wrapping_neg()),
                Value::Double(value) => Value::Double(-value),
                _ => Value::Null,
            },
            Self::Not(of) => match of.value(properties)? {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Null,
            },
            Self::All(conditions) => joined(conditions, properties, false)?,
            Self::Any(conditions) => joined(conditions, properties, true)?,
            Self::Equal(pair) => match (pair[0].value(properties)?, pair[1].value(properties)?) {
                (Value::Null, Value::Null) => Value::Bool(true),
                (Value::Null, _) => Value::Null,
                (_, Value::Null) => Value::Bool(false),
                (left, right) => Value::Bool(left.compare(right)?.is_eq()),
            },
            Self::Ordered(pair, wanted) => match (pair[0].value(properties)?, pair[1].value(properties)?) {
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                (Value::Text(left), Value::Text(right)) => {
                    Value::Bool(wanted.contains(&double(left)?.total_cmp(&double(right)?)))
                }
                (left, right) => Value::Bool(wanted.contains(&left.compare(right)?)),
            },
            Self::Among { property: name, texts, not } => match property(properties, name) {
                Some(value) => Value::Bool(texts.binary_search_by(|text| (**text).cmp(value)).is_ok() != *not),
                None => Value::Null,
            },
            Self::Search { how, within, text, not } => match within.value(properties)? {
                Value::Text(within) if !text.is_empty() => Value::Bool(how.finds(within, text) != *not),
                _ => Value::Bool(false),
            },
        })
    }
}

/// AND (`decisive` is false) and OR (true): one decisive value is enough, else one that is unknown makes it unknown.
fn joined<'a>(conditions: &'a [Expression], properties: &'a str, decisive: bool) -> Result<Value<'a>, Incomparable> {
    let mut joined = Value::Bool(!decisive);
    for condition in conditions {
        match condition.value(properties)? {
            Value::Bool(value) if value == decisive => return Ok(Value::Bool(decisive)),
            Value::Bool(_) => {}
            _ => joined = Value::Null,
        }
    }
    Ok(joined)
}

/// The last value counts, as in a map filled in order; an empty one is none.
fn property<'a>(properties: &'a str, name: &str) -> Option<&'a str> {
    properties.rsplit(PROPERTY_SEPARATOR).find_map(|pair| {
        let value = pair.strip_prefix(name)?.strip_prefix(NAME_VALUE_SEPARATOR)?;
        (!value.is_empty()).then_some(value)
    })
}

impl Search {
    fn finds(self, within: &str, text: &str) -> bool {
        match self {
            Self::Anywhere => within.contains(text),
            Self::AtStart => within.starts_with(text),
            Self::AtEnd => within.ends_with(text),
        }
    }
}

impl Value<'_> {
    /// The order of two values that are there, the text of them read as the other's kind.
    fn compare(self, other: Self) -> Result<Ordering, Incomparable> {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => Ok(left.cmp(right)),
            (Self::Text(left), right) => right.read(left)?.compare(right),
            (Self::Bool(_), Self::Text(_)) => Err(Incomparable),
            (left, Self::Text(right)) => left.compare(left.read(right)?),
            (Self::Bool(left), Self::Bool(right)) => Ok(left.cmp(&right)),
            (left, right) => Ok(match (left.whole(), right.whole(), left.double(), right.double()) {
                (Some(left), Some(right), ..) => left.cmp(&right),
                (.., Some(left), Some(right)) => left.total_cmp(&right),
                // A boolean is no number.
                _ => Ordering::Less,
            }),
        }
    }

    /// `text` as a value of this one's kind.
    fn read(self, text: &str) -> Result<Self, Incomparable> {
        match self {
            Self::Bool(_) => Ok(Self::Bool(text.eq_ignore_ascii_case("true"))),
            Self::Int(_) => text.parse().map(Self::Int).map_err(|_| Incomparable),
            Self::Long(_) => text.parse().map(Self::Long).map_err(|_| Incomparable),
            Self::Double(_) => double(text).map(Self::Double),
            Self::Null | Self::Text(_) => Err(Incomparable),
        }
    }

    fn whole(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value.into()),
            Self::Long(value) => Some(value),
            _ => None,
        }
    }

    fn double(self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(value),
            other => other.whole().map(|value| value as f64),
        }
    }
}

/// A number as Java's `Double.valueOf` reads it, but for hexadecimal ones.
fn double(text: &str) -> Result<f64, Incomparable> {
    let text = text.trim_matches(|letter| letter <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        "NaN" => return Ok(f64::NAN),
        "Infinity" => return Ok(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        // Rust knows other words.
        _ if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') => return Err(Incomparable),
        _ => {}
    }
    let digits = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    digits.parse().map_err(|_| Incomparable)
}

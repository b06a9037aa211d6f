//! How the parts of a template are read from YAML where serde's own way would take what cannot be.

use super::{BrokerGroup, MAX_NAME_LEN, MAX_OF_A_KIND, Properties};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};

/// What the cluster fills in, because it tells nodes apart.
const FILLED_IN: &[&str] = &[
    "brokerId",
    "brokerIP1",
    "brokerIP2",
    "brokerName",
    "haListenPort",
    "haMasterAddress",
    "listenPort",
    "namesrvAddr",
    "storePathCommitLog",
    "storePathRootDir",
];

/// Whether the cluster fills this key in itself.
pub(crate) fn is_filled_in(key: &str) -> bool {
    FILLED_IN.contains(&key)
}

pub(super) fn one() -> u8 {
    1
}

pub(super) fn name_servers<'de, D: Deserializer<'de>>(input: D) -> Result<u8, D::Error> {
    within(input, 1)
}

pub(super) fn slaves_or_id<'de, D: Deserializer<'de>>(input: D) -> Result<u8, D::Error> {
    within(input, 0)
}

fn within<'de, D: Deserializer<'de>>(input: D, least: u8) -> Result<u8, D::Error> {
    struct Count(u8);
    impl Visitor<'_> for Count {
        type Value = u8;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a number from {} to {MAX_OF_A_KIND}", self.0)
        }
        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<u8, E> {
            u8::try_from(number)
                .ok()
                .filter(|number| (self.0..=MAX_OF_A_KIND).contains(number))
                .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
        }
    }
    input.deserialize_u8(Count(least))
}

pub(super) fn broker_name<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let name = String::deserialize(input)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > MAX_NAME_LEN || !name.chars().all(fits) {
        let expected = format!("a broker's name is 1 to {MAX_NAME_LEN} letters, digits, - or _; `{name}` is not");
        return Err(D::Error::custom(expected));
    }
    Ok(name)
}

pub(super) fn brokers<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<BrokerGroup>, D::Error> {
    struct List;
    impl<'de> Visitor<'de> for List {
        type Value = Vec<BrokerGroup>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of brokers, each beginning with `- name: `")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut brokers: Vec<BrokerGroup> = Vec::new();
            while let Some(broker) = list.next_element::<BrokerGroup>()? {
                if brokers.iter().any(|known| known.name == broker.name) {
                    return Err(A::Error::custom(format!(
                        "the broker `{}` is there twice; a master and its slaves are one entry, with `slaves: 1`",
                        broker.name
                    )));
                }
                brokers.push(broker);
            }
            if brokers.is_empty() {
                return Err(A::Error::custom("there is no broker"));
            }
            Ok(brokers)
        }
    }
    input.deserialize_seq(List)
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Properties;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("settings, one `key: value` a line")
            }
            fn visit_unit<E>(self) -> Result<Properties, E> {
                Ok(Properties::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut pairs = BTreeMap::new();
                while let Some(Key(key)) = map.next_key()? {
                    // As it was written: `04` is no number here.
                    let value: String = map.next_value()?;
                    if pairs.contains_key(&key) {
                        return Err(A::Error::custom(format!("`{key}` is there twice")));
                    }
                    pairs.insert(key, value);
                }
                Ok(Properties(pairs))
            }
        }
        input.deserialize_any(Pairs)
    }
}

struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let key = String::deserialize(input)?;
        if is_filled_in(&key) {
            return Err(D::Error::custom(format!("`{key}` tells nodes apart and is filled in; leave it out")));
        }
        Ok(Self(key))
    }
}

//! A cluster as a person writes it down: a short YAML text, read strictly, with errors that point at the place.
//!
//! It knows no machine: where nodes run and on which ports is [plan].

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};

/// Most name servers, and most slaves of one master.
const MAX_OF_A_KIND: u8 = 9;
/// Longest name of a broker, in bytes.
const MAX_NAME_LEN: usize = 64;
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
    "storePathRootDir",
];

/// Which nodes there are and what is special about them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Template {
    /// What it is, in a line.
    #[serde(default)]
    pub about: String,
    /// How many name servers, 1 to 9.
    #[serde(default = "one", deserialize_with = "name_servers")]
    pub name_servers: u8,
    /// Settings of brokers.
    #[serde(default)]
    pub properties: ByRole,
    /// Masters with their slaves; at least one, each name once.
    #[serde(deserialize_with = "brokers")]
    pub brokers: Vec<BrokerGroup>,
}

/// Settings of all brokers, and of those in one role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ByRole {
    /// Of every broker.
    pub all: Properties,
    /// Of masters, over those of all.
    pub master: Properties,
    /// Of slaves, over those of all.
    pub slave: Properties,
}

/// A master and its slaves, which share a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerGroup {
    /// Their name.
    #[serde(deserialize_with = "broker_name")]
    pub name: String,
    /// How many slaves, 0 to 9.
    #[serde(default, deserialize_with = "slaves")]
    pub slaves: u8,
    /// Settings of these brokers, over those of the template.
    #[serde(default)]
    pub properties: Properties,
}

/// Settings by Apache's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(pub BTreeMap<String, String>);

/// Why a text is no template, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct TemplateError {
    /// The name given for messages.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong, with the nearest valid word where there is one.
    pub what: String,
}

impl Template {
    /// Reads a template; `file` is its name for messages.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, TemplateError> {
        serde_yaml::from_str(text).map_err(|error| {
            let at = error.location().map_or((1, 1), |at| (at.line(), at.column()));
            let said = error.to_string();
            let (line, column) = exact_place(text, at, &said);
            TemplateError { file: file.to_owned(), line, column, what: what_is_wrong(&said) }
        })
    }
}

/// Serde points at the mapping or list that holds a wrong word; this finds the word itself, which is the first one
/// in backticks. Of what is there twice, the second is the wrong one.
fn exact_place(text: &str, (line, column): (usize, usize), said: &str) -> (usize, usize) {
    let Some(word) = said.split('`').nth(1).filter(|word| !word.is_empty()) else { return (line, column) };
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut places = text.lines().enumerate().skip(line - 1).flat_map(|(at, content)| {
        let code = content.split('#').next().unwrap_or_default();
        let from = if at + 1 == line { column } else { 1 };
        code.match_indices(word)
            .filter(|(start, _)| {
                !code[..*start].ends_with(part_of_word) && !code[start + word.len()..].starts_with(part_of_word)
            })
            .map(|(start, _)| code[..start].chars().count() + 1)
            .filter(move |column| *column >= from)
            .map(move |column| (at + 1, column))
            .collect::<Vec<_>>()
    });
    let twice = usize::from(said.contains("duplicate") || said.contains("twice"));
    places.nth(twice).unwrap_or((line, column))
}

/// Serde's words without what the place says already, and with the nearest word instead of a list alone.
fn what_is_wrong(said: &str) -> String {
    let said = said.split(" at line ").next().unwrap_or(said);
    let mut words = said.split('`').skip(1).step_by(2);
    let unknown = said.contains("unknown field").then(|| words.next()).flatten();
    let Some(unknown) = unknown else { return said.to_owned() };
    let known: Vec<&str> = words.collect();
    let likeness = |word: &&str| (strsim::normalized_damerau_levenshtein(word, unknown) * 100.0) as u32;
    let nearest = known.iter().max_by_key(|word| likeness(word)).filter(|word| likeness(word) > 40);
    let hint = nearest.map_or_else(String::new, |nearest| format!(", did you mean `{nearest}`?"));
    format!("unknown word `{unknown}`{hint} (known here: {})", known.join(", "))
}

fn one() -> u8 {
    1
}

fn name_servers<'de, D: Deserializer<'de>>(input: D) -> Result<u8, D::Error> {
    within(input, 1)
}

fn slaves<'de, D: Deserializer<'de>>(input: D) -> Result<u8, D::Error> {
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

fn broker_name<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let name = String::deserialize(input)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > MAX_NAME_LEN || !name.chars().all(fits) {
        let expected = format!("a broker's name is 1 to {MAX_NAME_LEN} letters, digits, - or _; `{name}` is not");
        return Err(D::Error::custom(expected));
    }
    Ok(name)
}

fn brokers<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<BrokerGroup>, D::Error> {
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
                    return Err(A::Error::custom(format!("the broker `{}` is there twice", broker.name)));
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
        if FILLED_IN.contains(&key.as_str()) {
            return Err(D::Error::custom(format!("`{key}` tells nodes apart and is filled in; leave it out")));
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Template::parse("t.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn the_template_that_is_shipped_is_one() {
        let single = Template::parse("single.yaml", include_str!("../../templates/single.yaml")).unwrap();
        assert_eq!((single.name_servers, single.brokers.len(), single.brokers[0].slaves), (1, 1, 0));
        assert_eq!(single.properties.all.0["autoCreateTopicEnable"], "true");
    }

    #[test]
    fn values_are_taken_as_they_are_written() {
        let text = "brokers:\n  - name: a\n    slaves: 2\n    properties: {a: 04, b: 1.50, c: yes, d: 'x: y', e: }";
        let template = Template::parse("t.yaml", text).unwrap();
        let values: Vec<_> = template.brokers[0].properties.0.values().collect();
        assert_eq!(values, ["04", "1.50", "yes", "x: y", ""]);
        assert_eq!((template.name_servers, template.brokers[0].slaves), (1, 2));
    }

    #[test]
    fn an_unknown_word_is_pointed_at_with_the_nearest_known_one() {
        assert_eq!(
            refused("brokrs:\n  - name: a"),
            "t.yaml:1:1: unknown word `brokrs`, did you mean `brokers`? (known here: about, name-servers, properties, brokers)"
        );
        let later = refused("brokers:\n  - name: a # slave: x\n    slave: 1");
        assert!(later.starts_with("t.yaml:3:5: unknown word `slave`, did you mean `slaves`?"), "{later}");
        let far = refused("name-servers: 1\nxyz: 2\nbrokers: []");
        assert!(far.starts_with("t.yaml:2:1: unknown word `xyz` (known here: about"), "{far}");
        let role = refused("properties: {masters: {}}\nbrokers:\n  - name: a");
        assert!(role.starts_with("t.yaml:1:14: unknown word `masters`, did you mean `master`?"), "{role}");
    }

    #[test]
    fn what_cannot_be_is_refused_where_it_stands() {
        for (text, expected) in [
            (
                "name-servers: 10\nbrokers:\n  - name: a",
                "1:15: name-servers: invalid value: integer `10`, expected a number from 1 to 9",
            ),
            ("name-servers: 0\nbrokers:\n  - name: a", "1:15: name-servers: invalid value"),
            ("brokers:\n  - name: a\n    slaves: -1", "3:13: brokers[0].slaves: invalid type"),
            ("brokers:\n  - name: a\n  - name: b\n  - name: a", "4:11: brokers: the broker `a` is there twice"),
            ("brokers:\n  - slaves: 1\n    name: a/b", "3:11: brokers[0]: a broker's name is 1 to 64"),
            ("brokers:\n  - name: ''", "2:5: brokers[0]: a broker's name is 1 to 64"),
            ("brokers: []", "1:10: brokers: there is no broker"),
            ("brokers: 7", "1:10: brokers: invalid type: integer `7`, expected a list of brokers"),
            ("about: x", "1:1: missing field `brokers`"),
            ("", "1:1: missing field `brokers`"),
            (
                "brokers:\n  - name: a\n    properties:\n      x: 1\n      listenPort: 2",
                "5:7: brokers[0].properties: `listenPort` tells",
            ),
            (
                "brokers:\n  - name: a\n    properties:\n      x: 1\n      x: 1",
                "5:7: brokers[0].properties: `x` is there twice",
            ),
            ("brokers:\n  - name: a\n    properties:\n      x: [1]", "4:10: brokers[0].properties.x: invalid type"),
            ("brokers:\n  - name: a\n    name: b", "3:5: brokers[0]: duplicate field `name`"),
            ("brokers:\n\t- name: a", "2:1: found character"),
            ("brokers: [", "2:1: did not find"),
            ("brokers: &a [*a]", "1:10: "),
        ] {
            let refused = refused(text);
            assert!(refused.starts_with(&format!("t.yaml:{expected}")), "{text:?}: {refused}");
        }
    }
}

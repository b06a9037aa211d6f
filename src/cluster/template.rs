//! A cluster as a person writes it down: a short YAML text, read strictly, with errors that point at the place.
//!
//! It knows no machine: where nodes run and on which ports is [plan]. It knows no key of a broker: whoever parses says
//! which there are.

mod checking;
mod reading;
mod wording;

pub use checking::CheckProperty;
pub use wording::nearest;

use serde::{Deserialize, de::DeserializeSeed};
use std::collections::BTreeMap;

/// Most name servers, and most slaves of one master.
const MAX_OF_A_KIND: u8 = 9;
/// Longest name of a broker, in bytes.
const MAX_NAME_LEN: usize = 64;

/// Which nodes there are and what is special about them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Template {
    /// What it is, in a line.
    #[serde(default)]
    pub about: String,
    /// How many name servers, 1 to 9.
    #[serde(default = "reading::one", deserialize_with = "reading::name_servers")]
    pub name_servers: u8,
    /// Settings of brokers.
    #[serde(default)]
    pub properties: ByRole,
    /// Masters with their slaves; at least one, each name once.
    #[serde(deserialize_with = "reading::brokers")]
    pub brokers: Vec<BrokerGroup>,
    /// Settings of every broker, over all others. No template says them, but who uses it.
    #[serde(skip)]
    pub set: Properties,
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
    #[serde(deserialize_with = "reading::broker_name")]
    pub name: String,
    /// How many slaves, 0 to 9.
    #[serde(default, deserialize_with = "reading::slaves_or_id")]
    pub slaves: u8,
    /// Settings of these brokers, over those of the template.
    #[serde(default)]
    pub properties: Properties,
    /// Settings of single ones of these brokers, over all others of the template; each id once.
    #[serde(default)]
    pub nodes: Vec<NodeProperties>,
}

/// Settings of one broker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeProperties {
    /// Its id: 0 is the master, 1 the first slave.
    #[serde(deserialize_with = "reading::slaves_or_id")]
    pub id: u8,
    /// Its settings.
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
    /// Reads a template; `file` is its name for messages, and `check` knows the settings of a broker.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse_checked(file: &str, text: &str, check: CheckProperty<'_>) -> Result<Self, TemplateError> {
        let template: Self = serde_yaml::from_str(text).map_err(|error| located(file, text, &error, false))?;
        let Some(mistake) = checking::first_mistake(&template, check) else { return Ok(template) };
        match mistake.seek().deserialize(serde_yaml::Deserializer::from_str(text)) {
            Err(error) => Err(located(file, text, &error, true)),
            // The same text has the same places; if not, the place is lost, and not the mistake.
            Ok(()) => Err(TemplateError { file: file.to_owned(), line: 1, column: 1, what: mistake.what().to_owned() }),
        }
    }

    /// The same for whoever knows no settings of brokers: any are taken.
    ///
    /// # Errors
    /// As there.
    pub fn parse(file: &str, text: &str) -> Result<Self, TemplateError> {
        Self::parse_checked(file, text, &|_, _| Ok(()))
    }
}

/// Whether these settings may be laid over those of a template, for every broker.
///
/// # Errors
/// The first that may not, and why.
pub fn check_set(set: &[(String, String)], check: CheckProperty<'_>) -> Result<(), String> {
    for (key, value) in set {
        checking::check_set(key, value, check).map_err(|why| format!("{key}{why}"))?;
    }
    Ok(())
}

impl BrokerGroup {
    /// What the node of that id is called: the master as the group, slaves after it.
    pub fn node_name(&self, id: u8) -> String {
        match id {
            0 => self.name.clone(),
            _ => format!("{}-slave-{id}", self.name),
        }
    }
}

/// What the name server of that number, from 1, is called.
pub(crate) fn name_server_name(number: u8) -> String {
    format!("namesrv-{number}")
}

fn located(file: &str, text: &str, error: &serde_yaml::Error, is_key: bool) -> TemplateError {
    let at = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let said = error.to_string();
    let (line, column) = wording::exact_place(text, at, &said, is_key);
    TemplateError { file: file.to_owned(), line, column, what: wording::what_is_wrong(&said) }
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
            (
                "brokers:\n  - name: a\n  - name: b\n  - name: a",
                "4:11: brokers: the broker `a` is there twice; a master and its slaves are one entry",
            ),
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

    #[test]
    fn a_property_that_no_broker_has_is_pointed_at_in_the_right_mapping() {
        let check = |key: &str, _: &str| match key {
            "a" | "b" | "brokerRole" => Ok(()),
            _ => Err(" is none".to_owned()),
        };
        let refused = |text: &str| Template::parse_checked("t.yaml", text, &check).unwrap_err().to_string();
        let common = "properties:\n  all: {a: c, b: 1}\n  slave:\n    a: c\n    c: 1\nbrokers:\n  - name: c";
        assert_eq!(refused(common), "t.yaml:5:5: properties.slave: `c` is none");
        let group =
            "brokers:\n  - name: x\n    properties: {a: x}\n  - name: y\n    properties:\n      a: 1\n      x: 2";
        assert_eq!(refused(group), "t.yaml:7:7: brokers[1].properties: `x` is none");
        let node = "brokers:\n  - name: x\n    slaves: 1\n    nodes:\n      - {id: 0, properties: {a: 1}}\n      - {id: 1, properties: {a: 1, x: 2}}";
        assert_eq!(refused(node), "t.yaml:6:36: brokers[0].nodes[1].properties: `x` is none");
    }

    #[test]
    fn groups_that_cannot_be_are_refused_where_they_stand() {
        for (text, expected) in [
            (
                "properties: {all: {brokerRole: SLAVE}}\nbrokers: [{name: a}]",
                "1:20: properties.all: `brokerRole`: SLAVE here leaves slaves without a master",
            ),
            (
                "brokers:\n  - name: a\n    nodes:\n      - id: 0\n        properties: {brokerRole: SLAVE}",
                "5:22: brokers[0].nodes[0].properties: `brokerRole`: SLAVE here leaves",
            ),
            (
                "properties: {slave: {brokerRole: SYNC_MASTER}}\nbrokers: [{name: a}]",
                "1:22: properties.slave: `brokerRole`: SYNC_MASTER would be a second master",
            ),
            (
                "brokers:\n  - name: a\n    slaves: 1\n    nodes: [{id: 0}, {id: 1}, {id: 1}]",
                "4:32: brokers[0].nodes[2]: `id`: another node of a has the id 1 already",
            ),
            (
                "brokers:\n  - name: a\n    nodes: [{id: 1}]",
                "3:14: brokers[0].nodes[0]: `id`: a has no node 1: it has 0 slaves; say `slaves: 1`",
            ),
            (
                "brokers:\n  - {name: a, slaves: 1}\n  - name: a-slave-1",
                "3:5: brokers[1]: `name`: two nodes would be called a-slave-1",
            ),
            ("brokers:\n  - name: namesrv-1", "2:5: brokers[0]: `name`: two nodes would be called namesrv-1"),
        ] {
            let refused = refused(text);
            assert!(refused.starts_with(&format!("t.yaml:{expected}")), "{text:?}: {refused}");
        }
    }
}

//! What a template may not say although every word of it is one, and where it says it.

use super::{Properties, Template, reading::is_filled_in};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{collections::BTreeSet, fmt};

/// Says what is wrong with a setting of a broker, as what follows its key; for instance
/// ` is no setting of a broker`.
pub type CheckProperty<'a> = &'a dyn Fn(&str, &str) -> Result<(), String>;

/// The key of a broker's role.
const ROLE: &str = "brokerRole";

/// A mistake, in the mapping at the end of a path. The first word in backticks of what is said is a key there.
pub(super) struct Mistake {
    path: Vec<Step>,
    what: String,
}

#[derive(Clone, Copy)]
enum Step {
    Key(&'static str),
    At(usize),
}

/// Whose properties they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// All brokers, some of which are masters.
    Any,
    Master,
    Slave,
}

/// The first mistake there is.
pub(super) fn first_mistake(template: &Template, check: CheckProperty<'_>) -> Option<Mistake> {
    use Step::{At, Key};
    let mut names: BTreeSet<String> = (1..=template.name_servers).map(super::name_server_name).collect();
    let common = &template.properties;
    let mut found =
        [("all", &common.all, Of::Any), ("master", &common.master, Of::Master), ("slave", &common.slave, Of::Slave)]
            .into_iter()
            .find_map(|(key, properties, of)| {
                in_properties(properties, of, check, || vec![Key("properties"), Key(key)])
            });
    for (at, group) in template.brokers.iter().enumerate() {
        let here = |more: &[Step]| [&[Key("brokers"), At(at)], more].concat();
        for id in 0..=group.slaves {
            let name = group.node_name(id);
            if found.is_none() && !names.insert(name.clone()) {
                let what = format!("`name`: two nodes would be called {name}; choose another");
                found = Some(Mistake { path: here(&[]), what });
            }
        }
        found = found.or_else(|| in_properties(&group.properties, Of::Any, check, || here(&[Key("properties")])));
        let mut ids = BTreeSet::new();
        for (number, node) in group.nodes.iter().enumerate() {
            let wrong_id = if !ids.insert(node.id) {
                Some(format!("another node of {} has the id {} already", group.name, node.id))
            } else if node.id > group.slaves {
                let (name, slaves, id) = (&group.name, group.slaves, node.id);
                Some(format!("{name} has no node {id}: it has {slaves} slaves; say `slaves: {id}`"))
            } else {
                None
            };
            if let Some(why) = wrong_id.filter(|_| found.is_none()) {
                found = Some(Mistake { path: here(&[Key("nodes"), At(number)]), what: format!("`id`: {why}") });
            }
            let of = if node.id == 0 { Of::Master } else { Of::Slave };
            let path = || here(&[Key("nodes"), At(number), Key("properties")]);
            found = found.or_else(|| in_properties(&node.properties, of, check, path));
        }
    }
    found
}

fn in_properties(
    properties: &Properties,
    of: Of,
    check: CheckProperty<'_>,
    path: impl FnOnce() -> Vec<Step>,
) -> Option<Mistake> {
    let mistake = |(key, value): (&String, &String)| {
        let why = check(key, value).and_then(|()| check_role(of, key, value));
        why.err().map(|why| format!("`{key}`{why}"))
    };
    properties.0.iter().find_map(mistake).map(|what| Mistake { path: path(), what })
}

/// A group has one master, and the rest are its slaves, whatever is said.
fn check_role(of: Of, key: &str, value: &str) -> Result<(), String> {
    match (key == ROLE, of, value == "SLAVE") {
        (true, Of::Any | Of::Master, true) => {
            Err(": SLAVE here leaves slaves without a master; give the master a slave with `slaves: 1`".to_owned())
        }
        (true, Of::Slave, false) => Err(format!(": {value} would be a second master; a slave's role is SLAVE")),
        _ => Ok(()),
    }
}

/// Says what is wrong with a setting for all brokers that no template says.
pub(super) fn check_set(key: &str, value: &str, check: CheckProperty<'_>) -> Result<(), String> {
    if is_filled_in(key) {
        return Err(" tells nodes apart and is filled in; leave it out".to_owned());
    }
    check(key, value)?;
    check_role(Of::Any, key, value)
}

/// Goes down the path in the text and fails there, so that the reader of the text tells the place.
pub(super) struct FailAt<'a> {
    path: &'a [Step],
    what: &'a str,
}

impl Mistake {
    pub(super) fn seek(&self) -> FailAt<'_> {
        FailAt { path: &self.path, what: &self.what }
    }

    /// What is wrong.
    pub(super) fn what(&self) -> &str {
        &self.what
    }
}

impl<'de> DeserializeSeed<'de> for FailAt<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FailAt<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was there a moment ago")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let [step, path @ ..] = self.path else { return Err(A::Error::custom(self.what)) };
        while let Some(key) = map.next_key::<String>()? {
            match step {
                Step::Key(wanted) if *wanted == key => map.next_value_seed(FailAt { path, what: self.what })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let [step, path @ ..] = self.path else { return Err(A::Error::custom(self.what)) };
        for at in 0.. {
            let more = match step {
                Step::At(wanted) if *wanted == at => {
                    list.next_element_seed(FailAt { path, what: self.what })?.is_some()
                }
                _ => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}

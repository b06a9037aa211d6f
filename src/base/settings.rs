//! Settings of a server: which keys its properties file may hold, what each value must look like, and a typed struct
//! of those that are honoured, made by [`settings!`](crate::settings!).
//!
//! It knows no key itself. Holding a text against the known keys is [`crate::given`].

use std::collections::BTreeMap;

use crate::given::{Given, SettingError};
use crate::properties::Properties;

pub use crate::kind::{Kind, Value};

/// A key that a server knows.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key as it stands in the file.
    pub key: &'static str,
    /// What its value must look like.
    pub kind: Kind,
    /// What the key does.
    pub effect: Effect,
}

/// What a key does here.
#[derive(Debug, Clone, Copy)]
pub enum Effect {
    /// Honoured, and may change while the server runs.
    Live,
    /// Honoured, but only at the start: why it cannot change later.
    AtStart(&'static str),
    /// Accepted and nothing more.
    Nothing {
        /// Why.
        why: &'static str,
        /// The value it has when the file does not give one.
        default: fn() -> String,
    },
}

/// Every key that a server knows.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Those that do something.
    pub honoured: &'static [Setting],
    /// Those that are accepted so that a file written for another server runs here; all with [`Effect::Nothing`].
    pub without_effect: &'static [Setting],
}

/// A struct of settings, as [`settings!`](crate::settings!) makes it.
pub trait Settings: Sized + Clone {
    /// Every key the server knows.
    const KNOWN: Known;

    /// Sets an honoured key; false when the value's type cannot hold the text.
    fn put(&mut self, key: &str, text: &str) -> bool;

    /// Every honoured key with its present value.
    fn honoured_values(&self) -> Vec<(&'static str, String)>;

    /// The values given for keys without effect.
    fn values_without_effect(&self) -> &BTreeMap<&'static str, String>;

    /// The same, to add to.
    fn values_without_effect_mut(&mut self) -> &mut BTreeMap<&'static str, String>;

    /// Takes every given value over.
    ///
    /// # Errors
    /// When a value does not fit its type, although it fits its [`Kind`].
    fn take(&mut self, given: &Given) -> Result<(), SettingError> {
        for value in given.values() {
            match value.setting.effect {
                Effect::Nothing { .. } => {
                    self.values_without_effect_mut().insert(value.setting.key, value.text.clone());
                }
                Effect::Live | Effect::AtStart(_) => {
                    if !self.put(value.setting.key, &value.text) {
                        return Err(given.refuse(value.setting.key, &value.text, value.setting.kind));
                    }
                }
            }
        }
        Ok(())
    }

    /// These settings with changes asked for while the server runs, and what was given. All of them or none.
    ///
    /// # Errors
    /// Names the key that is unknown, may not change while the server runs, does nothing, or has a bad value.
    fn changed(&self, changes: &Properties) -> Result<(Self, Given), SettingError> {
        let given = Given::while_running(Self::KNOWN, changes)?;
        let mut changed = self.clone();
        changed.take(&given)?;
        Ok((changed, given))
    }

    /// Every known key with its present value, sorted by key; empty for what is not set.
    fn all_values(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self.honoured_values().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        for setting in Self::KNOWN.without_effect {
            let given = self.values_without_effect().get(setting.key).cloned();
            all.push((setting.key.to_owned(), given.unwrap_or_else(|| setting.default_without_effect())));
        }
        all.sort();
        all
    }
}

impl Setting {
    fn default_without_effect(&self) -> String {
        match self.effect {
            Effect::Nothing { default, .. } => default(),
            Effect::Live | Effect::AtStart(_) => String::new(),
        }
    }
}

impl Known {
    /// The setting of this key.
    pub fn find(&self, key: &str) -> Option<&'static Setting> {
        self.iter().find(|setting| setting.key == key)
    }

    /// The known key that an unknown one most resembles, whatever its case; `None` when none is near.
    pub fn nearest(&self, key: &str) -> Option<&'static str> {
        // Comparing costs the product of the lengths, and the key may come from a stranger.
        if key.len() > 64 {
            return None;
        }
        let likeness = |setting: &Setting| {
            strsim::normalized_damerau_levenshtein(&setting.key.to_lowercase(), &key.to_lowercase())
        };
        let all = self.iter().map(|setting| (likeness(setting), setting.key));
        all.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.5).map(|(_, key)| key)
    }

    fn iter(&self) -> impl Iterator<Item = &'static Setting> + use<> {
        self.honoured.iter().chain(self.without_effect)
    }
}

/// Makes a struct of settings that implements [`Settings`], and its `with_defaults`.
///
/// Each line is a field: the key as it stands in the file, the field's name and type, its default (an expression that
/// may use what follows `on`), its [`Kind`], and its [`Effect`]. The struct gets two more fields: `without_effect`,
/// the values given for the keys that are only accepted, and `origin`, which who reads a file may set.
///
/// ```
/// use base::settings::{Effect, Kind};
///
/// base::settings! {
///     /// A small server.
///     pub struct Config on home: &str {
///         /// Where it listens.
///         listenPort => listen_port: u16 = 80, Kind::number("a port", 1, 65535), Effect::AtStart("sockets");
///         /// Where it keeps its data.
///         dataDir => data_dir: String = home.to_owned(), Kind::Text, Effect::AtStart("paths");
///     }
///     accepting &[];
/// }
/// assert_eq!(Config::with_defaults("/home").listen_port, 80);
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident on $here:ident: $Here:ty {
            $($(#[$doc:meta])* $key:ident => $field:ident: $type:ty = $default:expr, $kind:expr, $effect:expr;)*
        }
        accepting $without_effect:expr;
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        $vis struct $name {
            $($(#[$doc])* pub $field: $type,)*
            /// The values given for keys that are accepted without effect.
            pub without_effect: std::collections::BTreeMap<&'static str, String>,
            /// Where they were read from.
            pub origin: $crate::given::Origin,
        }

        impl $name {
            /// Every setting at its default.
            pub fn with_defaults($here: $Here) -> Self {
                Self { $($field: $default,)* without_effect: Default::default(), origin: Default::default() }
            }
        }

        impl $crate::settings::Settings for $name {
            const KNOWN: $crate::settings::Known = $crate::settings::Known {
                honoured: &[
                    $($crate::settings::Setting { key: stringify!($key), kind: $kind, effect: $effect },)*
                ],
                without_effect: $without_effect,
            };

            fn put(&mut self, key: &str, text: &str) -> bool {
                match key {
                    $(stringify!($key) => match $crate::settings::Value::read(text) {
                        Some(value) => self.$field = value,
                        None => return false,
                    },)*
                    _ => return false,
                }
                true
            }

            fn honoured_values(&self) -> Vec<(&'static str, String)> {
                vec![$((stringify!($key), $crate::settings::Value::show(&self.$field)),)*]
            }

            fn values_without_effect(&self) -> &std::collections::BTreeMap<&'static str, String> {
                &self.without_effect
            }

            fn values_without_effect_mut(&mut self) -> &mut std::collections::BTreeMap<&'static str, String> {
                &mut self.without_effect
            }
        }
    };
}

/// Makes a table of keys that are accepted [without effect](Effect::Nothing): families, each with its reason.
///
/// ```
/// use base::settings::{Kind, Setting};
///
/// const TABLE: &[Setting] = base::without_effect! {
///     "there are no such threads": {
///         sendThreads: Kind::number("threads", 1, 64), 4;
///         sendThreadsName: Kind::Text, "";
///     }
/// };
/// assert_eq!(TABLE[1].key, "sendThreadsName");
/// ```
#[macro_export]
macro_rules! without_effect {
    ($($why:literal: { $($key:ident: $kind:expr, $default:expr;)* })*) => {
        &[$($($crate::settings::Setting {
            key: stringify!($key),
            kind: $kind,
            effect: $crate::settings::Effect::Nothing { why: $why, default: || ($default).to_string() },
        },)*)*]
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    crate::settings! {
        /// A small server.
        pub struct Config on home: &str {
            /// Where it listens.
            listenPort => listen_port: u16 = 80, Kind::number("a port", 1, 65535), Effect::AtStart("sockets are open");
            /// Where it keeps its data.
            dataDir => data_dir: PathBuf = home.into(), Kind::Text, Effect::AtStart("files are open");
            /// Who it asks.
            peer => peer: Option<String> = None, Kind::Text, Effect::Live;
            /// Whether it waits; its kind is wider than its type.
            maxWait => max_wait: u8 = 1, Kind::number("seconds", 0, 1000), Effect::Live;
        }
        accepting crate::without_effect! {
            "there are no such threads": {
                threads: Kind::number("threads", 1, 64), 2 + 2;
            }
        };
    }

    fn given(text: &str) -> Result<(Config, Vec<String>), String> {
        let mut config = Config::with_defaults("/home/me");
        let given = Given::at_start(Config::KNOWN, "small.conf", text, &[]).map_err(|e| e.to_string())?;
        config.take(&given).map_err(|e| e.to_string())?;
        Ok((config, given.into_notices().iter().map(|notice| notice.to_string()).collect()))
    }

    #[test]
    fn defaults_may_depend_on_where_the_server_is() {
        assert_eq!(Config::with_defaults("/x").data_dir, PathBuf::from("/x"));
    }

    #[test]
    fn every_value_is_shown_given_or_not() {
        let (config, _) = given(
            "peer = a:1
listenPort=81",
        )
        .unwrap();
        let pairs = |config: &Config| config.all_values().iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        assert_eq!(pairs(&config), ["dataDir=/home/me", "listenPort=81", "maxWait=1", "peer=a:1", "threads=4"]);
        let (config, _) = given("threads=9").unwrap();
        assert_eq!(pairs(&config), ["dataDir=/home/me", "listenPort=80", "maxWait=1", "peer=", "threads=9"]);
    }

    #[test]
    fn a_value_that_its_type_cannot_hold_is_refused_like_any_other() {
        assert_eq!(given("maxWait=256").unwrap_err(), r#"small.conf:1: maxWait = "256": expected seconds, 0 to 1000"#);
    }

    #[test]
    fn a_change_is_taken_whole_or_not_at_all() {
        let (config, _) = given("peer=a").unwrap();
        let change = |text: &str| config.changed(&Properties::parse(text).unwrap()).map(|(config, _)| config);
        assert_eq!(
            change(
                "peer=b
maxWait=7"
            )
            .unwrap(),
            Config { peer: Some("b".into()), max_wait: 7, ..config.clone() }
        );
        let refused = change(
            "peer=b
listenPort=7",
        )
        .unwrap_err()
        .to_string();
        assert_eq!(refused, "listenPort cannot change while the server runs: sockets are open");
    }

    #[test]
    fn the_nearest_key_is_found_whatever_the_case_or_swap() {
        let nearest = |key| Config::KNOWN.nearest(key);
        assert_eq!(nearest("listenprot"), Some("listenPort"));
        assert_eq!(nearest("DATADIR"), Some("dataDir"));
        assert_eq!(nearest("thread"), Some("threads"));
        assert_eq!(nearest("zzz"), None);
    }
}

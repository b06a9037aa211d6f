//! A properties text held against the keys a server knows: the values it gives, what is worth saying about it, and
//! the errors that stop a start or refuse a change.

use std::fmt;
use std::path::PathBuf;

use crate::properties::{Entry, Properties};
use crate::settings::{Effect, Known, Setting};

/// What stands for a file's name where the command line gave something.
const COMMAND_LINE: &str = "command line";
/// How much of an unknown key a message shows, in characters.
const LONGEST_SHOWN: usize = 64;

/// The values that a file and the command line give, checked against their kinds.
#[derive(Debug)]
pub struct Given {
    file: Place,
    values: Vec<GivenValue>,
    notices: Vec<Notice>,
}

/// One value, blanks around it cut.
#[derive(Debug)]
pub struct GivenValue {
    /// The key it is for.
    pub setting: &'static Setting,
    /// The text of the value.
    pub text: String,
    place: Place,
}

/// Where settings were read from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file, absolute; `None` if there was none.
    pub file: Option<PathBuf>,
    /// The keys that the command line gives, whatever the file says.
    pub command_line: Vec<&'static str>,
}

/// One line for the start-up log about something in a file that does not stop the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    place: Place,
    text: String,
}

/// Where a value stands. Displayed as what a message begins with, such as `broker.conf:7: `; nothing if it is nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    source: String,
    line: Option<usize>,
}

/// Why settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The text has a malformed `\u`.
    #[error("{place}\\u must be followed by four hexadecimal digits that make a character; write a backslash as \\\\")]
    Escape {
        /// Where.
        place: Place,
    },
    /// A value is not what its key expects.
    #[error("{place}{key} = {value:?}: expected {expected}")]
    Value {
        /// Where the value stands.
        place: Place,
        /// The key.
        key: &'static str,
        /// The value as it was given.
        value: String,
        /// What it must look like.
        expected: String,
    },
    /// A change of a key that nobody knows.
    #[error("{}", unknown(key, *nearest))]
    Unknown {
        /// The key.
        key: String,
        /// The known key it most resembles.
        nearest: Option<&'static str>,
    },
    /// A change of a key that keeps its value while the server runs.
    #[error("{key} cannot change while the server runs: {why}")]
    Fixed {
        /// The key.
        key: &'static str,
        /// Why it cannot.
        why: &'static str,
    },
    /// A change of a key that does nothing.
    #[error("{key} has no effect here: {why}")]
    WithoutEffect {
        /// The key.
        key: &'static str,
        /// Why it does nothing.
        why: &'static str,
    },
}

impl Given {
    /// Checks a file's text and then the command line, which overrules it. `file` is the file's name for messages.
    ///
    /// # Errors
    /// The first bad value, in the order of the text.
    pub fn at_start(known: Known, file: &str, text: &str, command_line: &[(&str, &str)]) -> Result<Self, SettingError> {
        let file = Place { source: file.to_owned(), line: None };
        let properties =
            Properties::parse(text).map_err(|error| SettingError::Escape { place: file.at_line(error.line) })?;
        let mut given = Self { file, values: Vec::new(), notices: Vec::new() };
        for (entry, line) in properties.overruled() {
            let place = given.file.at_line(entry.line);
            given
                .notices
                .push(Notice { place, text: format!("{} is set again on line {line}, which counts", entry.key) });
        }
        for Entry { key, value, line } in properties.effective() {
            let place = given.file.at_line(*line);
            match known.find(key) {
                Some(setting) => given.add(setting, value, place)?,
                None => given.notices.push(Notice { place, text: unknown(key, known.nearest(key)) }),
            }
        }
        given.notices.sort_by_key(|notice| notice.place.line);
        for (key, value) in command_line {
            let place = Place { source: COMMAND_LINE.to_owned(), line: None };
            match known.find(key) {
                Some(setting) => given.add(setting, value, place)?,
                None => given.notices.push(Notice { place, text: unknown(key, known.nearest(key)) }),
            }
        }
        let idle = given.values.iter().filter(|value| value.is_idle()).map(|value| value.setting.key);
        let idle = idle.collect::<Vec<_>>().join(" ");
        if !idle.is_empty() {
            let text = format!("no effect here, and the value that is the default anyway: {idle}");
            given.notices.push(Notice { place: given.file.clone(), text });
        }
        Ok(given)
    }

    /// Checks changes asked for while the server runs: every key must be [live](Effect::Live).
    ///
    /// # Errors
    /// The first key that may not change, or its bad value.
    pub fn while_running(known: Known, changes: &Properties) -> Result<Self, SettingError> {
        let mut given = Self { file: Place::default(), values: Vec::new(), notices: Vec::new() };
        for Entry { key, value, .. } in changes.effective() {
            let setting = known
                .find(key)
                .ok_or_else(|| SettingError::Unknown { key: key.clone(), nearest: known.nearest(key) })?;
            match setting.effect {
                Effect::Live => given.add(setting, value, Place::default())?,
                Effect::AtStart(why) => return Err(SettingError::Fixed { key: setting.key, why }),
                Effect::Nothing { why, .. } => return Err(SettingError::WithoutEffect { key: setting.key, why }),
            }
        }
        Ok(given)
    }

    /// The values in the order given; of a key that occurs twice the last counts.
    pub fn values(&self) -> &[GivenValue] {
        &self.values
    }

    /// Where they were read from.
    pub fn origin(&self) -> Origin {
        let file = Some(&self.file.source).filter(|name| !name.is_empty());
        // The folder that a name begins in is the one of now, wherever the process is later.
        let file = file.and_then(|name| std::path::absolute(name).ok());
        let typed = self.values.iter().filter(|value| value.place.source == COMMAND_LINE);
        Origin { file, command_line: typed.map(|value| value.setting.key).collect() }
    }

    /// Whether a value was given for this key.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Where the value of this key stands; the file as a whole when it does not stand there.
    pub fn place(&self, key: &str) -> &Place {
        self.find(key).map_or(&self.file, |value| &value.place)
    }

    /// The error for a bad value, at the place of its key.
    pub fn refuse(&self, key: &'static str, value: &str, expected: impl fmt::Display) -> SettingError {
        SettingError::Value {
            place: self.place(key).clone(),
            key,
            value: value.to_owned(),
            expected: expected.to_string(),
        }
    }

    /// Refuses what was given for a key in a list of keys with `;` between them.
    ///
    /// # Errors
    /// Names the first such key; `why` is said of it.
    pub fn refuse_barred(&self, list: &str, why: &'static str) -> Result<(), SettingError> {
        let barred = |key| list.split(';').any(|barred| barred.trim() == key);
        match self.values.iter().map(|value| value.setting.key).find(|key| barred(*key)) {
            Some(key) => Err(SettingError::Fixed { key, why }),
            None => Ok(()),
        }
    }

    /// Adds a notice about a key, at its place.
    pub fn notice(&mut self, key: &str, text: String) {
        self.notices.push(Notice { place: self.place(key).clone(), text });
    }

    /// What there is to say, in the order of the text.
    pub fn into_notices(self) -> Vec<Notice> {
        self.notices
    }

    fn find(&self, key: &str) -> Option<&GivenValue> {
        self.values.iter().rfind(|value| value.setting.key == key)
    }

    fn add(&mut self, setting: &'static Setting, value: &str, place: Place) -> Result<(), SettingError> {
        let text = value.trim().to_owned();
        // What is as it would be anyway is named in one line at the end: servers save files with every key there is.
        if let Effect::Nothing { why, default } = setting.effect
            && text != default()
        {
            let text = format!("{} has no effect here: {why}", setting.key);
            self.notices.push(Notice { place: place.clone(), text });
        }
        let fits = setting.kind.fits(&text);
        self.values.push(GivenValue { setting, text, place });
        if fits { Ok(()) } else { Err(self.refuse(setting.key, value, setting.kind)) }
    }
}

impl GivenValue {
    /// Whether it is the default of a key without effect.
    fn is_idle(&self) -> bool {
        matches!(self.setting.effect, Effect::Nothing { default, .. } if self.text == default())
    }
}

impl Place {
    fn at_line(&self, line: usize) -> Self {
        Self { source: self.source.clone(), line: Some(line) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.source.as_str(), self.line) {
            ("", _) => Ok(()),
            (source, Some(line)) => write!(f, "{source}:{line}: "),
            (source, None) => write!(f, "{source}: "),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, self.text)
    }
}

/// Whoever wrote the key may be far away: no control character of it reaches a log, and not much of a long one.
fn unknown(key: &str, nearest: Option<&str>) -> String {
    if key.is_empty() {
        return "a value without a key".to_owned();
    }
    let shown: String = key.chars().take(LONGEST_SHOWN).flat_map(char::escape_debug).collect();
    let cut = if key.chars().nth(LONGEST_SHOWN).is_some() { "…" } else { "" };
    let hint = nearest.map_or_else(String::new, |nearest| format!(", did you mean {nearest}?"));
    format!("unknown key {shown}{cut}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Kind;

    const PORT: Setting =
        Setting { key: "listenPort", kind: Kind::number("a port", 1, 65535), effect: Effect::AtStart("it is open") };
    const LIMIT: Setting = Setting { key: "maxSize", kind: Kind::number("bytes", 1, 99), effect: Effect::Live };
    const THREADS: Setting = Setting {
        key: "sendThreads",
        kind: Kind::number("threads", 1, 64),
        effect: Effect::Nothing { why: "there are none", default: String::new },
    };
    const KNOWN: Known = Known { honoured: &[PORT, LIMIT], without_effect: &[THREADS] };

    fn start(text: &str) -> Result<Given, String> {
        Given::at_start(KNOWN, "a.conf", text, &[]).map_err(|error| error.to_string())
    }

    fn notices(text: &str) -> Vec<String> {
        start(text).unwrap().into_notices().iter().map(Notice::to_string).collect()
    }

    fn change(text: &str) -> Result<Given, String> {
        Given::while_running(KNOWN, &Properties::parse(text).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bad_value_is_refused_with_file_line_key_and_what_was_expected() {
        let text = "# my server\n\nlistenPort = abc \n";
        assert_eq!(start(text).unwrap_err(), r#"a.conf:3: listenPort = "abc ": expected a port, 1 to 65535"#);
        assert!(
            start("sendThreads=many").unwrap_err().starts_with("a.conf:1: sendThreads = \"many\": expected threads")
        );
        assert!(start("maxSize=").unwrap_err().contains("maxSize = \"\""));
        assert!(start("a=1\nmaxSize=\\u12").unwrap_err().starts_with("a.conf:2: \\u must be"));
    }

    #[test]
    fn blanks_around_a_value_are_no_part_of_it() {
        let given = start("listenPort = 80 \t").unwrap();
        assert_eq!(given.values()[0].text, "80");
        assert_eq!(given.place("listenPort").to_string(), "a.conf:1: ");
        assert!(given.has("listenPort") && !given.has("maxSize"));
        assert_eq!(given.place("maxSize").to_string(), "a.conf: ");
    }

    #[test]
    fn notices_come_in_the_order_of_the_file() {
        assert_eq!(
            notices("sendThreads=4\nlistenProt=9\nmaxSize=1\n=x\nqqq=1\nmaxSize=2"),
            [
                "a.conf:1: sendThreads has no effect here: there are none",
                "a.conf:2: unknown key listenProt, did you mean listenPort?",
                "a.conf:3: maxSize is set again on line 6, which counts",
                "a.conf:4: a value without a key",
                "a.conf:5: unknown key qqq",
            ]
        );
    }

    #[test]
    fn an_overruled_value_is_not_checked() {
        assert_eq!(start("maxSize=big\nmaxSize=2").unwrap().values().len(), 1);
    }

    #[test]
    fn the_command_line_overrules_the_file_and_is_checked_as_well() {
        let given = Given::at_start(KNOWN, "a.conf", "maxSize=1", &[("maxSize", "2")]).unwrap();
        assert_eq!(given.values().last().unwrap().text, "2");
        assert_eq!(given.place("maxSize").to_string(), "command line: ");
        let origin = given.origin();
        assert!(origin.file.is_some_and(|file| file.is_absolute() && file.ends_with("a.conf")));
        assert_eq!((origin.command_line, start("maxSize=1").unwrap().origin().command_line), (vec!["maxSize"], vec![]));
        let refused = Given::at_start(KNOWN, "", "", &[("maxSize", "0")]).unwrap_err();
        assert_eq!(refused.to_string(), r#"command line: maxSize = "0": expected bytes, 1 to 99"#);
        assert_eq!(Given::at_start(KNOWN, "", "", &[]).unwrap().origin(), Origin::default());
    }

    #[test]
    fn only_live_keys_change_while_the_server_runs() {
        assert_eq!(change("maxSize = 7").unwrap().values()[0].text, "7");
        assert_eq!(change("maxSize=0").unwrap_err(), r#"maxSize = "0": expected bytes, 1 to 99"#);
        assert_eq!(change("listenPort=1").unwrap_err(), "listenPort cannot change while the server runs: it is open");
        assert_eq!(change("sendThreads=1").unwrap_err(), "sendThreads has no effect here: there are none");
        assert_eq!(change("maxsize=1").unwrap_err(), "unknown key maxsize, did you mean maxSize?");
        let nasty = format!("x\\ny{}=1", "z".repeat(1 << 20));
        assert_eq!(change(&nasty).unwrap_err(), format!("unknown key x\\ny{}…", "z".repeat(61)));
    }
}

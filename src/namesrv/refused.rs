//! Why a request was refused, and the response code that says so.

use crate::config::ConfigError;
use base::flat::FieldError;
use protocol::{Command, code};
use std::{io, path::PathBuf};

/// Most characters of a name that an answer or a log line repeats.
const SHOWN: usize = 255;

/// Why a request was refused. The text is the answer's remark.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{} cannot be carried out: {why}", code::request_title(*.request))]
    Header { request: i32, why: FieldError },
    #[error("{} cannot be carried out: its body is unreadable: {why}", code::request_title(*.request))]
    Body { request: i32, why: String },
    #[error("the body of the registration was damaged on its way: its CRC-32 is {found}, announced was {announced}")]
    Crc { announced: i32, found: i32 },
    #[error("{what} {text:?} is not usable: {why}")]
    Name { what: &'static str, text: String, why: &'static str },
    #[error("this name server is full: it holds {held} {what}, the most is {most}")]
    Full { what: &'static str, held: usize, most: usize },
    // Clients and scripts know this beginning.
    #[error(
        "No topic route info in name server for the topic: {0}\nCreate it with `rmq topic create {0}`, or see with \
         `rmq topic list` whether its brokers register at this name server."
    )]
    NoTopic(String),
    #[error("No config item, Namespace: {namespace} Key: {key}")]
    NoValue { namespace: String, key: String },
    #[error("No config item, Namespace: {0}")]
    NoNamespace(String),
    #[error("the value is in force, but could not be written to {}: {why}", path.display())]
    Unwritten { path: PathBuf, why: io::Error },
    #[error("the settings were not changed: {0}")]
    Settings(ConfigError),
    #[error("a name server does not serve {}", code::request_title(*.0))]
    Unsupported(i32),
}

impl Refused {
    fn code(&self) -> i32 {
        match self {
            Self::NoTopic(_) => code::response::TOPIC_NOT_EXIST,
            Self::NoValue { .. } | Self::NoNamespace(_) => code::response::QUERY_NOT_FOUND,
            Self::Settings(ConfigError::Value { .. }) => code::response::SYSTEM_ERROR,
            Self::Settings(_) => code::response::NO_PERMISSION,
            Self::Unsupported(_) => code::response::REQUEST_CODE_NOT_SUPPORTED,
            Self::Header { .. }
            | Self::Body { .. }
            | Self::Crc { .. }
            | Self::Name { .. }
            | Self::Full { .. }
            | Self::Unwritten { .. } => code::response::SYSTEM_ERROR,
        }
    }
}

impl From<Refused> for Command {
    fn from(refused: Refused) -> Self {
        Self::refusal(refused.code(), refused.to_string())
    }
}

/// The beginning of a text that a peer sent, fit to be repeated.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

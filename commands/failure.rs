//! Why a command did not do what it was asked: for the person or the program that reads it, and as an exit code.

use client::Error;
use protocol::code::response;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// What kind of failure it is. The number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something went wrong.
    Failed = 1,
    /// The command line or a file says something impossible.
    Usage = 2,
    /// What it was about does not exist.
    NotFound = 3,
    /// The cluster could not be reached, or did not answer in time.
    Unreachable = 4,
    /// The cluster does not allow it.
    NotPermitted = 5,
    /// Some of it was done and some was not.
    Partly = 6,
}

impl Kind {
    /// The code of a failure that has no name of its own.
    fn code(self) -> &'static str {
        match self {
            Self::Failed => "FAILED",
            Self::Usage => "USAGE",
            Self::NotFound => "NOT_FOUND",
            Self::Unreachable => "UNREACHABLE",
            Self::NotPermitted => "NOT_PERMITTED",
            Self::Partly => "PARTLY_DONE",
        }
    }
}

/// A failure.
#[derive(Debug)]
pub struct Failure {
    /// The exit code; none if it is no failure at all, but the reader of standard output has seen enough, or if `told`.
    kind: Option<Kind>,
    /// The exit code if all has been said already.
    told: Option<u8>,
    code: Option<String>,
    message: String,
    target: Option<String>,
    hint: Option<String>,
    retryable: bool,
}

impl Failure {
    /// What happened, and to what.
    pub fn new(kind: Kind, message: impl ToString) -> Self {
        let message = message.to_string();
        Self { kind: Some(kind), told: None, code: None, message, target: None, hint: None, retryable: false }
    }

    /// There is no such topic, and asking for it does not make it.
    pub fn no_topic(topic: &str) -> Self {
        let failure = Self::new(Kind::NotFound, format!("topic {topic} does not exist"));
        failure.code("TOPIC_NOT_EXIST").target(topic).hint(format!("rmq topic create {topic}"))
    }

    /// What was looked for is not there.
    pub fn not_found(message: String) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// Some of it was done and some was not; what failed has been told.
    pub fn partly(message: String) -> Self {
        Self::new(Kind::Partly, message)
    }

    /// The same kind of failure as `error`, in other words.
    pub fn like(error: &admin::Error, message: String) -> Self {
        let mut failure = Self::new(kind_of(error), message);
        failure.retryable = failure.kind == Some(Kind::Unreachable);
        failure.code = error.refusal_code().and_then(response::name).map(str::to_owned);
        if error.is_timeout() {
            failure.code = Some("TIMED_OUT".to_owned());
        }
        failure
    }

    /// The same with a code of its own, for programs: `TOPIC_NOT_EXIST`.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same with what it was about: a topic, an address.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// The same with what to do about it, a command to type if there is one.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, and it may work another time without any change.
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// The same with more of what happened.
    pub fn also(mut self, more: &str) -> Self {
        self.message = format!("{}; {more}", self.message);
        self
    }

    /// All has been said; only the exit code is left, of a convention other than ours.
    pub fn told(exit: u8) -> Self {
        Self { kind: None, told: Some(exit), ..Self::new(Kind::Failed, "") }
    }

    /// Whoever read standard output has gone, as `head` does.
    fn reader_gone() -> Self {
        Self { kind: None, ..Self::new(Kind::Failed, "") }
    }

    /// Why something could not be written to standard output.
    pub fn from_output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::reader_gone();
        }
        Self::new(Kind::Failed, format!("cannot write to standard output: {error}"))
    }

    /// The same in other words.
    pub fn saying(mut self, message: String) -> Self {
        self.message = message;
        self
    }

    /// Whether it may work another time without any change.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// There is no such group.
    pub fn no_group(group: &str) -> Self {
        let failure = Self::new(Kind::NotFound, format!("no broker knows a group {group}"));
        failure.code("SUBSCRIPTION_GROUP_NOT_EXIST").target(group).hint("rmq group list")
    }

    /// What kind it is; none if only the reader of standard output has gone.
    pub fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// What happened, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Says it on standard error, as JSON if that is what was asked for, and gives the exit code to end with.
    pub fn report(self, json: bool) -> ExitCode {
        let Some(kind) = self.kind else { return self.told.map_or(ExitCode::SUCCESS, ExitCode::from) };
        if json {
            say(&self.to_json(kind).to_string());
        } else {
            say(&format!("rmq: {}", self.message));
            if let Some(hint) = self.hint {
                say(&format!("hint: {hint}"));
            }
        }
        ExitCode::from(kind as u8)
    }

    fn to_json(&self, kind: Kind) -> serde_json::Value {
        serde_json::json!({
            "code": self.code.as_deref().unwrap_or_else(|| kind.code()),
            "message": self.message,
            "target": self.target,
            "hint": self.hint,
            "retryable": self.retryable,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            _ if error.is_unreachable() => Kind::Unreachable,
            _ if error.is_not_found() => Kind::NotFound,
            _ if error.refusal_code() == Some(response::NO_PERMISSION) => Kind::NotPermitted,
            Error::Names(_) | Error::Name(_) | Error::TopicReserved(_) | Error::Property(_) => Kind::Usage,
            _ => Kind::Failed,
        };
        let mut failure = Self::new(kind, &error);
        failure.retryable = kind == Kind::Unreachable || error.refusal_code() == Some(response::SYSTEM_BUSY);
        failure.code = error.refusal_code().and_then(response::name).map(str::to_owned);
        if error.is_timeout() {
            failure.code = Some("TIMED_OUT".to_owned());
        }
        match error {
            Error::TopicNotFound { topic } | Error::SendFailed { topic, .. } if kind == Kind::NotFound => {
                failure.code = Some("TOPIC_NOT_EXIST".to_owned());
                failure.hint = Some(format!("rmq topic create {topic}"));
                failure.target = Some(topic);
            }
            Error::NamesUnreachable(_) | Error::Names(_) => {
                failure.hint = Some(
                    "start a cluster with `rmq cluster up`, or say where one is with --namesrv or NAMESRV_ADDR"
                        .to_owned(),
                );
            }
            Error::Refused { addr, .. } | Error::Malformed { addr, .. } => failure.target = Some(addr),
            Error::NoQueue { topic, .. } | Error::SendFailed { topic, .. } | Error::TopicReserved(topic) => {
                failure.target = Some(topic);
            }
            _ => {}
        }
        failure
    }
}

fn kind_of(error: &admin::Error) -> Kind {
    match error {
        _ if error.is_unreachable() => Kind::Unreachable,
        _ if error.is_not_found() => Kind::NotFound,
        _ if error.refusal_code() == Some(response::NO_PERMISSION) => Kind::NotPermitted,
        admin::Error::Client(Error::Names(_) | Error::Name(_) | Error::TopicReserved(_)) => Kind::Usage,
        _ => Kind::Failed,
    }
}

impl From<admin::Error> for Failure {
    fn from(error: admin::Error) -> Self {
        match error {
            admin::Error::Client(error) => error.into(),
            other => {
                let mut failure = Self::like(&other, other.to_string());
                failure.target = match other {
                    admin::Error::NoCluster { name, .. }
                    | admin::Error::NoBroker { name, .. }
                    | admin::Error::NoMaster { name, .. } => Some(name),
                    admin::Error::NoMessage { id, .. } | admin::Error::NotSure { id, .. } => Some(id),
                    admin::Error::NoPosition { queue, .. } => Some(queue),
                    admin::Error::MembersConnected { broker, .. } => Some(broker),
                    admin::Error::Client(_) => None,
                };
                failure
            }
        }
    }
}

/// Writes a line on standard error; if nobody reads that either, there is nobody to tell.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_topic_is_told_with_the_command_that_makes_it() {
        let failure = Failure::from(Error::TopicNotFound { topic: "T".to_owned() });
        assert_eq!(failure.kind(), Some(Kind::NotFound));
        let json = failure.to_json(Kind::NotFound);
        assert_eq!((&json["code"], &json["hint"]), (&"TOPIC_NOT_EXIST".into(), &"rmq topic create T".into()));
        assert_eq!((&json["target"], &json["retryable"]), (&"T".into(), &false.into()));
    }

    #[test]
    fn an_unreachable_cluster_may_be_tried_again_and_a_refusal_has_its_code() {
        let why = remoting::Error::Connect { addr: "a:1".to_owned(), why: "refused".to_owned() };
        let failure = Failure::from(Error::NamesUnreachable(vec![why]));
        assert_eq!((failure.kind(), failure.retryable), (Some(Kind::Unreachable), true));
        assert!(failure.message().contains("a:1"));
        let refused = Error::Refused { addr: "b:1".to_owned(), request: 310, code: 16, remark: "read only".to_owned() };
        let failure = Failure::from(refused);
        assert_eq!((failure.kind(), failure.target.as_deref()), (Some(Kind::NotPermitted), Some("b:1")));
        assert_eq!(failure.to_json(Kind::NotPermitted)["code"], "NO_PERMISSION");
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let failure = Failure::from_output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(failure.kind(), None);
        assert_eq!(Failure::from_output(io::ErrorKind::StorageFull.into()).kind(), Some(Kind::Failed));
    }
}

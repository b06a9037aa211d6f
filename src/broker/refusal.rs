//! Why a request is not carried out: the one place where errors become response codes.

use base::flat::FieldError;
use protocol::{Command, code::response, record::RecordError, send::BatchError, topic::NameError};

/// A response code and the words that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// See [`protocol::code::response`].
    pub code: i32,
    /// For the person who reads the client's log.
    pub remark: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: i32, remark: impl Into<String>) -> Self {
        Self { code, remark: remark.into() }
    }

    /// The caller may not do this.
    pub fn forbidden(remark: impl Into<String>) -> Self {
        Self::new(response::NO_PERMISSION, remark)
    }

    /// The message is not one that can be stored.
    pub fn illegal(remark: impl Into<String>) -> Self {
        Self::new(response::MESSAGE_ILLEGAL, remark)
    }

    /// The answer that carries it.
    pub fn answer(self) -> Command {
        Command::refusal(self.code, self.remark)
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Self::new(response::SYSTEM_ERROR, format!("the request's header is not what it should be: {error}"))
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::new(response::SYSTEM_ERROR, format!("the request's body is not the JSON it should be: {error}"))
    }
}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Self {
        Self::new(response::SYSTEM_ERROR, error.to_string())
    }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        Self::illegal(error.to_string())
    }
}

impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Self {
        Self::illegal(error.to_string())
    }
}

//! The envelope of everything sent: a request, a one-way request, or the answer to one.
//!
//! Source: `RemotingCommand` of Apache RocketMQ.

use crate::code::response;
use base::{
    Fields,
    flat::{self, FieldError},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// The protocol version this project speaks as: `MQVersion.V4_9_8`.
pub const VERSION: i32 = 409;

/// How a header was, or is to be, written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// A JSON object (serialize type 0).
    #[default]
    Json,
    /// The ROCKETMQ binary header (serialize type 1).
    Binary,
}

/// The language of a peer, by its number in binary headers. Source: `LanguageCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language(pub u8);

const LANGUAGES: [&str; 13] =
    ["JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS", "RUST"];

impl Language {
    /// What answers say, so that every client takes them for Apache's.
    pub const JAVA: Self = Self(0);
    /// Anything without a name here.
    pub const OTHER: Self = Self(7);
    /// What this project's own client says.
    pub const RUST: Self = Self(12);

    /// The name used in JSON headers.
    pub fn name(self) -> &'static str {
        LANGUAGES.get(usize::from(self.0)).copied().unwrap_or("OTHER")
    }

    /// The language of that name, [`Language::OTHER`] for an unknown one.
    pub fn from_name(name: &str) -> Self {
        LANGUAGES.iter().position(|known| *known == name).map_or(Self::OTHER, |at| Self(at as u8))
    }
}

/// A body in one or more pieces, so that stored messages need no copy on their way out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    first: Bytes,
    rest: Vec<Bytes>,
}

impl Body {
    /// Adds a piece at the end.
    pub fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() {
            self.first = piece;
        } else if !piece.is_empty() {
            self.rest.push(piece);
        }
    }

    /// Length of all pieces in bytes.
    pub fn len(&self) -> usize {
        self.pieces().map(Bytes::len).sum()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The pieces in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).filter(|piece| !piece.is_empty()).chain(&self.rest)
    }

    /// The whole body; copies only if it is in more than one piece.
    pub fn to_bytes(&self) -> Bytes {
        if self.rest.is_empty() {
            return self.first.clone();
        }
        let mut whole = Vec::with_capacity(self.len());
        self.pieces().for_each(|piece| whole.extend_from_slice(piece));
        whole.into()
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self { first: bytes.into(), rest: Vec::new() }
    }
}

/// A request, a one-way request, or an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What is asked, or how it ended: see [`crate::code`].
    pub code: i32,
    /// The sender's language.
    pub language: Language,
    /// The sender's protocol version: see [`VERSION`].
    pub version: i32,
    /// Ties an answer to its request, within one connection.
    pub opaque: i32,
    /// Bit 0: an answer. Bit 1: one-way, wants no answer.
    pub flag: i32,
    /// Why, in words; mostly in answers.
    pub remark: Option<String>,
    /// The header's own fields.
    pub fields: Fields,
    /// The body.
    pub body: Body,
    /// How the header was or is to be written.
    pub encoding: Encoding,
}

const ANSWER: i32 = 1;
const ONE_WAY: i32 = 2;

impl Command {
    /// A request with no fields and no body, of this project's client. The connection sets `opaque`.
    pub fn request(code: i32) -> Self {
        Self {
            code,
            language: Language::RUST,
            version: VERSION,
            opaque: 0,
            flag: 0,
            remark: None,
            fields: Fields::default(),
            body: Body::default(),
            encoding: Encoding::Json,
        }
    }

    /// An answer. The connection sets `opaque` and the encoding from the request.
    pub fn answer(code: i32) -> Self {
        Self { flag: ANSWER, language: Language::JAVA, ..Self::request(code) }
    }

    /// The answer that all is well, without fields or body.
    pub fn success() -> Self {
        Self::answer(response::SUCCESS)
    }

    /// An answer that says no, and why.
    pub fn refusal(code: i32, remark: impl Into<String>) -> Self {
        Self { remark: Some(remark.into()), ..Self::answer(code) }
    }

    /// The same with the fields of `header`, which must be a flat struct.
    #[must_use]
    pub fn with_header(mut self, header: &impl Serialize) -> Self {
        // Headers are this project's own types; a test of each shows that it is flat.
        self.fields = flat::to_fields(header).unwrap_or_default();
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with a body of JSON.
    #[must_use]
    pub fn with_json(self, body: &impl Serialize) -> Self {
        // Bodies are this project's own types, whose maps have string keys: they always serialize.
        let json = serde_json::to_vec(body).unwrap_or_default();
        self.with_body(json)
    }

    /// The same with a remark.
    #[must_use]
    pub fn with_remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = Some(remark.into());
        self
    }

    /// The same, wanting no answer.
    #[must_use]
    pub fn one_way(mut self) -> Self {
        self.flag |= ONE_WAY;
        self
    }

    /// Whether this answers a request.
    pub fn is_answer(&self) -> bool {
        self.flag & ANSWER != 0
    }

    /// Whether this request wants no answer.
    pub fn is_one_way(&self) -> bool {
        self.flag & ONE_WAY != 0
    }

    /// The typed header.
    ///
    /// # Errors
    /// Names the field that is missing or malformed.
    pub fn header<H: DeserializeOwned>(&self) -> Result<H, FieldError> {
        flat::from_fields(&self.fields)
    }

    /// The typed body, read as tolerantly as [`crate::loose_json`] does.
    ///
    /// # Errors
    /// Where and why the body is not the JSON it should be.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        crate::loose_json::from_slice(&self.body.to_bytes())
    }
}

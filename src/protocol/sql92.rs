//! SQL92 filters over the properties of messages: an expression is read once and then asked of each message.
//!
//! ```text
//! condition  = and { OR and }                      and        = equality { AND equality }
//! equality   = comparison { = comparison | <> comparison | IS [NOT] NULL }
//! comparison = sign { (> | >= | < | <=) sign | [NOT] BETWEEN sign AND sign | [NOT] IN ( text { , text } )
//!                   | [NOT] (CONTAINS | STARTSWITH | ENDSWITH) text }
//! sign       = (NOT | + | -) sign | value          value      = property | number | text | TRUE | FALSE | NULL | ( condition )
//! ```
//!
//! Words count in any case, properties do not. Texts are in single quotes, `''` is a quote in one. Between all this may be
//! blanks, `/* comments */` and `-- comments` that a new line ends. Note that `NOT` binds before `=`, so write `NOT (a = 1)`.
//!
//! A filter takes the messages that one of Apache RocketMQ takes, with its peculiarities, which are these:
//!
//! - Properties are texts, one that is empty is missing. Beside a number they are read as one of its kind: `a > 3` fails for
//!   `3.5` and for `3000000000` (no `int`), `a > 3.0` does not. Where that fails, the message is not taken, whatever else the
//!   expression says.
//! - Two properties are equal as texts and in order as numbers. `a = TRUE` reads the property, `TRUE = a` always fails.
//! - A missing property makes a condition neither true nor false, but `a <> b` is true if only `b` is missing, and
//!   the three searches are false then, with `NOT` too. A property in place of a condition is never true.
//!
//! It differs in what it refuses. Text behind a whole expression is refused; Apache RocketMQ leaves it out. `0.0` is a
//! number, and `CONTAINS`, `STARTSWITH` and `ENDSWITH` (5.x) may still be names of properties (4.x); hexadecimal floats in
//! properties are no numbers.
//!
//! Source: `SelectorParser.jj` and the expressions of Apache RocketMQ's `filter` module.

mod expression;
mod grammar;
mod token;

use expression::Expression;

/// Longest expression, in bytes.
pub const MAX_LEN: usize = 64 << 10;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct SyntaxError {
    /// Where, in characters from 1; one more than there are if something is missing at the end.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// A filter ready to be asked. Asking allocates nothing.
#[derive(Debug)]
pub struct Filter(Expression);

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where it is wrong, and why; also if it is longer than [`MAX_LEN`] or too deeply nested.
    pub fn compile(expression: &str) -> Result<Self, SyntaxError> {
        if expression.len() > MAX_LEN {
            let reason = format!("an expression of {} bytes, the most is {MAX_LEN}", expression.len());
            return Err(SyntaxError { column: 1, reason });
        }
        grammar::read(expression).map(Self)
    }

    /// Whether a message with this [property string](crate::properties) is wanted.
    pub fn matches(&self, properties: &str) -> bool {
        self.0.is_true(properties)
    }
}

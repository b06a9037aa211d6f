//! Whether a cluster, or a part of it, does what it is there for: the verdict, what it rests on, and the figures that
//! belong to it.
//!
//! A question ([`crate::Admin`]) gathers what the servers say; a pure function judges it. What a server does not tell
//! is unknown, never fine and never zero.

mod broker;
mod census;
mod names;
mod replication;

pub use broker::BrokerLimits;
pub(crate) use broker::{judge_info, number};
pub(crate) use names::{differences, identities};
pub use replication::ReplicationLimits;
pub(crate) use replication::{Ends, compare};

use std::time::Duration;

/// How grave something is; the graver one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// It cannot be told.
    Unknown,
    /// It does not do what it is there for.
    Critical,
}

impl Level {
    /// As monitoring systems write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Unknown => "UNKNOWN",
            Self::Critical => "CRITICAL",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub level: Level,
    /// What kind of trouble it is, for programs and for looking it up: `H10`. None if all is well.
    pub code: Option<&'static str>,
    /// Which server or which brokers.
    pub about: String,
    /// What was found, and what to do about it.
    pub says: String,
}

impl Finding {
    fn ok(about: impl ToString, says: impl Into<String>) -> Self {
        Self { level: Level::Ok, code: None, about: about.to_string(), says: says.into() }
    }

    fn bad(level: Level, code: &'static str, about: impl ToString, says: impl Into<String>) -> Self {
        Self { level, code: Some(code), about: about.to_string(), says: says.into() }
    }
}

/// A figure, with the limits it was held against.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// What was measured: `lag_broker-a_1`.
    pub name: String,
    /// `None` if the server does not tell it.
    pub value: Option<f64>,
    /// `B` (bytes), `%`, `s`, or nothing for a count.
    pub unit: &'static str,
    /// Above this it is worth a look.
    pub warning: Option<f64>,
    /// Above this it is not healthy.
    pub critical: Option<f64>,
}

impl Measure {
    fn new(name: impl Into<String>, unit: &'static str, value: Option<f64>) -> Self {
        Self { name: name.into(), value, unit, warning: None, critical: None }
    }

    fn seconds(name: impl Into<String>, value: Duration) -> Self {
        Self::new(name, "s", Some(value.as_secs_f64()))
    }
}

/// The verdict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// Everything that was looked at, in a fixed order.
    pub findings: Vec<Finding>,
    /// The figures.
    pub measures: Vec<Measure>,
}

impl Health {
    /// A verdict for want of another: the question itself failed.
    pub fn unanswered(about: impl ToString, why: impl ToString) -> Self {
        Self {
            findings: vec![Finding::bad(Level::Critical, NO_NAME_SERVER, about, why.to_string())],
            ..Self::default()
        }
    }

    /// The gravest finding's level. Nothing looked at is [`Level::Unknown`].
    pub fn level(&self) -> Level {
        self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Unknown)
    }

    /// Whether it does what it is there for; a warning does not deny that.
    pub fn is_healthy(&self) -> bool {
        self.level() <= Level::Warning
    }

    /// What is not as it should be, the gravest first.
    pub fn troubles(&self) -> Vec<&Finding> {
        let mut troubles: Vec<_> = self.findings.iter().filter(|finding| finding.level > Level::Ok).collect();
        troubles.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        troubles
    }
}

// What kinds of trouble there are.

/// No name server answers, or one of them does not.
pub(crate) const NO_NAME_SERVER: &str = "H02";
/// A broker that is registered cannot be reached.
pub(crate) const OUT_OF_REACH: &str = "H04";
/// There is no broker to send clients to.
pub(crate) const NO_ROUTE: &str = "H05";
/// Name servers tell different things.
pub(crate) const NAMES_DIFFER: &str = "H06";
/// Two brokers are one, or a broker name has no master.
pub(crate) const IDENTITY: &str = "H07";
/// Requests wait for too long.
pub(crate) const BUSY: &str = "H08";
/// A disk is nearly full, or messages are refused.
pub(crate) const DISK: &str = "H09";
/// A slave lags, is missing, or has another history.
pub(crate) const SLAVE: &str = "H10";
/// A store has damaged records.
pub(crate) const DAMAGE: &str = "H22";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_finding_decides_and_nothing_looked_at_is_unknown() {
        assert_eq!(Health::default().level(), Level::Unknown);
        let finding = |level| Finding::bad(level, "H", "a", level.name());
        let health = |levels: &[Level]| Health {
            findings: levels.iter().map(|level| finding(*level)).collect(),
            measures: Vec::new(),
        };
        for (levels, worst, healthy) in [
            (&[Level::Ok][..], Level::Ok, true),
            (&[Level::Ok, Level::Warning], Level::Warning, true),
            (&[Level::Unknown, Level::Warning], Level::Unknown, false),
            (&[Level::Unknown, Level::Critical, Level::Ok], Level::Critical, false),
        ] {
            assert_eq!((health(levels).level(), health(levels).is_healthy()), (worst, healthy), "{levels:?}");
        }
        let mixed = health(&[Level::Ok, Level::Warning, Level::Critical, Level::Unknown]);
        let says: Vec<_> = mixed.troubles().iter().map(|finding| finding.says.as_str()).collect();
        assert_eq!(says, ["CRITICAL", "UNKNOWN", "WARNING"]);
    }
}

//! What a reader wants of a topic, ready to be asked of each message: by the tag's hash, or by a compiled SQL92 expression.
//!
//! Tags match by hash here, as the queue entry has it; the client compares the tags themselves. Source:
//! `ExpressionMessageFilter`, `ConsumerFilterManager` of Apache RocketMQ; without its bit maps beside the queues.

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{
    heartbeat::{SQL92, Subscription},
    sql92::Filter,
};
use std::{collections::HashMap, sync::Arc};
use store::QueueEntry;

/// Bytes of expressions that [`Filters`] keeps compiled, a bound on its memory: some tens of times as much.
const KEPT_BYTES: usize = 1 << 20;

/// A subscription that can be asked.
#[derive(Debug)]
pub struct Wanted {
    /// What the client said.
    pub said: Subscription,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    Tags,
    Sql(Arc<Filter>),
    /// Why it cannot be asked.
    Broken(String),
}

impl Wanted {
    /// Compiles a subscription. One that is wrong is one, too: it wants nothing, and says why.
    pub fn new(said: Subscription) -> Self {
        let compile = |expression: &str| Filter::compile(expression).map(Arc::new).map_err(|error| error.to_string());
        Self::with(said, compile)
    }

    fn with(said: Subscription, compile: impl FnOnce(&str) -> Result<Arc<Filter>, String>) -> Self {
        let rule = match said.expression_type.as_str() {
            _ if said.is_tag() => Rule::Tags,
            SQL92 => compile(&said.sub_string).map_or_else(Rule::Broken, Rule::Sql),
            other => Rule::Broken(format!("{other} is no type of expression: TAG and SQL92 are")),
        };
        Self { said, rule }
    }

    /// What is wrong with it, if something is: where in the expression, and why.
    pub fn broken(&self) -> Option<&str> {
        match &self.rule {
            Rule::Broken(why) => Some(why),
            Rule::Tags | Rule::Sql(_) => None,
        }
    }

    /// Whether a message is wanted; only SQL92 looks at the record.
    pub fn wants(&self, entry: &QueueEntry, record: &Bytes) -> bool {
        match &self.rule {
            Rule::Tags => self.said.may_want(entry.tag_hash),
            // What is no record is not the filter's to hide: the store says so when it is to be served.
            Rule::Sql(filter) => store::properties(record).is_none_or(|properties| filter.matches(&properties)),
            Rule::Broken(_) => false,
        }
    }
}

/// The filters of subscriptions that come with each pull, so that they are compiled once.
#[derive(Default)]
pub struct Filters {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_expression: HashMap<String, Arc<Filter>>,
    bytes: usize,
}

impl Filters {
    /// As [`Wanted::new`], with what an earlier call compiled.
    pub fn wanted(&self, said: Subscription) -> Wanted {
        Wanted::with(said, |expression| self.compiled(expression))
    }

    fn compiled(&self, expression: &str) -> Result<Arc<Filter>, String> {
        if let Some(filter) = self.kept.lock().by_expression.get(expression) {
            return Ok(filter.clone());
        }
        let filter = Arc::new(Filter::compile(expression).map_err(|error| error.to_string())?);
        let mut kept = self.kept.lock();
        if kept.bytes + expression.len() > KEPT_BYTES {
            // Those that are in use come back with their next pulls.
            *kept = Kept::default();
        }
        if kept.by_expression.insert(expression.to_owned(), filter.clone()).is_none() {
            kept.bytes += expression.len();
        }
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(expression: &str) -> Subscription {
        Subscription::of_type("T", expression, Some(SQL92), 0)
    }

    #[test]
    fn an_expression_is_compiled_once_and_few_are_kept() {
        let filters = Filters::default();
        let filter = |expression: &str| match filters.wanted(sql(expression)).rule {
            Rule::Sql(filter) => filter,
            other => panic!("{other:?}"),
        };
        let first = filter("a > 1");
        assert!(Arc::ptr_eq(&first, &filter("a > 1")));
        for at in 0..40 {
            filter(&format!("a = '{}{at}'", "x".repeat(60_000)));
        }
        assert!(filters.kept.lock().bytes <= KEPT_BYTES);
        assert!(!Arc::ptr_eq(&first, &filter("a > 1")), "it was dropped, and compiled again");
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(Wanted::new(Subscription::tags("T", "a || b", 0)).broken(), None);
        assert_eq!(Wanted::new(sql("a > 1")).broken(), None);
        assert!(Wanted::new(sql("a >")).broken().is_some_and(|why| why.contains("column 4")));
        let other = Subscription::of_type("T", "x", Some("XPATH"), 0);
        assert!(Wanted::new(other).broken().is_some_and(|why| why.contains("XPATH")));
    }
}

//! Which broker of its name a queue is read from: its master, unless a broker suggests a slave or the master does not
//! answer.
//!
//! Source: `PullAPIWrapper.pullFromWhichNodeTable` of Apache RocketMQ, whose clients ask a master that hangs again and
//! again.

use protocol::route::MASTER_ID;
use std::time::Duration;
use tokio::time::Instant;

/// How long a broker that did not answer is not asked again while another of its name can be read.
const AWAY: Duration = Duration::from_secs(10);

/// How long a broker may take to answer at once what another of its name can answer as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Where a queue is read next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    id: i64,
    /// Whom not to go back to, and until when.
    away: Option<(i64, Instant)>,
}

impl Source {
    /// Whom to ask next: 0 is the master.
    pub(crate) fn id(&self) -> i64 {
        self.id
    }

    /// A broker answered, and says whom to ask next.
    pub(crate) fn suggested(&mut self, id: i64) {
        match self.away {
            Some((away, until)) if away == id && Instant::now() < until => {}
            _ => *self = Self { id, away: None },
        }
    }

    /// The broker with the id `asked` did not answer; `known` are those of its name. Returns whether another is asked
    /// next.
    pub(crate) fn failed(&mut self, asked: i64, known: &[i64]) -> bool {
        if !known.contains(&asked) {
            // It counts again as soon as it is known again.
            *self = Self::default();
            return !known.is_empty();
        }
        let after = known.iter().find(|id| **id > asked);
        let next = after.or_else(|| known.first()).copied().filter(|id| *id != asked);
        match next {
            Some(id) => *self = Self { id, away: Some((asked, Instant::now() + AWAY)) },
            None => *self = Self { id: MASTER_ID, away: None },
        }
        next.is_some()
    }

    /// The broker refused: its master knows best.
    pub(crate) fn refused(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_read_where_brokers_suggest() {
        let mut source = Source::default();
        assert_eq!(source.id(), MASTER_ID);
        source.suggested(1);
        assert_eq!(source.id(), 1);
        source.suggested(0);
        assert_eq!(source.id(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_does_not_answer_is_left_alone_for_a_while_if_there_is_another() {
        let mut source = Source::default();
        assert!(source.failed(0, &[0, 1, 2]));
        assert_eq!(source.id(), 1);
        source.suggested(0);
        assert_eq!(source.id(), 1, "whatever a slave suggests");
        tokio::time::advance(AWAY).await;
        source.suggested(0);
        assert_eq!(source.id(), 0);
        assert!(source.failed(2, &[0, 1, 2]));
        assert_eq!(source.id(), 0);
        assert!(!source.failed(0, &[0]), "nobody else is there");
        source.suggested(0);
        assert_eq!(source, Source::default());
        source.suggested(2);
        assert!(source.failed(0, &[1]), "it has gone, and a slave is left");
        assert_eq!(source, Source::default(), "it is asked as soon as it comes back");
        source.suggested(1);
        source.refused();
        assert_eq!(source.id(), MASTER_ID);
    }
}

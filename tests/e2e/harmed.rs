//! A broker whose disk a test harms, and what it promised: sends until it refuses, until it accepts again, and a start on
//! a disk that works, after which everything must be there.

use crate::{
    cluster::scratch,
    ledger::{Ledger, Queue},
    lone::{Lone, SMALL_AND_BUSY, SMALL_INDEX},
    process::{Background, PATIENCE},
    wire::{Wire, new_topic},
};
use protocol::{Command, code::response};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What an unhealthy disk may cost once it is healthy again.
const RECOVERS_WITHIN: Duration = Duration::from_secs(10);

/// A broker and what it promised.
pub struct Harmed {
    pub lone: Lone,
    pub ledger: Ledger,
    pub queue: Queue,
    /// When these exist, calls fail, and fail no more.
    from: PathBuf,
    until: PathBuf,
    _dir: TempDir,
}

impl Harmed {
    pub fn new(more: &str) -> Self {
        let dir = scratch();
        let lone = Lone::new(dir.path(), &format!("{SMALL_AND_BUSY}syncFlushTimeout=600000\n{more}"));
        let (from, until) = (dir.path().join("from"), dir.path().join("until"));
        Self { lone, ledger: Ledger::default(), queue: ("T".into(), 1), from, until, _dir: dir }
    }

    /// Starts it; calls fail by `rule` once [`Case::fail`] is called, until [`Case::heal`] is.
    #[track_caller]
    pub fn start(&self, rule: &str) -> Background {
        let path = |path: &PathBuf| path.to_str().expect("it is UTF-8").to_owned();
        let (from, until) = (path(&self.from), path(&self.until));
        let broker =
            self.lone.start(&[("RMQ_TEST_FAIL", rule), ("RMQ_TEST_FAIL_FROM", &from), ("RMQ_TEST_FAIL_UNTIL", &until)]);
        assert_eq!(self.lone.connect().call(new_topic("T")).code, response::SUCCESS);
        self.ledger.topic_made("T");
        broker
    }

    pub fn fail(&self) {
        fs::write(&self.from, "").expect("the directory is writable");
    }

    pub fn heal(&self) {
        fs::write(&self.until, "").expect("the directory is writable");
    }

    /// Sends until a send is refused; returns that answer.
    #[track_caller]
    pub fn send_until_refused(&self, wire: &mut Wire) -> Command {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answers = self.ledger.send(wire, &self.queue, 8);
            let mut after = answers.into_iter().skip_while(|answer| answer.code == response::SUCCESS);
            if let Some(refused) = after.next() {
                return refused;
            }
            assert!(Instant::now() < deadline, "nothing was refused");
        }
    }

    /// Sends until a send is acknowledged.
    #[track_caller]
    pub fn accepts_again(&self, broker: &Background, wire: &mut Wire) {
        let begin = Instant::now();
        broker.until("accepts again", || {
            self.ledger.send(wire, &self.queue, 1).iter().all(|answer| answer.code == response::SUCCESS)
        });
        assert!(begin.elapsed() < RECOVERS_WITHIN, "it took {:?}", begin.elapsed());
    }

    /// Started on a disk that works, it has all that it acknowledged, and goes on.
    #[track_caller]
    pub fn has_all_after_a_restart(&self) {
        self.ledger.crashed();
        self.ledger.forget_what_was_found();
        let mut broker = self.lone.start(&[]);
        let mut wire = self.lone.connect();
        assert!(self.ledger.find_all(&mut wire), "{}", broker.log());
        for answer in self.ledger.send(&mut wire, &self.queue, 8) {
            assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
        }
        assert!(broker.terminate().success(), "{}", broker.log());
        self.ledger.check_files(&self.lone.store, SMALL_INDEX);
    }
}

/// An answer that refuses, and says why.
#[track_caller]
pub fn refuses(answer: &Command, words: &[&str]) {
    let remark = answer.remark.as_deref().unwrap_or_default();
    assert_eq!(answer.code, response::SERVICE_NOT_AVAILABLE, "{remark}");
    for word in words {
        assert!(remark.contains(word), "the remark lacks {word:?}: {remark}");
    }
}

/// Nothing in its log tells of a panic.
#[track_caller]
pub fn did_not_panic(broker: &Background) {
    assert!(!broker.log().contains("panicked"), "{}", broker.log());
}

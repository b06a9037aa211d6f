//! One crash: an image is built, opened and checked, again and again.

use crate::{
    check::{Checked, Summary, check, seen, summary},
    driver::{Draft, Driver, START_MS, append, config},
    history::History,
    kept::Failure,
};
use base::Clock;
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    panic::catch_unwind,
    path::{Path, PathBuf},
};
use store::{MessageStore, Offline, VerifyRules};
use witness::{image::Image, image::Images, plan::Plan, recorder::Recording};

/// How deep crashes during the recovery from a crash go.
const DEEPEST: usize = 3;

/// What is looked at besides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Also {
    /// What consumers saw.
    pub seen: bool,
}

/// Where the store lies in the recorded folder.
pub const STORE: &str = "data/store";

fn said<T>(result: Result<T, store::StoreError>, what: &str) -> Checked<T> {
    result.map_err(|error| format!("{what}: {error}"))
}

fn open(dir: &Path) -> Checked<std::sync::Arc<MessageStore>> {
    said(MessageStore::open(config(dir), Clock::manual(START_MS + 3_600_000)), "cannot be opened")
}

/// What `rmq store verify` finds in a store that no process has open.
fn verify(dir: &Path) -> Checked<()> {
    let verdict = Offline::open(config(dir)).and_then(|offline| offline.verify(VerifyRules::default(), |_| ()));
    let verdict = said(verdict, "cannot be verified")?;
    if verdict.is_good() {
        Ok(())
    } else {
        Err(format!("is not as `rmq store verify` wants it: {:#?}", verdict.findings))
    }
}

/// Opens what lies in `dir` and checks it; then again, with new messages, and after a clean stop.
pub fn examine(root: &Path, history: &History, position: usize, also: Also, seed: u64) -> Checked<()> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let dir = &root.join(STORE);
    let store = open(dir)?;
    let first = check(&store, dir, history, position)?;
    if also.seen {
        seen(&store, history, position)?;
    }
    drop(store);
    verify(dir)?;
    let store = open(dir)?;
    let second = summary(&store);
    // The log does not tell that a topic was deleted: its older messages may come back until there are newer ones.
    let settled = |summary: &Summary| summary.without(|topic| history.deletions_at(topic, position) > 0);
    if settled(&first) != settled(&second) {
        return Err(format!("the second start ends in another state: {first:?}, then {second:?}"));
    }
    let history = Mutex::new(history.go_on_from(first.from, first.to, position));
    let number = 1_000_000 + rng.random_range(0..1000);
    append(&store, &history, (0..3).map(|n| Draft::new(rng, number + n, 300)).collect());
    let close = rng.random_bool(0.25);
    if close {
        said(store.close(), "cannot be closed")?;
    }
    let again = |error| format!("after three more messages and {} stop: {error}", if close { "a clean" } else { "no" });
    let history = history.into_inner();
    if !close {
        check_written(&store, dir, &history).map_err(|error| format!("after three more messages: {error}"))?;
    }
    drop(store);
    if close || rng.random_bool(0.25) {
        let store = open(dir).map_err(again)?;
        check(&store, dir, &history, 0).map_err(again)?;
    }
    Ok(())
}

/// As [`check`], for a store that did not flush since.
fn check_written(store: &MessageStore, dir: &Path, history: &History) -> Checked<()> {
    let end = history.messages.last().map_or(0, |message| message.end());
    store.request_flush();
    crate::driver::wait(store.flushed().reached(end));
    check(store, dir, history, 0).map(drop)
}

/// A recording with what is known about it, and folders to build images in: one a depth.
pub struct Crashes<'a> {
    recording: &'a Recording,
    images: Images<'a>,
    history: &'a History,
    before_syncs: Vec<usize>,
    folders: &'a [PathBuf],
    depth: usize,
    also: Also,
}

impl<'a> Crashes<'a> {
    pub fn new(recording: &'a Recording, history: &'a History, folders: &'a [PathBuf], also: Also) -> Self {
        let (images, before_syncs) = (Images::of(recording), recording.before_syncs());
        Self { recording, images, history, before_syncs, folders, depth: 0, also }
    }

    fn position(&self, rng: &mut StdRng) -> usize {
        if !self.before_syncs.is_empty() && rng.random_bool(0.5) {
            let sync = self.before_syncs[rng.random_range(0..self.before_syncs.len())];
            return (sync + rng.random_range(0..2)).min(self.recording.len());
        }
        rng.random_range(0..=self.recording.len())
    }

    /// Builds and examines the image that `seed` draws, now and then with crashes during its own recovery. Returns how
    /// many images that were.
    pub fn one(&mut self, seed: u64) -> Result<usize, Box<Failure>> {
        let mut rng = StdRng::seed_from_u64(seed);
        let position = self.position(&mut rng);
        let plan = Plan::draw(rng.random());
        let image = self.images.image(position, &plan);
        let seed = rng.random();
        let told =
            |error| format!("the power goes after event {position} of {} ({plan}): {error}", self.recording.len());
        let story = |error| format!("{}\n{}", self.recording.story(position, 30), told(error));
        let root = &self.folders[self.depth];
        let mut count = 1;
        if self.depth < DEEPEST && rng.random_bool(0.12) {
            image.write_to(root).map_err(|error| self.failure(&image, position, seed, error.to_string()))?;
            match self.nested(position, &mut rng) {
                Ok(Ok(nested)) => count += nested,
                Ok(Err(inner)) => return Err(Box::new(Failure { error: story(inner.error), ..*inner })),
                Err(error) => return Err(self.failure(&image, position, seed, story(error))),
            }
        }
        image.write_to(root).map_err(|error| self.failure(&image, position, seed, error.to_string()))?;
        let examined = catch_unwind(|| examine(root, self.history, position, self.also, seed));
        match examined.unwrap_or_else(|_| Err("a panic, printed above".to_owned())) {
            Ok(()) => Ok(count),
            Err(error) => Err(self.failure(&image, position, seed, story(error))),
        }
    }

    fn failure(&self, image: &Image, position: usize, seed: u64, error: String) -> Box<Failure> {
        Box::new(Failure { image: image.clone(), history: self.history.clone(), position, seed, error })
    }

    /// Opens the image on a recorded disk, goes on a little, and crashes in there.
    fn nested(&self, position: usize, rng: &mut StdRng) -> Checked<Result<usize, Box<Failure>>> {
        let root = &self.folders[self.depth];
        let clock = Clock::manual(START_MS + 3_600_000 * (self.depth as i64 + 1));
        let driver = Driver::open(root, &root.join(STORE), clock, History::default(), rng.random());
        let mut driver = said(driver, "cannot be opened")?;
        let state = summary(driver.store());
        *driver.history.lock() = self.history.go_on_from(state.from, state.to, position);
        for _ in 0..rng.random_range(0..4) {
            said(driver.step(), "cannot go on after a crash")?;
        }
        let (recorder, history) = said(driver.end(rng.random_bool(0.3)), "cannot be closed after a crash")?;
        let recording = recorder.recording();
        let mut crashes = Crashes::new(&recording, &history, self.folders, self.also);
        crashes.depth = self.depth + 1;
        let mut count = 0;
        for _ in 0..2 {
            match crashes.one(rng.random()) {
                Ok(images) => count += images,
                Err(mut inner) => {
                    inner.error.insert_str(0, "then, during its recovery or later:\n");
                    return Ok(Err(inner));
                }
            }
        }
        Ok(Ok(count))
    }
}

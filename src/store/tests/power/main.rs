//! Power cuts: stores are used on a recorded disk, what a cut at any moment could leave is rebuilt, opened and checked.
//!
//! `RMQ_TEST_IMAGES=200000` runs that many images, on all cores; `RMQ_TEST_SEED` repeats a run, and together with
//! `RMQ_TEST_IMAGE` one image of it, as far as the store's threads take the same turns. An image that failed is kept with
//! all that is known about it, and `RMQ_TEST_KEPT` examines exactly that again.
#![allow(clippy::unwrap_used)]

mod check;
mod crash;
mod driver;
mod history;
mod kept;

use crash::{Also, Crashes, STORE};
use driver::{Driver, START_MS};
use history::History;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    panic::{catch_unwind, resume_unwind},
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};
use witness::{loops::given, recorder::Recording};

/// Images from one recording.
const PER_RECORDING: usize = 100;

/// A store is used for a while.
fn record(seed: u64) -> (Recording, History) {
    let mut rng = StdRng::seed_from_u64(seed);
    let root = witness::scratch::folder();
    let dir = root.path().join(STORE);
    let clock = base::Clock::manual(START_MS);
    let mut driver = Driver::open(root.path(), &dir, clock, History::default(), rng.random()).unwrap();
    for _ in 0..rng.random_range(10..80) {
        driver.step().unwrap();
    }
    let (recorder, history) = driver.end(rng.random_bool(0.5)).unwrap();
    (recorder.recording(), history)
}

/// One recording and its images; `only` one of them, if given. Returns how many were looked at.
fn recording(test: &str, seed: u64, which: usize, only: Option<usize>, also: Also) -> usize {
    let (recording, history) = record(seed.wrapping_add(which as u64));
    let roots: Vec<_> = (0..4).map(|_| witness::scratch::folder()).collect();
    let folders: Vec<_> = roots.iter().map(|root| root.path().to_owned()).collect();
    let mut crashes = Crashes::new(&recording, &history, &folders, also);
    let mut rng = StdRng::seed_from_u64(seed ^ which as u64);
    let seeds: Vec<u64> = (0..PER_RECORDING).map(|_| rng.random()).collect();
    let mut count = 0;
    for (number, image_seed) in seeds.into_iter().enumerate() {
        let number = which * PER_RECORDING + number;
        if only.is_some_and(|only| only != number) {
            continue;
        }
        match crashes.one(image_seed) {
            Ok(images) => count += images,
            Err(failure) => {
                let kept = std::env::temp_dir().join(format!("rmq-image-{seed}-{number}"));
                failure.keep(&kept);
                panic!(
                    "{}\nThe image is kept; examine it again with\n  RMQ_TEST_KEPT={} cargo test -p rmq-store --test power \
                     {test}\nor repeat the run with\n  RMQ_TEST_SEED={seed} RMQ_TEST_IMAGE={number} cargo test -p \
                     rmq-store --test power {test}\n(the store's threads may take turns in another order)",
                    failure.error,
                    kept.display(),
                );
            }
        }
    }
    count
}

/// Runs as many images as asked for.
fn run(test: &'static str, by_default: usize, also: Also) {
    if let Some(dir) = std::env::var_os("RMQ_TEST_KEPT") {
        return kept::examine_again(dir.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    }
    let seed = given("RMQ_TEST_SEED").unwrap_or_else(rand::random);
    println!("RMQ_TEST_SEED={seed}");
    if let Some(image) = given("RMQ_TEST_IMAGE").map(|image| image as usize) {
        recording(test, seed, image / PER_RECORDING, Some(image), also);
        return;
    }
    let long = given("RMQ_TEST_IMAGES").map(|images| images as usize);
    let wanted = long.unwrap_or(by_default);
    let threads = long.map_or(1, |_| std::thread::available_parallelism().map_or(1, usize::from));
    let (next, count, began) = (AtomicUsize::new(0), AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while count.load(Ordering::Relaxed) < wanted {
                    let which = next.fetch_add(1, Ordering::Relaxed);
                    let images = catch_unwind(|| recording(test, seed, which, None, also));
                    // The others need not go on.
                    count.fetch_add(images.as_ref().copied().unwrap_or(usize::MAX / 2), Ordering::Relaxed);
                    images.unwrap_or_else(|panic| resume_unwind(panic));
                }
            });
        }
    });
    let (count, took) = (count.into_inner(), began.elapsed().as_secs_f64());
    println!("{count} images in {took:.1} s, {:.0} a second", count as f64 / took);
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_and_nothing_else_appears() {
    run("acknowledged", 2000, Also { seen: true });
}

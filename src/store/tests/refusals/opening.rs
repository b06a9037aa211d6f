//! The open of a store, with each of its calls refused in turn: an error, and the next open finds everything.

use crate::{history::History, ride::bounded};
use base::Clock;
use std::{fs, path::Path, sync::Arc};
use store::{MessageStore, StoreConfig};
use witness::{Fault, Faults, Reason, loops, scratch};

/// What the open finds.
#[derive(Clone, Copy, Debug)]
enum Left {
    Nothing,
    CleanStop,
    Crash,
    /// Someone removed the folder of the queues, or of the index, to have it built anew.
    Without(&'static str),
    /// The last log file has a torn record.
    Torn,
    /// A topic was deleted before a crash.
    Deleted,
}

fn open(dir: &Path, faults: &Arc<Faults>) -> Result<Arc<MessageStore>, store::StoreError> {
    let config = StoreConfig { disk: faults.disk(), ..StoreConfig::small(dir) };
    MessageStore::open(config, Clock::System)
}

fn leave(left: Left, dir: &Path, history: &mut History) {
    if matches!(left, Left::Nothing) {
        return;
    }
    let store = open(dir, &Faults::none()).unwrap();
    for n in 0..12 {
        history.send(&store, &[("A", n % 3, 2000), ("B", 0, 100), ("V", 0, 10)]).unwrap();
    }
    if matches!(left, Left::Deleted) {
        history.delete_topic("V");
        store.delete_topic("V").unwrap();
    }
    if !matches!(left, Left::Crash | Left::Torn | Left::Deleted) {
        store.close().unwrap();
    }
    let end = store.max_physical();
    drop(store);
    match left {
        Left::Without(folder) => fs::remove_dir_all(dir.join(folder)).unwrap(),
        Left::Torn => {
            let start = end - end % (16 << 10);
            let path = dir.join(format!("commitlog/{start:020}"));
            let mut bytes = fs::read(&path).unwrap();
            let (at, head) = ((end - start) as usize, bytes[..60].to_vec());
            bytes[at..at + 60].copy_from_slice(&head);
            fs::write(path, bytes).unwrap();
        }
        _ => {}
    }
}

/// Returns whether the fault was met.
fn run(left: Left, fault: &Fault) -> bool {
    let dir = scratch::folder();
    let mut history = History::default();
    leave(left, dir.path(), &mut history);
    history.opened_again = true;
    let faults = Faults::planted(fault.clone());
    match open(dir.path(), &faults) {
        // What is only a matter of speed may be refused without harm.
        Ok(store) => history.check_served(&store, || faults.fired().is_none()),
        Err(error) => {
            assert!(faults.fired().is_some(), "{error}");
            assert!(error.to_string().contains("os error"), "without the system's reason: {error}");
        }
    }
    faults.heal();
    for round in 0..3 {
        let store = open(dir.path(), &faults).unwrap();
        history.check_opened(&store);
        match round {
            0 => _ = history.send(&store, &[("A", 0, 10), ("V", 0, 10), ("C", 0, 10)]).unwrap(),
            _ => store.close().unwrap(),
        }
    }
    faults.fired().is_some()
}

#[test]
fn an_open_that_is_refused_harms_nothing() {
    let seed = loops::seed("open");
    let mut runs = 0;
    let found = [
        Left::Nothing,
        Left::CleanStop,
        Left::Crash,
        Left::Without("consumequeue"),
        Left::Without("index"),
        Left::Torn,
        Left::Deleted,
    ];
    for (which, left) in found.into_iter().enumerate() {
        for (other, reason) in Reason::ALL.into_iter().enumerate() {
            for sticky in [false, true] {
                let (phase, stride) = loops::steps(seed ^ (which * 16 + other * 2 + usize::from(sticky)) as u64, 16);
                for k in (phase + 1..).step_by(stride as usize) {
                    let percent = [0, 50, 100][(loops::mixed(seed, k) % 3) as usize];
                    let fault = Fault::at(k, reason).sticky(sticky).having_written(percent);
                    let what = format!("open after {left:?}, seed {seed}: {fault:?}");
                    runs += 1;
                    if !bounded(&what, move || run(left, &fault)) {
                        break;
                    }
                }
            }
        }
    }
    println!("open: {runs} runs");
}

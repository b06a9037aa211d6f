//! Small durable files on a disk that says no: each call of a write and of a read is refused in turn, for each reason,
//! once and from then on. The file is then old or new, and the next write works.
#![allow(clippy::unwrap_used)]

use base::durable::DurableFile;
use std::{
    io::{Error, ErrorKind},
    path::Path,
};
use witness::{Fault, Faults, Reason, scratch};

/// What the n-th write writes: long enough to be torn, and no beginning of another.
fn content(n: usize) -> Vec<u8> {
    format!("<{n}{}>", n.to_string().repeat(300)).into_bytes()
}

/// The number of the content; a torn one is an error, as a torn table would be.
fn number(content: &[u8]) -> std::io::Result<usize> {
    let found = (0..9).find(|n| self::content(*n) == content);
    found.ok_or_else(|| Error::new(ErrorKind::InvalidData, "torn"))
}

fn read(path: &Path) -> Option<usize> {
    DurableFile::from(path.to_owned()).read(number).unwrap()
}

/// Every fault of the loop: all reasons, once and sticky, with nothing, half and all of a write written.
fn faults(k: u64) -> impl Iterator<Item = Fault> {
    let kinds = Reason::ALL.into_iter().flat_map(|reason| [(reason, false), (reason, true)]);
    kinds.flat_map(move |(reason, sticky)| {
        [0, 50, 100].map(|percent| Fault::at(k, reason).sticky(sticky).having_written(percent))
    })
}

/// Runs `step` with each call refused in turn until it ends without one refused; returns how many faults that were.
fn each_call(step: impl Fn(Fault) -> bool) -> usize {
    let mut count = 0;
    for k in 1.. {
        let fired = faults(k).filter(|fault| step(fault.clone())).count();
        count += fired;
        if fired == 0 {
            break;
        }
    }
    count
}

#[test]
fn a_refused_write_leaves_the_old_or_the_new_content_and_the_next_one_works() {
    let mut count = 0;
    for before in 0..4 {
        count += each_call(|fault| {
            let dir = scratch::folder();
            let path = dir.path().join("config").join("table.json");
            let plain = DurableFile::from(path.clone());
            (1..=before).for_each(|n| plain.write(&content(n)).unwrap());
            let (old, new) = ((before > 0).then_some(before), before + 1);
            let faults = Faults::planted(fault.clone());
            let written = DurableFile::on(&faults.disk(), path.clone()).write(&content(new));
            let Some(fired) = faults.fired() else {
                written.unwrap();
                assert_eq!(read(&path), Some(new));
                return false;
            };
            let told = format!("{before} written before, {fault:?}, {fired:?}, {written:?}");
            match written {
                Ok(()) => assert_eq!(read(&path), Some(new), "{told}"),
                Err(error) => {
                    assert!(error.to_string().contains("cannot"), "{told}");
                    assert!(read(&path) == old || read(&path) == Some(new), "{told}: reads {:?}", read(&path));
                }
            }
            faults.heal();
            let file = DurableFile::on(&faults.disk(), path.clone());
            file.write(&content(new)).unwrap();
            file.write(&content(new + 1)).unwrap();
            assert_eq!(read(&path), Some(new + 1), "{told}");
            std::fs::remove_file(&path).unwrap();
            assert_eq!(read(&path), Some(new), "{told}: the .bak");
            true
        });
    }
    println!("{count} refused writes");
    assert!(count > 500);
}

#[test]
fn a_refused_read_is_an_error_or_the_content_and_changes_nothing() {
    let count = each_call(|fault| {
        let dir = scratch::folder();
        let path = dir.path().join("table.json");
        let plain = DurableFile::from(path.clone());
        (1..=3).for_each(|n| plain.write(&content(n)).unwrap());
        let faults = Faults::planted(fault.clone());
        let got = DurableFile::on(&faults.disk(), path.clone()).read(number);
        let told = format!("{fault:?}, {got:?}");
        // A sector that cannot be read is a damaged file, for which the .bak stands in; nothing else says so.
        let unreadable = format!("{fault:?}").contains("Broken");
        match got {
            Ok(Some(3)) => {}
            Ok(Some(2)) if unreadable => assert!(dir.path().join("table.json.damaged").exists(), "{told}"),
            Ok(other) => panic!("{told}: {other:?}"),
            Err(_) => assert_eq!(read(&path), Some(3), "{told}"),
        }
        faults.fired().is_some()
    });
    println!("{count} refused reads");
    assert!(count > 5);
}

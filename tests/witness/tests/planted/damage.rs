//! The reader reads anything: a store whose files are cut, flipped, zeroed, mixed or missing is read and checked without a
//! panic, and every flipped bit of a body is seen.
//!
//! `RMQ_SEED` repeats a run.

use crate::stage::Stage;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    fs,
    path::{Path, PathBuf},
};
use witness::Kind;

fn seed() -> u64 {
    let seed = std::env::var("RMQ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("RMQ_SEED={seed}");
    seed
}

fn all_files(dir: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { all_files(&path, into) } else { into.push(path) }
    }
}

/// Something that happens to files, and its name.
fn damage(random: &mut StdRng, files: &[PathBuf]) -> String {
    let path = &files[random.random_range(0..files.len())];
    let mut bytes = fs::read(path).unwrap_or_default();
    let at = random.random_range(0..=bytes.len());
    let len = random.random_range(0..=(bytes.len() - at).min(100));
    let act = random.random_range(0..7);
    match act {
        0 => bytes.truncate(at),
        1 => bytes[at..at + len].fill(0),
        2 => bytes[at..at + len].fill(0xFF),
        3 => random.fill(&mut bytes[at..at + len]),
        4 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        5 => drop(bytes.drain(at..at + len)),
        _ => bytes = fs::read(&files[random.random_range(0..files.len())]).unwrap_or_default(),
    }
    if random.random_range(0..20) == 0 {
        let other =
            path.with_file_name(["9".repeat(20), "0".repeat(20), "x".into()][random.random_range(0..3)].clone());
        _ = fs::rename(path, &other);
        return format!("{} is now {}", path.display(), other.display());
    }
    fs::write(path, bytes).unwrap();
    format!("{act} at {at}, {len} bytes, in {}", path.display())
}

#[test]
fn no_damage_makes_the_reader_or_the_check_panic() {
    let mut random = StdRng::seed_from_u64(seed());
    let mut stage = Stage::new();
    for round in 0..400 {
        if round % 8 == 0 {
            stage = Stage::new();
        }
        let mut files = Vec::new();
        all_files(stage.dir.path(), &mut files);
        println!("{}", damage(&mut random, &files));
        stage.check();
    }
}

#[test]
fn every_flipped_bit_of_a_body_and_every_lost_tail_is_seen() {
    let stage = Stage::new();
    let last = stage.record("199");
    let path = stage.read().log.files.pop().unwrap().path;
    let bytes = fs::read(&path).unwrap();
    let starts = bytes.windows(last.body.len()).position(|window| window == last.body).unwrap();
    for at in starts..starts + last.body.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            fs::write(&path, flipped).unwrap();
            let found = stage.check();
            assert!(found.iter().any(|violation| violation.kind == Kind::DamagedRecord), "bit {bit} of byte {at}");
        }
    }
    let end = starts + last.size as usize;
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap().min(end) + 1;
    for cut in end - last.size as usize..end {
        let mut short = bytes.clone();
        short[cut..].fill(0);
        fs::write(&path, short).unwrap();
        assert!(!stage.check().is_empty(), "zeros from {cut} on, and the last record ends at {end}");
    }
}

//! Power cuts while a small file is written again and again: the old content or the new, never neither.
//!
//! `RMQ_TEST_IMAGES` runs more images than the default, `RMQ_TEST_SEED` repeats a run.
#![allow(clippy::unwrap_used)]

use base::{Disk, durable::DurableFile};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{io, path::Path};
use witness::{
    image::Images,
    plan::Plan,
    recorder::{Recorder, Recording},
    scratch,
};

const FILE: &str = "store/config/table.json";
/// How deep crashes while reading after a crash go.
const DEEPEST: usize = 3;

/// Contents tell of themselves whether they are whole: a number, a length, and that many times the number's last digit.
fn content(number: usize, len: usize) -> Vec<u8> {
    let digit = (b'0' + (number % 10) as u8) as char;
    format!("{number} {len} {}", digit.to_string().repeat(len)).into_bytes()
}

fn accept(bytes: &[u8]) -> io::Result<usize> {
    let whole = || {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut words = text.splitn(3, ' ');
        let (number, len) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        (content(number, len) == bytes).then_some(number)
    };
    whole().ok_or_else(|| io::Error::other("not whole"))
}

/// From which position of the recording on a content is surely there, and from which on it was tried.
#[derive(Clone, Default)]
struct History {
    acknowledged: Vec<(usize, usize)>,
    tried: Vec<(usize, usize)>,
}

impl History {
    fn last(of: &[(usize, usize)], position: usize) -> Option<usize> {
        of.iter().filter(|(from, _)| *from <= position).map(|(_, number)| *number).max()
    }
}

fn write_often(
    recorder: &Recorder,
    file: &DurableFile,
    history: &mut History,
    from: usize,
    to: usize,
    rng: &mut StdRng,
) {
    for number in from..to {
        // A sector or less, some sectors, more than a page; longer and shorter than before.
        let longest = [40, 3000, 20_000][rng.random_range(0..3)];
        let len = rng.random_range(0..longest);
        history.tried.push((recorder.position(), number));
        file.write(&content(number, len)).unwrap();
        history.acknowledged.push((recorder.position(), number));
    }
}

/// What is read, or what is wrong with it.
fn check(disk: &Disk, root: &Path, history: &History, position: usize) -> Result<Option<usize>, String> {
    let path = root.join(FILE);
    let least = History::last(&history.acknowledged, position);
    let most = History::last(&history.tried, position);
    // Apache reads the `.bak` as well, when the file is of no use.
    let is_whole = |path: &Path| std::fs::read(path).is_ok_and(|bytes| accept(&bytes).is_ok());
    if least.is_some() && !is_whole(&path) && !is_whole(&path.with_extension("json.bak")) {
        return Err(format!("neither the file nor its .bak is whole; {least:?} was acknowledged"));
    }
    match DurableFile::on(disk, path).read(accept) {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(found) if found < least || found > most => {
            Err(format!("holds {found:?}, but {least:?} was acknowledged and {most:?} the last that was tried"))
        }
        Ok(found) => Ok(found),
    }
}

/// One image, and those of crashes while it is read and written on. Returns how many.
fn one(
    recording: &Recording,
    images: &mut Images<'_>,
    history: &History,
    depth: usize,
    rng: &mut StdRng,
) -> Result<usize, String> {
    let position = rng.random_range(0..=recording.len());
    let plan = Plan::draw(rng.random());
    let image = images.image(position, &plan);
    let told = |error: String| {
        format!("{}\nthe power goes after event {position} ({plan}): {error}", recording.story(position, 30))
    };
    let root = scratch::folder();
    image.write_to(root.path()).unwrap();
    let recorder = Recorder::over(root.path()).unwrap();
    let found = check(&recorder.disk(), root.path(), history, position).map_err(told)?;
    // What was read once stays.
    let mut now = History::default();
    now.acknowledged.extend(found.map(|number| (0, number)));
    now.tried.extend(found.map(|number| (0, number)));
    let file = DurableFile::on(&recorder.disk(), root.path().join(FILE));
    let next = found.map_or(0, |number| number + 1);
    write_often(&recorder, &file, &mut now, next, next + 2, rng);
    let again = check(&Disk::default(), root.path(), &now, usize::MAX);
    again.map_err(|error| told(format!("after two more writes: {error}")))?;
    let mut count = 1;
    if depth < DEEPEST && rng.random_bool(0.2) {
        let recording = recorder.recording();
        let mut images = Images::of(&recording);
        for _ in 0..3 {
            count += one(&recording, &mut images, &now, depth + 1, rng).map_err(told)?;
        }
    }
    Ok(count)
}

#[test]
fn a_small_file_holds_what_was_acknowledged_or_tried_after_it_whatever_a_power_cut_leaves() {
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seed = number("RMQ_TEST_SEED").unwrap_or_else(rand::random);
    let wanted = number("RMQ_TEST_IMAGES").unwrap_or(2000) as usize;
    println!("RMQ_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut count = 0;
    while count < wanted {
        let root = scratch::folder();
        let recorder = Recorder::over(root.path()).unwrap();
        let file = DurableFile::on(&recorder.disk(), root.path().join(FILE));
        let mut history = History::default();
        write_often(&recorder, &file, &mut history, 0, 20, &mut rng);
        let recording = recorder.recording();
        let mut images = Images::of(&recording);
        for _ in 0..100 {
            match one(&recording, &mut images, &history, 0, &mut rng) {
                Ok(images) => count += images,
                Err(error) => panic!("{error}\nrepeat it with RMQ_TEST_SEED={seed}"),
            }
        }
    }
    println!("{count} images");
}

//! The files of `rmq top --record` and `--replay`, and the recording that comes along.

use super::{Output, all_answered, show};
use crate::failure::{Failure, Kind};
use std::{fs, fs::File, io, path::Path, sync::Arc, time::Duration};
use tui::{Look, Recorder, Recording, live::Recorded};

/// A file to record to. One that is there is kept, unless it may be written over.
pub fn begin(file: &Path, force: bool, names: &str, every: Duration) -> Result<Recorder, Failure> {
    let shown = file.display();
    let mut how = File::options();
    how.write(true);
    let how = if force { how.create(true).truncate(true) } else { how.create_new(true) };
    let begun = how.open(file).and_then(|to| Recorder::begin(to, names, every));
    begun.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(Kind::Usage, format!("{shown} exists already")).hint("--force writes over it")
        }
        _ => Failure::new(Kind::Failed, format!("cannot record to {shown}: {error}")),
    })
}

/// What is in a file.
pub fn read(file: &Path) -> Result<Recording, Failure> {
    let shown = file.display();
    let bytes = fs::read(file).map_err(|error| Failure::new(Kind::Failed, format!("cannot read {shown}: {error}")))?;
    Recording::read(&bytes).map_err(|error| Failure::new(Kind::Failed, format!("cannot replay {shown}: {error}")))
}

/// The recording that comes along.
pub fn demo() -> Result<Recording, Failure> {
    tui::demo().map_err(|error| Failure::new(Kind::Failed, format!("cannot show the demo: {error}")))
}

/// Prints the last pictures; fails in the end if the last of them lacks brokers.
pub fn print(recording: Arc<Recording>, look: Look, count: u64, output: Output) -> Result<(), Failure> {
    if let Some(line) = recording.broken_off() {
        eprintln!("the recording breaks off after line {line}");
    }
    let mut pictures = Recorded::last(recording, look, usize::try_from(count).unwrap_or(usize::MAX));
    let mut silent = None;
    while let Some(state) = pictures.advance() {
        show(state, output, silent.is_none())?;
        silent = Some(state.silent());
    }
    let silent = silent.ok_or_else(|| Failure::new(Kind::Failed, "there is no picture in the recording"))?;
    all_answered(&silent)
}

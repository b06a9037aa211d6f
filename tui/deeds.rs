//! What `rmq top` does beyond asking and drawing: hands a text to the clipboard, writes rows to a file, remembers, stops.

use crate::{
    remembered::Memory,
    state::{Effect, State},
    terminal::Taken,
};
use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// Most files of one name in a folder.
const MOST: u32 = 999;

/// Does it.
pub struct Deeds {
    memory: Option<Memory>,
}

impl Deeds {
    /// Takes over what is remembered.
    pub fn new(memory: Option<(Memory, Option<String>)>, state: &mut State) -> Self {
        let (memory, told) = memory.unzip();
        if let Some(memory) = &memory {
            state.remember(memory.kept());
        }
        if let Some(told) = told.flatten() {
            state.tell(told);
        }
        Self { memory }
    }

    /// Carries out what is done to the terminal or a file.
    ///
    /// # Errors
    /// If the terminal cannot be used any more.
    pub fn carry_out(&mut self, effect: Effect, state: &mut State, taken: &mut Taken) -> io::Result<()> {
        match effect {
            Effect::Suspend => Taken::suspend(),
            Effect::Copy(text) => taken.copy(&text),
            Effect::Save(name, text) => {
                let folder = std::env::current_dir();
                match folder.and_then(|folder| save(&folder, &name, &text)) {
                    Ok(path) => state.tell(state.look.lang.fill("written to {}", &[&path.display()])),
                    Err(error) => state.tell(
                        state.look.lang.fill("cannot write {}-N.txt in the current folder: {}", &[&name, &error]),
                    ),
                }
                Ok(())
            }
            Effect::Ask(_) | Effect::Restart | Effect::Quit => Ok(()),
        }
    }

    /// Remembers what was chosen.
    pub fn end<T>(&mut self, state: &State, ended: T) -> T {
        if let Some(memory) = &mut self.memory {
            // It is the end: nobody is there to be told, and nothing is lost but how things looked.
            let _ = memory.keep(&state.shown().remembered);
        }
        ended
    }
}

/// Writes a new file, `NAME-1.txt` or the next that is not there. Another's file is never written over.
fn save(folder: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    for number in 1..=MOST {
        let path = folder.join(format!("{name}-{number}.txt"));
        match File::create_new(&path) {
            Ok(mut file) => return file.write_all(text.as_bytes()).map(|()| path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("there are {MOST} already")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let one = save(folder.path(), "rmq-top-topics", "a\n").unwrap();
        let other = save(folder.path(), "rmq-top-topics", "b\n").unwrap();
        assert_eq!(
            (std::fs::read_to_string(one).unwrap().as_str(), other.ends_with("rmq-top-topics-2.txt")),
            ("a\n", true)
        );
        assert!(save(&folder.path().join("nowhere"), "x", "").is_err());
    }
}

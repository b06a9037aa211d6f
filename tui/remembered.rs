//! What `rmq top` remembers from one time to the next: for each screen its order and the columns that are hidden; the theme;
//! how often it asks. A small file; one that cannot be read is left as it is.

use crate::look::Theme;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

/// All of it. What is not set was never chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Remembered {
    /// The colours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
    /// How often it is asked, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
    /// By screen: the heading of the column it is sorted by, and whether the largest comes first.
    pub sorted: BTreeMap<String, (String, bool)>,
    /// By screen: the headings of the columns that are hidden.
    pub hidden: BTreeMap<String, BTreeSet<String>>,
}

impl Remembered {
    /// Hides a column, or shows it again.
    pub(crate) fn toggle(&mut self, screen: &str, column: &str) {
        let hidden = self.hidden.entry(screen.to_owned()).or_default();
        if !hidden.remove(column) {
            hidden.insert(column.to_owned());
        }
        if hidden.is_empty() {
            self.hidden.remove(screen);
        }
    }
}

/// Where it is kept.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    /// What is in the file; `None` if it could not be read and must not be written.
    kept: Option<Remembered>,
}

impl Memory {
    /// Reads it. With it, once: why it could not be read.
    pub fn of(path: PathBuf) -> (Self, Option<String>) {
        let accept = |content: &[u8]| serde_json::from_slice::<Remembered>(content).map_err(io::Error::from);
        match read(&path, accept) {
            Ok(kept) => (Self { path, kept: Some(kept.unwrap_or_default()) }, None),
            Err(error) => {
                let told = format!("nothing is remembered: {}: {error}", path.display());
                (Self { path, kept: None }, Some(told))
            }
        }
    }

    /// What was read.
    pub fn kept(&self) -> Remembered {
        self.kept.clone().unwrap_or_default()
    }

    /// Writes it, if it is another than what was read.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&mut self, now: &Remembered) -> io::Result<()> {
        if self.kept.as_ref().is_none_or(|kept| kept == now) {
            return Ok(());
        }
        let mut content = serde_json::to_vec_pretty(now)?;
        content.push(b'\n');
        base::durable::write(&self.path, &content)?;
        self.kept = Some(now.clone());
        Ok(())
    }
}

/// The file alone: what stands beside it is older, and what is remembered is not worth a second look.
fn read(path: &Path, accept: impl Fn(&[u8]) -> io::Result<Remembered>) -> io::Result<Option<Remembered>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        content => accept(&content?).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/top.json");
        let (mut memory, told) = Memory::of(path.clone());
        assert_eq!((memory.kept(), told), (Remembered::default(), None));
        memory.keep(&Remembered::default()).unwrap();
        assert!(!path.exists(), "nothing was chosen, so nothing is written");
        let mut now = Remembered { theme: Some(Theme::Sixteen), every_ms: Some(2000), ..Remembered::default() };
        now.toggle("topics", "KIND");
        now.sorted.insert("groups".to_owned(), ("LAG".to_owned(), true));
        memory.keep(&now).unwrap();
        assert_eq!(Memory::of(path).0.kept(), now);
        now.toggle("topics", "KIND");
        assert!(now.hidden.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_told_and_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("top.json");
        std::fs::write(&path, "{ half").unwrap();
        let (mut memory, told) = Memory::of(path.clone());
        assert!(told.is_some_and(|told| told.contains("top.json")));
        memory.keep(&Remembered { every_ms: Some(1), ..Remembered::default() }).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{ half");
    }
}

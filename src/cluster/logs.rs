//! What nodes wrote, as one text: the ends of their logs in the order of time, and then what comes.

use crate::{Error, Node};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
};

/// Most of a log that is read at once.
const READ_BYTES: u64 = 1 << 20;

/// A line of a node's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which of the nodes, counted as they were given.
    pub node: usize,
    /// What it wrote, without the end of the line.
    pub text: String,
}

/// The logs of some nodes.
pub struct Logs {
    logs: Vec<Log>,
}

struct Log {
    path: PathBuf,
    /// Up to where it is read.
    at: u64,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

impl Logs {
    /// The logs of `nodes` from their beginning.
    pub fn of(nodes: &[Node]) -> Self {
        let log = |node: &Node| Log { path: node.log_file(), at: 0, rest: Vec::new() };
        Self { logs: nodes.iter().map(log).collect() }
    }

    /// The logs of `nodes` from where they end now.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be read; one that is not there is empty.
    pub fn from_now(nodes: &[Node]) -> Result<Self, Error> {
        let mut logs = Self::of(nodes);
        for log in &mut logs.logs {
            log.at = log.len().map_err(|source| log.failed(source))?;
        }
        Ok(logs)
    }

    /// The last `lines` of each log, those of one moment together. Lines that come later are left to
    /// [`Logs::more`].
    ///
    /// # Errors
    /// As [`Logs::from_now`].
    pub fn last(&mut self, lines: usize) -> Result<Vec<Line>, Error> {
        for log in &mut self.logs {
            let len = log.len().map_err(|source| log.failed(source))?;
            log.at = len.saturating_sub(READ_BYTES);
        }
        let cut: Vec<bool> = self.logs.iter().map(|log| log.at > 0).collect();
        let mut last = Vec::new();
        for (node, (log, cut)) in self.logs.iter_mut().zip(cut).enumerate() {
            let mut all = log.read(node)?;
            // The first one begins in the midst of a line.
            let first = usize::from(cut && !all.is_empty()).max(all.len().saturating_sub(lines));
            last.push(all.split_off(first));
        }
        Ok(in_order_of_time(last))
    }

    /// The lines written since they were last asked for.
    ///
    /// # Errors
    /// As [`Logs::from_now`].
    pub fn more(&mut self) -> Result<Vec<Line>, Error> {
        let more: Result<Vec<_>, _> = self.logs.iter_mut().enumerate().map(|(node, log)| log.read(node)).collect();
        Ok(in_order_of_time(more?))
    }
}

impl Log {
    fn len(&self) -> io::Result<u64> {
        match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            metadata => Ok(metadata?.len()),
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Io { action: "read", path: self.path.clone(), source }
    }

    fn read(&mut self, node: usize) -> Result<Vec<Line>, Error> {
        let bytes = self.bytes().map_err(|source| self.failed(source))?;
        self.rest.extend(bytes);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let rest = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        let text = String::from_utf8_lossy(&whole);
        Ok(text.lines().map(|line| Line { node, text: line.to_owned() }).collect())
    }

    fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let len = self.len()?;
        if len < self.at {
            // It was emptied, or begun anew.
            (self.at, self.rest) = (0, Vec::new());
        }
        let mut bytes = Vec::new();
        if len > self.at {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.at))?;
            file.take(READ_BYTES).read_to_end(&mut bytes)?;
            self.at += bytes.len() as u64;
        }
        Ok(bytes)
    }
}

/// Lines begin with their time; one that does not belongs to the line before it.
fn in_order_of_time(logs: Vec<Vec<Line>>) -> Vec<Line> {
    let mut all = Vec::new();
    for lines in logs {
        let mut time = String::new();
        for line in lines {
            if line.text.starts_with(|c: char| c.is_ascii_digit()) {
                time = line.text.split(' ').next().unwrap_or_default().to_owned();
            }
            all.push((time.clone(), line));
        }
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;
    use std::{fs, io::Write};

    fn nodes(dir: &std::path::Path) -> Vec<Node> {
        let node = |name: &str| {
            fs::create_dir(dir.join(name)).unwrap();
            let listen = ([127, 0, 0, 1], 1).into();
            Node { name: name.into(), role: Role::NameServer, listen, dir: dir.join(name) }
        };
        ["a", "b"].map(node).to_vec()
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|line| format!("{}{}", line.node, line.text)).collect()
    }

    #[test]
    fn the_ends_of_logs_come_in_the_order_of_time_and_then_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = nodes(folder.path());
        fs::write(nodes[0].log_file(), "1 old\n3 a\n more\n5 a\n6 hal").unwrap();
        let mut logs = Logs::of(&nodes);
        assert_eq!(texts(logs.last(3).unwrap()), ["03 a", "0 more", "05 a"]);
        assert!(logs.more().unwrap().is_empty());
        fs::write(nodes[1].log_file(), "4 b\n").unwrap();
        File::options().append(true).open(nodes[0].log_file()).unwrap().write_all(b"f\n").unwrap();
        assert_eq!(texts(logs.more().unwrap()), ["14 b", "06 half"]);
        assert!(Logs::from_now(&nodes).unwrap().more().unwrap().is_empty());
        fs::write(nodes[0].log_file(), "7 new\n").unwrap();
        assert_eq!(texts(logs.more().unwrap()), ["07 new"]);
    }

    #[test]
    fn of_a_long_log_the_end_is_read_by_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = nodes(folder.path());
        let line = format!("{}\n", "x".repeat(99));
        fs::write(nodes[0].log_file(), line.repeat(20_000)).unwrap();
        let last = Logs::of(&nodes).last(usize::MAX).unwrap();
        assert!(last.len() > 10_000 && last.iter().all(|last| last.text.len() == 99), "{}", last.len());
    }
}

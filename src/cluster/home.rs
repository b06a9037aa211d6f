//! Where clusters live: a folder with one folder for each.

use crate::{Error, Node, NodeStatus, Status, process::Identity, state::State, template};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::Instant;

const MAX_NAME_LEN: usize = 64;
/// How long one command waits for another to finish.
const WAIT_FOR_OTHERS: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A folder of clusters.
#[derive(Clone, Debug)]
pub struct Home {
    dir: PathBuf,
}

/// A cluster by its name, whether it exists or not.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) home: Home,
}

/// The process of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The node.
    pub node: Node,
    /// The process it has, or had when it ended without being asked to; none if it was stopped.
    pub pid: Option<i32>,
    /// Whether it runs.
    pub runs: bool,
}

/// No other command changes clusters of this home while it is held.
pub(crate) struct Held {
    _lock: File,
}

impl Home {
    /// The clusters in `dir`, which need not exist yet.
    ///
    /// # Errors
    /// [`Error::Io`] if the working directory is gone and `dir` is relative to it.
    pub fn new(dir: &Path) -> Result<Self, Error> {
        let dir =
            std::path::absolute(dir).map_err(|source| Error::Io { action: "find", path: dir.to_owned(), source })?;
        Ok(Self { dir })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The cluster of that name.
    ///
    /// # Errors
    /// [`Error::Name`] if it cannot be one.
    pub fn cluster(&self, name: &str) -> Result<Cluster, Error> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > MAX_NAME_LEN || !name.chars().all(fits) {
            return Err(Error::Name { name: name.to_owned() });
        }
        Ok(Cluster { name: name.to_owned(), dir: self.dir.join(name), home: self.clone() })
    }

    /// The names of all clusters, sorted.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let failed = |source| Error::Io { action: "read", path: self.dir.clone(), source };
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if self.cluster(&name).is_ok_and(|cluster| State::exists(&cluster.dir)) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// How every cluster is; what cannot be read of one is an error of that one alone.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub async fn list(&self) -> Result<Vec<(String, Result<Status, Error>)>, Error> {
        let mut all = Vec::new();
        for name in self.names()? {
            let status = match self.cluster(&name) {
                Ok(cluster) => cluster.status().await,
                Err(error) => Err(error),
            };
            all.push((name, status));
        }
        Ok(all)
    }

    /// Waits until no other command is at work here.
    pub(crate) async fn hold(&self) -> Result<Held, Error> {
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { action, path, source }
        };
        fs::create_dir_all(&self.dir).map_err(failed("create", &self.dir))?;
        let path = self.dir.join(".lock");
        let lock = File::create(&path).map_err(failed("create", &path))?;
        let until = Instant::now() + WAIT_FOR_OTHERS;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Held { _lock: lock }),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if Instant::now() < until => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::Busy { home: self.dir.clone() }),
                Err(error) => return Err(failed("lock", &path)(error.into())),
            }
        }
    }
}

impl Cluster {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder that holds all of it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How it is.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is none, [`Error::Io`] if what is known of it cannot be read.
    pub async fn status(&self) -> Result<Status, Error> {
        let state = self.state()?;
        let nodes = NodeStatus::of_all(state.nodes(&self.dir), &state.name_server_addrs()).await?;
        Ok(Status { name: self.name.clone(), dir: self.dir.clone(), template: state.template, nodes })
    }

    /// The template it was made from, name and text; none if there is no such cluster.
    ///
    /// # Errors
    /// [`Error::Io`] if what is known of it cannot be read.
    pub fn template(&self) -> Result<Option<(String, String)>, Error> {
        let Some(state) = State::read(&self.dir)? else { return Ok(None) };
        Ok(State::read_template(&self.dir)?.map(|text| (state.template, text)))
    }

    /// Its nodes, in the order they start.
    ///
    /// # Errors
    /// As [`Cluster::status`].
    pub fn nodes(&self) -> Result<Vec<Node>, Error> {
        Ok(self.state()?.nodes(&self.dir))
    }

    /// Which of its nodes have a process. Asks no node anything.
    ///
    /// # Errors
    /// As [`Cluster::status`].
    pub fn processes(&self) -> Result<Vec<Process>, Error> {
        let process = |node: Node| {
            let process = Identity::read(&node.process_file())?;
            let runs = process.as_ref().is_some_and(Identity::is_alive);
            Ok(Process { node, pid: process.map(|process| process.pid), runs })
        };
        self.nodes()?.into_iter().map(process).collect()
    }

    /// Its node of that name, or all if there is none.
    ///
    /// # Errors
    /// [`Error::UnknownNode`] with the nearest name, or as [`Cluster::status`].
    pub fn chosen(&self, name: Option<&str>) -> Result<Vec<Node>, Error> {
        let mut nodes = self.nodes()?;
        let Some(name) = name else { return Ok(nodes) };
        match nodes.iter().position(|node| node.name == name) {
            Some(at) => Ok(vec![nodes.swap_remove(at)]),
            None => {
                let known: Vec<String> = nodes.into_iter().map(|node| node.name).collect();
                let nearest = template::nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
                Err(Error::UnknownNode { node: name.to_owned(), cluster: self.name.clone(), nearest, known })
            }
        }
    }

    /// What it consists of.
    pub(crate) fn state(&self) -> Result<State, Error> {
        match State::read(&self.dir)? {
            Some(state) => Ok(state),
            None => Err(Error::Unknown {
                name: self.name.clone(),
                home: self.home.dir.clone(),
                known: self.home.names().unwrap_or_default(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_folder_name_is_refused() {
        let home = Home::new(Path::new("/h")).unwrap();
        for name in ["", "..", "a/b", ".hidden", "a b", &"x".repeat(65)] {
            assert!(matches!(home.cluster(name), Err(Error::Name { .. })), "{name:?}");
        }
        assert_eq!(home.cluster("my-cluster_1").unwrap().dir(), Path::new("/h/my-cluster_1"));
    }

    #[tokio::test]
    async fn an_unknown_cluster_is_an_error_that_names_those_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(&folder.path().join("none yet")).unwrap();
        assert!(home.list().await.unwrap().is_empty());
        let error = home.cluster("x").unwrap().status().await.unwrap_err().to_string();
        assert!(error.contains("no cluster \"x\"") && !error.contains("there are"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn two_commands_do_not_work_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path()).unwrap();
        let held = home.hold().await.unwrap();
        assert!(matches!(home.hold().await, Err(Error::Busy { .. })));
        drop(held);
        home.hold().await.unwrap();
    }
}

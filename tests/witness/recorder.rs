//! A tap that writes down every change to the files below a folder, in the order in which the calls were done, so that
//! [`crate::image`] can rebuild what a power cut at any moment could leave.
//!
//! The calls really happen; nothing is refused. A sync counts from the moment it is done, for what was done before it began.

use base::{
    Disk,
    disk::{Call, Refused, Tap},
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Component, Path, PathBuf},
    sync::Arc,
    thread::ThreadId,
};

/// A file or a folder, whatever its names.
pub(crate) type Node = usize;
/// The folder under which everything is recorded.
pub(crate) const ROOT: Node = 0;

/// One name in a folder gets another meaning, or none.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub folder: Node,
    pub name: String,
    pub to: Option<Node>,
}

/// A call that was done.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Write {
        file: Node,
        at: usize,
        data: Vec<u8>,
    },
    SetLen {
        file: Node,
        len: usize,
    },
    /// All of these at once, or none.
    Names(Vec<Change>),
    /// Everything done to the node before the event of that number is on the disk.
    Synced {
        node: Node,
        before: usize,
    },
    /// Everything done before the event of that number is on the disk.
    AllSynced {
        before: usize,
    },
}

/// Names and what they stand for.
pub(crate) type Folders = BTreeMap<Node, BTreeMap<String, Node>>;

/// What was recorded: what lay on the disk at first, and every change since.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    pub(crate) folders: Folders,
    pub(crate) contents: HashMap<Node, Vec<u8>>,
    pub(crate) events: Vec<Event>,
    /// Which nodes are folders.
    pub(crate) is_folder: Vec<bool>,
}

impl Recording {
    /// How many events there are: positions to crash at are `0..=len`.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The positions just before a sync counts as done: where as much as possible is still in the air.
    pub fn before_syncs(&self) -> Vec<usize> {
        let sync = |event: &Event| matches!(event, Event::Synced { .. } | Event::AllSynced { .. });
        self.events.iter().enumerate().filter(|(_, event)| sync(event)).map(|(at, _)| at).collect()
    }

    /// The last `count` events before `position`, one a line, to read when an image fails.
    pub fn story(&self, position: usize, count: usize) -> String {
        let names = self.names();
        let name = |node: &Node| names.get(node).map_or_else(|| node.to_string(), |path| path.display().to_string());
        let from = position.saturating_sub(count);
        let line = |(at, event): (usize, &Event)| {
            let text = match event {
                Event::Write { file, at, data } => format!("write {} {at}..{}", name(file), at + data.len()),
                Event::SetLen { file, len } => format!("set-len {} {len}", name(file)),
                Event::Names(changes) => {
                    let to = |to: &Option<Node>| to.map_or("nothing".to_owned(), |node| format!("node {node}"));
                    let one = |c: &Change| format!("{}/{} = {}", name(&c.folder), c.name, to(&c.to));
                    format!("names {}", changes.iter().map(one).collect::<Vec<_>>().join(", "))
                }
                Event::Synced { node, before } => format!("synced {} as of {before}", name(node)),
                Event::AllSynced { before } => format!("synced all as of {before}"),
            };
            format!("{:6} {text}", from + at)
        };
        self.events[from..position].iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
    }

    /// A path for each node: the first it had.
    fn names(&self) -> HashMap<Node, PathBuf> {
        let mut names = HashMap::from([(ROOT, PathBuf::new())]);
        let mut give = |folder: Node, name: &str, node: Node| {
            let path = names.get(&folder).cloned().unwrap_or_default().join(name);
            names.entry(node).or_insert(path);
        };
        for (folder, entries) in &self.folders {
            entries.iter().for_each(|(name, node)| give(*folder, name, *node));
        }
        for event in &self.events {
            if let Event::Names(changes) = event {
                changes.iter().for_each(|change| {
                    if let Some(node) = change.to {
                        give(change.folder, &change.name, node);
                    }
                });
            }
        }
        names
    }
}

/// The tap.
pub struct Recorder {
    root: PathBuf,
    state: Mutex<State>,
    during_sync: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[derive(Default)]
struct State {
    recording: Recording,
    /// The names at present.
    now: Folders,
    /// Per thread: the syncs it is in, one within the other if the test made it so.
    syncing: HashMap<ThreadId, Vec<Syncing>>,
}

/// A sync that has begun.
enum Syncing {
    /// Of a node, or of all; and how many events there were when it began.
    Began(Option<Node>, usize),
    /// Of what lies outside, or has no name any more.
    Elsewhere,
}

impl Recorder {
    /// Records what happens below `root`, whose present content counts as being on the disk.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn over(root: &Path) -> io::Result<Arc<Self>> {
        let mut state = State::default();
        state.add(true);
        state.read_in(root, ROOT)?;
        state.recording.folders = state.now.clone();
        Ok(Arc::new(Self { root: root.to_owned(), state: Mutex::new(state), during_sync: Mutex::default() }))
    }

    /// A disk whose calls are recorded.
    pub fn disk(self: &Arc<Self>) -> Disk {
        Disk::with_tap(self.clone())
    }

    /// How much is recorded so far. What is known now holds for a crash at this position or later.
    pub fn position(&self) -> usize {
        self.state.lock().recording.len()
    }

    /// What is recorded so far.
    pub fn recording(&self) -> Recording {
        self.state.lock().recording.clone()
    }

    /// Does `work` when the next sync of a file has begun and is not yet done, on the thread that syncs.
    pub fn during_next_sync(&self, work: impl FnOnce() + Send + 'static) {
        *self.during_sync.lock() = Some(Box::new(work));
    }

    /// Takes back what [`Recorder::during_next_sync`] asked for, if there was no sync, and returns whether so; else waits
    /// until it is done.
    pub fn no_sync_came(&self) -> bool {
        self.during_sync.lock().take().is_some()
    }
}

impl State {
    fn add(&mut self, is_folder: bool) -> Node {
        let node = self.recording.is_folder.len();
        self.recording.is_folder.push(is_folder);
        if is_folder {
            self.now.insert(node, BTreeMap::new());
        }
        node
    }

    fn read_in(&mut self, path: &Path, folder: Node) -> io::Result<()> {
        let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let is_folder = entry.file_type()?.is_dir();
            let node = self.add(is_folder);
            if is_folder {
                self.read_in(&entry.path(), node)?;
            } else {
                self.recording.contents.insert(node, fs::read(entry.path())?);
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            self.now.entry(folder).or_default().insert(name, node);
        }
        Ok(())
    }

    fn find(&self, path: &Path) -> Option<Node> {
        path.components().try_fold(ROOT, |node, part| match part {
            Component::Normal(name) => self.now.get(&node)?.get(name.to_str()?).copied(),
            _ => Some(node),
        })
    }

    /// The folder a path is in, and its name there.
    fn place(&self, path: &Path) -> Option<(Node, String)> {
        let folder = self.find(path.parent()?)?;
        Some((folder, path.file_name()?.to_str()?.to_owned()))
    }

    fn name(&mut self, changes: Vec<Change>) {
        for Change { folder, name, to } in &changes {
            let entries = self.now.entry(*folder).or_default();
            match to {
                Some(node) => entries.insert(name.clone(), *node),
                None => entries.remove(name),
            };
        }
        self.recording.events.push(Event::Names(changes));
    }

    fn make(&mut self, path: &Path, is_folder: bool) {
        if self.find(path).is_none()
            && let Some((folder, name)) = self.place(path)
        {
            let to = Some(self.add(is_folder));
            self.name(vec![Change { folder, name, to }]);
        }
    }

    /// Takes away a name, and before it those below it, each for itself.
    fn remove(&mut self, path: &Path) {
        let (Some(node), Some((folder, name))) = (self.find(path), self.place(path)) else { return };
        let inside: Vec<_> = self.now.get(&node).into_iter().flat_map(BTreeMap::keys).cloned().collect();
        inside.iter().for_each(|name| self.remove(&path.join(name)));
        self.name(vec![Change { folder, name, to: None }]);
    }

    fn done(&mut self, root: &Path, call: &Call<'_>) {
        let below = |path: &Path| path.strip_prefix(root).map(Path::to_owned).ok();
        let path = below(call.path());
        let is_sync = matches!(call, Call::Sync { .. } | Call::SyncFolder { .. } | Call::SyncAll { .. });
        let Some(path) = path.or_else(|| is_sync.then(PathBuf::new)) else { return };
        match *call {
            Call::Create { .. } => self.make(&path, false),
            Call::CreateFolder { .. } => {
                let mut above: Vec<_> = path.ancestors().collect();
                above.reverse();
                above.into_iter().for_each(|path| self.make(path, true));
            }
            Call::SetLen { len, .. } => {
                if let Some(file) = self.find(&path) {
                    self.recording.events.push(Event::SetLen { file, len: len as usize });
                }
            }
            Call::Write { at, data, .. } | Call::Store { at, data, .. } => {
                if let Some(file) = self.find(&path) {
                    self.recording.events.push(Event::Write { file, at: at as usize, data: data.to_vec() });
                }
            }
            Call::Link { from, .. } => {
                if let (Some(node), Some((folder, name))) = (below(from).and_then(|p| self.find(&p)), self.place(&path))
                {
                    self.name(vec![Change { folder, name, to: Some(node) }]);
                }
            }
            Call::Rename { from, .. } => {
                let Some(from) = below(from) else { return };
                if let (Some(node), Some((old_folder, old)), Some((folder, name))) =
                    (self.find(&from), self.place(&from), self.place(&path))
                {
                    let gone = Change { folder: old_folder, name: old, to: None };
                    self.name(vec![gone, Change { folder, name, to: Some(node) }]);
                }
            }
            Call::Remove { .. } | Call::RemoveFolder { .. } => self.remove(&path),
            Call::Sync { .. } | Call::SyncFolder { .. } | Call::SyncAll { .. } => {
                let began = self.syncing.get_mut(&std::thread::current().id()).and_then(Vec::pop);
                if let Some(Syncing::Began(node, before)) = began {
                    let event = match node {
                        Some(node) => Event::Synced { node, before },
                        None => Event::AllSynced { before },
                    };
                    self.recording.events.push(event);
                }
            }
            Call::Open { .. }
            | Call::Read { .. }
            | Call::Allocate { .. }
            | Call::Map { .. }
            | Call::List { .. }
            | Call::Examine { .. } => {}
        }
    }
}

impl Tap for Recorder {
    fn before(&self, call: &Call<'_>) -> Result<(), Refused> {
        let syncs_all = matches!(call, Call::SyncAll { .. });
        if syncs_all || matches!(call, Call::Sync { .. } | Call::SyncFolder { .. }) {
            let mut state = self.state.lock();
            let began = state.recording.len();
            let node = call.path().strip_prefix(&self.root).ok().and_then(|path| state.find(path));
            let sync = match node {
                _ if syncs_all => Syncing::Began(None, began),
                Some(node) => Syncing::Began(Some(node), began),
                None => Syncing::Elsewhere,
            };
            state.syncing.entry(std::thread::current().id()).or_default().push(sync);
        }
        if matches!(call, Call::Sync { .. }) {
            // Locked while it works: a sync that the work itself causes is none of its kind.
            if let Some(mut work) = self.during_sync.try_lock()
                && let Some(work) = work.take()
            {
                work();
            }
        }
        Ok(())
    }

    fn after(&self, call: &Call<'_>) {
        self.state.lock().done(&self.root, call);
    }
}

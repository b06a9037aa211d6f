//! What a power cut could leave of a folder, rebuilt from a recording.
//!
//! On the disk is what a sync covered that was done; a file's own sync brings its bytes and length there, not its name:
//! that takes a sync of the folder it is in, or of everything. Of the rest, a [`Plan`] decides.

use crate::{
    plan::{Data, Names, Plan},
    recorder::{Event, Folders, Node, ROOT, Recording},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// Folders and files as they lie on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Every folder but the root, those above first.
    pub folders: Vec<PathBuf>,
    /// Paths and contents.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// Further names of files: new name, and the one under `files`.
    pub links: Vec<(PathBuf, PathBuf)>,
}

impl Image {
    /// Makes `dir` hold this image and nothing else. Holes stay holes.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_to(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
        }
        for folder in &self.folders {
            fs::create_dir(dir.join(folder))?;
        }
        for (path, content) in &self.files {
            let file = File::create_new(dir.join(path))?;
            file.set_len(content.len() as u64)?;
            for (at, page) in content.chunks(PAGE).enumerate() {
                if page.iter().any(|byte| *byte != 0) {
                    file.write_all_at(page, (at * PAGE) as u64)?;
                }
            }
        }
        self.links.iter().try_for_each(|(to, from)| fs::hard_link(dir.join(from), dir.join(to)))
    }

    /// The content of a file.
    pub fn file(&self, path: impl AsRef<Path>) -> Option<&[u8]> {
        let path = path.as_ref();
        let named = self.links.iter().find(|(to, _)| to == path).map_or(path, |(_, from)| from);
        self.files.iter().find(|(of, _)| of == named).map(|(_, content)| &content[..])
    }
}

/// Rebuilds images of one recording. Fastest when the positions asked for go up.
#[derive(Debug)]
pub struct Images<'a> {
    recording: &'a Recording,
    /// Events that change each file.
    changes: HashMap<Node, Vec<usize>>,
    /// Events that change names.
    names: Vec<usize>,
    /// Per node, and for all: events of syncs, and what they cover together with those before.
    syncs: HashMap<Option<Node>, Vec<(usize, usize)>>,
    /// The synced content of files, and up to which event that is.
    synced: HashMap<Node, (usize, Bytes)>,
}

/// A file's bytes, of which only the first `len` can be read; those behind may be written before the length is.
#[derive(Clone, Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    len: usize,
}

impl Bytes {
    fn set_len(&mut self, len: usize) {
        if len < self.bytes.len() {
            self.bytes.truncate(len);
        }
        self.len = len;
    }

    fn write(&mut self, at: usize, data: &[u8]) {
        if self.bytes.len() < at + data.len() {
            self.bytes.resize(at + data.len(), 0);
        }
        self.bytes[at..at + data.len()].copy_from_slice(data);
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Write { at, data, .. } => {
                self.write(*at, data);
                self.len = self.len.max(at + data.len());
            }
            Event::SetLen { len, .. } => self.set_len(*len),
            _ => {}
        }
    }

    fn content(mut self) -> Vec<u8> {
        self.bytes.resize(self.len, 0);
        self.bytes
    }
}

impl<'a> Images<'a> {
    /// Prepares for images of `recording`.
    pub fn of(recording: &'a Recording) -> Self {
        let (mut changes, mut names) = (HashMap::<Node, Vec<usize>>::new(), Vec::new());
        let mut syncs = HashMap::<Option<Node>, Vec<(usize, usize)>>::new();
        let mut sync = |node, at, before: usize| {
            let of_node = syncs.entry(node).or_default();
            let covered = of_node.last().map_or(0, |(_, covered)| *covered);
            of_node.push((at, before.max(covered)));
        };
        for (at, event) in recording.events.iter().enumerate() {
            match event {
                Event::Write { file, .. } | Event::SetLen { file, .. } => changes.entry(*file).or_default().push(at),
                Event::Names(_) => names.push(at),
                Event::Synced { node, before } => sync(Some(*node), at, *before),
                Event::AllSynced { before } => sync(None, at, *before),
            }
        }
        Self { recording, changes, names, syncs, synced: HashMap::new() }
    }

    /// The event up to which everything about `node` is on the disk when the power goes at `position`.
    fn covered(&self, node: Node, position: usize) -> usize {
        let covered = |key| {
            let syncs = self.syncs.get(&key).map(Vec::as_slice).unwrap_or_default();
            let done = syncs.partition_point(|(at, _)| *at < position);
            done.checked_sub(1).map_or(0, |last| syncs[last].1)
        };
        covered(Some(node)).max(covered(None))
    }

    /// What the plan leaves when the power goes after the first `position` events.
    pub fn image(&mut self, position: usize, plan: &Plan) -> Image {
        let mut rng = StdRng::seed_from_u64(plan.seed);
        let moment = rng.random_range(0..=position);
        let folders = self.folders(position, plan, moment, &mut rng);
        let mut image = Image::default();
        let mut first_names = HashMap::new();
        let mut to_do = vec![(ROOT, PathBuf::new())];
        while let Some((folder, path)) = to_do.pop() {
            for (name, node) in folders.get(&folder).into_iter().flatten() {
                let path = path.join(name);
                if self.recording.is_folder[*node] {
                    image.folders.push(path.clone());
                    to_do.push((*node, path));
                } else if let Some(first) = first_names.get(node) {
                    image.links.push((path, PathBuf::clone(first)));
                } else {
                    let content = self.content(*node, position, plan, moment, &mut rng);
                    image.files.push((path.clone(), content));
                    first_names.insert(*node, path);
                }
            }
        }
        image
    }

    fn folders(&self, position: usize, plan: &Plan, moment: usize, rng: &mut StdRng) -> Folders {
        let mut folders = self.recording.folders.clone();
        // Often most of them, or few.
        let share = [0.1, 0.5, 0.5, 0.9][rng.random_range(0..4)];
        for &at in self.names.iter().take_while(|at| **at < position) {
            let Event::Names(changes) = &self.recording.events[at] else { continue };
            let there = changes.iter().any(|change| at < self.covered(change.folder, position))
                || match plan.names {
                    Names::Dropped => false,
                    Names::Kept => true,
                    Names::Some => rng.random_bool(share),
                    Names::Ordered => at < moment,
                };
            for change in changes.iter().filter(|_| there) {
                let entries: &mut BTreeMap<_, _> = folders.entry(change.folder).or_default();
                match change.to {
                    Some(node) => entries.insert(change.name.clone(), node),
                    None => entries.remove(&change.name),
                };
            }
        }
        folders
    }

    fn content(&mut self, file: Node, position: usize, plan: &Plan, moment: usize, rng: &mut StdRng) -> Vec<u8> {
        let covered = self.covered(file, position);
        let events = &self.recording.events;
        let bytes = self.synced_bytes(file, covered);
        let changes = self.changes.get(&file).map(Vec::as_slice).unwrap_or_default();
        let from = changes.partition_point(|at| *at < covered);
        let to = changes.partition_point(|at| *at < position);
        let pending: Vec<(usize, &Event)> = changes[from..to].iter().map(|at| (*at, &events[*at])).collect();
        if pending.is_empty() {
            return bytes.content();
        }
        let all = (covered, position);
        match plan.data {
            Data::Dropped => bytes.content(),
            Data::Kept => after(bytes, &pending, usize::MAX),
            Data::Ordered => after(bytes, &pending, moment),
            Data::Pages => scattered(bytes, &pending, PAGE, all, rng),
            Data::Sectors => scattered(bytes, &pending, SECTOR, all, rng),
            Data::Torn => {
                let (old, whole) = (bytes.clone().content(), after(bytes.clone(), &pending, usize::MAX));
                torn(scattered(bytes, &pending, SECTOR, all, rng), &old, &whole, rng)
            }
        }
    }

    fn synced_bytes(&mut self, file: Node, covered: usize) -> Bytes {
        let known = self.synced.remove(&file).filter(|(at, _)| *at <= covered);
        let (from, mut bytes) = known.unwrap_or_else(|| {
            let bytes = self.recording.contents.get(&file).cloned().unwrap_or_default();
            (0, Bytes { len: bytes.len(), bytes })
        });
        let changes = self.changes.get(&file).map(Vec::as_slice).unwrap_or_default();
        let first = changes.partition_point(|at| *at < from);
        for at in changes[first..].iter().take_while(|at| **at < covered) {
            bytes.apply(&self.recording.events[*at]);
        }
        self.synced.insert(file, (covered, bytes.clone()));
        bytes
    }
}

/// Everything up to a moment.
fn after(mut bytes: Bytes, pending: &[(usize, &Event)], moment: usize) -> Vec<u8> {
    pending.iter().take_while(|(at, _)| *at < moment).for_each(|(_, event)| bytes.apply(event));
    bytes.content()
}

/// Each unit, and the length, as it was at a moment of its own in `from..=to`.
fn scattered(
    mut bytes: Bytes,
    pending: &[(usize, &Event)],
    unit: usize,
    (from, to): (usize, usize),
    rng: &mut StdRng,
) -> Vec<u8> {
    let share = [0.1, 0.5, 0.5, 0.9][rng.random_range(0..4)];
    let moment = |rng: &mut StdRng| match rng.random_bool(share) {
        _ if rng.random_bool(0.1) => rng.random_range(from..=to),
        true => to,
        false => from,
    };
    let length_at = moment(rng);
    // What comes after a cut is not there without it: the bytes went to blocks that only the shorter file has.
    let cut = pending.iter().scan(bytes.len, |len, (at, event)| {
        let before = *len;
        match event {
            Event::SetLen { len: to, .. } => *len = *to,
            Event::Write { at, data, .. } => *len = before.max(at + data.len()),
            _ => {}
        }
        Some((*at, *len < before))
    });
    let limit = cut.filter(|(at, shorter)| *shorter && *at >= length_at).map(|(at, _)| at).next();
    let limit = limit.unwrap_or(usize::MAX);
    let mut moments = HashMap::new();
    for (at, event) in pending {
        match event {
            Event::SetLen { len, .. } if *at < length_at => bytes.set_len(*len),
            Event::Write { at: start, data, .. } => {
                let end = start + data.len();
                for first in (start - start % unit..end).step_by(unit) {
                    let until = *moments.entry(first).or_insert_with(|| moment(rng));
                    if *at < until.min(limit) {
                        let (begin, stop) = (first.max(*start), (first + unit).min(end));
                        bytes.write(begin, &data[begin - start..stop - start]);
                    }
                }
                if *at < length_at {
                    bytes.len = bytes.len.max(end);
                }
            }
            _ => {}
        }
    }
    bytes.content()
}

/// The power goes in the middle of one sector: its first bytes are new, and of what follows it nothing is.
fn torn(mut content: Vec<u8>, old: &[u8], whole: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let differs = |at: &usize| old[*at..].iter().zip(&whole[*at..]).take(SECTOR).any(|(a, b)| a != b);
    let sectors: Vec<usize> = (0..old.len().min(whole.len())).step_by(SECTOR).filter(differs).collect();
    if let Some(at) = sectors.get(rng.random_range(0..sectors.len().max(1))) {
        let middle = rng.random_range(1..SECTOR) + at;
        let new = whole[*at..whole.len().min(middle)].iter();
        let bytes = new.chain(old.iter().skip(middle));
        content.truncate(old.len());
        content.iter_mut().skip(*at).zip(bytes).for_each(|(to, from)| *to = *from);
    }
    content
}

//! A disk that says no: the k-th call to the file system, or every call from it on, is refused with an error of the
//! system, until the disk is healed.
//!
//! Not a disk that forgets: what was written before and after stays. `Store`, a store through a mapping, is never
//! counted, for no system can refuse it.

use base::{
    Disk,
    disk::{Call, Refused, Tap},
};
use parking_lot::Mutex;
use rustix::io::Errno;
use std::{fmt, io, path::PathBuf, sync::Arc};

/// Why the disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `ENOSPC`: the file system is full.
    NoSpace,
    /// `EIO`: the device failed.
    Broken,
    /// `EDQUOT`: the user's share is used up.
    Quota,
    /// `EFBIG`: the file is larger than allowed.
    TooLarge,
    /// `EMFILE`: the process has too many files open.
    TooManyOpen,
    /// `EROFS`: the file system was mounted anew, for reading only.
    ReadOnly,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::NoSpace, Self::Broken, Self::Quota, Self::TooLarge, Self::TooManyOpen, Self::ReadOnly];

    fn errno(self) -> Errno {
        match self {
            Self::NoSpace => Errno::NOSPC,
            Self::Broken => Errno::IO,
            Self::Quota => Errno::DQUOT,
            Self::TooLarge => Errno::FBIG,
            Self::TooManyOpen => Errno::MFILE,
            Self::ReadOnly => Errno::ROFS,
        }
    }

    /// What the caller of a refused call gets.
    pub fn error(self) -> io::Error {
        io::Error::from_raw_os_error(self.errno().raw_os_error())
    }

    /// Whether a system can refuse calls of this name for this reason. A full disk refuses no reading and no removing.
    pub fn fits(self, name: &str) -> bool {
        let opens = matches!(name, "open" | "create" | "list" | "sync-folder" | "sync-all");
        let reads = matches!(name, "open" | "read" | "list" | "examine" | "map");
        let frees = matches!(name, "remove" | "remove-folder");
        match self {
            Self::Broken => true,
            // Blocks that were promised but not there are missed at the sync.
            Self::NoSpace | Self::Quota => !reads && !frees && name != "sync-folder",
            Self::TooLarge => matches!(name, "set-len" | "write" | "allocate"),
            // What reads or lists a whole file or folder opens it first.
            Self::TooManyOpen => opens || name == "read",
            Self::ReadOnly => !reads || name == "open",
        }
    }
}

type Only = dyn Fn(&Call<'_>) -> bool + Send + Sync;

/// A fault to plant.
#[derive(Clone)]
pub struct Fault {
    at: u64,
    reason: Reason,
    sticky: bool,
    percent_written: usize,
    only: Arc<Only>,
}

impl Fault {
    /// The `k`-th call from now on, 1 for the next one, of those the reason fits, is refused once.
    pub fn at(k: u64, reason: Reason) -> Self {
        Self { at: k, reason, sticky: false, percent_written: 0, only: Arc::new(|_| true) }
    }

    /// And so is every fitting call after it, until the disk is healed.
    #[must_use]
    pub fn sticky(mut self, sticky: bool) -> Self {
        self.sticky = sticky;
        self
    }

    /// If the first refused call writes, so many per cent of its bytes are written all the same.
    #[must_use]
    pub fn having_written(mut self, percent: usize) -> Self {
        self.percent_written = percent.min(100);
        self
    }

    /// Only calls that `only` takes count and are refused.
    #[must_use]
    pub fn only(mut self, only: impl Fn(&Call<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.only = Arc::new(only);
        self
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, reason, sticky, percent_written, .. } = self;
        let lasting = if *sticky { "from then on" } else { "once" };
        write!(f, "call {at}: {reason:?}, {lasting}, {percent_written} % written")
    }
}

/// A call that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Which of the counted calls it was, from 1.
    pub at: u64,
    /// The call's name.
    pub name: &'static str,
    /// The file or folder.
    pub path: PathBuf,
}

/// The tap that refuses.
#[derive(Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    /// Calls that count for `fault`, since it was planted.
    counted: u64,
    /// All calls since this tap was made.
    calls: u64,
    fired: Vec<Fired>,
}

impl Faults {
    /// A tap with nothing planted: the disk works.
    pub fn none() -> Arc<Self> {
        Arc::default()
    }

    /// A tap with a fault planted.
    pub fn planted(fault: Fault) -> Arc<Self> {
        let faults = Self::none();
        faults.plant(fault);
        faults
    }

    /// A disk whose calls pass by this tap.
    pub fn disk(self: &Arc<Self>) -> Disk {
        Disk::with_tap(self.clone())
    }

    /// Plants a fault in place of the one that is planted; what was refused so far is forgotten.
    pub fn plant(&self, fault: Fault) {
        let mut state = self.state.lock();
        (state.fault, state.counted) = (Some(fault), 0);
        state.fired.clear();
    }

    /// The disk works again; what was refused stays known.
    pub fn heal(&self) {
        self.state.lock().fault = None;
    }

    /// The first call that was refused.
    pub fn fired(&self) -> Option<Fired> {
        self.state.lock().fired.first().cloned()
    }

    /// Every call that was refused, in order.
    pub fn all_fired(&self) -> Vec<Fired> {
        self.state.lock().fired.clone()
    }

    /// Calls of every kind since the tap was made.
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }
}

impl Tap for Faults {
    fn before(&self, call: &Call<'_>) -> Result<(), Refused> {
        if matches!(call, Call::Store { .. }) {
            return Ok(());
        }
        let mut state = self.state.lock();
        state.calls += 1;
        let Some(fault) = &state.fault else { return Ok(()) };
        if !(fault.reason.fits(call.name()) && (fault.only)(call)) {
            return Ok(());
        }
        let at = state.counted + 1;
        let refused = at == fault.at || fault.sticky && at > fault.at;
        let error = fault.reason.error();
        let percent = if at == fault.at { fault.percent_written } else { 0 };
        state.counted = at;
        if !refused {
            return Ok(());
        }
        state.fired.push(Fired { at, name: call.name(), path: call.path().to_owned() });
        let written = match call {
            Call::Write { data, .. } => data.len() * percent / 100,
            _ => 0,
        };
        Err(Refused { error, written })
    }

    fn after(&self, _: &Call<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_call_is_refused_with_a_part_written_and_the_next_works() {
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::planted(Fault::at(2, Reason::NoSpace).having_written(50));
        let file = faults.disk().create(dir.path().join("f"), 0).unwrap_err();
        assert_eq!((file.action, file.source.raw_os_error()), ("set the length of", Some(28)));
        let file = faults.disk().open(dir.path().join("f")).unwrap();
        faults.plant(Fault::at(1, Reason::Quota).having_written(50));
        assert!(file.write_at(0, b"abcd").is_err());
        assert_eq!(std::fs::read(dir.path().join("f")).unwrap(), b"ab");
        assert_eq!(faults.fired(), Some(Fired { at: 1, name: "write", path: dir.path().join("f") }));
        file.write_at(0, b"abcd").unwrap();
    }

    #[test]
    fn a_sticky_fault_lasts_until_it_is_healed_and_counts_only_what_it_is_about() {
        let dir = tempfile::tempdir().unwrap();
        let fault = Fault::at(2, Reason::Broken).sticky(true).only(|call| call.path().ends_with("f"));
        let faults = Faults::planted(fault);
        let write = |name: &str| faults.disk().open(dir.path().join(name)).is_ok();
        for name in ["f", "g"] {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        assert!(write("g") && write("f") && write("g"));
        assert!(!write("f") && !write("f") && write("g"));
        faults.heal();
        assert!(write("f"));
        assert_eq!((faults.fired().map(|fired| fired.at), faults.calls()), (Some(2), 7));
    }
}

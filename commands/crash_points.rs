//! Points at which a test has the broker die or lets a call to the disk fail: only in builds with debug assertions.
//!
//! Both name calls as `base::disk::Call` does, by the call's name, a part of the path and which such call it is, from 1:
//!
//! - `RMQ_TEST_CRASH=WHEN:CALL:PART:N`, for example `after:sync:commitlog:3`: the process kills itself with SIGKILL
//!   `before` the call, `after` it, or, of a write, `amid` it, with the first half written.
//! - `RMQ_TEST_FAIL=ERRNO:CALL:PART:N`, for example `EIO:sync:commitlog:3`: the call fails with that error. `3+` is the
//!   third and all that follow. Several are separated by commas. If `RMQ_TEST_FAIL_FROM` names a file, nothing counts
//!   before it exists; once the file exists that `RMQ_TEST_FAIL_UNTIL` names, nothing fails any more.

use crate::failure::{Failure, Kind};
use base::disk::{Call, Disk, Refused, Tap};
use rustix::{
    io::Errno,
    process::{Signal, getpid, kill_process},
};
use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The disk with what the environment asks for.
///
/// # Errors
/// If it cannot be read.
pub fn disk() -> Result<Disk, Failure> {
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let refuse = |name: &str, why: String| Failure::new(Kind::Usage, format!("{name}: {why}"));
    let crash = read("RMQ_TEST_CRASH").map(|text| Crash::parse(&text)).transpose();
    let crash = crash.map_err(|why| refuse("RMQ_TEST_CRASH", why))?;
    let fail = read("RMQ_TEST_FAIL").unwrap_or_default();
    let fail = fail.split(',').filter(|text| !text.is_empty()).map(Fail::parse).collect::<Result<Vec<_>, _>>();
    let fail = fail.map_err(|why| refuse("RMQ_TEST_FAIL", why))?;
    if crash.is_none() && fail.is_empty() {
        return Ok(Disk::default());
    }
    let path = |name: &str| read(name).map(PathBuf::from);
    let (from, until) = (path("RMQ_TEST_FAIL_FROM"), path("RMQ_TEST_FAIL_UNTIL"));
    Ok(Disk::with_tap(Arc::new(Points { crash, fail, from, until })))
}

struct Points {
    crash: Option<Crash>,
    fail: Vec<Fail>,
    from: Option<PathBuf>,
    until: Option<PathBuf>,
}

/// Some calls: which, and how many there were so far.
#[derive(Debug)]
struct Calls {
    name: String,
    part: String,
    seen: AtomicU64,
}

#[derive(Debug)]
struct Crash {
    when: When,
    calls: Calls,
    nth: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Before,
    Amid,
    After,
}

#[derive(Debug)]
struct Fail {
    error: Errno,
    calls: Calls,
    nth: u64,
    /// Whether all later ones fail too.
    sticky: bool,
}

impl Calls {
    /// Whether `call` is one of them.
    fn have(&self, call: &Call<'_>) -> bool {
        call.name() == self.name && call.path().to_string_lossy().contains(&self.part)
    }

    /// Counts one; which it is, from 1.
    fn count(&self) -> u64 {
        self.seen.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Crash {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no before|amid|after:CALL:PART:N, such as after:sync:commitlog:3");
        let [when, call, part, nth] = text.split(':').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let when = match when {
            "before" => When::Before,
            "amid" if call == "write" => When::Amid,
            "after" => When::After,
            _ => return Err(wrong()),
        };
        let nth = nth.parse().ok().filter(|nth| *nth > 0).ok_or_else(wrong)?;
        Ok(Self { when, calls: calls(call, part)?, nth })
    }

    /// Does not return if this is the call.
    fn meet(&self, when: When, call: &Call<'_>) {
        if self.when != when || !self.calls.have(call) || self.calls.count() != self.nth {
            return;
        }
        if let (When::Amid, Call::Write { path, at, data }) = (when, call)
            && let Ok(file) = OpenOptions::new().write(true).open(path)
        {
            _ = file.write_all_at(&data[..data.len() / 2], *at);
        }
        // Told, so that a test can count the points that were met.
        eprintln!("crash point: {} of {}, the {}th", call.name(), call.path().display(), self.nth);
        loop {
            _ = kill_process(getpid(), Signal::KILL);
        }
    }
}

impl Fail {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no ERRNO:CALL:PART:N or N+, such as EIO:sync:commitlog:3+");
        let [error, call, part, nth] = text.split(':').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let error = match error {
            "EIO" => Errno::IO,
            "ENOSPC" => Errno::NOSPC,
            "EDQUOT" => Errno::DQUOT,
            "EFBIG" => Errno::FBIG,
            "EMFILE" => Errno::MFILE,
            "ENFILE" => Errno::NFILE,
            "EROFS" => Errno::ROFS,
            "EACCES" => Errno::ACCESS,
            "ENOMEM" => Errno::NOMEM,
            _ => return Err(format!("{text:?}: the error {error:?} is not known here")),
        };
        let (nth, sticky) = nth.strip_suffix('+').map_or((nth, false), |nth| (nth, true));
        let nth = nth.parse().ok().filter(|nth| *nth > 0).ok_or_else(wrong)?;
        Ok(Self { error, calls: calls(call, part)?, nth, sticky })
    }

    fn is_about(&self, call: &Call<'_>) -> bool {
        self.calls.have(call)
    }

    fn is_due(&self) -> bool {
        let count = self.calls.count();
        count == self.nth || self.sticky && count > self.nth
    }
}

/// The names of all calls; a test holds them against `Call::name`.
const CALLS: [&str; 18] = [
    "open",
    "create",
    "set-len",
    "write",
    "store",
    "read",
    "allocate",
    "map",
    "sync",
    "sync-folder",
    "sync-all",
    "link",
    "rename",
    "remove",
    "remove-folder",
    "create-folder",
    "list",
    "examine",
];

fn calls(name: &str, part: &str) -> Result<Calls, String> {
    if !CALLS.contains(&name) {
        return Err(format!("{name:?} is no call; there are {}", CALLS.join(", ")));
    }
    Ok(Calls { name: name.to_owned(), part: part.to_owned(), seen: AtomicU64::new(0) })
}

impl Tap for Points {
    fn before(&self, call: &Call<'_>) -> Result<(), Refused> {
        if let Some(crash) = &self.crash {
            crash.meet(When::Before, call);
            crash.meet(When::Amid, call);
        }
        let begun = || self.from.as_deref().is_none_or(Path::exists);
        let healed = || self.until.as_deref().is_some_and(Path::exists);
        match self.fail.iter().find(|fail| fail.is_about(call) && begun() && fail.is_due() && !healed()) {
            Some(fail) => Err(io::Error::from(fail.error).into()),
            None => Ok(()),
        }
    }

    fn after(&self, call: &Call<'_>) {
        if let Some(crash) = &self.crash {
            crash.meet(When::After, call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_point_is_refused() {
        for wrong in ["", "after", "after:sync:log", "later:sync:log:1", "after:sink:log:1", "after:sync:log:0"] {
            assert!(Crash::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Crash::parse("amid:sync:log:1").is_err() && Crash::parse("amid:write:log:1").is_ok());
        for wrong in ["EIO", "EIO:sync:log", "EIO:sync:log:x", "EIO:sync:log:+", "EODD:sync:log:1", "EIO:sink:log:1"] {
            assert!(Fail::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_nth_call_of_its_kind_is_met_and_with_a_plus_all_that_follow() {
        let met = |text: &str| {
            let fail = Fail::parse(text).unwrap();
            let paths = ["/s/commitlog/0", "/s/index/0", "/s/commitlog/0", "/s/commitlog/1"];
            let due = paths.map(|path| fail.is_about(&Call::Sync { path: Path::new(path) }) && fail.is_due());
            assert!(!fail.is_about(&Call::Map { path: Path::new("/s/commitlog/0") }));
            due
        };
        assert_eq!(met("EIO:sync:commitlog:2"), [false, false, true, false]);
        assert_eq!(met("EIO:sync:commitlog:2+"), [false, false, true, true]);
        assert_eq!(met("EIO:sync::2"), [false, true, false, false]);
    }

    #[test]
    fn every_call_can_be_named() {
        let path = Path::new("/f");
        let (from, to) = (path, path);
        let calls = [
            Call::Open { path },
            Call::Create { path },
            Call::SetLen { path, len: 0 },
            Call::Write { path, at: 0, data: &[] },
            Call::Store { path, at: 0, data: &[] },
            Call::Read { path, at: 0 },
            Call::Allocate { path, len: 0 },
            Call::Map { path },
            Call::Sync { path },
            Call::SyncFolder { path },
            Call::SyncAll { path },
            Call::Link { from, to },
            Call::Rename { from, to },
            Call::Remove { path },
            Call::RemoveFolder { path },
            Call::CreateFolder { path },
            Call::List { path },
            Call::Examine { path },
        ];
        assert_eq!(calls.map(|call| call.name()), CALLS);
    }
}

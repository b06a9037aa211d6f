//! Background processes that outlive their starter, and are known again for sure: a process id alone may by now be
//! somebody else's, so it counts only with the time the process started and the boot it started in.

use crate::{Error, Launch};
use base::durable;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::time::Instant;

/// Most of a log that is read to show its end.
const TAIL_BYTES: u64 = 16 * 1024;
/// Most of a log that a start writes.
const START_BYTES: u64 = 16 << 20;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The first file descriptor that is not standard input, output or error.
const FIRST_OF_CALLER: i32 = 3;

/// A process, beyond doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    /// When it started, in clock ticks since the boot.
    started: u64,
    /// Which boot.
    boot: String,
}

impl Identity {
    /// Of a process that runs now; `None` if there is none of that id.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let Stat { state, threads, started } = look_up(pid)?;
        // A zombie has ended, only its parent has not noticed; but not while other threads of it hold what it has.
        let ended = matches!(state, 'Z' | 'X') && threads <= 1;
        (!ended).then(|| Self { pid, started, boot: boot() })
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Sends a signal; nothing happens if the process has ended.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(()) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // What was opened cannot become another process, so checking and signalling cannot come apart.
            Ok(process) if self.is_alive() => match pidfd_send_signal(process, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
                Err(error) => Err(error.into()),
            },
            Ok(_) | Err(rustix::io::Errno::SRCH) => Ok(()),
            // A kernel without such handles.
            Err(rustix::io::Errno::NOSYS) if self.is_alive() => Ok(rustix::process::kill_process(pid, signal)?),
            Err(rustix::io::Errno::NOSYS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until it has ended; false if it runs on after `within`.
    pub(crate) async fn ended(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        while self.is_alive() {
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }

    /// The process that a file names, alive or not.
    pub(crate) fn read(file: &Path) -> Result<Option<Self>, Error> {
        durable::read(file, |text| Ok(serde_json::from_slice(text)?)).map_err(|source| Error::Io {
            action: "read",
            path: file.to_owned(),
            source,
        })
    }

    pub(crate) fn write(&self, file: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec(self).map_err(io::Error::from);
        text.and_then(|text| durable::write(file, &text)).map_err(|source| Error::Io {
            action: "write",
            path: file.to_owned(),
            source,
        })
    }

    /// Forgets the process that a file names.
    pub(crate) fn forget(file: &Path) -> Result<(), Error> {
        for path in [file.to_owned(), file.with_extension("json.bak")] {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Io { action: "remove", path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

struct Stat {
    state: char,
    threads: u32,
    started: u64,
}

/// Source: proc(5), `/proc/pid/stat`.
fn look_up(pid: i32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything, blanks and brackets too.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some(Stat { state, threads: fields.nth(16)?.parse().ok()?, started: fields.nth(1)?.parse().ok()? })
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Starts a node in the background: away from this terminal's keys, with nothing to read, writing to its log.
pub(crate) fn start(launch: &Launch) -> Result<(Child, Identity), Error> {
    let node = &launch.node;
    let failed = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    };
    let data_dir = node.data_dir();
    fs::create_dir_all(&data_dir).map_err(failed("create", &data_dir))?;
    let config_file = node.config_file();
    durable::write(&config_file, launch.config_text.as_bytes()).map_err(failed("write", &config_file))?;
    let log_file = node.log_file();
    let log = File::options().append(true).create(true).open(&log_file).map_err(failed("open", &log_file))?;
    let log_too = log.try_clone().map_err(failed("open", &log_file))?;
    let [exe, arguments @ ..] = &launch.argv[..] else {
        return Err(Error::Io { action: "start", path: node.dir.clone(), source: io::ErrorKind::InvalidInput.into() });
    };
    // What the caller's shell has open, a lock perhaps, must not stay open as long as the node runs.
    close_fds::set_fds_cloexec_threadsafe(FIRST_OF_CALLER, &[]);
    let child = Command::new(exe)
        .args(arguments)
        .current_dir(&node.dir)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(log_too)
        .process_group(0)
        .spawn()
        .map_err(failed("start", Path::new(exe)))?;
    let pid = i32::try_from(child.id()).unwrap_or_default();
    // Whoever has ended already is still a zombie of ours, so it can be looked up.
    let started = look_up(pid).map_or(0, |stat| stat.started);
    let identity = Identity { pid, started, boot: boot() };
    identity.write(&node.process_file())?;
    Ok((child, identity))
}

/// Whether `words` were written to a log behind `from`.
pub(crate) fn said(log_file: &Path, from: u64, words: &str) -> bool {
    let read = || {
        let mut file = File::open(log_file)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(START_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).contains(words)
}

/// The last lines of what was written to a log behind `from`, at most `lines`.
pub(crate) fn tail(log_file: &Path, from: u64, lines: usize) -> Vec<String> {
    let read = || {
        let mut file = File::open(log_file)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(len.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| line.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn this_process_is_known_and_one_of_another_time_or_boot_is_not() {
        let me = Identity::of(std::process::id() as i32).unwrap();
        assert!(me.is_alive());
        assert!(!Identity { started: me.started + 1, ..me.clone() }.is_alive());
        assert!(!Identity { boot: "another".into(), ..me.clone() }.is_alive());
        assert!(!Identity { pid: i32::MAX, ..me }.is_alive());
    }

    #[test]
    fn a_signal_reaches_only_the_very_process() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let identity = Identity::of(child.id() as i32).unwrap();
        Identity { started: identity.started + 1, ..identity.clone() }.signal(Signal::KILL).unwrap();
        Identity { boot: "another".into(), ..identity.clone() }.signal(Signal::KILL).unwrap();
        assert!(identity.is_alive());
        identity.signal(Signal::TERM).unwrap();
        // Had one of the others reached it, that would have been its end.
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
        assert!(!identity.is_alive());
        identity.signal(Signal::KILL).unwrap();
    }

    #[test]
    fn the_end_of_a_log_is_shown_and_nothing_from_before() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let (old, new) = ("an old line\n", "a\n\nb\nc");
        fs::write(&log, format!("{old}{new}")).unwrap();
        assert_eq!(tail(&log, old.len() as u64, 10), ["a", "b", "c"]);
        assert_eq!(tail(&log, 0, 2), ["b", "c"]);
        fs::write(&log, "x".repeat(100_000) + "\nlast\u{fffd}\n").unwrap();
        assert_eq!(tail(&log, 0, 1), ["last\u{fffd}"]);
        assert!(tail(&folder.path().join("none"), 0, 1).is_empty());
    }
}

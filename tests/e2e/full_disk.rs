//! A disk without room under the real broker: what it refuses, with what words, and that it goes on by itself once there
//! is room again. By a limit on the size of files, which everybody may set, and by a small file system in memory, where
//! the machine lets a test mount one.

use crate::{
    harmed::{Harmed, did_not_panic, refuses},
    process::PATIENCE,
    wire::new_topic,
};
use protocol::code::response;
use rustix::process::{Pid, Resource, Rlimit, Signal, geteuid, getrlimit, prlimit};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

/// The disk may fill up without messages being refused or files deleted before it is full.
const TO_THE_BRIM: &str =
    "cleanResourceInterval=3600000\ncleanFileForciblyEnable=false\ndiskSpaceWarningLevelRatio=100\n";
/// A broker that may not write behind this byte of any file; the limit is the soft one, so that it can be lifted.
const LIMIT: u64 = 256 << 10;

fn limited() -> Vec<String> {
    // POSIX has `ulimit -f` count in 512 bytes; a shell that counts in 1024 allows the double.
    ["sh", "-c", "ulimit -S -f \"$0\"; exec \"$@\"", &(LIMIT / 512).to_string()].map(str::to_owned).to_vec()
}

/// Lets a running process write files of any size.
fn lift_the_limit(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a child has a pid");
    let maximum = getrlimit(Resource::Fsize).maximum;
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: maximum, maximum }).expect("a soft limit may be raised");
}

#[test]
fn a_log_file_that_may_not_be_made_that_large_is_refused_until_it_may() {
    let mut case = Harmed::new(&format!("{TO_THE_BRIM}mappedFileSizeCommitLog=1048576\n"));
    case.lone.within = limited();
    let mut broker = case.start("");
    let mut wire = case.lone.connect();
    refuses(&case.send_until_refused(&mut wire), &["commitlog", "File too large"]);
    assert_eq!(case.ledger.count(), 0);
    lift_the_limit(broker.pid());
    case.accepts_again(&broker, &mut wire);
    case.ledger.send(&mut wire, &case.queue, 100);
    did_not_panic(&broker);
    broker.signal(Signal::KILL);
    case.lone.within.clear();
    case.has_all_after_a_restart();
}

#[test]
fn a_limit_in_the_midst_of_a_log_file_refuses_sends_until_it_is_lifted() {
    let mut case = Harmed::new(&format!("{TO_THE_BRIM}mappedFileSizeCommitLog=2097152\n"));
    let mut broker = case.start("");
    case.ledger.send(&mut case.lone.connect(), &case.queue, 10);
    assert!(broker.terminate().success(), "{}", broker.log());
    case.lone.within = limited();
    let mut broker = case.start("");
    let mut wire = case.lone.connect();
    refuses(&case.send_until_refused(&mut wire), &["commitlog", "File too large"]);
    assert!(case.ledger.count() > 100, "{}", case.ledger.count());
    assert!(case.ledger.find_all(&mut wire), "{}", broker.log());
    lift_the_limit(broker.pid());
    case.accepts_again(&broker, &mut wire);
    case.ledger.send(&mut wire, &case.queue, 100);
    did_not_panic(&broker);
    broker.signal(Signal::KILL);
    case.lone.within.clear();
    case.has_all_after_a_restart();
}

/// A file system in memory, in a mount namespace of its own: gone with the process that holds it.
struct SmallDisk {
    holder: Child,
    dir: PathBuf,
    enter: Vec<String>,
}

impl SmallDisk {
    /// Mounts one of so many MiB at `dir`, which is there for those who [`SmallDisk::enter`] only.
    fn mount(dir: PathBuf, mib: u32) -> Result<Self, String> {
        let root = geteuid().is_root();
        let script = "mount -t tmpfs -o size=\"$1\"m tmpfs \"$0\" && echo mounted && exec cat";
        let mut command = Command::new("unshare");
        command.args(if root { &["--mount"][..] } else { &["--map-root-user", "--mount"] });
        command.args(["sh", "-c", script]).arg(&dir).arg(mib.to_string());
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = piped.spawn().map_err(|error| format!("unshare: {error}"))?;
        let (told, line) = mpsc::channel();
        let output = holder.stdout.take().expect("it is piped");
        thread::spawn(move || told.send(BufReader::new(output).lines().next()));
        let pid = holder.id().to_string();
        let user = if root { &[][..] } else { &["--user", "--preserve-credentials"] };
        let enter =
            ["nsenter", "--target", &pid, "--mount"].iter().chain(user).map(|word| (*word).to_owned()).collect();
        if let Ok(Some(Ok(_mounted))) = line.recv_timeout(PATIENCE) {
            return Ok(Self { holder, dir, enter });
        }
        _ = holder.kill();
        let said = holder.wait_with_output().map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        Err(said.unwrap_or_else(|error| error.to_string()))
    }

    /// Its files, as this process can reach them.
    fn seen(&self) -> PathBuf {
        let inside = self.dir.strip_prefix("/").expect("it is absolute");
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(inside)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = self.holder.kill();
        _ = self.holder.wait();
    }
}

#[test]
fn on_a_full_disk_sends_are_refused_and_pulls_work_and_room_is_used_at_once() {
    let mut case = Harmed::new(TO_THE_BRIM);
    fs::create_dir(&case.lone.store).expect("the directory is writable");
    let disk = match SmallDisk::mount(case.lone.store.clone(), 24) {
        Ok(disk) => disk,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none() || !geteuid().is_root(), "no small disk: {why}");
            return eprintln!("skipped: no file system may be mounted here: {why}");
        }
    };
    case.lone.within = disk.enter.clone();
    case.lone.store = disk.seen();
    let filler = disk.seen().join("filler");
    fs::write(&filler, vec![1; 21 << 20]).expect("there is room for it");
    let mut broker = case.start("");
    let mut wire = case.lone.connect();
    refuses(&case.send_until_refused(&mut wire), &["store", "No space left"]);
    assert!(case.ledger.count() > 100, "{}", case.ledger.count());
    assert!(case.ledger.find_all(&mut wire), "{}", broker.log());
    // A broker that dies on a full disk starts on it, too.
    broker.signal(Signal::KILL);
    case.ledger.crashed();
    case.ledger.forget_what_was_found();
    let mut broker = case.lone.start(&[]);
    let mut wire = case.lone.connect();
    assert!(case.ledger.find_all(&mut wire), "{}", broker.log());
    refuses(&case.send_until_refused(&mut wire), &["store", "No space left"]);
    // What the disk has no room for is made in memory and saved later.
    assert_eq!(wire.call(new_topic("made-on-a-full-disk")).code, response::SUCCESS);
    case.ledger.topic_made("made-on-a-full-disk");
    fs::remove_file(&filler).expect("it is there");
    case.accepts_again(&broker, &mut wire);
    assert_eq!(case.lone.tells("refusingWrites"), None);
    let saved = || fs::read_to_string(disk.seen().join("config/topics.json"));
    broker.until("saves the topics", || saved().is_ok_and(|text| text.contains("made-on-a-full-disk")));
    case.ledger.send(&mut wire, &case.queue, 100);
    did_not_panic(&broker);
    broker.signal(Signal::KILL);
    case.has_all_after_a_restart();
}

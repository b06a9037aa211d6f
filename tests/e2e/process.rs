//! Running programs from a test: to their end with everything they printed, or in the background with a log to watch.
//!
//! Every wait is bounded by [`PATIENCE`]; running out of it fails the test and shows what was printed.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes on a slow machine; only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The program under test.
pub const RMQ: &str = env!("CARGO_BIN_EXE_rmq");

/// How a program ended and what it printed.
#[derive(Debug)]
pub struct Run {
    /// The command line, for messages.
    pub line: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `command` to its end with `input` on its standard input.
///
/// Both outputs are read until they close: a command that leaves them open to a background process hangs here, as it
/// would in `$(…)`.
pub fn run(command: &mut Command, input: &str) -> Run {
    let line = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // A program may end without reading its input.
    let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let stdout = read_to_end(child.stdout.take().expect("it is piped"));
    let stderr = read_to_end(child.stderr.take().expect("it is piped"));
    let deadline = Instant::now() + PATIENCE;
    let mut timed_out = false;
    let mut output = |from: mpsc::Receiver<String>| match from.recv_timeout(deadline - Instant::now().min(deadline)) {
        Ok(text) => text,
        Err(_) => {
            timed_out = true;
            String::new()
        }
    };
    let (stdout, stderr) = (output(stdout), output(stderr));
    if timed_out {
        let _ = child.kill();
        panic!("{line}\ndid not close its output within {PATIENCE:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    }
    let status = child.wait().expect("it was started here");
    let _ = writer.join();
    Run { line, status, stdout, stderr }
}

fn read_to_end(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (to, all) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = to.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    all
}

impl Run {
    /// Fails the test unless the program ended well.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exit(0)
    }

    /// Fails the test unless the program ended with `code`.
    #[track_caller]
    pub fn exit(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// Fails the test unless standard error has all of `words`.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "standard error lacks {word:?}: {self}");
        }
        self
    }

    /// The lines of standard output.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// Standard output as JSON, one value a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}: {self}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, status, stdout, stderr } = self;
        write!(f, "{line}\n--- {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// A program in the background. Dropping it kills it, and shows its log if the test is failing.
pub struct Background {
    name: &'static str,
    child: Child,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    text: String,
    /// Programs that have not closed both their outputs.
    writers: usize,
}

impl Background {
    /// Starts `command`; its standard output and error become one log.
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        Self::start_with(name, command, Arc::default())
    }

    /// Starts `command` beside this program; both write to one log, and have ended when both have.
    pub fn start_beside(&self, command: &mut Command) -> Self {
        Self::start_with(self.name, command, self.log.clone())
    }

    /// Starts `command`, which writes to the end of `file`, perhaps beside others; its standard error becomes the log.
    pub fn start_into(name: &'static str, command: &mut Command, file: File) -> Self {
        Self::spawn(name, command, Some(file), Arc::default())
    }

    fn start_with(name: &'static str, command: &mut Command, log: Arc<Log>) -> Self {
        Self::spawn(name, command, None, log)
    }

    fn spawn(name: &'static str, command: &mut Command, file: Option<File>, log: Arc<Log>) -> Self {
        let (reader, writer) = std::io::pipe().expect("the system has pipes");
        let line = format!("{command:?}");
        let stdout = match file {
            Some(file) => Stdio::from(file),
            None => writer.try_clone().expect("the pipe is open").into(),
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(writer)
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        // The command keeps the pipe's writing end open as long as it knows it.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        log.change(|state| state.writers += 1);
        let filling = log.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(reader);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                filling.change(|state| state.text.push_str(&String::from_utf8_lossy(&line)));
                line.clear();
            }
            filling.change(|state| state.writers -= 1);
        });
        Self { name, child, log }
    }

    /// Waits until the log has `words`.
    #[track_caller]
    pub fn wait_for(&self, words: &str) {
        let found = self.log.wait(|state| state.text.contains(words) || state.writers == 0);
        let text = self.log();
        assert!(found && text.contains(words), "{} did not print {words:?}:\n{text}", self.name);
    }

    /// Waits until the log has `words`; `false` if the program ended before.
    #[track_caller]
    pub fn comes_to(&self, words: &str) -> bool {
        let told = self.log.wait(|state| state.text.contains(words) || state.writers == 0);
        assert!(told, "{} neither printed {words:?} nor ended:\n{}", self.name, self.log());
        self.log().contains(words)
    }

    /// Whether it ends of its own within `time`.
    pub fn ends_within(&self, time: Duration) -> bool {
        self.log.wait_for(time, |state| state.writers == 0)
    }

    /// Waits until `holds`, looking again and again while it runs.
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            let ended = self.ends_within(Duration::from_millis(10));
            assert!(!ended && Instant::now() < deadline, "{}: never {what}:\n{}", self.name, self.log());
        }
    }

    /// All it has printed so far.
    pub fn log(&self) -> String {
        self.log.state.lock().expect("no one panics holding it").text.clone()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end as a service manager does, and waits until it has.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM)
    }

    /// Sends `signal` and waits until it has ended.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) -> ExitStatus {
        self.tell(signal);
        self.wait()
    }

    /// Sends `signal`; nothing happens if it has ended already.
    #[track_caller]
    pub fn tell(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a child has a pid");
        kill_process(pid, signal).expect("it is a child not yet waited for");
    }

    /// Waits until it has ended.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let ended = self.log.wait(|state| state.writers == 0);
        assert!(ended, "{} did not end:\n{}", self.name, self.log());
        self.child.wait().expect("it was started here")
    }
}

impl Log {
    fn change(&self, change: impl FnOnce(&mut LogState)) {
        change(&mut self.state.lock().expect("no one panics holding it"));
        self.changed.notify_all();
    }

    /// Waits until `holds`; `false` if that took too long.
    fn wait(&self, holds: impl Fn(&LogState) -> bool) -> bool {
        self.wait_for(PATIENCE, holds)
    }

    fn wait_for(&self, time: Duration, holds: impl Fn(&LogState) -> bool) -> bool {
        let state = self.state.lock().expect("no one panics holding it");
        let (_state, out) =
            self.changed.wait_timeout_while(state, time, |state| !holds(state)).expect("no one panics holding it");
        !out.timed_out()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of {}\n{}", self.name, self.log());
        }
    }
}

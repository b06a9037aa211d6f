//! `rmq top` against a live cluster: printed, and in a terminal of its own.

use crate::{
    cluster::{Cluster, rmq, scratch},
    process::{PATIENCE, RMQ, run},
};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{Read, Write},
    num::NonZero,
    sync::mpsc::{self, Receiver},
    thread,
    time::Instant,
};

#[test]
fn without_a_terminal_it_prints_and_what_is_not_known_is_null_with_the_reason() {
    let cluster = Cluster::single();
    cluster.rmq_with(&["produce", "orders"], &"x\n".repeat(20)).ok();
    cluster.rmq(&["consume", "orders", "--group", "billing", "-n", "5", "--ordered"]).ok();
    let table = cluster.rmq(&["top", "-d", "0.2"]).ok();
    assert!(table.stdout.contains("broker-a:0") && table.stdout.contains("billing"), "{table}");
    let run = cluster.rmq(&["top", "-n", "2", "-d", "0.2", "-o", "jsonl"]).ok();
    for picture in run.json_lines() {
        assert_eq!(picture["brokers"][0]["answered"], true, "{run}");
        assert_eq!(picture["total"]["in_per_second"], 0.0, "{run}");
        let groups = picture["groups"].as_array().expect("it is a list");
        let billing = groups.iter().find(|group| group["name"] == "billing").expect("it has consumed");
        assert_eq!((billing["lag"].as_i64(), picture["total"]["lag"].as_f64()), (Some(15), Some(15.0)), "{run}");
    }
    // It is there and says nothing.
    cluster.broker.tell(Signal::STOP);
    let silent = cluster.rmq(&["top", "--once", "-d", "0.2", "-o", "json", "--timeout", "2s"]);
    cluster.broker.tell(Signal::CONT);
    let silent = silent.exit(6).says(&["broker-a", &cluster.broker_addr]);
    let picture = silent.json();
    assert_eq!(picture["brokers"][0]["answered"], false, "{silent}");
    assert!(picture["total"]["lag"].is_null() && picture["brokers"][0]["in_per_second"].is_null(), "{silent}");
    assert!(picture["total"]["unknown"]["lag"].as_str().is_some_and(|why| why.contains("broker-a")), "{silent}");
    cluster.rmq(&["top", "--once", "--namesrv", "127.0.0.1:1", "--timeout", "1s"]).exit(4).says(&["127.0.0.1:1"]);
}

/// `rmq top` in a terminal.
pub struct Top {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    drawn: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Top {
    pub fn of(cluster: &Cluster) -> Self {
        Self::at(cluster, &[])
    }

    fn at(cluster: &Cluster, more: &[&str]) -> Self {
        let reach = ["-d", "0.25", "--timeout", "2s", "--namesrv", &cluster.namesrv_addr];
        Self::with(&[&reach, more].concat())
    }

    fn with(arguments: &[&str]) -> Self {
        let (rows, cols) = (NonZero::new(30).expect("it is not 0"), NonZero::new(100).expect("it is not 0"));
        let size = PtySize { rows: rows.get(), cols: cols.get(), pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("the system has terminals");
        let mut command = CommandBuilder::new(RMQ);
        command.arg("top");
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        let child = pair.slave.spawn_command(command).expect("it was built");
        let mut reader = pair.master.try_clone_reader().expect("it is open");
        let (to, drawn) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if to.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().expect("nobody has it yet");
        Self { child, master: pair.master, keys, drawn, screen: vt100::Parser::new(rows, cols, 0) }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it runs");
    }

    /// Reads until a line has all of `words`.
    #[track_caller]
    pub fn shows(&mut self, words: &[&str]) {
        let has = |line: &str| words.iter().all(|word| line.contains(word));
        let deadline = Instant::now() + PATIENCE;
        while !self.screen.screen().contents().lines().any(has) {
            match self.drawn.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(_) => panic!("no line has {words:?}:\n{}", self.screen.screen().contents()),
            }
        }
    }
}

impl Top {
    /// It has been told to end, and does.
    /// Reads until the screen is so.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self.screen.screen()) {
            match self.drawn.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(_) => panic!("{what} does not come:\n{}", self.screen.screen().contents()),
            }
        }
    }

    pub fn resize(&mut self, rows: u16, cols: u16) {
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).expect("it is a terminal");
        let (rows, cols) = (NonZero::new(rows).expect("it is not 0"), NonZero::new(cols).expect("it is not 0"));
        self.screen.screen_mut().set_size(rows, cols);
    }

    /// Ends it by a signal; gives its exit code, once all that it wrote is on the screen.
    pub fn signal(&mut self, signal: Signal) -> u32 {
        let pid = self.child.process_id().and_then(|pid| Pid::from_raw(pid as i32)).expect("it runs");
        kill_process(pid, signal).expect("it runs");
        let code = self.child.wait().expect("it was started here").exit_code();
        self.until("the shell's screen", |screen| !screen.alternate_screen());
        code
    }

    pub fn ends(&mut self) {
        assert_eq!(self.child.wait().expect("it was started here").exit_code(), 0);
    }
}

/// Messages that the group `billing` has still to consume, as its row says.
pub fn lag(screen: &vt100::Screen) -> Option<u64> {
    let contents = screen.contents();
    let row = contents.lines().find(|line| line.trim_start_matches(['>', ' ']).starts_with("billing "))?;
    row.trim_start_matches('>').split_whitespace().nth(1)?.parse().ok()
}

impl Drop for Top {
    fn drop(&mut self) {
        // It has ended if the test went well.
        let _ = self.child.kill();
    }
}

#[test]
fn in_a_terminal_a_lag_grows_and_drains_and_a_broker_falls_silent_and_comes_back() {
    let cluster = Cluster::single();
    cluster.rmq_with(&["produce", "orders"], &"x\n".repeat(20)).ok();
    cluster.rmq(&["consume", "orders", "--group", "billing", "-n", "5", "--ordered"]).ok();
    let mut top = Top::of(&cluster);
    top.shows(&["broker-a:0", "master", " ok "]);
    top.press("3");
    top.shows(&["billing ", " 15 "]);
    cluster.rmq_with(&["produce", "orders"], &"x\n".repeat(100)).ok();
    top.shows(&["billing ", " 115 "]);
    cluster.rmq(&["consume", "orders", "--group", "billing", "-n", "115", "--ordered"]).ok();
    top.shows(&["billing ", "  0 "]);
    top.press("\r");
    top.shows(&["group billing: 0 behind"]);
    top.press("1");
    cluster.broker.tell(Signal::STOP);
    top.shows(&["broker-a:0", "! silent", "?"]);
    cluster.broker.tell(Signal::CONT);
    top.shows(&["broker-a:0", " ok "]);
    top.press("q");
    assert_eq!(top.child.wait().expect("it was started here").exit_code(), 0);
}

#[test]
fn an_order_shows_what_it_changes_and_is_carried_out_once_its_subject_was_typed() {
    let cluster = Cluster::single();
    cluster.rmq_with(&["produce", "orders"], &"x\n".repeat(20)).ok();
    cluster.rmq(&["consume", "orders", "--group", "billing", "-n", "20", "--ordered"]).ok();
    let mut reader = Top::of(&cluster);
    reader.shows(&["broker-a:0", " ok "]);
    reader.press(":drain broker-a\r");
    reader.shows(&["nothing is changed from here"]);
    reader.press("q");
    let mut top = Top::at(&cluster, &["--write"]);
    top.shows(&["rmq top WRITE"]);
    top.press("3");
    top.shows(&["billing ", "  0 "]);
    top.press("/billing\rxorders first\r");
    top.shows(&["20 messages again"]);
    top.shows(&["type billing to do it"]);
    top.press("nonsense\r");
    top.shows(&["not done"]);
    top.shows(&["billing ", "  0 "]);
    top.press(":reset billing orders first\r");
    top.shows(&["20 messages again"]);
    top.press("billing\r");
    top.shows(&["done: reset"]);
    top.shows(&["billing ", " 20 "]);
    top.press(":drain broker-a\r");
    top.shows(&["told to 1 name servers"]);
    top.press("broker-a\r");
    top.shows(&["done: ", "topics of broker-a"]);
    let route = cluster.rmq(&["topic", "route", "orders", "-o", "json"]).ok().stdout;
    assert!(route.contains("\"R--\""), "{route}");
    cluster.rmq(&["broker", "undrain", "broker-a"]).ok();
    let route = cluster.rmq(&["topic", "route", "orders", "-o", "json"]).ok().stdout;
    assert!(route.contains("\"RW-\""), "{route}");
    top.press("q");
    assert_eq!(top.child.wait().expect("it was started here").exit_code(), 0);
}

#[test]
fn what_was_recorded_is_shown_again_without_a_server() {
    let cluster = Cluster::single();
    cluster.rmq_with(&["produce", "orders"], &"x\n".repeat(20)).ok();
    cluster.rmq(&["consume", "orders", "--group", "billing", "-n", "5", "--ordered"]).ok();
    let dir = scratch();
    let file = dir.path().join("a.rec").display().to_string();
    let seen = cluster.rmq(&["top", "-n", "2", "-d", "0.2", "-o", "jsonl", "--record", &file]).ok();
    cluster.rmq(&["top", "--once", "--record", &file]).exit(2).says(&["exists already", "--force"]);
    drop(cluster);
    let rmq = |arguments: &[&str]| run(rmq(dir.path()).arg("top").args(arguments), "");
    assert_eq!(rmq(&["--replay", &file, "-n", "2", "-o", "jsonl"]).ok().stdout, seen.stdout);
    let last = rmq(&["--replay", &file, "-o", "json"]).ok().json();
    assert_eq!(Some(&last), seen.json_lines().last());
    let mut top = Top::with(&["--replay", &file]);
    top.shows(&["broker-a:0", "master", " ok "]);
    top.shows(&["billing ", " 15"]);
    top.shows(&["END of the recording"]);
    top.press("2");
    top.shows(&["not in the recording"]);
    top.press(" r1");
    top.shows(&["recording PAUSED at"]);
    top.press("q");
    assert_eq!(top.child.wait().expect("it was started here").exit_code(), 0);
    // Half of it, something else, nothing at all.
    let bytes = std::fs::read(&file).expect("it was recorded");
    let other = dir.path().join("other");
    let replay = |bytes: &[u8]| {
        std::fs::write(&other, bytes).expect("there is room");
        rmq(&["--replay", &other.display().to_string(), "--once"])
    };
    replay(&bytes[..bytes.len() - 8]).ok().says(&["breaks off after line"]);
    replay(b"hello\n").exit(1).says(&["line 1", "no recording of rmq top"]);
    replay(b"").exit(1).says(&["line 1"]);
}

#[test]
fn the_demo_needs_nothing_and_is_always_the_same() {
    let dir = scratch();
    let run = || run(rmq(dir.path()).args(["top", "--demo", "--once", "-o", "json"]), "").ok();
    let (one, other) = (run(), run());
    assert_eq!(one.stdout, other.stdout);
    let picture = one.json();
    let brokers = picture["brokers"].as_array().expect("it is a list");
    let names: Vec<_> = brokers.iter().map(|broker| format!("{}:{}", broker["name"], broker["id"])).collect();
    assert_eq!(names, ["\"broker-a\":0", "\"broker-a\":1", "\"broker-b\":0", "\"broker-b\":1"]);
    for group in ["billing", "shipping", "reports", "settlement"] {
        assert!(one.stdout.contains(&format!("\"name\": \"{group}\"")), "{one}");
    }
    let mut top = Top::with(&["--demo"]);
    top.shows(&["broker-a:0", "master", " ok "]);
    // Fast, to where a broker is lost and has come back.
    top.press("+++");
    top.shows(&["broker-b:0", "! gone"]);
    top.press("3");
    top.shows(&["shipping"]);
    top.press("q");
    assert_eq!(top.child.wait().expect("it was started here").exit_code(), 0);
}

//! `rmq top` in a pseudo-terminal, as a person has it open, and what the process costs.

use crate::load::Target;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    fs,
    io::{Read, Write},
    num::NonZero,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// Columns and rows.
pub const SIZE: (u16, u16) = (120, 40);
/// Only something that is broken takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// It and its terminal; killed at the end.
pub struct Top {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    drawn: Receiver<Vec<u8>>,
}

/// What the process has used so far, or uses.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// CPU, µs.
    pub cpu_us: f64,
    /// Memory that is resident, KiB.
    pub rss_kib: u64,
    /// The most that ever was.
    pub peak_kib: u64,
}

impl Top {
    /// Starts it, once a second.
    pub fn start(rmq: &str, names: &str) -> Self {
        let size = PtySize { cols: SIZE.0, rows: SIZE.1, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("the system has terminals");
        let mut command = CommandBuilder::new(rmq);
        command.args(["top", "-d", "1s", "--namesrv", names]);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        let child = pair.slave.spawn_command(command).expect("it was built");
        let mut reader = pair.master.try_clone_reader().expect("it is open");
        let (to, drawn) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 65536];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if to.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().expect("nobody has it yet");
        let mut top = Self { child, master: pair.master, keys, drawn };
        // Keys that come before the terminal is its own would be changed on the way.
        top.go("", &["rmq top"]);
        top
    }

    /// Presses keys and waits until all of `words` stand on the screen.
    pub fn go(&mut self, keys: &str, words: &[&str]) {
        let lines = |count| NonZero::new(count).expect("it is not 0");
        let mut screen = vt100::Parser::new(lines(SIZE.1), lines(SIZE.0), 0);
        // Only what changes is drawn: another size, then this one again, and all of it comes.
        self.keys.write_all(keys.as_bytes()).expect("it runs");
        for rows in [SIZE.1 - 1, SIZE.1] {
            let size = PtySize { cols: SIZE.0, rows, pixel_width: 0, pixel_height: 0 };
            self.master.resize(size).expect("it is open");
            thread::sleep(Duration::from_millis(100));
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Ok(bytes) = self.drawn.recv_timeout(PATIENCE) {
                screen.process(&bytes);
            }
            let text = screen.screen().contents();
            if words.iter().all(|word| text.contains(word)) {
                return;
            }
        }
        panic!("{words:?} did not come; on the screen:\n{}", screen.screen().contents());
    }

    /// Lets it run so long; gives how many bytes it drew.
    pub fn watch(&mut self, time: Duration) -> usize {
        let start = Instant::now();
        let mut drawn = 0;
        while let Some(left) = time.checked_sub(start.elapsed()) {
            drawn += self.drawn.recv_timeout(left).map_or(0, |bytes| bytes.len());
        }
        drawn
    }

    /// What it has used so far.
    pub fn used(&self) -> Used {
        let pid = self.child.process_id().expect("it runs");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let of = |name: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
        };
        Used { cpu_us: Target { port: 0, pid }.cpu_us(), rss_kib: of("VmRSS:"), peak_kib: of("VmHWM:") }
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

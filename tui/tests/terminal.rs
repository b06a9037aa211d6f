//! In a real terminal, of its own: it is as it was before, however `rmq top` ends.
//!
//! This very program runs in it: started again with [`ROLE`] set, its test `what_runs_in_the_terminal` is that.
#![allow(clippy::unwrap_used)]

use admin::Admin;
use base::Clock;
use client::{Client, ClientConfig};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    env,
    io::{Read, Write},
    num::NonZero,
    process,
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};
use tui::{
    Look, Taken,
    live::{self, Ended, Options},
};

/// What is to run in the terminal: `live` or `panic`.
const ROLE: &str = "RMQ_TUI_TEST_ROLE";
/// Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nobody listens there: the screen says so.
const NOWHERE: &str = "127.0.0.1:1";
/// It was stopped by a signal: the shell's way to say so.
const SIGNALLED: u32 = 128;

#[test]
fn what_runs_in_the_terminal() {
    match env::var(ROLE).as_deref() {
        Ok("live") => process::exit(live()),
        Ok("panic") => {
            let mut taken = Taken::take().expect("it is a terminal");
            taken.terminal.draw(|frame| frame.render_widget("drawn", frame.area())).expect("it can be drawn on");
            // Not before somebody has seen it.
            std::io::stdin().read_exact(&mut [0]).expect("somebody presses a key");
            panic!("on purpose");
        }
        // It is the tests themselves that run.
        _ => {}
    }
}

fn live() -> i32 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started");
    let ended = runtime.block_on(async {
        let config = ClientConfig { request_timeout: Duration::from_millis(500), ..ClientConfig::new(NOWHERE) };
        let admin = Admin::on(&Client::start(config).expect("that is an address"));
        let look = Look { theme: tui::Theme::Sixteen, ..Look::default() };
        let every = Duration::from_millis(250);
        let (names, write, record, memory) = (NOWHERE.to_owned(), false, None, None);
        let options = Options { names, look, every, write, record, mouse: true, memory };
        live::run(admin, Clock::System, options).await.expect("it is a terminal")
    });
    match ended {
        Ended::Quit => 0,
        Ended::Signal(number) => SIGNALLED as i32 + i32::from(number),
    }
}

/// A terminal with something in it.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    /// Open as long as the test: else what was drawn last could be lost.
    _slave: Box<dyn SlavePty + Send>,
    keys: Box<dyn Write + Send>,
    drawn: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// How the terminal was set before.
    before: String,
    /// How often it was given back.
    given_back: usize,
    /// All that came.
    raw: String,
}

impl Terminal {
    fn with(role: &str) -> Self {
        let this = env::current_exe().unwrap();
        Self::of(role, &[this.to_str().unwrap(), "what_runs_in_the_terminal", "--exact", "--nocapture"])
    }

    fn of(role: &str, command: &[&str]) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let before = settings(&*pair.master);
        let mut builder = CommandBuilder::new(command[0]);
        builder.args(&command[1..]);
        builder.env(ROLE, role);
        let child = pair.slave.spawn_command(builder).unwrap();
        let (to, drawn) = mpsc::channel();
        let mut reader = pair.master.try_clone_reader().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if to.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        let screen = vt100::Parser::new(lines(24), lines(80), 0);
        let (master, _slave) = (pair.master, pair.slave);
        Self { child, master, _slave, keys, drawn, screen, before, given_back: 0, raw: String::new() }
    }

    /// Reads what is drawn until it is so.
    #[track_caller]
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            let Ok(bytes) = self.drawn.recv_timeout(PATIENCE) else {
                panic!("{what} did not come; on the screen:\n{}", self.screen.screen().contents());
            };
            self.raw.push_str(&String::from_utf8_lossy(&bytes));
            for byte in bytes {
                let was_ours = self.screen.screen().alternate_screen();
                self.screen.process(&[byte]);
                self.given_back += usize::from(was_ours && !self.screen.screen().alternate_screen());
            }
        }
    }

    fn has_the_mouse(&self) -> bool {
        self.screen.screen().mouse_protocol_mode() != vt100::MouseProtocolMode::None
    }

    #[track_caller]
    fn shows(&mut self, words: &str) {
        self.until(words, |it| it.screen.screen().contents().contains(words));
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.process_id().and_then(|pid| Pid::from_raw(pid as i32)).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// It has ended, and the terminal is as it was.
    #[track_caller]
    fn ends(mut self, code: u32) -> Self {
        self.until("the end of it", |it| !it.screen.screen().alternate_screen() && !it.screen.screen().hide_cursor());
        assert_eq!(self.child.wait().unwrap().exit_code(), code, "{}", self.screen.screen().contents());
        assert_eq!(settings(&*self.master), self.before);
        assert!(!self.has_the_mouse(), "the mouse is the terminal's again");
        self
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended if the test went well.
        let _ = self.child.kill();
    }
}

fn lines(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

/// Whether keys are shown, come line by line, and so on.
fn settings(master: &dyn MasterPty) -> String {
    let set = master.get_termios().expect("a terminal has settings");
    format!("{:?} {:?} {:?}", set.input_flags, set.output_flags, set.local_flags)
}

/// The screen of a cluster that cannot be reached.
fn shown() -> Terminal {
    let mut terminal = Terminal::with("live");
    terminal.shows("! no answer");
    terminal.shows(NOWHERE);
    assert!(terminal.screen.screen().hide_cursor() && terminal.screen.screen().alternate_screen());
    assert_ne!(settings(&*terminal.master), terminal.before, "it is raw meanwhile");
    terminal
}

#[test]
fn a_key_ends_it() {
    for key in ["q", "\x03", ":q\r"] {
        let mut terminal = shown();
        terminal.press(key);
        terminal.ends(0);
    }
}

#[test]
fn sigterm_and_sighup_end_it() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::HUP, 1), (Signal::INT, 0)] {
        let terminal = shown();
        terminal.signal(signal);
        terminal.ends(if number == 0 { 0 } else { SIGNALLED + number });
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_seen() {
    let mut terminal = Terminal::with("panic");
    terminal.shows("drawn");
    terminal.press("x");
    terminal.ends(101).shows("on purpose");
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_it_is_taken_again() {
    let mut terminal = shown();
    terminal.press("\x1a");
    terminal.until("the shell's screen", |it| it.given_back == 1);
    // No shell waits here, so that the system does not stop it: it goes on at once.
    terminal.until("the screen again", |it| it.screen.screen().alternate_screen());
    terminal.shows("! no answer");
    terminal.until("the mouse again", Terminal::has_the_mouse);
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn a_stop_from_elsewhere_gives_the_terminal_to_the_shell_and_fg_takes_it_again() {
    // A shell with job control; it says so when its job has stopped, and goes on with it after a line.
    let script = "\"$0\" what_runs_in_the_terminal --exact --nocapture; echo it has stopped; read line; fg";
    let mut terminal = Terminal::of("live", &["sh", "-mc", script, env::current_exe().unwrap().to_str().unwrap()]);
    terminal.shows("! no answer");
    let job = terminal.master.process_group_leader().and_then(Pid::from_raw).unwrap();
    kill_process(job, Signal::TSTP).unwrap();
    terminal.shows("it has stopped");
    assert_eq!((terminal.given_back, terminal.has_the_mouse()), (1, false));
    assert_eq!(settings(&*terminal.master), terminal.before);
    terminal.press("\n");
    terminal.until("the screen again", |it| it.screen.screen().alternate_screen());
    terminal.shows("! no answer");
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn clicks_are_heard_and_what_is_copied_goes_to_the_clipboard_of_the_terminal() {
    let mut terminal = shown();
    terminal.until("the mouse", Terminal::has_the_mouse);
    terminal.press("?");
    terminal.shows("show this help");
    // The third row: left button, column 5, line 6, and let go.
    terminal.press("\x1b[<0;5;6M\x1b[<0;5;6m");
    terminal.shows("> Enter");
    terminal.press("c");
    terminal.shows("programs do so: Enter");
    assert!(terminal.raw.contains("\x1b]52;c;RW50ZXI=\x07"), "base64 of Enter");
    terminal.press("q");
    assert!(!terminal.ends(0).has_the_mouse());
}

#[test]
fn it_is_drawn_anew_for_another_size() {
    let mut terminal = shown();
    let size = PtySize { rows: 10, cols: 40, pixel_width: 0, pixel_height: 0 };
    terminal.screen.screen_mut().set_size(lines(10), lines(40));
    terminal.master.resize(size).unwrap();
    terminal.shows("is 40x10");
    terminal.press("q");
    terminal.ends(0);
}

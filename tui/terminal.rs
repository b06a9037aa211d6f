//! The terminal, taken and given back: when it is dropped, at a panic, and while the shell has us stopped.

use base64::{Engine, engine::general_purpose::STANDARD};
use crossterm::{
    cursor, execute,
    style::Print,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
use std::{
    io::{self, Stdout, stdout},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Whether it is ours now: giving it back twice would move the shell's cursor.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether the mouse is ours as long as the terminal is.
static MOUSE: AtomicBool = AtomicBool::new(false);
/// Clicks and the wheel are told, but not each move (xterm's 1000), in numbers of any size (1006).
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
/// So long it may take until a signal has stopped all threads; where no shell waits, it goes on after that.
const STOPS_WITHIN: Duration = Duration::from_millis(100);
/// No longer.
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// A terminal that is ours.
pub struct Taken {
    /// To draw on.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Taken {
    /// Takes it: raw, with a screen of its own.
    ///
    /// # Errors
    /// If there is none.
    pub fn take() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |what| {
                give_back();
                before(what);
            }));
        });
        begin()?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout())).inspect_err(|_| give_back())?;
        Ok(Self { terminal })
    }

    /// Takes the mouse, too, until the terminal is given back for good.
    ///
    /// # Errors
    /// If the terminal cannot be written to.
    pub fn take_mouse(&mut self) -> io::Result<()> {
        MOUSE.store(true, Ordering::SeqCst);
        execute!(stdout(), Print(MOUSE_ON))
    }

    /// Hands a text to the terminal's clipboard (OSC 52). No terminal says whether it took it.
    ///
    /// # Errors
    /// If the terminal cannot be written to.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(stdout(), Print(format!("\x1b]52;c;{}\x07", STANDARD.encode(text))))
    }

    /// Sends all of a pipeline what the terminal's own Ctrl-Z would; what it does to us is [`Taken::stop`].
    ///
    /// # Errors
    /// If the system does not allow it.
    pub fn suspend() -> io::Result<()> {
        Ok(kill_current_process_group(Signal::TSTP)?)
    }

    /// Gives it back, lets the shell stop us, and takes it again once the shell goes on with us.
    ///
    /// # Errors
    /// If it cannot be taken again.
    pub fn stop(&mut self) -> io::Result<()> {
        give_back();
        // SIGTSTP is ours, so another one stops us: of those that the system drops where no shell waits to go on with us.
        kill_process(getpid(), Signal::TTIN)?;
        // Another thread may be the one that gets it: the terminal must not be taken again before all are stopped.
        std::thread::sleep(STOPS_WITHIN);
        begin()?;
        // All is drawn anew. `clear` would ask the terminal where the cursor is, and wait for an answer.
        self.terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        Ok(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

fn begin() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    let mouse = if MOUSE.load(Ordering::SeqCst) { MOUSE_ON } else { "" };
    let begun = enable_raw_mode().and_then(|()| execute!(stdout(), EnterAlternateScreen, cursor::Hide, Print(mouse)));
    begun.inspect_err(|_| give_back())
}

/// Whoever finds that it cannot be given back has nobody to tell.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mouse = if MOUSE.load(Ordering::SeqCst) { MOUSE_OFF } else { "" };
        let _ = execute!(stdout(), Print(mouse), LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

//! The terminal, taken and given back: when it is dropped, at a panic, and while the shell has us stopped.

use crossterm::{
    cursor, execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};
use rustix::process::{Signal, kill_current_process_group};
use std::{
    io::{self, Stdout, stdout},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

/// Whether it is ours now: giving it back twice would move the shell's cursor.
static TAKEN: AtomicBool = AtomicBool::new(false);

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

    /// Gives it back, lets the shell stop us, and takes it again once the shell goes on with us.
    ///
    /// # Errors
    /// If it cannot be taken again.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // All of a pipeline, as the terminal's own Ctrl-Z would.
        kill_current_process_group(Signal::TSTP)?;
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
    let begun = enable_raw_mode().and_then(|()| execute!(stdout(), EnterAlternateScreen, cursor::Hide));
    begun.inspect_err(|_| give_back())
}

/// Whoever finds that it cannot be given back has nobody to tell.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

//! What goes on while nodes come and go: a line for each that is done, and on a terminal what is waited for.

use crate::failure::say;
use ::cluster::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Tells what goes on, until it is dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Begins.
    pub fn begin() -> Self {
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        // Hidden where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())) }
    }

    /// Says it, if it is worth a line.
    pub fn tell(&self, event: Event<'_>) {
        let line = match event {
            Event::PortTaken { node, wanted } => {
                format!("port {wanted} is taken: {} gets {}", node.name, node.listen.port())
            }
            Event::Started { node, .. } => return self.meanwhile(format!("{} starts", node.name)),
            Event::Waiting { node, why } => return self.meanwhile(format!("{}: {why}", node.name)),
            Event::Ready { node, after } => {
                format!("{} serves at {} after {} ms", node.name, node.listen, after.as_millis())
            }
            Event::Stopping { node } => return self.meanwhile(format!("{} stops", node.name)),
            Event::Stopped { node, killed: false } => format!("{} has stopped", node.name),
            Event::Stopped { node, killed: true } => format!("{} did not stop when asked, and was killed", node.name),
            Event::Killed { node, pid } => format!("{} is killed (was process {pid})", node.name),
        };
        self.bar.suspend(|| say(&line));
    }

    fn meanwhile(&self, message: String) {
        self.bar.set_message(message);
        self.bar.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

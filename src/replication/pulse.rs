//! When to say something on a connection that is silent, and when to give up one whose other end is. Both ends have it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// Less makes no sense, and nothing would do no work between two beats.
const LEAST: Duration = Duration::from_millis(1);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Nothing was said for as long as a heartbeat takes.
    Speak,
    /// Nothing was heard for too long: this long.
    Silence(Duration),
}

/// The times of one connection.
#[derive(Debug)]
pub(crate) struct Pulse {
    heartbeat: Duration,
    silence: Duration,
    heard: Instant,
    said: Instant,
    /// Ends at or before the next thing that is due: what is heard and said only makes things due later, and setting a
    /// timer anew for each of them would cost more than a look now and then.
    timer: Pin<Box<Sleep>>,
}

impl Pulse {
    /// Something is said at least every `heartbeat`, and heard within `silence`; counted from now.
    pub fn new(heartbeat: Duration, silence: Duration) -> Self {
        let (heartbeat, silence, now) = (heartbeat.max(LEAST), silence.max(LEAST), Instant::now());
        Self { heartbeat, silence, heard: now, said: now, timer: Box::pin(sleep(heartbeat.min(silence))) }
    }

    /// The other end said something.
    pub fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// This end said something.
    pub fn said(&mut self) {
        self.said = Instant::now();
    }

    /// What is due; [`Beat::Speak`] only while it can speak, and then it counts as said.
    pub fn poll(&mut self, cx: &mut Context<'_>, can_speak: bool) -> Poll<Beat> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let silent = now.saturating_duration_since(self.heard);
            if silent >= self.silence {
                return Poll::Ready(Beat::Silence(silent));
            }
            let speaks = can_speak && now.saturating_duration_since(self.said) >= self.heartbeat;
            if speaks {
                self.said = now;
            }
            let next = match self.said + self.heartbeat {
                over if over <= now => now + self.heartbeat,
                next => next,
            };
            self.timer.as_mut().reset(next.min(self.heard + self.silence));
            if speaks {
                return Poll::Ready(Beat::Speak);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::advance;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_speaks_when_nothing_was_said_and_gives_up_when_nothing_was_heard() {
        let start = Instant::now();
        let mut pulse = Pulse::new(5 * SECOND, 20 * SECOND);
        assert_eq!(poll_fn(|cx| pulse.poll(cx, true)).await, Beat::Speak);
        assert_eq!(start.elapsed(), 5 * SECOND);
        advance(3 * SECOND).await;
        pulse.said();
        pulse.heard();
        for seconds in [13, 18, 23] {
            assert_eq!(poll_fn(|cx| pulse.poll(cx, true)).await, Beat::Speak);
            assert_eq!(start.elapsed(), seconds * SECOND);
        }
        assert_eq!(poll_fn(|cx| pulse.poll(cx, false)).await, Beat::Silence(20 * SECOND));
    }
}

//! Where questions, state and screen meet: one loop. And without a screen: as many pictures as are wanted.

use crate::{
    deeds::Deeds,
    feed::{Answer, Feed},
    look::Look,
    remembered::Memory,
    screens,
    state::{Effect, Event, State},
    terminal::Taken,
};
use admin::{Admin, Error};
use base::Clock;
use crossterm::event::{Event as Heard, EventStream, KeyEventKind};
use futures_util::StreamExt;
use rustix::process::Signal;
use std::{io, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

/// How often ages on the screen are renewed, and it is seen whether to ask.
const TICK: Duration = Duration::from_millis(250);

/// What is shown, and how.
pub struct Options {
    /// The name servers, to be shown.
    pub names: String,
    /// What the terminal can show.
    pub look: Look,
    /// How often it is asked.
    pub every: Duration,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// Where choices are remembered, and what is to be told of it.
    pub memory: Option<(Memory, Option<String>)>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody wanted it so.
    Quit,
    /// By a signal: its number.
    Signal(u8),
}

/// Shows the cluster until somebody ends it. The terminal is given back in any case.
///
/// # Errors
/// If the terminal cannot be used.
pub async fn run(admin: Admin, clock: Clock, options: Options) -> io::Result<Ended> {
    let (mut end, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut stop = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    let mut taken = Taken::take()?;
    let size = taken.terminal.size()?;
    let mut keys = EventStream::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut feed = Feed::new(admin, clock.clone());
    let Options { names, look, every, mouse, memory } = options;
    let mut state = State::new(names, look, every, (size.width, size.height), clock.now_ms());
    let mut deeds = Deeds::new(memory, &mut state);
    if mouse {
        taken.take_mouse()?;
    }
    loop {
        let event = tokio::select! {
            _ = ticks.tick() => Event::Tick(clock.now_ms()),
            answer = feed.answer() => Event::Answer(answer, clock.now_ms()),
            heard = keys.next() => match heard {
                Some(Ok(Heard::Key(key))) if key.kind != KeyEventKind::Release => Event::Key(key),
                Some(Ok(Heard::Mouse(event))) => Event::Mouse(event),
                Some(Ok(Heard::Resize(columns, rows))) => Event::Resize(columns, rows),
                Some(Ok(_)) => continue,
                // The terminal is gone.
                Some(Err(error)) => return Err(error),
                None => return Ok(deeds.end(&state, Ended::Signal(1))),
            },
            _ = stop.recv() => {
                taken.stop()?;
                Event::Tick(clock.now_ms())
            }
            _ = interrupt.recv() => return Ok(deeds.end(&state, Ended::Quit)),
            _ = end.recv() => return Ok(deeds.end(&state, Ended::Signal(15))),
            _ = hangup.recv() => return Ok(deeds.end(&state, Ended::Signal(1))),
        };
        for effect in state.update(event) {
            match effect {
                Effect::Ask(question) => feed.ask(question),
                Effect::Quit => return Ok(deeds.end(&state, Ended::Quit)),
                effect => deeds.carry_out(effect, &mut state, &mut taken)?,
            }
        }
        taken.terminal.draw(|frame| screens::draw(&state, frame))?;
    }
}

/// Pictures without a screen.
pub struct Pictures {
    admin: Admin,
    clock: Clock,
    state: State,
}

impl Pictures {
    /// Asks nothing yet.
    pub fn new(admin: Admin, clock: Clock, options: Options) -> Self {
        let Options { names, look, every, .. } = options;
        let state = State::new(names, look, every, (0, 0), clock.now_ms());
        Self { admin, clock, state }
    }

    /// Takes one. The first has no rates.
    ///
    /// # Errors
    /// If no name server answers.
    pub async fn next(&mut self) -> Result<(), Error> {
        let picture = self.admin.snapshot(&self.clock, true).await?;
        let answer = Answer::Picture { groups: true, got: Ok(Box::new(picture)) };
        // An answer has no effects.
        self.state.update(Event::Answer(answer, self.clock.now_ms()));
        Ok(())
    }

    /// What the pictures so far say.
    pub fn state(&self) -> &State {
        &self.state
    }
}

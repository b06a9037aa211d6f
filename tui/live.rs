//! Where questions, state and screen meet: one loop. And without a screen: as many pictures as are wanted.

use crate::{
    deeds::Deeds,
    feed::{Answer, Feed, Question},
    look::Look,
    recording::{Recorder, Recording},
    remembered::Memory,
    replaying::Replay,
    screens,
    state::{Effect, Event, State},
    surveying::Survey,
    terminal::Taken,
    words::Lang,
};
use admin::{Admin, Error};
use base::Clock;
use crossterm::event::{Event as Heard, EventStream, KeyEventKind};
use futures_util::StreamExt;
use rustix::process::Signal;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval},
};

/// How often it is seen whether to ask.
const TICK: Duration = Duration::from_millis(250);
/// How often ages on the screen are renewed where nothing else happens: they are told in seconds.
const AGES: Duration = Duration::from_secs(1);
/// So long the end of a recording is shown that begins again.
const STAYS: Duration = Duration::from_secs(3);

/// What is shown, and how.
pub struct Options {
    /// The name servers, to be shown.
    pub names: String,
    /// What the terminal can show.
    pub look: Look,
    /// How often it is asked.
    pub every: Duration,
    /// Whether orders are taken.
    pub write: bool,
    /// Where every answer is written.
    pub record: Option<Recorder>,
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

/// Where answers come from.
enum Source {
    Live(Feed, Clock),
    Recorded(Replay),
}

impl Source {
    fn now_ms(&self) -> i64 {
        match self {
            Self::Live(_, clock) => clock.now_ms(),
            Self::Recorded(replay) => replay.now_ms(),
        }
    }

    fn ask(&mut self, question: Question) {
        match self {
            Self::Live(feed, _) => feed.ask(question),
            Self::Recorded(replay) => replay.ask(&question),
        }
    }

    /// The next answer, and when it came, ms.
    async fn answer(&mut self) -> (Answer, i64) {
        match self {
            Self::Live(feed, clock) => {
                let answer = feed.answer().await;
                (answer, clock.now_ms())
            }
            Self::Recorded(replay) => replay.answer().await,
        }
    }
}

/// Shows the cluster until somebody ends it. The terminal is given back in any case.
///
/// # Errors
/// If the terminal cannot be used.
pub async fn run(admin: Admin, clock: Clock, options: Options) -> io::Result<Ended> {
    let Options { names, look, every, write, record, mouse, memory } = options;
    let mut state = State::new(names, look, every, (0, 0), clock.now_ms());
    state.write = write;
    let source = Source::Live(Feed::new(admin, clock.clone()), clock);
    show(source, state, Manner { record, mouse, memory, again: false }).await
}

/// Shows a recording until somebody ends it; at its end it stays, or begins again.
///
/// # Errors
/// If the terminal cannot be used.
pub async fn replay(recording: Arc<Recording>, look: Look, mouse: bool, again: bool) -> io::Result<Ended> {
    let mut state = State::replaying(&recording, look, (0, 0));
    state.told = recording.broken_off().map(|line| look.lang.fill("the recording breaks off after line {}", &[&line]));
    show(Source::Recorded(Replay::of(recording)), state, Manner { record: None, mouse, memory: None, again }).await
}

/// How a source is shown.
struct Manner {
    /// Where every answer is written.
    record: Option<Recorder>,
    /// Whether the mouse is used.
    mouse: bool,
    /// Where choices are remembered, and what is to be told of it.
    memory: Option<(Memory, Option<String>)>,
    /// Whether a recording begins again at its end.
    again: bool,
}

async fn show(mut source: Source, mut state: State, manner: Manner) -> io::Result<Ended> {
    let Manner { mut record, mouse, memory, again } = manner;
    let (mut end, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut stop = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    let mut taken = Taken::take()?;
    let size = taken.terminal.size()?;
    state.update(Event::Resize(size.width, size.height));
    let mut keys = EventStream::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drawn = None;
    let mut deeds = Deeds::new(memory, &mut state);
    if mouse {
        taken.take_mouse()?;
    }
    loop {
        let event = tokio::select! {
            _ = ticks.tick() => Event::Tick(source.now_ms()),
            (answer, at_ms) = source.answer() => {
                state.told = keep(&mut record, state.look.lang, &answer, at_ms).or(state.told.take());
                Event::Answer(answer, at_ms)
            }
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
                Event::Tick(source.now_ms())
            }
            _ = interrupt.recv() => return Ok(deeds.end(&state, Ended::Quit)),
            _ = end.recv() => return Ok(deeds.end(&state, Ended::Signal(15))),
            _ = hangup.recv() => return Ok(deeds.end(&state, Ended::Signal(1))),
        };
        let is_tick = matches!(event, Event::Tick(_));
        let mut effects = state.update(event);
        if let (Source::Recorded(replay), Some(playing)) = (&mut source, state.playing) {
            // What was asked for just now may be of long ago.
            effects.extend(state.update(Event::Tick(replay.now_ms())));
            replay.go(if state.paused { 0.0 } else { playing.speed });
            if again && replay.over_for().is_some_and(|over| over >= STAYS) {
                effects.push(Effect::Restart);
            }
        }
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Ask(question) => source.ask(question),
                Effect::Restart => {
                    if let Source::Recorded(replay) = &mut source {
                        replay.restart();
                        effects.extend(state.update(Event::Restarted(replay.now_ms())));
                    }
                }
                Effect::Quit => return Ok(deeds.end(&state, Ended::Quit)),
                effect => deeds.carry_out(effect, &mut state, &mut taken)?,
            }
        }
        if !is_tick || drawn.is_none_or(|drawn: Instant| drawn.elapsed() >= AGES) {
            taken.terminal.draw(|frame| screens::draw(&state, frame))?;
            drawn = Some(Instant::now());
        }
    }
}

/// Writes an answer down; what there is to tell if that fails, after which nothing is.
fn keep(record: &mut Option<Recorder>, lang: Lang, answer: &Answer, at_ms: i64) -> Option<String> {
    let error = record.as_mut()?.write(answer, at_ms).err()?;
    *record = None;
    Some(lang.fill("recording has ended, it cannot be written: {}", &[&error]))
}

/// Pictures without a screen.
pub struct Pictures {
    admin: Admin,
    clock: Clock,
    /// Asks what is surveyed, and remembers what members said.
    feed: Feed,
    state: State,
    record: Option<Recorder>,
    survey: Survey,
}

impl Pictures {
    /// Asks nothing yet.
    pub fn new(admin: Admin, clock: Clock, options: Options) -> Self {
        let Options { names, look, every, record, .. } = options;
        let state = State::new(names, look, every, (0, 0), clock.now_ms());
        let feed = Feed::new(admin.clone(), clock.clone());
        Self { admin, clock, feed, state, record, survey: Survey::default() }
    }

    /// Takes one. The first has no rates.
    ///
    /// # Errors
    /// If no name server answers.
    pub async fn next(&mut self) -> Result<(), Error> {
        let picture = self.admin.snapshot(&self.clock, true).await?;
        let answer = Answer::Picture { groups: true, got: Ok(Box::new(picture)) };
        let at_ms = self.clock.now_ms();
        let trouble = keep(&mut self.record, self.state.look.lang, &answer, at_ms);
        // An answer has no effects.
        self.state.update(Event::Answer(answer, at_ms));
        self.state.told = trouble;
        Ok(())
    }

    /// Asks whatever a screen could ask that was not asked for a while, to be recorded.
    pub async fn survey(&mut self) {
        if let Some((picture, _)) = &self.state.picture {
            self.feed.note(picture);
            self.survey.learn(&Answer::Picture { groups: true, got: Ok(Box::new(picture.clone())) });
        }
        let questions = self.survey.due(self.clock.now_ms());
        let count = questions.len();
        questions.into_iter().for_each(|question| self.feed.ask(question));
        for _ in 0..count {
            let answer = self.feed.answer().await;
            self.survey.learn(&answer);
            let trouble = keep(&mut self.record, self.state.look.lang, &answer, self.clock.now_ms());
            self.state.told = self.state.told.take().or(trouble);
        }
    }

    /// What the pictures so far say.
    pub fn state(&self) -> &State {
        &self.state
    }
}

/// Pictures of a recording, without a screen.
pub struct Recorded {
    replay: Replay,
    state: State,
    /// So many pictures are not wanted.
    skip: usize,
}

impl Recorded {
    /// The last `count` of them; fewer if it has fewer.
    pub fn last(recording: Arc<Recording>, look: Look, count: usize) -> Self {
        let state = State::replaying(&recording, look, (0, 0));
        let skip = recording.pictures().saturating_sub(count);
        Self { replay: Replay::of(recording), state, skip }
    }

    /// What was known with the next of them.
    pub fn advance(&mut self) -> Option<&State> {
        while let Some((answer, at_ms)) = self.replay.due(i64::MAX) {
            let is_picture = matches!(answer, Answer::Picture { got: Ok(_), .. });
            self.state.update(Event::Answer(answer, at_ms));
            match self.skip.checked_sub(1) {
                Some(left) if is_picture => self.skip = left,
                None if is_picture => return Some(&self.state),
                _ => {}
            }
        }
        None
    }
}

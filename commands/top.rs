//! `rmq top`: the whole cluster on one screen, live; without a terminal the same as a table or as JSON.

use crate::{
    failure::{Failure, Kind},
    log, output, reach, table, when,
};
use base::Clock;
use etcetera::BaseStrategy;
use std::{
    io::{IsTerminal, stdin, stdout},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tui::{
    Lang, Look, Memory, Remembered, State, Theme,
    live::{self, Ended, Options, Pictures},
};

mod recordings;

/// Watch a whole cluster on one screen: rates, lags, flush, replication, disks
#[derive(Debug, clap::Args)]
#[command(mut_arg("namesrv", |argument| argument.short(None)))]
#[command(after_help = "\
Examples:
  rmq top                             ? shows the keys
  rmq top --once                      the same as a table; so it is where there is no terminal
  rmq top -o json | jq .total
  rmq top -n 60 -d 1 -o jsonl         a line a second for a minute
  rmq top --demo                      look around without a cluster
  rmq top --record night.rec          keep what is seen; --replay night.rec shows it again

Rates are what happened in between two pictures: --once takes two. What is not known is ? (null in JSON) and never 0; the
reason stands below (in the field `unknown`). Ends with 6 if a broker did not answer.

A recording has every answer that came, so also those of the screens that were looked at. It is JSON, a line each, compressed:
zcat shows it. Printed are its last pictures. Played, space stops it, + and - change its speed, and r begins again.")]
pub struct Arguments {
    /// Print one picture and end
    #[arg(long)]
    once: bool,
    /// Print so many pictures and end
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// How often to ask
    /// [default: 1s, or as it was chosen the last time with + and -]
    #[arg(short = 'd', long, value_name = "TIME", value_parser = when::duration)]
    every: Option<Duration>,
    /// How to print
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    /// No characters beyond ASCII [default: if the locale is not UTF-8]
    #[arg(long)]
    ascii: bool,
    /// The colours [default: what was chosen the last time with T; else what the terminal can, none with NO_COLOR]
    #[arg(long, value_enum)]
    theme: Option<Colours>,
    /// The language of headings and help [default: that of the locale]
    #[arg(long, value_enum)]
    lang: Option<Language>,
    /// Leave the mouse to the terminal, to select text
    #[arg(long)]
    no_mouse: bool,
    /// Take orders (x, or `:` and what to do): reset offsets, drain brokers, resend dead letters, delete. Each shows what it
    /// would change and is done once the name of what it concerns was typed
    #[arg(long, conflicts_with_all = ["replay", "demo"])]
    write: bool,
    /// Write every answer to this file
    #[arg(long, value_name = "FILE", help_heading = "Recordings")]
    record: Option<PathBuf>,
    /// Write over the file if it exists
    #[arg(long, requires = "record", help_heading = "Recordings")]
    force: bool,
    /// Ask all that any screen could ask, as tests/demo/record.sh does
    #[arg(long, requires = "record", hide = true)]
    record_all: bool,
    /// Show what was recorded, without a cluster
    #[arg(long, value_name = "FILE", conflicts_with = "record", help_heading = "Recordings")]
    replay: Option<PathBuf>,
    /// Show a recording that comes along: two masters with slaves, work for them, and trouble
    #[arg(long, conflicts_with_all = ["record", "replay"], help_heading = "Recordings")]
    demo: bool,
    #[command(flatten)]
    reach: reach::Reach,
}

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Columns.
    Table,
    /// JSON.
    Json,
    /// JSON, one line a picture.
    Jsonl,
}

/// Colours for a background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Colours {
    /// For a dark background, of 256 colours.
    Dark,
    /// For a light background, of 256 colours.
    Light,
    /// The 16 that any terminal has, as it has them.
    #[value(name = "16")]
    Sixteen,
    /// None.
    Mono,
}

impl From<Colours> for Theme {
    fn from(colours: Colours) -> Self {
        match colours {
            Colours::Dark => Self::Dark,
            Colours::Light => Self::Light,
            Colours::Sixteen => Self::Sixteen,
            Colours::Mono => Self::Mono,
        }
    }
}

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

impl From<Language> for Lang {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::English,
            Language::Zh => Self::Chinese,
        }
    }
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        matches!(self.output, Some(Output::Json | Output::Jsonl))
    }
}

/// Shows it.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, async move {
        let Arguments {
            once,
            count,
            every,
            output,
            ascii,
            theme,
            lang,
            no_mouse,
            write,
            record,
            force,
            record_all,
            replay,
            demo,
            reach,
        } = arguments;
        let mut look = Look::of_environment(|name| std::env::var(name).ok());
        look.ascii |= ascii;
        look.lang = lang.map_or(look.lang, Lang::from);
        let is_live = !once && count.is_none() && output.is_none() && stdin().is_terminal() && stdout().is_terminal();
        // What is printed, and a recording, depend on nothing that was chosen at another time.
        let is_recorded = replay.is_some() || demo;
        let memory = memory().filter(|_| is_live && !is_recorded).map(Memory::of);
        let Remembered { theme: last, every_ms, .. } =
            memory.as_ref().map(|(memory, _)| memory.kept()).unwrap_or_default();
        let every = every.or(every_ms.map(Duration::from_millis)).unwrap_or(Duration::from_secs(1));
        look.theme = match (theme, last) {
            (Some(theme), _) => theme.into(),
            (None, Some(last)) if look.theme != Theme::Mono => last,
            (None, _) => look.theme,
        };
        let (count, output) = (count.unwrap_or(1), output.unwrap_or(Output::Table));
        let recording = match &replay {
            Some(file) => Some(recordings::read(file)?),
            None if demo => Some(recordings::demo()?),
            None => None,
        };
        let ended = match recording {
            Some(recording) if is_live => live::replay(Arc::new(recording), look, !no_mouse, demo).await,
            Some(recording) => return recordings::print(Arc::new(recording), look, count, output),
            None => {
                let reach = reach.settled().await;
                let names = reach.names();
                let record = record.map(|file| recordings::begin(&file, force, &names, every)).transpose()?;
                let options = Options { names, look, every, write, record, mouse: !no_mouse, memory };
                if !is_live {
                    return print(&reach, options, count, output, record_all).await;
                }
                live::run(reach.admin()?, Clock::System, options).await
            }
        };
        match ended.map_err(|error| Failure::new(Kind::Failed, format!("cannot use the terminal: {error}")))? {
            Ended::Quit => Ok(()),
            Ended::Signal(number) => Err(Failure::told(128 + number)),
        }
    })
}

/// Where choices are remembered: `rmq/top.json` in `$XDG_STATE_HOME`, or `~/.local/state`.
fn memory() -> Option<PathBuf> {
    let place = etcetera::base_strategy::Xdg::new().ok()?;
    Some(place.state_dir().unwrap_or_else(|| place.data_dir()).join("rmq/top.json"))
}

/// Prints pictures; fails in the end if the last of them lacks brokers.
async fn print(
    reach: &reach::Reach,
    options: Options,
    count: u64,
    output: Output,
    record_all: bool,
) -> Result<(), Failure> {
    let every = options.every;
    let mut pictures = Pictures::new(reach.admin()?, Clock::System, options);
    reach.within(async { Ok(pictures.next().await?) }).await?;
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    let mut silent = Vec::new();
    for at in 0..count {
        ticks.tick().await;
        reach.within(async { Ok(pictures.next().await?) }).await?;
        if record_all {
            pictures.survey().await;
        }
        let state = pictures.state();
        if let Some(told) = &state.told {
            eprintln!("{told}");
        }
        show(state, output, at == 0)?;
        silent = state.silent();
    }
    all_answered(&silent)
}

/// Prints what is known.
fn show(state: &State, output: Output, is_first: bool) -> Result<(), Failure> {
    match output {
        Output::Table if !is_first => output::print(format_args!("\n{}", tables(state))),
        Output::Table => output::print(tables(state)),
        Output::Json => output::json(&tui::json(state)),
        Output::Jsonl => output::print(tui::json(state)),
    }
}

fn all_answered(silent: &[String]) -> Result<(), Failure> {
    if silent.is_empty() {
        return Ok(());
    }
    Err(Failure::partly(format!("brokers that did not answer: {}", silent.join(", "))))
}

fn tables(state: &State) -> String {
    let shown = tui::text(state).into_iter().map(|part| {
        let mut lines = vec![part.title];
        if !part.rows.is_empty() {
            lines.push(table::render(&part.headings, part.rows));
        }
        lines.extend(part.notes.into_iter().map(|note| format!("  {note}")));
        lines.join("\n")
    });
    shown.collect::<Vec<_>>().join("\n\n")
}

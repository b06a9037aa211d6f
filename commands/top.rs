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
    time::Duration,
};
use tui::{
    Lang, Look, Memory, Remembered, State, Theme,
    live::{self, Ended, Options, Pictures},
};

/// Watch a whole cluster on one screen: rates, lags, flush, replication, disks
#[derive(Debug, clap::Args)]
#[command(mut_arg("namesrv", |argument| argument.short(None)))]
#[command(after_help = "\
Examples:
  rmq top                             ? shows the keys
  rmq top --once                      the same as a table; so it is where there is no terminal
  rmq top -o json | jq .total
  rmq top -n 60 -d 1 -o jsonl         a line a second for a minute

Rates are what happened in between two pictures: --once takes two. What is not known is ? (null in JSON) and never 0; the
reason stands below (in the field `unknown`). Ends with 6 if a broker did not answer.")]
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
        let Arguments { once, count, every, output, ascii, theme, lang, no_mouse, reach } = arguments;
        let reach = reach.settled().await;
        let mut look = Look::of_environment(|name| std::env::var(name).ok());
        look.ascii |= ascii;
        look.lang = lang.map_or(look.lang, Lang::from);
        let is_live = !once && count.is_none() && output.is_none() && stdin().is_terminal() && stdout().is_terminal();
        // What is printed depends on nothing that was chosen at another time.
        let memory = memory().filter(|_| is_live).map(Memory::of);
        let Remembered { theme: last, every_ms, .. } =
            memory.as_ref().map(|(memory, _)| memory.kept()).unwrap_or_default();
        let every = every.or(every_ms.map(Duration::from_millis)).unwrap_or(Duration::from_secs(1));
        look.theme = match (theme, last) {
            (Some(theme), _) => theme.into(),
            (None, Some(last)) if look.theme != Theme::Mono => last,
            (None, _) => look.theme,
        };
        let options = Options { names: reach.names(), look, every, mouse: !no_mouse, memory };
        if !is_live {
            return print(&reach, options, count.unwrap_or(1), output.unwrap_or(Output::Table)).await;
        }
        let ended = live::run(reach.admin()?, Clock::System, options).await;
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
async fn print(reach: &reach::Reach, options: Options, count: u64, output: Output) -> Result<(), Failure> {
    let every = options.every;
    let mut pictures = Pictures::new(reach.admin()?, Clock::System, options);
    reach.within(async { Ok(pictures.next().await?) }).await?;
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    let mut silent = Vec::new();
    for at in 0..count {
        ticks.tick().await;
        reach.within(async { Ok(pictures.next().await?) }).await?;
        let state = pictures.state();
        match output {
            Output::Table if at > 0 => output::print(format_args!("\n{}", tables(state)))?,
            Output::Table => output::print(tables(state))?,
            Output::Json => output::json(&tui::json(state))?,
            Output::Jsonl => output::print(tui::json(state))?,
        }
        silent = state.silent();
    }
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

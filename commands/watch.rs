//! `--watch`: the same answer again, whenever it changes, until Ctrl-C.

use crate::{
    answer::{Answer, Form, Style},
    failure::{Failure, say},
    output,
    reach::Reach,
    when,
};
use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

/// To the upper left corner, and nothing below.
const CLEAR: &str = "\x1b[H\x1b[J";

/// The options of every question that can be asked again and again.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Shown {
    /// The form.
    #[command(flatten)]
    pub style: Style,
    /// Show it again whenever it changes, until Ctrl-C; JSON is then one line each
    #[arg(short, long)]
    watch: bool,
    /// How often to look
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = when::duration, requires = "watch")]
    every: Duration,
}

impl Shown {
    /// Asks and prints, once or again and again. Once something was shown, a cluster that is away for a while only is
    /// told so.
    ///
    /// # Errors
    /// Those of asking, and as [`Answer::print`].
    pub async fn show<F>(&self, reach: &Reach, ask: impl Fn() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<Answer, Failure>>,
    {
        if !self.watch {
            return reach.within(ask()).await?.print(self.style);
        }
        let clear = matches!(self.style.output, Form::Table | Form::Wide) && stdout().is_terminal();
        let mut shown: Option<String> = None;
        loop {
            match reach.within(ask()).await {
                Ok(answer) => {
                    let text = match self.style.output {
                        Form::Json => answer.document().to_string(),
                        Form::Yaml => format!("---\n{}", answer.text(Form::Yaml)?),
                        form => answer.text(form)?,
                    };
                    if shown.as_ref() != Some(&text) {
                        output::print(format_args!("{}{text}", if clear { CLEAR } else { "" }))?;
                        shown = Some(text);
                    }
                    if let Err(lacking) = answer.verdict() {
                        say(&format!("rmq: {}", lacking.message()));
                    }
                }
                Err(failure) if failure.is_retryable() && shown.is_some() => {
                    say(&format!("rmq: {}", failure.message()));
                }
                Err(failure) => return Err(failure),
            }
            tokio::time::sleep(self.every).await;
        }
    }
}

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
    /// Whether to ask again.
    #[command(flatten)]
    pub again: Again,
}

/// The options of asking again, for questions that have forms of their own.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Again {
    /// Show it again whenever it changes, until Ctrl-C; JSON is then one line each
    #[arg(short, long)]
    pub watch: bool,
    /// How often to look
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = when::duration, requires = "watch")]
    pub every: Duration,
}

impl Shown {
    /// Asks a cluster and prints, once or again and again.
    ///
    /// # Errors
    /// Those of asking, and as [`Answer::print`].
    pub async fn show<F>(&self, reach: &Reach, ask: impl Fn() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<Answer, Failure>>,
    {
        self.show_here(|| reach.within(ask())).await
    }

    /// The same for what is answered on this machine.
    ///
    /// # Errors
    /// As [`Shown::show`].
    pub async fn show_here<F>(&self, ask: impl Fn() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<Answer, Failure>>,
    {
        if !self.again.watch {
            return ask().await?.print(self.style);
        }
        let mut screen = Screen::new(Some(self.style.output));
        self.again
            .watch(&mut screen, ask, |screen, answer: Answer| {
                screen.show(answer.watched(self.style.output)?)?;
                if let Err(lacking) = answer.verdict() {
                    say(&format!("rmq: {}", lacking.message()));
                }
                Ok(())
            })
            .await
    }
}

impl Again {
    /// Asks and shows again and again. Once something was shown, a cluster that is away for a while only is told so.
    ///
    /// # Errors
    /// Those of asking and showing.
    pub async fn watch<T, F>(
        &self,
        screen: &mut Screen,
        ask: impl Fn() -> F,
        show: impl Fn(&mut Screen, T) -> Result<(), Failure>,
    ) -> Result<(), Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        loop {
            match ask().await {
                Ok(answer) => show(screen, answer)?,
                Err(failure) if failure.is_retryable() && screen.shown.is_some() => {
                    say(&format!("rmq: {}", failure.message()));
                }
                Err(failure) => return Err(failure),
            }
            tokio::time::sleep(self.every).await;
        }
    }
}

/// What was shown last, so that it is shown again only once it has changed.
pub struct Screen {
    clear: bool,
    shown: Option<String>,
}

impl Screen {
    /// Nothing shown yet. Tables on a terminal replace one another; `None` is a form that does not.
    pub fn new(form: Option<Form>) -> Self {
        let clear = matches!(form, Some(Form::Table | Form::Wide)) && stdout().is_terminal();
        Self { clear, shown: None }
    }

    /// Shows it, unless that is what was shown last.
    ///
    /// # Errors
    /// If nobody reads any more, or it cannot be written.
    pub fn show(&mut self, text: String) -> Result<(), Failure> {
        self.show_if(text.clone(), &text)
    }

    /// Shows the text, unless what matters of it is what mattered last: figures that never stand still do not.
    ///
    /// # Errors
    /// As [`Screen::show`].
    pub fn show_if(&mut self, matters: String, text: &str) -> Result<(), Failure> {
        if self.shown.as_ref() != Some(&matters) {
            output::print(format_args!("{}{text}", if self.clear { CLEAR } else { "" }))?;
            self.shown = Some(matters);
        }
        Ok(())
    }
}

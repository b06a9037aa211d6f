//! `rmq cluster logs`: what the nodes of a cluster wrote, as one text.

use super::Named;
use crate::{failure::Failure, output::Output};
use ::cluster::{Line, Logs, Node};
use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// SGR codes of colours that can be read on dark and on light.
const COLOURS: &[u8] = &[36, 33, 35, 32, 34, 31];

/// Print what the nodes logged, in the order of time
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    named: Named,
    /// Only this one
    node: Option<String>,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines of each node
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 100)]
    lines: usize,
}

/// Does what is asked.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let nodes = arguments.named.cluster()?.chosen(arguments.node.as_deref())?;
    let mut logs = Logs::of(&nodes);
    let mut printer = Printer::begin(&nodes, arguments.node.is_none());
    printer.print(&logs.last(arguments.lines)?)?;
    if !arguments.follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        printer.print(&logs.more()?)?;
    }
}

/// Prints lines of several nodes.
pub struct Printer {
    output: Output,
    /// What stands before the lines of each node.
    before: Vec<String>,
}

impl Printer {
    /// Takes standard output; `named` says that each line begins with its node.
    pub fn begin(nodes: &[Node], named: bool) -> Self {
        let colours = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let width = nodes.iter().map(|node| node.name.len()).max().unwrap_or_default();
        let before = |(node, colour): (&Node, &u8)| match (named, colours) {
            (false, _) => String::new(),
            (true, false) => format!("{:width$} | ", node.name),
            (true, true) => format!("\x1b[{colour}m{:width$} |\x1b[0m ", node.name),
        };
        let before = nodes.iter().zip(COLOURS.iter().cycle()).map(before).collect();
        Self { output: Output::begin(), before }
    }

    /// Prints these lines now.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn print(&mut self, lines: &[Line]) -> Result<(), Failure> {
        for Line { node, text } in lines {
            let before = self.before.get(*node).map_or("", String::as_str);
            self.output.line(format_args!("{before}{text}"))?;
        }
        self.output.flush()
    }
}

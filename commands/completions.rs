//! `rmq completions`: what a shell must know to complete command lines of `rmq`. The files in `completions/` are its output.

use crate::{arguments::Arguments as CommandLine, failure::Failure, output};
use clap::CommandFactory;
use clap_complete::Shell;

/// Print what a shell must know to complete command lines
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq completions bash > ~/.local/share/bash-completion/completions/rmq
  rmq completions zsh > \"${fpath[1]}/_rmq\"
  rmq completions fish > ~/.config/fish/completions/rmq.fish")]
pub struct Arguments {
    /// Which shell
    #[arg(value_parser = shell)]
    shell: Shell,
}

fn shell(name: &str) -> Result<Shell, String> {
    match name {
        "bash" => Ok(Shell::Bash),
        "zsh" => Ok(Shell::Zsh),
        "fish" => Ok(Shell::Fish),
        _ => Err("expected bash, zsh or fish".to_owned()),
    }
}

/// Prints it.
///
/// # Errors
/// If it cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    output::bytes(&script(arguments.shell))
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "rmq", &mut script);
    script
}

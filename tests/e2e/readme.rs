//! The commands of `README.md` work, in order, on a machine that has nothing else; the Chinese one shows the same.
//!
//! Every ```` ```sh ```` block of the file becomes one script, run by bash in an empty home. Two commands are not run as
//! they stand: `cargo run --release -- …` builds the program that is already built for this test, so it becomes
//! `rmq …`; `cargo test` would start this very test again, so it is only compared with `.ci/run`.

use crate::{
    cluster::{at_home, rmq, scratch},
    process::{RMQ, run},
};
use std::{fs, path::Path, process::Command};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("it is in the repository")
}

/// The commands in the shell blocks of a Markdown text, a line each.
fn commands(markdown: &str) -> Vec<&str> {
    let mut inside = false;
    let shown = markdown.lines().filter(|line| {
        let fence = line.starts_with("```");
        inside = if fence { *line == "```sh" } else { inside };
        inside && !fence
    });
    shown.filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn every_command_of_the_readme_works() {
    let readme = read("README.md");
    let home = scratch();
    let script: String = commands(&readme)
        .into_iter()
        .filter(|command| !command.starts_with("cargo test"))
        .map(|command| command.replace("cargo run --release -- ", "rmq ") + "\n")
        .collect();
    assert!(script.lines().count() > 5 && script.contains("rmq cluster up"), "{script}");
    let mut shell = Command::new("bash");
    at_home(&mut shell, home.path());
    let path = [
        Path::new(RMQ).parent().expect("it is in a directory").as_os_str(),
        &std::env::var_os("PATH").unwrap_or_default(),
    ]
    .join(std::ffi::OsStr::new(":"));
    // Each command is shown before it runs, so that a failing one can be seen.
    let ran = run(shell.env("PATH", path).args(["-euxo", "pipefail", "-s"]), &script);
    // Whatever happened, nothing keeps running.
    let down = run(rmq(home.path()).args(["cluster", "down"]), "");
    assert!(ran.status.success(), "{ran}\n{down}");
}

#[test]
fn both_readmes_show_the_same_commands() {
    let (english, chinese) = (read("README.md"), read("README.zh-CN.md"));
    assert_eq!(commands(&english), commands(&chinese));
}

#[test]
fn ci_runs_exactly_the_readmes_test_command() {
    let readme = read("README.md");
    let tests: Vec<_> = commands(&readme).into_iter().filter(|command| command.starts_with("cargo test")).collect();
    let ci = read(".ci/run");
    assert_eq!(tests, [ci.lines().next_back().expect("it is not empty")]);
}

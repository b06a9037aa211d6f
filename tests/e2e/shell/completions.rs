//! The completions of shells: those in the repository are what the program prints, and shells take them.

use crate::{
    cluster::{at_home, rmq, scratch},
    process::run,
};
use std::{path::Path, process::Command};

const FILES: [(&str, &str); 3] = [("bash", "rmq.bash"), ("zsh", "_rmq"), ("fish", "rmq.fish")];

#[test]
fn the_completions_in_the_repository_are_those_of_the_program() {
    let dir = scratch();
    for (shell, file) in FILES {
        let printed = run(rmq(dir.path()).args(["completions", shell]), "").ok().stdout;
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(file);
        if std::env::var_os("RMQ_WRITE_COMPLETIONS").is_some() {
            std::fs::write(&path, &printed).expect("the folder is there");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        let hint = format!(
            "completions/{file} is not what `rmq completions {shell}` prints: RMQ_WRITE_COMPLETIONS=1 renews it"
        );
        assert!(kept == printed, "{hint}");
        for word in ["group", "describe", "offset", "reset", "timeout"] {
            assert!(kept.contains(word), "{file} lacks {word}");
        }
    }
    run(rmq(dir.path()).args(["completions", "csh"]), "").exit(2);
}

#[test]
fn bash_completes_subcommands() {
    let dir = scratch();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions/rmq.bash");
    let script =
        "source \"$1\"; COMP_WORDS=(rmq group de); COMP_CWORD=2; _rmq rmq de group; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    at_home(&mut bash, dir.path());
    let completed = run(bash.args(["--norc", "-c", script, "bash"]).arg(file), "").ok();
    let mut words = completed.lines();
    words.sort_unstable();
    assert_eq!(words, ["delete", "describe"], "{completed}");
}

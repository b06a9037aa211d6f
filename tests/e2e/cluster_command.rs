//! `rmq cluster up`, `down`, `status`, `list` and `env`: a cluster of real background processes. Single nodes, templates,
//! and what is refused stand in files of their own.

mod foreground;
mod nodes;
mod refused;
mod templates;

use crate::{
    cluster::{rmq, scratch},
    process::{RMQ, Run, run},
};
use std::process::Command;
use tempfile::TempDir;

/// A cluster of this name under a directory of the test's own; taken down again when dropped.
struct Named {
    dir: TempDir,
    name: &'static str,
}

impl Named {
    fn new(name: &'static str) -> Self {
        Self { dir: scratch(), name }
    }

    /// `rmq cluster` with `args`, for this cluster.
    fn cluster(&self, args: &[&str]) -> Run {
        run(&mut self.command(args), "")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = rmq(self.dir.path());
        command.arg("cluster").args(args).arg("--dir").arg(self.dir.path().join("clusters"));
        if args[0] != "list" {
            command.args(["--name", self.name]);
        }
        command
    }

    /// Runs a line of shell with what `rmq cluster env` prints.
    fn shell(&self, line: &str) -> Run {
        let env = self.cluster(&["env"]).ok().stdout;
        let mut shell = Command::new("bash");
        crate::cluster::at_home(&mut shell, self.dir.path());
        let script = format!("rmq() {{ '{RMQ}' \"$@\"; }}\n{env}\n{line}");
        run(shell.args(["-euo", "pipefail", "-c", &script]), "")
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let down = self.cluster(&["down"]);
        if std::thread::panicking() {
            eprintln!("{down}");
        }
    }
}

#[test]
fn a_cluster_comes_up_takes_messages_goes_down_and_comes_back_with_them() {
    let cluster = Named::new("back");
    let up = cluster.cluster(&["up"]).ok();
    assert!(up.stdout.contains("rmq produce") || up.stderr.contains("rmq produce"), "says what to type next: {up}");
    let first = cluster.shell("printf 'a\\nb\\n' | rmq produce T >&2 && rmq consume T -e -o raw | sort").ok();
    assert_eq!(first.stdout, "a\nb\n");
    cluster.cluster(&["down"]).ok();
    cluster.cluster(&["env"]).exit(1).says(&["back", "is down", "rmq cluster up"]);
    cluster.cluster(&["up"]).ok();
    let again = cluster.shell("printf 'c\\n' | rmq produce T >&2 && rmq consume T -e -o raw | sort").ok();
    assert_eq!(again.stdout, "a\nb\nc\n");
}

#[test]
fn status_and_list_tell_what_runs_and_what_does_not() {
    let cluster = Named::new("told");
    cluster.cluster(&["status"]).exit(3).says(&["told"]);
    cluster.cluster(&["up"]).ok();
    let status = cluster.cluster(&["status"]).ok();
    for word in ["name server", "broker", "ready"] {
        assert!(status.stdout.contains(word), "{word} is missing: {status}");
    }
    assert!(cluster.cluster(&["list"]).ok().stdout.contains("told"));
    cluster.cluster(&["up"]).ok();
    cluster.cluster(&["down"]).ok();
    let status = cluster.cluster(&["status"]);
    assert!(!status.stdout.contains("ready"), "{status}");
    cluster.cluster(&["down"]).ok();
}

#[test]
fn two_clusters_live_side_by_side() {
    let clusters = [Named::new("one"), Named::new("two")];
    clusters.iter().for_each(|cluster| drop(cluster.cluster(&["up"]).ok()));
    for cluster in &clusters {
        cluster.shell(&format!("rmq produce T -m {} >&2", cluster.name)).ok();
    }
    for cluster in &clusters {
        assert_eq!(cluster.shell("rmq consume T -e -o raw").ok().stdout, format!("{}\n", cluster.name));
    }
}

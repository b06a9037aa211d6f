//! Hosts of the test's own, each with its own network, and cables between them that can be cut: network namespaces,
//! where the machine allows them to this user. Elsewhere all run on 127.0.0.1, and no cable is cut.
//!
//! The test runs itself again inside namespaces of its own (of users, networks and mounts): whatever it makes there is
//! gone when it ends, and nothing outside is touched.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// Set for the run inside.
const INSIDE: &str = "RMQ_TEST_INSIDE_NAMESPACES";
/// Set to anything: no namespaces.
const WITHOUT: &str = "RMQ_TEST_NO_NAMESPACES";
const ENTER: [&str; 6] = ["--user", "--map-root-user", "--net", "--mount", "--kill-child", "--"];

/// Where a test runs.
pub enum Where {
    /// Inside: hosts can be made.
    Inside,
    /// On the machine itself, for this reason.
    Outside(String),
    /// It ran inside, to this end; there is nothing left to do.
    Done(bool),
}

/// Runs the test of that name inside if that is possible and it is not there yet.
pub fn enter(test: &str) -> Where {
    if std::env::var_os(INSIDE).is_some() {
        return Where::Inside;
    }
    if std::env::var_os(WITHOUT).is_some() {
        return Where::Outside(format!("{WITHOUT} is set"));
    }
    // What the hosts are made of, tried out.
    let trial = "ip link add switch type bridge && ip link add cable type veth peer name end && unshare --net true && nsenter --version";
    let tried = Command::new("unshare").args(ENTER).args(["sh", "-c", trial]).output();
    match tried {
        Ok(tried) if tried.status.success() => {}
        Ok(tried) => return Where::Outside(String::from_utf8_lossy(&tried.stderr).trim().to_owned()),
        Err(error) => return Where::Outside(format!("unshare: {error}")),
    }
    let this = std::env::current_exe().expect("it runs");
    let mut inside = Command::new("unshare");
    inside.args(ENTER).arg(this).args([test, "--exact", "--nocapture"]).env(INSIDE, "1").stdin(Stdio::null());
    let output = inside.output().expect("it was tried out");
    // Through the test's own output, which is shown when it fails.
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Where::Done(output.status.success())
}

/// A cable, by the end of it that is in the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cable(&'static str);

/// A host that programs run on.
pub struct Host {
    /// Its address for clients, and for its slave or master.
    pub addr: String,
    pub replication_addr: String,
    /// Its cables to clients, and between master and slave; none on the machine itself.
    pub cables: Option<(Cable, Cable)>,
    /// A process that keeps the namespace; `None` on the machine itself.
    keeper: Option<Child>,
}

/// The address at which the test itself is reached from all hosts.
pub fn own_addr(inside: bool) -> &'static str {
    if inside { "10.77.0.1" } else { "127.0.0.1" }
}

/// Two hosts, each with a cable to clients and one to the other.
pub fn two(inside: bool) -> [Host; 2] {
    if !inside {
        let addr = || "127.0.0.1".to_owned();
        return [(); 2].map(|()| Host { addr: addr(), replication_addr: addr(), cables: None, keeper: None });
    }
    for switch in ["clients", "between"] {
        ip(&["link", "add", switch, "type", "bridge"]);
        ip(&["link", "set", switch, "up"]);
    }
    ip(&["link", "set", "lo", "up"]);
    ip(&["addr", "add", &format!("{}/24", own_addr(true)), "dev", "clients"]);
    [host(11, Cable("client11"), Cable("between11")), host(12, Cable("client12"), Cable("between12"))]
}

fn host(number: u8, client: Cable, between: Cable) -> Host {
    let mut keeper = Command::new("unshare")
        .args(["--net", "--", "sh", "-c", "echo ready && exec sleep infinity"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was tried out");
    let mut line = String::new();
    let said = BufReader::new(keeper.stdout.take().expect("it is piped")).read_line(&mut line);
    assert!(said.is_ok() && line == "ready\n", "no network namespace");
    let host = Host {
        addr: format!("10.77.0.{number}"),
        replication_addr: format!("10.78.0.{number}"),
        cables: Some((client, between)),
        keeper: Some(keeper),
    };
    let keeper = host.keeper.as_ref().map(|keeper| keeper.id().to_string()).unwrap_or_default();
    for (cable, own, addr, switch) in
        [(client, "eth0", &host.addr, "clients"), (between, "eth1", &host.replication_addr, "between")]
    {
        ip(&["link", "add", cable.0, "type", "veth", "peer", "name", own, "netns", &keeper]);
        ip(&["link", "set", cable.0, "master", switch]);
        ip(&["link", "set", cable.0, "up"]);
        host.ip(&["addr", "add", &format!("{addr}/24"), "dev", own]);
        host.ip(&["link", "set", own, "up"]);
    }
    host.ip(&["link", "set", "lo", "up"]);
    host
}

impl Host {
    /// A command that begins a program on this host: the program and its arguments are to follow; empty on the machine
    /// itself.
    pub fn within(&self) -> Vec<String> {
        let enter = |keeper: &Child| format!("nsenter -t {} -n --", keeper.id());
        self.keeper.as_ref().map(enter).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    fn ip(&self, arguments: &[&str]) {
        let within = self.within();
        let (program, enter) = within.split_first().expect("it has a namespace");
        done(Command::new(program).args(enter).arg("ip").args(arguments));
    }
}

impl Cable {
    /// Nothing passes any more, and neither end is told.
    pub fn cut(self) {
        ip(&["link", "set", self.0, "down"]);
    }

    /// It is whole again.
    pub fn mend(self) {
        ip(&["link", "set", self.0, "up"]);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
    }
}

fn ip(arguments: &[&str]) {
    done(Command::new("ip").args(arguments));
}

#[track_caller]
fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

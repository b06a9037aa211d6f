//! `rmq cluster template`, and clusters of masters and slaves: what the templates promise, where a mistake is, and where
//! templates may come from.

use super::Named;
use crate::process::Run;
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
};

impl Named {
    /// `rmq cluster template` with `args`.
    fn template(&self, args: &[&str]) -> Run {
        let mut command = crate::cluster::rmq(self.dir.path());
        crate::process::run(command.args(["cluster", "template"]).args(args), "")
    }

    /// A file of the test's own.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("the directory is writable");
        path.display().to_string()
    }
}

#[test]
fn the_templates_that_rmq_carries_are_listed_shown_and_right() {
    let cluster = Named::new("none");
    let list = cluster.template(&["list"]).ok();
    for name in ["single", "2m-noslave", "2m-2s-async", "2m-2s-sync"] {
        assert!(list.stdout.lines().any(|line| line.starts_with(&format!("{name} "))), "{list}");
        let shown = cluster.template(&["show", name]).ok().stdout;
        let file = cluster.file("shown.yaml", &shown);
        cluster.template(&["check", &file]).ok().says(&["is a template"]);
    }
    cluster.template(&["check", "2m-2s-sync"]).ok().says(&["2 name servers, 2 masters, 2 slaves"]);
}

#[test]
fn a_mistake_is_told_with_file_line_column_and_the_nearest_word() {
    let cluster = Named::new("none");
    for (text, place, words) in [
        ("brokrs:\n  - name: a", ":1:1: ", "did you mean `brokers`?"),
        (
            "properties:\n  master:\n    flushDiskTyp: SYNC_FLUSH\nbrokers:\n  - name: a",
            ":3:5: ",
            "did you mean `flushDiskType`?",
        ),
        ("brokers:\n  - name: a\n    properties: {brokerRole: SLAVE}", ":3:18: ", "without a master"),
        ("brokers:\n  - name: a\n    slaves: 1\n    nodes: [{id: 1}, {id: 1}]", ":4:23: ", "has the id 1 already"),
        ("brokers:\n  - name: a\n  - name: a", ":3:11: ", "is there twice"),
        ("brokers:\n  - name: a\n    properties: {fileReservedTime: never}", ":3:18: ", "expected hours"),
    ] {
        let file = cluster.file("wrong.yaml", text);
        let check = cluster.template(&["check", &file]).exit(2).says(&[&format!("{file}{place}"), words]);
        assert_eq!(check.stderr.lines().count(), 1, "{check}");
        cluster.cluster(&["up", "--template", &file]).exit(2).says(&[&format!("{file}{place}")]);
    }
    cluster.template(&["check", "2m-2s-snc"]).exit(2).says(&["did you mean 2m-2s-sync?"]);
    assert!(!cluster.dir.path().join("clusters").exists(), "nothing was made");
}

#[test]
fn a_template_comes_over_http_too() {
    let cluster = Named::new("none");
    let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = server.local_addr().expect("it is bound");
    let serving = thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("the command comes");
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the command asks");
            asked.push(byte[0]);
        }
        let text = "name-servers: 3\nbrokers: [{name: far, slaves: 1}]\n";
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).expect("it listens");
    });
    let checked = cluster.template(&["check", &format!("http://{addr}/t.yaml")]);
    serving.join().expect("the server has served");
    checked.ok().says(&["3 name servers, 1 master, 1 slave"]);
    cluster.template(&["check", &format!("http://{addr}/t.yaml")]).exit(1).says(&["cannot fetch", "refused"]);
    cluster.template(&["check", "https://x/t.yaml"]).exit(2).says(&["only http://", "curl"]);
}

#[test]
fn masters_and_slaves_come_up_with_what_the_template_and_the_command_line_say() {
    let cluster = Named::new("pairs");
    let up = cluster.cluster(&["up", "--template", "2m-2s-sync", "--set", "fileReservedTime=24", "-o", "json"]).ok();
    let status = up.json();
    assert_eq!((&status["healthy"], &status["template"]), (&true.into(), &"2m-2s-sync".into()));
    let nodes = status["nodes"].as_array().expect("it is a list");
    let roles: Vec<_> = nodes.iter().map(|node| node["role"].as_str().expect("it has one")).collect();
    assert_eq!(roles, ["name server", "name server", "master", "master", "slave", "slave"]);
    let config = |node: usize| {
        let dir = nodes[node]["dir"].as_str().expect("it has one");
        fs::read_to_string(format!("{dir}/broker.conf")).expect("it was started with it")
    };
    for word in ["brokerRole=SYNC_MASTER", "flushDiskType=SYNC_FLUSH", "fileReservedTime=24", "brokerId=0"] {
        assert!(config(2).contains(word), "{word}: {}", config(2));
    }
    for word in ["brokerRole=SLAVE", "fileReservedTime=24", "brokerId=1", "brokerName=broker-b"] {
        assert!(config(5).contains(word), "{word}: {}", config(5));
    }
    assert_eq!(cluster.shell("echo $NAMESRV_ADDR").ok().stdout.split(';').count(), 2);
    // Without a word it is what it was; with another, nothing happens to it.
    cluster.cluster(&["up"]).ok().says(&["was up already"]);
    cluster.cluster(&["up", "--template", "2m-2s-async"]).exit(2).says(&["already, made from 2m-2s-sync", "--purge"]);
    cluster.cluster(&["up", "--set", "fileReservedTime=48"]).exit(1).says(&["runs with another --set"]);
    cluster.cluster(&["status"]).ok();
    cluster.cluster(&["down"]).ok();
    cluster.cluster(&["up", "--template", "2m-2s-async"]).exit(2).says(&["already, made from 2m-2s-sync"]);
    cluster.cluster(&["up", "--namesrvs", "3"]).exit(2).says(&["with the nodes namesrv-1, namesrv-2, broker-a"]);
    cluster.cluster(&["up"]).ok();
    assert!(config(5).contains("fileReservedTime=24"), "{}", config(5));
}

//! A master and its slave as processes: the master killed and started again, and a slave that has what its master never had.
//!
//! What a slave does in detail is tested at the broker's door: see `src/broker/tests/slave`.

use crate::{
    cluster::{free_port, scratch, start_namesrv},
    lone::{Lone, SMALL_AND_BUSY},
    process::Background,
    wire::{Wire, ask, make_topic, send},
};
use protocol::code::{request, response};
use rustix::process::Signal;
use std::fs;
use tempfile::TempDir;

/// A name server, and the places of a master and a slave.
struct Pair {
    master: Lone,
    slave: Lone,
    _namesrv: Background,
    _dir: TempDir,
}

impl Pair {
    fn new() -> Self {
        let dir = scratch();
        let names = format!("127.0.0.1:{}", free_port());
        let namesrv = start_namesrv(&names, dir.path());
        let place = |name: &str, more: &str| {
            let home = dir.path().join(name);
            fs::create_dir(&home).expect("the directory is writable");
            Lone::new(&home, &format!("{SMALL_AND_BUSY}brokerIP2=127.0.0.1\nnamesrvAddr={names}\n{more}"))
        };
        let (master, slave) = (place("master", ""), place("slave", "brokerRole=SLAVE\nbrokerId=1\n"));
        Self { master, slave, _namesrv: namesrv, _dir: dir }
    }
}

/// Stores `count` messages in queue 0 of T.
#[track_caller]
fn store(at: &Lone, body: &str, count: usize) {
    let mut wire = at.connect();
    for number in 0..count {
        let answer = wire.call(send("T", 0, "", format!("{body} {number}")));
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
    }
}

/// One figure of the runtime info of a broker that may just be starting again.
fn tells(at: &Lone, name: &str) -> Option<String> {
    let answer = Wire::try_connect(&at.addr).ok()?.try_call(ask(request::GET_BROKER_RUNTIME_INFO, &[]))?;
    let info: serde_json::Value = answer.json().expect("a table");
    info["table"].get(name)?.as_str().map(str::to_owned)
}

/// Waits until the slave has the master's whole log.
#[track_caller]
fn converges(slave: &Background, pair: &Pair) {
    slave.until("the master's whole log", || {
        let ends = [&pair.master, &pair.slave].map(|place| tells(place, "commitLogMaxOffset"));
        ends[0].is_some() && ends[0] == ends[1] && tells(&pair.slave, "haState").as_deref() == Some("FOLLOWING")
    });
    let files = |of: &Lone| {
        let names = fs::read_dir(of.store.join("commitlog")).expect("a log").map(|file| file.expect("readable").path());
        let mut files: Vec<_> = names.collect();
        files.sort_unstable();
        files
            .into_iter()
            .map(|path| (path.file_name().expect("named").to_owned(), fs::read(&path).expect("readable")))
            .collect::<Vec<_>>()
    };
    let end: usize = tells(&pair.master, "commitLogMaxOffset").and_then(|end| end.parse().ok()).expect("a number");
    let bytes = |of: &Lone| {
        let mut all: Vec<u8> = files(of).into_iter().flat_map(|(_, bytes)| bytes).collect();
        all.truncate(end);
        all
    };
    assert!(bytes(&pair.master) == bytes(&pair.slave), "the files differ");
}

fn place(group: &str) -> [(&str, &str); 3] {
    [("consumerGroup", group), ("topic", "T"), ("queueId", "0")]
}

fn offset(at: &Lone) -> Option<String> {
    let answer = at.connect().call(ask(request::QUERY_CONSUMER_OFFSET, &place("G")));
    answer.fields.get("offset").map(str::to_owned).filter(|_| answer.code == response::SUCCESS)
}

#[test]
fn a_slave_serves_while_its_master_is_dead_and_what_was_read_there_is_not_read_again() {
    let pair = Pair::new();
    let mut master = pair.master.start(&[]);
    let slave = pair.slave.start(&[]);
    make_topic(&pair.master.addr, "T");
    store(&pair.master, "one", 20);
    converges(&slave, &pair);
    slave.until("the topic", || {
        let topics = pair.slave.connect().call(ask(request::GET_ALL_TOPIC_CONFIG, &[]));
        String::from_utf8_lossy(&topics.body.to_bytes()).contains("\"T\"")
    });
    master.signal(Signal::KILL);
    let mut pull = place("G").to_vec();
    pull.extend([("queueOffset", "5"), ("maxMsgNums", "10"), ("sysFlag", "4"), ("commitOffset", "0")]);
    pull.extend([("suspendTimeoutMillis", "0"), ("subscription", "*"), ("subVersion", "0"), ("expressionType", "TAG")]);
    let pulled = pair.slave.connect().call(ask(request::PULL_MESSAGE, &pull));
    assert_eq!((pulled.code, pulled.fields.get("nextBeginOffset")), (response::SUCCESS, Some("15")));
    let mut commit = place("G").to_vec();
    commit.push(("commitOffset", "15"));
    assert_eq!(pair.slave.connect().call(ask(request::UPDATE_CONSUMER_OFFSET, &commit)).code, response::SUCCESS);
    let refused = pair.slave.connect().call(send("T", 0, "", "x"));
    assert_eq!(refused.code, response::SERVICE_NOT_AVAILABLE, "{:?}", refused.remark);
    let _master = pair.master.start(&[]);
    assert_eq!(offset(&pair.master).as_deref(), Some("15"), "the master asked its slave before anyone asked it");
    store(&pair.master, "two", 5);
    converges(&slave, &pair);
    assert_eq!(offset(&pair.slave).as_deref(), Some("15"));
}

#[test]
fn a_slave_with_what_its_master_never_had_cuts_that_off_without_a_new_process() {
    let pair = Pair::new();
    let mut master = pair.master.start(&[]);
    let mut slave = pair.slave.start(&[]);
    make_topic(&pair.master.addr, "T");
    store(&pair.master, "one", 300);
    converges(&slave, &pair);
    assert!(slave.terminate().success());
    assert!(master.terminate().success());
    // The slave was made a master for a while, and nobody copied what it took.
    let conf = fs::read_to_string(&pair.slave.conf).expect("it was written here");
    let promoted = conf.replace("brokerRole=SLAVE\nbrokerId=1\n", "").replace("namesrvAddr", "# namesrvAddr");
    fs::write(&pair.slave.conf, promoted).expect("the directory is writable");
    let mut alone = pair.slave.start(&[]);
    store(&pair.slave, "never seen", 7);
    assert!(alone.terminate().success());
    fs::write(&pair.slave.conf, conf).expect("the directory is writable");
    let _master = pair.master.start(&[]);
    store(&pair.master, "two", 3);
    let mut slave = pair.slave.start(&[]);
    converges(&slave, &pair);
    let log = slave.log();
    assert!(log.contains("cut off the log"), "{log}");
    assert_eq!(log.matches("boot success").count(), 1, "{log}");
    let kept: Vec<_> = fs::read_dir(pair.slave.store.join("cut")).expect("what is cut off is kept").collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(slave.terminate().success(), "{}", slave.log());
}

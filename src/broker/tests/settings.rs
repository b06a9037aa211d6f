//! Settings changed while the broker runs (25, 26): what lasts over a restart, and what is said of what does not.

#[path = "asked/mod.rs"]
mod asked;

use asked::{Asked, BEGIN_MS};
use base::{Clock, properties::Properties};
use broker::config::BrokerConfig;
use protocol::code::{request, response};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Starts with what the folder's `broker.conf` says, as the command does, but for the port.
fn from_file(dir: &Path, config: &mut BrokerConfig, command_line: &[(&str, &str)]) {
    let file = dir.join("broker.conf");
    let text = fs::read_to_string(&file).expect("readable");
    let (read, _) = BrokerConfig::load(&file.display().to_string(), &text, command_line).expect("good settings");
    *config = BrokerConfig {
        listen_port: 0,
        file_reserved_hours: read.file_reserved_hours,
        broker_permission: read.broker_permission,
        slave_timeout_ms: read.slave_timeout_ms,
        origin: read.origin,
        ..config.clone()
    };
}

async fn start(dir: tempfile::TempDir, command_line: &[(&str, &str)]) -> Asked {
    let path = dir.path().to_owned();
    Asked::start_in(dir, Clock::manual(BEGIN_MS), |config| from_file(&path, config, command_line)).await
}

fn folder(settings: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("broker.conf"), settings).expect("writable");
    dir
}

async fn told(asked: &Asked, key: &str) -> String {
    let answer = asked.ask_for(request::GET_BROKER_CONFIG, &[]).await;
    let text = String::from_utf8(answer.body.to_bytes().to_vec()).expect("text");
    Properties::parse(&text).expect("properties").get(key).expect("a known key").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_is_there_after_a_restart_and_the_rest_of_the_file_is_as_it_was() {
    let text = "# mine, and it stays\nfileReservedTime = 24\n\nsomebodyElses=1\nslaveTimeout=100\n";
    let dir = folder(text);
    let file = dir.path().join("broker.conf");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is mine");
    let asked = start(dir, &[]).await;
    let answer = asked.change("fileReservedTime", "48").await;
    assert_eq!((answer.code, answer.remark), (response::SUCCESS, None));
    assert_eq!(asked.change("brokerPermission", "4").await.code, response::SUCCESS);
    assert_ne!(asked.change("listenPort", "10911").await.code, response::SUCCESS);
    assert_ne!(asked.change("slaveTimeout", "soon").await.code, response::SUCCESS);
    let wanted = text.replace("fileReservedTime = 24", "fileReservedTime=48") + "brokerPermission=4\n";
    assert_eq!(fs::read_to_string(&file).expect("readable"), wanted);
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o640);
    let before = fs::read_to_string(file.with_file_name("broker.conf.bak")).expect("what was there before is kept");
    assert_eq!(before, text.replace("fileReservedTime = 24", "fileReservedTime=48"));
    let asked = start(asked.stop().await, &[]).await;
    assert_eq!((&*told(&asked, "fileReservedTime").await, &*told(&asked, "brokerPermission").await), ("48", "4"));
    // What counts is written, not what was asked for: it is kept within 10 and 95.
    assert_eq!(asked.change("diskMaxUsedSpaceRatio", "5").await.remark, None);
    assert!(fs::read_to_string(&file).expect("readable").ends_with("diskMaxUsedSpaceRatio=10\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_does_not_last_is_made_and_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let without = Asked::start_in(dir, Clock::manual(BEGIN_MS), |_| {}).await;
    let answer = without.change("fileReservedTime", "48").await;
    assert_eq!(answer.code, response::SUCCESS);
    assert!(answer.remark.is_some_and(|why| why.contains("started without a file")));
    assert_eq!(told(&without, "fileReservedTime").await, "48");

    let overruled = start(folder("fileReservedTime=24\n"), &[("fileReservedTime", "12")]).await;
    let answer = overruled.change("fileReservedTime", "48").await;
    assert_eq!(answer.code, response::SUCCESS);
    assert!(answer.remark.is_some_and(|why| why.contains("command line: that sets fileReservedTime")));
    let file = overruled.dir().join("broker.conf");
    assert_eq!(fs::read_to_string(&file).expect("readable"), "fileReservedTime=48\n");

    fs::remove_file(&file).expect("it is there");
    let answer = overruled.change("fileReservedTime", "36").await;
    assert_eq!(answer.code, response::SUCCESS);
    let why = answer.remark.unwrap_or_default();
    assert!(why.contains("broker.conf cannot be written: "), "{why}");
    assert_eq!(told(&overruled, "fileReservedTime").await, "36");
}

//! What every test at the broker's door starts from: small settings, a plain send, and the files as a kill leaves them.

#![allow(dead_code, reason = "each test uses a part")]

use broker::config::BrokerConfig;
use protocol::send::SendHeader;
use std::{fs, path::Path};

/// Settings of a small broker on a free port, with everything in `dir`.
pub fn small(dir: &Path) -> BrokerConfig {
    BrokerConfig {
        listen_port: 0,
        store_path_root_dir: dir.to_owned(),
        store_path_commit_log: dir.join("commitlog"),
        mapped_file_size_commit_log: 1 << 24,
        max_hash_slot_num: 1000,
        max_index_num: 4000,
        ..BrokerConfig::default()
    }
}

/// A message to queue 0 of a topic, which is made with one queue.
pub fn send_header<'a>(topic: &'a str, properties: &'a str) -> SendHeader<'a> {
    SendHeader {
        producer_group: "P",
        topic,
        default_topic: "TBW102",
        default_topic_queue_nums: 1,
        queue_id: 0,
        sys_flag: 0,
        born_ms: 1,
        flag: 7,
        properties,
        reconsume_times: 0,
        unit_mode: false,
        batch: false,
        max_reconsume_times: None,
    }
}

/// Copies the files of a broker that runs, as they are.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is writable");
    let mut names: Vec<_> =
        fs::read_dir(from).expect("readable").map(|entry| entry.expect("readable").file_name()).collect();
    // What the tables say of the log must be there in the log's copy.
    names.sort_by_key(|name| name != "config");
    for (from, to) in names.into_iter().map(|name| (from.join(&name), to.join(&name))) {
        if from.is_dir() {
            copy(&from, &to);
        } else if let Err(error) = fs::copy(&from, &to) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", from.display());
        }
    }
}

//! What a `broker.conf` does: read, explained, refused, shown and changed.

use std::path::Path;

use super::*;
use crate::config_values::{delay_levels_ms, hours};

fn here() -> Surroundings {
    Surroundings {
        home: "/home/me".into(),
        host_name: "box".into(),
        address: "10.0.0.5".into(),
        namesrv_addr: Some("env:9876".into()),
    }
}

fn load(text: &str) -> Result<(BrokerConfig, Vec<String>), String> {
    let (config, notices) =
        BrokerConfig::load_on(&here(), "broker.conf", text, &[]).map_err(|error| error.to_string())?;
    Ok((config, notices.iter().map(Notice::to_string).collect()))
}

/// What is said about a file, but for the address told to clients.
fn notices(text: &str) -> Vec<String> {
    load(&format!("{text}\nbrokerIP1=10.0.0.9")).unwrap().1
}

fn refusal(text: &str) -> String {
    load(text).unwrap_err()
}

fn shown(config: &BrokerConfig, key: &str) -> String {
    config.print().into_iter().find(|(known, _)| known == key).unwrap().1
}

fn change(config: &BrokerConfig, text: &str) -> Result<BrokerConfig, String> {
    config.update(&Properties::parse(text).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_gives_the_defaults_of_apache() {
    let (config, said) = load("").unwrap();
    assert_eq!(config.broker_name, "box");
    assert_eq!(config.broker_cluster_name, "DefaultCluster");
    assert_eq!(config.namesrv_addr.as_deref(), Some("env:9876"));
    assert_eq!((config.listen_port, config.ha_listen_port), (10911, 10912));
    assert_eq!(config.store_path_commit_log, Path::new("/home/me/store/commitlog"));
    assert_eq!(config.mapped_file_size_commit_log, 1_073_741_824);
    assert_eq!(config.mapped_file_size_consume_queue, 6_000_000);
    assert_eq!(config.max_message_size, 4_194_304);
    assert_eq!(delay_levels_ms(&config.message_delay_level).unwrap().len(), 18);
    assert_eq!(said, ["broker.conf: brokerIP1 is not set: clients are told 10.0.0.5"]);
}

#[test]
fn a_file_that_operators_have_today_runs_unchanged() {
    let text = "# a master\nbrokerClusterName = DefaultCluster\nbrokerName=broker-a\nbrokerId = 0 \ndeleteWhen = 04;16\n\
        fileReservedTime = 48\nbrokerRole = SYNC_MASTER\nflushDiskType=SYNC_FLUSH\ndefaultTopicQueueNums=4\n\
        messageDelayLevel=1s 10s 1m\nstorePathRootDir=/data/a\nstorePathCommitLog=/log/a\n\
        namesrvAddr=10.0.0.1:9876;10.0.0.2:9876\nbrokerIP1=10.0.0.9\nlistenPort=20911\nautoCreateTopicEnable=FALSE\n";
    let (config, said) = load(text).unwrap();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(config.broker_name, "broker-a");
    assert_eq!(config.broker_role, BrokerRole::SyncMaster);
    assert_eq!(config.flush_disk_type, FlushDiskType::Sync);
    assert_eq!(hours(&config.delete_when), Some(vec![4, 16]));
    assert_eq!(delay_levels_ms(&config.message_delay_level), Some(vec![1_000, 10_000, 60_000]));
    assert_eq!(config.store_path_commit_log, Path::new("/log/a"));
    assert_eq!((config.listen_port, config.ha_listen_port), (20911, 20912));
    assert!(!config.auto_create_topic_enable);
}

#[test]
fn what_does_nothing_here_is_said_with_its_reason() {
    assert_eq!(
        notices(
            "sendMessageThreadPoolNums=16\ntransientStorePoolEnable = true\nbrokerNmae=a\nbrokerName=a\nbrokerName=b"
        ),
        [
            "broker.conf:1: sendMessageThreadPoolNums has no effect here: requests are answered by one pool of workers, \
             one for each processor",
            "broker.conf:2: transientStorePoolEnable has no effect here: messages go to the page cache at once, without \
             a pool of buffers before it",
            "broker.conf:3: unknown key brokerNmae, did you mean brokerName?",
            "broker.conf:4: brokerName is set again on line 5, which counts",
        ]
    );
}

#[test]
fn values_that_are_the_default_as_in_a_file_that_a_broker_saved_share_one_line() {
    let saved = "isEnableBatchPush=false\ntransientStorePoolEnable=false\nuseTLS=false\nserverSelectorThreads=3";
    let said = notices(saved);
    assert_eq!(said.len(), 1, "{said:?}");
    for key in ["isEnableBatchPush", "transientStorePoolEnable", "useTLS", "serverSelectorThreads"] {
        assert!(said[0].contains(key), "{said:?}");
    }
    assert_eq!(notices("serverSelectorThreads=4").len(), 1);
}

#[test]
fn a_bad_value_is_refused_with_what_was_expected() {
    for (line, expected) in [
        ("listenPort=abc", "a port, 1 to 65535"),
        ("listenPort=65535", "a port, 3 to 65534: the second below and the next above are used as well"),
        ("brokerRole=slave", "ASYNC_MASTER or SYNC_MASTER or SLAVE"),
        ("flushDiskType=SYNC", "ASYNC_FLUSH or SYNC_FLUSH"),
        ("autoCreateTopicEnable=yes", "true or false"),
        ("maxMessageSize=0", "bytes, 1 to 2147483647"),
        ("brokerId=-1", "a broker id, 0 to 9223372036854775807"),
        ("brokerName=", "a name without blanks"),
        ("brokerIP1=10.0.0.1:10911", "an address or a host name, without a port"),
        ("namesrvAddr=10.0.0.1", "host:port, or several with ; between them"),
        ("deleteWhen=4am", "hours from 0 to 23 with ; between them, such as 04 or 04;16"),
        (
            "messageDelayLevel=1s,2s",
            "delays with blanks between them, each a number and s, m, h or d, such as 1s 5m 2h",
        ),
        ("storePathCommitLog=/a,/b", "one directory; several with a comma between them are not supported"),
        ("sendThreadPoolQueueCapacity=1e4", "a whole number, -2147483648 to 2147483647"),
        ("msgTraceTopicName=a.b", "a topic: at most 127 letters, digits, %, | , - and _"),
    ] {
        let (key, value) = line.split_once('=').unwrap();
        assert_eq!(refusal(&format!("\n{line}")), format!("broker.conf:2: {key} = {value:?}: expected {expected}"));
    }
}

#[test]
fn what_would_be_missed_is_refused_rather_than_ignored() {
    assert!(refusal("enableDLegerCommitLog=true").contains("expected false: DLedger is not supported"));
    assert!(refusal("aclEnable=true").contains("access control is not supported"));
    assert!(refusal("useTLS=true").contains("not encrypted"));
    assert!(refusal("readOnlyCommitLogStorePaths=/old").contains("would be missing"));
    let said = notices("enableDLegerCommitLog=false\naclEnable=false");
    assert!(said.len() == 1 && said[0].ends_with("enableDLegerCommitLog aclEnable"), "{said:?}");
}

#[test]
fn the_role_decides_the_id() {
    assert_eq!(
        refusal("brokerRole=SLAVE"),
        r#"broker.conf:1: brokerRole = "SLAVE": expected a brokerId of 1 or more with the role SLAVE"#
    );
    assert!(refusal("brokerRole=SLAVE\nbrokerId=0").starts_with("broker.conf:2: brokerId = \"0\": expected"));
    let (slave, _) = load("brokerRole=SLAVE\nbrokerId=2").unwrap();
    assert_eq!((slave.broker_id, slave.access_message_in_memory_max_percent), (2, 30));
    let (slave, _) = load("brokerRole=SLAVE\nbrokerId=2\naccessMessageInMemoryMaxRatio=40").unwrap();
    assert_eq!(slave.access_message_in_memory_max_percent, 40);
    assert_eq!(load("brokerId=3").unwrap().0.broker_id, 0);
    assert_eq!(notices("brokerId=3"), ["broker.conf:1: brokerId = 3 has no effect: a master always has 0"]);
}

#[test]
fn the_port_for_slaves_follows_the_main_port() {
    assert_eq!(
        notices("listenPort=20911\nhaListenPort=10912"),
        ["broker.conf:2: haListenPort = 10912 has no effect: it is always listenPort + 1, here 20912"]
    );
    assert!(notices("listenPort=20911\nhaListenPort=20912").is_empty());
}

#[test]
fn values_that_apache_corrects_quietly_are_corrected_aloud() {
    let text = "diskMaxUsedSpaceRatio=99\nregisterNameServerPeriod=1000\nmappedFileSizeConsumeQueue=6000001";
    let (config, _) = load(text).unwrap();
    assert_eq!(config.disk_max_used_space_percent, 95);
    assert_eq!(config.register_name_server_period_ms, 10_000);
    assert_eq!(config.mapped_file_size_consume_queue, 6_000_020);
    let said = notices(text);
    assert!(
        said.contains(&"broker.conf:1: diskMaxUsedSpaceRatio = 99 counts as 95: it is kept within 10 and 95".into())
    );
    assert!(notices("maxMessageSize=33554432")[0].contains("only what fits a frame of 16 MiB can arrive"));
}

#[test]
fn an_index_file_that_no_offset_could_reach_is_refused() {
    assert!(refusal("maxIndexNum=200000000").contains("expected an index file below 2 GiB"));
    assert!(refusal("maxHashSlotNum=600000000").starts_with("broker.conf:1: maxHashSlotNum = \"600000000\""));
}

#[test]
fn the_store_moves_as_a_whole_with_its_root() {
    let (config, _) = load("storePathRootDir=/data").unwrap();
    assert_eq!(config.store_path_commit_log, Path::new("/data/commitlog"));
}

#[test]
fn the_command_line_beats_the_file_and_the_file_the_environment() {
    let load = |text, line: &[(&str, &str)]| BrokerConfig::load_on(&here(), "", text, line).unwrap().0.namesrv_addr;
    assert_eq!(load("namesrvAddr=file:1", &[("namesrvAddr", "line:1")]).as_deref(), Some("line:1"));
    assert_eq!(load("namesrvAddr=file:1", &[]).as_deref(), Some("file:1"));
    assert_eq!(load("", &[]).as_deref(), Some("env:9876"));
    assert_eq!(load("namesrvAddr=", &[]), None);
    let bad = Surroundings { namesrv_addr: Some("nowhere".into()), ..here() };
    let refused = BrokerConfig::load_on(&bad, "", "", &[]).unwrap_err().to_string();
    assert!(refused.ends_with("it comes from NAMESRV_ADDR"), "{refused}");
}

#[test]
fn name_servers_are_asked_for_only_when_none_is_given() {
    let asks = "fetchNamesrvAddrByAddressServer=true\nnamesrvAddr=\n";
    let url = |text: &str| load(text).unwrap().0.address_server_url();
    assert_eq!(url(asks).as_deref(), Some("http://jmenv.tbsite.net:8080/rocketmq/nsaddr"));
    let own = format!("{asks}rmqAddressServerDomain=addr.local:80\nrmqAddressServerSubGroup=mq");
    assert_eq!(url(&own).as_deref(), Some("http://addr.local:80/rocketmq/mq"));
    assert_eq!(url("fetchNamesrvAddrByAddressServer=true"), None);
    assert_eq!(url("namesrvAddr="), None);
}

#[test]
fn every_key_is_shown_once_and_reads_back() {
    let (config, _) = load("brokerName=a\nsendMessageThreadPoolNums=7").unwrap();
    let all = config.print();
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(shown(&config, "brokerName"), "a");
    assert_eq!(shown(&config, "sendMessageThreadPoolNums"), "7");
    assert_eq!(shown(&config, "flushDiskType"), "ASYNC_FLUSH");
    let text = base::properties::render(all.clone());
    let (again, _) = BrokerConfig::load_on(&here(), "", &text, &[]).unwrap();
    assert_eq!(again.print(), all);
}

#[test]
fn only_what_is_safe_changes_while_the_broker_runs() {
    let (config, _) = load("").unwrap();
    let changed = change(&config, "fileReservedTime=24\nbrokerPermission=4").unwrap();
    assert_eq!((changed.file_reserved_hours, changed.broker_permission), (24, 4));
    let changed = change(&config, "haSlaveCutMax=0\nslaveTimeout=100").unwrap();
    assert_eq!((changed.ha_slave_cut_max_bytes, changed.slave_timeout_ms), (0, 100));
    assert_eq!(change(&config, "diskMaxUsedSpaceRatio=5").unwrap().disk_max_used_space_percent, 10);
    for key in [
        "brokerName",
        "haAllowedAddresses",
        "brokerClusterName",
        "brokerId",
        "brokerRole",
        "brokerIP1",
        "brokerIP2",
        "namesrvAddr",
        "listenPort",
        "haListenPort",
        "storePathRootDir",
        "storePathCommitLog",
        "rmqAddressServerDomain",
        "haMasterAddress",
        "configBlackList",
    ] {
        let refused = change(&config, &format!("{key}=1\nfileReservedTime=24")).unwrap_err();
        assert!(refused.starts_with(&format!("{key} cannot change while the server runs: ")), "{refused}");
    }
    assert!(change(&config, "aclEnable=true").unwrap_err().starts_with("aclEnable has no effect here"));
    assert!(change(&config, "rocketmqHome=/tmp/x").is_err());
    assert_eq!(
        change(&config, "fileReservedTime=-1").unwrap_err(),
        r#"fileReservedTime = "-1": expected hours, 0 to 2147483647"#
    );
}

#[test]
fn the_operators_black_list_bars_more_keys() {
    let (config, _) = load("configBlackList=configBlackList; maxMessageSize").unwrap();
    assert_eq!(
        change(&config, "maxMessageSize=1").unwrap_err(),
        "maxMessageSize cannot change while the server runs: configBlackList names it"
    );
    assert!(change(&config, "brokerPermission=4").is_ok());
}

#[test]
fn no_path_address_or_name_may_ever_become_live() {
    for setting in BrokerConfig::KNOWN.honoured {
        let words = ["path", "dir", "addr", "ip1", "ip2", "port", "role", "name", "id", "command"];
        let key = setting.key.to_lowercase();
        if words.iter().any(|word| key.ends_with(word)) {
            assert!(matches!(setting.effect, AtStart(_)), "{} must not change from afar", setting.key);
        }
    }
}

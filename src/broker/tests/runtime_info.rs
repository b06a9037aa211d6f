//! What a broker says of itself (28), over a real socket: every key that Apache's tools take for granted, as they read
//! it, and numbers that are so.

#[path = "asked/mod.rs"]
mod asked;

use asked::{Asked, BEGIN_MS};
use base::Clock;
use broker::{
    config::BrokerConfig,
    config_values::{BrokerRole, FlushDiskType},
};
use protocol::{
    code::{request, response},
    inspect::KvTable,
};
use std::collections::BTreeMap;

/// The keys of Apache RocketMQ 4.9.8 whose values are whole numbers. Source: `AdminBrokerProcessor.prepareRuntimeInfo`,
/// `DefaultMessageStore.getRuntimeInfo`, `StoreStatsService.getRuntimeInfo`.
const WHOLE: &[&str] = &[
    "EndTransactionQueueSize",
    "EndTransactionThreadPoolQueueCapacity",
    "bootTimestamp",
    "brokerVersion",
    "commitLogMaxOffset",
    "commitLogMinOffset",
    "dispatchBehindBytes",
    "dispatchMaxBuffer",
    "earliestMessageTimeStamp",
    "getMessageEntireTimeMax",
    "msgGetTotalTodayMorning",
    "msgGetTotalTodayNow",
    "msgGetTotalYesterdayMorning",
    "msgPutTotalTodayMorning",
    "msgPutTotalTodayNow",
    "msgPutTotalYesterdayMorning",
    "pageCacheLockTimeMills",
    "pullThreadPoolQueueCapacity",
    "pullThreadPoolQueueHeadWaitTimeMills",
    "pullThreadPoolQueueSize",
    "putMessageEntireTimeMax",
    "putMessageFailedTimes",
    "putMessageSizeTotal",
    "putMessageTimesTotal",
    "queryThreadPoolQueueCapacity",
    "queryThreadPoolQueueHeadWaitTimeMills",
    "queryThreadPoolQueueSize",
    "remainTransientStoreBufferNumbs",
    "sendThreadPoolQueueCapacity",
    "sendThreadPoolQueueHeadWaitTimeMills",
    "sendThreadPoolQueueSize",
    "startAcceptSendRequestTimeStamp",
];
/// … whose values are numbers with a fraction.
const FRACTIONS: &[&str] =
    &["commitLogDiskRatio", "consumeQueueDiskRatio", "putLatency99", "putLatency999", "putMessageAverageSize"];
/// … which are rates over 10 s, a minute and ten.
const RATES: &[&str] = &["getFoundTps", "getMissTps", "getTotalTps", "getTransferedTps", "putTps"];
/// … which have a form of their own, looked at where they are read.
const OTHERS: &[&str] =
    &["brokerVersionDesc", "commitLogDirCapacity", "putMessageDistributeTime", "remainHowManyDataToFlush", "runtime"];

type Info = BTreeMap<String, String>;

async fn start(set: impl FnOnce(&mut BrokerConfig)) -> Asked {
    Asked::start_in(tempfile::tempdir().expect("a folder"), Clock::manual(BEGIN_MS), set).await
}

async fn info(asked: &Asked) -> Info {
    let info: KvTable = asked.ask_for(request::GET_BROKER_RUNTIME_INFO, &[]).await.json().expect("a table");
    info.table.into_iter().collect()
}

fn whole(info: &Info, key: &str) -> i64 {
    let value = info.get(key).unwrap_or_else(|| panic!("{key} is missing"));
    value.parse().unwrap_or_else(|_| panic!("{key} {value:?} is no whole number"))
}

fn fraction(key: &str, value: &str) -> f64 {
    value.parse().unwrap_or_else(|_| panic!("{key} {value:?} is no number"))
}

/// How many puts each range has. As `rocketmq-exporter` takes it apart.
fn ranges(info: &Info) -> Vec<i32> {
    let parts = info["putMessageDistributeTime"].split(' ').filter(|part| !part.is_empty());
    let counts = parts.map(|part| part.split_once(':').expect("a count").1.parse().expect("32 bits"));
    counts.collect()
}

fn holds_what_apache_tells(info: &Info, log_dir: &str) {
    for key in WHOLE {
        whole(info, key);
    }
    for key in FRACTIONS.iter().copied().chain([&*format!("commitLogDiskRatio_{log_dir}")]) {
        fraction(key, info.get(key).unwrap_or_else(|| panic!("{key} is missing")));
    }
    for key in RATES {
        let rates: Vec<_> = info[*key].split(' ').map(|rate| fraction(key, rate)).collect();
        assert_eq!(rates.len(), 3, "{key}");
    }
    for key in OTHERS {
        assert!(info.contains_key(*key), "{key} is missing");
    }
    assert_eq!(ranges(info).len(), 13);
    let capacity: Vec<_> = info["commitLogDirCapacity"].split(' ').collect();
    assert_eq!(
        (capacity.len(), capacity[3].ends_with(','), capacity[7].ends_with('.')),
        (8, true, true),
        "{capacity:?}"
    );
    fraction("Total", capacity[2]);
    fraction("Free", capacity[6]);
    let (amount, unit) = info["remainHowManyDataToFlush"].split_once(' ').expect("an amount and a unit");
    assert!(fraction("remainHowManyDataToFlush", amount) >= 0.0 && unit.ends_with('B'));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_apache_is_there_as_its_tools_read_it_from_the_first_moment_on() {
    let asked = start(|_| {}).await;
    let log_dir = asked.dir().join("commitlog").display().to_string();
    let fresh = info(&asked).await;
    holds_what_apache_tells(&fresh, &log_dir);
    assert_eq!((whole(&fresh, "earliestMessageTimeStamp"), &*fresh["putMessageAverageSize"]), (-1, "0.0"));
    asked.send("T", "x", "").await;
    asked.clock.advance_ms(93_784_000);
    let later = info(&asked).await;
    holds_what_apache_tells(&later, &log_dir);
    assert_eq!((whole(&later, "earliestMessageTimeStamp"), whole(&later, "bootTimestamp")), (BEGIN_MS, BEGIN_MS));
    assert_eq!(later["runtime"], "[ 1 days, 2 hours, 3 minutes, 4 seconds ]");
    let slave = start(|config| {
        config.broker_role = BrokerRole::Slave;
        config.broker_id = 1;
    })
    .await;
    let of_slave = info(&slave).await;
    holds_what_apache_tells(&of_slave, &slave.dir().join("commitlog").display().to_string());
    assert!(!of_slave.contains_key("transactionsPending"), "those are its master's");
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_are_counted_with_the_time_they_take() {
    for flush in [FlushDiskType::Async, FlushDiskType::Sync] {
        let asked = start(|config| config.flush_disk_type = flush).await;
        let none = info(&asked).await;
        assert_eq!((&*none["putLatency99"], ranges(&none).iter().sum::<i32>()), ("0.000", 0));
        for n in 0..5 {
            assert_eq!(asked.send("T", &n.to_string(), "").await.code, response::SUCCESS);
        }
        // One that is refused before it is stored is no put.
        assert_ne!(asked.send("no topic!", "x", "").await.code, response::SUCCESS);
        let told = info(&asked).await;
        assert_eq!(whole(&told, "putMessageTimesTotal"), 5, "{flush:?}");
        assert_eq!(ranges(&told).iter().sum::<i32>(), 5, "{flush:?}");
        let [p99, p999] = ["putLatency99", "putLatency999"].map(|key| fraction(key, &told[key]));
        assert!(0.0 < p99 && p99 <= p999, "{p99} {p999}");
        let average = whole(&told, "putMessageSizeTotal") as f64 / 5.0;
        assert_eq!(fraction("", &told["putMessageAverageSize"]), average);
        assert_eq!(told["flushDiskType"], flush.word());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_the_disk_is_told_to_the_byte_and_the_rest_with_its_age() {
    let asked = start(|config| {
        config.flush_interval_commit_log_ms = 3_600_000;
        config.flush_interval_consume_queue_ms = 3_600_000;
    })
    .await;
    let fresh = info(&asked).await;
    assert!(!fresh.contains_key("commitLogLastFlushTimestamp"), "nothing was flushed yet");
    assert_eq!(whole(&fresh, "commitLogUnflushedMillis"), 0);
    asked.send("T", "x", "").await;
    asked.clock.advance_ms(700);
    asked.send("T", "y", "").await;
    asked.clock.advance_ms(50);
    let told = info(&asked).await;
    let end = whole(&told, "commitLogMaxOffset");
    assert_eq!((whole(&told, "commitLogFlushedOffset"), whole(&told, "commitLogUnflushedMillis")), (0, 750));
    assert_eq!((whole(&told, "commitLogDispatchedOffset"), whole(&told, "checkpointSettledOffset")), (end, 0));
    let store = asked.broker.store();
    store.request_flush();
    store.flushed().reached(end as u64).await;
    asked.clock.advance_ms(5_000);
    let told = info(&asked).await;
    assert_eq!((whole(&told, "commitLogFlushedOffset"), whole(&told, "commitLogUnflushedMillis")), (end, 0));
    assert_eq!(
        (whole(&told, "commitLogLastFlushTimestamp"), &*told["remainHowManyDataToFlush"]),
        (BEGIN_MS + 750, "0 B")
    );
    assert!(whole(&told, "commitLogLastFlushMicros") > 0);
    assert!(!told.contains_key("checkpointLogTimestamp"), "the file does not have it yet");
    store.flush_queues().expect("the disk is well");
    let told = info(&asked).await;
    assert_eq!((whole(&told, "checkpointSettledOffset"), whole(&told, "checkpointSyncedOffset")), (end, end));
    for time in ["Log", "Queues", "Index"] {
        assert_eq!(whole(&told, &format!("checkpoint{time}Timestamp")), BEGIN_MS + 700, "{time}");
    }
    if cfg!(target_os = "linux") {
        let [resident, anonymous] = ["residentMemoryBytes", "anonymousMemoryBytes"].map(|key| whole(&told, key));
        assert!(resident >= anonymous && anonymous > 1 << 20, "{resident} {anonymous}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_messages_count_until_their_transaction_ends() {
    let asked = start(|_| {}).await;
    let pending = async || whole(&info(&asked).await, "transactionsPending");
    assert_eq!(pending().await, 0);
    let half = asked.send("T", "half", "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}P\u{2}UNIQ_KEY\u{1}U1").await;
    asked.send("T", "another", "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}P\u{2}UNIQ_KEY\u{1}U2").await;
    assert_eq!(pending().await, 2);
    let id = half.fields.get("msgId").expect("an id");
    let place = protocol::record::MessageId::parse(id).expect("readable").physical_offset.to_string();
    let end = [
        ("producerGroup", "P"),
        ("tranStateTableOffset", "0"),
        ("commitLogOffset", place.as_str()),
        ("commitOrRollback", "8"),
        ("fromTransactionCheck", "false"),
        ("msgId", "U1"),
    ];
    assert_eq!(asked.ask_for(request::END_TRANSACTION, &end).await.code, response::SUCCESS);
    assert_eq!(pending().await, 1);
    assert_eq!(asked.bodies("T"), ["half"]);
}

//! A broker that deletes what is old: at the hours and in the periods configured now, and when an operator orders it.

use base::{Clock, Disk};
use broker::{Broker, config::BrokerConfig};
use jiff::{Timestamp, tz::TimeZone};
use protocol::{
    Command,
    code::{request, response},
    inspect::KvTable,
    record::{NewRecord, SysFlag},
    send::SendHeader,
    topic::TopicConfig,
};
use remoting::{Client, client::NoService};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a log file.
const FILE: i64 = 16 << 10;
const HOUR_MS: i64 = 3_600_000;

/// A broker with small files, on a disk and in a time of the test's own.
struct Kept {
    broker: Arc<Broker>,
    client: Client<NoService>,
    clock: Clock,
    /// How full the disk is, in per cent.
    disk: Arc<AtomicU64>,
    dir: tempfile::TempDir,
}

impl Kept {
    /// It looks for files to delete every millisecond, and finds none: no hour of `deleteWhen` is near.
    async fn start(set: impl FnOnce(&mut BrokerConfig)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let now_ms = Clock::System.now_ms();
        // Ahead, so that every file is more than an hour old.
        let clock = Clock::manual(now_ms + 2 * HOUR_MS);
        let mut config = BrokerConfig {
            listen_port: 0,
            store_path_root_dir: dir.path().to_owned(),
            store_path_commit_log: dir.path().join("commitlog"),
            mapped_file_size_commit_log: FILE as u32,
            mapped_file_size_consume_queue: 800,
            max_hash_slot_num: 1000,
            max_index_num: 4000,
            clean_resource_interval_ms: 1,
            delete_when: hour_after(&clock, 4).to_string(),
            ..BrokerConfig::default()
        };
        set(&mut config);
        let disk = Arc::new(AtomicU64::new(50));
        let share = disk.clone();
        let disks = Disk::default().as_full_as(move |_| Some(share.load(Ordering::Relaxed) as f64 / 100.0));
        let broker = Broker::start(config, None, clock.clone(), &disks).await.expect("starts");
        Self { broker, client: Client::asking(), clock, disk, dir }
    }

    async fn ask(&self, request: Command) -> Command {
        self.client.call(&self.broker.advertised(), request, PATIENCE).await.expect("answered")
    }

    async fn order(&self, code: i32) {
        assert_eq!(self.ask(Command::request(code)).await.code, response::SUCCESS, "{code}");
    }

    async fn set(&self, changes: &str) {
        let update = Command::request(request::UPDATE_BROKER_CONFIG).with_body(changes.as_bytes().to_vec());
        let answer = self.ask(update).await;
        assert_eq!(answer.code, response::SUCCESS, "{changes}: {:?}", answer.remark);
    }

    /// Waits for a round that began after the call.
    async fn round(&self) {
        let looks = self.broker.retention().looks();
        tokio::time::timeout(PATIENCE, looks.reached(looks.get() + 2)).await.expect("it looks all the time");
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = async {
            while !holds(self) {
                self.round().await;
            }
        };
        let holds = tokio::time::timeout(PATIENCE, waited).await;
        assert!(holds.is_ok(), "waited long enough until {what}: {:?}", self.log_files());
    }

    /// Stores messages past this many files, without a socket.
    fn fill(&self, topic: &str, files: i64) {
        let host = "127.0.0.1:1".parse().expect("an address");
        let (mut batch, mut placed) = (self.broker.store().batch(), Vec::new());
        self.broker.topics().put(TopicConfig::new(topic, 1, 6));
        let end = self.broker.store().max_physical() + files * FILE;
        while self.broker.store().max_physical() < end {
            let record = NewRecord {
                topic,
                queue_id: 0,
                flag: 0,
                sys_flag: SysFlag::default(),
                born_ms: 1,
                born_host: host,
                store_host: host,
                reconsume_times: 0,
                prepared_transaction_offset: 0,
                body: &[b'x'; 1000],
                properties: "",
            };
            batch.push(&record).expect("it fits");
            self.broker.store().append(&mut batch, &mut placed).expect("stored");
        }
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let listed = std::fs::read_dir(self.dir.path().join(folder)).into_iter().flatten();
        listed.map(|entry| entry.expect("listed").path()).collect()
    }

    fn log_files(&self) -> Vec<PathBuf> {
        self.files("commitlog")
    }

    async fn runtime_info(&self) -> KvTable {
        let answer = self.ask(Command::request(request::GET_BROKER_RUNTIME_INFO)).await;
        serde_json::from_slice(&answer.body.to_bytes()).expect("a table")
    }
}

/// The hour of the day in `hours` hours.
fn hour_after(clock: &Clock, hours: i64) -> i8 {
    let then = Timestamp::from_millisecond(clock.now_ms() + hours * HOUR_MS).expect("a time");
    then.to_zoned(TimeZone::system()).hour()
}

fn send(topic: &str) -> Command {
    let header = SendHeader {
        producer_group: "P",
        topic,
        default_topic: "TBW102",
        default_topic_queue_nums: 1,
        queue_id: 0,
        sys_flag: 0,
        born_ms: 1,
        flag: 0,
        properties: "",
        reconsume_times: 0,
        unit_mode: false,
        batch: false,
        max_reconsume_times: None,
    };
    Command { fields: header.write("b"), ..Command::request(request::SEND_MESSAGE_V2) }.with_body(b"x".to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files_go_when_their_hour_has_come() {
    let kept = Kept::start(|config| config.file_reserved_hours = 1).await;
    kept.fill("T", 12);
    let files = kept.log_files().len();
    kept.round().await;
    assert_eq!(kept.log_files().len(), files, "it is not the hour");
    kept.clock.advance_ms(4 * HOUR_MS);
    kept.until("all but the last are gone", |kept| kept.log_files().len() == 1).await;
    let queue = kept.broker.store().queue("T", 0).expect("it has messages");
    assert!(queue.min_offset() > 0 && queue.get(queue.min_offset()).is_some_and(|first| first.physical_offset > 0));
    kept.broker.stop().await.expect("closes cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_settings_counts_at_the_next_round() {
    let kept = Kept::start(|_| {}).await;
    kept.fill("T", 5);
    let files = kept.log_files().len();
    kept.set(&format!("deleteWhen={:02}\n", hour_after(&kept.clock, 0))).await;
    kept.round().await;
    assert_eq!(kept.log_files().len(), files, "72 hours have not passed");
    kept.set("fileReservedTime=1\n").await;
    kept.until("all but the last are gone", |kept| kept.log_files().len() == 1).await;

    kept.set(&format!("deleteWhen={:02}\ncleanFileForciblyEnable=false\n", hour_after(&kept.clock, 4))).await;
    kept.fill("T", 3);
    kept.round().await;
    assert_eq!(kept.log_files().len(), 4, "it is not the hour any more");
    kept.disk.store(70, Ordering::Relaxed);
    kept.round().await;
    assert_eq!(kept.log_files().len(), 4, "there is space");
    kept.set("diskMaxUsedSpaceRatio=69\n").await;
    kept.until("all but the last are gone", |kept| kept.log_files().len() == 1).await;

    kept.set("fileReservedTime=72\n").await;
    kept.fill("T", 3);
    kept.disk.store(86, Ordering::Relaxed);
    kept.round().await;
    assert_eq!(kept.log_files().len(), 4, "none is old, and force is off");
    kept.set("cleanFileForciblyEnable=true\n").await;
    kept.until("all but the last are gone", |kept| kept.log_files().len() == 1).await;
    kept.broker.stop().await.expect("closes cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_deletes_all_old_files_at_once_and_nothing_else() {
    for code in [request::DELETE_EXPIRED_COMMITLOG, request::TRIGGER_DELETE_FILES] {
        let kept = Kept::start(|_| {}).await;
        kept.fill("T", 25);
        let files = kept.log_files().len();
        kept.order(code).await;
        kept.round().await;
        assert_eq!(kept.log_files().len(), files, "none is old");
        kept.set("fileReservedTime=1\n").await;
        kept.round().await;
        assert_eq!(kept.log_files().len(), files, "nobody ordered it");
        kept.order(code).await;
        kept.until("all but the last are gone", |kept| kept.log_files().len() == 1).await;
        kept.broker.stop().await.expect("closes cleanly");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_clean_queues_and_unknown_topics() {
    let kept = Kept::start(|_| {}).await;
    kept.fill("Known", 1);
    kept.fill("Unknown", 1);
    kept.broker.topics().delete("Unknown");
    std::fs::create_dir_all(kept.dir.path().join("consumequeue/Left/0")).expect("made");
    kept.order(request::CLEAN_EXPIRED_CONSUMEQUEUE).await;
    kept.until("the empty folder is gone", |kept| !kept.dir.path().join("consumequeue/Left").exists()).await;
    kept.order(request::CLEAN_UNUSED_TOPIC).await;
    kept.until("the unknown topic is gone", |kept| kept.broker.store().queue("Unknown", 0).is_none()).await;
    assert!(kept.broker.store().queue("Known", 0).is_some_and(|queue| queue.get(0).is_some()));
    kept.broker.stop().await.expect("closes cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_to_producers_and_operators_until_there_is_space() {
    let kept = Kept::start(|_| {}).await;
    assert_eq!(kept.ask(send("T")).await.code, response::SUCCESS);
    kept.disk.store(91, Ordering::Relaxed);
    kept.until("messages are refused", |kept| kept.broker.store().refusing().is_some()).await;
    let answer = kept.ask(send("T")).await;
    let remark = answer.remark.unwrap_or_default();
    assert_eq!(answer.code, response::SERVICE_NOT_AVAILABLE, "{remark}");
    let info = kept.runtime_info().await.table;
    let log_dir = kept.dir.path().join("commitlog").display().to_string();
    for told in [&remark, &info["refusingWrites"]] {
        for word in [&*log_dir, "91 %", "90 %"] {
            assert!(told.contains(word), "{told}");
        }
    }
    for key in ["commitLogDiskRatio", "consumeQueueDiskRatio", &format!("commitLogDiskRatio_{log_dir}")] {
        assert_eq!(info[key], "0.91", "{key}");
    }
    let capacity = &info["commitLogDirCapacity"];
    assert!(
        capacity.starts_with("Total : ") && capacity.contains("iB, Free : ") && capacity.ends_with('.'),
        "{capacity}"
    );
    kept.set("diskSpaceWarningLevelRatio=91\n").await;
    kept.until("messages are taken", |kept| kept.broker.store().refusing().is_none()).await;
    assert_eq!(kept.ask(send("T")).await.code, response::SUCCESS);
    assert!(!kept.runtime_info().await.table.contains_key("refusingWrites"));
    kept.broker.stop().await.expect("closes cleanly");
}

/// The clock of intervals stands still but for waiting: a look comes when it is due, and no earlier.
#[tokio::test(start_paused = true)]
async fn disks_are_looked_at_every_10_seconds_and_every_second_while_messages_are_refused() {
    let kept = Kept::start(|config| config.clean_resource_interval_ms = 3_600_000).await;
    let began = tokio::time::Instant::now();
    let looks = kept.broker.retention().looks();
    for (look, share, next) in [(1, 50, 10), (2, 91, 20), (3, 91, 21), (4, 90, 22), (5, 50, 32)] {
        kept.disk.store(share, Ordering::Relaxed);
        looks.reached(look).await;
        assert_eq!(kept.broker.store().refusing().is_some(), share > 90, "look {look}");
        assert_eq!(began.elapsed().as_secs(), next, "look {look}");
    }
    kept.broker.stop().await.expect("closes cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_starts_on_a_full_disk_takes_no_message() {
    let kept = Kept::start(|config| {
        config.clean_resource_interval_ms = 3_600_000;
        config.disk_space_warning_level_percent = 49;
    })
    .await;
    assert_eq!(kept.ask(send("T")).await.code, response::SERVICE_NOT_AVAILABLE);
    kept.broker.stop().await.expect("closes cleanly");
}

//! The broker: its tables, its store, its sockets and its background tasks; how it starts and how it stops.

use crate::{
    announce::{Announcement, Announcer},
    clients::Clients,
    config::BrokerConfig,
    config_values,
    counts::{self, Counts},
    delay::{self, Delays},
    dispatch::Dispatch,
    filters::Filters,
    groups::Groups,
    locks::Locks,
    offsets::Offsets,
    pop::{self, Modes, Pops},
    rates::Rates,
    retention::{self, Retention},
    send::Sends,
    timer::{self, Timers},
    topics::{TopicRules, Topics},
    transaction::{self, Transactions},
};
use arc_swap::ArcSwap;
use base::{Clock, Disk, Tasks, durable::DurableFile};
use parking_lot::Mutex;
use protocol::record::NewRecord;
use remoting::{Limits, Names, server};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use store::{FlushDiskType, MessageStore, Placed, StoreConfig, StoreError};

/// How often silent clients are looked for.
const EXPIRY_PERIOD: Duration = Duration::from_secs(10);
/// How often the counts are noted that rates are made from.
const RATES_PERIOD: Duration = Duration::from_secs(1);
/// How long connections and tasks may take to end.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// Why a broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table cannot be read.
    #[error("cannot read {file}: {source}; its .bak is no better. Repair or remove it")]
    Table {
        /// Its path.
        file: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A port cannot be opened.
    #[error("cannot listen on {addr}: {source}; set another listenPort")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A running broker. Handlers are free functions of it, in the file of their subject.
pub struct Broker {
    config: ArcSwap<BrokerConfig>,
    store: Arc<MessageStore>,
    store_host: SocketAddr,
    topics: Topics,
    groups: Groups,
    offsets: Offsets,
    transactions: Transactions,
    pops: Pops,
    modes: Modes,
    delays: Delays,
    timers: Timers,
    clients: Clients,
    locks: Locks,
    filters: Filters,
    announcer: Announcer,
    rates: Rates,
    counts: Counts,
    retention: Retention,
    clock: Clock,
    started_ms: i64,
    /// Buffers of reads that are done, for the next ones.
    spare_sends: Mutex<Vec<Sends>>,
    tasks: Tasks,
}

impl Broker {
    /// Opens the store, listens, and registers with `names`, which it waits for a few seconds at most; without names
    /// it serves whoever knows its address. `disk` is what all its files are reached through.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub async fn start(
        mut config: BrokerConfig,
        names: Option<Names>,
        clock: Clock,
        disk: &Disk,
    ) -> Result<Arc<Self>, StartError> {
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, config.listen_port));
        // The ports first: a broker that cannot listen must not touch the store of one that can.
        let open = |addr: SocketAddr| server::bind(addr).map_err(|source| StartError::Listen { addr, source });
        let listener = open(listen)?;
        // Port 0, which no file may say but a test may, is whatever was free.
        if let (0, Ok(bound)) = (config.listen_port, listener.local_addr()) {
            config.listen_port = bound.port();
        }
        let fast = (listen.port() == config.listen_port)
            .then(|| config.listen_port - 2)
            .map(|port| open(SocketAddr::new(listen.ip(), port)))
            .transpose()?;
        let store_config = store_config(&config, disk);
        let levels_ms = store_config.delay_levels_ms()?;
        let store = MessageStore::open(store_config, clock.clone())?;
        store.check_space(retention::refuse_over(&config));
        let table = |name: &str| DurableFile::on(disk, config.store_path_root_dir.join("config").join(name));
        let broken = |name: &str| {
            let file = table(name).path().display().to_string();
            move |source| StartError::Table { file, source }
        };
        let rules = topic_rules(&config);
        let store_host = store_host(&config);
        let offsets = Offsets::open(table("consumerOffset.json")).map_err(broken("consumerOffset.json"))?;
        let transactions = Transactions::open(&store, &offsets, store_host, clock.now_ms());
        let broker = Arc::new(Self {
            store_host,
            topics: Topics::open(table("topics.json"), &rules, clock.clone()).map_err(broken("topics.json"))?,
            groups: Groups::open(table("subscriptionGroup.json"), config.auto_create_subscription_group, clock.clone())
                .map_err(broken("subscriptionGroup.json"))?,
            pops: Pops::open(&config.broker_cluster_name, &store, &offsets)?,
            modes: Modes::open(table("messageRequestMode.json")).map_err(broken("messageRequestMode.json"))?,
            offsets,
            transactions,
            delays: Delays::open(table("delayOffset.json"), levels_ms).map_err(broken("delayOffset.json"))?,
            timers: Timers::open(table("timerProgress.json")).map_err(broken("timerProgress.json"))?,
            clients: Clients::new(clock.clone()),
            locks: Locks::new(clock.clone()),
            filters: Filters::default(),
            announcer: Announcer::new(names.unwrap_or_default()),
            rates: Rates::default(),
            counts: Counts::begin(clock.now_ms(), store.ends()),
            retention: Retention::default(),
            started_ms: clock.now_ms(),
            spare_sends: Mutex::default(),
            tasks: Tasks::default(),
            config: ArcSwap::from_pointee(config),
            store,
            clock,
        });
        if broker.config().broker_role != config_values::BrokerRole::Slave {
            // The log may have lost what a group had read: what comes in its place is not to be skipped.
            let end = |topic: &str, queue_id| broker.store.queue(topic, queue_id).map_or(0, |queue| queue.max_offset());
            broker.offsets.correct_all(end);
        }
        let registered = broker.announcer.soon();
        broker.run(std::iter::once(listener).chain(fast));
        // Whoever hears that it has started may ask a name server for it at once.
        broker.announcer.known(registered).await;
        Ok(broker)
    }

    /// Everything that runs in the background, in one list.
    fn run(self: &Arc<Self>, listeners: impl Iterator<Item = tokio::net::TcpListener>) {
        let config = self.config();
        let limits = Limits {
            idle: match config.server_channel_max_idle_seconds {
                0 => Duration::from_secs(u64::from(u32::MAX)),
                seconds => Duration::from_secs(seconds),
            },
            ..Limits::default()
        };
        for listener in listeners {
            let service = Arc::new(Dispatch(self.clone()));
            self.tasks.spawn("listener", server::serve(listener, service, limits, self.tasks.clone()));
        }
        let (me, shutdown) = (self.clone(), self.tasks.shutdown().clone());
        let period = Duration::from_millis(config.register_name_server_period_ms);
        self.tasks.spawn("announcer", async move {
            me.announcer.run(|| me.announcement(), period, shutdown).await;
        });
        let me = self.clone();
        let period = Duration::from_millis(config.flush_consumer_offset_interval_ms);
        self.tasks.every("save tables", period, move || {
            // They are saved as they change; here, if that failed.
            me.saved([("topics", me.topics.save_again()), ("groups", me.groups.save_again())]);
        });
        let (me, shutdown) = (self.clone(), self.tasks.shutdown().clone());
        self.tasks.spawn("save offsets", async move {
            while shutdown.run_until_cancelled(tokio::time::sleep(period)).await.is_some() {
                me.save_offsets().await;
            }
        });
        let (me, shutdown) = (self.clone(), self.tasks.shutdown().clone());
        self.tasks.spawn("revive", pop::revive(me, shutdown));
        self.tasks.spawn("delays", delay::run(self.clone(), self.tasks.clone()));
        let me = self.clone();
        let period = Duration::from_millis(config.flush_delay_offset_interval_ms);
        self.tasks.every("save delays", period, move || {
            me.saved([("delays", me.delays.save(&me.store)), ("timers", me.timers.save(&me.store))]);
        });
        self.tasks.spawn("timers", timer::run(self.clone(), self.tasks.shutdown().clone()));
        let me = self.clone();
        self.tasks.every("note rates", RATES_PERIOD, move || me.rates.note(&me.store.stats(), me.clock.now_ms()));
        let me = self.clone();
        self.tasks.every("note counts", counts::PERIOD, move || counts::note(&me));
        let (me, shutdown) = (self.clone(), self.tasks.shutdown().clone());
        self.tasks.spawn("retention", retention::run(me, shutdown));
        self.tasks.spawn("transactions", transaction::run_checks(self.clone(), self.tasks.shutdown().clone()));
        let me = self.clone();
        self.tasks.every("expire clients", EXPIRY_PERIOD, move || {
            me.clients.expire(|group| me.tells_members(group));
            me.locks.forget_expired();
        });
    }

    /// Stops: no new work, what is written is flushed, the name servers are told, the tables are saved.
    ///
    /// # Errors
    /// If the store cannot be closed cleanly; it then recovers at the next start.
    pub async fn stop(&self) -> Result<(), StoreError> {
        self.announcer.unregister(&self.announcement()).await;
        if !self.tasks.stop(STOP_DEADLINE).await {
            tracing::warn!("some connections did not end within {} s", STOP_DEADLINE.as_secs());
        }
        // What was delivered a moment ago counts once it is on the disk.
        self.store.request_flush();
        tokio::select! {
            () = self.store.flushed().reached(self.store.written().get()) => {}
            () = self.store.sync_failed().reached(1) => {}
            () = tokio::time::sleep(STOP_DEADLINE) => {}
        }
        self.save_offsets().await;
        self.saved([
            ("topics", self.topics.save()),
            ("groups", self.groups.save()),
            ("delays", self.delays.save(&self.store)),
            ("timers", self.timers.save(&self.store)),
        ]);
        self.store.close()
    }

    /// Saves the offsets, once what they speak for is on the disk.
    async fn save_offsets(&self) {
        let Some((changed, end)) = self.pops.changed_offsets(&self.offsets) else { return };
        if self.store.flushed().get() < end {
            self.store.request_flush();
            let flushed = tokio::time::timeout(STOP_DEADLINE, self.store.flushed().reached(end)).await;
            // What is saved must not be ahead of a log that stays behind.
            if flushed.is_err() {
                return self.offsets.to_be_saved();
            }
        }
        self.saved([("offsets", self.offsets.write(&changed))]);
    }

    fn saved<const N: usize>(&self, tables: [(&str, io::Result<()>); N]) {
        for (table, saved) in tables {
            if let Err(error) = saved {
                tracing::error!(%error, "cannot save the {table}");
            }
        }
    }

    /// The settings as they are now.
    pub fn config(&self) -> arc_swap::Guard<Arc<BrokerConfig>> {
        self.config.load()
    }

    /// Replaces the settings.
    pub fn set_config(&self, config: BrokerConfig) {
        self.groups.set_auto_create(config.auto_create_subscription_group);
        self.config.store(Arc::new(config));
    }

    /// The messages.
    pub fn store(&self) -> &MessageStore {
        &self.store
    }

    /// Stores a record of the broker's own making, or one that it moves. Where it lies; it is surely on the disk once
    /// [`MessageStore::flushed`] has come past its end.
    ///
    /// # Errors
    /// As [`MessageStore::append`]; nothing is stored then.
    pub fn put(&self, record: &NewRecord<'_>) -> Result<Placed, StoreError> {
        let (mut batch, mut placed) = (self.store.batch(), Vec::with_capacity(1));
        batch.push(record)?;
        self.store.append(&mut batch, &mut placed)?;
        placed.pop().ok_or(StoreError::Closed)
    }

    /// What records say who stored them: the advertised address.
    pub fn store_host(&self) -> SocketAddr {
        self.store_host
    }

    /// A buffer for the sends of one read.
    pub fn sends(&self) -> Sends {
        self.spare_sends.lock().pop().unwrap_or_else(|| Sends::new(&self.store))
    }

    /// Gives such a buffer back.
    pub fn done_with(&self, sends: Sends) {
        // As many are kept as reads were ever served at once, which is at most one a thread.
        if sends.is_worth_keeping() {
            self.spare_sends.lock().push(sends);
        }
    }

    /// The topics.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The groups as configured.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The groups' offsets.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// The transactions that have not ended.
    pub fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    /// What is popped.
    pub fn pops(&self) -> &Pops {
        &self.pops
    }

    /// How groups ask for messages.
    pub fn modes(&self) -> &Modes {
        &self.modes
    }

    /// How far the levels of delayed messages are delivered.
    pub fn delays(&self) -> &Delays {
        &self.delays
    }

    /// Which messages wait for a time of their own.
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// The groups' members.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Who reads which queue of an ordered group.
    pub fn locks(&self) -> &Locks {
        &self.locks
    }

    /// The filters that come with pulls.
    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    /// Who tells the name servers.
    pub fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    /// Messages per second.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// What is counted of topics and groups.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What is to be deleted.
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// When it started, ms.
    pub fn started_ms(&self) -> i64 {
        self.started_ms
    }

    /// The address clients are told.
    pub fn advertised(&self) -> String {
        let config = self.config();
        format!("{}:{}", config.broker_ip1, config.listen_port)
    }

    /// Whether a group's members are told when one comes or goes.
    pub fn tells_members(&self, group: &str) -> bool {
        self.config().notify_consumer_ids_changed_enable
            && self.groups.find(group).is_none_or(|group| group.notify_consumer_ids_changed_enable)
    }

    fn announcement(&self) -> Announcement {
        Announcement::new(&self.config(), &self.advertised(), self.topics.snapshot())
    }
}

/// A record holds an address, not a name: one that cannot be resolved here is stored as 127.0.0.1, with a warning.
fn store_host(config: &BrokerConfig) -> SocketAddr {
    use std::net::ToSocketAddrs;
    let port = config.listen_port;
    if let Ok(ip) = config.broker_ip1.parse::<IpAddr>() {
        return SocketAddr::new(ip, port);
    }
    let resolved = (config.broker_ip1.as_str(), port).to_socket_addrs().ok();
    resolved.and_then(|mut all| all.find(SocketAddr::is_ipv4)).unwrap_or_else(|| {
        tracing::warn!(broker_ip1 = config.broker_ip1, "brokerIP1 has no address here; message ids will not lead back");
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    })
}

fn topic_rules(config: &BrokerConfig) -> TopicRules {
    TopicRules {
        auto_create: config.auto_create_topic_enable,
        default_queues: config.default_topic_queue_nums as i32,
        cluster: (config.broker_cluster_name.clone(), config.cluster_topic_enable),
        broker: (config.broker_name.clone(), config.broker_topic_enable),
        trace_topic: config.trace_topic_enable.then(|| config.msg_trace_topic_name.clone()),
    }
}

fn store_config(config: &BrokerConfig, disk: &Disk) -> StoreConfig {
    StoreConfig {
        root_dir: config.store_path_root_dir.clone(),
        commit_log_dir: Some(config.store_path_commit_log.clone()),
        mapped_file_size_commit_log: u64::from(config.mapped_file_size_commit_log),
        mapped_file_size_consume_queue: u64::from(config.mapped_file_size_consume_queue),
        message_index_enable: config.message_index_enable,
        max_hash_slot_num: config.max_hash_slot_num,
        max_index_num: config.max_index_num,
        max_msgs_num_batch: config.max_msgs_num_batch as usize,
        flush_disk_type: match config.flush_disk_type {
            config_values::FlushDiskType::Async => FlushDiskType::Async,
            config_values::FlushDiskType::Sync => FlushDiskType::Sync,
        },
        flush_interval_commit_log_ms: config.flush_interval_commit_log_ms,
        flush_commit_log_least_pages: u64::from(config.flush_commit_log_least_pages),
        flush_commit_log_thorough_interval_ms: config.flush_commit_log_thorough_interval_ms,
        flush_interval_consume_queue_ms: config.flush_interval_consume_queue_ms,
        flush_consume_queue_least_pages: u64::from(config.flush_consume_queue_least_pages),
        flush_consume_queue_thorough_interval_ms: config.flush_consume_queue_thorough_interval_ms,
        max_transfer_bytes_on_message_in_memory: config.max_transfer_bytes_in_memory as usize,
        max_transfer_count_on_message_in_memory: config.max_transfer_count_in_memory as usize,
        max_transfer_bytes_on_message_in_disk: config.max_transfer_bytes_on_disk as usize,
        max_transfer_count_on_message_in_disk: config.max_transfer_count_on_disk as usize,
        access_message_in_memory_max_ratio: u64::from(config.access_message_in_memory_max_percent),
        check_crc_on_recover: config.check_crc_on_recover,
        check_crc_on_read: config.check_crc_on_read,
        enabled_append_prop_crc: config.enabled_append_prop_crc,
        message_delay_level: config.message_delay_level.clone(),
        disk: disk.clone(),
    }
}

//! The broker: its tables, its store, its sockets and its background tasks; how it starts and how it stops.

use crate::{
    announce::{Announcement, Announcer},
    clients::Clients,
    config::{BrokerConfig, ConfigError},
    config_values::BrokerRole,
    counts::{self, Counts},
    delay::{self, Delays},
    derived,
    dispatch::Dispatch,
    filters::Filters,
    follow::{self, Follower},
    groups::Groups,
    latency::Latencies,
    locks::Locks,
    mirror,
    offsets::Offsets,
    pop::{self, Modes, Pops},
    rates::Rates,
    retention::{self, Retention},
    send::Sends,
    settings_file::SettingsFile,
    slaves::{self, Slaves},
    start_error::StartError,
    timer::{self, Timers},
    topics::Topics,
    transaction::{self, Transactions},
    while_away,
};
use arc_swap::ArcSwap;
use base::{Clock, Disk, Tasks, durable::DurableFile, properties::Properties};
use parking_lot::Mutex;
use protocol::record::NewRecord;
use remoting::{Limits, Names, server};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use store::{MessageStore, Placed, StoreError};

/// How often silent clients are looked for.
const EXPIRY_PERIOD: Duration = Duration::from_secs(10);
/// How often the counts are noted that rates are made from.
const RATES_PERIOD: Duration = Duration::from_secs(1);
/// How long connections and tasks may take to end.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// A running broker. Handlers are free functions of it, in the file of their subject.
pub struct Broker {
    config: ArcSwap<BrokerConfig>,
    /// Held while settings are changed.
    settings_file: Mutex<SettingsFile>,
    store: Arc<MessageStore>,
    store_host: SocketAddr,
    topics: Topics,
    groups: Groups,
    offsets: Offsets,
    slaves: Slaves,
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
    latencies: Latencies,
    counts: Counts,
    retention: Retention,
    follower: Option<Follower>,
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
        let is_slave = config.broker_role == BrokerRole::Slave;
        let for_slaves = match !is_slave {
            true => {
                let port = if listen.port() == 0 { 0 } else { config.ha_listen_port };
                Some(slaves::bind(SocketAddr::new(listen.ip(), port))?)
            }
            false => None,
        };
        if let Some(bound) = for_slaves.as_ref().and_then(|listener| listener.local_addr().ok()) {
            config.ha_listen_port = bound.port();
        }
        let store_config = derived::store_config(&config, disk);
        let levels_ms = store_config.delay_levels_ms()?;
        let store = MessageStore::open(store_config, clock.clone())?;
        store.check_space(retention::refuse_over(&config));
        let table = |name: &str| DurableFile::on(disk, config.store_path_root_dir.join("config").join(name));
        let broken = |name: &str| {
            let file = table(name).path().display().to_string();
            move |source| StartError::Table { file, source }
        };
        let rules = derived::topic_rules(&config);
        let store_host = derived::store_host(&config);
        let offsets = Offsets::open(table("consumerOffset.json"), is_slave).map_err(broken("consumerOffset.json"))?;
        // What a slave finds in its log is for its master to act on: it must not add to the log itself.
        let transactions = match is_slave {
            true => Transactions::none(store_host),
            false => Transactions::open(&store, &offsets, store_host, clock.now_ms()),
        };
        let pops = match is_slave {
            true => Pops::none(&config.broker_cluster_name),
            false => Pops::open(&config.broker_cluster_name, &store, &offsets)?,
        };
        let broker = Arc::new(Self {
            store_host,
            topics: Topics::open(table("topics.json"), &rules, clock.clone()).map_err(broken("topics.json"))?,
            groups: Groups::open(table("subscriptionGroup.json"), config.auto_create_subscription_group, clock.clone())
                .map_err(broken("subscriptionGroup.json"))?,
            pops,
            modes: Modes::open(table("messageRequestMode.json")).map_err(broken("messageRequestMode.json"))?,
            offsets,
            slaves: Slaves::new(store.clone(), &config, clock.clone()),
            transactions,
            delays: Delays::open(table("delayOffset.json"), levels_ms).map_err(broken("delayOffset.json"))?,
            timers: Timers::open(table("timerProgress.json")).map_err(broken("timerProgress.json"))?,
            clients: Clients::new(clock.clone()),
            locks: Locks::new(clock.clone()),
            filters: Filters::default(),
            announcer: Announcer::new(names.unwrap_or_default()),
            rates: Rates::default(),
            latencies: Latencies::default(),
            counts: Counts::begin(clock.now_ms(), store.ends()),
            retention: Retention::default(),
            follower: is_slave.then(|| Follower::new(store.clone(), &config)),
            started_ms: clock.now_ms(),
            spare_sends: Mutex::default(),
            tasks: Tasks::default(),
            settings_file: Mutex::new(SettingsFile::of(disk, &config.origin)),
            config: ArcSwap::from_pointee(config),
            store,
            clock,
        });
        // The log may have lost what a group had read: what comes in its place is not to be skipped. A slave may just lack
        // what its master has.
        let end = |topic: &str, queue_id| broker.store.queue(topic, queue_id).map_or(0, |queue| queue.max_offset());
        match is_slave {
            true => {
                broker.groups.set_copied();
                broker.offsets.correct_own(end);
            }
            false => {
                while_away::take_offsets(&broker).await;
                broker.offsets.correct_all(end);
            }
        }
        let registered = broker.announcer.soon();
        if let Some(listener) = for_slaves {
            slaves::serve(broker.clone(), listener);
        }
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
        match self.follower {
            Some(_) => self.run_as_slave(),
            None => self.run_as_master(),
        }
        let me = self.clone();
        self.tasks.every("note rates", RATES_PERIOD, move || me.rates.note(&me.store.stats(), me.clock.now_ms()));
        let me = self.clone();
        self.tasks.every("note counts", counts::PERIOD, move || {
            counts::note(&me);
            me.latencies.note();
        });
        let (me, shutdown) = (self.clone(), self.tasks.shutdown().clone());
        self.tasks.spawn("retention", retention::run(me, shutdown));
        let me = self.clone();
        self.tasks.every("expire clients", EXPIRY_PERIOD, move || {
            me.clients.expire(|group| me.tells_members(group));
            me.locks.forget_expired();
        });
    }

    /// What moves messages on: only a master does.
    fn run_as_master(self: &Arc<Self>) {
        let shutdown = self.tasks.shutdown();
        self.tasks.spawn("revive", pop::revive(self.clone(), shutdown.clone()));
        self.tasks.spawn("delays", delay::run(self.clone(), self.tasks.clone()));
        let me = self.clone();
        let period = Duration::from_millis(self.config().flush_delay_offset_interval_ms);
        self.tasks.every("save delays", period, move || {
            me.saved([("delays", me.delays.save(&me.store)), ("timers", me.timers.save(&me.store))]);
        });
        self.tasks.spawn("timers", timer::run(self.clone(), shutdown.clone()));
        self.tasks.spawn("transactions", transaction::run_checks(self.clone(), shutdown.clone()));
    }

    fn run_as_slave(self: &Arc<Self>) {
        let shutdown = self.tasks.shutdown();
        self.tasks.spawn("follow the master", follow::run(self.clone(), shutdown.clone()));
        self.tasks.spawn("copy tables", mirror::run(self.clone(), shutdown.clone()));
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
        let max_behind = u64::from(self.config().ha_slave_fallbehind_max_bytes);
        self.slaves.stop(self.store.written().get(), max_behind).await;
        self.save_offsets().await;
        self.saved([("topics", self.topics.save()), ("groups", self.groups.save())]);
        if self.follower.is_none() {
            self.saved([("delays", self.delays.save(&self.store)), ("timers", self.timers.save(&self.store))]);
        }
        self.store.close()
    }

    /// Saves the offsets, once what they speak for is on the disk.
    async fn save_offsets(&self) {
        let changed = match self.follower {
            // What is copied is copied once this log has what it speaks for.
            Some(_) => self.offsets.changed().map(|changed| (changed, 0)),
            None => self.pops.changed_offsets(&self.offsets),
        };
        let Some((changed, end)) = changed else { return };
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

    /// Changes settings, here and in the file that they came from. Returns why they do not last, if so.
    ///
    /// # Errors
    /// As [`BrokerConfig::update`]; nothing is changed then.
    pub fn change_config(&self, changes: &Properties) -> Result<Option<String>, ConfigError> {
        let file = self.settings_file.lock();
        let config = self.config().update(changes)?;
        let saved = file.save(changes, &config);
        self.groups.set_auto_create(config.auto_create_subscription_group);
        self.config.store(Arc::new(config));
        Ok(saved.err())
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

    /// A buffer for the sends of a read that is just done.
    pub fn sends(&self) -> Sends {
        let mut sends = self.spare_sends.lock().pop().unwrap_or_else(|| Sends::new(&self.store));
        sends.begin();
        sends
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

    /// Who takes the log.
    pub fn slaves(&self) -> &Slaves {
        &self.slaves
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

    /// How long sends take.
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// What is counted of topics and groups.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What is to be deleted.
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// How this slave follows its master; `None` for a master.
    pub fn follower(&self) -> Option<&Follower> {
        self.follower.as_ref()
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

//! The broker's settings: every key of `broker.conf` that does something here, typed, with the defaults of Apache
//! RocketMQ 4.9.8 (`BrokerConfig`, `MessageStoreConfig`, `NettyServerConfig`), and how they are read, shown and changed.
//!
//! Keys that only Apache RocketMQ has a use for are in `keys_without_effect`; what keys
//! demand of each other is in `config_rules`, the form of single values in [`config_values`](crate::config_values).

use std::path::PathBuf;

use base::properties::Properties;
use base::settings::Effect::{self, AtStart, Live};
use base::settings::{Kind, Settings};

pub use base::given::{Notice, SettingError as ConfigError};

use crate::config_rules;
use crate::config_values::{
    BYTES, BYTES_OR_NEVER, BrokerRole, COUNT, FlushDiskType, HOST, HOST_AND_PORT, HOSTS_AND_PORTS, HOURS, LEVELS,
    LONG_MILLIS, MILLIS, NAME, NETWORKS, ONE_PATH, PAGES, PERCENT, PORT, SECONDS_OR_NEVER, STORE_SIZE, TOPIC,
};
use crate::keys_without_effect::KEYS_WITHOUT_EFFECT;
use crate::surroundings::Surroundings;

const IDENTITY: Effect = AtStart("it is how clients, name servers and slaves know this broker");
const SOCKET: Effect = AtStart("sockets are opened when the broker starts");
const DISCOVERY: Effect = AtStart("where and how to register is decided when the broker starts");
const PATH: Effect = AtStart("paths are only taken from the file");
const LAYOUT: Effect = AtStart("the files on disk are laid out by it");
const STORE: Effect = AtStart("the store reads it when it opens");
const TOPICS: Effect = AtStart("system topics are made when the broker starts");
const TRUST: Effect = AtStart("whom to trust with all messages is only taken from the file");
const REPLICATION: Effect = AtStart("replication is set up when the broker starts");

base::settings! {
    /// What a broker does. Times and sizes carry their unit in the name; sizes are in bytes.
    pub struct BrokerConfig on here: &Surroundings {
        // Who this broker is.

        /// The cluster it belongs to.
        brokerClusterName => broker_cluster_name: String = "DefaultCluster".into(), NAME, IDENTITY;
        /// Its name, shared by a master and its slaves; the host's name if not set.
        brokerName => broker_name: String = here.host_name.clone(), NAME, IDENTITY;
        /// 0 for a master, 1 and more for its slaves.
        brokerId => broker_id: u64 = 0, Kind::number("a broker id", 0, i64::MAX), IDENTITY;
        /// Whether it takes messages or copies them, and for whom an acknowledgement waits.
        brokerRole => broker_role: BrokerRole = BrokerRole::AsyncMaster, Kind::OneOf(BrokerRole::WORDS), IDENTITY;
        /// The address that clients are told.
        brokerIP1 => broker_ip1: String = here.address.clone(), HOST, IDENTITY;
        /// The address that slaves are told.
        brokerIP2 => broker_ip2: String = here.address.clone(), HOST, IDENTITY;
        /// What may be done here, a sum: 4 read, 2 write, 1 inherit.
        brokerPermission => broker_permission: u32 = 6, Kind::number("4 (read) + 2 (write)", 0, 7), Live;
        /// The region that answers and traces name.
        regionId => region_id: String = "DefaultRegion".into(), Kind::Text, IDENTITY;

        // Where it is found.

        /// Name servers, `host:port;host:port`; `NAMESRV_ADDR` of the environment if not set.
        namesrvAddr => namesrv_addr: Option<String> = here.namesrv_addr.clone(), HOSTS_AND_PORTS, DISCOVERY;
        /// Whether the name servers are asked for at an HTTP address server; only when `namesrvAddr` is not set.
        fetchNamesrvAddrByAddressServer => fetch_namesrv_addr_by_address_server: bool = false, Kind::Bool, DISCOVERY;
        /// The address server: a host, or `host:port` where the port is not 8080.
        rmqAddressServerDomain => address_server_domain: String = "jmenv.tbsite.net".into(), NAME, DISCOVERY;
        /// The last part of the path asked for at the address server.
        rmqAddressServerSubGroup => address_server_sub_group: String = "nsaddr".into(), NAME, DISCOVERY;
        /// How often it registers with the name servers; kept within 10 s and 60 s.
        registerNameServerPeriod => register_name_server_period_ms: u64 = 30_000, MILLIS, DISCOVERY;
        /// How long one name server may take to answer a registration.
        registerBrokerTimeoutMills => register_broker_timeout_ms: u64 = 6_000, MILLIS, DISCOVERY;
        /// Whether it registers even when the name server says that it already knows everything.
        forceRegister => force_register: bool = true, Kind::Bool, DISCOVERY;
        /// Whether the body of a registration is compressed.
        compressedRegister => compressed_register: bool = false, Kind::Bool, DISCOVERY;
        /// The main port. The port 2 below serves the same to clients that ask for it; the one above serves slaves.
        listenPort => listen_port: u16 = 10911, PORT, SOCKET;
        /// The port for slaves: always `listenPort` + 1, as in Apache RocketMQ, whatever the file says.
        haListenPort => ha_listen_port: u16 = 10912, PORT, SOCKET;
        /// After how long without a byte a connection is closed; 0 never.
        serverChannelMaxIdleTimeSeconds => server_channel_max_idle_seconds: u64 = 120, SECONDS_OR_NEVER, SOCKET;

        // Topics and groups.

        /// Whether a send to an unknown topic creates it.
        autoCreateTopicEnable => auto_create_topic_enable: bool = true, Kind::Bool, Live;
        /// How many queues such a topic gets at most.
        defaultTopicQueueNums => default_topic_queue_nums: u32 = 8, Kind::number("a number of queues", 1, 65535), Live;
        /// Whether a consumer group that is not known may consume.
        autoCreateSubscriptionGroup => auto_create_subscription_group: bool = true, Kind::Bool, Live;
        /// Whether the topic named after the cluster may be used.
        clusterTopicEnable => cluster_topic_enable: bool = true, Kind::Bool, TOPICS;
        /// Whether the topic named after the broker may be used.
        brokerTopicEnable => broker_topic_enable: bool = true, Kind::Bool, TOPICS;
        /// Whether the topic for message traces exists.
        traceTopicEnable => trace_topic_enable: bool = false, Kind::Bool, TOPICS;
        /// The topic for message traces.
        msgTraceTopicName => msg_trace_topic_name: String = "RMQ_SYS_TRACE_TOPIC".into(), TOPIC, TOPICS;
        /// Whether answers to sends tell clients to write traces.
        traceOn => trace_on: bool = true, Kind::Bool, Live;

        // Sending and pulling.

        /// The longest body of a message.
        maxMessageSize => max_message_size: u32 = 4 << 20, BYTES, Live;
        /// Whether a pull that finds nothing waits as long as it asks for, rather than `shortPollingTimeMills`.
        longPollingEnable => long_polling_enable: bool = true, Kind::Bool, Live;
        /// How long a pull waits when it may not wait long.
        shortPollingTimeMills => short_polling_time_ms: u64 = 1_000, LONG_MILLIS, Live;
        /// Whether consumers are told at once when their group gains or loses a member.
        notifyConsumerIdsChangedEnable => notify_consumer_ids_changed_enable: bool = true, Kind::Bool, Live;
        /// Whether consumers may filter by properties (SQL92); false if not set in Apache RocketMQ.
        enablePropertyFilter => enable_property_filter: bool = true, Kind::Bool, Live;
        /// The most bytes one pull gets of messages in memory.
        maxTransferBytesOnMessageInMemory => max_transfer_bytes_in_memory: u32 = 256 << 10, BYTES, Live;
        /// The most messages one pull gets of those in memory.
        maxTransferCountOnMessageInMemory => max_transfer_count_in_memory: u32 = 32, COUNT, Live;
        /// The most bytes one pull gets of messages that are no longer in memory.
        maxTransferBytesOnMessageInDisk => max_transfer_bytes_on_disk: u32 = 64 << 10, BYTES, Live;
        /// The most messages one pull gets of those that are no longer in memory.
        maxTransferCountOnMessageInDisk => max_transfer_count_on_disk: u32 = 8, COUNT, Live;
        /// The newest messages taken to be in memory, in percent of the machine's memory; on a slave 10 less.
        accessMessageInMemoryMaxRatio => access_message_in_memory_max_percent: u32 = 40, PERCENT, Live;
        /// Whether readers that lag behind memory are sent to a slave.
        slaveReadEnable => slave_read_enable: bool = false, Kind::Bool, Live;
        /// Whether a slave, too, corrects offsets that lie outside a queue.
        offsetCheckInSlave => offset_check_in_slave: bool = false, Kind::Bool, Live;
        /// The most messages a query by key finds.
        maxMsgsNumBatch => max_msgs_num_batch: u32 = 64, COUNT, Live;
        /// The most messages a query by unique key finds.
        defaultQueryMaxNum => default_query_max_num: u32 = 32, COUNT, Live;
        /// How often consumer offsets are written to disk.
        flushConsumerOffsetInterval => flush_consumer_offset_interval_ms: u64 = 5_000, MILLIS, STORE;

        // Transactions, replies, delays.

        /// Whether transactional messages are refused.
        rejectTransactionMessage => reject_transaction_message: bool = false, Kind::Bool, Live;
        /// How old a half message must be before its producer is asked.
        transactionTimeOut => transaction_timeout_ms: u64 = 6_000, LONG_MILLIS, Live;
        /// How often its producer is asked before a half message is given up.
        transactionCheckMax => transaction_check_max: u32 = 15, COUNT, Live;
        /// The time between two rounds of asking.
        transactionCheckInterval => transaction_check_interval_ms: u64 = 60_000, LONG_MILLIS, Live;
        /// Whether replies to requests are stored as well as passed on.
        storeReplyMessageEnable => store_reply_message_enable: bool = true, Kind::Bool, Live;
        /// The delay of each level, from level 1, in s, m, h or d.
        messageDelayLevel => message_delay_level: String =
            "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h".into(), LEVELS, STORE;
        /// How often the progress of the delay levels is written to disk.
        flushDelayOffsetInterval => flush_delay_offset_interval_ms: u64 = 10_000, LONG_MILLIS, STORE;

        /// Whether messages may say when they are to be delivered. A key of Apache RocketMQ 5.
        timerWheelEnable => timer_wheel_enable: bool = true, Kind::Bool, Live;
        /// How far ahead that may be. A key of Apache RocketMQ 5.
        timerMaxDelaySec => timer_max_delay_seconds: u32 = 3 * 24 * 3600, Kind::number("seconds", 1, i32::MAX as i64), Live;

        // The store.

        /// The directory of everything the broker keeps.
        storePathRootDir => store_path_root_dir: PathBuf = here.home.join("store"), ONE_PATH, PATH;
        /// The directory of the commit log; `commitlog` below the root if not set.
        storePathCommitLog => store_path_commit_log: PathBuf = here.home.join("store/commitlog"), ONE_PATH, PATH;
        /// The size of a commit log file.
        mappedFileSizeCommitLog => mapped_file_size_commit_log: u32 = 1 << 30, BYTES, LAYOUT;
        /// The size of a consume queue file, rounded up to whole entries of 20 bytes.
        mappedFileSizeConsumeQueue => mapped_file_size_consume_queue: u32 = 300_000 * 20, STORE_SIZE, LAYOUT;
        /// Whether messages are indexed by their keys.
        messageIndexEnable => message_index_enable: bool = true, Kind::Bool, STORE;
        /// Whether the index is recovered from its last flush instead of as it was found.
        messageIndexSafe => message_index_safe: bool = false, Kind::Bool, STORE;
        /// Hash slots in an index file.
        maxHashSlotNum => max_hash_slot_num: u32 = 5_000_000, COUNT, LAYOUT;
        /// Entries in an index file.
        maxIndexNum => max_index_num: u32 = 20_000_000, COUNT, LAYOUT;
        /// Whether recovery checks the checksum of every message it reads.
        checkCRCOnRecover => check_crc_on_recover: bool = true, Kind::Bool, STORE;
        /// Whether a reader gets a message only if its checksum holds. A key of rmq's own.
        checkCRCOnRead => check_crc_on_read: bool = true, Kind::Bool, STORE;
        /// Whether each message is stored with a checksum of all of it, as a property. A key of Apache RocketMQ 5.
        enabledAppendPropCRC => enabled_append_prop_crc: bool = false, Kind::Bool, STORE;
        /// Whether an acknowledgement waits for the disk.
        flushDiskType => flush_disk_type: FlushDiskType = FlushDiskType::Async, Kind::OneOf(FlushDiskType::WORDS), STORE;
        /// How long an acknowledgement waits for the disk before it says so.
        syncFlushTimeout => sync_flush_timeout_ms: u64 = 5_000, MILLIS, STORE;
        /// How often the commit log is flushed if enough pages are dirty.
        flushIntervalCommitLog => flush_interval_commit_log_ms: u64 = 500, MILLIS, STORE;
        /// How many dirty pages of 4 KiB are enough.
        flushCommitLogLeastPages => flush_commit_log_least_pages: u32 = 4, PAGES, STORE;
        /// How often it is flushed however few are dirty.
        flushCommitLogThoroughInterval => flush_commit_log_thorough_interval_ms: u64 = 10_000, MILLIS, STORE;
        /// How often consume queues are flushed if enough pages are dirty.
        flushIntervalConsumeQueue => flush_interval_consume_queue_ms: u64 = 1_000, MILLIS, STORE;
        /// How many dirty pages of 4 KiB are enough.
        flushConsumeQueueLeastPages => flush_consume_queue_least_pages: u32 = 2, PAGES, STORE;
        /// How often they are flushed however few are dirty.
        flushConsumeQueueThoroughInterval => flush_consume_queue_thorough_interval_ms: u64 = 60_000, MILLIS, STORE;
        /// The hours of the day in which old files are deleted, `04` or `04;16`, local time.
        deleteWhen => delete_when: String = "04".into(), HOURS, Live;
        /// How long a commit log file is kept after its last message.
        fileReservedTime => file_reserved_hours: u32 = 72, Kind::number("hours", 0, i32::MAX as i64), Live;
        /// How full the disk may be before old files are deleted at any hour; kept within 10 and 95.
        diskMaxUsedSpaceRatio => disk_max_used_space_percent: u32 = 75, PERCENT, Live;
        /// Whether a disk that is almost full costs files that are not old yet.
        cleanFileForciblyEnable => clean_file_forcibly_enable: bool = true, Kind::Bool, Live;
        /// How full that is. In Apache RocketMQ the system property `rocketmq.broker.diskSpaceCleanForciblyRatio`.
        diskSpaceCleanForciblyRatio => disk_space_clean_forcibly_percent: u32 = 85, PERCENT, Live;
        /// How full the disk may be before messages are refused; 100 is never. In Apache RocketMQ the system property
        /// `rocketmq.broker.diskSpaceWarningLevelRatio`.
        diskSpaceWarningLevelRatio => disk_space_warning_level_percent: u32 = 90, PERCENT, Live;
        /// How often the store looks for files to delete.
        cleanResourceInterval => clean_resource_interval_ms: u64 = 10_000, MILLIS, STORE;

        // Replication.

        /// The master's address for slaves, `host:port`; learned from the name servers if not set.
        haMasterAddress => ha_master_address: Option<String> = None, HOST_AND_PORT, REPLICATION;
        /// How often a silent connection between master and slave gets a heartbeat.
        haSendHeartbeatInterval => ha_send_heartbeat_interval_ms: u64 = 5_000, MILLIS, REPLICATION;
        /// After how long a silent connection between master and slave is closed.
        haHousekeepingInterval => ha_housekeeping_interval_ms: u64 = 20_000, MILLIS, REPLICATION;
        /// The most bytes that go to a slave at once; kept within what a slave of Apache RocketMQ has room for, 4 MiB.
        haTransferBatchSize => ha_transfer_batch_size: u32 = 32 << 10, BYTES, REPLICATION;
        /// How many bytes a slave may be behind and still count for `SYNC_MASTER`.
        haSlaveFallbehindMax => ha_slave_fallbehind_max_bytes: u32 = 256 << 20, BYTES, Live;
        /// How long an acknowledgement waits for a slave before it says so.
        slaveTimeout => slave_timeout_ms: u64 = 3_000, MILLIS, Live;
        /// From where slaves may connect besides this machine and where the name servers know brokers of this name:
        /// addresses or CIDR blocks, parted by `;`. A key of rmq's own.
        haAllowedAddresses => ha_allowed_addresses: String = String::new(), NETWORKS, TRUST;
        /// The most bytes that a slave cuts off its own log when its master never had them; 0 is never. What is cut off
        /// is kept in a file. A key of rmq's own.
        haSlaveCutMax => ha_slave_cut_max_bytes: u64 = 64 << 20, BYTES_OR_NEVER, Live;

        // What may change.

        /// Keys that may not change while the broker runs, parted by `;`, beyond those that never may.
        configBlackList => config_black_list: String =
            "configBlackList;brokerConfigPath".into(), Kind::Text, AtStart("it guards the others");
    }
    accepting KEYS_WITHOUT_EFFECT;
}

impl BrokerConfig {
    /// Reads a `broker.conf`. `file` is its name for messages; `command_line` overrules it, by the same keys.
    /// Without a file both are empty.
    ///
    /// # Errors
    /// The first bad value: file, line, key, and what was expected.
    pub fn load(file: &str, text: &str, command_line: &[(&str, &str)]) -> Result<(Self, Vec<Notice>), ConfigError> {
        Self::load_on(&Surroundings::here(), file, text, command_line)
    }

    /// The same with the defaults of other surroundings.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_on(
        here: &Surroundings,
        file: &str,
        text: &str,
        command_line: &[(&str, &str)],
    ) -> Result<(Self, Vec<Notice>), ConfigError> {
        let mut given = base::given::Given::at_start(Self::KNOWN, file, text, command_line)?;
        let mut config = Self::with_defaults(here);
        config.take(&given)?;
        config.origin = given.origin();
        config_rules::complete(&mut config, &mut given)?;
        config_rules::check(&mut config, &mut given)?;
        Ok((config, given.into_notices()))
    }

    /// Every key of Apache RocketMQ 4.9.8 with its present value, sorted; those without effect, too.
    pub fn print(&self) -> Vec<(String, String)> {
        self.all_values()
    }

    /// This configuration with changes asked for while the broker runs: all of them, or none and the reason.
    ///
    /// Only keys that are live may change: no path, address, port, role or name, and none in `configBlackList`.
    ///
    /// # Errors
    /// Names the key that is unknown, may not change, does nothing here, or has a bad value.
    pub fn update(&self, changes: &Properties) -> Result<Self, ConfigError> {
        let (mut config, mut given) = self.changed(changes)?;
        given.refuse_barred(&self.config_black_list, "configBlackList names it")?;
        config_rules::check(&mut config, &mut given)?;
        Ok(config)
    }

    /// The URL at which an address server is asked for name servers, when that is how they are found.
    pub fn address_server_url(&self) -> Option<String> {
        if self.namesrv_addr.is_some() || !self.fetch_namesrv_addr_by_address_server {
            return None;
        }
        let domain = &self.address_server_domain;
        let port = if domain.contains(':') { "" } else { ":8080" };
        Some(format!("http://{domain}{port}/rocketmq/{}", self.address_server_sub_group))
    }
}

/// The defaults on a made-up host, in the working directory, that is reached by nobody else: for tests.
impl Default for BrokerConfig {
    fn default() -> Self {
        Self::with_defaults(&Surroundings::nowhere())
    }
}

#[cfg(test)]
mod tests;

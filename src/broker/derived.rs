//! What the parts of a broker are told of its settings when it starts: the store, the topics, and the records' origin.

use crate::{config::BrokerConfig, config_values, topics::TopicRules};
use base::Disk;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use store::{FlushDiskType, StoreConfig};

/// Who stored a record, as it says itself. It holds an address, not a name: one that cannot be resolved here is stored as
/// 127.0.0.1, with a warning.
pub fn store_host(config: &BrokerConfig) -> SocketAddr {
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

/// Which topics there are without anyone making them.
pub fn topic_rules(config: &BrokerConfig) -> TopicRules {
    TopicRules {
        auto_create: config.auto_create_topic_enable,
        default_queues: config.default_topic_queue_nums as i32,
        cluster: (config.broker_cluster_name.clone(), config.cluster_topic_enable),
        broker: (config.broker_name.clone(), config.broker_topic_enable),
        trace_topic: config.trace_topic_enable.then(|| config.msg_trace_topic_name.clone()),
    }
}

/// The store's settings; its files are reached through `disk`.
pub fn store_config(config: &BrokerConfig, disk: &Disk) -> StoreConfig {
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

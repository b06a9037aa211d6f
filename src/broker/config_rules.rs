//! What the keys of `broker.conf` demand of each other, and the bounds Apache RocketMQ quietly keeps values within:
//! here each such correction is told.

use base::given::{Given, SettingError};

use crate::config::BrokerConfig;
use crate::config_values::{BrokerRole, HOSTS_AND_PORTS};

/// The longest frame of the protocol, in bytes.
const LONGEST_FRAME: u32 = 16 << 20;
/// The most bytes of the log in a frame for slaves: one of Apache RocketMQ has a buffer of 4 MiB, header included.
const LONGEST_HA_FRAME: u32 = (4 << 20) - 12;
/// Bytes of a consume queue entry.
const QUEUE_ENTRY: u32 = 20;
/// Bytes of an index file's header, hash slot and entry.
const INDEX_FILE: (u64, u64, u64) = (40, 4, 20);
/// How much less of its memory a slave counts on, in percent.
const SLAVE_LESS: u32 = 10;

/// Derives, at the start, what follows from other keys (Apache's `BrokerStartup`).
pub(crate) fn complete(config: &mut BrokerConfig, given: &mut Given) -> Result<(), SettingError> {
    complete_role(config, given)?;
    complete_ports(config, given)?;
    if !given.has("storePathCommitLog") {
        config.store_path_commit_log = config.store_path_root_dir.join("commitlog");
    }
    if let Some(list) = config.namesrv_addr.as_deref().filter(|list| !HOSTS_AND_PORTS.fits(list)) {
        return Err(given.refuse("namesrvAddr", list, format!("{HOSTS_AND_PORTS}; it comes from NAMESRV_ADDR")));
    }
    if !given.has("brokerIP1") {
        given.notice("brokerIP1", format!("brokerIP1 is not set: clients are told {}", config.broker_ip1));
    }
    Ok(())
}

/// Checks what holds at the start and after every change.
pub(crate) fn check(config: &mut BrokerConfig, given: &mut Given) -> Result<(), SettingError> {
    keep_within(&mut config.register_name_server_period_ms, 10_000, 60_000, "registerNameServerPeriod", given);
    keep_within(&mut config.disk_max_used_space_percent, 10, 95, "diskMaxUsedSpaceRatio", given);
    keep_within(&mut config.ha_transfer_batch_size, 1, LONGEST_HA_FRAME, "haTransferBatchSize", given);
    config.mapped_file_size_consume_queue = config.mapped_file_size_consume_queue.next_multiple_of(QUEUE_ENTRY);
    let (header, slot, entry) = INDEX_FILE;
    let index = header + slot * u64::from(config.max_hash_slot_num) + entry * u64::from(config.max_index_num);
    if index > i32::MAX as u64 {
        let key = if given.has("maxIndexNum") { "maxIndexNum" } else { "maxHashSlotNum" };
        let value = if key == "maxIndexNum" { config.max_index_num } else { config.max_hash_slot_num };
        let expected = format!("an index file below 2 GiB; with 4 bytes a slot and 20 an entry it would have {index}");
        return Err(given.refuse(key, &value.to_string(), expected));
    }
    if config.max_message_size > LONGEST_FRAME {
        let told = format!("maxMessageSize = {}: only what fits a frame of 16 MiB can arrive", config.max_message_size);
        given.notice("maxMessageSize", told);
    }
    Ok(())
}

fn complete_role(config: &mut BrokerConfig, given: &mut Given) -> Result<(), SettingError> {
    if config.broker_role == BrokerRole::Slave {
        if config.broker_id == 0 {
            let key = if given.has("brokerId") { "brokerId" } else { "brokerRole" };
            let value = if key == "brokerId" { "0" } else { config.broker_role.word() };
            return Err(given.refuse(key, value, "a brokerId of 1 or more with the role SLAVE"));
        }
        if !given.has("accessMessageInMemoryMaxRatio") {
            config.access_message_in_memory_max_percent -= SLAVE_LESS;
        }
    } else if config.broker_id != 0 {
        given.notice("brokerId", format!("brokerId = {} has no effect: a master always has 0", config.broker_id));
        config.broker_id = 0;
    }
    Ok(())
}

fn complete_ports(config: &mut BrokerConfig, given: &mut Given) -> Result<(), SettingError> {
    let port = config.listen_port;
    if !(3..u16::MAX).contains(&port) {
        let expected = "a port, 3 to 65534: the second below and the next above are used as well";
        return Err(given.refuse("listenPort", &port.to_string(), expected));
    }
    if given.has("haListenPort") && config.ha_listen_port != port + 1 {
        let told = format!(
            "haListenPort = {} has no effect: it is always listenPort + 1, here {}",
            config.ha_listen_port,
            port + 1
        );
        given.notice("haListenPort", told);
    }
    config.ha_listen_port = port + 1;
    Ok(())
}

fn keep_within<N>(value: &mut N, min: N, max: N, key: &str, given: &mut Given)
where
    N: Ord + Copy + std::fmt::Display,
{
    let kept = (*value).clamp(min, max);
    if kept != *value {
        given.notice(key, format!("{key} = {value} counts as {kept}: it is kept within {min} and {max}"));
        *value = kept;
    }
}

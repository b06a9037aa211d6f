//! When what was stored may be answered: once it is as safe as the settings ask, on the disk, at a slave, or both.
//!
//! Source: `CommitLog.submitFlushRequest` and `submitReplicaRequest` of Apache RocketMQ 4.9.8.

use crate::{
    broker::Broker,
    config_values::{BrokerRole, FlushDiskType},
    refusal::Refusal,
    send,
};
use protocol::{Command, code::response};
use std::time::Duration;

/// How safe something is that was stored.
pub enum Safety {
    /// It is kept: whether it is known to be where the settings want it.
    Kept {
        /// On the disk; or that was not asked for.
        on_disk: bool,
        /// At a slave; or that was not asked for.
        at_slave: AtSlave,
    },
    /// It will never be on the disk: why.
    Lost(String),
}

/// Whether a slave has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtSlave {
    /// It has, or need not.
    Yes,
    /// Not within the time that the settings give.
    Late,
    /// There is no slave near enough to wait for.
    NoSlave,
}

/// Whether answers wait at all.
pub fn is_asked_for(broker: &Broker) -> bool {
    let config = broker.config();
    config.flush_disk_type == FlushDiskType::Sync || config.broker_role == BrokerRole::SyncMaster
}

/// Waits until the log up to `end` is as safe as the settings ask, as long as they allow: for the disk and for a slave at
/// the same time.
pub async fn reached(broker: &Broker, end: u64) -> Safety {
    // A disk that has failed is told at once.
    match tokio::try_join!(on_disk(broker, end), async { Ok(at_slave(broker, end).await) }) {
        Ok((on_disk, at_slave)) => Safety::Kept { on_disk, at_slave },
        Err(why) => Safety::Lost(why),
    }
}

async fn on_disk(broker: &Broker, end: u64) -> Result<bool, String> {
    let (store, config) = (broker.store(), broker.config().clone());
    if config.flush_disk_type != FlushDiskType::Sync {
        return Ok(true);
    }
    tokio::select! {
        biased;
        () = store.flushed().reached(end) => Ok(true),
        () = store.sync_failed().reached(1) => Err(store.refusing().unwrap_or_default()),
        () = tokio::time::sleep(Duration::from_millis(config.sync_flush_timeout_ms)) => Ok(false),
    }
}

async fn at_slave(broker: &Broker, end: u64) -> AtSlave {
    let (master, config) = (broker.slaves().master(), broker.config().clone());
    if config.broker_role != BrokerRole::SyncMaster || master.replicated().get() >= end {
        return AtSlave::Yes;
    }
    // Asked once: a slave that goes while it is waited for may come back in time.
    if !master.has_slave_near(end, u64::from(config.ha_slave_fallbehind_max_bytes)) {
        return AtSlave::NoSlave;
    }
    let timeout = Duration::from_millis(config.slave_timeout_ms);
    match tokio::time::timeout(timeout, master.replicated().reached(end)).await {
        Ok(()) => AtSlave::Yes,
        Err(_) => AtSlave::Late,
    }
}

impl Safety {
    /// What a send is told whose answer would have been `stored`. A slave's trouble goes before the disk's, as in Apache
    /// RocketMQ.
    pub fn answer_send(&self, broker: &Broker, stored: Command) -> Command {
        match self {
            Self::Kept { at_slave: AtSlave::NoSlave, .. } => Command { code: response::SLAVE_NOT_AVAILABLE, ..stored },
            Self::Kept { at_slave: AtSlave::Late, .. } => Command { code: response::FLUSH_SLAVE_TIMEOUT, ..stored },
            _ => self.answer(broker, stored),
        }
    }

    /// What anyone else is told. Nothing of slaves: only sends have words for a message that is stored and less safe than
    /// wanted. To others such an answer is a failure; they would do again what was done, which makes nothing safer.
    pub fn answer(&self, broker: &Broker, stored: Command) -> Command {
        match self {
            Self::Kept { on_disk: true, .. } => stored,
            Self::Kept { on_disk: false, .. } => Command { code: response::FLUSH_DISK_TIMEOUT, ..stored },
            Self::Lost(why) => send::with_region(broker, Refusal::new(response::SERVICE_NOT_AVAILABLE, why).answer()),
        }
    }
}

//! How consumer groups are to be treated, kept in `config/subscriptionGroup.json`.
//!
//! Source: `SubscriptionGroupManager` of Apache RocketMQ. Not who is connected: that is `clients.rs`.

use crate::{refusal::Refusal, saved::Saved};
use base::{Clock, durable::DurableFile};
use parking_lot::RwLock;
use protocol::{
    code::response,
    topic::{self, GroupConfig, GroupTable},
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Groups that clients and tools of Apache RocketMQ take for granted.
const OWN: [&str; 6] = [
    "TOOLS_CONSUMER",
    "FILTERSRV_CONSUMER",
    "SELF_TEST_C_GROUP",
    "CID_ONSAPI_OWNER",
    "CID_ONSAPI_PERMISSION",
    "CID_ONSAPI_PULL",
];

/// The table of groups.
pub struct Groups {
    table: RwLock<GroupTable>,
    auto_create: AtomicBool,
    /// The table is a copy of a master's: no group is created here.
    copied: AtomicBool,
    file: Saved,
    clock: Clock,
}

/// Refuses to change what a group of the broker's own is kept for: how far it has come with transactions, for instance.
///
/// # Errors
/// `NO_PERMISSION`, if the group is one.
pub fn refuse_own(group: &str) -> Result<(), Refusal> {
    match topic::is_broker_group(group) {
        true => Err(Refusal::forbidden(format!("group {group} is the broker's own: clients may not change it"))),
        false => Ok(()),
    }
}

impl Groups {
    /// Reads the table from `file`.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn open(file: DurableFile, auto_create: bool, clock: Clock) -> io::Result<Self> {
        let file = Saved::from(file);
        let mut table: GroupTable = file.read()?;
        for name in OWN {
            table.subscription_group_table.entry(name.to_owned()).or_insert_with(|| GroupConfig {
                group_name: name.to_owned(),
                consume_broadcast_enable: true,
                ..GroupConfig::default()
            });
        }
        Ok(Self {
            table: RwLock::new(table),
            auto_create: AtomicBool::new(auto_create),
            copied: AtomicBool::new(false),
            file,
            clock,
        })
    }

    /// Sets whether a group that is not known is created.
    pub fn set_auto_create(&self, allowed: bool) {
        self.auto_create.store(allowed, Ordering::Relaxed);
    }

    /// From now on no group is created on demand: the table is a copy of a master's.
    pub fn set_copied(&self) {
        self.copied.store(true, Ordering::Relaxed);
    }

    /// Takes over the table of this slave's master. Returns whether anything changed.
    pub fn copy(&self, masters: GroupTable) -> bool {
        let mut table = self.table.write();
        let changed = *table != masters;
        if changed {
            *table = masters;
            self.file.changed(&*table);
        }
        changed
    }

    /// The group, created if that is allowed; at a slave it is not created, but treated as if.
    ///
    /// # Errors
    /// `SUBSCRIPTION_GROUP_NOT_EXIST`, or what is wrong with the name.
    pub fn require(&self, name: &str) -> Result<Arc<GroupConfig>, Refusal> {
        if let Some(group) = self.find(name) {
            return Ok(Arc::new(group));
        }
        topic::check_group(name)?;
        if !self.auto_create.load(Ordering::Relaxed) && !topic::is_broker_group(name) {
            let remark = format!("subscription group [{name}] does not exist, and autoCreateSubscriptionGroup is off");
            return Err(Refusal::new(response::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
        }
        let group = GroupConfig { group_name: name.to_owned(), ..GroupConfig::default() };
        if !self.copied.load(Ordering::Relaxed) {
            self.put(group.clone());
        }
        Ok(Arc::new(group))
    }

    /// The group, if it is configured.
    pub fn find(&self, name: &str) -> Option<GroupConfig> {
        self.table.read().subscription_group_table.get(name).cloned()
    }

    /// Creates or changes a group.
    pub fn put(&self, group: GroupConfig) {
        tracing::info!(group = group.group_name, "group created or changed");
        let mut table = self.table.write();
        table.subscription_group_table.insert(group.group_name.clone(), group);
        self.changed(&mut table);
    }

    /// Deletes a group. False if there is none.
    pub fn delete(&self, name: &str) -> bool {
        let mut table = self.table.write();
        let was_there = table.subscription_group_table.remove(name).is_some();
        if was_there {
            self.changed(&mut table);
        }
        was_there
    }

    /// The whole table.
    pub fn snapshot(&self) -> GroupTable {
        self.table.read().clone()
    }

    /// Writes the table to its file.
    ///
    /// # Errors
    /// If the file cannot be written; the old one is then still whole.
    pub fn save(&self) -> io::Result<()> {
        self.file.write(&*self.table.read())
    }

    /// Writes the table to its file if the last try to failed.
    ///
    /// # Errors
    /// As [`Groups::save`]; the next call tries again.
    pub fn save_again(&self) -> io::Result<()> {
        self.file.write_if_stale(|| self.snapshot())
    }

    fn changed(&self, table: &mut GroupTable) {
        table.data_version.next(self.clock.now_ms());
        self.file.changed(table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_created_on_demand_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let open = |auto| Groups::open(dir.path().join("g.json").into(), auto, Clock::manual(1)).unwrap();
        assert_eq!(open(true).require("G").unwrap().retry_max_times, 16);
        let closed = open(false);
        assert!(closed.require("G").is_ok());
        assert_eq!(closed.require("H").unwrap_err().code, response::SUBSCRIPTION_GROUP_NOT_EXIST);
        assert!(closed.require("../G").is_err());
        assert!(closed.require("CID_RMQ_SYS_OWN").is_ok());
        closed.set_auto_create(true);
        assert!(closed.require("H").is_ok());
    }
}

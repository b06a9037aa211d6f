//! Creating and changing groups: how brokers treat them, before and after.
//!
//! What is not said stays as each broker has it, also settings that only brokers of Apache RocketMQ 5 know.
//! Source: `UpdateSubGroupSubCommand` of Apache RocketMQ.

use crate::{Admin, BrokerRef, Error, PerBroker, Where, groups::Nothing};
use protocol::{
    Command,
    code::request,
    topic::{GroupConfig, check_group},
};
use serde::Serialize;
use serde_json::{Map, Value};

/// What is to be set of a group; `None` is not said. See [`GroupConfig`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct GroupSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consume_enable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consume_from_min_enable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consume_broadcast_enable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_queue_nums: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_max_times: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub which_broker_when_consume_slowly: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_consumer_ids_changed_enable: Option<bool>,
}

/// What became of a group at a broker: name of a setting → value, as the broker tells them (201).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupSet {
    /// Before; `None` if it had no such group.
    pub before: Option<Map<String, Value>>,
    /// After; `None` if it still has none.
    pub after: Option<Map<String, Value>>,
}

/// The names of the settings, as brokers write them.
pub const GROUP_SETTINGS: [&str; 8] = [
    "consumeEnable",
    "consumeFromMinEnable",
    "consumeBroadcastEnable",
    "retryQueueNums",
    "retryMaxTimes",
    "brokerId",
    "whichBrokerWhenConsumeSlowly",
    "notifyConsumerIdsChangedEnable",
];

impl Admin {
    /// Creates a group at each master, or sets it anew where it exists: what is not said is what a group has that brokers
    /// make by themselves.
    ///
    /// # Errors
    /// If the name is none, or `place` means no broker. What each broker did is in the answer.
    pub async fn create_group(
        &self,
        group: &str,
        settings: &GroupSettings,
        place: &Where,
    ) -> Result<PerBroker<GroupSet>, Error> {
        check_group(group).map_err(client::Error::from)?;
        let masters = self.masters(place).await?;
        let fresh = GroupConfig { group_name: group.to_owned(), ..GroupConfig::default() };
        let fresh = &object(&fresh);
        let set = |broker: BrokerRef| async move {
            let before = self.group_at(&broker.addr, group).await?;
            self.put_group(&broker.addr, group, fresh.clone(), settings).await?;
            Ok(GroupSet { before, after: self.group_at(&broker.addr, group).await? })
        };
        Ok(PerBroker::ask(masters, set).await)
    }

    /// Changes a group at each master that has it.
    ///
    /// # Errors
    /// If `place` means no broker. What each broker did is in the answer: one without the group does nothing.
    pub async fn update_group(
        &self,
        group: &str,
        settings: &GroupSettings,
        place: &Where,
    ) -> Result<PerBroker<GroupSet>, Error> {
        let masters = self.masters(place).await?;
        let set = |broker: BrokerRef| async move {
            let Some(before) = self.group_at(&broker.addr, group).await? else { return Ok(GroupSet::default()) };
            self.put_group(&broker.addr, group, before.clone(), settings).await?;
            Ok(GroupSet { before: Some(before), after: self.group_at(&broker.addr, group).await? })
        };
        Ok(PerBroker::ask(masters, set).await)
    }

    /// A group as the broker has it, with all that it tells.
    async fn group_at(&self, addr: &str, group: &str) -> Result<Option<Map<String, Value>>, Error> {
        let table: Value = self.of(addr, request::GET_ALL_SUBSCRIPTIONGROUP_CONFIG, &Nothing {}).await?;
        Ok(table["subscriptionGroupTable"][group].as_object().cloned())
    }

    async fn put_group(
        &self,
        addr: &str,
        group: &str,
        mut config: Map<String, Value>,
        settings: &GroupSettings,
    ) -> Result<(), Error> {
        config.extend(object(settings));
        config.insert("groupName".to_owned(), group.into());
        let order = Command::request(request::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP);
        self.client.ask(addr, order.with_json(&config)).await?;
        Ok(())
    }
}

fn object(of: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_the_name_that_brokers_write_and_what_is_not_said_is_left_out() {
        let config = object(&GroupConfig::default());
        let all = GroupSettings {
            consume_enable: Some(false),
            consume_from_min_enable: Some(false),
            consume_broadcast_enable: Some(false),
            retry_queue_nums: Some(3),
            retry_max_times: Some(3),
            broker_id: Some(1),
            which_broker_when_consume_slowly: Some(2),
            notify_consumer_ids_changed_enable: Some(false),
        };
        assert_eq!(object(&all).keys().map(String::as_str).collect::<Vec<_>>(), GROUP_SETTINGS);
        assert!(GROUP_SETTINGS.iter().all(|name| config.contains_key(*name)));
        assert!(object(&GroupSettings::default()).is_empty());
    }
}

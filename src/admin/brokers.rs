//! Brokers: what they say about themselves.

use crate::{Admin, Error, PerBroker, admin::read};
use base::properties::Properties;
use protocol::{Command, code::request, inspect::KvTable};
use std::collections::BTreeMap;

/// A broker's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSettings {
    /// As it sent them: a `.properties` text.
    pub text: String,
    /// Name → value.
    pub values: BTreeMap<String, String>,
}

impl Admin {
    /// What a broker measures about itself: name → value, as Apache's `brokerStatus` shows.
    ///
    /// # Errors
    /// If it cannot be asked or refuses.
    pub async fn runtime_info(&self, addr: &str) -> Result<BTreeMap<String, String>, Error> {
        const ASKED: i32 = request::GET_BROKER_RUNTIME_INFO;
        let answer = self.client.ask(addr, Command::request(ASKED)).await?;
        Ok(read::<KvTable>(&answer, addr, ASKED)?.table)
    }

    /// [`Admin::runtime_info`] of every broker.
    ///
    /// # Errors
    /// If no name server answers.
    pub async fn runtime_infos(&self) -> Result<PerBroker<BTreeMap<String, String>>, Error> {
        let brokers = self.brokers().await?;
        Ok(PerBroker::ask(brokers, |broker| async move { self.runtime_info(&broker.addr).await }).await)
    }

    /// A broker's settings.
    ///
    /// # Errors
    /// If it cannot be asked or refuses, or answers with something else.
    pub async fn settings(&self, addr: &str) -> Result<BrokerSettings, Error> {
        const ASKED: i32 = request::GET_BROKER_CONFIG;
        let answer = self.client.ask(addr, Command::request(ASKED)).await?;
        let body = answer.body.to_bytes();
        let text = base::properties::decode(&body).into_owned();
        let parsed = Properties::parse(&text).map_err(|error| crate::admin::malformed(addr, ASKED, error))?;
        let values = parsed.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
        Ok(BrokerSettings { text, values })
    }

    /// Changes settings of a broker while it runs: all of them, or none. It writes them to the file that it was started
    /// with; without one it keeps them until it is started anew.
    ///
    /// # Errors
    /// If it cannot be asked or refuses: it says which setting may not change, or what is wrong with its value.
    pub async fn change_settings(&self, addr: &str, changes: &[(String, String)]) -> Result<(), Error> {
        let text = base::properties::render(changes.iter().map(|(key, value)| (key, value)));
        let request = Command::request(request::UPDATE_BROKER_CONFIG).with_body(text.into_bytes());
        self.client.ask(addr, request).await?;
        Ok(())
    }
}

//! What a broker's defaults depend on: the machine, the user and the environment it starts in.

use std::path::PathBuf;

use crate::address::advertised_address;

/// The surroundings of a broker, as far as defaults come from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The user's home, in which Apache RocketMQ keeps its store.
    pub home: PathBuf,
    /// The machine's name.
    pub host_name: String,
    /// The address at which others reach this machine, as it stands before `:port`.
    pub address: String,
    /// `NAMESRV_ADDR` of the environment.
    pub namesrv_addr: Option<String>,
}

impl Surroundings {
    /// Where this process runs.
    pub fn here() -> Self {
        let host_name = hostname::get().ok().and_then(|name| name.into_string().ok()).filter(|name| !name.is_empty());
        Self {
            home: std::env::home_dir().unwrap_or_else(|| ".".into()),
            host_name: host_name.unwrap_or_else(|| "DEFAULT_BROKER".to_owned()),
            address: advertised_address(),
            namesrv_addr: std::env::var("NAMESRV_ADDR")
                .ok()
                .map(|list| list.trim().to_owned())
                .filter(|l| !l.is_empty()),
        }
    }

    /// A made-up host that only reaches itself, with its home in the working directory.
    pub fn nowhere() -> Self {
        Self {
            home: ".".into(),
            host_name: "localhost".to_owned(),
            address: "127.0.0.1".to_owned(),
            namesrv_addr: None,
        }
    }
}

//! Who is connected, and how a member of a group runs.

use admin::{
    Admin, ClientKind, Where,
    alerts::run_of,
    snapshot::{Known, Unknown},
};
use protocol::{
    ask_client::{ConsumeSpeed, HeldQueue, RunningInfo},
    connections::Connection,
    lock::QueueName,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everybody who is connected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clients {
    /// In order.
    pub clients: Vec<ClientLine>,
    /// Which brokers did not tell, and why.
    pub missing: Vec<(String, Unknown)>,
}

/// A client in a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientLine {
    /// The group.
    pub group: String,
    /// How it calls itself.
    pub id: String,
    /// Whether it consumes; else it produces.
    pub consumes: bool,
    /// From where it connects, to one broker or the other.
    pub addrs: BTreeSet<String>,
    /// What it is written in, as it says.
    pub language: String,
    /// The number of its version, as it says.
    pub version: i32,
}

/// How a member of a group runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientDetail {
    /// From where it is connected to which broker: broker, address.
    pub connected: Vec<(String, String)>,
    /// Whether it consumes; else it produces.
    pub consumes: bool,
    /// What it is written in, as it says.
    pub language: String,
    /// The number of its version, as it says.
    pub version: i32,
    /// How it runs, if it tells.
    pub run: Option<Known<Box<ClientRun>>>,
    /// Which brokers did not tell, and why.
    pub missing: Vec<(String, Unknown)>,
}

/// What it says of itself (307).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientRun {
    /// Topic → the expression with its kind; also of its retry topic.
    pub wants: BTreeMap<String, String>,
    /// What it holds.
    #[serde(with = "crate::pairs")]
    pub queues: BTreeMap<QueueName, HeldQueue>,
    /// Topic → how fast it is.
    pub speeds: BTreeMap<String, ConsumeSpeed>,
    /// Its settings.
    pub properties: BTreeMap<String, String>,
}

impl From<RunningInfo> for ClientRun {
    fn from(info: RunningInfo) -> Self {
        let wants = run_of(&info).wants;
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Self {
            wants,
            queues: info.mq_table,
            speeds: info.status_table,
            properties: info.properties.into_iter().map(|(key, value)| (key, text(value))).collect(),
        }
    }
}

pub(super) async fn ask_all(admin: &Admin) -> Known<Clients> {
    let answers = admin.connected(None, &Where::Everywhere).await.map_err(|error| Unknown::from(&error))?;
    let mut all: BTreeMap<(String, String, bool), ClientLine> = BTreeMap::new();
    let mut missing = Vec::new();
    for outcome in answers.0 {
        match outcome.result {
            Err(error) => missing.push((outcome.broker.name, Unknown::from(&error))),
            Ok(clients) => {
                for client in clients {
                    let consumes = client.kind == ClientKind::Consumer;
                    let line = all.entry((client.group.clone(), client.client_id.clone(), consumes));
                    let line = line.or_insert_with(|| ClientLine {
                        group: client.group,
                        id: client.client_id,
                        consumes,
                        addrs: BTreeSet::new(),
                        language: client.language,
                        version: client.version,
                    });
                    line.addrs.insert(client.addr);
                }
            }
        }
    }
    Ok(Clients { clients: all.into_values().collect(), missing })
}

pub(super) async fn ask_one(admin: &Admin, group: &str, id: &str) -> Known<ClientDetail> {
    let consumers = admin.consumers(group, &Where::Everywhere).await.map_err(|error| Unknown::from(&error))?;
    let mut detail = ClientDetail { consumes: true, ..ClientDetail::default() };
    let mut asked = None;
    for outcome in consumers.0 {
        match outcome.result {
            Err(error) => detail.missing.push((outcome.broker.name, Unknown::from(&error))),
            Ok(members) => {
                for one in members.iter().flat_map(|members| &members.connection_set).filter(|one| one.client_id == id)
                {
                    detail.note(&outcome.broker.name, one);
                    asked.get_or_insert_with(|| outcome.broker.addr.clone());
                }
            }
        }
    }
    if let Some(addr) = asked {
        let run = admin.running_info(&addr, group, id).await;
        detail.run = Some(run.map(|info| Box::new(info.into())).map_err(|error| Unknown::from(&error)));
        return Ok(detail);
    }
    // Then it produces, or has gone.
    let producers = admin.producers(group, &Where::Everywhere).await.map_err(|error| Unknown::from(&error))?;
    for (broker, members) in producers.answers() {
        for one in members.connection_set.iter().filter(|one| one.client_id == id) {
            detail.consumes = false;
            detail.note(&broker.name, one);
        }
    }
    Ok(detail)
}

impl ClientDetail {
    fn note(&mut self, broker: &str, one: &Connection) {
        self.connected.push((broker.to_owned(), one.client_addr.clone()));
        self.language.clone_from(&one.language);
        self.version = one.version;
    }
}

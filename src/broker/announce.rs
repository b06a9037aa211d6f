//! Tells every name server who this broker is and which topics it holds: at the start, regularly, and on each change.
//!
//! A change that must be known before its request is answered (a new topic) waits on a watermark of rounds.
//! Source: `BrokerOuterAPI` of Apache RocketMQ.

use crate::config::BrokerConfig;
use base::Watermark;
use protocol::{
    Command,
    code::{self, request, response},
    registration::{self, Register, RegisterAnswer, RegisterBody, UnregisterBroker},
    route::ClusterInfo,
    topic::{TopicTable, perm},
};
use remoting::{Client, Error, Names, client::NoService};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// How long an answer waits for a registration before it goes out all the same.
const WAIT_FOR_ROUND: Duration = Duration::from_secs(3);
const UNREGISTER_TIMEOUT: Duration = Duration::from_secs(3);
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// Registers one broker with every name server.
pub struct Announcer {
    names: Names,
    client: Client<NoService>,
    /// Rounds asked for, and rounds done.
    wanted: AtomicU64,
    done: Watermark,
    wake: Notify,
    master: watch::Sender<Option<MasterAt>>,
}

/// Where a slave's master is, as a name server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterAt {
    /// Where clients reach it, `host:port`.
    pub addr: String,
    /// Where slaves reach it, `host:port`.
    pub ha_addr: String,
}

impl Announcer {
    /// An announcer to these name servers.
    pub fn new(names: Names) -> Self {
        Self {
            names,
            client: Client::asking(),
            wanted: AtomicU64::new(0),
            done: Watermark::new(0),
            wake: Notify::new(),
            master: watch::Sender::new(None),
        }
    }

    /// Asks for a registration. The ticket is for [`Announcer::known`].
    pub fn soon(&self) -> u64 {
        let ticket = self.wanted.fetch_add(1, Ordering::AcqRel) + 1;
        self.wake.notify_one();
        ticket
    }

    /// Returns once the name servers know what was true when the ticket was given, or after a few seconds.
    pub async fn known(&self, ticket: u64) {
        // Without an answer from a name server the message is stored all the same: the client need not wait longer.
        let _ = tokio::time::timeout(WAIT_FOR_ROUND, self.done.reached(ticket)).await;
    }

    /// Registers what `me` says whenever asked, and at least every `period`, until shutdown.
    pub async fn run(&self, me: impl Fn() -> Announcement, period: Duration, shutdown: CancellationToken) {
        loop {
            let ticket = self.wanted.load(Ordering::Acquire);
            if self.names.is_dynamic()
                && let Err(error) = self.names.refresh().await
            {
                tracing::warn!(%error, "keeping the name servers known so far");
            }
            self.register_everywhere(&me()).await;
            self.done.advance(ticket);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(period) => {}
            }
        }
    }

    async fn register_everywhere(&self, me: &Announcement) {
        let request = me.request();
        let all = self.names.all();
        let (client, request) = (&self.client, &request);
        let asked = all.iter().map(|name| async move {
            let answer = client.call(name, request.clone(), me.timeout).await;
            let master = answer.as_ref().ok().and_then(master_in);
            match check(answer) {
                Ok(()) => tracing::debug!(name_server = name, "registered"),
                Err(why) => tracing::warn!(name_server = name, why, "cannot register; trying again later"),
            }
            master
        });
        // One that is not registered at present may come back: it is not forgotten before another takes its place.
        if let Some(master) = futures_util::future::join_all(asked).await.into_iter().flatten().next() {
            self.master.send_if_modified(|known| known.replace(master.clone()) != Some(master));
        }
    }

    /// Where the name servers last said that this slave's master is.
    pub fn master(&self) -> watch::Receiver<Option<MasterAt>> {
        self.master.subscribe()
    }

    /// Whether there is no name server to ask.
    pub fn is_alone(&self) -> bool {
        self.names.all().is_empty()
    }

    /// Asks the name servers, one after another; the first good answer.
    pub async fn ask(&self, request: Command) -> Option<Command> {
        for name in self.names.all().iter() {
            let answer = self.ask_server(name, request.clone(), ASK_TIMEOUT).await;
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    /// Whether there are no name servers, and will be none.
    pub fn is_without_names(&self) -> bool {
        !self.names.is_dynamic() && self.is_alone()
    }

    /// Where the name servers know brokers of a name: id → `host:port`, of all their answers together. `None` if none
    /// of them answers.
    pub async fn brokers_named(&self, name: &str) -> Option<BTreeMap<i64, String>> {
        if self.is_alone() && self.names.is_dynamic() {
            // If it fails, the next round of registrations says so.
            let _ = self.names.refresh().await;
        }
        let all = self.names.all();
        let asked = all
            .iter()
            .map(|addr| self.ask_server(addr, Command::request(request::GET_BROKER_CLUSTER_INFO), ASK_TIMEOUT));
        let mut answers = futures_util::future::join_all(asked).await.into_iter().flatten().peekable();
        answers.peek()?;
        let infos = answers.filter_map(|answer| answer.json::<ClusterInfo>().ok());
        Some(
            infos
                .filter_map(|mut info| info.broker_addr_table.remove(name))
                .flat_map(|found| found.broker_addrs)
                .collect(),
        )
    }

    /// Asks one server; a good answer.
    pub async fn ask_server(&self, addr: &str, request: Command, timeout: Duration) -> Option<Command> {
        match self.client.call(addr, request, timeout).await {
            Ok(answer) if answer.code == response::SUCCESS => Some(answer),
            other => {
                tracing::debug!(server = addr, why = ?check(other), "no answer");
                None
            }
        }
    }

    /// Takes this broker off every name server, as far as they can be reached.
    pub async fn unregister(&self, me: &Announcement) {
        let request = Command::request(request::UNREGISTER_BROKER).with_header(&UnregisterBroker {
            broker_name: me.header.broker_name.clone(),
            broker_addr: me.header.broker_addr.clone(),
            cluster_name: me.header.cluster_name.clone(),
            broker_id: me.header.broker_id,
        });
        let all = self.names.all();
        let (client, request) = (&self.client, &request);
        let asked = all.iter().map(|name| async move {
            let answer = client.call(name, request.clone(), UNREGISTER_TIMEOUT).await;
            if let Err(why) = check(answer) {
                tracing::warn!(name_server = name, why, "cannot unregister");
            }
        });
        futures_util::future::join_all(asked).await;
    }
}

/// Where the answer to a slave's registration says that the master is, if there is one.
fn master_in(answer: &Command) -> Option<MasterAt> {
    let told: RegisterAnswer = answer.header().ok().filter(|_| answer.code == response::SUCCESS)?;
    let said = |addr: Option<String>| addr.filter(|addr| !addr.is_empty());
    Some(MasterAt { addr: said(told.master_addr)?, ha_addr: said(told.ha_server_addr)? })
}

fn check(answer: Result<Command, Error>) -> Result<(), String> {
    match answer {
        Ok(answer) if answer.code == response::SUCCESS => Ok(()),
        Ok(answer) => Err(format!(
            "{}: {}",
            code::response_title(answer.code),
            answer.remark.as_deref().unwrap_or("no reason given")
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// What a registration says.
#[derive(Clone, Debug)]
pub struct Announcement {
    header: Register,
    topics: TopicTable,
    timeout: Duration,
}

impl Announcement {
    /// This broker with these topics, whose permissions are cut to the broker's own.
    pub fn new(config: &BrokerConfig, broker_addr: &str, mut topics: TopicTable) -> Self {
        let allowed = config.broker_permission as i32;
        if allowed & (perm::READ | perm::WRITE) != perm::READ | perm::WRITE {
            topics.topic_config_table.values_mut().for_each(|topic| topic.perm &= allowed);
        }
        Self {
            header: Register {
                broker_name: config.broker_name.clone(),
                broker_addr: broker_addr.to_owned(),
                cluster_name: config.broker_cluster_name.clone(),
                ha_server_addr: format!("{}:{}", config.broker_ip2, config.ha_listen_port),
                broker_id: config.broker_id as i64,
                compressed: config.compressed_register,
                body_crc32: 0,
            },
            topics,
            timeout: Duration::from_millis(config.register_broker_timeout_ms),
        }
    }

    fn request(&self) -> Command {
        let body = RegisterBody { filter_server_list: Vec::new(), topic_config_serialize_wrapper: self.topics.clone() };
        let bytes = if self.header.compressed {
            body.compress()
        } else {
            // Maps with string keys always serialize.
            serde_json::to_vec(&body).unwrap_or_default()
        };
        let header = Register { body_crc32: registration::body_crc(&bytes), ..self.header.clone() };
        Command::request(request::REGISTER_BROKER).with_header(&header).with_body(bytes)
    }
}

//! Following a master: where it is, taking its log, and what is to be done when the two logs differ.
//!
//! The bytes are `replication`'s, the tables `mirror`'s. Apache RocketMQ 4.9.8 (`HAClient`, `BrokerController`) appends
//! whatever comes for the end of its log, and stops without a word where the ends do not meet.

use crate::{
    announce::MasterAt, broker::Broker, config::BrokerConfig, config_values::FlushDiskType, derived, refusal::Refusal,
};
use base::{Disk, Watermark};
use parking_lot::Mutex;
use protocol::{
    Command,
    code::{self, request, response},
    inspect::KvTable,
};
use remoting::{Client, client::NoService};
use replication::{Ends, FollowError, Following, Slave, SlaveRules};
use std::{
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use store::{MessageStore, StoreError};
use tokio::{net::TcpStream, sync::watch};
use tokio_util::sync::CancellationToken;

/// How long a master may take to accept a connection, or to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait before another try, after the first that failed and at most.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);
/// How long to wait where only somebody else can help, and how often that is said again.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);
/// How often the name servers are asked where the master is while there is none to follow, at first and later.
const ASK_NAMES: Duration = Duration::from_secs(1);
const ASK_NAMES_LATER: Duration = Duration::from_secs(5);
/// How long that is at first.
const AT_FIRST: Duration = Duration::from_secs(60);
/// How often it is looked whether the logs were found to agree.
const LOOK: Duration = Duration::from_millis(20);

/// What a slave has to cut off its log, for its master never had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The end of the last record that both have.
    pub common: u64,
    /// Where the slave's log ends.
    pub own_end: u64,
}

/// How a slave follows its master.
pub struct Follower {
    slave: Slave,
    client: Client<NoService>,
    state: Mutex<State>,
    /// How many connections there were.
    connections: Watermark,
    cut: watch::Sender<Option<Cut>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    master: Option<MasterAt>,
    /// Why the master is not followed, where only somebody else can help.
    refusal: Option<String>,
}

/// Why a connection to the master ended, or none came about.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Unreachable(String),
    #[error(transparent)]
    Follow(#[from] FollowError),
}

impl Follower {
    /// A slave with this store, which follows nobody yet.
    pub fn new(store: Arc<MessageStore>, config: &BrokerConfig) -> Self {
        let rules = SlaveRules {
            heartbeat: Duration::from_millis(config.ha_send_heartbeat_interval_ms),
            silence: Duration::from_millis(config.ha_housekeeping_interval_ms),
            acknowledges_flushed: config.flush_disk_type == FlushDiskType::Sync,
        };
        Self {
            slave: Slave::new(store, rules),
            client: Client::asking().with_connect_timeout(PATIENCE),
            state: Mutex::default(),
            connections: Watermark::new(0),
            cut: watch::Sender::new(None),
        }
    }

    /// The master that is followed, or is to be.
    pub fn master(&self) -> Option<MasterAt> {
        self.state.lock().master.clone()
    }

    /// How many connections to masters there were.
    pub fn connections(&self) -> &Watermark {
        &self.connections
    }

    /// Returns once the master is connected and its log known to be this one's continuation.
    pub async fn agreed(&self) {
        while !self.is_agreed() {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_agreed(&self) -> bool {
        self.slave.following().is_some_and(|following| following.agreed)
    }

    /// The refusal of what a slave does not do.
    pub fn refusal(&self, code: i32, what: &str) -> Refusal {
        let master =
            self.master().map_or_else(|| "its master".to_owned(), |master| format!("its master {}", master.addr));
        Refusal::new(code, format!("this broker is a slave and {what}: ask {master}"))
    }

    /// Names and values for runtime info. The names are rmq's own.
    pub fn told(&self) -> Vec<(&'static str, String)> {
        let State { master, refusal } = self.state.lock().clone();
        let following = self.slave.following();
        let agreed = following.is_some_and(|following| following.agreed);
        let refusal = refusal.filter(|_| !agreed);
        let state = match (&master, following) {
            (_, Some(Following { agreed: true, .. })) => "FOLLOWING",
            _ if refusal.is_some() => "REFUSED",
            (None, _) => "NO_MASTER",
            (_, Some(_)) => "CHECKING",
            (_, None) => "CONNECTING",
        };
        let mut told = vec![("haState", state.to_owned())];
        told.extend(master.map(|master| ("haMasterAddress", master.ha_addr)));
        told.extend(following.filter(|_| agreed).map(|it| ("haMasterMaxOffset", it.master_end.to_string())));
        told.extend(refusal.map(|why| ("haRefusal", why)));
        told
    }

    /// Asks the master.
    ///
    /// # Errors
    /// Why there is no good answer.
    pub async fn ask(&self, master: &MasterAt, asked_for: i32) -> Result<Command, String> {
        let asked = self.client.call(&master.addr, Command::request(asked_for), PATIENCE).await;
        match asked.map_err(|error| error.to_string())? {
            answer if answer.code == response::SUCCESS => Ok(answer),
            answer => Err(format!(
                "{} answers {} to {}: {}",
                master.addr,
                code::response_title(answer.code),
                code::request_title(asked_for),
                answer.remark.unwrap_or_default()
            )),
        }
    }

    /// From where to where the master's log goes.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn masters_ends(&self, master: &MasterAt) -> Result<Ends, String> {
        let answer = self.ask(master, request::GET_BROKER_RUNTIME_INFO).await?;
        let info: KvTable = answer.json().map_err(|error| format!("{}: {error}", master.addr))?;
        let end = |name: &str| {
            let told = info.table.get(name).and_then(|text| text.parse().ok());
            told.ok_or_else(|| format!("{} does not tell its {name}", master.addr))
        };
        Ok(Ends { min: end("commitLogMinOffset")?, max: end("commitLogMaxOffset")? })
    }

    /// Follows a master until that ends.
    async fn follow(&self, master: &MasterAt, own_end: i64) -> Trouble {
        let ends = match self.masters_ends(master).await {
            Ok(ends) => ends,
            Err(why) => return Trouble::Unreachable(why),
        };
        let failed = |error: io::Error| Trouble::Unreachable(format!("cannot connect to {}: {error}", master.ha_addr));
        let stream = match tokio::time::timeout(PATIENCE, TcpStream::connect(&master.ha_addr)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return failed(error),
            Err(_) => return failed(io::ErrorKind::TimedOut.into()),
        };
        let _ = stream.set_nodelay(true);
        self.connections.advance(self.connections.get() + 1);
        let Ends { min, max } = ends;
        tracing::info!(
            master = master.ha_addr,
            own_end,
            masters_log = format!("{min} to {max}"),
            "connected to the master"
        );
        match self.slave.follow(stream, ends).await {
            Err(error) => error.into(),
        }
    }
}

/// Keeps following the master until shutdown.
pub async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    let Some(follower) = broker.follower() else { return };
    let both = async {
        tokio::select! {
            () = keep_following(&broker, follower) => {}
            () = keep_asking(&broker, follower) => {}
        }
    };
    shutdown.run_until_cancelled(both).await;
}

/// Has the name servers asked where the master is, as long as there is none to follow.
async fn keep_asking(broker: &Broker, follower: &Follower) {
    let mut lost = Instant::now();
    loop {
        let pause = if lost.elapsed() < AT_FIRST { ASK_NAMES } else { ASK_NAMES_LATER };
        tokio::time::sleep(pause).await;
        if follower.is_agreed() {
            lost = Instant::now();
        } else if !broker.announcer().is_alone() {
            broker.announcer().soon();
        }
    }
}

/// What comes after a connection that ended.
enum Next {
    /// It is a step on the way.
    AtOnce,
    TryAgain,
    /// It is of no use to try again soon; why, and what helps.
    Refuse(String),
    Cut(Cut),
    /// The store is closed.
    End,
}

async fn keep_following(broker: &Broker, follower: &Follower) {
    let mut told = broker.announcer().master();
    let mut pause = Duration::ZERO;
    // What was last said of why it fails: nobody needs to read it every second.
    let mut said = String::new();
    if !broker.announcer().is_alone() {
        // The first registration tells.
        broker.announcer().known(1).await;
    }
    loop {
        let master = place_of(broker, told.borrow_and_update().as_ref());
        let known = std::mem::replace(&mut follower.state.lock().master, master.clone());
        if known != master {
            (pause, said) = (Duration::ZERO, String::new());
        }
        let Some(master) = master else {
            tracing::warn!("no name server knows a master of this broker's name; asking them again and again");
            if told.changed().await.is_err() {
                return;
            }
            continue;
        };
        let (begun, connections) = (Instant::now(), follower.connections.get());
        let trouble = tokio::select! {
            trouble = follower.follow(&master, broker.store().max_physical()) => trouble,
            () = replaced(&mut told, &master, broker) => {
                tracing::warn!(old = master.addr, "the name servers name another master");
                continue;
            }
        };
        if follower.connections.get() > connections && begun.elapsed() > LONGEST_PAUSE {
            (pause, said) = (Duration::ZERO, String::new());
        }
        let (next, why) = (next(broker, &master, &trouble), trouble.to_string());
        follower.state.lock().refusal = None;
        match next {
            Next::AtOnce => continue,
            Next::TryAgain if why != said => {
                tracing::warn!(
                    master = master.addr,
                    why,
                    "this slave does not follow its master at present; trying on"
                );
                said = why;
            }
            Next::TryAgain => tracing::debug!(master = master.addr, why, "not following the master"),
            Next::Refuse(why) => {
                tracing::error!("{why}");
                follower.state.lock().refusal = Some(why);
            }
            Next::Cut(cut) => {
                tracing::error!(master = master.addr, why, "this broker starts again, to cut that off its log");
                follower.cut.send_replace(Some(cut));
                return std::future::pending().await;
            }
            Next::End => return,
        }
        let refused = follower.state.lock().refusal.is_some();
        tokio::select! {
            () = tokio::time::sleep(if refused { REFUSED_PAUSE } else { pause }) => {}
            () = replaced(&mut told, &master, broker) => {}
        }
        pause = (pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    }
}

/// Returns once another master is to be followed.
async fn replaced(told: &mut watch::Receiver<Option<MasterAt>>, master: &MasterAt, broker: &Broker) {
    while place_of(broker, told.borrow_and_update().as_ref()).as_ref() == Some(master) {
        if told.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

/// Where the master is, by the name servers' word and `haMasterAddress`. Where no name server tells, it is taken to answer
/// clients one port below the one for slaves, as brokers do.
fn place_of(broker: &Broker, told: Option<&MasterAt>) -> Option<MasterAt> {
    let place = match (told, broker.config().ha_master_address.clone()) {
        (Some(told), Some(ha_addr)) => MasterAt { ha_addr, ..told.clone() },
        (Some(told), None) => told.clone(),
        (None, Some(ha_addr)) => MasterAt { addr: one_port_below(&ha_addr)?, ha_addr },
        (None, None) => return None,
    };
    Some(place).filter(|place| place.addr != broker.advertised())
}

fn one_port_below(addr: &str) -> Option<String> {
    let (host, port) = addr.rsplit_once(':')?;
    Some(format!("{host}:{}", port.parse::<u16>().ok()?.checked_sub(1)?))
}

fn next(broker: &Broker, master: &MasterAt, trouble: &Trouble) -> Next {
    let Trouble::Follow(error) = trouble else { return Next::TryAgain };
    let most = broker.config().ha_slave_cut_max_bytes;
    let mut remedy = "";
    match *error {
        FollowError::Store(StoreError::Closed) => return Next::End,
        FollowError::Diverged { common, own_end } if own_end.saturating_sub(common) <= most => {
            return Next::Cut(Cut { common, own_end });
        }
        FollowError::Diverged { .. } => remedy = ", or raise haSlaveCutMax, if what this slave has more may be cut off",
        FollowError::Strangers { .. } => remedy = ". Is this the right master: see brokerName and haMasterAddress",
        FollowError::TooFarBehind { .. } => {}
        FollowError::Again { .. } => return Next::AtOnce,
        FollowError::Io(_) | FollowError::Garbage(_) | FollowError::Unreadable { .. } | FollowError::Store(_) => {
            return Next::TryAgain;
        }
    }
    let dir = broker.config().store_path_root_dir.display().to_string();
    Next::Refuse(format!(
        "this slave does not follow its master {}: {error}. It goes on serving what it has. To have it copy everything \
         anew, stop it, move {dir} away, and start it{remedy}",
        master.addr
    ))
}

impl Broker {
    /// Returns once this slave's log has to be [cut](Self::cut) before it can follow its master: stop it, cut, and start
    /// it again. Never with a master.
    pub async fn must_be_cut(&self) -> Cut {
        if let Some(follower) = self.follower()
            && let Ok(cut) = follower.cut.subscribe().wait_for(Option::is_some).await
            && let Some(cut) = *cut
        {
            return cut;
        }
        std::future::pending().await
    }

    /// Cuts the log of a slave that is stopped. What is cut off is kept in the file whose path is returned; `None` if
    /// nothing is left to cut off.
    ///
    /// # Errors
    /// As [`MessageStore::cut`].
    pub fn cut(config: &BrokerConfig, disk: &Disk, cut: Cut) -> Result<Option<PathBuf>, StoreError> {
        let aside = config.store_path_root_dir.join("cut");
        let kept = MessageStore::cut(&derived::store_config(config, disk), cut.common, &aside)?;
        if let Some(kept) = &kept {
            tracing::warn!(
                from = cut.common,
                to = cut.own_end,
                kept = %kept.display(),
                "messages that the master never had are cut off the log of this slave, and kept in a file"
            );
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_that_nobody_names_answers_one_port_below() {
        assert_eq!(one_port_below("10.0.0.1:10912").as_deref(), Some("10.0.0.1:10911"));
        assert_eq!(one_port_below("[fd00::1]:2").as_deref(), Some("[fd00::1]:1"));
        for wrong in ["", "host", "host:0", "host:x"] {
            assert_eq!(one_port_below(wrong), None, "{wrong}");
        }
    }
}

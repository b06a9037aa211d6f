//! A name server, and brokers of one name around it.

pub use crate::asked::{Asked, BEGIN_MS, PATIENCE};
use base::{Clock, Disk};
use broker::{Broker, config::BrokerConfig, config_values::BrokerRole};
use namesrv::{NameServer, NamesrvConfig};
use protocol::{
    Command,
    code::{request, response},
    inspect::KvTable,
};
use remoting::Names;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tempfile::TempDir;

pub struct Stage {
    pub names: NameServer,
    pub clock: Clock,
    _folder: TempDir,
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// No change to the settings.
pub fn plain(_: &mut BrokerConfig) {}

impl Stage {
    pub async fn set() -> Self {
        let folder = folder();
        let config = NamesrvConfig { kv_config_path: folder.path().join("kv.json"), ..NamesrvConfig::default() };
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let names = NameServer::start(config, listen).await.expect("a free port");
        Self { names, clock: Clock::manual(BEGIN_MS), _folder: folder }
    }

    async fn start(&self, dir: TempDir, set: impl FnOnce(&mut BrokerConfig)) -> Asked {
        let names = Names::parse(&self.names.addr().to_string()).expect("an address");
        Asked::start_on(Disk::default(), Some(names), dir, self.clock.clone(), set).await
    }

    pub async fn master(&self, dir: TempDir, set: impl FnOnce(&mut BrokerConfig)) -> Asked {
        self.start(dir, set).await
    }

    pub async fn slave(&self, dir: TempDir, set: impl FnOnce(&mut BrokerConfig)) -> Asked {
        let slave = |config: &mut BrokerConfig| {
            (config.broker_role, config.broker_id) = (BrokerRole::Slave, 1);
            set(config);
        };
        self.start(dir, slave).await
    }

    /// A master and a slave that follows it, both empty.
    pub async fn pair(&self) -> (Asked, Asked) {
        let master = self.master(folder(), plain).await;
        let slave = self.slave(folder(), plain).await;
        (master, slave)
    }
}

/// Looks again and again until `found` finds something.
pub async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = found().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Waits until a slave has its master's whole log, and checks that it has every byte of it.
pub async fn same_log(master: &Asked, slave: &Asked) {
    let end = master.broker.store().written().get();
    let caught_up = tokio::time::timeout(PATIENCE, slave.broker.store().written().reached(end)).await;
    assert!(
        caught_up.is_ok(),
        "the slave stays at {} of {end}: {:?}",
        slave.broker.store().written().get(),
        info(slave).await
    );
    assert!(log(master) == log(slave), "the logs differ");
}

/// Waits until queue 0 of a topic is the same at both: queues follow the log.
pub async fn same_queue(master: &Asked, slave: &Asked, topic: &str) {
    let bodies = master.bodies(topic);
    slave.arrived(topic, bodies.len() as u64).await;
    assert_eq!(slave.bodies(topic), bodies);
}

/// The whole log.
pub fn log(of: &Asked) -> Vec<u8> {
    let store = of.broker.store();
    let (mut at, end, file) = (store.min_physical(), store.max_physical(), store.log_file_size());
    let mut bytes = Vec::new();
    while at < end {
        let len = (end - at).min(file - at % file);
        bytes.extend_from_slice(&store.read(at, len as usize).expect("it is in one file"));
        at += len;
    }
    bytes
}

/// What a broker says of itself.
pub async fn info(of: &Asked) -> BTreeMap<String, String> {
    of.ask_for(request::GET_BROKER_RUNTIME_INFO, &[]).await.json::<KvTable>().expect("a table").table
}

/// Waits until a slave is in a state.
pub async fn state(slave: &Asked, wanted: &str) -> BTreeMap<String, String> {
    until(wanted, async || Some(info(slave).await).filter(|info| info["haState"] == wanted)).await
}

/// Sends `count` messages to queue 0 of a topic; their bodies are `first` and numbers.
pub async fn send(to: &Asked, topic: &str, first: &str, count: usize) {
    for number in 0..count {
        let answer = to.send(topic, &format!("{first} {number}"), "").await;
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
    }
}

/// Says how far a group is.
pub async fn commit(at: &Asked, topic: &str, group: &str, offset: i64) -> Command {
    let offset = offset.to_string();
    let fields = [("consumerGroup", group), ("topic", topic), ("queueId", "0"), ("commitOffset", &*offset)];
    at.ask_for(request::UPDATE_CONSUMER_OFFSET, &fields).await
}

/// Starts a slave's store again as `Broker::must_be_cut` asks for it.
pub async fn cut(stage: &Stage, slave: Asked) -> Asked {
    let cut = tokio::time::timeout(PATIENCE, slave.broker.must_be_cut()).await.expect("the logs differ");
    let config = (**slave.broker.config()).clone();
    let dir = slave.stop().await;
    let kept = Broker::cut(&config, &Disk::default(), cut).expect("it can be cut").expect("there is something");
    assert!(kept.starts_with(dir.path()) && kept.is_file(), "{kept:?} holds what is cut off");
    stage.slave(dir, plain).await
}

//! Who may take the log, and what others do to the port.

use crate::stage::{
    Asked, BEGIN_MS, ByHand, LONG_MS, PATIENCE, SHORT_MS, Told, connected, info, master, outer_address,
    port_for_slaves, sync_master,
};
use base::{Clock, Disk};
use broker::{Broker, StartError, config::BrokerConfig, config_values::BrokerRole};
use protocol::{code::response, route::MASTER_ID};
use remoting::Names;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_nothing_and_counts_for_nothing_until_the_settings_allow_it() {
    let Some(outer) = outer_address() else {
        println!("skipped: this machine has no address but its own, from which nobody is a stranger");
        return;
    };
    let asked = sync_master(LONG_MS).await;
    assert_eq!(asked.send("T", "x", "").await.code, response::SLAVE_NOT_AVAILABLE);
    let mut stranger = ByHand::silent(&asked, outer).await;
    stranger.report(0).await;
    assert_eq!(stranger.piece().await, None);
    assert_eq!(info(&asked).await["haSlaves"], "0");
    assert_eq!(asked.send("T", "x", "").await.code, response::SLAVE_NOT_AVAILABLE);
    // Whoever comes from the address it goes to is on this machine.
    let mut here = ByHand::between(&asked, outer, outer).await;
    here.report(0).await;
    assert!(here.piece().await.is_some());
    drop(here);

    // Nobody who can only talk to the broker decides whom it trusts.
    let list = format!("192.0.2.0/24;{outer}");
    let change = asked.change("haAllowedAddresses", &list).await;
    assert_eq!(change.code, response::NO_PERMISSION, "{:?}", change.remark);
    let asked = master(|config| config.ha_allowed_addresses = list).await;
    assert_eq!(asked.send("T", "x", "").await.code, response::SUCCESS);
    let mut slave = ByHand::silent(&asked, outer).await;
    slave.report(0).await;
    let end = asked.broker.store().written().get();
    assert_eq!(slave.take(end).await.1.len() as u64, end);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_name_servers_know_under_the_brokers_name_is_no_stranger() {
    let Some(outer) = outer_address() else {
        println!("skipped: this machine has no address but its own, from which nobody is a stranger");
        return;
    };
    for (name, is_served) in [("broker-a", true), ("broker-b", false)] {
        let told = Told::new(name, "{}", "V4_9_8");
        told.knows(MASTER_ID, SocketAddr::new(outer, 1));
        let names = Names::parse(&told.listen().await.to_string()).expect("an address");
        let dir = tempfile::tempdir().expect("a temporary folder");
        let asked = Asked::start_on(Disk::default(), Some(names), dir, Clock::manual(BEGIN_MS), |config| {
            config.broker_name = "broker-a".to_owned();
        })
        .await;
        assert_eq!(asked.send("T", "x", "").await.code, response::SUCCESS);
        let mut slave = ByHand::silent(&asked, outer).await;
        slave.report(0).await;
        assert_eq!(slave.piece().await.is_some(), is_served, "a broker of the name {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_speak_as_a_slave_is_closed_and_the_master_goes_on() {
    let asked = sync_master(SHORT_MS).await;
    asked.send("T", "x", "").await;
    let garbage: [&[u8]; 3] = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &[0xff; 64], &[0x80, 0, 0, 0, 0, 0, 0, 0]];
    for garbage in garbage {
        let mut other = ByHand::silent(&asked, Ipv4Addr::LOCALHOST.into()).await;
        other.write(garbage).await;
        assert_eq!(other.piece().await, None, "{garbage:?}");
    }
    connected(&asked, 0).await;
    assert!(!info(&asked).await.contains_key("haReplicatedOffset"));
    assert_eq!(asked.send("T", "x", "").await.code, response::SLAVE_NOT_AVAILABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_of_what_was_never_sent_counts_for_nothing() {
    let asked = sync_master(SHORT_MS).await;
    asked.send("T", "x", "").await;
    let end = asked.broker.store().written().get();
    let mut liar = ByHand::from(&asked, 0).await;
    liar.take(end).await;
    liar.report(end + 1).await;
    assert_eq!(liar.piece().await, None);
    connected(&asked, 0).await;
    assert!(!info(&asked).await.contains_key("haReplicatedOffset"));
    // Nor does the first word on a connection, whatever it claims to have.
    let _boaster = ByHand::from(&asked, end).await;
    connected(&asked, 1).await;
    assert!(!info(&asked).await.contains_key("haReplicatedOffset"));
    assert_eq!(asked.send("T", "x", "").await.code, response::FLUSH_SLAVE_TIMEOUT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_more_than_there_is_room_for_is_refused() {
    let asked = master(|_| {}).await;
    let mut slaves = Vec::new();
    for _ in 0..64 {
        slaves.push(ByHand::from(&asked, 0).await);
    }
    connected(&asked, 64).await;
    assert_eq!(ByHand::from(&asked, 0).await.piece().await, None);
    slaves.pop();
    connected(&asked, 63).await;
    slaves.push(ByHand::from(&asked, 0).await);
    connected(&asked, 64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_for_slaves_that_is_taken_is_named_with_the_key_that_moves_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // The port below, and the one two below that, may be taken as well; then another is tried.
    for _ in 0..100 {
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let config = BrokerConfig {
            listen_port: port - 1,
            ha_listen_port: port,
            store_path_root_dir: dir.path().to_owned(),
            store_path_commit_log: dir.path().join("commitlog"),
            ..BrokerConfig::default()
        };
        match Broker::start(config, None, Clock::System, &Disk::default()).await {
            Err(error @ StartError::ListenForSlaves { .. }) => {
                let told = error.to_string();
                assert!(told.contains(&port.to_string()) && told.contains("haListenPort"), "{told}");
                assert!(told.contains("set another listenPort"), "{told}");
                assert!(!dir.path().join("commitlog").exists(), "the store was not touched");
                return;
            }
            Err(StartError::Listen { .. }) => {}
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("a port was taken twice"),
        }
    }
    panic!("no free port beside a taken one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_has_no_port_for_slaves() {
    let asked = master(|config| (config.broker_role, config.broker_id) = (BrokerRole::Slave, 1)).await;
    assert_eq!(port_for_slaves(&asked), 10_912, "as the settings have it: none was opened");
    assert!(!info(&asked).await.contains_key("haSlaves"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_stops_waits_for_a_slave_that_is_near() {
    let asked = master(|_| {}).await;
    let mut slave = ByHand::from(&asked, 0).await;
    connected(&asked, 1).await;
    for _ in 0..100 {
        assert_eq!(asked.send("T", "x", "").await.code, response::SUCCESS);
    }
    let end = asked.broker.store().written().get();
    let taken = tokio::spawn(async move {
        let (from, log) = slave.take(end).await;
        slave.report(end).await;
        assert_eq!(slave.piece().await, None);
        from + log.len() as u64
    });
    asked.stop().await;
    let taken = tokio::time::timeout(PATIENCE, taken).await.expect("in time");
    assert_eq!(taken.expect("the log to its end"), end);
}

//! Verdicts on a stand-in cluster with a slave: what is asked of whom, over real connections.
#![allow(clippy::unwrap_used)]

#[path = "../../client/tests/stand_in/mod.rs"]
mod stand_in;

use admin::{
    Admin,
    health::{Health, Level, ReplicationLimits},
};
use client::{ClientConfig, Message, Producer};
use stand_in::{Cluster, nobody};

async fn send(cluster: &Cluster, count: usize) {
    let producer = Producer::start(ClientConfig::new(&cluster.names), "P").await.unwrap();
    for n in 0..count {
        producer.send(Message::new("T", n.to_string())).await.unwrap();
    }
    producer.shutdown().await;
}

/// Each trouble's code, whom it is about, and what it says.
fn troubles(health: &Health) -> Vec<String> {
    let tell = |finding: &&admin::health::Finding| {
        format!("{} {} {}", finding.code.unwrap_or_default(), finding.about, finding.says)
    };
    health.troubles().iter().map(tell).collect()
}

#[tokio::test]
async fn a_slave_is_compared_with_its_master() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 1);
    let slave = cluster.slave_of(0, 1).await;
    let admin = Admin::connect(&cluster.names).await.unwrap();
    let names = [cluster.names.clone()];
    let check = async |max_lag| admin.replication_health(&names, &ReplicationLimits { max_lag, min_slaves: 0 }).await;
    send(&cluster, 4).await;
    let end = cluster.brokers[0].state.lock().hosted_bytes;
    assert!(end > 0);
    let health = check(0).await;
    assert_eq!(troubles(&health), [format!("H10 a:1 ({}) lacks {end} bytes, over 0", slave.addr)]);
    assert_eq!(health.measures[0].value, Some(end as f64));
    assert!(check(end as u64).await.is_healthy());
    slave.copy(&cluster.brokers[0]);
    let health = check(0).await;
    assert_eq!((health.level(), health.findings.len()), (Level::Ok, 2), "{health:?}");
    slave.state.lock().hosted_bytes += 1;
    assert!(troubles(&check(1 << 40).await)[0].contains("is 1 bytes ahead of its master"));
    slave.tasks.stop(std::time::Duration::from_secs(5)).await;
    let health = check(0).await;
    assert!(matches!(&troubles(&health)[..], [only] if only.starts_with("H04 a:1")), "{health:?}");
    assert_eq!(health.measures[0].value, None, "not known, and not zero");
    cluster.stop_broker(0, false).await;
    assert!(troubles(&check(0).await)[0].starts_with("H07 a has no master"));
}

#[tokio::test]
async fn a_cluster_is_well_while_all_of_it_answers() {
    let cluster = Cluster::start(&["a", "b"]).await;
    let slave = cluster.slave_of(0, 1).await;
    let admin = Admin::connect(&cluster.names).await.unwrap();
    let names = [cluster.names.clone()];
    let health = admin.cluster_health(&names, Some(3)).await;
    assert_eq!((health.level(), health.findings.len()), (Level::Ok, 4), "{health:?}");
    slave.tasks.stop(std::time::Duration::from_secs(5)).await;
    let health = admin.cluster_health(&names, Some(3)).await;
    assert!(matches!(&troubles(&health)[..], [only] if only.contains(&slave.addr)), "{health:?}");
    let health = admin.cluster_health(&[cluster.names.clone(), nobody()], None).await;
    assert!(troubles(&health).iter().any(|trouble| trouble.starts_with("H02")), "{health:?}");
}

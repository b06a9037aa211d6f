//! `rmq topic route`: which brokers hold a topic.

use super::not_made_by_asking;
use crate::{
    answer::{Answer, Column, column},
    failure::Failure,
    reach::Reach,
    watch::Shown,
};
use admin::Admin;
use protocol::topic::perm;
use serde_json::json;

/// Show which brokers hold a topic
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its name
    topic: String,
    #[command(flatten)]
    pub(super) shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

const COLUMNS: &[Column] = &[
    column("BROKER", "broker"),
    column("CLUSTER", "cluster"),
    column("ROLE", "role"),
    column("ADDRESS", "address"),
    column("READ", "read_queues"),
    column("WRITE", "write_queues"),
    column("PERM", "perm"),
];

/// Prints it.
///
/// # Errors
/// If there is no such topic, or the cluster cannot be asked.
pub async fn route(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { topic, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    shown.show(&reach, || ask(&admin, &topic)).await
}

async fn ask(admin: &Admin, topic: &str) -> Result<Answer, Failure> {
    let route = admin.route(topic).await.map_err(|error| not_made_by_asking(error, topic))?;
    let rows = route.queue_datas.iter().flat_map(|queues| {
        let broker = route.broker_datas.iter().find(|broker| broker.broker_name == queues.broker_name);
        let broker = broker.cloned().unwrap_or_default();
        broker.broker_addrs.into_iter().map(move |(id, addr)| {
            json!({
                "broker": queues.broker_name,
                "cluster": broker.cluster,
                "id": id,
                "role": if id == 0 { "master".to_owned() } else { format!("slave {id}") },
                "address": addr,
                "read_queues": queues.read_queue_nums,
                "write_queues": queues.write_queue_nums,
                "perm": perm::title(queues.perm),
            })
        })
    });
    Ok(Answer::within(json!({ "topic": topic })).with("brokers", COLUMNS, rows.collect()))
}

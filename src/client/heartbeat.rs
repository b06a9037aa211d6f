//! Telling brokers which groups this client is in, regularly and when it changes; and that it leaves them.
//!
//! Masters hear of all groups; slaves only of a client that consumes, which may read from them.
//! Source: `MQClientInstance.sendHeartbeatToAllBroker` of Apache RocketMQ.

use crate::client::{Client, WeakClient};
use futures_util::future::join_all;
use protocol::{Command, code::request, heartbeat::Unregister, route::MASTER_ID};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Heartbeats until `shutdown` or until nobody holds the client: every `period`, and when one is `due`.
pub(crate) async fn run(client: WeakClient, due: Arc<Notify>, period: Duration, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(period) => {}
            () = due.notified() => {}
        }
        let Some(client) = client.upgrade() else { return };
        shutdown.run_until_cancelled(client.heartbeat()).await;
    }
}

impl Client {
    /// Tells every broker in use about this client's groups. One that does not answer is told again next time.
    pub(crate) async fn heartbeat(&self) {
        let Some(heartbeat) = self.shared().groups.heartbeat(self.id()) else { return };
        let consumes = !heartbeat.consumer_data_set.is_empty();
        let brokers = self.brokers();
        let addrs = brokers.iter().flat_map(|broker| &broker.broker_addrs);
        let told = addrs.filter(|(id, _)| consumes || **id == MASTER_ID).map(|(_, addr)| {
            let request = Command::request(request::HEART_BEAT).with_json(&heartbeat);
            async move {
                if let Err(error) = self.ask(addr, request).await {
                    tracing::warn!(%error, "a broker did not take the heartbeat");
                }
            }
        });
        join_all(told).await;
    }

    /// Tells every broker this client is connected to that it leaves a group. What was sent to them before, one-way
    /// messages too, has reached them when this returns.
    pub(crate) async fn unregister(&self, producer_group: Option<&str>, consumer_group: Option<&str>) {
        let header = Unregister {
            client_id: self.id().to_owned(),
            producer_group: producer_group.map(str::to_owned),
            consumer_group: consumer_group.map(str::to_owned),
        };
        let connected = self.shared().remoting.connected().await;
        let brokers = self.brokers();
        let addrs = brokers.iter().flat_map(|broker| broker.broker_addrs.values());
        let told = addrs.filter(|addr| connected.contains(addr)).map(|addr| {
            let request = Command::request(request::UNREGISTER_CLIENT).with_header(&header);
            async move {
                if let Err(error) = self.ask(addr, request).await {
                    tracing::debug!(%error, "a broker was not told that this client leaves");
                }
            }
        });
        join_all(told).await;
    }
}

//! What groups consumed at this master's slaves while it was away: asked for at its start, before anyone knows of it.
//!
//! A slave of rmq says which offsets clients committed at it; only those count. The others are copies of what this master
//! itself said: they may speak of records, such as notes of what was popped, that this log has lost. One of Apache RocketMQ
//! 4.9.8 does not say which are which, and knows of no pops: there all count.
//!
//! Apache RocketMQ 4.9.8 has no such thing: its groups read again what they had read at a slave.

use crate::{broker::Broker, offsets::OffsetTable};
use protocol::{Command, code::request, inspect::KvTable, route::MASTER_ID};
use std::time::Duration;

/// How long it may take in all: clients are kept waiting.
const WITHIN: Duration = Duration::from_secs(1);

/// Takes over the offsets of the slaves that the name servers know, where they are larger.
pub async fn take_offsets(broker: &Broker) {
    if broker.announcer().is_without_names() {
        return;
    }
    let taken = tokio::time::timeout(WITHIN, async {
        let name = broker.config().broker_name.clone();
        let brokers = broker.announcer().brokers_named(&name).await.unwrap_or_default();
        let slaves = brokers.into_iter().filter(|(id, _)| *id != MASTER_ID);
        // Each counts as soon as it has answered, whatever becomes of the others.
        futures_util::future::join_all(slaves.map(|(_, addr)| take_from(broker, addr))).await;
    });
    if taken.await.is_err() {
        tracing::warn!("a slave did not say in time how far groups have read there: they may read some of it again");
    }
}

async fn take_from(broker: &Broker, addr: String) {
    let ask = |code| broker.announcer().ask_server(&addr, Command::request(code), WITHIN);
    let asked = tokio::join!(ask(request::GET_ALL_CONSUMER_OFFSET), ask(request::GET_BROKER_RUNTIME_INFO));
    let (Some(offsets), Some(info)) = asked else { return };
    let (Ok(told), Ok(info)) = (offsets.json::<OffsetTable>(), info.json::<KvTable>()) else {
        return tracing::warn!(slave = addr, "cannot read what a slave says of how far groups have read there");
    };
    let is_rmq = info.table.get("brokerVersionDesc").is_some_and(|version| version.starts_with("rmq "));
    let offsets = if is_rmq { committed(told) } else { told };
    let queue_end = |topic: &str, queue| broker.store().queue(topic, queue).map_or(0, |queue| queue.max_offset());
    let raised = broker.offsets().raise(&offsets, queue_end);
    if raised > 0 {
        tracing::info!(slave = addr, raised, "took over how far groups have read at a slave");
    }
}

/// What a slave of rmq says that clients committed there.
fn committed(OffsetTable { mut offset_table, committed_here }: OffsetTable) -> OffsetTable {
    let counts = |key: &str, queue_id: &i32| committed_here.get(key).is_some_and(|here| here.contains(queue_id));
    offset_table.iter_mut().for_each(|(key, queues)| queues.retain(|queue_id, _| counts(key, queue_id)));
    OffsetTable { offset_table, committed_here }
}

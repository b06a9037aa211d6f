//! Transactions end: the message is stored where it belongs, or left where it is.
//!
//! Source: `EndTransactionProcessor` of Apache RocketMQ 4.9.8, which lets a transaction end more than once.

use super::{At, half, is_unsynced, read};
use crate::{broker::Broker, config_values::FlushDiskType, refusal::Refusal, safety, send};
use protocol::{
    Command,
    code::response,
    properties::{self, PRODUCER_GROUP},
    record::SysFlag,
    transaction::EndTransaction,
};
use remoting::{Answers, Peer, Receipt};
use std::{sync::Arc, time::Duration};
use store::Placed;

/// How often the disk is waited for until a half message is to be seen.
const TRIES: usize = 3;

/// Ends a transaction (37): answers once the end is as safe as the settings ask. That it is not known yet how it ended is
/// not answered, as in Apache RocketMQ.
pub fn end(broker: &Arc<Broker>, peer: &Peer, request: &Command, answers: &mut Answers) {
    let receipt = Receipt::of(request);
    let wish = match Wish::read(broker, request) {
        Ok(Some(wish)) => wish,
        Ok(None) => return tracing::debug!(?peer, "a producer does not know yet how its transaction ends"),
        Err(refusal) => return answers.now(receipt, refusal.answer()),
    };
    let from = peer.remote();
    let refused = move |refusal: Refusal| {
        tracing::debug!(%from, why = refusal.remark, "refused to end a transaction");
        refusal.answer()
    };
    match wish.carry_out(broker) {
        Some(Ok(_)) if !safety::is_asked_for(broker) => answers.now(receipt, Command::success()),
        Some(Err(refusal)) => answers.now(receipt, refused(refusal)),
        carried_out => {
            let broker = broker.clone();
            answers.later(receipt, async move {
                let outcome = match carried_out {
                    Some(outcome) => outcome,
                    None => wish.carry_out_once_seen(&broker).await,
                };
                Some(match outcome {
                    Ok(end) => safety::reached(&broker, end).await.answer(&broker, Command::success()),
                    Err(refusal) => refused(refusal),
                })
            });
        }
    }
}

/// How a transaction is to end.
struct Wish {
    at: At,
    group: String,
    commit: bool,
}

impl Wish {
    /// `None` if the producer does not know.
    fn read(broker: &Broker, request: &Command) -> Result<Option<Self>, Refusal> {
        let header: EndTransaction = request.header()?;
        if let Some(follower) = broker.follower() {
            return Err(follower.refusal(response::SLAVE_NOT_AVAILABLE, "ends no transactions"));
        }
        let commit = match header.commit_or_rollback {
            SysFlag::TRANSACTION_COMMIT => true,
            SysFlag::TRANSACTION_ROLLBACK => false,
            0 => return Ok(None),
            other => {
                return Err(wrong(format!("commitOrRollback is {other}: 8 commits, 12 rolls back, 0 does neither")));
            }
        };
        let at = At { index: header.tran_state_table_offset, physical: header.commit_log_offset };
        Ok(Some(Self { at, group: header.producer_group, commit }))
    }

    /// Returns up to where the log must be on the disk for the end to be safe; `None` if the half message, should there be
    /// one, is not to be seen yet.
    fn carry_out(&self, broker: &Broker) -> Option<Result<u64, Refusal>> {
        let (store, now_ms) = (broker.store(), broker.clock().now_ms());
        let mut pending = broker.transactions().pending();
        pending.settle(store, now_ms);
        pending.see(store);
        let Some(at) = pending.find(self.at) else {
            if is_sync(broker)
                && pending.is_unseen(self.at.index)
                && (0..store.max_physical()).contains(&self.at.physical)
            {
                return None;
            }
            return Some(Err(self.unknown()));
        };
        let Some(half) = read(store, at.physical) else {
            if is_sync(broker) && is_unsynced(store, at) {
                return None;
            }
            return Some(Err(wrong(format!("the half message at {} of the log is damaged", at.physical))));
        };
        let group = properties::get(&half.properties, PRODUCER_GROUP).unwrap_or_default();
        if group != self.group {
            let remark = format!("the half message is of producer group {group}, not of {}", self.group);
            return Some(Err(wrong(remark)));
        }
        let Some(released) = half::released(half) else {
            return Some(Err(wrong(format!("the half message at {} of the log has no topic", at.physical))));
        };
        let committed = self.commit.then(|| half::committed(&released));
        let placed = pending.end(store, at.index, committed.as_ref(), now_ms);
        Some(placed.map(|placed| placed.last().map_or(0, Placed::end)).map_err(|error| send::refusal_of(&error)))
    }

    /// The same once the half message is to be seen: where only what is on the disk is, that may take a moment.
    async fn carry_out_once_seen(&self, broker: &Broker) -> Result<u64, Refusal> {
        let store = broker.store();
        let timeout = Duration::from_millis(broker.config().sync_flush_timeout_ms);
        for _ in 0..TRIES {
            // Of a half message that was stored anew meanwhile, that, too.
            let on_disk = store.flushed().reached(store.written().get());
            if tokio::time::timeout(timeout, on_disk).await.is_err() {
                break;
            }
            if let Some(outcome) = self.carry_out(broker) {
                return outcome;
            }
        }
        Err(self.unknown())
    }

    fn unknown(&self) -> Refusal {
        let At { index, physical } = self.at;
        wrong(format!(
            "no transaction waits for its end at {physical} of the log (number {index}): it has ended, or never began"
        ))
    }
}

fn is_sync(broker: &Broker) -> bool {
    broker.config().flush_disk_type == FlushDiskType::Sync
}

fn wrong(remark: String) -> Refusal {
    Refusal::new(response::SYSTEM_ERROR, remark)
}

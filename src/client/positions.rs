//! Where a group's positions are kept: by the brokers, or in a file of this machine for a broadcast group.

use crate::{
    client::Client, committing::first_alone, error::Error, local_offsets::LocalOffsets, process_queue::ProcessQueue,
    route::Queue,
};
use std::sync::Arc;

pub(crate) enum Positions {
    Brokers,
    Local {
        file: Arc<LocalOffsets>,
        /// Held while positions are collected and written, so that an older one never overtakes a newer.
        saving: tokio::sync::Mutex<()>,
    },
}

impl Positions {
    /// In a file that was read.
    pub(crate) fn local(file: LocalOffsets) -> Self {
        Self::Local { file: Arc::new(file), saving: tokio::sync::Mutex::default() }
    }

    /// The index the group will consume next; `None` if it was never there.
    pub(crate) async fn known(&self, client: &Client, group: &str, queue: &Queue) -> Result<Option<i64>, Error> {
        match self {
            Self::Brokers => client.committed(group, queue).await,
            Self::Local { file, .. } => Ok(file.position(queue)),
        }
    }

    /// Keeps the positions of these queues that are not kept yet. Returns whether all are now.
    pub(crate) async fn keep(&self, client: &Client, group: &str, queues: &[(Queue, Arc<ProcessQueue>)]) -> bool {
        match self {
            Self::Brokers => {
                let changed = queues.iter().filter(|(_, process)| process.unpersisted().is_some());
                let told = first_alone(
                    changed,
                    |(queue, _)| queue,
                    |(queue, process)| async move {
                        let told = process.persist(|offset| client.commit_to(group, queue, offset)).await;
                        if let Err(error) = &told {
                            tracing::warn!(group, %queue, %error, "a position was not committed");
                        }
                        told.is_ok()
                    },
                );
                told.await.into_iter().all(|told| told)
            }
            Self::Local { file, saving } => {
                let _saving = saving.lock().await;
                let changed: Vec<(Queue, i64)> = queues
                    .iter()
                    .filter_map(|(queue, process)| Some((queue.clone(), process.unpersisted()?)))
                    .collect();
                if changed.is_empty() {
                    return true;
                }
                let (to, written) = (file.clone(), changed.clone());
                // Waits for the disk.
                let saved = tokio::task::spawn_blocking(move || to.save(&written)).await;
                let saved = saved.unwrap_or(Err(Error::ShutDown));
                match &saved {
                    Ok(()) => {
                        for (queue, process) in queues {
                            let written = changed.iter().find(|(other, _)| other == queue);
                            written.into_iter().for_each(|(_, offset)| process.persisted(*offset));
                        }
                    }
                    Err(error) => tracing::warn!(group, %error, "positions were not saved"),
                }
                saved.is_ok()
            }
        }
    }

    /// Forgets how far a queue was consumed, and keeps `offset` instead.
    pub(crate) async fn reset(
        &self,
        client: &Client,
        group: &str,
        queue: &Queue,
        process: &ProcessQueue,
        offset: i64,
    ) -> Result<(), Error> {
        match self {
            Self::Brokers => {
                process.give_up().await;
                client.commit(group, queue, offset).await
            }
            Self::Local { file, saving } => {
                let _saving = saving.lock().await;
                process.give_up().await;
                let (to, written) = (file.clone(), [(queue.clone(), offset)]);
                let saved = tokio::task::spawn_blocking(move || to.save(&written)).await;
                saved.unwrap_or(Err(Error::ShutDown))
            }
        }
    }
}

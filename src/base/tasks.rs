//! Background tasks that are started in one visible list and stopped together.

use std::{future::Future, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A set of named background tasks with one way to stop them.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    shutdown: CancellationToken,
    running: TaskTracker,
}

impl Tasks {
    /// Starts `task` on the current runtime. A task should end soon after [`Tasks::shutdown`] is cancelled.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(async move {
            task.await;
            tracing::debug!(task = name, "ended");
        });
    }

    /// Runs `work` every `period`, first after one `period`, until shutdown.
    pub fn every(&self, name: &'static str, period: Duration, mut work: impl FnMut() + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.spawn(name, async move {
            let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
                work();
            }
        });
    }

    /// Cancelled when the tasks are to stop.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Tells every task to stop and waits for them, at most `deadline`. Returns false if some still ran then.
    pub async fn stop(&self, deadline: Duration) -> bool {
        self.shutdown.cancel();
        self.running.close();
        tokio::time::timeout(deadline, self.running.wait()).await.is_ok()
    }
}

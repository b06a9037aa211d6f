//! Who can reach whom: slaves find their master here, and connections to it are as bad as the weather.

use crate::{
    apache,
    rough::{Weather, pair},
    stage::SECOND,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use replication::{Ends, FollowError, Master, Slave};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use store::MessageStore;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// A master that runs.
#[derive(Clone)]
pub struct Running {
    pub store: Arc<MessageStore>,
    pub master: Arc<Master>,
    /// It behaves as Apache's.
    pub apache: bool,
}

pub struct Hub {
    pub running: Option<Running>,
    pub fair: bool,
    pub serving: JoinSet<()>,
    pub rng: StdRng,
}

pub type Shared = Arc<Mutex<Hub>>;

pub fn hub(seed: u64) -> Shared {
    let (running, fair, serving) = Default::default();
    Arc::new(Mutex::new(Hub { running, fair, serving, rng: StdRng::seed_from_u64(seed) }))
}

impl Hub {
    fn weather(&mut self) -> Weather {
        let rng = &mut self.rng;
        if self.fair {
            return Weather { breaks_after: None, delay: Duration::ZERO, splits: false, room: 64 << 10 };
        }
        let after = 1 << rng.random_range(3..20);
        Weather {
            breaks_after: rng.random_bool(0.5).then(|| rng.random_range(1..after)),
            delay: if rng.random_bool(0.3) { SECOND.mul_f64(rng.random()) } else { Duration::ZERO },
            splits: rng.random_bool(0.4),
            room: 1 << rng.random_range(6..18),
        }
    }

    fn pause(&mut self) -> Duration {
        if self.fair { 100 * SECOND / 1000 } else { SECOND.mul_f64(self.rng.random::<f64>() * 0.7) }
    }
}

/// Why a slave stopped following, and what the master had told.
pub type Parted = (FollowError, Ends);

/// Lets a slave follow the master that is there, until the logs turn out to differ.
pub async fn follow(hub: Shared, slave: Arc<Slave>) -> Parted {
    loop {
        let (running, pause) = {
            let mut hub = hub.lock().unwrap();
            (hub.running.clone(), hub.pause())
        };
        let ends = running
            .map(|running| Ends { min: running.store.min_physical() as u64, max: running.store.written().get() });
        // What it was told is a little old when it connects, and another master may be there.
        sleep(pause / 4).await;
        let stream = ends.and_then(|_| connect(&hub));
        let (Some(ends), Some(stream)) = (ends, stream) else {
            sleep(pause).await;
            continue;
        };
        let error = slave.follow(stream, ends).await.unwrap_err();
        match error {
            FollowError::Again { .. } => {}
            FollowError::Io(_) => sleep(pause).await,
            FollowError::Garbage(_) | FollowError::Store(_) | FollowError::Unreadable { .. } => panic!("{error}"),
            FollowError::Diverged { .. } | FollowError::Strangers { .. } | FollowError::TooFarBehind { .. } => {
                return (error, ends);
            }
        }
    }
}

fn connect(hub: &Shared) -> Option<crate::rough::Rough> {
    let mut hub = hub.lock().unwrap();
    let Running { store, master, apache } = hub.running.clone()?;
    let weather = hub.weather();
    let (ours, theirs) = pair(weather, hub.rng.random());
    hub.serving.spawn(async move {
        match apache {
            true => _ = apache::serve(store, theirs).await,
            false => _ = master.serve("127.0.0.1:1".parse().unwrap(), theirs).await,
        }
    });
    Some(ours)
}

/// Ends all connections at the master.
pub async fn cut_connections(hub: &Shared) {
    let mut serving = std::mem::take(&mut hub.lock().unwrap().serving);
    serving.shutdown().await;
}

/// Takes the master away and waits until nobody uses its store.
pub async fn take_master(hub: &Shared) -> Arc<MessageStore> {
    let Running { store, master, .. } = hub.lock().unwrap().running.take().unwrap();
    cut_connections(hub).await;
    drop(master);
    store
}

/// Waits until what a store wrote is on its disk. Its threads take real time, in which no other may pass.
pub async fn flush(store: &Arc<MessageStore>) {
    let store = store.clone();
    let runs = tokio::runtime::Handle::current();
    let flushed = tokio::task::spawn_blocking(move || {
        store.request_flush();
        runs.block_on(store.flushed().reached(store.written().get()));
    });
    timeout(1000 * SECOND, flushed).await.unwrap().unwrap();
}

//! A cluster comes up: what does not run is started, and it is waited for until every node serves.

use crate::{
    Cluster, Error, Event, Launch, Node, Ports, Role, Status, Template,
    down::stop,
    plan,
    process::{self, Identity},
    ready::Prober,
    state::State,
};
use std::{net::SocketAddr, path::Path, process::Child, time::Duration};
use tokio::time::Instant;

/// Lines of a log that an error shows.
const LOG_LINES: usize = 15;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How to bring a cluster up.
#[derive(Clone, Copy, Debug)]
pub struct Upping<'a> {
    /// What it is to consist of.
    pub template: &'a Template,
    /// The template's name, for people.
    pub template_name: &'a str,
    /// The program that runs nodes.
    pub exe: &'a Path,
    /// How long every node may take until it serves.
    pub within: Duration,
}

/// A cluster that serves.
#[derive(Clone, Debug)]
pub struct Up {
    /// How it is.
    pub status: Status,
    /// All of it ran already: nothing was changed.
    pub ran_already: bool,
}

/// A process started just now.
struct Started {
    node: Node,
    child: Child,
    process: Identity,
    at: Instant,
    /// Length of its log before.
    log_from: u64,
}

impl Cluster {
    /// Starts every node that does not run, and returns when all of them serve. A cluster that was there before has
    /// its data, and its ports if they are free.
    ///
    /// # Errors
    /// [`Error::NotUp`] with the end of the log of the node that failed; then what was started is stopped again.
    pub async fn up(&self, how: Upping<'_>, mut progress: impl FnMut(Event<'_>)) -> Result<Up, Error> {
        let _held = self.home.hold().await?;
        let before = State::read(&self.dir)?;
        let plan =
            |ports: &mut Ports| plan(how.template, &self.dir, how.exe, ports, |name| before.as_ref()?.port_of(name));
        let wished = plan(&mut Ports::all_free())?;
        self.check_shape(before.as_ref(), &State::of(how.template_name, &wished))?;
        let running = match &before {
            Some(state) if self.any_runs(state)? => Some(state.clone()),
            _ => None,
        };
        let (state, launches) = match running {
            // Where the others are is settled.
            Some(state) => (state, wished),
            None => {
                let launches = plan(&mut Ports::of_this_machine())?;
                for (Launch { node, .. }, Launch { node: wished, .. }) in launches.iter().zip(&wished) {
                    if node.listen != wished.listen {
                        progress(Event::PortTaken { node, wanted: wished.listen.port() });
                    }
                }
                (State::of(how.template_name, &launches), launches)
            }
        };
        state.write(&self.dir)?;
        let mut started = Vec::new();
        let outcome = self.start_missing(how, &state, &launches, &mut started, &mut progress).await;
        if let Err(error) = outcome {
            let nodes: Vec<_> = started.into_iter().map(|started: Started| started.node).collect();
            stop(&nodes, &mut progress).await?;
            return Err(error);
        }
        Ok(Up { status: self.status().await?, ran_already: started.is_empty() })
    }

    fn any_runs(&self, state: &State) -> Result<bool, Error> {
        for node in state.nodes(&self.dir) {
            if Identity::read(&node.process_file())?.is_some_and(|process| process.is_alive()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check_shape(&self, before: Option<&State>, wished: &State) -> Result<(), Error> {
        match before.map(State::shape).filter(|had| *had != wished.shape()) {
            Some(had) => Err(Error::OtherTemplate { name: self.name.clone(), had, wanted: wished.shape() }),
            None => Ok(()),
        }
    }

    /// Name servers, then masters, then slaves: each kind is waited for before the next is started.
    async fn start_missing(
        &self,
        how: Upping<'_>,
        state: &State,
        launches: &[Launch],
        started: &mut Vec<Started>,
        progress: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        let prober = Prober::new();
        let name_servers = state.name_servers();
        for kind in launches.chunk_by(|one, next| one.kind() == next.kind()) {
            let first = started.len();
            for launch in kind {
                let alive = Identity::read(&launch.node.process_file())?.is_some_and(|process| process.is_alive());
                if alive {
                    self.wait_for_running(&prober, &launch.node, &name_servers, how.within).await?;
                    continue;
                }
                started.push(Started::now(launch)?);
                if let Some(Started { node, process, .. }) = started.last() {
                    progress(Event::Started { node, pid: process.pid });
                }
            }
            for started in &mut started[first..] {
                started.wait(&prober, &name_servers, how.within).await?;
                progress(Event::Ready { node: &started.node, after: started.at.elapsed() });
            }
        }
        Ok(())
    }

    async fn wait_for_running(
        &self,
        prober: &Prober,
        node: &Node,
        name_servers: &[SocketAddr],
        within: Duration,
    ) -> Result<(), Error> {
        let until = Instant::now() + within;
        while let Err(why) = prober.probe(node, name_servers).await {
            if Instant::now() >= until {
                return Err(not_up(node, format!("it has been running, but {why}"), 0));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

impl Launch {
    fn kind(&self) -> u8 {
        match self.node.role {
            Role::NameServer => 0,
            Role::Master { .. } => 1,
            Role::Slave { .. } => 2,
        }
    }
}

impl Started {
    fn now(launch: &Launch) -> Result<Self, Error> {
        let log_from = std::fs::metadata(launch.node.log_file()).map_or(0, |log| log.len());
        let (child, process) = process::start(launch)?;
        Ok(Self { node: launch.node.clone(), child, process, at: Instant::now(), log_from })
    }

    async fn wait(&mut self, prober: &Prober, name_servers: &[SocketAddr], within: Duration) -> Result<(), Error> {
        loop {
            let why = match prober.probe(&self.node, name_servers).await {
                // Whoever answers must be this very process, and not another on the same port.
                Ok(()) if self.process.is_alive() => return Ok(()),
                Ok(()) => "another process serves on its port".to_owned(),
                Err(why) => why,
            };
            if let Ok(Some(ended)) = self.child.try_wait() {
                return Err(not_up(&self.node, format!("it ended by itself ({ended})"), self.log_from));
            }
            if self.at.elapsed() >= within {
                let why = format!("after {} s {why}", within.as_secs());
                return Err(not_up(&self.node, why, self.log_from));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn not_up(node: &Node, why: String, log_from: u64) -> Error {
    let log_file = node.log_file();
    let log = process::tail(&log_file, log_from, LOG_LINES);
    Error::NotUp { node: node.name.clone(), why, log, log_file }
}

//! A cluster comes up: what does not run is started, and it is waited for until every node serves.

use crate::{
    Cluster, Error, Event, Launch, Node, Ports, Role, Status, Template,
    down::stop,
    plan,
    process::{self, Identity},
    state::State,
    template::Properties,
    wait::{Started, Wait},
};
use std::{fs, future::Future, io, path::Path, time::Duration};

/// How often ports are looked for: between the look and the start of a node another program may take one.
const ATTEMPTS: usize = 5;

/// How to bring a cluster up.
#[derive(Clone, Copy, Debug)]
pub struct Upping<'a> {
    /// What it is to consist of.
    pub template: &'a Template,
    /// The template's name, for people.
    pub template_name: &'a str,
    /// Its text, which is kept with the cluster.
    pub template_text: &'a str,
    /// How many name servers, if not as many as the template says; kept with the cluster.
    pub name_servers: Option<u8>,
    /// Settings of every broker, over those of the template; kept with the cluster, where later ones count.
    pub set: &'a [(String, String)],
    /// The first port, the others following by tens; without, the usual ones, or the next that are free.
    pub base_port: Option<u16>,
    /// Only this node; none for all.
    pub only: Option<&'a str>,
    /// Whether a broker would start with this settings file.
    pub check: fn(&str) -> Result<(), String>,
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

impl Cluster {
    /// Starts every node that does not run, and returns when all of them serve and every slave has what its master
    /// had. A cluster that was there before has its data, and its ports if they are free.
    ///
    /// # Errors
    /// [`Error::NotUp`] with the end of the log of the node that failed, [`Error::Interrupted`] when `interrupted`
    /// ends; then what was started is stopped again, and a cluster that was not there before is not there.
    pub async fn up(
        &self,
        how: Upping<'_>,
        interrupted: impl Future<Output = ()>,
        mut progress: impl FnMut(Event<'_>),
    ) -> Result<Up, Error> {
        let before = State::read(&self.dir)?;
        if before.is_none() {
            self.refuse_other_folder()?;
        }
        let wished = self.wished(how, before.as_ref())?;
        let _held = self.home.hold().await?;
        // Another command may have been at work meanwhile.
        let before = State::read(&self.dir)?;
        let text_before = State::read_template(&self.dir)?;
        let mut interrupted = std::pin::pin!(interrupted);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (state, launches) = self.settle(how, before.as_ref(), &wished, &mut progress)?;
            let mut started = Vec::new();
            let kept = State::write_template(&self.dir, how.template_text).and_then(|()| state.write(&self.dir));
            let outcome = match kept {
                Ok(()) => tokio::select! {
                    outcome = start_missing(how, &state, &launches, &mut started, &mut progress) => outcome,
                    () = &mut interrupted => Err(Error::Interrupted),
                },
                Err(error) => Err(error),
            };
            let Err(mut error) = outcome else {
                return Ok(Up { status: self.status().await?, ran_already: started.is_empty() });
            };
            let nodes: Vec<_> = started.into_iter().map(|started: Started| started.node).collect();
            stop(&nodes, &mut progress).await?;
            if attempts < ATTEMPTS && how.base_port.is_none() && lost_its_port(&error) {
                continue;
            }
            if let (Error::NotUp { log_file, .. }, None) = (&mut error, &before) {
                *log_file = None;
            }
            self.put_back(before, text_before)?;
            return Err(error);
        }
    }

    /// What it is to consist of, on the ports it had; checked.
    fn wished(&self, how: Upping<'_>, before: Option<&State>) -> Result<Wished, Error> {
        let name_servers = how.name_servers.or(before.and_then(|state| state.name_servers));
        let mut set = before.map(|state| state.set.clone()).unwrap_or_default();
        set.extend(how.set.iter().cloned());
        let mut template = how.template.clone();
        template.name_servers = name_servers.unwrap_or(template.name_servers);
        template.set = Properties(set);
        let launches = plan(&template, &self.dir, how.exe, &mut Ports::all_free(), |name| before?.port_of(name))?;
        for launch in launches.iter().filter(|launch| launch.node.role.broker().is_some()) {
            (how.check)(&launch.config_text).map_err(|why| Error::Settings { node: launch.node.name.clone(), why })?;
        }
        Ok(Wished { template, name_servers, launches })
    }

    /// Where each node is to be. Nothing has been changed yet.
    fn settle(
        &self,
        how: Upping<'_>,
        before: Option<&State>,
        wished: &Wished,
        progress: &mut impl FnMut(Event<'_>),
    ) -> Result<(State, Vec<Launch>), Error> {
        let state = |launches: &[Launch]| {
            State::of(how.template_name, wished.name_servers, wished.template.set.0.clone(), launches)
        };
        let had = |name: &str| before?.port_of(name);
        let same_template = match before {
            Some(before) => self.check_template(how, before, &state(&wished.launches))?,
            None => true,
        };
        let running = match before {
            Some(before) => self.running(before)?,
            None => Vec::new(),
        };
        if let Some(before) = before.filter(|_| !running.is_empty()) {
            let otherwise = if !same_template {
                Some("template")
            } else if before.set != wished.template.set.0 {
                Some("--set")
            } else if how.base_port.is_some_and(|base| before.first_port() != Some(base)) {
                Some("base port")
            } else {
                None
            };
            if let Some(what) = otherwise {
                return Err(Error::RunsOtherwise { name: self.name.clone(), what });
            }
        }
        let mut ports = Ports::of_this_machine().keeping(running.iter().copied());
        if let Some(base) = how.base_port.filter(|_| running.is_empty()) {
            ports = ports.from_base(base);
        }
        let launches = plan(&wished.template, &self.dir, how.exe, &mut ports, had)?;
        for (Launch { node, .. }, Launch { node: wished, .. }) in launches.iter().zip(&wished.launches) {
            if node.listen == wished.listen || how.base_port.is_some() {
                continue;
            }
            if node.role == Role::NameServer && !running.is_empty() {
                // Those that run know it where it was.
                return Err(Error::PortLost { node: node.name.clone(), port: wished.listen.port() });
            }
            progress(Event::PortTaken { node, wanted: wished.listen.port() });
        }
        Ok((state(&launches), launches))
    }

    /// Whether the template is the one the cluster was made from, word for word or in what it means; an edited file is
    /// still that file.
    fn check_template(&self, how: Upping<'_>, before: &State, wished: &State) -> Result<bool, Error> {
        let kept = State::read_template(&self.dir)?;
        let kept = kept.and_then(|text| Template::parse(&before.template, &text).ok());
        let same = kept.is_none_or(|kept| kept == *how.template);
        if before.shape() != wished.shape() {
            let had = format!("{} with the nodes {}", before.template, before.shape());
            return Err(Error::OtherTemplate { name: self.name.clone(), had });
        }
        if !same && before.template != how.template_name {
            return Err(Error::OtherTemplate { name: self.name.clone(), had: before.template.clone() });
        }
        Ok(same)
    }

    /// The ports of the nodes that run.
    fn running(&self, state: &State) -> Result<Vec<u16>, Error> {
        let mut ports = Vec::new();
        for node in state.nodes(&self.dir) {
            if Identity::read(&node.process_file())?.is_some_and(|process| process.is_alive()) {
                ports.push(node.listen.port());
            }
        }
        Ok(ports)
    }

    /// A folder that is there before the cluster is somebody else's: a purge would remove it.
    fn refuse_other_folder(&self) -> Result<(), Error> {
        match fs::read_dir(&self.dir) {
            Ok(mut entries) => match entries.next() {
                None => Ok(()),
                Some(_) => Err(Error::NoCluster { dir: self.dir.clone() }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(Error::Io { action: "read", path: self.dir.clone(), source }),
        }
    }

    /// What is known of the cluster is what it was before; without a before, there is no cluster.
    fn put_back(&self, before: Option<State>, text_before: Option<String>) -> Result<(), Error> {
        let Some(before) = before else {
            return match fs::remove_dir_all(&self.dir) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    Err(Error::Io { action: "remove", path: self.dir.clone(), source })
                }
                _ => Ok(()),
            };
        };
        if let Some(text) = text_before {
            State::write_template(&self.dir, &text)?;
        }
        before.write(&self.dir)
    }
}

/// Whether a node did not come up because another program took its port after it was found free.
fn lost_its_port(error: &Error) -> bool {
    let taken = io::Error::from(rustix::io::Errno::ADDRINUSE).to_string();
    matches!(error, Error::NotUp { why, .. } if why.contains(&taken))
}

struct Wished {
    template: Template,
    name_servers: Option<u8>,
    launches: Vec<Launch>,
}

/// Name servers, then masters, then slaves: each kind is waited for before the next is started.
async fn start_missing(
    how: Upping<'_>,
    state: &State,
    launches: &[Launch],
    started: &mut Vec<Started>,
    progress: &mut impl FnMut(Event<'_>),
) -> Result<(), Error> {
    let nodes: Vec<&Node> = launches.iter().map(|launch| &launch.node).collect();
    let wait = Wait::new(&nodes, state.name_server_addrs(), how.within);
    let chosen = |launch: &&Launch| how.only.is_none_or(|only| launch.node.name == only);
    for kind in launches.chunk_by(|one, next| one.kind() == next.kind()) {
        let first = started.len();
        for launch in kind.iter().filter(chosen) {
            if Identity::read(&launch.node.process_file())?.is_some_and(|process| process.is_alive()) {
                wait.for_running(&launch.node, progress).await?;
                continue;
            }
            let log_from = fs::metadata(launch.node.log_file()).map_or(0, |log| log.len());
            let (child, process) = process::start(launch)?;
            progress(Event::Started { node: &launch.node, pid: process.pid });
            started.push(Started::new(launch.node.clone(), child, process, log_from));
        }
        for started in &mut started[first..] {
            wait.for_started(started, progress).await?;
            progress(Event::Ready { node: &started.node, after: started.at.elapsed() });
        }
    }
    Ok(())
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

//! What a server process is, whichever server runs in it: its settings file, runtime, limits and end.

mod notify;

use crate::{
    failure::{Failure, Kind},
    log, output,
};
use std::{future::Future, path::Path};
use tokio::signal::unix::{SignalKind, signal};

/// The name and the text of a settings file; both empty without one.
///
/// # Errors
/// If it cannot be read.
pub fn settings(file: Option<&Path>) -> Result<(String, String), Failure> {
    let Some(file) = file else { return Ok(Default::default()) };
    let name = file.display().to_string();
    match std::fs::read(file) {
        Ok(bytes) => Ok((name, base::properties::decode(&bytes).into_owned())),
        Err(error) => Err(Failure::new(Kind::Usage, format!("cannot read {name}: {error}"))),
    }
}

/// Prints settings as a file that reads back.
///
/// # Errors
/// If standard output cannot be written.
pub fn print(settings: impl IntoIterator<Item = (String, String)>) -> Result<(), Failure> {
    output::print(base::properties::render(settings).trim_end())
}

/// Logs what was noticed in the settings, runs `start`, says `started`, and runs until a signal comes; then `stop`s.
/// `meanwhile` is what is to be done with it while it runs; it ends only with an error, which ends the server.
///
/// # Errors
/// If it does not start, not go on, or not stop as it should.
pub fn run<S>(
    log_level: Option<log::Level>,
    notices: &[base::given::Notice],
    start: impl Future<Output = Result<S, Failure>>,
    started: impl FnOnce(&S) -> String,
    meanwhile: impl AsyncFnOnce(&mut S) -> Failure,
    stop: impl AsyncFnOnce(S) -> Result<(), Failure>,
) -> Result<(), Failure> {
    log::begin(log_level, log::Level::SERVER);
    for notice in notices {
        tracing::warn!("{notice}");
    }
    allow_many_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Failed, format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(async {
        // Before the start, so that a stop asked for meanwhile is one too.
        let mut signals = Signals::listen()?;
        let mut server = tokio::select! {
            server = start => server?,
            name = signals.next() => {
                tracing::info!("{name} before the start was complete");
                return Ok(());
            }
        };
        // The words scripts wait for. That nobody reads them does not stop a server.
        let _ = output::print(started(&server));
        notify::tell(notify::READY);
        let name = tokio::select! {
            failure = meanwhile(&mut server) => return Err(failure),
            name = signals.next() => name,
        };
        notify::tell(notify::STOPPING);
        tracing::info!("{name}: stopping");
        tokio::select! {
            stopped = stop(server) => {
                stopped?;
                tracing::info!("stopped");
                Ok(())
            }
            name = signals.next() => Err(Failure::new(Kind::Failed, format!("{name} again: ended without a clean stop"))),
        }
    });
    // What still runs now must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// The signals that ask for an end.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// Listened for and never looked at: a file that may not grow is an error of the write, and not the end.
    _file_too_large: tokio::signal::unix::Signal,
}

/// SIGXFSZ: a file would grow past RLIMIT_FSIZE.
const FILE_TOO_LARGE: i32 = rustix::process::Signal::XFSZ.as_raw();

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::new(Kind::Failed, format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            _file_too_large: listen(SignalKind::from_raw(FILE_TOO_LARGE))?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Every connection and every file of the store is an open file; the limit a shell gives is too low for a server.
fn allow_many_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let given = limit.current;
    limit.current = limit.maximum;
    if given != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, limit)
    {
        tracing::warn!(?given, %error, "cannot raise the limit of open files");
    }
}

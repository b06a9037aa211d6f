//! `rmq cluster`: clusters of real processes on this machine, for development and tests.

mod down;
mod foreground;
mod logs;
mod progress;
mod render;
mod status;
mod template;
mod up;

use crate::{
    failure::{Failure, Kind},
    log, output, reach,
};
use ::cluster::{Cluster, Error, Home};
use etcetera::BaseStrategy;
use std::{io, path::PathBuf};

/// The name of a cluster that was given none.
const DEFAULT_NAME: &str = "default";

/// Run clusters on this machine, for development and tests
///
/// Name servers and brokers are real processes in the background. They keep their data, and their ports if those are
/// free, when the cluster goes down and comes up again.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Up(up::Arguments),
    Status(status::Arguments),
    Logs(logs::Arguments),
    Stop(down::Stop),
    Start(up::Start),
    Restart(up::Start),
    Kill(down::Kill),
    Down(down::Arguments),
    List(status::List),
    Env(Env),
    Template(template::Arguments),
    Render(render::Arguments),
}

/// Which cluster is meant.
#[derive(Debug, clap::Args)]
struct Named {
    /// Its name
    #[arg(long, default_value = DEFAULT_NAME)]
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Print what a shell needs to use a cluster: eval "$(rmq cluster env)"
#[derive(Debug, clap::Args)]
struct Env {
    #[command(flatten)]
    named: Named,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        let style = match &self.what {
            What::Up(arguments) => arguments.style,
            What::Status(arguments) => arguments.shown.style,
            What::List(arguments) => arguments.shown.style,
            What::Start(_) | What::Restart(_) | What::Stop(_) | What::Kill(_) | What::Down(_) => return false,
            What::Logs(_) | What::Env(_) | What::Template(_) | What::Render(_) => return false,
        };
        style.is_json()
    }
}

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, async {
        match arguments.what {
            What::Up(arguments) => up::run(arguments).await,
            What::Status(arguments) => status::run(arguments).await,
            What::Logs(arguments) => logs::run(arguments).await,
            What::Stop(arguments) => down::stop(arguments).await,
            What::Start(arguments) => up::start(arguments).await,
            What::Restart(arguments) => up::restart(arguments).await,
            What::Kill(arguments) => down::kill(arguments).await,
            What::Down(arguments) => down::run(arguments).await,
            What::List(arguments) => status::list(arguments).await,
            What::Env(arguments) => env(arguments).await,
            What::Template(arguments) => template::run(arguments).await,
            What::Render(arguments) => render::run(arguments).await,
        }
    })
}

/// The name servers of the cluster that was brought up without a name, if it runs.
pub async fn running_name_servers() -> Option<String> {
    let status = home(&Place { dir: None }).ok()?.cluster(DEFAULT_NAME).ok()?.status().await.ok()?;
    (!status.is_down()).then(|| status.namesrv_addr())
}

async fn env(arguments: Env) -> Result<(), Failure> {
    let status = arguments.named.cluster()?.status().await?;
    if status.is_down() {
        let failure = Failure::new(Kind::Failed, format!("cluster {} is down", status.name)).target(&status.name);
        return Err(failure.hint(format!("rmq cluster up{}", arguments.named.again())));
    }
    output::print(exported(&status.namesrv_addr()))
}

impl Named {
    fn cluster(&self) -> Result<Cluster, Failure> {
        Ok(home(&self.place)?.cluster(&self.name)?)
    }

    /// The options that name the same cluster again.
    fn again(&self) -> String {
        let name = if self.name == DEFAULT_NAME { String::new() } else { format!(" --name {}", self.name) };
        let dir = self.place.dir.as_ref().map(|dir| format!(" --dir {}", quoted(&dir.display().to_string())));
        name + &dir.unwrap_or_default()
    }
}

fn home(place: &Place) -> Result<Home, Failure> {
    let dir = match &place.dir {
        Some(dir) => dir.clone(),
        None => {
            let folders = etcetera::base_strategy::Xdg::new().map_err(|error| {
                Failure::new(Kind::Failed, format!("cannot tell where to keep clusters: {error}; say it with --dir"))
            })?;
            folders.state_dir().unwrap_or_else(|| folders.data_dir()).join("rmq/clusters")
        }
    };
    Ok(Home::new(&dir)?)
}

fn exported(names: &str) -> String {
    format!("export NAMESRV_ADDR={}", quoted(names))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:[]".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Name { .. }
            | Error::OtherTemplate { .. }
            | Error::PortNotAllowed { .. }
            | Error::Settings { .. } => Kind::Usage,
            Error::Unknown { .. } | Error::UnknownNode { .. } => Kind::NotFound,
            _ => Kind::Failed,
        };
        let failure = Self::new(kind, &error);
        match error {
            Error::Unknown { name, .. } => failure.target(name).hint("rmq cluster up brings one up"),
            Error::OtherTemplate { name, .. } | Error::RunsOtherwise { name, .. } => failure.target(name),
            Error::Busy { .. } => failure.retryable(),
            Error::UnknownNode { node, .. } | Error::NotUp { node, .. } | Error::Settings { node, .. } => {
                failure.target(node)
            }
            Error::NoPort { node } | Error::StillThere { node, .. } => failure.target(node),
            Error::PortTaken { node, .. } | Error::PortLost { node, .. } | Error::PortNotAllowed { node, .. } => {
                failure.target(node)
            }
            Error::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory => {
                    failure.hint("--dir chooses another place")
                }
                io::ErrorKind::StorageFull => failure.hint("make room, or choose another place with --dir"),
                _ => failure,
            },
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, dir: Option<&str>) -> Named {
        Named { name: name.to_owned(), place: Place { dir: dir.map(PathBuf::from) } }
    }

    #[test]
    fn a_shell_reads_several_name_servers_as_one_word() {
        assert_eq!(exported("127.0.0.1:9876"), "export NAMESRV_ADDR=127.0.0.1:9876");
        assert_eq!(exported("a:1;b:2"), "export NAMESRV_ADDR='a:1;b:2'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_name_that_is_none_is_a_matter_of_usage() {
        let failure = named("a/b", Some("/tmp")).cluster().err();
        assert!(failure.is_some_and(|failure| failure.kind() == Some(Kind::Usage)));
    }
}

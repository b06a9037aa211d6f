//! `rmq cluster`: clusters of real processes on this machine, for development and tests.

mod render;
mod template;

use crate::{
    failure::{Failure, Kind, say},
    log, output, reach, table, when,
};
use ::cluster::{Cluster, Error, Event, Home, NodeState, NodeStatus, Role, Status, Upping};
use etcetera::BaseStrategy;
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};

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
    Up(Up),
    Status(Look),
    Down(Down),
    List(List),
    Env(Env),
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

/// Bring a cluster up; returns when a message can be sent
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq cluster up                     a name server and a broker
  rmq cluster up --name other        another one beside it, on other ports
  rmq cluster up --template my.yaml  as a file of your own says")]
struct Up {
    #[command(flatten)]
    named: Named,
    /// What it consists of: single, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = template::DEFAULT)]
    template: String,
    /// How long it may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = when::duration)]
    timeout: Duration,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

/// Show how a cluster is; fails unless all of it serves
#[derive(Debug, clap::Args)]
struct Look {
    #[command(flatten)]
    named: Named,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

/// Stop a cluster
#[derive(Debug, clap::Args)]
struct Down {
    #[command(flatten)]
    named: Named,
    /// Remove it then, with all its data
    #[arg(long)]
    purge: bool,
}

/// List the clusters of this machine
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

/// Print what a shell needs to use a cluster: eval "$(rmq cluster env)"
#[derive(Debug, clap::Args)]
struct Env {
    #[command(flatten)]
    named: Named,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// Columns.
    Table,
    /// JSON.
    Json,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            What::Up(Up { output, .. }) | What::Status(Look { output, .. }) | What::List(List { output, .. }) => {
                *output == Output::Json
            }
            What::Down(_) | What::Env(_) | What::Render(_) => false,
        }
    }
}

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    reach::run(log_level, async {
        match arguments.what {
            What::Up(arguments) => up(arguments).await,
            What::Status(arguments) => status(arguments).await,
            What::Down(arguments) => down(arguments).await,
            What::List(arguments) => list(arguments).await,
            What::Env(arguments) => env(arguments).await,
            What::Render(arguments) => render::run(arguments),
        }
    })
}

/// The name servers of the cluster that was brought up without a name, if it runs.
pub async fn running_name_servers() -> Option<String> {
    let status = home(&Place { dir: None }).ok()?.cluster(DEFAULT_NAME).ok()?.status().await.ok()?;
    (!status.is_down()).then(|| status.namesrv_addr())
}

async fn up(arguments: Up) -> Result<(), Failure> {
    let Up { named, template, timeout, output } = arguments;
    let cluster = named.cluster()?;
    let exe = std::env::current_exe()
        .map_err(|error| Failure::new(Kind::Failed, format!("cannot find the program that runs nodes: {error}")))?;
    let (name, template) = template::find(&template)?;
    let how = Upping { template: &template, template_name: &name, exe: &exe, within: timeout };
    let up = cluster.up(how, tell).await?;
    match output {
        Output::Table => output::print(nodes_table(&up.status))?,
        Output::Json => output::json(&to_json(&up.status))?,
    }
    if output == Output::Table {
        let was = if up.ran_already { "was up already" } else { "is up" };
        say(&format!("cluster {} {was}, in {}\n\n{}", cluster.name(), cluster.dir().display(), next(&named)));
    }
    Ok(())
}

async fn status(arguments: Look) -> Result<(), Failure> {
    let Look { named, output } = arguments;
    let status = named.cluster()?.status().await?;
    match output {
        Output::Table => output::print(nodes_table(&status))?,
        Output::Json => output::json(&to_json(&status))?,
    }
    if status.is_ready() {
        return Ok(());
    }
    let message = format!("cluster {} {}", status.name, condition(&status));
    Err(Failure::new(Kind::Failed, message).target(&status.name).hint(format!("rmq cluster up{}", named.again())))
}

async fn down(arguments: Down) -> Result<(), Failure> {
    let Down { named, purge } = arguments;
    let cluster = named.cluster()?;
    let down = cluster.down(purge, tell).await?;
    let was = if down.stopped.is_empty() { "was down already" } else { "is down" };
    let data = match purge {
        true => "and removed".to_owned(),
        false => format!("; its data stays in {}", cluster.dir().display()),
    };
    say(&format!("cluster {} {was}{}{data}", cluster.name(), if purge { " " } else { "" }));
    Ok(())
}

async fn list(arguments: List) -> Result<(), Failure> {
    let List { place, output } = arguments;
    let home = home(&place)?;
    let clusters = home.list().await?;
    match output {
        Output::Table if clusters.is_empty() => {
            say(&format!("there is no cluster in {}; rmq cluster up brings one up", home.dir().display()));
            Ok(())
        }
        Output::Table => {
            let rows = clusters.iter().map(|(name, status)| match status {
                Ok(status) => {
                    let dir = status.dir.display().to_string();
                    [name.clone(), status.template.clone(), condition(status), status.namesrv_addr(), dir]
                }
                Err(error) => {
                    let unknown = || "?".to_owned();
                    [name.clone(), unknown(), format!("cannot be read: {error}"), unknown(), unknown()]
                }
            });
            output::print(table::render(&["NAME", "TEMPLATE", "STATE", "NAME SERVERS", "FOLDER"], rows))
        }
        Output::Json => {
            let clusters: Vec<_> = clusters
                .iter()
                .map(|(name, status)| match status {
                    Ok(status) => to_json(status),
                    Err(error) => json!({ "name": name, "error": error.to_string() }),
                })
                .collect();
            output::json(&clusters.into())
        }
    }
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

/// Says what goes on.
fn tell(event: Event<'_>) {
    let line = match event {
        Event::PortTaken { node, wanted } => {
            format!("port {wanted} is taken: {} gets {}", node.name, node.listen.port())
        }
        Event::Started { .. } => return,
        Event::Ready { node, after } => {
            format!("{} serves at {} after {} ms", node.name, node.listen, after.as_millis())
        }
        Event::Stopping { .. } => return,
        Event::Stopped { node, killed: false } => format!("{} has stopped", node.name),
        Event::Stopped { node, killed: true } => format!("{} did not stop when asked, and was killed", node.name),
    };
    say(&line);
}

/// What to type after the cluster came up.
fn next(named: &Named) -> String {
    let again = named.again();
    // Without a name and in the usual place, the other commands find it by themselves.
    let env = if again.is_empty() { "for other clients" } else { "so that clients find it" };
    let column = |command: String, what: &str| format!("  {command:<44}  {what}");
    [
        "next:".to_owned(),
        column(format!("eval \"$(rmq cluster env{again})\""), env),
        column(r"printf 'hello\n' | rmq produce greetings".to_owned(), "sends a message"),
        column("rmq consume greetings -e".to_owned(), "prints all there are"),
        column(format!("rmq cluster down{again}"), "stops it; its data stays"),
    ]
    .join("\n")
}

fn condition(status: &Status) -> String {
    let ready = status.nodes.iter().filter(|node| matches!(node.state, NodeState::Ready { .. })).count();
    if status.is_ready() {
        "is up".to_owned()
    } else if status.is_down() {
        "is down".to_owned()
    } else {
        format!("is partly up: {ready} of {} nodes serve", status.nodes.len())
    }
}

fn state(node: &NodeStatus) -> String {
    match &node.state {
        NodeState::Ready { .. } => "ready".to_owned(),
        NodeState::Unready { why, .. } => format!("not ready: {why}"),
        NodeState::Stopped => "stopped".to_owned(),
        NodeState::Died { pid } => format!("died (was process {pid})"),
    }
}

fn nodes_table(status: &Status) -> String {
    let rows = status.nodes.iter().map(|node| {
        let pid = node.state.pid().map(|pid| pid.to_string()).unwrap_or_default();
        let log = node.node.log_file().display().to_string();
        [node.node.name.clone(), role(&node.node.role), node.node.listen.to_string(), state(node), pid, log]
    });
    table::render(&["NODE", "ROLE", "ADDRESS", "STATE", "PID", "LOG"], rows)
}

fn role(role: &Role) -> String {
    match role {
        Role::Slave { id, .. } => format!("{} {id}", role.title()),
        _ => role.title().to_owned(),
    }
}

fn to_json(status: &Status) -> Value {
    let nodes = status.nodes.iter().map(|node| {
        json!({
            "name": node.node.name,
            "role": node.node.role.title(),
            "broker": node.node.role.broker().map(|(name, _)| name),
            "broker_id": node.node.role.broker().map(|(_, id)| id),
            "address": node.node.listen.to_string(),
            "ready": matches!(node.state, NodeState::Ready { .. }),
            "state": state(node),
            "pid": node.state.pid(),
            "dir": node.node.dir,
            "log": node.node.log_file(),
        })
    });
    json!({
        "name": status.name,
        "template": status.template,
        "ready": status.is_ready(),
        "namesrv_addr": status.namesrv_addr(),
        "dir": status.dir,
        "nodes": nodes.collect::<Vec<_>>(),
    })
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
            Error::Name { .. } | Error::OtherTemplate { .. } => Kind::Usage,
            Error::Unknown { .. } => Kind::NotFound,
            _ => Kind::Failed,
        };
        let failure = Self::new(kind, &error);
        match error {
            Error::Unknown { name, .. } => failure.target(name).hint("rmq cluster up brings one up"),
            Error::Busy { .. } => failure.retryable(),
            Error::NotUp { node, .. } | Error::NoPort { node } | Error::StillThere { node, .. } => failure.target(node),
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
    fn what_to_type_next_means_the_same_cluster() {
        assert!(next(&named(DEFAULT_NAME, None)).contains("  rmq cluster down  "));
        let other = next(&named("other", Some("/tmp/my clusters")));
        assert!(other.contains(r#"eval "$(rmq cluster env --name other --dir '/tmp/my clusters')""#), "{other}");
    }

    #[test]
    fn a_name_that_is_none_is_a_matter_of_usage() {
        let failure = named("a/b", Some("/tmp")).cluster().err();
        assert!(failure.is_some_and(|failure| failure.kind() == Some(Kind::Usage)));
    }
}

//! `rmq cluster up`, `start` and `restart`: nodes come up, and it is waited for until they serve.

use super::{
    Named, foreground,
    progress::Progress,
    status::answer,
    template::{self, Found},
};
use crate::{
    answer::{Form, Style},
    failure::{Failure, Kind, say},
    when,
};
use ::cluster::{Cluster, Error, Upping};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Bring a cluster up; returns when every node serves and every slave has what its master had
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq cluster up                              a name server and a broker
  rmq cluster up --template 2m-2s-sync        two masters and two slaves; nothing acknowledged is lost
  rmq cluster up --name other --namesrvs 2    another one beside it, on other ports
  rmq cluster up --template my.yaml --set fileReservedTime=24
  rmq cluster up --foreground                 in this terminal, until Ctrl-C

`rmq cluster template list` lists the templates. What runs already is left as it is.")]
pub struct Arguments {
    #[command(flatten)]
    named: Named,
    /// What it consists of [default: what it had, at first single]
    #[arg(long, value_name = "NAME|FILE|URL")]
    template: Option<String>,
    /// A setting of every broker, over those of the template; may be repeated, and is kept with the cluster
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// How many name servers instead of what the template says, 1 to 9
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=9))]
    namesrvs: Option<u8>,
    /// The first port; nodes get it and those 10, 20, 30 above [default: the usual ones, or the next that are free]
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// Stay, print what all nodes log, and stop them with Ctrl-C or SIGTERM
    #[arg(long, conflicts_with = "output")]
    foreground: bool,
    /// How long each node may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = when::duration)]
    timeout: Duration,
    #[command(flatten)]
    pub(super) style: Style,
}

/// Start nodes that do not run
#[derive(Debug, clap::Args)]
pub struct Start {
    #[command(flatten)]
    named: Named,
    /// Only this one
    node: Option<String>,
    /// How long each node may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = when::duration)]
    timeout: Duration,
}

/// Does what is asked.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let cluster = arguments.named.cluster()?;
    if arguments.foreground {
        foreground::refuse_running(&cluster)?;
    }
    template::check_set(&arguments.set)?;
    let found = match &arguments.template {
        Some(wanted) => Some(template::find(wanted).await?),
        None => None,
    };
    let logs = foreground::logs_so_far(&cluster)?;
    let Arguments { set, namesrvs, base_port, timeout, .. } = &arguments;
    let wishes = Wishes { found, set, name_servers: *namesrvs, base_port: *base_port, only: None, timeout: *timeout };
    let up = raise(&arguments.named, &cluster, wishes).await?;
    if arguments.foreground {
        return foreground::run(&cluster, logs).await;
    }
    answer(&up.status).print(arguments.style)?;
    if !matches!(arguments.style.output, Form::Table | Form::Wide) {
        return Ok(());
    }
    let was = if up.ran_already { "was up already; nothing is changed" } else { "is up" };
    say(&format!("cluster {} {was}, in {}\n\n{}", cluster.name(), cluster.dir().display(), next(&arguments.named)));
    Ok(())
}

/// Starts what does not run.
pub async fn start(arguments: Start) -> Result<(), Failure> {
    let Start { named, node, timeout } = arguments;
    let cluster = named.cluster()?;
    cluster.chosen(node.as_deref())?;
    let up = raise(&named, &cluster, Wishes::only(node.as_deref(), timeout)).await?;
    if up.ran_already {
        let what = node.map_or_else(|| format!("cluster {}", cluster.name()), |node| node.clone());
        say(&format!("{what} was up already; nothing is changed"));
    }
    Ok(())
}

/// Stops what runs, and starts it.
pub async fn restart(arguments: Start) -> Result<(), Failure> {
    let Start { named, node, timeout } = arguments;
    let cluster = named.cluster()?;
    let progress = Progress::begin();
    cluster.stop(node.as_deref(), |event| progress.tell(event)).await?;
    drop(progress);
    raise(&named, &cluster, Wishes::only(node.as_deref(), timeout)).await.map(drop)
}

/// How nodes are to come up.
struct Wishes<'a> {
    /// The template; without, the one the cluster has.
    found: Option<Found>,
    set: &'a [(String, String)],
    name_servers: Option<u8>,
    base_port: Option<u16>,
    only: Option<&'a str>,
    timeout: Duration,
}

impl<'a> Wishes<'a> {
    fn only(node: Option<&'a str>, timeout: Duration) -> Self {
        Self { found: None, set: &[], name_servers: None, base_port: None, only: node, timeout }
    }
}

async fn raise(named: &Named, cluster: &Cluster, wishes: Wishes<'_>) -> Result<::cluster::Up, Failure> {
    let exe = std::env::current_exe()
        .map_err(|error| Failure::new(Kind::Failed, format!("cannot find the program that runs nodes: {error}")))?;
    let found = match (wishes.found, cluster.template()?) {
        (Some(found), _) => found,
        (None, Some((name, text))) => {
            let file = cluster.dir().join("template.yaml").display().to_string();
            Found::read(name, &file, text)?
        }
        (None, None) => template::find(template::DEFAULT).await?,
    };
    let how = Upping {
        template: &found.template,
        template_name: &found.name,
        template_text: &found.text,
        name_servers: wishes.name_servers,
        set: wishes.set,
        base_port: wishes.base_port,
        only: wishes.only,
        check: template::check_file,
        exe: &exe,
        within: wishes.timeout,
    };
    let (interrupted, again) = (interrupted()?, named.again());
    let progress = Progress::begin();
    let up = cluster.up(how, interrupted, |event| progress.tell(event)).await;
    drop(progress);
    up.map_err(|error| match &error {
        Error::NoCluster { .. } => Failure::from(error).hint("--name and --dir choose another folder"),
        Error::OtherTemplate { .. } => {
            Failure::from(error).hint(format!("--name another, or rmq cluster down --purge{again}"))
        }
        Error::RunsOtherwise { .. } => Failure::from(error).hint(format!("rmq cluster down{again}")),
        _ => error.into(),
    })
}

/// Ends when the user or the system wants an end.
///
/// # Errors
/// If signals cannot be listened for.
pub fn interrupted() -> Result<impl Future<Output = ()>, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::new(Kind::Failed, format!("cannot listen for signals: {error}")));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// What to type after the cluster came up.
fn next(named: &Named) -> String {
    let again = named.again();
    // Without a name and in the usual place, the other commands find it by themselves.
    let env = if again.is_empty() { "for other clients" } else { "so that clients find it" };
    let lines = [
        (format!("eval \"$(rmq cluster env{again})\""), env),
        (r"printf 'hello\n' | rmq produce greetings".to_owned(), "sends a message"),
        ("rmq consume greetings -e".to_owned(), "prints all there are"),
        (format!("rmq cluster down{again}"), "stops it; its data stays"),
    ];
    let width = lines.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    let lines = lines.map(|(command, what)| format!("  {command:<width$}  {what}"));
    format!("next:\n{}", lines.join("\n"))
}

/// `KEY=VALUE` as it was typed.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{DEFAULT_NAME, Place},
        *,
    };
    use std::path::PathBuf;

    fn named(name: &str, dir: Option<&str>) -> Named {
        Named { name: name.to_owned(), place: Place { dir: dir.map(PathBuf::from) } }
    }

    #[test]
    fn what_to_type_next_means_the_same_cluster() {
        assert!(next(&named(DEFAULT_NAME, None)).contains("  rmq cluster down  "));
        let other = next(&named("other", Some("/tmp/my clusters")));
        assert!(other.contains(r#"eval "$(rmq cluster env --name other --dir '/tmp/my clusters')""#), "{other}");
    }
}

//! `rmq cluster render`: a template as files for other machines and engines, on standard output or in a folder.

use super::{
    template::{self, Found},
    up,
};
use crate::{
    failure::{Failure, Kind, say},
    output,
};
use ::cluster::{
    render::{File, Format, RenderError, Wishes, render},
    template::Properties,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Write a cluster as files for machines of your own, systemd, compose or Kubernetes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq cluster render --to compose > compose.yaml && docker compose up --wait
  rmq cluster render --to kubernetes --namespace mq --storage 100Gi | kubectl apply -f -
  rmq cluster render --to properties --host namesrv-1=10.0.0.1 --host broker-a=10.0.0.2 --out conf
  rmq cluster render --to systemd --template my.yaml --out units

The page about it: docs/clusters.md.")]
pub struct Arguments {
    /// What for
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: To,
    /// What the cluster consists of, as for `up`
    #[arg(long, value_name = "NAME|FILE|URL", default_value = template::DEFAULT)]
    template: String,
    /// A setting of every broker, over those of the template; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = up::pair)]
    set: Vec<(String, String)>,
    /// How many name servers instead of what the template says, 1 to 9
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=9))]
    namesrvs: Option<u8>,
    /// Write the files into this folder instead of to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long, requires = "out")]
    force: bool,
    /// properties, systemd: where a node is reached; may be repeated [default: each by its name]
    #[arg(long, value_name = "NODE=ADDR", value_parser = pair)]
    host: Vec<(String, String)>,
    /// properties: the folder under which each node keeps its data [default: /var/lib/rmq]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// systemd: where rmq is installed [default: /usr/local/bin/rmq]
    #[arg(long, value_name = "FILE")]
    program: Option<String>,
    /// compose, kubernetes: the cluster's name [default: rmq]
    #[arg(long)]
    name: Option<String>,
    /// compose, kubernetes: a container image with rmq on its path [default: rmq:latest]
    #[arg(long)]
    image: Option<String>,
    /// kubernetes: the namespace [default: that of kubectl]
    #[arg(long)]
    namespace: Option<String>,
    /// kubernetes: how large each broker's disk is [default: 10Gi]
    #[arg(long, value_name = "SIZE")]
    storage: Option<String>,
}

/// What the files are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum To {
    /// broker.conf and namesrv.conf of each node, as rmq and Apache RocketMQ read them
    Properties,
    /// Units, and the settings file of each node
    Systemd,
    /// A file for docker compose
    Compose,
    /// Manifests for kubectl
    Kubernetes,
}

impl From<To> for Format {
    fn from(to: To) -> Self {
        match to {
            To::Properties => Self::Properties,
            To::Systemd => Self::Systemd,
            To::Compose => Self::Compose,
            To::Kubernetes => Self::Kubernetes,
        }
    }
}

/// Does what is asked.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    arguments.check()?;
    template::check_set(&arguments.set)?;
    let Found { name: template_name, mut template, .. } = template::find(&arguments.template).await?;
    template.name_servers = arguments.namesrvs.unwrap_or(template.name_servers);
    template.set = Properties(arguments.set.into_iter().collect());
    let usual = Wishes::default();
    let wishes = Wishes {
        template_name,
        hosts: arguments.host.into_iter().collect(),
        data: arguments.data.unwrap_or(usual.data),
        program: arguments.program.unwrap_or(usual.program),
        name: arguments.name.unwrap_or(usual.name),
        image: arguments.image.unwrap_or(usual.image),
        namespace: arguments.namespace,
        storage: arguments.storage.unwrap_or(usual.storage),
    };
    let files = render(arguments.to.into(), &template, &wishes)?;
    match arguments.out {
        None => output::bytes(in_one(arguments.to, &files).as_bytes()),
        Some(folder) => {
            write(&folder, &files, arguments.force)?;
            let plural = if files.len() == 1 { "file" } else { "files" };
            say(&format!("{} {plural} in {}", files.len(), folder.display()));
            Ok(())
        }
    }
}

impl Arguments {
    /// Refuses options that would change nothing, and one node in two places.
    fn check(&self) -> Result<(), Failure> {
        use To::{Compose, Kubernetes, Properties, Systemd};
        let given: [(&str, bool, &[To]); 7] = [
            ("--host", !self.host.is_empty(), &[Properties, Systemd]),
            ("--data", self.data.is_some(), &[Properties]),
            ("--program", self.program.is_some(), &[Systemd]),
            ("--name", self.name.is_some(), &[Compose, Kubernetes]),
            ("--image", self.image.is_some(), &[Compose, Kubernetes]),
            ("--namespace", self.namespace.is_some(), &[Kubernetes]),
            ("--storage", self.storage.is_some(), &[Kubernetes]),
        ];
        let word = |to: &To| format!("{to:?}").to_lowercase();
        if let Some((option, _, formats)) = given.iter().find(|(_, given, to)| *given && !to.contains(&self.to)) {
            let formats: Vec<_> = formats.iter().map(word).collect();
            let message = format!("{option} is for {} only, not for {}", formats.join(" and "), word(&self.to));
            return Err(Failure::new(Kind::Usage, message));
        }
        for (at, (node, _)) in self.host.iter().enumerate() {
            if self.host[..at].iter().any(|(before, _)| before == node) {
                return Err(Failure::new(Kind::Usage, format!("--host is there twice for {node}")));
            }
        }
        Ok(())
    }
}

/// All files in a row, parted as is usual for what they are.
fn in_one(to: To, files: &[File]) -> String {
    let parts: Vec<_> = match to {
        To::Compose | To::Kubernetes => files.iter().map(|file| file.text.clone()).collect(),
        To::Properties | To::Systemd => {
            files.iter().map(|file| format!("# file: {}\n{}", file.path, file.text)).collect()
        }
    };
    parts.join(if to == To::Kubernetes { "---\n" } else { "\n" })
}

/// Writes all files, or none if one is there and may not be replaced. What was written before a failure is removed.
fn write(folder: &Path, files: &[File], force: bool) -> Result<(), Failure> {
    let mut written = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        let done = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| put(&path, &file.text, force));
        match done {
            Ok(()) => written.push(path),
            Err(error) => {
                if !force {
                    written.iter().for_each(|path| drop(fs::remove_file(path)));
                }
                let failure = Failure::new(Kind::Failed, format!("cannot write {}: {error}", path.display()));
                let there = error.kind() == io::ErrorKind::AlreadyExists;
                return Err(if there { failure.hint("--force replaces it") } else { failure });
            }
        }
    }
    Ok(())
}

/// One file, as a whole or not at all.
fn put(path: &Path, text: &str, force: bool) -> io::Result<()> {
    if force {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        return fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    }
    let mut file = fs::File::create_new(path)?;
    let written = io::Write::write_all(&mut file, text.as_bytes());
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((node, host)) if !node.is_empty() && !host.is_empty() => Ok((node.to_owned(), host.to_owned())),
        _ => Err("expected NODE=ADDR, such as broker-a=10.0.0.1".to_owned()),
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        Self::new(Kind::Usage, error)
    }
}

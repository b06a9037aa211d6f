//! `rmq client`: who is connected to the brokers.

use crate::{
    answer::{Answer, Column, column, wide},
    failure::Failure,
    log,
    places::{At, lacks},
    reach::{self, Reach},
    watch::Shown,
};
use admin::{Admin, ClientKind, ConnectedClient, Where};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// List the clients that are connected
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    List(List),
}

/// List producers and consumers, with their groups
///
/// Brokers know a client from its first heartbeat on, and forget it when its connection ends. A producer is in a group only
/// if it says so: `rmq produce` does not.
#[derive(Debug, clap::Args)]
struct List {
    /// Only those in this group
    #[arg(long)]
    group: Option<String>,
    /// Only these
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Those that consume.
    Consumer,
    /// Those that produce.
    Producer,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        let What::List(list) = &self.what;
        list.shown.style.is_json()
    }
}

const COLUMNS: &[Column] = &[
    column("CLIENT", "client"),
    column("KIND", "kind"),
    column("GROUP", "group"),
    column("ADDRESS", "address"),
    column("LANGUAGE", "language"),
    wide("VERSION", "version"),
    wide("BROKERS", "brokers"),
];

/// Does what is asked.
pub fn run(arguments: Arguments, log_level: Option<log::Level>) -> Result<(), Failure> {
    let What::List(list) = arguments.what;
    reach::run(log_level, async {
        let List { group, kind, at, shown, reach } = list;
        let reach = reach.settled().await;
        let admin = reach.admin()?;
        let place = at.place();
        shown.show(&reach, || ask(&admin, group.as_deref(), kind, &place)).await
    })
}

async fn ask(admin: &Admin, group: Option<&str>, kind: Option<Kind>, place: &Where) -> Result<Answer, Failure> {
    let connected = admin.connected(group, place).await?;
    // Each once, with the brokers that it is connected to. Its address differs from broker to broker.
    let mut clients: BTreeMap<(&str, ClientKind, &str), (&ConnectedClient, Vec<&str>)> = BTreeMap::new();
    for (broker, found) in connected.answers() {
        for client in found {
            let key = (client.client_id.as_str(), client.kind, client.group.as_str());
            let brokers = &mut clients.entry(key).or_insert_with(|| (client, Vec::new())).1;
            if !brokers.contains(&broker.name.as_str()) {
                brokers.push(&broker.name);
            }
        }
    }
    let wanted = |found: ClientKind| match kind {
        None => true,
        Some(Kind::Consumer) => found == ClientKind::Consumer,
        Some(Kind::Producer) => found == ClientKind::Producer,
    };
    let rows = clients.values().filter(|(client, _)| wanted(client.kind)).map(row).collect();
    let (asked, lacks) = lacks(&connected);
    Ok(Answer::list(COLUMNS, rows).lacking(asked, lacks))
}

fn row((client, brokers): &(&ConnectedClient, Vec<&str>)) -> Value {
    let kind = match client.kind {
        ClientKind::Consumer => "consumer",
        ClientKind::Producer => "producer",
    };
    json!({
        "client": client.client_id,
        "kind": kind,
        "group": client.group,
        "address": client.addr,
        "language": client.language,
        "version": client.version,
        "brokers": brokers,
    })
}

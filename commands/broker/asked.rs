//! `rmq broker list` and `describe`: which brokers there are and what they say of themselves.

use crate::{
    answer::{Answer, Column, column, wide},
    failure::{Failure, Kind},
    reach::Reach,
    watch::Shown,
    when,
};
use admin::{
    Admin, BrokerRef, Where,
    snapshot::{BrokerInfo, Known},
};
use base::Clock;
use serde_json::{Value, json};

/// List the brokers of a cluster, with how they are
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    pub(super) shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

/// Show all that a broker says of itself
#[derive(Debug, clap::Args)]
pub struct Describe {
    /// Its name, which means its master, NAME:ID for a slave, or its address
    broker: String,
    #[command(flatten)]
    pub(super) shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

const BROKERS: &[Column] = &[
    column("BROKER", "broker"),
    column("CLUSTER", "cluster"),
    column("ROLE", "role"),
    column("ADDRESS", "address"),
    column("VERSION", "version"),
    column("STORED TODAY", "put_today"),
    column("READ TODAY", "got_today"),
    column("DISK", "disk"),
    column("STATE", "state"),
    wide("STARTED", "started"),
    wide("LOG FIRST", "log_first"),
    wide("LOG END", "log_end"),
    wide("TO FLUSH", "to_flush_bytes"),
    wide("TO DISPATCH", "to_dispatch_bytes"),
    wide("OLDEST", "oldest_stored"),
];

const VALUES: &[Column] = &[column("KEY", "key"), column("VALUE", "value")];

/// Prints them.
///
/// # Errors
/// If the cluster, or some broker, cannot be asked.
pub async fn list(arguments: List) -> Result<(), Failure> {
    let List { shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    shown.show(&reach, || all(&admin, &reach)).await
}

async fn all(admin: &Admin, reach: &Reach) -> Result<Answer, Failure> {
    let snapshot = admin.snapshot(&Clock::System, false).await?;
    if snapshot.brokers.is_empty() {
        return Err(reach.no_broker());
    }
    let rows = snapshot.brokers.iter().map(|view| row(&view.broker, &view.info)).collect();
    let silent = snapshot.brokers.iter().filter_map(|view| {
        let why = view.info.as_ref().err()?;
        Some((view.broker.to_string(), Failure::new(Kind::Unreachable, why).retryable()))
    });
    let note = (!snapshot.headless.is_empty()).then(|| format!("without a master: {}", snapshot.headless.join(", ")));
    // They are known all the same: a broker that does not answer is part of the answer.
    let list = Answer::list(BROKERS, rows).note(note).lacking(snapshot.brokers.len(), silent);
    Ok(list.even_so())
}

/// Prints it.
///
/// # Errors
/// If there is no such broker, or it cannot be asked.
pub async fn describe(arguments: Describe) -> Result<(), Failure> {
    let Describe { broker, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    shown.show(&reach, || one(&admin, &broker)).await
}

async fn one(admin: &Admin, name: &str) -> Result<Answer, Failure> {
    let broker = find(admin, name).await?;
    let info = BrokerInfo::of(admin.runtime_info(&broker.addr).await?);
    let said = info.all.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    Ok(Answer::about(row(&broker, &Ok(info))).with("runtime", VALUES, said))
}

/// The broker of that name or address.
///
/// # Errors
/// If there is none, or several.
pub async fn find(admin: &Admin, name: &str) -> Result<BrokerRef, Failure> {
    let found = admin.masters(&Where::Broker(name.to_owned())).await?;
    match &found[..] {
        [one] => Ok(one.clone()),
        several => {
            let addresses: Vec<&str> = several.iter().map(|broker| broker.addr.as_str()).collect();
            let message = format!("several clusters have a broker named {name}: name its address");
            Err(Failure::new(Kind::Usage, message).target(name).hint(addresses.join(", ")))
        }
    }
}

fn row(broker: &BrokerRef, info: &Known<BrokerInfo>) -> Value {
    let role = if broker.is_master() { "master".to_owned() } else { format!("slave {}", broker.id) };
    let mut row = json!({
        "broker": broker.name, "cluster": broker.cluster, "id": broker.id, "role": role, "address": broker.addr,
    });
    let mut tell = |key: &str, value: Value| drop(row.as_object_mut().map(|row| row.insert(key.to_owned(), value)));
    let info = match info {
        Ok(info) => info,
        Err(why) => {
            for key in ["version", "put_today", "got_today", "disk", "started", "log_first", "log_end"] {
                tell(key, Value::Null);
            }
            tell("state", "does not answer".into());
            tell("error", why.to_string().into());
            return row;
        }
    };
    let number = |known: &Known<u64>| known.as_ref().ok().copied().into();
    tell("version", info.version.as_ref().ok().cloned().into());
    tell("started", info.started_ms.as_ref().ok().map(|ms| when::show(*ms)).into());
    tell("put_today", number(&info.put_today));
    tell("got_today", number(&info.got_today));
    tell("put_total", number(&info.put));
    tell("put_bytes_total", number(&info.put_bytes));
    tell("disk", info.disk.as_ref().ok().map(|share| format!("{:.1} %", share * 100.0)).into());
    tell("log_first", info.log_min.as_ref().ok().copied().into());
    tell("log_end", info.log_max.as_ref().ok().copied().into());
    tell("to_flush_bytes", number(&info.to_flush));
    tell("to_dispatch_bytes", number(&info.to_dispatch));
    tell("send_queue", number(&info.send_queue));
    if let Ok(ms) = info.oldest_ms {
        tell("oldest_stored", when::show(ms).into());
    }
    let state = info.refusing.as_ref().map_or_else(|| "serves".to_owned(), |why| format!("refuses messages: {why}"));
    tell("state", state.into());
    row
}

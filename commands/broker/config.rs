//! `rmq broker config`: the settings of a broker that runs.

use super::asked::find;
use crate::{
    answer::{Answer, Column, Style, column},
    failure::{Failure, Kind},
    reach::Reach,
    watch::Shown,
};
use admin::BrokerSettings;
use serde_json::{Value, json};

/// Show the settings of a broker that runs, and change those that may change meanwhile
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Get(Get),
    Set(Set),
}

/// Show settings
#[derive(Debug, clap::Args)]
struct Get {
    /// The broker's name, which means its master, NAME:ID for a slave, or its address
    broker: String,
    /// Only these
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    reach: Reach,
}

/// Change settings: all that are given, or none
///
/// A broker of rmq keeps them until it is started anew: what is to last belongs in its file. It never takes paths,
/// addresses, ports, names or roles in this way.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rmq broker config set broker-a fileReservedTime=48
  rmq broker config set 10.0.0.7:10911 brokerPermission=4")]
struct Set {
    /// The broker's name, which means its master, NAME:ID for a slave, or its address
    broker: String,
    /// What to change
    #[arg(value_name = "KEY=VALUE", required = true, value_parser = super::pair)]
    changes: Vec<(String, String)>,
    #[command(flatten)]
    style: Style,
    #[command(flatten)]
    reach: Reach,
}

impl Arguments {
    /// Whether it was asked to print JSON.
    pub fn prints_json(&self) -> bool {
        match &self.what {
            What::Get(get) => get.shown.style,
            What::Set(set) => set.style,
        }
        .is_json()
    }
}

/// Does what is asked.
///
/// # Errors
/// If there is no such broker or setting, or the broker refuses.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.what {
        What::Get(arguments) => get(arguments).await,
        What::Set(arguments) => set(arguments).await,
    }
}

const VALUES: &[Column] = &[column("KEY", "key"), column("VALUE", "value")];
const CHANGES: &[Column] = &[column("KEY", "key"), column("BEFORE", "before"), column("AFTER", "after")];

async fn get(arguments: Get) -> Result<(), Failure> {
    let Get { broker, keys, shown, reach } = arguments;
    let reach = reach.settled().await;
    let admin = &reach.admin()?;
    let (broker, keys) = (&broker, &keys);
    let ask = async || {
        let found = find(admin, broker).await?;
        let settings = admin.settings(&found.addr).await?;
        keys.iter().try_for_each(|key| known(&settings, key, broker))?;
        let wanted = settings.values.iter().filter(|(key, _)| keys.is_empty() || keys.contains(key));
        let rows = wanted.map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let about = json!({ "broker": found.name, "address": found.addr });
        Ok(Answer::within(about).with("settings", VALUES, rows))
    };
    shown.show(&reach, ask).await
}

async fn set(arguments: Set) -> Result<(), Failure> {
    let Set { broker, changes, style, reach } = arguments;
    let reach = reach.settled().await;
    let admin = reach.admin()?;
    let answer = reach.within(async {
        let found = find(&admin, &broker).await?;
        let before = admin.settings(&found.addr).await?;
        changes.iter().try_for_each(|(key, _)| known(&before, key, &broker))?;
        admin.change_settings(&found.addr, &changes).await?;
        let after = admin.settings(&found.addr).await?;
        // Apache RocketMQ takes what it cannot read for done, and leaves the setting as it was.
        let ignored = changes.iter().filter(|(key, value)| {
            let (before, after) = (before.values.get(key), after.values.get(key));
            before == after && after.is_none_or(|after| !means_the_same(after, value))
        });
        let ignored: Vec<(String, Failure)> = ignored
            .map(|(key, value)| {
                let told = format!("broker {broker} said yes to {key}={value} and did not change it");
                (key.clone(), Failure::new(Kind::Failed, told).target(key))
            })
            .collect();
        let row =
            |key: &String| json!({ "key": key, "before": before.values.get(key), "after": after.values.get(key) });
        let rows: Vec<Value> = changes.iter().map(|(key, _)| row(key)).collect();
        let about = json!({ "broker": found.name, "address": found.addr });
        Ok(Answer::within(about).with("changes", CHANGES, rows).lacking(changes.len(), ignored).even_so())
    });
    answer.await?.print(style)
}

/// Whether a broker shows as `shown` what was given as `given`: numbers and truth values in a form of its own.
fn means_the_same(shown: &str, given: &str) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    shown.eq_ignore_ascii_case(given.trim()) || number(shown).is_some_and(|shown| number(given) == Some(shown))
}

/// That there is such a setting.
fn known(settings: &BrokerSettings, key: &str, broker: &str) -> Result<(), Failure> {
    if settings.values.contains_key(key) {
        return Ok(());
    }
    let failure = Failure::new(Kind::NotFound, format!("broker {broker} has no setting {key}"));
    Err(failure.code("SETTING_NOT_EXIST").target(key).hint(format!("rmq broker config get {broker}")))
}
